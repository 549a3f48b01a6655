"""Hold what a run was asked to work on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from fleetpolicy.diagnostics import Profile


def _silent(line: str) -> None:
    del line


@dataclass(frozen=True, slots=True)
class Request:
    """What a run works on, as its flags and settings say.

    Args:
        inventory: A fleet's folder or an Ansible inventory; None where there is none.
        policies: Files and folders; empty for those of the fleet.
        facts: Folder of recorded facts; None for the fleet's own.
        limit: Ansible pattern; empty for all hosts.
        live: Look at the hosts even where facts are recorded.
        offline: Open no connection.
        forks: Hosts at a time.
        progress: Told what goes on, a line each.
        max_age: How old recorded facts may be, such as 30d; empty for what the settings say.
        named_by: What named config, inventory, policies and facts: the command line, or a variable
            of the environment; those that neither names are left out.
        schemas: Folder of libvirt's schemas; None for those installed here.
        today: The day that exceptions are judged by; None for the clock's, in UTC.
    """

    inventory: Path | None = None
    policies: tuple[Path, ...] = ()
    facts: Path | None = None
    config: Path | None = None
    limit: str = ""
    profile: Profile = Profile.SAFETY
    live: bool = False
    offline: bool = False
    forks: int = 5
    progress: Callable[[str], None] = _silent
    today: date | None = None
    max_age: str = ""
    schemas: Path | None = None
    named_by: Mapping[str, str] = field(default_factory=dict)
