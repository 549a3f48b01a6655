"""List what a host can fail to be after it was deployed, and how it can drift."""

from fleetpolicy.diagnostics import Rule, Severity

_OURS = "docs/command-line.md"
_KVM = "Linux, arch/arm64/kvm/mmu.c; Documentation/virt/kvm/api.rst, capability 243"
_VFIO = "docs.kernel.org/driver-api/vfio.html"

FILE_NOT_IN_PLACE = Rule(
    "FP701",
    "file-not-in-place",
    Severity.ERROR,
    "Every rendered file is on the host, to the byte and with its permissions, and no other file "
    "of ours is; the initramfs carries what is to be there before a native driver.",
    _OURS,
    rejected="/etc/modprobe.d/fleetpolicy.conf: options vfio_pci disable_idle_d3=N\n"
    "# rendered: options vfio_pci disable_idle_d3=Y",
    accepted="/etc/modprobe.d/fleetpolicy.conf: options vfio_pci disable_idle_d3=Y\n"
    "# rendered: options vfio_pci disable_idle_d3=Y",
)
COMMAND_LINE_UNMET = Rule(
    "FP702",
    "kernel-command-line-unmet",
    Severity.ERROR,
    "The running kernel was booted with every word that policy asks for.",
    "Linux, Documentation/admin-guide/kernel-parameters.rst",
    rejected="Policy asks for iommu.strict=1.\n/proc/cmdline: ro quiet",
    accepted="Policy asks for iommu.strict=1.\n/proc/cmdline: ro quiet iommu.strict=1",
)
MODULE_PARAMETER_UNMET = Rule(
    "FP703",
    "module-parameter-unmet",
    Severity.ERROR,
    "A loaded module shows the parameters that policy asks for.",
    "Linux, Documentation/ABI/stable/sysfs-module",
    rejected="Policy asks for disable_idle_d3=Y.\n"
    "/sys/module/vfio_pci/parameters/disable_idle_d3: N",
    accepted="Policy asks for disable_idle_d3=Y.\n"
    "/sys/module/vfio_pci/parameters/disable_idle_d3: Y",
)
DRIVER_NOT_BOUND = Rule(
    "FP704",
    "driver-not-bound",
    Severity.ERROR,
    "Every assigned function is bound to its VFIO driver.",
    "Linux, Documentation/ABI/testing/sysfs-bus-pci, driver_override",
    rejected="/sys/bus/pci/devices/0001:01:00.0/driver -> nvme",
    accepted="/sys/bus/pci/devices/0001:01:00.0/driver -> vfio-pci",
)
MAPPING_NOT_AS_DECLARED = Rule(
    "FP705",
    "mapping-not-as-declared",
    Severity.ERROR,
    "Worked out again from what the host shows now (kernel, CPU, bound driver), every region is "
    "mapped as policy declares it.",
    _KVM,
    waivable=True,
    rejected="mapping: normal-nc, and the host runs Linux 6.1,\n"
    "which maps every BAR as Device-nGnRE.",
    accepted="mapping: normal-nc, and the host runs Linux 6.12,\n"
    "which maps the BARs of vfio-pci as Normal-NC.",
)
GROUP_NOT_VIABLE = Rule(
    "FP706",
    "iommu-group-not-viable",
    Severity.ERROR,
    "Every function of an assigned device's IOMMU group is bound to a VFIO driver or to none; "
    "otherwise no guest can open the group.",
    _VFIO,
    rejected="IOMMU group 31: 0000:3b:00.0 is bound to vfio-pci, 0000:3b:00.1 to ixgbe.",
    accepted="IOMMU group 31: 0000:3b:00.0 and 0000:3b:00.1 are bound to vfio-pci.",
)
DOMAIN_NOT_AS_RENDERED = Rule(
    "FP707",
    "domain-not-as-rendered",
    Severity.ERROR,
    "libvirt keeps every part of a rendered domain.",
    "libvirt.org/formatdomain.html",
    rejected="virsh dumpxml --inactive database\n"
    "# prints no <hostdev> of 0001:01:00.0, which was rendered",
    accepted="virsh dumpxml --inactive database\n# prints every element that was rendered",
)
MANIFEST_MISSING = Rule(
    "FP708",
    "manifest-missing",
    Severity.ERROR,
    "A host that was deployed carries the manifest of what was deployed.",
    _OURS,
    rejected="/var/lib/fleetpolicy/manifest.json is gone.",
    accepted="/var/lib/fleetpolicy/manifest.json names what is rendered, each with its digest.",
)
CHECKS_NOT_RUN = Rule(
    "FP709",
    "checks-not-run",
    Severity.ERROR,
    "The testinfra checks run to their end; a run that broke off has proved nothing.",
    _OURS,
    rejected="# checks/test_site.py\nimport os\n\nos._exit(7)",
    accepted="# checks/test_site.py\n"
    "def test_the_watchdog_runs(host):\n"
    '    assert host.file("/dev/watchdog").exists',
)
MEANING_CHANGED = Rule(
    "FP711",
    "mapping-meaning-changed",
    Severity.ERROR,
    "A mapping still means what it meant when it was deployed: another kernel can give another "
    "stage-2 type to the same configuration.",
    _KVM,
    rejected="Deployed on Linux 6.12, where bar0 was Normal-NC;\n"
    "the host runs Linux 6.1, where it is Device-nGnRE.",
    accepted="Deployed on Linux 6.12, where bar0 was Normal-NC;\n"
    "the host runs Linux 6.14, where it is Normal-NC too.",
)
CONTENT_DRIFTED = Rule(
    "FP712",
    "content-drifted",
    Severity.WARNING,
    "Files and domains of ours are as they were deployed.",
    _OURS,
    waivable=True,
    rejected="After apply somebody edited /etc/modprobe.d/fleetpolicy.conf.",
    accepted="After apply somebody wrote /etc/modprobe.d/site.conf and left our files alone.",
)
RUNNING_STATE_DRIFTED = Rule(
    "FP713",
    "running-state-drifted",
    Severity.WARNING,
    "The running host shows what its deployed files ask for.",
    _OURS,
    waivable=True,
    rejected="Deployed and booted, then bound to its native driver by hand:\n"
    "/sys/bus/pci/devices/0001:01:00.0/driver -> nvme",
    accepted="Deployed and booted:\n/sys/bus/pci/devices/0001:01:00.0/driver -> vfio-pci",
)
NEVER_DEPLOYED = Rule(
    "FP714",
    "never-deployed",
    Severity.WARNING,
    "Drift is judged by the manifest that the last apply left on the host.",
    _OURS,
    waivable=True,
    rejected="fleetpolicy drift -i fleet\n# before the first apply",
    accepted="fleetpolicy apply -i fleet\nfleetpolicy drift -i fleet",
)
HOST_LEFT_OUT = Rule(
    "FP715",
    "deployed-host-left-out",
    Severity.ERROR,
    "A host that policy skips, or that has errors, is neither verified nor pruned: what an earlier "
    "apply put there still works, and may mean something else by now.",
    _OURS,
    rejected="onUnsupported: skip-host\n"
    "# on a host that lost what policy asks for after it was deployed",
    accepted="onUnsupported: skip-host\n"
    "# on a host that lacks what policy asks for, and was never deployed",
)
NEXT_KERNEL_LACKS_DRIVER = Rule(
    "FP716",
    "next-kernel-lacks-driver",
    Severity.ERROR,
    "A kernel upgrade must not undo a binding in silence: the kernel that boots next has to have "
    "the driver of every assigned device.",
    "depmod.d(5); dkms(8)",
    rejected="/boot/grub/grub.cfg boots 7.3.4 next, and the device is bound to optout_vfio_pci:\n"
    "/lib/modules/7.3.4 has no optout_vfio_pci.ko",
    accepted="/boot/grub/grub.cfg boots 7.3.4 next, and the device is bound to optout_vfio_pci:\n"
    "/lib/modules/7.3.4/updates/dkms/optout_vfio_pci.ko",
)
MEASURED_OTHERWISE = Rule(
    "FP720",
    "measured-otherwise",
    Severity.ERROR,
    "What KVM is measured to install for a region, or to refuse, is what the simulation says of "
    "the same kernel, driver and CPU.",
    _KVM,
    rejected="A KernelProfile says vfioPci: device;\nMemAttr 0x5, Normal-NC, was measured.",
    accepted="A KernelProfile says vfioPci: normal-nc;\nMemAttr 0x5, Normal-NC, was measured.",
)
NOT_MEASURED = Rule(
    "FP721",
    "device-not-measured",
    Severity.ERROR,
    "A device that is to be measured is on its VFIO driver, no guest uses its IOMMU group, and "
    "root may read the kernel's memory and set a kernel probe.",
    "docs/lab.md",
    rejected="fleetpolicy verify --measure\n# while a guest runs with the device",
    accepted="fleetpolicy verify --measure\n# while the guest with the device is shut off",
)
