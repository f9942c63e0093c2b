"""Tagging a column of a table: csv, jsonl, Parquet and Arrow, each into each; the other columns stay."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest

import tagsmith as package
from tagsmith.cli.tag_table import BLOCK_ROWS

TEXTS = ["John Smith lives in New York, near\nthe river.", "", 'She said "Paris".']
ROWS = [{"id": f"00{number}", "body": text, "note": "x;y"} for number, text in enumerate(TEXTS)]
FORMATS = ("csv", "jsonl", "parquet", "arrow")


@pytest.fixture(scope="module")
def expected(model: Path) -> list[list[dict]]:
    """The spans of each text."""
    tagger = package.load(model)
    names = ("start", "end", "label", "text")
    return [[{name: getattr(span, name) for name in names} for span in tagger(text).spans] for text in TEXTS]


def write(path: Path, rows: list[dict], names=("id", "body", "note")) -> Path:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import feather, parquet

        table = pyarrow.Table.from_pylist(rows, schema=None if rows else pyarrow.schema([(n, "string") for n in names]))
        (parquet.write_table if path.suffix == ".parquet" else feather.write_feather)(table, path)
    return path


def read(path: Path) -> list[dict]:
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
        return [{**row, "spans": json.loads(row["spans"] or "null")} for row in rows]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    from pyarrow import feather, parquet

    return (parquet.read_table if path.suffix == ".parquet" else feather.read_table)(path).to_pylist()


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_spans_are_added_and_the_other_columns_stay(run_here, model, tmp_path, expected, source: str, target: str):
    path = write(tmp_path / f"in.{source}", ROWS)
    out = tmp_path / f"out.{target}"
    assert run_here("tag", model, path, "--text-column", "body", "-o", out) == (0, "", "")
    rows = read(out)
    assert [{name: value for name, value in row.items() if name != "spans"} for row in rows] == ROWS
    spans = [[{key: value for key, value in one.items() if key != "score"} for one in row["spans"]] for row in rows]
    assert spans == expected
    assert all(0 < one["score"] <= 1 for row in rows for one in row["spans"])


def test_the_output_is_in_the_format_of_the_input(run_here, model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text('id;body\n007;"He said ""a;b"""\n', "utf-8")
    status, out, _ = run_here("tag", model, path, "--text-column", "body")
    assert (status, out.splitlines()[0]) == (0, "id;body;spans")
    assert out.splitlines()[1].startswith('007;"He said ""a;b""";')


def test_types_of_columns_stay(run_here, model, tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"body": ["John", None], "day": [date(2024, 1, 2), None], "blob": [b"\xff", None]})
    parquet.write_table(table, tmp_path / "in.parquet")
    assert (
        run_here("tag", model, tmp_path / "in.parquet", "--text-column", "body", "-o", tmp_path / "b.parquet")[0] == 0
    )
    tagged = parquet.read_table(tmp_path / "b.parquet")
    assert tagged.drop_columns(["spans"]).equals(table)
    assert tagged.column("spans").null_count == 1
    status, out, _ = run_here(
        "tag", model, tmp_path / "in.parquet", "--text-column", "body", "--output-format", "jsonl"
    )
    first, second = map(json.loads, out.splitlines())
    assert (status, first["day"], "blob" in first, second["spans"]) == (0, "2024-01-02", False, None)


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_without_rows_gets_its_column(run_here, model, tmp_path, format: str):
    path = write(tmp_path / f"in.{format}", [])
    out = tmp_path / f"out.{format}"
    assert run_here("tag", model, path, "--text-column", "body", "-o", out) == (0, "", "")
    assert read(out) == []
    if format == "csv":
        assert out.read_text("utf-8") == "id,body,note,spans\n"


