"""Render a guest's machine: type, firmware, interrupt controller, and its plain devices."""

from collections.abc import Iterator

from fleetpolicy.model.guest import GuestNetwork, GuestSpec
from fleetpolicy.render.marks import MAC
from fleetpolicy.render.xml import Element, element

MACHINES = {"aarch64": "virt", "x86_64": "q35"}


def os_element(spec: GuestSpec, arch: str) -> Element:
    """Return machine type and firmware; libvirt finds the firmware that has the features."""
    secure = spec.firmware.secure_boot
    enrolled = element("feature", enabled="yes", name="enrolled-keys") if secure else None
    boot = element("feature", enabled="yes" if secure else "no", name="secure-boot")
    return element(
        "os",
        element("type", text="hvm", arch=arch, machine=spec.machine or MACHINES[arch]),
        element("firmware", enrolled, boot),
        firmware="efi",
    )


def features_element(spec: GuestSpec, arch: str) -> Element:
    """Return ACPI and the interrupt controller."""
    if arch != "aarch64":
        return element("features", element("acpi"), element("apic"))
    return element("features", element("acpi"), element("gic", version=spec.gic or "3"))


def lifecycle_elements() -> Iterator[Element]:
    """Yield the clock, and what becomes of the guest when it stops."""
    yield element("clock", offset="utc")
    yield element("on_poweroff", text="destroy")
    yield element("on_reboot", text="restart")
    yield element("on_crash", text="destroy")


def emulator_element(spec: GuestSpec, arch: str) -> Element:
    """Return QEMU's program."""
    return element("emulator", text=spec.emulator or f"/usr/bin/qemu-system-{arch}")


def interface_elements(spec: GuestSpec) -> Iterator[Element]:
    """Yield the interfaces in the order of the policy."""
    return (_interface(network, number) for number, network in enumerate(spec.networks))


def _interface(network: GuestNetwork, number: int) -> Element:
    kind = "bridge" if network.bridge else "network"
    source = (
        element("source", bridge=network.bridge)
        if network.bridge
        else element("source", network=network.network or "")
    )
    return element(
        "interface",
        element("mac", address=network.mac or MAC.format(number)),
        source,
        element("model", type_=network.model),
        type_=kind,
    )


def console_elements() -> Iterator[Element]:
    """Yield the serial port that virsh console opens."""
    yield element("serial", element("target", port="0"), type_="pty")
    yield element("console", element("target", type_="serial", port="0"), type_="pty")


def rng_element() -> Element:
    """Return a source of entropy."""
    return element("rng", element("backend", text="/dev/urandom", model="random"), model="virtio")


def tpm_element(arch: str) -> Element:
    """Return a TPM 2.0 that swtpm emulates, of the kind that the architecture's firmware finds.

    Source:
        libvirt, docs/formatdomain: tpm; tpm-crb is x86's, tpm-tis the virt machine's.
    """
    backend = element("backend", type_="emulator", version="2.0")
    return element("tpm", backend, model="tpm-tis" if arch == "aarch64" else "tpm-crb")
