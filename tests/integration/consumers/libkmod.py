"""Ask kmod's own library, so that thousands of look-ups cost no process each."""

import ctypes
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

from tests.integration.consumers.programs import needs

_BUILTIN = 0


class Libkmod:
    """A context of libkmod on a root of modules and a folder of configuration."""

    def __init__(self, modules: Path, configuration: Path) -> None:
        self._library = ctypes.CDLL(find_library("kmod") or needs("libkmod.so.2"))
        for name in ("kmod_new", "kmod_list_next", "kmod_module_get_module"):
            getattr(self._library, name).restype = ctypes.c_void_p
        self._library.kmod_module_get_name.restype = ctypes.c_char_p
        folders = (ctypes.c_char_p * 2)(str(configuration).encode(), None)
        found = self._library.kmod_new(str(modules).encode(), folders)
        self._context = ctypes.c_void_p(found)
        assert self._library.kmod_load_resources(self._context) == 0

    def lookup(self, alias: str) -> list[str]:
        """Return the modules that a name or alias stands for, in kmod's order."""
        head = ctypes.c_void_p()
        status = self._library.kmod_module_new_from_lookup(
            self._context, alias.encode(), ctypes.byref(head)
        )
        assert status == 0, alias
        found = list(self._names(head))
        self._library.kmod_module_unref_list(head)
        return found

    def is_built_in(self, module: str) -> bool:
        """Tell whether kmod takes a module for one that is built in."""
        made = ctypes.c_void_p()
        status = self._library.kmod_module_new_from_name(
            self._context, module.encode(), ctypes.byref(made)
        )
        assert status == 0, module
        state: int = self._library.kmod_module_get_initstate(made)
        self._library.kmod_module_unref(made)
        return state == _BUILTIN

    def _names(self, head: ctypes.c_void_p) -> Iterator[str]:
        entry = head
        while entry.value:
            module = ctypes.c_void_p(self._library.kmod_module_get_module(entry))
            yield self._library.kmod_module_get_name(module).decode()
            self._library.kmod_module_unref(module)
            entry = ctypes.c_void_p(self._library.kmod_list_next(head, entry))
