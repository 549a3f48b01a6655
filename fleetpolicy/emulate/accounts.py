"""Write the user and group files that maintainer scripts would have written."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fleetpolicy.emulate.tree import Node, Nodes

MASTERS = ("usr/share/base-passwd/passwd.master", "usr/share/base-passwd/group.master")
SYSUSERS = "usr/lib/sysusers.d/"
SHADOW_GROUP = 42
_HIGHEST = 999
_LINE = re.compile(r"^[ugm]!?\s")


@dataclass(slots=True)
class _Accounts:
    users: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)

    def free(self) -> str:
        """Return the highest system number that is neither a user's nor a group's."""
        taken = {line[2] for line in (*self.users.values(), *self.groups.values())}
        return next(str(number) for number in range(_HIGHEST, 0, -1) if str(number) not in taken)

    def add_group(self, name: str, number: str) -> None:
        if name not in self.groups:
            self.groups[name] = [name, "x", number, ""]

    def add_user(self, words: list[str]) -> None:
        name, number, text, home, shell = words
        if name in self.users:
            return
        number, _, group = number.partition(":")
        number = self.free() if number == "-" else number
        if not group:
            self.add_group(name, number)
            group = name
        group = self.groups[group][2] if group in self.groups else group
        self.users[name] = [name, "x", number, group, text, home, shell]

    def join(self, name: str, group: str) -> None:
        members = self.groups[group][3].split(",") if self.groups[group][3] else []
        self.groups[group][3] = ",".join(dict.fromkeys([*members, name]))


def account_files(found: Mapping[str, bytes]) -> Nodes:
    """Return passwd, group and their shadows.

    Args:
        found: The masters and the files in sysusers.d of the packages, by path.

    Source:
        sysusers.d(5); numbers are handed out downwards from 999, as systemd does.
    """
    accounts = _Accounts()
    users, groups = (_table(found[path]) for path in MASTERS)
    accounts.users, accounts.groups = users, groups
    lines = list(_sysusers(found))
    for kind in "gum":
        for words in lines:
            if words[0][0] == kind:
                _add(accounts, words)
    return {
        "etc/passwd": Node(_text(accounts.users.values())),
        "etc/group": Node(_text(accounts.groups.values())),
        "etc/shadow": Node(_text(_shadow(accounts.users)), 0o640, SHADOW_GROUP),
        "etc/gshadow": Node(_text(_gshadow(accounts.groups)), 0o640, SHADOW_GROUP),
    }


def _add(accounts: _Accounts, words: list[str]) -> None:
    padded = [*(["" if word == "-" else word for word in words]), "", "", "", ""]
    match words[0][0]:
        case "g":
            number = words[2] if len(words) > 2 and words[2].isdigit() else accounts.free()  # noqa: PLR2004 kind, name, number
            accounts.add_group(words[1], number)
        case "u":
            number = words[2] if len(words) > 2 else "-"  # noqa: PLR2004 kind, name, number
            shell = padded[5] or "/usr/sbin/nologin"
            accounts.add_user([words[1], number, padded[3], padded[4] or "/", shell])
        case _:
            accounts.add_group(words[2], accounts.free())
            accounts.join(words[1], words[2])


def _sysusers(found: Mapping[str, bytes]) -> Iterator[list[str]]:
    for path in sorted(path for path in found if path.startswith(SYSUSERS)):
        for line in found[path].decode().splitlines():
            if _LINE.match(line):
                yield shlex.split(line)


def _table(data: bytes) -> dict[str, list[str]]:
    lines = (line.split(":") for line in data.decode().splitlines() if line)
    return {line[0]: [line[0], "x", *line[2:]] for line in lines}


def _shadow(users: Iterable[str]) -> Iterator[list[str]]:
    # Nobody has a password: the lab comes in with a key.
    return ([name, "*", "20000", "0", "99999", "7", "", "", ""] for name in users)


def _gshadow(groups: Mapping[str, list[str]]) -> Iterator[list[str]]:
    return ([name, "*", "", line[3]] for name, line in groups.items())


def _text(lines: Iterable[list[str]]) -> bytes:
    return "".join(":".join(line) + "\n" for line in lines).encode()
