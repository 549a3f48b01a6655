"""Put a program of this machine's shell in the place of an unpacked one."""

from pathlib import Path

from fleetpolicy.emulate.programs import Programs


class _Shell(Programs):
    def command(self, name: str) -> tuple[str, ...]:
        return (str(self.folder / "usr" / "bin" / name),)


def shell(folder: Path, name: str, body: str) -> Programs:
    """Return programs of which one does what a shell is told."""
    place = folder / "usr" / "bin" / name
    place.parent.mkdir(parents=True)
    place.write_text(f"#!/bin/sh\n{body}\n")
    place.chmod(0o755)
    return _Shell(folder, "0")
