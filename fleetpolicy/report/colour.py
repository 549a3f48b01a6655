"""Colour text for a terminal, or leave it alone."""

from msgspec import Struct

_CODES = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "bold": 1, "dim": 2}


class Palette(Struct, frozen=True):
    """Paint words; an inactive palette returns them as they are."""

    active: bool = False

    def paint(self, text: str, colour: str) -> str:
        """Return the text in a colour: red, green, yellow, cyan, bold or dim."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.active and text else text


PLAIN = Palette()
