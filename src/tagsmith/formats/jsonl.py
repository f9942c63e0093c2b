"""JSON lines: a record a line, or one array of records; :mod:`tagsmith.formats.records` says which there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TextIO

from tagsmith.errors import DataError
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.records import document_of, unlabeled_document_of
from tagsmith.formats.source import Place, Source, at_least_one, open_source, pick_layer, source_name, tagged_spans
from tagsmith.text.document import Document, Span
from tagsmith.text.schemes import Scheme

_BEGINNING = re.compile(r"\s*(?:\[\s*)?\{\s*(?:\"|\})")
_SPACE = re.compile(r"[ \t\r\n]*")


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents, one for each record; a record needs labels, and a text or tokens."""
    file = Place(source_name(source), options)
    nothing = file.empty("records", "Give one JSON object a line.")
    with open_source(source, options.encoding) as stream:
        for line, record in at_least_one(records(stream, file), nothing):
            document = document_of(record, file._replace(line=line))
            if document is not None:
                yield document


def read_unlabeled(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents that are to be tagged: each keeps all keys of its record, labels included."""
    file = Place(source_name(source), options)
    with open_source(source, options.encoding) as stream:
        for line, record in records(stream, file):
            yield unlabeled_document_of(record, file._replace(line=line))


def records(stream: TextIO, file: Place) -> Iterator[tuple[int, Any]]:
    """Parse the records of a file of JSON lines, or of one array, with the line that each begins on."""
    for number, line in enumerate(stream, 1):
        text = line.strip()
        if not text:
            continue
        if text.startswith("["):
            yield from _array("".join(chain([line], stream)), number, file)
            return
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            cut = isinstance(error, json.JSONDecodeError)
            if cut and text[0] == "{" and text[-1] in "{[,":  # an object of several lines
                yield from _array("".join(chain([line], stream)), number, file)
                return
            raise _not_json(error, file, number) from error
        yield number, record


def _array(text: str, number: int, file: Place) -> Iterator[tuple[int, Any]]:
    """Parse an array, or objects of several lines each, record by record, so as to know the line of each."""
    decoder = json.JSONDecoder()
    objects = text.lstrip().startswith("{")
    position = 0 if objects else text.index("[") + 1
    line, counted = number, 0
    while True:
        position = _skip_space(text, position)
        line, counted = line + text.count("\n", counted, position), position
        if position == len(text) if objects else text[position : position + 1] == "]":
            return
        try:
            record, end = decoder.raw_decode(text, position)
            following = _skip_space(text, end)
            if not objects and text[following : following + 1] not in (",", "]"):
                raise json.JSONDecodeError("Expecting ',' delimiter", text, following)
        except (ValueError, RecursionError) as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else position
            raise _not_json(error, file, number + text.count("\n", 0, at)) from error
        yield line, record
        position = following + (text[following : following + 1] == ",")


def _skip_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def _not_json(error: Exception, file: Place, line: int) -> DataError:
    if isinstance(error, RecursionError):
        return file.error("This JSON has too many brackets inside each other.", "A record has a few levels.", line)
    if not isinstance(error, json.JSONDecodeError):  # Python reads no whole numbers of more than 4,300 digits
        return file.error("A number in this JSON has thousands of digits.", "Shorten it, or quote it.", line)
    problem = f"This is not JSON: {error.msg} at character {error.colno}."
    return file.error(problem, "Give one JSON object a line, or one array of objects.", line)


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write one record a document: text, spans, tokens, sentence boundaries, and the other keys of its record.

    The spans are the document's or, if it has none, those that the tags of the layer stand for. Tags of a plain scheme
    are written as they are, as ``tags``. If several layers are written, each is under ``layers`` too.
    """
    for document in documents:
        stream.write(json.dumps(record_of(document, options), ensure_ascii=False) + "\n")


def record_of(document: Document, options: WriteOptions) -> dict[str, Any]:
    """Return the record of a document, see :func:`write`."""
    plain = options.scheme is Scheme.PLAIN
    layer = next((pick_layer(sentence.layers, options.layer) for sentence in document.sentences), None)
    labels = _labels(document, layer or "", options.scheme, document.spans)
    record: dict[str, Any] = {"text": document.text} | ({} if plain else {"spans": labels})
    words = chain.from_iterable(zip(one.words, one.starts, strict=True) for one in document.sentences)
    record["tokens"] = [
        {"text": word, "start": start, "end": start + len(word), "id": number}
        for number, (word, start) in enumerate(words)
    ]
    if plain and layer is not None:
        record["tags"] = labels
    if len(options.layers) > 1 and layer is not None:
        record["layers"] = {
            one.name: _labels(document, one.name, one.scheme, document.layer_spans.get(one.name, ()))
            for one in options.layers
        }
    record["sentences"] = [[sentence.start, sentence.end] for sentence in document.sentences]
    return record | {key: value for key, value in document.meta.get("record", {}).items() if key not in record}


def _labels(document: Document, layer: str, scheme: Scheme, spans: Sequence[Span]) -> list[Any]:
    """Return the tags of a plain layer; otherwise the spans or, if there are none, those that the tags stand for."""
    if scheme is Scheme.PLAIN:
        return [tag for sentence in document.sentences for tag in sentence.layers.get(layer, ())]
    return [_written_span(span, document.text) for span in spans or tagged_spans(document, layer, scheme)]


def _written_span(span: Span, text: str) -> dict[str, Any]:
    written = {"start": span.start, "end": span.end, "label": span.label, "text": text[span.start : span.end]}
    return written if span.score is None else written | {"score": round(span.score, 6)}


FORMAT = Format(
    "jsonl",
    read,
    write,
    suffixes=(".jsonl", ".ndjson"),
    read_suffixes=(".json",),
    begins=lambda text: _BEGINNING.match(text) is not None,
    media_type="application/x-ndjson",
    holds_spans=True,
    read_unlabeled=read_unlabeled,
)
