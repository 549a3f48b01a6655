"""Know since when libvirt and QEMU understand what a domain may need."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.record import LibvirtFacts
from fleetpolicy.render.rules import MISSING_FEATURE, NO_LIBVIRT
from fleetpolicy.render.site import Site


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a domain may need; versions as major * 1,000,000 + minor * 1,000 + micro."""

    name: str
    libvirt: int
    qemu: int


GENERIC_INITIATORS = Feature("<acpi nodeset> of a hostdev", 11_008_000, 10_000_000)
MMIO_APERTURE = Feature("<pcihole64> on aarch64", 11_004_000, 10_000_000)
DRIVER_MODEL = Feature("<driver model> of a hostdev", 10_000_000, 0)
VARIANT_DRIVER = Feature("managed='no' with a variant driver", 9_007_000, 0)
DEVICE_OVERRIDE = Feature("<qemu:override> of a hostdev", 8_002_000, 0)


def has(libvirt: LibvirtFacts | None, feature: Feature) -> bool:
    """Return whether a host's libvirt and QEMU understand something."""
    return (
        libvirt is not None and libvirt.libvirt >= feature.libvirt and libvirt.qemu >= feature.qemu
    )


def check(site: Site, span: Span, guest: str, needed: Iterator[Feature]) -> Iterator[Diagnostic]:
    """Find what a guest needs and its host does not have.

    Source:
        libvirt.org/news.html (9.7.0: variant drivers; 10.0.0: driver model); QEMU 10.0,
        hw/acpi/acpi_generic_initiator.c and hw/arm/virt.c (highmem-mmio-size).
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
            wanted = f"libvirt {_version(feature.libvirt)}" + (
                f" and QEMU {_version(feature.qemu)}" if feature.qemu else ""
            )
            yield site.find(
                MISSING_FEATURE,
                span,
                why=f"guest {guest} needs {feature.name}, known from {wanted} on; the host has "
                f"libvirt {_version(libvirt.libvirt)} and QEMU {_version(libvirt.qemu)}",
                fix="upgrade libvirt and QEMU on the host, or move the guest",
            )


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
