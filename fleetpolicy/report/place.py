"""Tell where findings are, in the words of tools that look files up."""

from posixpath import isabs, join, normpath
from urllib.parse import quote

from fleetpolicy.diagnostics import Span

_NO_FILES = ("command line", "look at ")


def file_of(span: Span, folder: str) -> str:
    """Return the path of a place, relative to a folder where it lies below it.

    Args:
        span: Its path may be relative to the folder.
        folder: Absolute.

    Returns:
        An empty text where the place is no file.
    """
    if span.path.startswith(_NO_FILES) or not span.path:
        return ""
    whole = normpath(join(folder, span.path))
    base = normpath(folder).rstrip("/") + "/"
    return whole.removeprefix(base)


def uri_of(span: Span, folder: str) -> str:
    """Return the same as a URI reference.

    Source:
        RFC 3986; RFC 8089, file URIs
    """
    path = file_of(span, folder)
    quoted = quote(path, safe="/", errors="surrogateescape")
    return f"file://{quoted}" if isabs(path) else quoted
