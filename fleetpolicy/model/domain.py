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
_SIZES = ("size", "memory")
_MACHINE_VERSION = re.compile(r"\Apc-(?=q35)|-\d+(?:\.\d+)+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")


def dropped(sent: str, kept: str) -> tuple[str, ...]:
    """Return what was sent and not kept, as paths such as devices/hostdev[2]/driver@model.

    libvirt adds addresses, controllers and defaults, converts sizes to KiB, pads hexadecimal
    numbers and turns a machine's alias, such as virt, into the version that it stands for, such as
    virt-7.2; none of that counts. Elements of one name must keep the order in which they were sent;
    others may stand between them.

    Args:
        sent: A domain, well-formed.
        kept: What libvirt returned for it.

    Source:
        libvirt, docs/formatdomain: units; src/conf/domain_conf.c drops what it does not know;
        src/qemu/qemu_postparse.c: machines.
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
    """Yield what the elements of one name have lost."""
    places = [
        (f"{path}[{number}]" if len(sent) > 1 else path).lstrip("/")
        for number in range(1, len(sent) + 1)
    ]
    if len(sent) == len(kept):
        straight = [list(_lost(*pair)) for pair in zip(sent, kept, places, strict=True)]
        if not any(straight):
            return
    yield from _align(sent, kept, places)


def _align(sent: list[ET.Element], kept: list[ET.Element], places: list[str]) -> list[str]:
    """Return the losses of the pairing that keeps both orders and loses the least.

    An element without a partner loses everything that it says.
    """
    best: list[tuple[int, list[str]]] = [(0, [])] * (len(kept) + 1)
    for child, place in zip(sent, places, strict=True):
        alone = _weight(child)
        row = [(best[0][0] + alone, [*best[0][1], place])]
        for at, candidate in enumerate(kept):
            lost = list(_lost(child, candidate, place))
            paired = (best[at][0] + len(lost), [*best[at][1], *lost])
            missing = (best[at + 1][0] + alone, [*best[at + 1][1], place])
            row.append(min(paired, row[at], missing, key=lambda choice: choice[0]))
        best = row
    return best[-1][1]


def _weight(item: ET.Element) -> int:
    """Return how much an element says: itself, its attributes, its text and its children."""
    text = bool((item.text or "").strip())
    return 1 + len(item.attrib) + text + sum(_weight(child) for child in item)


def _lost_value(sent: ET.Element, kept: ET.Element, path: str) -> Iterator[str]:
    place = path.lstrip("/")
    before, after = _size_kib(sent), _size_kib(kept)
    if _has_unit(sent, kept) and before is not None and after is not None:
        if before != after:
            yield f"{place}: {_kib(before)} became {_kib(after)}"
    elif (text := _text(sent)) and text != _text(kept):
        yield f"{place}: {text} became {_text(kept) or 'nothing'}"
    for name, value in sent.attrib.items():
        if name in _SIZES and _has_unit(sent, kept):
            if not _is_same_size(sent, kept, name):
                yield f"{place}@{name}: {_sized(sent, name)} became {_sized(kept, name)}"
        elif not _is_kept(sent, kept, name):
            yield f"{place}@{_name(name)}: {value} became {kept.get(name) or 'nothing'}"


def _has_unit(sent: ET.Element, kept: ET.Element) -> bool:
    return "unit" in sent.attrib or "unit" in kept.attrib


def _is_kept(sent: ET.Element, kept: ET.Element, name: str) -> bool:
    """Tell whether an attribute is kept; a unit is judged together with its size."""
    if name == "unit" and (
        _size_kib(sent) is not None or any(size in sent.attrib for size in _SIZES)
    ):
        return True
    if name not in kept.attrib:
        return False
    before, after = sent.attrib[name], kept.attrib[name]
    return _number(before) == _number(after) or (
        name == "machine" and _MACHINE_VERSION.sub("", after) == before
    )


def _sized(item: ET.Element, name: str) -> str:
    return f"{item.get(name, '')} {item.get('unit', '')}".strip() or "nothing"


def _text(item: ET.Element) -> str:
    return (item.text or "").strip()


def _kib(size: float) -> str:
    return f"{int(size) if size.is_integer() else size} KiB"


def _is_same_size(sent: ET.Element, kept: ET.Element, name: str) -> bool:
    """Return whether an attribute with a unit says the same in another unit."""
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
        return float(_text(item)) * _UNITS_KIB[item.get("unit", "")]
    except (KeyError, ValueError):
        return None


def _number(value: str) -> str | int:
    return int(value, 16) if _HEX.match(value) else value


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]
