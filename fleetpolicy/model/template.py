"""Hold the XML that an operator brings for a guest, as it was read."""

from msgspec import Struct


class Template(Struct, frozen=True):
    """A file with a domain's XML.

    Args:
        path: As it is shown to the user.
        data: Its bytes, not judged yet.
        digest: Of the bytes, in hex digits.
    """

    path: str
    data: bytes
    digest: str
