"""Judge domain XML by a RELAX NG grammar, and name what it does not admit."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from fleetpolicy.admit.rules import NO_SCHEMAS
from fleetpolicy.admit.schemas import START
from fleetpolicy.diagnostics import FleetPolicyError, Span

_MOST_KINDS_AT_FAULT = 3
_ALONE = """\
<grammar xmlns="http://relaxng.org/ns/structure/1.0">
  <include href="{start}"><start><ref name="{name}"/></start></include>
</grammar>
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a grammar does not admit.

    Args:
        path: Such as devices/hostdev[2]/driver@model.
        line: Of the domain's text, counted from 1.
        said: Without a full stop.
    """

    path: str
    line: int
    said: str


class Grammar:
    """A compiled grammar.

    Args:
        folder: It holds domain.rng and what that includes.

    Raises:
        FleetPolicyError: The grammar is broken, or lxml is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from lxml import etree  # noqa: PLC0415 optional
        except ImportError as error:
            raise _unusable(
                folder,
                "lxml is not installed, so no domain was judged by them",
                "run: python -m pip install 'fleetpolicy[schemas]'",
            ) from error
        self._etree = etree
        self._start = (folder / START).absolute()
        try:
            self._judge = etree.RelaxNG(etree.parse(str(self._start)))
        except (etree.LxmlError, OSError) as error:
            raise _unusable(
                folder,
                f"libxml2 cannot use them: {error}",
                "copy the whole folder of a release: its files include each other",
            ) from error

    def admits(self, domain: str) -> bool:
        """Tell whether a domain, well-formed, is admitted."""
        return bool(self._judge.validate(self._read(domain)))

    def faults(self, domain: str) -> tuple[Fault, ...]:
        """Return what is not admitted, in the order of the text.

        libxml2 says of a domain only that its devices are wrong. So parts are left out, until what
        is left is admitted: what had to go is at fault, and within it the same is done again.

        Args:
            domain: Well-formed.
        """
        root = self._read(domain)
        if self._judge.validate(root):
            return ()
        return tuple(sorted(self._blame(root, root, ""), key=lambda fault: fault.line))

    def _read(self, domain: str) -> Any:
        parser = self._etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        return self._etree.fromstring(domain.encode(), parser)

    def _blame(self, root: Any, item: Any, path: str) -> Iterator[Fault]:
        """Yield what is wrong within an element that is at fault."""
        whole = _Whole(item)
        for size in range(1, _MOST_KINDS_AT_FAULT + 1):
            for chosen in combinations(whole.kinds, size):
                whole.leave_out(chosen)
                if self._judge.validate(root):
                    yield from self._look_into(root, whole, chosen, path)
                    whole.restore()
                    return
                whole.restore()
        yield Fault(path or _name(item.tag), item.sourceline, self._explain(item))

    def _look_into(
        self, root: Any, whole: "_Whole", chosen: tuple[str, ...], path: str
    ) -> Iterator[Fault]:
        """Yield what is wrong with the kinds that must go together."""
        for kind in chosen:
            if kind.startswith("@"):
                said = f"{whole.attributes[kind[1:]]} is not admitted there"
                yield Fault(f"{path}{kind}", whole.item.sourceline, said)
                continue
            members = [child for child in whole.children if child.tag == kind]
            places = _places(path, kind, len(members))
            is_blamed = False
            for member, place in zip(members, places, strict=True):
                whole.leave_out(chosen, but=member)
                if not self._judge.validate(root):
                    is_blamed = True
                    yield from self._blame(root, member, place)
            if not is_blamed:
                yield Fault(places[-1], members[-1].sourceline, "there is one too many")

    def _explain(self, item: Any) -> str:
        """Return what libxml2 says of an element alone, where the grammar has a name for it."""
        grammar = _ALONE.format(start=self._start.as_uri(), name=_name(item.tag))
        try:
            alone = self._etree.RelaxNG(self._etree.fromstring(grammar))
        except self._etree.RelaxNGParseError:
            return "it is not admitted there, or lacks something"
        if alone.validate(item):
            return "it is not admitted there"
        return "; ".join(dict.fromkeys(error.message for error in alone.error_log))


class _Whole:
    """An element as it came, from which kinds of children and attributes can be left out."""

    def __init__(self, item: Any) -> None:
        self.item = item
        self.children = list(item)
        self.attributes = dict(item.attrib)
        kinds = {str(child.tag) for child in self.children}
        self.kinds = (*(f"@{name}" for name in self.attributes), *sorted(kinds))

    def leave_out(self, kinds: tuple[str, ...], but: Any = None) -> None:
        """Leave kinds out, but for one child."""
        self.restore()
        self.item[:] = [child for child in self.children if child.tag not in kinds or child is but]
        for kind in kinds:
            if kind.startswith("@"):
                del self.item.attrib[kind[1:]]

    def restore(self) -> None:
        """Put everything back, in its order."""
        self.item[:] = self.children
        self.item.attrib.clear()
        self.item.attrib.update(self.attributes)


def _places(path: str, kind: str, count: int) -> list[str]:
    place = f"{path}/{_name(kind)}".lstrip("/")
    return [place] if count == 1 else [f"{place}[{number}]" for number in range(1, count + 1)]


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _unusable(folder: Path, why: str, fix: str) -> FleetPolicyError:
    return FleetPolicyError(NO_SCHEMAS.at(Span(str(folder)), why=why, fix=fix))
