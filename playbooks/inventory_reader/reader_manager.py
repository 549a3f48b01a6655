# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse inventories so that a source which Ansible cannot parse is an error."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from reader_report import Report


class Loader(DataLoader):
    """Ansible's loader, which does not copy what it does not keep."""

    def load_from_file(
        self,
        file_name: str,
        cache: str = "all",
        unsafe: bool = False,  # noqa: FBT001, FBT002 Ansible's signature
        **more: Any,
    ) -> Any:
        """Return a file's data; the copy that guards Ansible's cache is half of the time."""
        unsafe = unsafe or cache == "none"
        return super().load_from_file(file_name, cache=cache, unsafe=unsafe, **more)


class Manager(InventoryManager):
    """Ansible's inventory, which remembers what each source was parsed by or failed on."""

    def __init__(self, loader: DataLoader, request: Mapping[str, Any], report: Report) -> None:
        super().__init__(loader=loader, sources=request["sources"], parse=False)
        self.ignored = frozenset(request["ignored"])
        self.report = report
        self.failures: dict[str, dict[str, Exception]] = {}
        self.plugins: set[str] = set()

    def _fetch_inventory_plugins(self) -> list[Any]:
        plugins = super()._fetch_inventory_plugins()
        for plugin in plugins:
            self._watch(plugin)
        return plugins

    def _watch(self, plugin: Any) -> None:
        parse = plugin.parse
        name = str(getattr(plugin, "_load_name", plugin.NAME)).rpartition(".")[2]

        def watched(inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: FBT001, FBT002 Ansible's signature
            heard = len(self.report.remarks)
            self.report.source = str(path)
            try:
                parse(inventory, loader, path, cache=cache)
            except Exception as error:
                del self.report.remarks[heard:]
                self.failures.setdefault(str(path), {})[name] = error
                raise
            finally:
                self.report.source = ""
            self.plugins.add(name)

        plugin.parse = watched

    def parse_source(self, source: str, cache: bool = False) -> bool:  # noqa: FBT001, FBT002 Ansible's signature
        """Parse one source; one that no plugin can parse is an error, not a warning."""
        if str(source) in self.ignored:
            return False
        parsed = bool(super().parse_source(source, cache=cache))
        if not parsed and not Path(source).is_dir():
            failures = self.failures.get(str(source), {})
            self.report.fail("unparsed", _most_telling(str(source), failures), str(source))
        return parsed


def _most_telling(source: str, failures: Mapping[str, Exception]) -> Exception:
    """Return the failure of the plugin that the file was most likely written for."""
    likely = ["script", "ini", "yaml", "auto", "toml"]
    if Path(source).suffix in {".yml", ".yaml", ".json"}:
        configures = "Plugin configuration" in str(failures.get("yaml", ""))
        likely = ["auto", "yaml"] if configures else ["script", "yaml", "auto"]
    elif source.endswith(".toml"):
        likely = ["toml"]
    for name in likely:
        if name in failures:
            return failures[name]
    if failures:
        return next(iter(failures.values()))
    return AnsibleError("none of the enabled inventory plugins takes this file")
