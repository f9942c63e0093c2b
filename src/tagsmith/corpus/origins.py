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
SEVERAL = object()  # in place of the value of a column that has several in one sentence
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

    A key is looked for in the comments of the sentence (``# key = value``), in the record of its document, in the
    record's ``meta``, and among the columns beside words and tags: by heading, or without headings by number from 1.
    ``source`` is the name of the file, unless something else has that key.

    Raises DataError: no sentence has the key, and the message lists the keys there are; or a column has several values
    in one sentence.
    """
    every = [_described(sentence, origin) for sentence, origin in zip(sentences, origins, strict=True)]
    varying: dict[str, int] = {}  # column → the first sentence in which it has several values
    for number, one in enumerate(every):
        for name in (name for name, value in one.items() if value is SEVERAL):
            varying.setdefault(name, number)
    keys = sorted({SOURCE, *(name for one in every for name in one)} - set(varying))
    if key in keys or key == SOURCE:
        if any(key in one for one in every):
            return [_text(one[key]) if one.get(key) is not None else NONE for one in every]
        return [origin.source for origin in origins]
    names = ", ".join(keys[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
    if key in varying:
        raise DataError(
            f"The column {key!r} has several values in this sentence.",
            remedy=f"Take one that says the same of each token of a sentence. The keys are: {names}.",
            path=origins[varying[key]].source,
            line=sentences[varying[key]].line or None,
        )
    raise DataError(
        f"No sentence has the key {key!r}.",
        remedy=f"The keys are: {names}. They come from JSON objects, from comments such as '# {key} = …', and from "
        "columns with the same value at each token of a sentence.",
        path=origins[0].source if origins else None,
    )


def _described(sentence: Sentence, origin: Origin) -> Mapping[str, Any]:
    """Return the keys of a sentence's columns and document, and of its own comments."""
    inner = origin.record.get("meta")
    found = {**_columns(sentence), **(inner if isinstance(inner, Mapping) else {}), **origin.record}
    for _, comment in sentence.meta.get("extra", ()):
        name, equals, value = comment.lstrip("#").partition("=")
        if equals and comment.startswith("#"):
            found[name.strip()] = value.strip()
    return found


def _columns(sentence: Sentence) -> dict[str, Any]:
    """Return the values of a sentence's columns beside words and tags; SEVERAL where its tokens differ."""
    meta = sentence.meta
    found = {name: SEVERAL if value is None else value for name, value in meta.get("values", {}).items()}
    if "rows" in meta:
        for number, cells in enumerate(zip(*meta["rows"], strict=True)):
            if number not in meta["columns"]:
                name = meta["headings"][number] if "headings" in meta else str(number + 1)
                found[name] = cells[0] if len(set(cells)) == 1 else SEVERAL
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
