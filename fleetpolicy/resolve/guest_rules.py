"""List the rules that a guest can break once it meets its host."""

from fleetpolicy.diagnostics import Rule, Severity

_DOMAIN = "libvirt.org/formatdomain.html"
_HUGETLB = "Linux, Documentation/admin-guide/mm/hugetlbpage.rst"
_SMMU = "libvirt.org/formatdomain.html: iommu; KubeVirt VEP-199"

NO_SUCH_CPU = Rule(
    "FP250",
    "no-such-cpu",
    Severity.ERROR,
    "The CPUs that a guest is pinned to are CPUs of its host, which the host showed.",
    _DOMAIN,
    rejected='# on a host with the CPUs 0-71\nspec: {vcpus: 4, pinning: {vcpus: "70-73"}}',
    accepted='# on a host with the CPUs 0-71\nspec: {vcpus: 4, pinning: {vcpus: "68-71"}}',
)
NOT_ONE_TO_ONE = Rule(
    "FP251",
    "pinning-not-one-to-one",
    Severity.ERROR,
    "pinning.vcpus names one CPU for each vCPU; libvirt only logs a pin of a vCPU that the guest "
    "does not have.",
    _DOMAIN,
    rejected='# of a Guest\nspec: {vcpus: 4, pinning: {vcpus: "8-15"}}',
    accepted='# of a Guest\nspec: {vcpus: 4, pinning: {vcpus: "8-11"}}',
)
NO_SUCH_NODE = Rule(
    "FP252",
    "no-such-node",
    Severity.ERROR,
    "A guest's memory comes from a NUMA node of its host, which the host showed.",
    "Linux, Documentation/ABI/stable/sysfs-devices-node",
    rejected="# on a host with the nodes 0 and 1\nspec: {numaNode: 7}",
    accepted="# on a host with the nodes 0 and 1\nspec: {numaNode: 1}",
)
CELLS_DO_NOT_ADD_UP = Rule(
    "FP253",
    "cells-do-not-add-up",
    Severity.ERROR,
    "Each vCPU belongs to one NUMA cell, and the cells together have the guest's memory.",
    _DOMAIN,
    rejected='# of a Guest\nspec: {vcpus: 8, memory: 32GiB, numa: [{vcpus: "0-3", memory: 16GiB}]}',
    accepted="# of a Guest\nspec:\n"
    "  vcpus: 8\n"
    "  memory: 32GiB\n"
    '  numa: [{vcpus: "0-3", memory: 16GiB}, {vcpus: "4-7", memory: 16GiB}]',
)
POOL_TOO_SMALL = Rule(
    "FP254",
    "hugepage-pool-too-small",
    Severity.ERROR,
    "The guests of a host together need no more huge pages than the host has or its command line "
    "will allocate; the last to start would fail.",
    _HUGETLB,
    rejected="two guests with memory: 64GiB, hugepages: 2MiB\n"
    "# on a host with 40000 pages of 2 MiB",
    accepted="two guests with memory: 64GiB, hugepages: 2MiB\n"
    "# on a host with 65536 pages of 2 MiB",
)
POOL_UNKNOWN = Rule(
    "FP255",
    "hugepage-pool-unknown",
    Severity.ERROR,
    "Huge pages that the host did not show and that the command line does not allocate cannot be "
    "counted on.",
    _HUGETLB,
    rejected="# on a host whose facts show no pages of 1 GiB\n"
    "spec: {memory: 64GiB, hugepages: 1GiB}",
    accepted="# on a host whose facts show pages of 2 MiB\nspec: {memory: 64GiB, hugepages: 2MiB}",
)
NOT_ITS_DRIVER = Rule(
    "FP256",
    "coherent-device-on-plain-driver",
    Severity.ERROR,
    "A device with coherent memory shows it through its variant driver alone; where driver: auto "
    "finds only vfio-pci, a guest would get the device without its memory, in silence.",
    "Linux, drivers/vfio/pci/nvgrace-gpu/main.c; libvirt.org/news.html, 10.0.0",
    rejected="a guest takes a GH200 GPU on a host whose modules.alias names nvgrace_gpu_vfio_pci\n"
    "for other ids alone, with driver: auto",
    accepted="the same with a kernel that has the id, or with driver: vfio-pci, which says that "
    "the\nmemory is not wanted",
)
SMMU_WITHOUT_IOMMUFD = Rule(
    "FP257",
    "smmu-without-iommufd",
    Severity.ERROR,
    "An accelerated SMMUv3 translates for devices that are assigned by iommufd alone; libvirt "
    "accepts others, and QEMU does not start.",
    _SMMU,
    rejected="{device: {...}, smmu: {}, iommufd: false}",
    accepted="{device: {...}, smmu: {}}",
)
NO_KERNEL_OPTION = Rule(
    "FP258",
    "kernel-lacks-iommufd",
    Severity.ERROR,
    "What is assigned by iommufd needs a kernel that is built with it, and that showed so: IOMMUFD "
    "and VFIO_DEVICE_CDEV, for an SMMU ARM_SMMU_V3_IOMMUFD, for its queue TEGRA241_CMDQV.",
    "Linux, drivers/vfio/Kconfig, drivers/iommu/arm/Kconfig, drivers/iommu/iommufd/Kconfig",
    rejected="{device: {...}, iommufd: true}\n# on a kernel without CONFIG_VFIO_DEVICE_CDEV",
    accepted="{device: {...}, iommufd: true}\n"
    "# on a kernel with the module iommufd and CONFIG_VFIO_DEVICE_CDEV=y",
)
GIC_TOO_SMALL = Rule(
    "FP259",
    "gic-too-small",
    Severity.ERROR,
    "A GICv2 has eight CPU interfaces; libvirt takes more vCPUs, and QEMU exits.",
    "QEMU, hw/arm/virt.c; Arm IHI 0048, GICv2 architecture specification",
    rejected='# of a Guest\nspec: {vcpus: 16, gic: "2"}',
    accepted='# of a Guest\nspec: {vcpus: 16, gic: "3"}',
)
SMMU_UNKNOWN = Rule(
    "FP260",
    "host-smmu-unknown",
    Severity.ERROR,
    "Devices behind one SMMU of the host share one of the guest's; with several devices the host "
    "has to show which SMMU each is behind.",
    _SMMU,
    rejected='two GPUs with smmu: {}, and "iommu": null in the facts of both',
    accepted='two GPUs with smmu: {}, and "iommu": "smmu3.0x0000000011000000" in the facts of both',
)
SMMUS_DIFFER = Rule(
    "FP261",
    "smmu-settings-differ",
    Severity.ERROR,
    "Devices that share an SMMU have one setting for it, and sit on its expander bus.",
    _SMMU,
    rejected="two GPUs behind one SMMU of the host, one with smmu: {ats: true}, one with "
    "smmu: {ats: false}",
    accepted="two GPUs behind one SMMU of the host, both with smmu: {ats: true}",
)
CPU_PINNED_TWICE = Rule(
    "FP262",
    "cpu-pinned-twice",
    Severity.WARNING,
    "A CPU that runs a vCPU of one guest alone runs no vCPU of another.",
    _DOMAIN,
    rejected='two guests of one host with pinning: {vcpus: "8-11"}',
    accepted='two guests of one host, one with pinning: {vcpus: "8-11"}, one with "12-15"',
)
QUEUE_WITHOUT_HUGEPAGES = Rule(
    "FP263",
    "command-queue-without-hugepages",
    Severity.ERROR,
    "A command queue of the guest's own lies in memory that the hardware reads as one piece: the "
    "guest's memory must be of huge pages.",
    "KubeVirt VEP-199; Linux, drivers/iommu/arm/arm-smmu-v3/tegra241-cmdqv.c",
    rejected="# of a Guest\nspec: {memory: 64GiB, devices: [{device: {...}, smmu: {cmdqv: true}}]}",
    accepted="# of a Guest\nspec: {memory: 64GiB, hugepages: 2MiB,\n"
    "       devices: [{device: {...}, smmu: {cmdqv: true}}]}",
)
DISK_SHARED = Rule(
    "FP264",
    "disk-in-two-guests",
    Severity.ERROR,
    "An image or block device that one guest writes to is the disk of no other; both would destroy "
    "its file system.",
    "libvirt.org/kbase/locking.html; libvirt.org/formatdomain.html: shareable",
    rejected="two guests of one host with disks: [{path: /var/lib/libvirt/images/a.qcow2}]",
    accepted="two guests of one host with\n"
    "disks: [{path: /var/lib/libvirt/images/tools.raw, format: raw, readOnly: true}]",
)
MAC_SHARED = Rule(
    "FP265",
    "mac-in-two-interfaces",
    Severity.ERROR,
    "A MAC address belongs to one interface of a host's guests.",
    _DOMAIN,
    rejected='two guests of one host with networks: [{bridge: br0, mac: "52:54:00:00:00:01"}]',
    accepted="two guests of one host with networks: [{bridge: br0}]",
)
