"""Find where a fleet keeps its inventory, policies, facts and checks."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load.rules import NO_FLEET
from fleetpolicy.load.settings import Settings

_INVENTORIES = ("hosts.yaml", "hosts.yml", "hosts.ini", "hosts", "inventory")


class Places(Struct, frozen=True):
    """Where the files of a fleet are.

    Args:
        inventory: What Ansible is given; None where no inventory is named.
        policies: Files and folders.
        facts: Folder of recorded facts; None where there is none.
        checks: Folder of the fleet's own test_*.py; None where there is none.
        default_facts: Where facts are recorded, whether the folder exists or not.
        max_age: How old recorded facts may be; None for any age.
    """

    inventory: Path | None
    policies: tuple[Path, ...]
    facts: Path | None
    checks: Path | None = None
    default_facts: Path = Path("facts")
    max_age: timedelta | None = None


def find_places(
    settings: Settings,
    inventory: Path | None = None,
    policies: Sequence[Path] = (),
    facts: Path | None = None,
) -> Places:
    """Return where a fleet's files are.

    Args:
        settings: Take the place of the fleet's own folders.
        inventory: A fleet's folder, or anything that Ansible takes.
        policies: Take the place of those in the settings.
        facts: Takes the place of that in the settings. It need not exist: then hosts have no
            facts, and are not looked at instead.

    Raises:
        FleetPolicyError: What was named is not there.
    """
    named = inventory or settings.inventory
    findings = [*_check_inventory(named), *_check_facts(facts)]
    if findings:
        raise FleetPolicyError(*findings)
    chosen = tuple(policies) or settings.policies
    recorded = facts or settings.facts
    if named is None:
        kept = facts or _existing(recorded)
        recorded = recorded or Path("facts")
        return Places(None, chosen, kept, default_facts=recorded, max_age=settings.max_age)
    folder = _folder_of(named)
    own = _existing(folder / "policies")
    recorded = recorded or folder / "facts"
    return Places(
        inventory=_inventory_in(named) or named,
        policies=chosen or ((own,) if own else ()),
        facts=facts or _existing(recorded),
        checks=_existing(folder / "checks"),
        default_facts=recorded,
        max_age=settings.max_age,
    )


def _folder_of(named: Path) -> Path:
    return named if named.is_dir() and _is_fleet(named) else named.parent


def _existing(folder: Path | None) -> Path | None:
    return folder if folder and folder.exists() else None


def _is_fleet(folder: Path) -> bool:
    return _has_own_folders(folder) or _inventory_in(folder) is not None


def _has_own_folders(folder: Path) -> bool:
    return (folder / "policies").is_dir() or (folder / "facts").is_dir()


def _inventory_in(folder: Path) -> Path | None:
    return next((folder / name for name in _INVENTORIES if (folder / name).exists()), None)


def _check_inventory(named: Path | None) -> list[Diagnostic]:
    if named is None:
        return []
    if not named.exists():
        return [_missing(named, "correct the path after -i, or the inventory of the settings")]
    if named.is_dir() and _has_own_folders(named) and _inventory_in(named) is None:
        why = f"the folder has none of {', '.join(_INVENTORIES)}"
        return [NO_FLEET.at(Span(str(named)), why=why, fix="add hosts.yaml with the fleet's hosts")]
    return []


def _check_facts(facts: Path | None) -> list[Diagnostic]:
    if facts is None or facts.is_dir() or not facts.exists():
        return []
    why = "facts are kept in a folder, and this is a file"
    return [NO_FLEET.at(Span(str(facts)), why=why, fix="name the folder")]


def _missing(path: Path, fix: str) -> Diagnostic:
    return NO_FLEET.at(Span(str(path)), why="there is no such file or folder", fix=fix)
