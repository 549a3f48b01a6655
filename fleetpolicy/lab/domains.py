"""Define and undefine libvirt domains as virsh does, by libvirt's own test driver where it can."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from fleetpolicy.lab.hardware import read_hardware
from fleetpolicy.lab.tree import Tree

KEPT = "/etc/libvirt/qemu"
_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
_MILLION, _THOUSAND = 1_000_000, 1_000


class _RefusedError(Exception):
    """libvirt does not take a domain, and why."""


def define(tree: Tree, arguments: list[str]) -> int:
    """Keep the domain that a file describes; return an exit status."""
    names = [argument for argument in arguments if not argument.startswith("-")]
    if len(names) != 1:
        sys.stderr.write("error: command 'define' requires <file> option\n")
        return 1
    try:
        text = Path(names[0]).read_text("utf-8")
        name, identity = _identity(text)
        _check_others(tree, name, identity)
        kept = _normalise(tree, text, validate="--validate" in arguments)
    except (OSError, ValueError, _RefusedError) as error:
        sys.stderr.write(f"error: Failed to define domain from {names[0]}\nerror: {error}\n")
        return 1
    tree.write(f"{KEPT}/{name}.xml", kept, 0o600)
    sys.stdout.write(f"Domain '{name}' defined from {names[0]}\n\n")
    return 0


def undefine(tree: Tree, arguments: list[str]) -> int:
    """Forget a domain; return an exit status."""
    names = [argument for argument in arguments if not argument.startswith("-")]
    name = Path(names[0]).name if names else ""
    if len(names) != 1 or not tree.exists(f"{KEPT}/{name}.xml"):
        sys.stderr.write(f"error: failed to get domain '{' '.join(names)}'\n")
        return 1
    tree.remove(f"{KEPT}/{name}.xml")
    sys.stdout.write(f"Domain '{name}' has been undefined\n\n")
    return 0


def _identity(text: str) -> tuple[str, str]:
    """Return a domain's name and UUID, empty without one."""
    try:
        domain = ET.fromstring(text)  # noqa: S314 expat expands no entity of another file
    except ET.ParseError as error:
        raise _RefusedError(f"(domain_definition): {error}") from error
    name = (domain.findtext("name") or "").strip()
    if domain.tag != "domain" or not name or name != Path(name).name or name[0] == ".":
        raise _RefusedError("XML error: this is no domain with a usable name")
    return name, (domain.findtext("uuid") or "").strip().lower()


def _check_others(tree: Tree, name: str, identity: str) -> None:
    """Refuse a name or UUID that another domain has.

    Source:
        libvirt, src/conf/virdomainobjlist.c, virDomainObjListAddLocked().
    """
    for path, text in tree.texts([KEPT], ".xml").items():
        other, known = _identity(text)
        if other == name and identity and known != identity:
            raise _RefusedError(f"domain '{name}' already exists with uuid {known}")
        if other != name and identity and known == identity:
            raise _RefusedError(
                f"domain '{Path(path).stem}' is already defined with uuid {identity}"
            )


def _normalise(tree: Tree, text: str, *, validate: bool) -> str:
    """Return the XML as the host's libvirt would keep it.

    The library of this machine stands in for the host's where it is not older: an older one
    would refuse elements that the host knows, so the text is then kept as it is.
    """
    versions = read_hardware(tree).versions
    wanted = _number(versions[0]) if versions else 0
    try:
        import libvirt  # noqa: PLC0415 slow to load, and not everywhere
    except ImportError:
        sys.stderr.write("note: kept without validation: libvirt-python is not installed\n")
        return text
    if libvirt.getVersion() < wanted:
        sys.stderr.write(
            f"note: kept without validation: this host's libvirt is {versions and versions[0]}, "
            f"the one that would judge is {_spell(libvirt.getVersion())}\n"
        )
        return text
    libvirt.registerErrorHandler(lambda *_: None, None)
    flags = libvirt.VIR_DOMAIN_DEFINE_VALIDATE if validate else 0
    try:
        # Each process has a test driver of its own, which forgets everything at the end.
        connection = libvirt.open("test:///default")
        domain = connection.defineXMLFlags(text, flags)
        return _with_qemu_elements(str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)), text)
    except libvirt.libvirtError as error:
        raise _RefusedError(str(error)) from error


def _with_qemu_elements(kept: str, sent: str) -> str:
    """Return a domain with the elements of QEMU's namespace that the test driver has no QEMU for.

    Source:
        libvirt, docs/drvqemu.html: the QEMU driver keeps them.
    """
    own = [child for child in ET.fromstring(sent) if child.tag.startswith(f"{{{_QEMU}}}")]  # noqa: S314 judged above
    if not own:
        return kept
    ET.register_namespace("qemu", _QEMU)
    domain = ET.fromstring(kept)  # noqa: S314 libvirt's own
    domain.extend(own)
    return ET.tostring(domain, encoding="unicode") + "\n"


def _number(version: str) -> int:
    major, minor, micro = (int(part) for part in version.split("."))
    return major * _MILLION + minor * _THOUSAND + micro


def _spell(version: int) -> str:
    return f"{version // _MILLION}.{version // _THOUSAND % _THOUSAND}.{version % _THOUSAND}"
