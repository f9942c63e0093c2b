"""Repairs of illegal tags, with file and line."""

from __future__ import annotations

from dataclasses import dataclass

from tagsmith.formats.source import token_line
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, is_legal, repair_tags


@dataclass(frozen=True, slots=True)
class TagRepair:
    """A tag of a file that broke its scheme and what became of it."""

    path: str
    line: int
    word: str
    was: str
    becomes: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.was} on {self.word!r} {self.reason}; became {self.becomes}"


def repaired(sentence: Sentence, layer: str, scheme: Scheme, path: str, repairs: list[TagRepair]) -> Sentence:
    """Return the sentence with legal tags, adding to ``repairs`` what had to change."""
    tags = sentence.layers[layer]
    if is_legal(tags, scheme):
        return sentence
    legal, changes = repair_tags(tags, scheme)
    repairs += [
        TagRepair(
            path,
            token_line(sentence, change.index),
            sentence.words[change.index],
            change.was,
            change.becomes,
            change.reason,
        )
        for change in changes
    ]
    return sentence.with_layer(layer, legal)
