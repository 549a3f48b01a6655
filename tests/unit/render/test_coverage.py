"""Every element and attribute that can be rendered stands in some golden domain."""

import ast
from collections.abc import Iterator
from pathlib import Path

from fleetpolicy import render
from fleetpolicy.model.template import Template
from fleetpolicy.render.template import read_template, walk
from fleetpolicy.render.xml import Element, element

SOURCES = sorted(Path(render.__file__).parent.glob("*.py"))
TESTS = Path(__file__).resolve().parents[2]
GOLDEN = sorted(
    [*TESTS.glob("cases/*/rendered/*/etc/libvirt/qemu/*.xml"), *TESTS.glob("unit/render/*.xml")]
)


def written() -> Iterator[tuple[str, str]]:
    """Yield each element with each of its attributes, empty for the element alone."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id != "element" or not isinstance(node.args[0], ast.Constant):
                continue
            tag = str(node.args[0].value)
            yield tag, ""
            names = (word.arg for word in node.keywords if word.arg not in {None, "text"})
            spelt = element("a", **{str(name): "x" for name in names})
            yield from ((tag, name) for name, _ in spelt.attributes)


def shown() -> set[tuple[str, str]]:
    found = set()
    for path in GOLDEN:
        root = read_template(Template(path.name, path.read_bytes(), str(path)))
        assert isinstance(root, Element), path
        for item in walk(root):
            found |= {(item.tag, ""), *((item.tag, name) for name, _ in item.attributes)}
    return found


def test_every_element_and_attribute_occurs_in_a_golden_domain() -> None:
    can_be_written = set(written())

    assert len(can_be_written) > 100
    assert sorted(can_be_written - shown()) == []
