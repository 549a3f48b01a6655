# SPDX-License-Identifier: Apache-2.0
"""Order versions as boot loaders do.

Source:
    UAPI Group, Version Format Specification; systemd, strverscmp_improved(). blscfg of GRUB
    compares as rpm does, which is the same where kernels' releases are concerned.
"""

from __future__ import annotations

import re

PART = re.compile(r"[~.^-]|[0-9]+|[A-Za-z]+")
# Below the end of a version stands a tilde alone; the others stand below letters and numbers.
RANKS = {"~": 0, "": 1, "-": 2, "^": 3, ".": 4}
LETTERS, NUMBER = 5, 6


def version_key(version: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts versions, the oldest first."""
    parts = PART.findall(version)
    ranked = [
        (NUMBER, int(part), "")
        if part.isdigit()
        else (RANKS[part], 0, "")
        if part in RANKS
        else (LETTERS, 0, part)
        for part in parts
    ]
    return [*ranked, (RANKS[""], 0, "")]
