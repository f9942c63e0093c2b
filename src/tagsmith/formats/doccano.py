"""doccano's JSON lines for sequence labeling: ``{"text": …, "label": [[start, end, "PER"], …]}``.

Its exports are read like all JSON lines (:mod:`tagsmith.formats.jsonl`); what is written here is what it imports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from tagsmith.formats.format import Format
from tagsmith.formats.jsonl import read
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.source import check_spans, spans_to_write
from tagsmith.text.document import Document


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write a record a document, with its spans and the other keys that it was read with."""
    check_spans("doccano", options)
    for document in documents:
        labels = [[span.start, span.end, span.label] for span in spans_to_write(document, options)]
        record = {**document.meta.get("record", {}), "text": document.text, "label": labels}
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")


FORMAT = Format("doccano", read, write, ending=".jsonl", media_type="application/x-ndjson", holds_spans=True)
