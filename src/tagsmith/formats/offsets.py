r"""What the numbers of spans count: characters (code points), UTF-16 units as in JavaScript, or what a reader sees.

doccano's page counts UTF-16 units, in which an emoji is two or more, or with an option of the project grapheme
clusters, in which a line end ``\r\n`` is one. Its files do not say which, and do not quote the text of a span.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from tagsmith.formats.source import Place, shortened
from tagsmith.text.document import Token

Fields = tuple[int, int, str, str | None]  # of a span: start, end, label, and the text that it quotes
CHARACTERS, UTF_16, GRAPHEMES = "characters", "UTF-16 units", "grapheme clusters"


def utf_16_places(text: str) -> list[int]:
    """Return where each character begins in UTF-16 units, and where the last one ends."""
    return list(accumulate((1 + (ord(character) > 0xFFFF) for character in text), initial=0))


def utf_16_place(places: Sequence[int], character: int) -> int:
    """Return one of :func:`utf_16_places`; a character outside of the text stays as far outside."""
    return places[character] if 0 <= character < len(places) else character + places[-1] - len(places) + 1


def found_by_quotes(fields: Sequence[Fields], text: str, place: Place) -> list[Fields]:
    """Find the texts that spans quote, in characters or in UTF-16 units."""
    units = utf_16_places(text)
    found = []
    for start, end, label, quote in fields:
        if quote and text[start:end] != quote:
            first, last = bisect_left(units, start), bisect_left(units, end)
            if text[first:last] == quote:
                start, end = first, last
            else:
                here, said = shortened(text[start:end]), shortened(quote)
                place.report(f"the span {start}–{end} is {here!r}, not {said!r} as it says; its numbers are used")
        found.append((start, end, label, quote))
    return found


def in_characters(
    fields: Sequence[Fields], text: str, tokens: Sequence[Token], place: Place, *, from_doccano: bool
) -> list[Fields]:
    """Turn the numbers of spans that quote nothing into characters.

    Those of doccano's exports are taken for UTF-16 units, unless more spans begin and end where tokens do if the
    numbers count something else; that is reported, and also if both fit alike. Those of other records are characters;
    if more of them fit in UTF-16 units, that is reported.
    """
    counts = _counts(text, graphemes=from_doccano)
    starts, ends = {token.start for token in tokens}, {token.end for token in tokens}
    usual = UTF_16 if from_doccano else CHARACTERS
    read = {
        name: [(_at(characters, start), _at(characters, end)) for start, end, _, _ in fields]
        for name, characters in counts.items()
    }
    fit = {name: sum(start in starts and end in ends for start, end in spans) for name, spans in read.items()}
    best = max(read, key=lambda name: (fit[name], name == usual))
    rival = next((name for name in read if fit[name] == fit[best] > 0 and read[name] != read[best]), None)
    fitting = f"{fit[best]} of {len(fields)} spans fit so"
    if not from_doccano and fit[best] > fit[usual]:
        place.report(f"the spans may count {best}, not {usual}: {fitting}; if they do, name the format doccano")
        best = usual
    elif read[best] != read[usual]:
        place.report(f"the spans count {best}, not {usual}: {fitting}")
    elif from_doccano and rival:
        place.report(f"the spans fit as {best} and as {rival}; they are read as {best}")
    if best == CHARACTERS:
        return list(fields)
    return [(start, end, label, quote) for (start, end), (_, _, label, quote) in zip(read[best], fields, strict=True)]


def _counts(text: str, *, graphemes: bool) -> Mapping[str, Sequence[int]]:
    """Return, for each way of counting, the character at each number; -1: the number is inside of a character."""
    units: list[int] = []
    for place, character in enumerate(text):
        units += (place, -1) if ord(character) > 0xFFFF else (place,)
    counts: dict[str, Sequence[int]] = {CHARACTERS: range(len(text) + 1), UTF_16: [*units, len(text)]}
    if graphemes:
        import regex

        counts[GRAPHEMES] = list(accumulate(map(len, regex.findall(r"\X", text)), initial=0))
    return counts


def _at(characters: Sequence[int], number: int) -> int:
    """Return the character at a number; one outside of the text stays outside."""
    return characters[number] if 0 <= number < len(characters) else number if number < 0 else characters[-1] + 1
