"""Read the texts of findings out of the source: what stands behind every why and fix.

A text is followed through variables, conditions, parameters and functions of its own module. What
comes from elsewhere, such as an error of the system, is a HOLE in its template.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

HOLE = "\0"
_PARTS = ("why", "fix")
_MOST = 200
_DEEPEST = 12
_WORD = re.compile(r"[a-z]{2,}", re.IGNORECASE)
_BEFORE = r"(?:(?<=[\n ])|\A)"
_AFTER = r"(?=[\n ,:;)]|\Z)"


@dataclass(frozen=True, slots=True, order=True)
class Template:
    """A text with holes, and where it stands."""

    path: str
    line: int
    part: str
    text: str

    @property
    def has_words(self) -> bool:
        """Whether it says something itself: one without is the text of somebody else."""
        return len(_WORD.findall(self.text)) > 1

    def is_in(self, said: str) -> bool:
        """Tell whether the whole text stands among the words of another."""
        parts = self.text.split(HOLE)
        if max(parts, key=len) not in said:
            return False
        return bool(
            re.search(_BEFORE + ".*?".join(map(re.escape, parts)) + _AFTER, said, re.DOTALL)
        )


def templates_of(path: Path, name: str) -> set[Template]:
    """Return the templates of a module.

    Args:
        path: Its file.
        name: As its templates are to be told.
    """
    module = _Module(ast.parse(path.read_text()))
    return {
        Template(name, line, part, text)
        for part, line, texts in module.parts()
        for text in texts
        if text
    }


def said_in(text: str) -> set[str]:
    """Return every string of a program, f-strings with another mark for their holes."""
    tree = ast.parse(text)
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    said = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            said.append("".join(_literal(part) for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said += [] if id(node) in inside else [node.value]
    return {unfold(item) for item in said}


def unfold(text: str) -> str:
    """Return a text as findings print it without the indentation of their further lines."""
    return re.sub(r"\n {5,7}(?=\S)", "\n", text)


def _literal(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "\1"


class _Module:
    """A module's syntax, and what its expressions come to."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self.functions = {
            node.name: node for node in self.nodes if isinstance(node, ast.FunctionDef)
        }
        self.owners: dict[ast.AST, ast.FunctionDef] = {}
        for function in self.functions.values():
            for node in ast.walk(function):
                self.owners[node] = function
        self.calls: dict[str, list[ast.Call]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Call):
                self.calls.setdefault(_name(node.func), []).append(node)

    def parts(self) -> Iterator[tuple[str, int, set[str]]]:
        """Yield each why and fix that is passed or assigned, with its line and its texts."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                for word in node.keywords:
                    if word.arg in _PARTS:
                        yield word.arg, node.lineno, self.texts(word.value)
            elif isinstance(node, ast.Assign):
                for part in _PARTS:
                    for value in self._assigned(node, part, ()):
                        yield part, node.lineno, value

    def texts(self, node: ast.expr, above: tuple[ast.AST, ...] = ()) -> set[str]:
        """Return what an expression may come to, with a hole for what cannot be followed."""
        if node in above or len(above) > _DEEPEST:
            return set()
        above = (*above, node)
        if isinstance(node, ast.Name):
            return self._variable(node, above)
        if isinstance(node, ast.Call):
            return self._returned(node, None, above)
        return self._composed(node, above)

    def _composed(self, node: ast.expr, above: tuple[ast.AST, ...]) -> set[str]:
        """Return what a literal comes to, or an expression that chooses or joins others."""
        found = {HOLE}
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = {node.value}
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
            found = {"".join(map(str, parts))}
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            pairs = product(self.texts(node.left, above), self.texts(node.right, above))
            found = {first + second for first, second in islice(pairs, _MOST)}
        elif isinstance(node, ast.IfExp):
            found = self.texts(node.body, above) | self.texts(node.orelse, above)
        elif isinstance(node, ast.BoolOp):
            found = _union(self.texts(value, above) for value in node.values)
        return found

    def _variable(self, node: ast.Name, above: tuple[ast.AST, ...]) -> set[str]:
        owner = self.owners.get(node)
        if owner is None:
            return {HOLE}
        found: set[str] = set()
        for inner in ast.walk(owner):
            if isinstance(inner, ast.Assign):
                found |= _union(self._assigned(inner, node.id, above))
            elif isinstance(inner, ast.AugAssign) and _name(inner.target) == node.id:
                found.add(HOLE)
        return found | self._passed(owner, node.id, above) or {HOLE}

    def _assigned(
        self, node: ast.Assign, name: str, above: tuple[ast.AST, ...]
    ) -> Iterator[set[str]]:
        for target in node.targets:
            if _name(target) == name:
                yield self.texts(node.value, above)
            elif isinstance(target, ast.Tuple):
                for place, item in enumerate(target.elts):
                    if _name(item) == name:
                        yield self._item(node.value, place, above)

    def _passed(self, owner: ast.FunctionDef, name: str, above: tuple[ast.AST, ...]) -> set[str]:
        """Return what calls within the module pass for a parameter."""
        names = [item.arg for item in (*owner.args.posonlyargs, *owner.args.args)]
        if name not in (*names, *(item.arg for item in owner.args.kwonlyargs)):
            return set()
        place = names.index(name) - (names[0] in {"self", "cls"}) if name in names else _MOST
        found: set[str] = set()
        for call in self.calls.get(owner.name, ()):
            named = [word.value for word in call.keywords if word.arg == name]
            for value in named or call.args[place : place + 1]:
                found |= self.texts(value, above)
        return found

    def _item(self, node: ast.expr, place: int, above: tuple[ast.AST, ...]) -> set[str]:
        """Return what one item of a tuple may come to."""
        if isinstance(node, ast.Tuple):
            return self.texts(node.elts[place], above)
        if isinstance(node, ast.IfExp):
            return self._item(node.body, place, above) | self._item(node.orelse, place, above)
        return self._returned(node, place, above) if isinstance(node, ast.Call) else {HOLE}

    def _returned(self, call: ast.Call, place: int | None, above: tuple[ast.AST, ...]) -> set[str]:
        """Return what a function of the module returns, or one item of that."""
        function = self.functions.get(_name(call.func))
        if function is None or function in above:
            return {HOLE}
        above = (*above, function)
        values = [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]
        if place is None:
            return _union(self.texts(value, above) for value in values)
        return _union(self._item(value, place, above) for value in values)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _union(sets: Iterable[set[str]]) -> set[str]:
    return set().union(*sets)
