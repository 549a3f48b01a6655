"""List the rules about what can be rendered for a host."""

from fleetpolicy.diagnostics import Rule, Severity

_DOMAIN = "libvirt.org/formatdomain.html"

UNKNOWN_LOADER = Rule(
    "FP401",
    "unknown-boot-loader",
    Severity.ERROR,
    "The kernel command line is written for the boot loader that really boots the host; one that "
    "is not recognised is never guessed at.",
    "GNU GRUB manual, simple configuration; UAPI Group, Boot Loader Specification",
    rejected='kernel: {parameters: {iommu.strict: "1"}}\n# on a host that starts a unified image',
    accepted='kernel: {parameters: {iommu.strict: "1"}}\n'
    "# on a host that GRUB starts, with /etc/default/grub",
)
UNKNOWN_INITRAMFS = Rule(
    "FP402",
    "unknown-initramfs",
    Severity.ERROR,
    "Module options and binding rules have a copy in the initramfs; without knowing what makes it "
    "the copy cannot be renewed, and the native driver may win at boot.",
    "initramfs-tools(7); dracut(8)",
    rejected='modules: {vfio_pci: {disable_idle_d3: "Y"}}\n'
    "# on a host with neither initramfs-tools nor dracut",
    accepted='modules: {vfio_pci: {disable_idle_d3: "Y"}}\n# on a host with initramfs-tools',
)
BAD_WORD = Rule(
    "FP403",
    "unquotable-word",
    Severity.ERROR,
    "Words of the kernel command line pass through a shell file; what the shell would change is "
    "refused.",
    "GNU GRUB manual, simple configuration: /etc/default/grub is sourced by a shell",
    rejected="console=$(reboot)",
    accepted="console=ttyAMA0,115200n8",
)
NO_LIBVIRT = Rule(
    "FP410",
    "no-libvirt",
    Severity.ERROR,
    "A guest needs libvirt and QEMU on its host, in versions that the host showed.",
    _DOMAIN,
    rejected="A Guest with host: gh-01, which shows no libvirt or no QEMU.",
    accepted="A Guest with host: gh-01, which shows libvirt 12.8.0 and QEMU 11.1.3.",
)
MISSING_FEATURE = Rule(
    "FP411",
    "libvirt-too-old",
    Severity.ERROR,
    "libvirt drops elements that it does not know in silence; what a guest needs must be "
    "understood by the libvirt and QEMU of its host.",
    "libvirt.org/news.html; libvirt.org/formatdomain.html",
    rejected="A guest takes a GPU with generic initiators (<acpi nodeset>);\n"
    "its host has libvirt 9.0.0 and QEMU 7.2.22.",
    accepted="A guest takes a GPU with generic initiators (<acpi nodeset>);\n"
    "its host has libvirt 12.8.0 and QEMU 11.1.3.",
)
BAD_HUGEPAGES = Rule(
    "FP412",
    "no-such-hugepage",
    Severity.ERROR,
    "A huge page size must exist for the host's page size, and the guest's memory be a multiple "
    "of it.",
    "Linux, Documentation/arch/arm64/hugetlbpage.rst",
    rejected="spec: {memory: 32GiB, hugepages: 1GiB}\n# on an aarch64 kernel with pages of 64 KiB",
    accepted="spec: {memory: 32GiB, hugepages: 512MiB}\n"
    "# on an aarch64 kernel with pages of 64 KiB",
)
NOT_FOR_XML = Rule(
    "FP413",
    "text-not-for-xml",
    Severity.ERROR,
    "A domain is XML, which holds no control characters, surrogates or non-characters, escaped or "
    "not; private ones mean nothing to anybody else.",
    "W3C, Extensible Markup Language 1.0, 2.2 Characters",
    rejected='title: "Trainer \\uFFFE"',
    accepted='title: "Trainer with a GPU"',
)
BOOT_ORDER_TWICE = Rule(
    "FP414",
    "boot-order-twice",
    Severity.ERROR,
    "Each place in a guest's boot order belongs to one device or disk.",
    _DOMAIN,
    rejected="devices:\n"
    '  - {device: {address: "0001:01:00.0", id: "144d:a80a"}, bootOrder: 1}\n'
    "disks:\n"
    "  - {path: /var/lib/libvirt/images/database.qcow2, bootOrder: 1}",
    accepted="devices:\n"
    '  - {device: {address: "0001:01:00.0", id: "144d:a80a"}, bootOrder: 1}\n'
    "disks:\n"
    "  - {path: /var/lib/libvirt/images/database.qcow2, bootOrder: 2}",
)
BAD_APERTURE = Rule(
    "FP415",
    "impossible-aperture",
    Severity.ERROR,
    "The window for the devices' memory is a power of two of at least 512 GiB, or QEMU exits.",
    "QEMU, hw/arm/virt.c: virt_set_highmem_mmio_size()",
    rejected="mmioAperture: 3TiB",
    accepted="mmioAperture: 4TiB",
)
OTHER_ARCHITECTURE = Rule(
    "FP420",
    "not-on-this-architecture",
    Severity.ERROR,
    "A guest has the machine, the interrupt controller and the buses of its host's architecture.",
    _DOMAIN,
    rejected="spec: {machine: q35}\n# on an aarch64 host",
    accepted="spec: {machine: virt-10.0}\n# on an aarch64 host",
)
TOO_MANY_DEVICES = Rule(
    "FP421",
    "too-many-devices",
    Severity.ERROR,
    "Each device sits behind a root port of its own; a guest has 256 PCIe buses, and its root bus "
    "has 248 ports.",
    "PCI Express Base Specification, bus and device numbers; QEMU, docs/pcie.txt",
    rejected="a guest with 250 virtio disks",
    accepted="a guest with 33 functions of one IOMMU group and 10 disks",
)
TEMPLATE_UNUSABLE = Rule(
    "FP422",
    "template-unusable",
    Severity.ERROR,
    "A guest's template is a domain in XML for KVM, read as data: without a document type, with "
    "xmlns:qemu for QEMU's namespace and nothing that XML or this program would read as a mark.",
    "W3C, Extensible Markup Language 1.0; OWASP, XML External Entity Prevention",
    rejected='<!DOCTYPE domain [<!ENTITY name SYSTEM "/etc/shadow">]>\n'
    "<domain type='kvm'>...</domain>",
    accepted="<domain type='kvm'>...</domain>",
)
TEMPLATE_CONFLICT = Rule(
    "FP423",
    "template-conflict",
    Severity.ERROR,
    "What a template brings and what its guest asks for must fit together: architecture, aliases, "
    "addresses, boot orders, IOMMUs.",
    _DOMAIN,
    rejected="<os><boot dev='hd'/></os> in the template of a guest with a bootOrder",
    accepted="<os/> in the template of a guest with a bootOrder",
)
TAKEN_BEHIND_POLICY = Rule(
    "FP424",
    "template-takes-device",
    Severity.ERROR,
    "Devices are given away by policy alone, which binds them and declares their mapping; a "
    "template takes none.",
    "docs/guests.md",
    rejected="<hostdev mode='subsystem' type='pci'>...</hostdev> in a template",
    accepted='spec: {devices: [{device: {address: "0009:01:00.0", id: "10de:2342"}}]}',
)
WRONG_BUT_ACCEPTED = Rule(
    "FP425",
    "template-wrong-but-accepted",
    Severity.ERROR,
    "libvirt validates a domain and takes some mistakes nevertheless; QEMU then exits, or the "
    "guest misses something.",
    "QEMU, hw/arm/virt.c, hw/arm/smmuv3.c; libvirt.org/formatdomain.html",
    rejected="<iommu model='smmuv3'><driver pciBus='2' accel='on'/></iommu>\n"
    "<!-- controller 2 is a root port -->",
    accepted="<iommu model='smmuv3'><driver pciBus='1' accel='on'/></iommu>\n"
    "<!-- controller 1 is an expander bus -->",
)
NO_TPM = Rule(
    "FP426",
    "no-swtpm",
    Severity.ERROR,
    "A guest's TPM is emulated by a program of its host, which showed that it has it.",
    "libvirt.org/formatdomain.html: tpm; swtpm(8)",
    rejected="spec: {tpm: true}\n# on a host that did not show swtpm",
    accepted="spec: {tpm: true}\n# on a host with /usr/bin/swtpm",
)
