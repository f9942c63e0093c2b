"""doccano's JSON lines for sequence labeling: ``{"text": …, "label": [[start, end, "PER"], …]}``.

Its exports are read like all JSON lines (:mod:`tagsmith.formats.jsonl`); what is written here is what it imports. Its
page counts UTF-16 units, see :mod:`tagsmith.formats.offsets`. So the numbers are in them, and each record says so under
a key that comes back with doccano's export. (Every one: its import fails if a key is in some records only.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from tagsmith.formats.format import Format
from tagsmith.formats.jsonl import read
from tagsmith.formats.offsets import utf_16_place, utf_16_places
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.records import OFFSET_UNIT
from tagsmith.formats.source import check_spans, spans_to_write
from tagsmith.text.document import Document


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write a record a document, with its spans and the other keys that it was read with."""
    check_spans("doccano", options)
    for document in documents:
        places = utf_16_places(document.text)
        spans = [
            [utf_16_place(places, span.start), utf_16_place(places, span.end), span.label]
            for span in spans_to_write(document, options)
        ]
        rest = document.meta.get("record", {})
        record = {**rest, "text": document.text, "label": spans, OFFSET_UNIT: "utf-16"}
        stream.write(json.dumps(record) + "\n")  # in ASCII: doccano guesses the encoding, often wrong


FORMAT = Format("doccano", read, write, ending=".jsonl", media_type="application/x-ndjson", holds_spans=True)
