"""Know since when libvirt and QEMU understand what a domain may need."""

from collections.abc import Iterator

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.record import LibvirtFacts
from fleetpolicy.render.rules import MISSING_FEATURE, NO_LIBVIRT
from fleetpolicy.render.site import Site


class Feature(Struct, frozen=True):
    """Something that a domain may need; versions as major * 1,000,000 + minor * 1,000 + micro."""

    name: str
    libvirt: int
    qemu: int


GENERIC_INITIATORS = Feature("<acpi nodeset> of a hostdev", 11_008_000, 10_000_000)
MMIO_APERTURE = Feature("<pcihole64> on aarch64", 11_004_000, 10_000_000)
DRIVER_MODEL = Feature("<driver model> of a hostdev", 10_000_000, 0)
VARIANT_DRIVER = Feature("managed='no' with a variant driver", 9_007_000, 0)
EXPANDER_BUS = Feature("controller model pcie-expander-bus", 1_003_004, 0)
IOMMUFD = Feature("<driver iommufd> of a hostdev", 12_001_000, 10_000_000)
SMMU = Feature("<driver accel> of an smmuv3", 12_007_000, 11_001_000)
SMMU_COMMAND_QUEUE = Feature("<driver cmdqv> of an smmuv3", 12_007_000, 11_001_000)
SECURE_BOOT_ARM = Feature("Secure Boot on aarch64", 12_001_000, 10_000_000)
DEVICE_OVERRIDE = Feature("<qemu:override> of a hostdev", 8_002_000, 0)


def has(libvirt: LibvirtFacts | None, feature: Feature) -> bool:
    """Return whether a host's libvirt and QEMU understand something."""
    return (
        libvirt is not None and libvirt.libvirt >= feature.libvirt and libvirt.qemu >= feature.qemu
    )


def check(site: Site, span: Span, guest: str, needed: Iterator[Feature]) -> Iterator[Diagnostic]:
    """Find what a guest needs and its host does not have.

    Source:
        libvirt.org/news.html (9.7.0: variant drivers; 10.0.0: driver model; 11.8.0: acpi nodeset;
        12.1.0: iommufd, Secure Boot by uefi-vars; 12.7.0: smmuv3 accel); QEMU 10.0,
        hw/acpi/acpi_generic_initiator.c and hw/arm/virt.c (highmem-mmio-size); QEMU 11.1,
        hw/arm/smmuv3.c (accel, which 10.0 does not have).
    """
    libvirt = site.host_class.facts.libvirt
    if libvirt is None:
        yield site.find(
            NO_LIBVIRT,
            span,
            why=f"guest {guest} runs here, and the host showed no libvirt with QEMU",
            fix="install libvirt and QEMU and collect the facts again, or move the guest",
        )
        return
    for feature in dict.fromkeys(needed):
        if not has(libvirt, feature):
            parts = (("libvirt", feature.libvirt), ("QEMU", feature.qemu))
            wanted = " and ".join(f"{name} {_version(since)}" for name, since in parts if since)
            yield site.find(
                MISSING_FEATURE,
                span,
                why=f"guest {guest} needs {feature.name}, known from {wanted} on; the host has "
                f"libvirt {_version(libvirt.libvirt)} and QEMU {_version(libvirt.qemu)}",
                fix="upgrade libvirt and QEMU on the host, or move the guest",
            )


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
