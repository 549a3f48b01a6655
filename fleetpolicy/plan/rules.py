"""List the rules about bringing hosts to the policy, and about saved plans."""

from fleetpolicy.diagnostics import Rule, Severity

_OURS = "docs/command-line.md"
_KARGS = "bootc, docs/src/building/kernel-arguments.md; rpm-ostree(1), kargs"
_PARAMETERS = "Linux, Documentation/admin-guide/kernel-parameters.rst"

NOT_CONVERGED = Rule(
    "FP501",
    "not-converged-after-reboot",
    Severity.ERROR,
    "A host boots once for a revision. What is still missing afterwards needs a person: a second "
    "boot would end as the first did.",
    _OURS,
    rejected="Policy asks for iommu.strict=1; the host booted since it was deployed.\n"
    "/proc/cmdline: ro quiet",
    accepted="Policy asks for iommu.strict=1; the host booted since it was deployed.\n"
    "/proc/cmdline: ro quiet iommu.strict=1",
)
FOREIGN_PARAMETER = Rule(
    "FP502",
    "foreign-kernel-parameter",
    Severity.WARNING,
    "Words of the kernel command line that somebody else set are listed and never removed; of two "
    "values of one parameter the last one counts.",
    _PARAMETERS,
    waivable=True,
    rejected="Policy asks for iommu.strict=1.\n"
    '/etc/default/grub: GRUB_CMDLINE_LINUX="iommu.strict=0"',
    accepted='Policy asks for iommu.strict=1.\n/etc/default/grub: GRUB_CMDLINE_LINUX=""',
)
FOREIGN_DOMAIN = Rule(
    "FP503",
    "foreign-domain",
    Severity.ERROR,
    "A domain that fleetpolicy did not define is never changed, whatever its name is.",
    "libvirt.org/formatdomain.html, custom metadata",
    rejected="A Guest trainer, and on its host a domain trainer that somebody defined by hand.",
    accepted="A Guest trainer, and on its host no domain trainer but one that apply defined.",
)
TAKEN_OVER = Rule(
    "FP504",
    "file-taken-over",
    Severity.WARNING,
    "The files under fleetpolicy's names belong to it: one that its manifest does not know is "
    "replaced, and said to be.",
    _OURS,
    waivable=True,
    rejected="/etc/modprobe.d/fleetpolicy.conf, written by hand:\n"
    "/var/lib/fleetpolicy/manifest.json does not name it.",
    accepted="/etc/modprobe.d/site.conf, written by hand.",
)
LEFT_AS_IS = Rule(
    "FP505",
    "skipped-host-keeps-files",
    Severity.WARNING,
    "A host that policy skips is left as it is: what an earlier plan put there is not pruned.",
    _OURS,
    rejected="onUnsupported: skip-host\n"
    "# on a host that lacks what policy asks for, and has files of an earlier apply",
    accepted="onUnsupported: skip-host\n"
    "# on a host that lacks what policy asks for, and has no manifest of ours",
)
NEXT_KERNEL_LACKS_DRIVER = Rule(
    "FP506",
    "boot-would-lose-driver",
    Severity.ERROR,
    "A host is not planned for whose next boot starts a kernel without the driver that policy "
    "binds a device to.",
    "depmod.d(5); dkms(8)",
    rejected="/boot/grub/grub.cfg boots 7.3.4 next, and policy binds a device to optout_vfio_pci:\n"
    "/lib/modules/7.3.4 has no optout_vfio_pci.ko",
    accepted="/boot/grub/grub.cfg boots 7.3.4 next, and policy binds a device to optout_vfio_pci:\n"
    "/lib/modules/7.3.4/updates/dkms/optout_vfio_pci.ko",
)
IMAGE_LACKS_WORDS = Rule(
    "FP507",
    "image-lacks-words",
    Severity.ERROR,
    "The command line of an image-based host is written with each deployment, of what the image "
    "and the machine add to it; a file below /etc does not reach it, and none below /usr is "
    "written on a host.",
    _KARGS,
    rejected="/boot/loader/entries/ostree-2.conf: options ro quiet\n"
    "Policy asks for iommu.strict=1.",
    accepted="/boot/loader/entries/ostree-2.conf: options ro quiet iommu.strict=1\n"
    "Policy asks for iommu.strict=1.",
)
IMAGE_INITRAMFS_UNREADY = Rule(
    "FP508",
    "image-initramfs-unready",
    Severity.ERROR,
    "The initramfs of an image-based host comes with its image and cannot be made anew: where "
    "it has a native driver, it has to have the VFIO driver and our files too.",
    "bootc, docs/src/initramfs.md",
    rejected="lsinitrd prints nvme.ko, and no 70-fleetpolicy.rules.",
    accepted="lsinitrd prints nvme.ko, vfio-pci.ko, fleetpolicy.conf and 70-fleetpolicy.rules.",
)
IMAGE_KEEPS_WORDS = Rule(
    "FP509",
    "image-keeps-words",
    Severity.WARNING,
    "Words that an image adds to the command line leave it with a new image alone.",
    _KARGS,
    waivable=True,
    rejected="/usr/lib/bootc/kargs.d/90-fleetpolicy.toml on the host has iommu.strict=1.\n"
    "Policy asks for it no more.",
    accepted="/usr/lib/bootc/kargs.d/90-fleetpolicy.toml on the host has iommu.strict=1.\n"
    "Policy asks for it.",
)
PLAN_UNREADABLE = Rule(
    "FP511",
    "plan-unreadable",
    Severity.ERROR,
    "A saved plan is one gzip stream, and whole.",
    "RFC 1952; " + _OURS,
    rejected="head -c 1000 fleet.fpz > short.fpz\nfleetpolicy apply -i fleet short.fpz",
    accepted="fleetpolicy plan -i fleet --out fleet.fpz\nfleetpolicy apply -i fleet fleet.fpz",
)
PLAN_FORMAT = Rule(
    "FP512",
    "plan-format",
    Severity.ERROR,
    "A saved plan has the shape that its format version prescribes.",
    "schemas/Plan.json",
    rejected='"formatVersion": 99',
    accepted='"formatVersion": 1',
)
PLAN_CHANGED = Rule(
    "FP513",
    "plan-changed",
    Severity.ERROR,
    "A plan's id is the digest of its content: what was read and approved is what is applied.",
    _OURS,
    rejected="A saved plan that was unpacked, edited and packed again.",
    accepted="A saved plan as fleetpolicy plan --out wrote it.",
)
