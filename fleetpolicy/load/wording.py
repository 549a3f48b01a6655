"""Say in words what a field takes, where a model only has a pattern."""

from typing import Any, get_args

from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from fleetpolicy.model import emulated, scalars
from fleetpolicy.model.guest import GuestSpec

_WORDS: tuple[tuple[Any, str], ...] = (
    (scalars.Line, "one line of text without control characters, at most 500 of them"),
    (scalars.Sentence, "who says so, in one line of at least four characters"),
    (scalars.Name, "lower-case letters, digits, dots and dashes, such as gh200-coherent"),
    (scalars.PciAddress, "a PCI address with its domain, such as 0009:01:00.0"),
    (scalars.PciId, "vendor and device in four hex digits each, such as 10de:2342"),
    (scalars.PciClass, "four or six hex digits, such as 0302"),
    (scalars.Serial, "letters, digits, dots, colons and dashes, at most 64"),
    (scalars.Size, "a whole number with KiB, MiB, GiB or TiB, such as 64GiB"),
    (scalars.AbsolutePath, "a path that begins with / and has no control characters"),
    (scalars.RelativePath, "a path from the policy's own folder, such as templates/base.xml"),
    (scalars.CpuSet, "numbers of CPUs, such as 0-7 or 0-3,8"),
    (scalars.CpuModel, "a CPU model's name as libvirt spells it, such as Cascadelake-Server"),
    (scalars.MachineType, "virt or q35, or a version of it such as virt-10.0 or pc-q35-10.0"),
    (scalars.MacAddress, "the MAC address of one interface, such as 52:54:00:00:00:01"),
    (scalars.KernelParameter, "a kernel parameter's name, such as iommu.passthrough"),
    (scalars.KernelValue, "letters, digits and _ . , : = + / @ % * ! [ ] -, without spaces"),
    (scalars.KernelToken, "a kernel parameter, with = and a value if it takes one"),
    (scalars.ModuleName, "a module's name, such as vfio_pci, or a driver's, such as vfio-pci"),
    (scalars.ModuleParameter, "a module parameter's name, such as disable_idle_d3"),
    (scalars.Glob, "a kernel release, with * ? [ ] as wildcards, such as 6.12.*-site"),
    (scalars.KernelVersion, "a kernel's version with one dot, such as 6.12"),
    (scalars.Label, "letters, digits and . _ / -, at most 63"),
    (scalars.HostPattern, "an Ansible host pattern without spaces, such as gh-*:!gh-07"),
    (scalars.RuleId, "a rule's id, such as FP302"),
    (scalars.Reason, "why, in one line of at least eight characters"),
    (scalars.Owner, "a person or a team, such as team-hw or hw@example.org"),
    (scalars.Day, "a day as year-month-day, such as 2027-03-01"),
    (scalars.Duration, "a whole number with s, m, h or d, such as 30m"),
    (scalars.Share, "a number of hosts, such as 5, or a percentage, such as 5%"),
    (scalars.Clock, "a time of day from 00:00 to 23:59, such as 02:00"),
    (scalars.TimeZone, "a time zone's name, such as UTC or Europe/Berlin"),
    (emulated.KernelPrefix, "newest, or how a release begins, in two numbers at least: 6.12"),
    (emulated.DeviceSerial, "letters and digits, at most 20"),
    (GuestSpec.model_fields["host"], "the name of a host of the inventory, such as gh-01"),
)


def _pattern_of(scalar: Any) -> str:
    parts = scalar.metadata if isinstance(scalar, FieldInfo) else get_args(scalar)
    for part in parts:
        if isinstance(part, StringConstraints) and part.pattern:
            return str(part.pattern)
        for below in (part, *getattr(part, "metadata", ())):
            if getattr(below, "pattern", None):
                return str(below.pattern)
    raise LookupError(f"{scalar} has no pattern")


WORDS_BY_PATTERN = {_pattern_of(scalar): words for scalar, words in _WORDS}


def describe_pattern(pattern: str) -> str:
    """Return what a pattern takes, in words."""
    return WORDS_BY_PATTERN.get(pattern, f"a text that matches {pattern}")
