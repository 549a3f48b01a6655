// SPDX-License-Identifier: GPL-2.0-only
/* A module that takes the kernel down: what is said of such a kernel is tested with it. */
#include <linux/module.h>
#include <linux/panic.h>

static int __init lab_panic_init(void)
{
	panic("lab_panic was loaded");
}
module_init(lab_panic_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The authors of fleetpolicy");
MODULE_DESCRIPTION("Panics when it is loaded, for tests");
