"""Read an operator's domain as data: no document type, no entities, no surprises."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from fleetpolicy.model.template import Template
from fleetpolicy.render.limits import NOT_XML
from fleetpolicy.render.xml import Element

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
_DEPTH_LIMIT = 32
_ELEMENT_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a template, and where."""

    line: int
    why: str
    fix: str


class _FaultError(Exception):
    """Ends the reading of a template."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.why)
        self.fault = fault


@dataclass(slots=True)
class _Open:
    """An element whose end has not come."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    line: int
    children: list[Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


@lru_cache(maxsize=64)
def read_template(template: Template) -> Element | Fault:
    """Return the domain in a template, each element with its line, or what is wrong with it.

    Comments and processing instructions are left out; prefixes stay as they are written.

    Source:
        W3C, Extensible Markup Language 1.0; OWASP, XML External Entity Prevention.
    """
    reader = _Reader()
    try:
        root = reader.read(template.data)
        _check_root(root)
    except _FaultError as error:
        return error.fault
    return root


class _Reader:
    def __init__(self) -> None:
        from xml.parsers import expat  # noqa: PLC0415 most fleets have no templates

        self._expat = expat
        self._parser = expat.ParserCreate()
        self._parser.ordered_attributes = True
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._stack = [_Open("", (), 0)]
        self._count = 0

    def read(self, data: bytes) -> Element:
        try:
            self._parser.Parse(data, True)  # noqa: FBT003 expat names no arguments
        except self._expat.ExpatError as error:
            why = f"it is not XML: {self._expat.ErrorString(error.code)}"
            raise _FaultError(Fault(error.lineno, why, "correct the XML")) from error
        return self._stack[0].children[0]

    def _start(self, tag: str, attributes: list[str]) -> None:
        self._count += 1
        line = self._parser.CurrentLineNumber
        if self._count > _ELEMENT_LIMIT or len(self._stack) > _DEPTH_LIMIT:
            why = f"it has more than {_ELEMENT_LIMIT} elements, or {_DEPTH_LIMIT} levels of them"
            raise _FaultError(Fault(line, why, "no domain needs that: shorten it"))
        pairs = tuple(zip(attributes[::2], attributes[1::2], strict=True))
        for _, value in pairs:
            self._check_text(value)
        self._stack.append(_Open(tag, pairs, line))

    def _end(self, _: str) -> None:
        done = self._stack.pop()
        text = "".join(done.text)
        if not text.strip():
            text = ""
        elif done.children:
            why = f"<{done.tag:.60}> has text beside its elements"
            raise _FaultError(Fault(done.line, why, "remove the text, or make it a comment"))
        self._check_text(text)
        self._stack[-1].children.append(
            Element(done.tag, done.attributes, tuple(done.children), text, done.line)
        )

    def _text(self, text: str) -> None:
        self._stack[-1].text.append(text)

    def _check_text(self, text: str) -> None:
        odd = NOT_XML.search(text)
        if odd:
            why = f"it has U+{ord(odd[0]):04X}, which means nothing in a domain"
            raise _FaultError(Fault(self._parser.CurrentLineNumber, why, "leave it out"))

    def _refuse_doctype(self, *_: object) -> None:
        why = "it has a document type, which can pull in other files"
        raise _FaultError(Fault(self._parser.CurrentLineNumber, why, "remove <!DOCTYPE>"))


def _check_root(root: Element) -> None:
    if root.tag != "domain" or root.get("type") != "kvm":
        why = f"its root is <{root.tag:.60} type='{root.get('type'):.60}'>"
        raise _FaultError(Fault(root.line, why, "write <domain type='kvm'>"))
    for item in walk(root):
        for name, value in item.attributes:
            is_ours = name == "xmlns:qemu"
            if name == "xmlns" or (_is_namespace(name) and is_ours != (value == QEMU_NAMESPACE)):
                why = f"{name:.60} is bound to {value:.60}"
                fix = f"bind xmlns:qemu, and it alone, to {QEMU_NAMESPACE}"
                raise _FaultError(Fault(item.line, why, fix))


def _is_namespace(name: str) -> bool:
    return name.startswith("xmlns:")


def walk(root: Element) -> Iterator[Element]:
    """Yield an element and everything below it."""
    yield root
    for child in root.children:
        yield from walk(child)
