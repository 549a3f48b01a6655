"""Walk over a text's tokens, and note what becomes of each line."""

from typing import Any

from yaml.tokens import (
    BlockEndToken,
    BlockEntryToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    DirectiveToken,
    DocumentEndToken,
    DocumentStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    ScalarToken,
    ValueToken,
)

from fleetpolicy.format.blockscalar import lay_out_block
from fleetpolicy.format.events import tokens_of
from fleetpolicy.format.page import STEP, Block, Level, Page

_FLOW_STARTS = (FlowMappingStartToken, FlowSequenceStartToken)
_FLOW_ENDS = (FlowMappingEndToken, FlowSequenceEndToken)
_AT_MARGIN = (DocumentStartToken, DocumentEndToken, DirectiveToken)
_OPENED = {BlockMappingStartToken: Block.MAPPING, BlockSequenceStartToken: Block.SEQUENCE}


class NotLaidOut(Exception):  # noqa: N818 a decision, not an error
    """A text uses what no policy uses, and is left as it is."""


def note_levels(text: str, page: Page) -> None:
    """Fill a page.

    Raises:
        NotLaidOut: The text has explicit keys, or a collection on the line of a separator.
    """
    walk = _Walk(page)
    for token in tokens_of(text):
        walk.follow(token)


class _Walk:
    """What is open at a token."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._levels: list[Level] = []
        self._flow = 0
        self._line = -1
        self._last: Any = None

    def follow(self, token: Any) -> None:
        """Take a token in."""
        has_text = token.start_mark.index != token.end_mark.index
        if not self._flow:
            self._open_and_close(token, has_text=has_text)
        if has_text:
            self._place(token)
            self._flow += isinstance(token, _FLOW_STARTS)
            self._flow -= isinstance(token, _FLOW_ENDS)
            self._leave(token)
        self._last = token

    @property
    def _top(self) -> Level:
        return self._levels[-1] if self._levels else Level(Block.MAPPING, -STEP, -STEP)

    def _open_and_close(self, token: Any, *, has_text: bool) -> None:
        if has_text and isinstance(token, KeyToken):
            raise NotLaidOut
        closes = isinstance(token, BlockEndToken)
        if self._top.block is Block.DASHES and (closes or isinstance(token, KeyToken)):
            self._levels.pop()
        if closes:
            self._levels.pop()
        block = _OPENED.get(type(token))
        if isinstance(token, BlockEntryToken) and self._top.block is Block.MAPPING:
            block = Block.DASHES
        if block:
            if isinstance(self._last, DocumentStartToken) and token.start_mark.line == self._line:
                raise NotLaidOut
            self._levels.append(Level(block, token.start_mark.column, self._top.new + STEP))

    def _place(self, token: Any) -> None:
        """Note the column of a line that begins with a token, and the gap behind a dash."""
        line, column = token.start_mark.line, token.start_mark.column
        if line == self._line:
            dash = self._dash_before(token)
            if dash is not None:
                self._page.gaps.setdefault(line, []).append((dash, column))
            return
        if isinstance(token, _AT_MARGIN) or not (self._levels or self._flow):
            return
        if self._flow:
            self._page.shifts[line] = (self._shift, self._top.new)
        elif isinstance(token, BlockEntryToken) or self._is_key:
            self._page.columns[line] = self._top.new
        elif isinstance(token, ValueToken):
            raise NotLaidOut
        else:
            self._page.columns[line] = self._top.new + STEP

    def _dash_before(self, token: Any) -> int | None:
        """Return where the dash ends that a token on its line follows."""
        return None if self._dash is None or token.start_mark.line != self._line else self._dash

    _dash: int | None = None

    @property
    def _is_key(self) -> bool:
        return isinstance(self._last, KeyToken)

    @property
    def _shift(self) -> int:
        return self._top.new - self._top.old

    def _leave(self, token: Any) -> None:
        """Note what follows from the end of a token."""
        start, end = token.start_mark.line, token.end_mark.line
        is_block = isinstance(token, ScalarToken) and token.style in {"|", ">"}
        if is_block:
            known = self._top if self._levels else None
            texts = lay_out_block(self._page.lines, token, known)
            self._page.finished |= texts
            end = max(texts, default=start)
        elif end > start:
            self._page.kept_ends |= set(range(start, end)) if token.style else set()
            least = (self._shift, self._top.new + 1) if self._levels else (0, 0)
            self._page.shifts |= dict.fromkeys(range(start + 1, end + 1), least)
        self._line = end
        self._dash = token.end_mark.column if isinstance(token, BlockEntryToken) else None
        self._page.levels[end] = tuple(self._levels)
        if self._flow:
            self._page.flows.add(end)
