"""Write one kind of line between documents: three dashes."""

from yaml.tokens import DirectiveToken, DocumentEndToken

from fleetpolicy.format.events import tokens_of


def separate(text: str) -> str:
    """Return a text without lines of three dots, but for those that a directive needs."""
    lines = text.split("\n")
    dropped: set[int] = set()
    ended: int | None = None
    for token in tokens_of(text):
        if ended is not None and lines[ended].strip() == "...":
            dropped |= set() if isinstance(token, DirectiveToken) else {ended}
        ended = token.start_mark.line if isinstance(token, DocumentEndToken) else None
    return "\n".join(line for number, line in enumerate(lines) if number not in dropped)
