"""Compare domain XML that was sent with what libvirt kept of it."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

_UNITS_KIB = {
    "b": 1 / 1024,
    "bytes": 1 / 1024,
    "": 1,
    "k": 1,
    "KiB": 1,
    "M": 1 << 10,
    "MiB": 1 << 10,
    "G": 1 << 20,
    "GiB": 1 << 20,
    "T": 1 << 30,
    "TiB": 1 << 30,
}
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")


def dropped(sent: str, kept: str) -> tuple[str, ...]:
    """Return what was sent and not kept, as paths such as devices/hostdev[2]/driver@model.

    libvirt adds addresses, controllers and defaults, converts sizes to KiB and pads hexadecimal
    numbers; none of that counts. Elements of one name are compared in the order they were sent.

    Args:
        sent: A domain, well-formed.
        kept: What libvirt returned for it.

    Source:
        libvirt, docs/formatdomain: units; src/conf/domain_conf.c drops what it does not know.
    """
    try:
        tree = ET.fromstring(kept)  # noqa: S314 libvirt's own output
    except ET.ParseError as error:
        return (f"the whole domain: what libvirt keeps is not XML ({error})",)
    return tuple(_lost(ET.fromstring(sent), tree, ""))  # noqa: S314 our own text


def _lost(sent: ET.Element, kept: ET.Element, path: str) -> Iterator[str]:
    """Yield what an element has lost."""
    yield from _lost_value(sent, kept, path)
    for tag in dict.fromkeys(child.tag for child in sent):
        yield from _lost_children(sent.findall(tag), kept.findall(tag), f"{path}/{_name(tag)}")


def _lost_children(sent: list[ET.Element], kept: list[ET.Element], path: str) -> Iterator[str]:
    """Pair elements of one name: each with the next kept one that has lost the least."""
    free = list(kept)
    for number, child in enumerate(sent, start=1):
        place = (f"{path}[{number}]" if len(sent) > 1 else path).lstrip("/")
        losses = [(list(_lost(child, candidate, place)), at) for at, candidate in enumerate(free)]
        if not losses:
            yield place
            continue
        best, at = min(losses, key=lambda item: (len(item[0]), item[1]))
        del free[at]
        yield from best


def _lost_value(sent: ET.Element, kept: ET.Element, path: str) -> Iterator[str]:
    place = path.lstrip("/")
    sizes = _size_kib(sent), _size_kib(kept)
    is_size = None not in sizes and ("unit" in sent.attrib or "unit" in kept.attrib)
    if is_size and sizes[0] != sizes[1]:
        yield f"{place}: {sizes[0]:g} KiB became {sizes[1]:g} KiB"
    text = (sent.text or "").strip()
    if text and not is_size and text != (kept.text or "").strip():
        yield f"{place}: {text} became {(kept.text or '').strip() or 'nothing'}"
    for name, value in sent.attrib.items():
        seen = kept.get(name)
        if (name == "unit" or (name in {"size", "memory"})) and _is_same_size(sent, kept, name):
            continue
        if seen is None or _number(seen) != _number(value):
            yield f"{place}@{name}: {value} became {seen or 'nothing'}"


def _is_same_size(sent: ET.Element, kept: ET.Element, name: str) -> bool:
    """Return whether an attribute with a unit says the same in another unit."""
    if name == "unit":
        return "unit" in kept.attrib or kept.text is not None
    try:
        sizes = [
            float(item.get(name, "")) * _UNITS_KIB[item.get("unit", "")] for item in (sent, kept)
        ]
    except (KeyError, ValueError):
        return False
    return sizes[0] == sizes[1]


def _size_kib(item: ET.Element) -> float | None:
    """Return the element's text as a size, None where it is not a number."""
    try:
        return float((item.text or "").strip()) * _UNITS_KIB[item.get("unit", "")]
    except (KeyError, ValueError):
        return None


def _number(value: str) -> str | int:
    return int(value, 16) if _HEX.match(value) else value


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]
