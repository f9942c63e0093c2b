"""Label Studio's tasks with pre-annotations, as its import takes them: a JSON array.

Its exports are read like all JSON (:mod:`tagsmith.formats.jsonl`). Offsets are in characters (code points), as Label
Studio has them since version 1.4; older exports, which count UTF-16 units, are recognized by the text that spans quote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TextIO

from tagsmith.formats.format import Format
from tagsmith.formats.jsonl import read
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.source import check_spans, spans_to_write
from tagsmith.text.document import Document, Span

CONTROL, OBJECT, FIELD = "label", "text", "text"  # the names in Label Studio's own template for named entities


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write a task a document, with its spans as predictions; a task that was read keeps its other data and names."""
    check_spans("label-studio", options)
    before = "[\n"
    for document in documents:
        stream.write(before + json.dumps(_task(document, options), ensure_ascii=False))
        before = ",\n"
    stream.write("]\n" if before != "[\n" else "[]\n")


def _task(document: Document, options: WriteOptions) -> dict[str, Any]:
    known = document.meta.get("label_studio", {})
    names = {"from_name": known.get("from_name", CONTROL), "to_name": known.get("to_name", OBJECT)}
    results = [
        _result(document.text, span, number, names) for number, span in enumerate(spans_to_write(document, options), 1)
    ]
    task: dict[str, Any] = {"id": known["id"]} if "id" in known else {}
    data = {**known.get("data", {}), known.get("field", FIELD): document.text}
    return {**task, "data": data, "predictions": [{"model_version": "tagsmith", "result": results}]}


def _result(text: str, span: Span, number: int, names: dict[str, str]) -> dict[str, Any]:
    value = {"start": span.start, "end": span.end, "text": text[span.start : span.end], "labels": [span.label]}
    result = {"id": f"span{number}", **names, "type": "labels", "value": value}
    return result if span.score is None else result | {"score": round(span.score, 6)}


FORMAT = Format("label-studio", read, write, ending=".json", media_type="application/json", holds_spans=True)
