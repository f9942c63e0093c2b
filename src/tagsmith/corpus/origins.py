"""Where the sentences of labeled data came from: their files, their documents, and what those say about themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagsmith.corpus.sources import Data, groups_of, parts_of
from tagsmith.errors import DataError
from tagsmith.formats.options import read_options
from tagsmith.text.document import Sentence

SOURCE = "source"
NONE = "(none)"
_SHOWN = 20  # keys in an error


@dataclass(frozen=True, slots=True)
class Origin:
    """The file of a sentence, the number of its document, counted from 0 in all data, and the document's record.

    The record holds the keys of the document's JSON object beside its text and labels.
    """

    source: str
    document: int
    record: Mapping[str, Any]


def read_with_origins(data: Data, **options: Any) -> tuple[list[Sentence], list[Origin]]:
    """Read sentences as :func:`~tagsmith.corpus.sources.read_sentences` does, each with its origin."""
    reading = read_options(**options)
    sentences: list[Sentence] = []
    origins: list[Origin] = []
    documents = 0
    for part in parts_of(data):
        for group, meta in groups_of(part, reading):
            record = meta.get("record")
            origin = Origin(part.path, documents, record if isinstance(record, Mapping) else {})
            sentences += group
            origins += [origin] * len(group)
            documents += 1
    return sentences, origins


def values_of(sentences: Sequence[Sentence], origins: Sequence[Origin], key: str) -> list[str]:
    """Return what each sentence has under a key, as text; ``"(none)"`` where it has nothing.

    A key is looked for in the comments of the sentence (``# key = value``), in the record of its document, and in the
    record's ``meta``. ``source`` is the name of the file, unless a comment or record has that key.

    Raises DataError: no sentence has the key; the message lists the keys there are.
    """
    every = [_described(sentence, origin) for sentence, origin in zip(sentences, origins, strict=True)]
    if key != SOURCE and not any(key in one for one in every):
        keys = sorted({SOURCE, *(name for one in every for name in one)})
        names = ", ".join(keys[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
        raise DataError(
            f"No sentence has the key {key!r}.",
            remedy=f"The keys are: {names}. They come from JSON objects and from comments such as '# {key} = …'.",
            path=origins[0].source if origins else None,
        )
    if any(key in one for one in every):
        return [_text(one[key]) if one.get(key) is not None else NONE for one in every]
    return [origin.source for origin in origins]


def _described(sentence: Sentence, origin: Origin) -> Mapping[str, Any]:
    """Return the keys of a sentence's document and of its own comments."""
    inner = origin.record.get("meta")
    found = {**(inner if isinstance(inner, Mapping) else {}), **origin.record}
    for _, comment in sentence.meta.get("extra", ()):
        name, equals, value = comment.lstrip("#").partition("=")
        if equals and comment.startswith("#"):
            found[name.strip()] = value.strip()
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
