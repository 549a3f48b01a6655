"""Write explanations: statements, each with the line that caused it."""

from collections.abc import Callable, Iterable

from fleetpolicy.diagnostics import Span


def write_explanation(
    reasons: Iterable[tuple[str, Span | None]], quote: Callable[[Span], str]
) -> str:
    """Return a line per statement, and below it the place and text of its cause.

    Args:
        reasons: Statement and cause.
        quote: Returns the text of the line at a place, empty where it cannot be read.
    """
    lines = []
    for text, origin in reasons:
        lines.append(text)
        if origin:
            quoted = quote(origin)
            lines.append(f"    {origin}" + (f": {quoted}" if quoted else ""))
    return "".join(line + "\n" for line in lines)
