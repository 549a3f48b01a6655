"""Read which Debian mirrors this machine's apt is configured with, and point a suite at one."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.rules import NO_MIRROR

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SECURITY = "-security"
_CODENAMES = {"bullseye", "bookworm", "trixie", "forky", "duke", "sid", "stable", "testing"}
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+\S")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A configured archive of Debian.

    Args:
        uri: Without a slash at its end.
        suite: One that is configured for it, such as bookworm or bookworm-security.
        keyring: The file whose keys sign it.
    """

    uri: str
    suite: str
    keyring: str

    @property
    def is_security(self) -> bool:
        """Tell whether it is the archive of security updates, which has suites of its own."""
        return self.suite.endswith(_SECURITY)


def apt_folder() -> Path:
    """Return where sources are looked up: /etc/apt, or what FLEETPOLICY_APT names."""
    return Path(os.environ.get("FLEETPOLICY_APT", "/etc/apt"))


def configured_mirrors(folder: Path) -> tuple[Mirror, ...]:
    """Return the Debian archives of sources.list and sources.list.d, in apt's order.

    Source:
        sources.list(5).
    """
    found: list[Mirror] = []
    for path in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".sources":
            found += _read_deb822(text)
        elif path.suffix == ".list":
            found += _read_one_line(text)
    return tuple(item for item in found if _stem(item.suite) in _CODENAMES)


def source_lines(suites: Iterable[str], arch: str, mirrors: Iterable[Mirror]) -> tuple[str, ...]:
    """Return a line of sources.list for each suite.

    Args:
        suites: Such as trixie and trixie-backports.
        arch: Debian's name of the architecture, such as arm64.
        mirrors: What is configured.

    Raises:
        FleetPolicyError: No mirror is configured that has a suite.
    """
    known = tuple(mirrors)
    return tuple(_line(suite, arch, known) for suite in suites)


def _line(suite: str, arch: str, mirrors: tuple[Mirror, ...]) -> str:
    wants_security = suite.endswith(_SECURITY)
    fitting = [item for item in mirrors if item.is_security == wants_security]
    if not fitting:
        kind = "security updates" if wants_security else "Debian"
        raise FleetPolicyError(
            NO_MIRROR.at(
                Span(str(apt_folder())),
                why=f"no source there is a mirror of {kind}, and {suite} is needed",
                fix="add a Debian mirror to apt's sources, or let FLEETPOLICY_APT name a folder "
                "with a sources.list that has one",
            )
        )
    # The archive of a suite that is configured itself is the best: others may be partial mirrors.
    best = next((item for item in fitting if item.suite == suite), fitting[0])
    return f"deb [arch={arch} signed-by={best.keyring}] {best.uri} {suite} main"


def _stem(suite: str) -> str:
    return suite.split("-", 1)[0]


def _read_one_line(text: str) -> Iterator[Mirror]:
    for line in text.splitlines():
        found = _ONE_LINE.match(line.strip())
        if not found:
            continue
        options = dict(
            word.split("=", 1) for word in (found["options"] or "").split() if "=" in word
        )
        yield Mirror(found["uri"].rstrip("/"), found["suite"], _keyring(options.get("signed-by")))


def _read_deb822(text: str) -> Iterator[Mirror]:
    for fields in _stanzas(text):
        enabled = fields.get("enabled", "yes").lower() not in {"no", "false", "off", "0", "without"}
        if not enabled or "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Mirror(uri.rstrip("/"), suite, _keyring(fields.get("signed-by")))


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1] in {" ", "\t"} and name:
                fields[name] += "\n" + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        yield fields


def _keyring(signed_by: str | None) -> str:
    """Return the keyring file that is named; keys may also be embedded or be fingerprints."""
    return signed_by if signed_by and re.fullmatch(r"/\S+", signed_by) else KEYRING
