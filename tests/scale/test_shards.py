"""Cutting files into shards: whole rows, all of them, in order, and in the same places every time."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pyarrow import parquet

from tagsmith.errors import DataError
from tagsmith.formats.options import read_options
from tagsmith.formats.running_text import read_text
from tagsmith.scale import shards
from tagsmith.scale.job import rows_of
from tagsmith.scale.shards import Input, packed, shards_of, unpacked

CELLS = some.text(some.sampled_from('ab"\n,; é'), max_size=6)


def cut(content: bytes, format: str, size: int, **more) -> list[shards.Shard]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(content)
        return list(shards_of(Input(str(path), "file", format, **more), size))


@given(some.lists(some.text(some.characters(exclude_categories=["Cs"]), max_size=20)), some.integers(20, 60))
def test_lines_are_whole_and_none_is_lost(texts, size):
    lines = [json.dumps({"text": text}) for text in texts]
    found = cut("\n".join(lines).encode(), "jsonl", size)
    assert b"".join(one.data for one in found).decode().split("\n") == (lines or [""])
    assert [one.number for one in found] == list(range(len(found)))
    assert all(one.data.endswith(b"\n") and len(one.data) >= size for one in found[:-1])
    rows = [row for one in found for row in rows_of(one)]
    assert [row.line for row in rows] == list(range(1, len(lines) + 1))


@given(some.lists(some.lists(CELLS, min_size=2, max_size=2), min_size=1), some.integers(4, 40))
def test_rows_of_csv_are_those_that_python_reads(table, size):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["first", "second"], *table])
    found = cut(text.getvalue().encode(), "csv", size)
    rows = [row.data.decode() for one in found for row in rows_of(one)]
    read = [next(csv.reader(io.StringIO(row, newline=""), strict=True)) for row in rows]
    assert read == table
    assert {one.header for one in found} == {b"first,second\n"}
    assert all(one.data.endswith(b"\n") for one in found)


def test_a_quotation_mark_inside_a_cell_quotes_nothing():
    content = b'size,text\n5" disk,one\n"a ""b""\nc",two\nx,three\n'
    found = cut(content, "csv", 1)
    assert [one.data for one in found] == [b'5" disk,one\n', b'"a ""b""\nc",two\n', b"x,three\n"]
    assert [one.line for one in found] == [2, 3, 5]


def test_the_separator_of_csv_is_found_or_named():
    assert cut(b"a;b\n1;2\n", "csv", 100)[0].separator == ";"
    assert cut(b"a;b\n1;2\n", "csv", 100, separator="\t")[0].separator == "\t"


@given(some.lists(some.sampled_from(["Go.", " Stop!", "é b\n", "\n", "\n \n", "\r\n", "Mr. X"])), some.integers(1, 30))
def test_paragraphs_are_those_of_tag(pieces, size):
    content = "".join(pieces).encode()
    rows = [row for one in cut(content, "text", size) for row in rows_of(one)]
    expected = list(read_text(io.StringIO(content.decode(), newline="\n"), read_options()))
    if all(len(row.data) < size for row in rows):  # none was cut
        assert [(row.data.decode().rstrip(), row.offset) for row in rows] == [
            (document.text, document.meta["record"]["offset"]) for document in expected
        ]
    assert "".join(row.data.decode() for row in rows).split() == content.decode().split()


def test_a_long_paragraph_is_cut_where_a_sentence_ends(monkeypatch):
    monkeypatch.setattr(shards, "WINDOW", 150)
    monkeypatch.setattr(shards, "_LINE", 50)
    sentences = [f"The number {number} is written in digits here." for number in range(100)]
    found = cut(" ".join(sentences).encode(), "text", 300)
    assert len(found) > 5
    assert [line for one in found for line in one.data.decode().replace(". ", ".\n").split("\n") if line] == sentences
    offsets = [one.offset for one in found]
    assert offsets == [sum(len(one.data) for one in found[:number]) for number in range(len(found))]


@given(some.binary(max_size=300), some.integers(1, 20))
def test_any_bytes_can_be_cut(content, size):
    content = content.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf")
    try:
        found = cut(content, "text", size)
    except DataError:  # it is UTF-16, or some other format
        return
    assert b"".join(one.data for one in found) == content


def test_cutting_depends_on_the_content_alone(tmp_path):
    content = b"".join(json.dumps({"text": f"Row {number}"}).encode() + b"\n" for number in range(1000))
    (tmp_path / "plain.jsonl").write_bytes(b"\xef\xbb\xbf" + content)
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(content))
    plain, unpacked_too = (
        list(shards_of(Input(str(tmp_path / name), name, "jsonl"), 2000)) for name in ("plain.jsonl", "packed.jsonl.gz")
    )
    assert [one.digest for one in plain] == [one.digest for one in unpacked_too]
    assert len({one.digest for one in plain}) == len(plain) > 5
    for found in (plain, unpacked_too):
        ends = [one.end for one in found]
        assert ends == sorted(ends)
        assert ends[-1] == 1


def test_other_encodings_are_read(tmp_path):
    (tmp_path / "latin.csv").write_bytes("id,text\n1,Zürich\n".encode("latin-1"))
    (found,) = shards_of(Input(str(tmp_path / "latin.csv"), "latin", "csv", encoding="latin-1"))
    assert found.data.decode() == "1,Zürich\n"


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_tables_are_cut_between_rows(tmp_path, format):
    table = pyarrow.table({"id": range(5000), "text": [f"Row {number}" for number in range(5000)]})
    path = tmp_path / f"table.{format}"
    if format == "parquet":
        parquet.write_table(table, path)
    else:
        with pyarrow.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    found = list(shards_of(Input(str(path), "table", format), 30_000))
    assert len(found) > 2
    assert pyarrow.concat_tables(unpacked(one.data) for one in found).equals(table)
    assert [one.line for one in found] == [unpacked(one.data)["id"][0].as_py() + 1 for one in found if one.data]
    again = list(shards_of(Input(str(path), "table", format), 30_000))
    assert [one.digest for one in again] == [one.digest for one in found]


def test_an_empty_file_is_one_empty_shard(tmp_path):
    for format in ("text", "jsonl", "csv"):
        (one,) = cut(b"", format, 10)
        assert (one.data, list(rows_of(one))) == (b"", [])
    empty = pyarrow.RecordBatch.from_pydict({"text": pyarrow.array([], pyarrow.string())})
    assert unpacked(packed([empty])).num_rows == 0


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(DataError, match="one JSON array"):
        cut(b'[{"text": "a"}]', "jsonl", 10)
    with pytest.raises(DataError, match=r":2: A row here is longer than 160 bytes\."):
        cut(b'{"text": "a"}\n"' + b"x" * 1000, "jsonl", 10)
    with pytest.raises(DataError, match="The first row does not end"):
        cut(b'"a,b\n' + b"c\n" * 600_000, "csv", 10)
    with pytest.raises(DataError, match="UTF-16"):
        cut("text".encode("utf-16"), "text", 10)
