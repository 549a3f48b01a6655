"""Model what one look at a host brings back: who it is, what it can do, how it is set up."""

import json
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct
from pydantic import Field

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.numa import NumaNode
from fleetpolicy.model.scalars import Document, PciAddress, PciClass, PciId

Hex4 = Annotated[str, Field(pattern=r"^[0-9a-f]{4}\Z")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\Z")]


_ADDRESS = r"^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z"


class KernelFacts(Document):
    """The running kernel and what the era probes showed; null means that a probe had no answer."""

    release: str
    page_size_kib: Annotated[int, Field(ge=1)]
    normal_nc_marker: bool | None = Field(
        description="KVM_PGTABLE_PROT_NORMAL_NC in the kernel's BTF."
    )
    capability_on_kvm: Literal["einval", "0", "1"] | None = Field(
        description="KVM_CHECK_EXTENSION(243) on /dev/kvm."
    )
    capability_on_vm: Literal["0", "1"] | None = Field(
        description="KVM_CHECK_EXTENSION(243) on a VM file descriptor."
    )
    signatures_enforced: bool | None = Field(
        default=None, description="Modules must be signed: sig_enforce or lockdown; null: unknown."
    )
    options: dict[str, Literal["y", "m"]] | None = Field(
        default=None,
        description="Its build options that matter here, without CONFIG_; null: no evidence.",
    )


class CpuFacts(Document):
    """CPU features that decide over stage 2; null means not shown."""

    model: str
    fwb: bool | None
    dic: bool | None


class FirmwareFacts(Document):
    """What firmware calls the machine."""

    vendor: str
    product: str


class BootFacts(Document):
    """How the host boots."""

    loader: Literal["grub", "grub-bls", "ostree", "systemd-boot"] | None = Field(
        description="Null: not recognised, so refused."
    )
    initramfs: Literal["initramfs-tools", "dracut", "image", "none"] | None = Field(
        description="What makes it; image: whoever builds the image that the host boots."
    )


class LibvirtFacts(Document):
    """Versions that decide over XML elements: major * 1,000,000 + minor * 1,000 + micro."""

    libvirt: Annotated[int, Field(ge=0)]
    qemu: Annotated[int, Field(ge=0)]
    swtpm: bool | None = Field(default=None, description="The program is there; null: not shown.")


class VfioAlias(Document):
    """A vfio_pci: line of modules.alias."""

    pattern: str
    module: str


class ModuleSoftdep(Document):
    """What a module's own softdep loads before and after it."""

    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()


class PciRegion(Document):
    """A memory BAR."""

    index: Annotated[int, Field(ge=0, le=5)]
    size: Annotated[int, Field(ge=1, description="Bytes.")]
    prefetchable: bool


class PciDevice(Document):
    """A PCI function."""

    address: PciAddress
    id: PciId
    subsystem: PciId | None
    device_class: PciClass = Field(alias="class")
    modalias: str
    iommu_group: Annotated[int, Field(ge=0)] | None
    numa_node: int | None
    iommu: str | None = Field(
        default=None, description="The IOMMU in front of it, as sysfs names it; null: not shown."
    )
    native_driver: str | None = Field(description="The module that modules.alias names for it.")
    native_built_in: bool | None = Field(
        default=None, description="Whether the kernel has that module built in; null: not shown."
    )
    used_by: tuple[str, ...] = Field(description="root disk, swap, default route, ssh, console.")
    regions: tuple[PciRegion, ...]


class HostFacts(Document):
    """What a host is and can do; equal for hosts of a kind."""

    arch: Literal["aarch64", "x86_64"]
    kernel: KernelFacts
    cpu: CpuFacts
    firmware: FirmwareFacts
    boot: BootFacts
    libvirt: LibvirtFacts | None
    modules: dict[str, Literal["builtin", "module"]] = Field(
        description="The VFIO modules that this kernel has."
    )
    added_modules: dict[str, bool] | None = Field(
        default=None,
        description="VFIO modules that are not from the kernel's package, and whether each is "
        "signed; null: not looked at.",
    )
    vfio_aliases: tuple[VfioAlias, ...]
    module_parameters: dict[str, dict[str, str]] | None = Field(
        default=None,
        description="What each of these modules takes, by modinfo: name to kind; null: not shown.",
    )
    native_softdeps: dict[str, ModuleSoftdep] = Field(
        default_factory=dict, description="Of the devices' native drivers, those that have any."
    )
    devices: tuple[PciDevice, ...]
    numa: tuple[NumaNode, ...] = Field(default=(), description="By number; none: not shown.")


class Identity(Document):
    """What tells a host from its equals."""

    machine_id: str
    boot_id: str
    uptime_seconds: Annotated[int, Field(ge=0)]
    serials: dict[PciAddress, str] = Field(default_factory=dict)


class HostIdentity(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The same taken apart: thousands of them differ, so they are judged in one pass."""

    machine_id: str
    boot_id: str
    uptime_seconds: Annotated[int, Meta(ge=0)]
    serials: dict[Annotated[str, Meta(pattern=_ADDRESS)], str] = {}


class Stage2Choice(Document):
    """What a driver that withholds Normal-NC says of a device."""

    configured: Literal["device", "normal-nc"] = Field(description="For its next open.")
    active: Literal["none", "device", "normal-nc"] = Field(description="None: it is not open.")


class Binding(Document):
    """Which driver owns a PCI function now."""

    driver: str | None
    override: str | None
    stage2: Stage2Choice | None = None


class NextKernel(Document):
    """The kernel of the entry that will boot next, and the VFIO modules that it has."""

    release: str
    modules: dict[str, Literal["builtin", "module"]]


class FileState(Document):
    """A file that is ours or concerns us; no content where it is not ours or too big."""

    digest: Digest
    mode: Annotated[int, Field(ge=0, le=0o7777)]
    content: str | None = None


class ManifestMapping(Document):
    """What the simulation said of a region when it was deployed."""

    device: PciAddress
    region: str
    stage2: str
    reachable: tuple[str, ...]


class Manifest(Document):
    """What fleetpolicy put on a host, as the host itself keeps it."""

    format_version: Literal[1]
    host: str
    revision: str
    plan: str
    boot_id: str = Field(description="The boot during which it was deployed.")
    kernel: str
    files: dict[str, Digest]
    domains: dict[str, Digest]
    mappings: tuple[ManifestMapping, ...]


class InitramfsImage(Document):
    """What the image of the next boot carries of what concerns us."""

    path: str
    files: dict[str, Digest] = Field(description="Our files on the host, to the image's copies.")
    modules: tuple[str, ...] = Field(
        description="VFIO modules and native drivers of the host's devices, sorted."
    )


class HostState(Document):
    """How a host is set up at the moment."""

    command_line: str
    next_command_line: str | None = Field(description="Of the entry that will boot next.")
    next_kernel: NextKernel | None = Field(
        default=None, description="Null: not known, or the running one."
    )
    module_parameters: dict[str, dict[str, str]]
    bindings: dict[PciAddress, Binding]
    files: dict[str, FileState]
    domains: dict[str, str] = Field(description="Name to the XML that libvirt keeps.")
    running: tuple[str, ...] = Field(description="Names of the domains that run, sorted.")
    manifest: Manifest | None
    initramfs: InitramfsImage | None = Field(
        default=None, description="Null: there is no image, or it was not read."
    )


class HostRecordDocument(Document):
    """One look at one host, as recorded under facts/."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["HostRecord"]
    host: str
    collected_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]
    identity: Identity
    facts: HostFacts
    state: HostState


class HostRecord(Struct, frozen=True):
    """A record taken apart: what equal hosts share is one object; a Struct as there are thousands.

    Args:
        facts_key: Equal for hosts whose facts are equal to the byte.
        state_key: Equal for hosts whose state is equal to the byte.
    """

    host: str
    span: Span
    collected_at: str
    identity: HostIdentity
    facts: HostFacts
    facts_key: bytes
    state: HostState
    state_key: bytes


def write_record(host: str, body: str, now: datetime) -> bytes:
    """Return what the agent brought back as a record document.

    Args:
        host: Its name in the inventory.
        body: JSON text of identity, facts and state; it is not touched.
        now: When it came, in UTC.
    """
    head = {
        "apiVersion": "fleetpolicy/v1alpha1",
        "kind": "HostRecord",
        "host": host,
        "collectedAt": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return f"{json.dumps(head)[:-1]},{body[1:]}".encode()
