// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO PCI variant driver that withholds Normal-NC from guests on arm64.
 *
 * Since 6.9 vfio_pci_core_mmap() marks the mapping of a BAR with
 * VM_ALLOW_ANY_UNCACHED, and KVM then installs Normal-NC at stage 2, so that
 * the guest chooses between Device and Normal-NC. Without the mark KVM installs
 * Device-nGnRE. This driver takes the mark away where it is told to.
 *
 * It drives any device and is chosen by driver_override only: it has no id
 * table, hence no alias, and takes no device without an override, whatever ids
 * were added at run time.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#ifdef CONFIG_ARM64
#ifndef HAVE_KVM_PGTABLE
#error "this kernel's KVM is not known here: the driver could withhold nothing unnoticed"
#endif
#if (defined(HAVE_NORMAL_NC) || defined(HAVE_ANY_UNCACHED)) && !defined(VM_ALLOW_ANY_UNCACHED)
#error "this kernel marks mappings in another way: the driver would withhold nothing"
#endif
#endif

#define MAX_CHOICES 256

enum stage2_type {
	STAGE2_DEVICE,
	STAGE2_NORMAL_NC,
};

static const char * const stage2_names[] = {
	[STAGE2_DEVICE] = "device",
	[STAGE2_NORMAL_NC] = "normal-nc",
};

/*
 * What one device, or all devices of an id, are to get.
 */
struct stage2_choice {
	bool by_address;
	unsigned int domain;
	unsigned int bus;
	unsigned int devfn;
	unsigned int vendor;
	unsigned int device;
	enum stage2_type type;
};

struct optout_device {
	struct vfio_pci_core_device core;
	/* Written by the first open, constant until the last close. */
	enum stage2_type type;
	bool is_open;
};

/* Guards the four variables below; nothing else is taken while it is held. */
static DEFINE_MUTEX(choice_lock);
static enum stage2_type stage2_default = STAGE2_DEVICE;
static struct stage2_choice *choices;
static unsigned int choice_count;
static unsigned int open_count;

static void report_change(const char *parameter, unsigned int open)
{
	if (open)
		pr_notice("%s changed: it applies when a device is opened next; %u open now keep theirs\n",
			  parameter, open);
}

static int parse_type(const char *text, enum stage2_type *type)
{
	int found = sysfs_match_string(stage2_names, text);

	if (found < 0)
		return -EINVAL;
	*type = found;
	return 0;
}

static int stage2_set(const char *value, const struct kernel_param *kp)
{
	enum stage2_type type;
	unsigned int open;

	if (!value || parse_type(value, &type)) {
		pr_err("stage2: device or normal-nc, not \"%s\"\n", value ?: "");
		return -EINVAL;
	}
	mutex_lock(&choice_lock);
	stage2_default = type;
	open = open_count;
	mutex_unlock(&choice_lock);
	report_change("stage2", open);
	return 0;
}

static int stage2_get(char *buffer, const struct kernel_param *kp)
{
	enum stage2_type type;

	mutex_lock(&choice_lock);
	type = stage2_default;
	mutex_unlock(&choice_lock);
	return sysfs_emit(buffer, "%s\n", stage2_names[type]);
}

static const struct kernel_param_ops stage2_ops = {
	.set = stage2_set,
	.get = stage2_get,
};
module_param_cb(stage2, &stage2_ops, NULL, 0644);
MODULE_PARM_DESC(stage2, "What KVM may install for BARs: device (default) or normal-nc. Applies from the next open of a device.");

