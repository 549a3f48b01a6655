"""Build XML as libvirt writes it, so that differences are real: single quotes, two spaces."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_IN_QUOTES = _IN_TEXT | str.maketrans({"'": "&apos;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})


@dataclass(frozen=True, slots=True)
class Element:
    """An element: attributes in the order given, then either text or children.

    Args:
        line: Where it stands in an operator's file, 0 for one of ours.
    """

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple["Element", ...] = ()
    text: str = ""
    line: int = field(default=0, compare=False)

    def get(self, name: str) -> str:
        """Return an attribute, empty without it."""
        return dict(self.attributes).get(name, "")

    def find(self, tag: str) -> "Element | None":
        """Return the first child of a name."""
        return next((child for child in self.children if child.tag == tag), None)

    def find_all(self, *path: str) -> tuple["Element", ...]:
        """Return all elements at the end of a path of names."""
        found: tuple[Element, ...] = (self,)
        for tag in path:
            found = tuple(child for item in found for child in item.children if child.tag == tag)
        return found

    def with_children(self, children: Iterable["Element"]) -> "Element":
        """Return the element with other children."""
        return replace(self, children=tuple(children), text="")

    def with_attribute(self, name: str, value: str) -> "Element":
        """Return the element with an attribute set."""
        return replace(self, attributes=tuple((dict(self.attributes) | {name: value}).items()))

    def lines(self, indent: str = "") -> list[str]:
        """Return the element as lines of text."""
        head = self.tag + "".join(
            f" {name}='{value.translate(_IN_QUOTES)}'" for name, value in self.attributes
        )
        if self.children:
            inner = [line for child in self.children for line in child.lines(indent + "  ")]
            return [f"{indent}<{head}>", *inner, f"{indent}</{self.tag}>"]
        if self.text:
            return [f"{indent}<{head}>{self.text.translate(_IN_TEXT)}</{self.tag}>"]
        return [f"{indent}<{head}/>"]


def element(tag: str, *children: Element | None, text: str = "", **attributes: str) -> Element:
    """Return an element; children that are None are left out, as are empty attributes.

    An attribute whose name is a Python keyword is given with an underscore at its end; one in
    camelCase with an underscore before each capital.
    """
    named = tuple((_spelt(name), value) for name, value in attributes.items() if value)
    return Element(tag, named, tuple(child for child in children if child is not None), text)


def _spelt(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def number_of(text: str, otherwise: int = -1) -> int:
    """Return a number as domains have it, decimal or with 0x; another where the text is none."""
    try:
        return int(text, 0)
    except ValueError:
        return otherwise


def write_xml(root: Element) -> str:
    """Return the document's text."""
    return "\n".join(root.lines()) + "\n"
