"""Words cut as the tokenizer of tagsmith cuts them in running text, where a corpus has no parts of speech to keep."""

from __future__ import annotations

import re
from collections.abc import Sequence

import tagsmith
from layouts import UNKNOWN, Found, Labeled

_POSSESSIVE = frozenset(("'s", "’s"))
_LETTER = re.compile(r"[^\W\d_]")


def split(sentence: Labeled) -> Labeled:
    """Cut words that would be several: ``don't``, ``People's``, ``"),``.

    What is cut is within the same span, but for ``'s`` and punctuation at its end.
    """
    words, tags = list[str](), list[str]()
    given = sentence.ner or ()
    for word, tag, after in zip(sentence.words, given, [*given[1:], "O"], strict=True):
        pieces = [token.text for token in tagsmith.tokenize(word)] if len(word) > 1 else [word]
        if "".join(pieces) != word:  # invisible characters are in no token
            pieces = [word]
        words += pieces
        tags += [tag, *([f"I{tag[1:]}" if tag[0] in "BI" else tag] * (len(pieces) - 1))]
        beside_name = pieces[-1] in _POSSESSIVE or not _LETTER.search(pieces[-1])
        if len(pieces) > 1 and tags[-1].startswith("I-") and beside_name and not after.startswith("I-"):
            tags[-1] = "O"
    return Labeled(tuple(words), tuple(tags))


def join_hyphens(words: Sequence[str], spans: Sequence[Found]) -> tuple[list[str], list[Found]]:
    """Join ``well - known`` to one word; a span that ends within a joined word is unknown."""
    joined, place = list[str](), list[int]()
    for index, word in enumerate(words):
        follows = index + 1 < len(words) and _LETTER.match(words[index + 1])
        hyphen = word == "-" and index > 0 and _LETTER.match(words[index - 1][-1]) and follows
        after = index > 1 and words[index - 1] == "-" and _LETTER.match(words[index - 2][-1]) and _LETTER.match(word)
        if hyphen or after:
            joined[-1] += word
        else:
            joined.append(word)
        place.append(len(joined) - 1)
    moved = []
    for start, end, label in spans:
        whole = (start == 0 or place[start - 1] < place[start]) and (end == len(words) or place[end - 1] < place[end])
        moved.append((place[start], place[end - 1] + 1, label if whole else UNKNOWN))
    return joined, moved