static int parse_choice(char *text, struct stage2_choice *choice)
{
	unsigned int slot, function;
	char *type = strchr(text, '=');
	int end = 0;

	if (!type)
		return -EINVAL;
	*type++ = '\0';
	if (parse_type(type, &choice->type))
		return -EINVAL;
	if (sscanf(text, "%x:%2x:%2x.%1x%n", &choice->domain, &choice->bus,
		   &slot, &function, &end) == 4 && !text[end]) {
		if (slot > 0x1f || function > 7)
			return -EINVAL;
		choice->by_address = true;
		choice->devfn = PCI_DEVFN(slot, function);
		return 0;
	}
	end = 0;
	if (sscanf(text, "%4x:%4x%n", &choice->vendor, &choice->device, &end) == 2 &&
	    !text[end]) {
		choice->by_address = false;
		return 0;
	}
	return -EINVAL;
}

static bool is_same_target(const struct stage2_choice *one, const struct stage2_choice *other)
{
	if (one->by_address != other->by_address)
		return false;
	if (one->by_address)
		return one->domain == other->domain && one->bus == other->bus &&
		       one->devfn == other->devfn;
	return one->vendor == other->vendor && one->device == other->device;
}

/*
 * Returns the number of choices in a list such as
 * "0000:01:00.0=normal-nc,8086:10d3=device", which is changed, or -EINVAL.
 */
static int parse_choices(char *list, struct stage2_choice *into)
{
	unsigned int count = 0, i;
	char *entry;

	while ((entry = strsep(&list, ","))) {
		if (count == MAX_CHOICES)
			return -EINVAL;
		if (parse_choice(entry, &into[count])) {
			pr_err("devices: \"%s\" is not ADDRESS=TYPE or VENDOR:DEVICE=TYPE\n",
			       entry);
			return -EINVAL;
		}
		for (i = 0; i < count; i++) {
			if (is_same_target(&into[i], &into[count])) {
				pr_err("devices: \"%s\" is there twice\n", entry);
				return -EINVAL;
			}
		}
		count++;
	}
	return count;
}

static int devices_set(const char *value, const struct kernel_param *kp)
{
	struct stage2_choice *fresh = NULL, *old;
	char *text, *list;
	unsigned int open;
	int count = 0;

	text = kstrdup(value ?: "", GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	list = strim(text);
	if (*list) {
		fresh = kcalloc(MAX_CHOICES, sizeof(*fresh), GFP_KERNEL);
		if (fresh)
			count = parse_choices(list, fresh);
		else
			count = -ENOMEM;
	}
	kfree(text);
	if (count < 0) {
		kfree(fresh);
		return count;
	}
	mutex_lock(&choice_lock);
	old = choices;
	choices = fresh;
	choice_count = count;
	open = open_count;
	mutex_unlock(&choice_lock);
	kfree(old);
	report_change("devices", open);
	return 0;
}

static int devices_get(char *buffer, const struct kernel_param *kp)
{
	const struct stage2_choice *choice;
	unsigned int i;
	int used = 0;

	mutex_lock(&choice_lock);
	for (i = 0; i < choice_count; i++) {
		choice = &choices[i];
		if (i)
			used += sysfs_emit_at(buffer, used, ",");
		if (choice->by_address)
			used += sysfs_emit_at(buffer, used, "%04x:%02x:%02x.%x=%s",
					      choice->domain, choice->bus,
					      PCI_SLOT(choice->devfn),
					      PCI_FUNC(choice->devfn),
					      stage2_names[choice->type]);
		else
			used += sysfs_emit_at(buffer, used, "%04x:%04x=%s",
					      choice->vendor, choice->device,
					      stage2_names[choice->type]);
	}
	mutex_unlock(&choice_lock);
	used += sysfs_emit_at(buffer, used, "\n");
	return used;
}

static void devices_free(void *argument)
{
	kfree(choices);
	choices = NULL;
	choice_count = 0;
}

static const struct kernel_param_ops devices_ops = {
	.set = devices_set,
	.get = devices_get,
	.free = devices_free,
};
module_param_cb(devices, &devices_ops, NULL, 0644);
MODULE_PARM_DESC(devices, "Devices that differ from stage2, as ADDRESS=TYPE or VENDOR:DEVICE=TYPE, separated by commas; an address goes before an id.");

#ifdef CONFIG_PCI_IOV
static bool enable_sriov;
module_param(enable_sriov, bool, 0644);
MODULE_PARM_DESC(enable_sriov, "Let virtual functions be made of a physical function that is bound here.");
#endif

#ifdef HAVE_LATCHED_PARAMETERS
static bool nointxmask;
module_param(nointxmask, bool, 0644);
MODULE_PARM_DESC(nointxmask, "As of vfio-pci: do not use PCI 2.3 INTx masking. Latched when a device is bound.");

static bool disable_idle_d3;
module_param(disable_idle_d3, bool, 0644);
MODULE_PARM_DESC(disable_idle_d3, "As of vfio-pci: leave unused devices out of D3. Latched when a device is bound.");
#endif

static bool disable_denylist;
module_param(disable_denylist, bool, 0444);
MODULE_PARM_DESC(disable_denylist, "As of vfio-pci: take devices whose errata their users could exploit.");

/* Accelerators that vfio-pci does not take either. */
static const struct pci_device_id denied[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF) },
	/* DSA and IAX of Sapphire Rapids, which have no names in older headers. */
	{ PCI_VDEVICE(INTEL, 0x0b25) },
	{ PCI_VDEVICE(INTEL, 0x0cfe) },
	{ }
};

