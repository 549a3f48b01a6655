"""Read and write below the folder that stands for a host."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


class Tree:
    """A folder that stands for /; every path is the host's own, absolute."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()

    def path(self, path: str) -> Path:
        """Return where a path of the host really is."""
        return Path(f"{self.root}{path}")

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Put a file in its place in one step, with the folders above it."""
        place = self.path(path)
        staged = place.with_name(f".{place.name}.lab-new")
        place.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(content.encode() if isinstance(content, str) else content)
        staged.chmod(mode)
        staged.replace(place)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link, relative so that the folder can be moved."""
        folder, _, name = path.rpartition("/")
        self.folder(folder)
        self.path(f"{folder}/{name}").symlink_to(os.path.relpath(target, folder))

    def folder(self, path: str) -> None:
        """Make a folder."""
        self.path(path).mkdir(parents=True, exist_ok=True)

    def remove(self, path: str) -> None:
        """Remove a file, a link, or a folder with all that is in it; nothing is fine too."""
        place = self.path(path)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def exists(self, path: str) -> bool:
        """Return whether something is there."""
        return self.path(path).exists()

    def text(self, path: str) -> str | None:
        """Return a file's text, or None without such a file."""
        data = self.data(path)
        return None if data is None else data.decode("utf-8", "replace")

    def data(self, path: str) -> bytes | None:
        """Return a file's bytes, or None without such a file."""
        try:
            return self.path(path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, sorted; none without such a folder."""
        try:
            return sorted(entry.name for entry in self.path(path).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def texts(self, folders: Iterable[str], suffix: str = "") -> dict[str, str]:
        """Return the text of every file in some folders, by path; hidden ones are left out."""
        paths = [
            f"{folder}/{name}"
            for folder in folders
            for name in self.names(folder)
            if name.endswith(suffix) and not name.startswith(".")
        ]
        found = {path: self.text(path) for path in paths}
        return {path: text for path, text in found.items() if text is not None}