def test_many_rows_and_long_cells(run_here, model, tmp_path):
    rows = [{"id": str(number), "body": "Paris", "note": ""} for number in range(BLOCK_ROWS + 1)]
    rows.append({"id": "last", "body": "x " * 100_000, "note": ""})
    for format in ("csv", "parquet"):
        path = write(tmp_path / f"in.{format}", rows)
        assert run_here("tag", model, path, "--text-column", "body", "-o", tmp_path / f"out.{format}") == (0, "", "")
        assert [row["id"] for row in read(tmp_path / f"out.{format}")] == [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "id,text\n1,a\n", "a.csv: There is no column 'body'. Name one with --text-column: id, text."),
        ("a.csv", "body,body\n1,a\n", "a.csv:1: The first line does not name each column once."),
        ("a.csv", "", "a.csv:1: The first line does not name each column once."),
        ("a.csv", "id,body\n1,a,b\n", "a.csv:2: This line has too many columns: 3, where the header has 2."),
        ("a.csv", 'id,body\n1,a\n2,"b"c\n', "a.csv:3: The row cannot be read"),
        ("a.csv", "body,spans\na,b\n", "a.csv: There is a column 'spans' already. Rename it"),
        ("a.jsonl", '{"body": "a"}\n{"body": 7}\n', "a.jsonl:2: 'body' is the int 7, not a text."),
        ("a.jsonl", '{"body": "a"}\n[7]\n', "a.jsonl:2: This record is not a JSON object."),
        ("a.conll", "Ann O\n", "a.conll: conll has no columns of texts."),
        ("a.parquet", "PAR1", "a.parquet: This Parquet file cannot be read"),
    ],
)
def test_bad_tables_are_errors_that_name_the_place(run_here, model, tmp_path, name: str, content: str, message: str):
    path = tmp_path / name
    path.write_text(content, "utf-8")
    status, out, error = run_here("tag", model, path, "--text-column", "body", "-o", tmp_path / "out.csv")
    assert (status, out) == (2, "")
    assert message in error
    assert not (tmp_path / "out.csv").exists()


def test_one_table_at_a_time(run_here, model, tmp_path):
    path = write(tmp_path / "in.csv", ROWS)
    status, _, error = run_here("tag", model, path, path, "--text-column", "body")
    assert (status, "one table at a time" in error) == (2, True)


def test_records_may_differ_where_no_columns_are_written(run_here, model, tmp_path):
    rows = [{"body": "Paris", "a": 1, "b": 2}, *[{"b": 3, "body": "x"}] * BLOCK_ROWS, {"a": 4, "body": "Rome"}]
    path = write(tmp_path / "in.jsonl", rows)
    assert run_here("tag", model, path, "--text-column", "body", "-o", tmp_path / "out.csv") == (0, "", "")
    found = read(tmp_path / "out.csv")
    assert [(row["body"], row["a"], row["b"]) for row in (found[0], found[1], found[-1])] == [
        ("Paris", "1", "2"), ("x", "", "3"), ("Rome", "4", ""),
    ]  # fmt: skip
    path = write(tmp_path / "new.jsonl", [*rows, {"body": "Oslo", "late": 5}])
    for target in ("out.parquet", "late.csv"):
        status, _, error = run_here("tag", model, path, "--text-column", "body", "-o", tmp_path / target)
        assert (status, f"new.jsonl:{len(rows) + 1}: 'late' is in none of the first" in error) == (2, True)
        assert not (tmp_path / target).exists()
    assert run_here("tag", model, path, "--text-column", "body", "-o", tmp_path / "out.jsonl") == (0, "", "")
    assert read(tmp_path / "out.jsonl")[-1]["late"] == 5


@pytest.mark.parametrize("rows", [[{"body": "a", "n": 1}, {"body": "b", "n": "x"}], [{"body": "\ud800"}]])
def test_what_no_column_can_hold_is_an_error(run_here, model, tmp_path, rows):
    path = write(tmp_path / "in.jsonl", rows)
    status, _, error = run_here("tag", model, path, "--text-column", "body", "-o", tmp_path / "out.parquet")
    assert (status, error.count("\n")) == (2, 1)
    assert "columns of one type each" in error or "half of a surrogate pair" in error