static enum stage2_type choose_type(struct pci_dev *pdev)
{
	const struct stage2_choice *choice;
	enum stage2_type type = stage2_default;
	unsigned int i;

	lockdep_assert_held(&choice_lock);
	for (i = 0; i < choice_count; i++) {
		choice = &choices[i];
		if (choice->by_address) {
			if (choice->domain == pci_domain_nr(pdev->bus) &&
			    choice->bus == pdev->bus->number && choice->devfn == pdev->devfn)
				return choice->type;
		} else if (choice->vendor == pdev->vendor && choice->device == pdev->device) {
			type = choice->type;
		}
	}
	return type;
}

static struct optout_device *to_optout(struct vfio_device *vfio)
{
	return container_of(vfio, struct optout_device, core.vdev);
}

static int optout_init_device(struct vfio_device *vfio)
{
#ifdef HAVE_LATCHED_PARAMETERS
	struct vfio_pci_core_device *core = &to_optout(vfio)->core;

	core->nointxmask = nointxmask;
	core->disable_idle_d3 = disable_idle_d3;
#endif
	return vfio_pci_core_init_dev(vfio);
}

/* VFIO calls it for the first open, and close_device after the last close. */
static int optout_open_device(struct vfio_device *vfio)
{
	struct optout_device *odev = to_optout(vfio);
	int ret;

	ret = vfio_pci_core_enable(&odev->core);
	if (ret)
		return ret;
	/* Who changes a parameter counts exactly the devices that chose before. */
	mutex_lock(&choice_lock);
	odev->type = choose_type(odev->core.pdev);
	open_count++;
	mutex_unlock(&choice_lock);
	/* Pairs with active_show(). */
	smp_store_release(&odev->is_open, true);
	vfio_pci_core_finish_enable(&odev->core);
	return 0;
}

static void optout_close_device(struct vfio_device *vfio)
{
	struct optout_device *odev = to_optout(vfio);

	vfio_pci_core_close_device(vfio);
	WRITE_ONCE(odev->is_open, false);
	mutex_lock(&choice_lock);
	open_count--;
	mutex_unlock(&choice_lock);
}

static int optout_mmap(struct vfio_device *vfio, struct vm_area_struct *vma)
{
	int ret = vfio_pci_core_mmap(vfio, vma);

#ifdef VM_ALLOW_ANY_UNCACHED
	/* No one can fault on it yet: mmap() is not done with the mapping. */
	if (!ret && to_optout(vfio)->type == STAGE2_DEVICE)
		vm_flags_clear(vma, VM_ALLOW_ANY_UNCACHED);
#endif
	return ret;
}

