"""Let udev rules judge the uevent of one PCI function."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from fleetpolicy.simcore.boot.kernel import PciFunction
from fleetpolicy.simcore.boot.shell import Action, Unmodelled, Write, parse_command
from fleetpolicy.simcore.boot.trace import Cause
from fleetpolicy.simcore.boot.udev import BadRule, Piece, Rule

_OWN = {"KERNELS": "KERNEL", "SUBSYSTEMS": "SUBSYSTEM", "DRIVERS": "DRIVER", "ATTRS": "ATTR"}
_DEVICES = "/sys/bus/pci/devices"
_SUBSTITUTION = re.compile(r"%(?:(\w)(?:\{([^}]*)\})?|%)|\$(?:(\w+)(?:\{([^}]*)\})?|\$)")
_OTHER = re.compile(r"\[pci/([0-9a-f:.]+)\](vendor|device|subsystem_\w+|class|modalias)")
_LONG_FORM = {"k": "kernel", "s": "attr", "E": "env", "p": "devpath", "b": "id"}


@dataclass(frozen=True, slots=True)
class LoadAlias:
    """Let udev's kmod builtin load what a name or alias stands for; the blacklist counts."""

    name: str


Effect = tuple[LoadAlias | Action, Cause]


@dataclass(slots=True)
class Uevent:
    """Hold what rules can see of a function while its event is processed.

    Args:
        others: The functions of the host by address, which rules can name as [pci/ADDRESS].
    """

    function: PciFunction
    driver: str
    override: str
    others: Mapping[str, PciFunction] = field(default_factory=dict)
    action: str = "add"
    environment: dict[str, str] = field(default_factory=dict)
    run: list[tuple[Piece, Cause]] = field(default_factory=list)

    def __post_init__(self) -> None:
        function = self.function
        self.environment |= {
            "ACTION": self.action,
            "SUBSYSTEM": "pci",
            "DEVPATH": self.devpath,
            "MODALIAS": function.modalias,
            "PCI_CLASS": function.class_code.lstrip("0").upper(),
            "PCI_ID": f"{function.vendor}:{function.device}".upper(),
            "PCI_SUBSYS_ID": f"{function.subvendor}:{function.subdevice}".upper(),
            "PCI_SLOT_NAME": function.address,
        }
        if self.driver:
            self.environment["DRIVER"] = self.driver

    @property
    def devpath(self) -> str:
        """Return the path below /sys, as if the function hung from the host bridge."""
        domain_bus = self.function.address.rpartition(":")[0]
        return f"/devices/pci{domain_bus}/{self.function.address}"

    def read_attribute(self, name: str) -> str | None:
        """Return the content of a sysfs attribute, None if it is not modelled or not there."""
        other = _OTHER.fullmatch(name)
        if other:
            function = self.others.get(other[1])
            return _identity(function).get(other[2]) if function else None
        own = {"driver_override": self.override or "(null)"}
        return (_identity(self.function) | own).get(name)

    def read(self, piece: Piece) -> str | None:
        """Return the value that a condition looks at."""
        key = _OWN.get(piece.key, piece.key)
        if key == "ATTR":
            return self.read_attribute(piece.attribute)
        if key == "ENV":
            return self.environment.get(piece.attribute, "")
        return {
            "ACTION": self.action,
            "SUBSYSTEM": "pci",
            "KERNEL": self.function.address,
            "DEVPATH": self.devpath,
            "DRIVER": self.driver,
        }.get(key)

    def substitute(self, text: str) -> str:
        """Replace $kernel, %k, $attr{}, $env{} and their like."""

        def replace(found: re.Match[str]) -> str:
            short, short_argument, long, long_argument = found.groups()
            name = _LONG_FORM.get(short, "") if short else long
            argument = short_argument or long_argument or ""
            match name:
                case "kernel" | "id":
                    return self.function.address
                case "devpath":
                    return self.devpath
                case "attr":
                    return self.read_attribute(argument) or ""
                case "env":
                    return self.environment.get(argument, "")
                case None:
                    return found.group()[:1]
                case _:
                    return found.group()

        return _SUBSTITUTION.sub(replace, text)


def _identity(function: PciFunction) -> dict[str, str]:
    """Return the attributes that say what a function is."""
    return {
        "vendor": f"0x{function.vendor}",
        "device": f"0x{function.device}",
        "subsystem_vendor": f"0x{function.subvendor}",
        "subsystem_device": f"0x{function.subdevice}",
        "class": f"0x{function.class_code}",
        "modalias": function.modalias,
    }


