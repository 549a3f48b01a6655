"""Read how a simulated host's dracut is configured, and what it then copies."""

import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fleetpolicy.lab.tree import Tree

PROGRAM = "/usr/sbin/dracut"
_FOLDERS = ("/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d")
_SETTING = re.compile(r"(?P<name>\w+)(?P<adds>\+?)=(?P<value>.*)\Z")
_ALWAYS = ("/lib/modprobe.d/*.conf", "/usr/lib/modprobe.d/*.conf")
_HOST_ONLY = ("/etc/modprobe.d/*.conf", "/etc/udev/rules.d/*.rules")


@dataclass(frozen=True, slots=True)
class Dracut:
    """What dracut.conf.d asks for.

    Args:
        add: Modules that the image carries, with underscores.
        force: Modules that it loads before udev starts, with underscores.
        items: Paths that it copies; patterns where dracut itself has patterns.
    """

    add: tuple[str, ...]
    force: tuple[str, ...]
    items: tuple[str, ...]

    def copies(self, path: str) -> bool:
        """Tell whether the image gets a file of the host."""
        return any(fnmatchcase(path, item) for item in self.items)


def read_dracut(tree: Tree) -> Dracut:
    """Return the configuration of a host.

    Source:
        dracut.conf(5): files sort by name, /etc wins for a name, += adds to a list; dracut 106,
        modules.d/95udev-rules and 90kernel-modules: local rules and options go into host-only
        images alone.
    """
    found: dict[str, str] = {}
    for text in _texts(tree):
        for word in shlex.split(text, comments=True):
            setting = _SETTING.match(word)
            if setting:
                before = found.get(setting["name"], "") if setting["adds"] else ""
                found[setting["name"]] = before + setting["value"]
    is_host_only = found.get("hostonly", "").startswith(("y", "Y"))
    items = (*_ALWAYS, *(_HOST_ONLY if is_host_only else ()), *_words(found, "install_items"))
    return Dracut(_modules(found, "add_drivers"), _modules(found, "force_drivers"), items)


def _texts(tree: Tree) -> list[str]:
    chosen: dict[str, str] = {}
    for path, text in tree.texts(_FOLDERS, ".conf").items():
        chosen.setdefault(path.rpartition("/")[2], text)
    return [chosen[name] for name in sorted(chosen)]


def _words(found: dict[str, str], name: str) -> tuple[str, ...]:
    return tuple(found.get(name, "").split())


def _modules(found: dict[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.replace("-", "_") for word in _words(found, name))