static const struct vfio_device_ops optout_ops = {
	.name = KBUILD_MODNAME,
	.init = optout_init_device,
	.release = vfio_pci_core_release_dev,
	.open_device = optout_open_device,
	.close_device = optout_close_device,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = optout_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
#ifdef HAVE_REGION_INFO_CAPS
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
#endif
#ifdef HAVE_MATCH_TOKEN_UUID
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#endif
#ifdef HAVE_IOMMUFD
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
#endif
#ifdef HAVE_DETACH_IOAS
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
#endif
#ifdef HAVE_PASID
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
#endif
};

#ifdef HAVE_DMABUF
static const struct vfio_pci_device_ops optout_pci_ops = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
};
#endif

static ssize_t configured_show(struct device *dev, struct device_attribute *attribute,
			       char *buffer)
{
	enum stage2_type type;

	mutex_lock(&choice_lock);
	type = choose_type(to_pci_dev(dev));
	mutex_unlock(&choice_lock);
	return sysfs_emit(buffer, "%s\n", stage2_names[type]);
}
static DEVICE_ATTR_RO(configured);

static ssize_t active_show(struct device *dev, struct device_attribute *attribute, char *buffer)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);
	struct optout_device *odev = to_optout(&core->vdev);

	/* Pairs with optout_open_device(). */
	if (!smp_load_acquire(&odev->is_open))
		return sysfs_emit(buffer, "none\n");
	return sysfs_emit(buffer, "%s\n", stage2_names[odev->type]);
}
static DEVICE_ATTR_RO(active);

static struct attribute *stage2_attributes[] = {
	&dev_attr_configured.attr,
	&dev_attr_active.attr,
	NULL,
};

static const struct attribute_group stage2_group = {
	.name = "stage2",
	.attrs = stage2_attributes,
};

static const struct attribute_group *optout_groups[] = {
	&stage2_group,
	NULL,
};

/* The PCI core offers no device that an override gives to another driver. */
static bool has_override(struct pci_dev *pdev)
{
#ifdef HAVE_PCI_OVERRIDE
	return pdev->driver_override;
#else
	return device_has_driver_override(&pdev->dev);
#endif
}

static int optout_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct optout_device *odev;
	int ret;

	if (!has_override(pdev)) {
		pci_warn(pdev, "not taken by id: write %s to driver_override\n", KBUILD_MODNAME);
		return -ENODEV;
	}
	if (pci_match_id(denied, pdev)) {
		pci_warn(pdev, "on the denylist of VFIO for its errata: %staken\n",
			 disable_denylist ? "" : "not ");
		if (!disable_denylist)
			return -EINVAL;
	}
	odev = vfio_alloc_device(optout_device, core.vdev, &pdev->dev, &optout_ops);
	if (IS_ERR(odev))
		return PTR_ERR(odev);
	dev_set_drvdata(&pdev->dev, &odev->core);
#ifdef HAVE_DMABUF
	odev->core.pci_ops = &optout_pci_ops;
#endif
	ret = vfio_pci_core_register_device(&odev->core);
	if (ret)
		vfio_put_device(&odev->core.vdev);
	return ret;
}

static void optout_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}

static int optout_sriov_configure(struct pci_dev *pdev, int count)
{
#ifdef CONFIG_PCI_IOV
	if (enable_sriov)
		return vfio_pci_core_sriov_configure(dev_get_drvdata(&pdev->dev), count);
#endif
	return -ENOENT;
}

static struct pci_driver optout_driver = {
	.name = KBUILD_MODNAME,
	.probe = optout_probe,
	.remove = optout_remove,
	.sriov_configure = optout_sriov_configure,
	.err_handler = &vfio_pci_core_err_handlers,
	.dev_groups = optout_groups,
	.driver_managed_dma = true,
};
module_pci_driver(optout_driver);

MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
MODULE_DESCRIPTION("VFIO PCI driver that withholds Normal-NC from guests on arm64");