def is_modelled(piece: Piece) -> bool:
    """Tell whether the value that a condition looks at is known here."""
    if piece.key in {"ATTR", "ATTRS"}:
        is_plain = "/" not in piece.attribute and "[" not in piece.attribute
        return is_plain or _OTHER.fullmatch(piece.attribute) is not None
    return piece.key in _OWN or piece.key in {
        *("ACTION", "SUBSYSTEM", "KERNEL", "DEVPATH", "DRIVER", "ENV", "TAG", "TAGS", "NAME"),
    }


def fits(piece: Piece, value: str | None) -> bool:
    """Tell whether a condition holds; a missing attribute fits neither == nor !=."""
    if value is None:
        return False
    wanted = piece.value
    if piece.ignore_case:
        value, wanted = value.lower(), wanted.lower()
    hit = any(fnmatchcase(value, pattern) for pattern in wanted.split("|"))
    return hit == (piece.operator == "==")


def process(event: Uevent, rules: Sequence[Rule | BadRule]) -> Iterator[Effect]:
    """Yield what the rules do to drivers and modules, in the order in which udev does it.

    Attributes are written while the rules are read; RUN waits until all of them were.

    Source:
        systemd src/udev/udev-rules.c and udev-event.c; udev(7), RUN.
    """
    goal = ""
    for position, rule in enumerate(rules):
        if isinstance(rule, BadRule) or (goal and not _is_label(rule, goal)):
            continue
        goal = ""
        known = [piece for piece in rule.matches if is_modelled(piece)]
        if not all(fits(piece, event.read(piece)) for piece in known):
            continue
        if len(known) < len(rule.matches):
            yield from _unmodelled(rule)
            continue
        for piece in rule.assignments:
            yield from _assign(event, piece, rule.cause)
        goal = _goal(rule, rules[position + 1 :])
    for piece, cause in event.run:
        yield from ((action, cause) for action in _run(event, piece))


def _goal(rule: Rule, later: Sequence[Rule | BadRule]) -> str:
    """Return the label that a rule jumps to, empty if it stands nowhere behind it in its file.

    Source:
        systemd src/udev/udev-rules.c, rule_resolve_goto(): a jump stays within its file, and one
        without a label is dropped.
    """
    name = next((piece.value for piece in rule.assignments if piece.key == "GOTO"), "")
    for other in later:
        if other.cause.source != rule.cause.source:
            break
        if isinstance(other, Rule) and _is_label(other, name):
            return name
    return ""


def _is_label(rule: Rule, name: str) -> bool:
    return any(piece.key == "LABEL" and piece.value == name for piece in rule.assignments)


def _unmodelled(rule: Rule) -> Iterator[Effect]:
    """Report a rule with a condition that is not modelled, if it could change a driver."""
    if any(piece.key in {"RUN", "ATTR", "GOTO"} for piece in rule.assignments):
        yield Unmodelled("a condition of this rule is not modelled"), rule.cause


def _assign(event: Uevent, piece: Piece, cause: Cause) -> Iterator[Effect]:
    match piece.key:
        case "ENV" if piece.operator in {"=", ":="}:
            event.environment[piece.attribute] = event.substitute(piece.value)
        case "ATTR":
            path = _attribute_path(event, piece.attribute)
            value = event.substitute(piece.value)
            if path == f"{_DEVICES}/{event.function.address}/driver_override":
                event.override = value
            yield Write(path, value), cause
        case "RUN":
            if piece.operator in {"=", ":="}:
                event.run.clear()
            event.run.append((piece, cause))
        case "IMPORT" if piece.attribute == "builtin":
            yield from ((action, cause) for action in _run(event, piece))
        case _:
            return


def _attribute_path(event: Uevent, attribute: str) -> str:
    """Return the path an ATTR assignment writes; `[drivers/pci:x]bind` is a driver's file."""
    attribute = event.substitute(attribute)
    found = re.fullmatch(r"\[(\w+)/([^\]]+)\](\w+)", attribute)
    if found is None:
        return f"{_DEVICES}/{event.function.address}/{attribute}"
    subsystem, name, leaf = found.groups()
    if (subsystem, name) in {("subsystem", "pci"), ("bus", "pci")}:
        return f"/sys/bus/pci/{leaf}"
    if subsystem == "drivers":
        return f"/sys/bus/pci/drivers/{name.removeprefix('pci:')}/{leaf}"
    if subsystem == "pci":
        return f"{_DEVICES}/{name}/{leaf}"
    return attribute


def _run(event: Uevent, piece: Piece) -> Iterator[LoadAlias | Action]:
    text = event.substitute(piece.value)
    if piece.attribute != "builtin":
        yield from parse_command(text)
        return
    words = text.split()
    if words[:2] != ["kmod", "load"]:
        return
    names = words[2:] or [event.environment["MODALIAS"]]
    yield from (LoadAlias(name.strip("'\"")) for name in names)
