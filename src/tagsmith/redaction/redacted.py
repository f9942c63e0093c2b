"""A redacted text, and the map between its offsets and those of the original."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from tagsmith.errors import DataError


@dataclass(frozen=True, slots=True)
class Replacement:
    """Characters ``start`` to ``end`` (exclusive) of the original became ``redacted_start`` to ``redacted_end``.

    ``score`` is the highest probability, among the replaced tokens, of carrying one of the chosen labels. It is below
    the threshold where a text was replaced only because it was found elsewhere in the document. ``original``, the text
    that was replaced, is None unless somebody notes it.
    """

    start: int
    end: int
    redacted_start: int
    redacted_end: int
    label: str
    score: float
    original: str | None = None


@dataclass(frozen=True, slots=True)
class Redacted:
    """A redacted text; its ``replacements`` are in the order of the text and do not overlap.

    Examples
    --------
    >>> redacted = Redacted("[PERSON_1] left.", (Replacement(0, 4, 0, 10, "PERSON", 0.98),))  # was: Anna left.
    >>> redacted.to_redacted(5), redacted.to_original(11)
    (11, 5)
    """

    text: str
    replacements: tuple[Replacement, ...] = ()

    def to_redacted(self, offset: int, *, is_end: bool = False) -> int:
        """Return where an offset of the original is in the redacted text.

        An offset inside replaced text becomes the start of the replacement or, if it is the end of a range, the end.
        So a range becomes one that holds every replacement it touches. From outside replaced text,
        :meth:`to_original` leads back.

        Raises DataError: the text has no such offset.
        """
        ranges = [(one.start, one.end, one.redacted_start, one.redacted_end) for one in self.replacements]
        longer = ranges[-1][1] - ranges[-1][3] if ranges else 0  # than the redacted text
        return _moved(offset, is_end, ranges, len(self.text) + longer)

    def to_original(self, offset: int, *, is_end: bool = False) -> int:
        """Return where an offset of the redacted text was in the original; see :meth:`to_redacted`."""
        ranges = [(one.redacted_start, one.redacted_end, one.start, one.end) for one in self.replacements]
        return _moved(offset, is_end, ranges, len(self.text))


def _moved(offset: int, is_end: bool, ranges: list[tuple[int, int, int, int]], length: int) -> int:
    """Move an offset from one text of ``length`` characters to the other; a range is start and end in both."""
    if not 0 <= offset <= length:
        raise DataError(f"the text has no offset {offset}.", remedy=f"Offsets are from 0 to {length}.")
    starts = [start for start, *_ in ranges]
    number = (bisect_left if is_end else bisect_right)(starts, offset) - 1
    if number < 0:
        return offset
    _, end, other_start, other_end = ranges[number]
    if offset < end:
        return other_end if is_end else other_start
    return other_end + offset - end
