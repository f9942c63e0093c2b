"""GLiNER's training data: a JSON array of ``{"tokenized_text": ["Ann", …], "ner": [[0, 0, "PER"], …]}``.

The numbers are those of a span's first and last token. They are read with all JSON (:mod:`tagsmith.formats.jsonl`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from tagsmith.formats.alignment import build_document
from tagsmith.formats.format import Format
from tagsmith.formats.jsonl import read
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.source import Place, check_spans, written_layers
from tagsmith.text.document import Document, Span, sentence_from_words
from tagsmith.text.schemes import tags_to_spans


def document_of(record: Mapping[str, Any], place: Place) -> Document:
    """Make a document of a record; spans inside others are kept among its spans, but are not among its tags.

    Raises DataError: the tokens are no list of words, or a span is not two tokens and a label.
    """
    words, given = record["tokenized_text"], record.get("ner", [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise place.error(
            "The tokenized_text is no list of words.", 'Give {"tokenized_text": ["A", "word"], "ner": []}.'
        )
    tokens = sentence_from_words(words).tokens
    spans = []
    for item in given if isinstance(given, list) else [given]:
        match item:
            case [int(first), int(last), str(label)] if 0 <= first <= last < len(tokens) and label:
                spans.append(Span(tokens[first].start, tokens[last].end, label))
            case _:
                problem = f"The span {json.dumps(item)[:100]} is not first token, last token and label."
                raise place.error(problem, f"Tokens are counted from 0 to {len(tokens) - 1} here.")
    rest = {key: value for key, value in record.items() if key not in ("tokenized_text", "ner")}
    text = " ".join(words)
    return build_document(text, [tokens] if tokens else [], place, spans=spans, meta={"record": rest} if rest else {})


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write a record a sentence; nothing is cut, however long it is."""
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
            found = tags_to_spans(sentence.layers[names[0]], options.scheme) if names else []
            ner = [[span.start, span.end - 1, span.label] for span in found]
            yield {"tokenized_text": list(sentence.words), "ner": ner}


FORMAT = Format("gliner", read, write, ending=".json", media_type="application/json")
