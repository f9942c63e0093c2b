"""Prodigy's JSON lines: ``{"text": …, "tokens": […], "spans": […], "answer": "accept"}``.

They are read like all JSON lines (:mod:`tagsmith.formats.jsonl`), without the records whose answer was another.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TextIO

from tagsmith.formats.format import Format
from tagsmith.formats.jsonl import read
from tagsmith.formats.options import WriteOptions
from tagsmith.formats.source import check_spans, spans_to_write
from tagsmith.text.document import Document, Span, Token


def write(documents: Iterable[Document], stream: TextIO, options: WriteOptions) -> None:
    """Write a record a document: text, tokens, spans in characters and in tokens, and what else it was read with.

    Spans with scores are suggestions, which nobody has accepted.
    """
    check_spans("prodigy", options)
    for document in documents:
        words = chain.from_iterable(sentence.tokens for sentence in document.sentences)
        tokens = list(_with_white_space(words, document.text))
        spans = list(spans_to_write(document, options))
        answer = {} if any(span.score is not None for span in spans) else {"answer": "accept"}
        record = {
            **answer,
            **document.meta.get("record", {}),
            "text": document.text,
            "tokens": [_token(document.text, token, number) for number, token in enumerate(tokens)],
            "spans": [_span(span, tokens) for span in spans],
        }
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def _with_white_space(words: Iterable[Token], text: str) -> Iterator[Token]:
    """Yield tokens for what is between the words, too, as spaCy does: one space after a token is not one itself."""
    end = 0
    for start, stop, word in [*((word.start, word.end, word) for word in words), (len(text), len(text), None)]:
        between = end + (0 < end < start and text[end] == " ")
        if between < start:
            yield Token(text[between:start], between, start)
        if word is not None:
            yield word
        end = stop


def _token(text: str, token: Token, number: int) -> dict[str, Any]:
    space = text[token.end : token.end + 1] == " "
    return {"text": token.text, "start": token.start, "end": token.end, "id": number, "ws": space}


def _span(span: Span, tokens: Sequence[Token]) -> dict[str, Any]:
    """Prodigy counts tokens as well: ``token_end`` is the last one."""
    first = bisect_right(tokens, span.start, key=lambda token: token.end)
    last = bisect_left(tokens, span.end, key=lambda token: token.start) - 1
    written: dict[str, Any] = {"start": span.start, "end": span.end, "label": span.label}
    if first <= last:
        written |= {"token_start": first, "token_end": last}
    return written if span.score is None else written | {"score": round(span.score, 6)}


FORMAT = Format("prodigy", read, write, ending=".jsonl", media_type="application/x-ndjson", holds_spans=True)
