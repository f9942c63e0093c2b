"""GLiNER's training data: a JSON array of ``{"tokenized_text": ["Ann", …], "ner": [[0, 0, "PER"], …]}``.

The numbers are those of a span's first and last token. They are read with all JSON (:mod:`tagsmith.formats.jsonl`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from tagsmith.formats.format import Format
from tagsmith.formats.jsonl import read
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.source import check_spans, written_layers
from tagsmith.text.document import Document, Sentence, Span
from tagsmith.text.schemes import TokenSpan, tags_to_spans


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write a record a sentence; nothing is cut, however long it is, and spans may be inside each other."""
    check_spans("gliner", options)
    before = "[\n"
    for record in _records(documents, options):
        stream.write(before + json.dumps(record, ensure_ascii=False))
        before = ",\n"
    stream.write("]\n" if before != "[\n" else "[]\n")


def _records(documents: Iterable[Document], options: WriteOptions) -> Iterator[dict[str, Any]]:
    for document in documents:
        for sentence in document.sentences:
            names = written_layers(sentence, options)
            found = set(tags_to_spans(sentence.layers[names[0]], options.scheme) if names else ())
            found.update(_nested(document.spans, sentence))
            ner = [[span.start, span.end - 1, span.label] for span in sorted(found)]
            yield {"tokenized_text": list(sentence.words), "ner": ner}


def _nested(spans: Iterable[Span], sentence: Sentence) -> Iterator[TokenSpan]:
    """Yield the spans of whole tokens in a sentence: those inside others are not among its tags."""
    firsts = {token.start: number for number, token in enumerate(sentence.tokens)}
    lasts = {token.end: number for number, token in enumerate(sentence.tokens)}
    for span in spans:
        first, last = firsts.get(span.start), lasts.get(span.end)
        if first is not None and last is not None and first <= last:
            yield TokenSpan(first, last + 1, span.label)


FORMAT = Format("gliner", read, write, ending=".json", media_type="application/json")
