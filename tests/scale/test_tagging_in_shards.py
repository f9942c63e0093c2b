"""Runs over files: the results, the manifest, the rejects, and what a rerun does; in this process."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

import tagsmith
from random_model import random_model
from tagsmith.errors import DataError, ModelError
from tagsmith.model.folder import write_model
from tagsmith.scale import job as job_module
from tagsmith.scale import run as run_module
from tagsmith.scale.job import Done, Failed, Job, tag_shard
from tagsmith.scale.manifest import MANIFEST, open_manifest
from tagsmith.scale.run import tag_files
from tagsmith.scale.shards import Input
from tagsmith.scale.worker import Worker, loaded

TEXTS = ["John lives in New York.", "", "A girl. Runs to Mary!", None, "Zürich is a city"]


class Watch:
    """Keeps what it is told."""

    def __init__(self):
        self.total, self.size, self.rows, self.problems = 0, 0, 0, []

    def start(self, total):
        self.total = total

    def advance(self, size, rows):
        self.size += size
        self.rows += rows

    def problem(self, text):
        self.problems.append(text)


class Here:
    """An engine in this process, which remembers what it was given."""

    def __init__(self):
        self.given = []

    def __call__(self, job, shards):
        for shard in shards:
            self.given.append((shard.name, shard.number))
            try:
                yield tag_shard(job, shard)
            except Exception as error:
                yield Failed(shard.name, shard.number, error)


@pytest.fixture
def job(tmp_path):
    write_model(random_model(seed=3), tmp_path / "model")
    return Job(Worker(str(tmp_path / "model"), "text", precision="float32").pinned(), str(tmp_path / "out"))


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(TEXTS * 20)))
    return Input(str(path), path.name, "jsonl")


def tag(job, *files, size=400, engine=None):
    watch = Watch()
    return tag_files(job, files, engine or Here(), watch, size=size), watch


def results(job, pattern):
    return [
        json.loads(line) for path in sorted(Path(job.folder).glob(pattern)) for line in path.read_text().splitlines()
    ]


def predicted(job, texts):
    tagger = tagsmith.load(job.worker.model, precision="float32")  # 8 bits depend a little on what is tagged together
    table = tagger.tag_frame(pyarrow.table({"text": pyarrow.array(texts, pyarrow.string())}))
    return [_rounded(row) for row in table.to_pylist()]


def _rounded(row):
    for span in row["spans"] or ():
        span["score"] = round(span["score"], 6)
    return row


def test_the_results_are_those_of_the_tagger(job, rows):
    totals, watch = tag(job, rows)
    assert (totals.rows, totals.tagged, totals.rejected, totals.kept, totals.problems) == (100, 100, 0, 0, [])
    assert totals.shards == len(list(Path(job.folder).glob("rows.jsonl-*"))) > 3
    expected = [{"id": n, **row} for n, row in enumerate(predicted(job, TEXTS * 20))]
    assert results(job, "rows.jsonl-*") == expected
    assert watch.size == watch.total == Path(rows.source).stat().st_size
    assert watch.rows == 100


def test_a_rerun_does_only_what_is_missing_or_changed(job, rows):
    totals, _ = tag(job, rows)
    before = {path.name: path.stat().st_mtime_ns for path in Path(job.folder).glob("rows*")}
    engine = Here()
    again, watch = tag(job, rows, engine=engine)
    assert (engine.given, again.kept, again.rows) == ([], totals.shards, 100)
    assert watch.size == watch.total
    (Path(job.folder) / "rows.jsonl-00001.jsonl").unlink()
    with Path(rows.source).open("a") as stream:
        stream.write('{"text": "One more"}\n')
    again, _ = tag(job, rows, engine=engine)
    assert engine.given == [("rows.jsonl", 1), ("rows.jsonl", totals.shards - 1)]
    assert (again.rows, again.tagged) == (101, 101)
    after = {path.name: path.stat().st_mtime_ns for path in Path(job.folder).glob("rows*")}
    assert {name for name in before if before[name] != after[name]} == {
        f"rows.jsonl-{number:05}.jsonl" for number in (1, totals.shards - 1)
    }


def test_results_of_rows_that_are_gone_are_removed(job, rows):
    totals, _ = tag(job, rows)
    lines = Path(rows.source).read_text().splitlines(keepends=True)
    Path(rows.source).write_text("".join(lines[:30]) + "bad\n")
    shorter, _ = tag(job, rows)
    assert shorter.shards < totals.shards
    assert (shorter.rows, shorter.tagged, shorter.rejected) == (31, 30, 1)
    assert len(results(job, "rows.jsonl-*")) == 30


def test_a_bad_row_goes_to_the_rejects_with_its_reason(job, tmp_path):
    lines = [
        b'{"text": "John lives"}',
        b'{"text": 3}',
        b"no json",
        b"",
        b'["text"]',
        b'{"text": "\xff"}',
        b'{"text": "\\ud83d"}',
        b'{"other": 1}',
        b'{"text": "a", "note": {"\\ud83d": "half"}}',
        b'{"text": "a", "spans": []}',
    ]
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(lines))
    totals, _ = tag(job, Input(str(tmp_path / "bad.jsonl"), "sub/bad.jsonl", "jsonl"))
    assert (totals.rows, totals.tagged, totals.rejected) == (9, 2, 7)
    rejected = results(job, "_rejects/sub/*")
    assert [one["line"] for one in rejected] == [2, 3, 5, 6, 7, 9, 10]
    assert [one["record"] for one in rejected[:2]] == ['{"text": 3}', "no json"]
    words = ["int 3", "Expecting value", "not a JSON object", "utf-8", "surrogate", "surrogate", "'spans' already"]
    for one, word in zip(rejected, words, strict=True):
        assert word in one["reason"]
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(lines[:1]))
    tag(job, Input(str(tmp_path / "bad.jsonl"), "sub/bad.jsonl", "jsonl"))
    assert not results(job, "_rejects/sub/*")


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_row_that_the_tagger_cannot_take_costs_that_row(job, tmp_path, format):
    class Sensitive(Worker):
        def __call__(self, batch):
            if any(text and "poison" in text for text in batch["text"].to_pylist()):
                raise RuntimeError("the network failed")
            return super().__call__(batch)

    table = pyarrow.table({"id": range(50), "text": ["a poison" if n in (7, 31) else f"Row {n}" for n in range(50)]})
    path = tmp_path / f"table.{format}"
    if format == "parquet":
        parquet.write_table(table, path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    job = Job(Sensitive(**vars(job.worker)), job.folder, "jsonl")
    totals, _ = tag(job, Input(str(path), path.name, format), size=10_000)
    assert (totals.rows, totals.tagged, totals.rejected, totals.problems) == (50, 48, 2, [])
    assert [row["id"] for row in results(job, "table*")] == [n for n in range(50) if n not in (7, 31)]
    rejected = results(job, "_rejects/*")
    assert [(one["line"], one["reason"]) for one in rejected] == [(8, "the network failed"), (32, "the network failed")]
    assert json.loads(rejected[0]["record"]) == {"id": 7, "text": "a poison"}


def test_text_becomes_paragraphs_with_their_offsets(job, tmp_path):
    text = "John lives in New York.\n\n\n  Zürich is\na city.\n\nMary runs."
    (tmp_path / "letter.txt").write_bytes(text.encode() + b"\n\n\xff\xfe bad\n\nThe end.\n")
    totals, _ = tag(job, Input(str(tmp_path / "letter.txt"), "letter.txt", "text"), size=20)
    assert (totals.rows, totals.tagged, totals.rejected) == (5, 4, 1)
    found = results(job, "letter*")
    assert [row["text"] for row in found] == [
        "John lives in New York.",
        "  Zürich is\na city.",
        "Mary runs.",
        "The end.",
    ]
    assert [text[row["offset"] :].startswith(row["text"]) for row in found[:3]] == [True, True, True]
    assert results(job, "_rejects/*")[0]["record"] == "\\xff\\xfe bad"


def test_csv_stays_csv(job, tmp_path):
    with (tmp_path / "table.csv").open("w", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(
            [["id", "text"], ["1", 'John "J"\nlives'], ["2"], ["3", "Mary runs."]]
        )
    totals, _ = tag(job, Input(str(tmp_path / "table.csv"), "table.csv", "csv"), size=5)
    assert (totals.rows, totals.tagged, totals.rejected) == (3, 2, 1)
    read = []
    for path in sorted(Path(job.folder).glob("table*")):
        with path.open(newline="") as stream:
            read += list(csv.DictReader(stream, delimiter=";"))
    assert [row["text"] for row in read] == ['John "J"\nlives', "Mary runs."]
    spans = [json.loads(row["spans"]) for row in read]
    assert spans == [row["spans"] for row in predicted(job, ['John "J"\nlives', "Mary runs."])]


@pytest.mark.parametrize("written", ["parquet", "arrow"])
def test_records_become_tables(job, rows, written):
    tag(replace(job, format=written), rows)
    read = [
        parquet.read_table(path) if written == "parquet" else pyarrow.ipc.open_file(path).read_all()
        for path in sorted(Path(job.folder).glob("rows*"))
    ]
    table = pyarrow.concat_tables(read)
    expected = predicted(job, TEXTS * 20)
    assert [_rounded(row) for row in table.to_pylist()] == [{"id": n, **row} for n, row in enumerate(expected)]


def test_a_table_keeps_its_columns(job, tmp_path):
    given = pyarrow.table({"id": [1, 2], "day": pyarrow.array([0, 1], pyarrow.date32()), "text": ["John", "Mary"]})
    parquet.write_table(given, tmp_path / "t.parquet")
    file = Input(str(tmp_path / "t.parquet"), "t.parquet", "parquet")
    tag(job, file)
    table = parquet.read_table(Path(job.folder) / "t.parquet-00000.parquet")
    assert table.select(["id", "day", "text"]).equals(given)
    assert table.column_names == ["id", "day", "text", "spans"]
    with pytest.raises(DataError, match=f"{file.source}.*no column 'body'"):
        tag_shard(Job(replace(job.worker, column="body"), job.folder), next(run_module.shards_of(file)))


def test_a_file_that_cannot_be_read_costs_that_file(job, rows, tmp_path):
    content = b"".join(b'{"text": "Row %d"}\n' % number for number in range(20_000))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(content, 1)[:-3000])
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    files = [
        Input(str(tmp_path / "cut.jsonl.gz"), "cut.jsonl.gz", "jsonl"),
        Input(str(tmp_path / "bad.parquet"), "bad.parquet", "parquet"),
        Input(str(tmp_path / "gone.jsonl"), "gone.jsonl", "jsonl"),
        rows,
    ]
    totals, watch = tag(job, *files, size=50_000)
    assert len(totals.problems) == 3
    assert watch.problems == totals.problems
    for problem, (file, word) in zip(
        totals.problems,
        [("cut", "damaged or cut off"), ("bad", "cannot be read"), ("gone", "no such file")],
        strict=True,
    ):
        assert file in problem
        assert word in problem
    assert len(results(job, "rows*")) == 100
    done = totals.shards
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(content, 1))
    engine = Here()
    totals, _ = tag(job, files[0], rows, size=50_000, engine=engine)
    assert totals.problems == []
    assert totals.kept == done
    assert len(results(job, "cut*")) == 20_000
    assert 0 < len(engine.given) < totals.shards - 1


def test_a_folder_belongs_to_one_run(job, rows, tmp_path):
    tag(job, rows)
    for change, word in [({"threshold": 0.5}, "threshold None, not 0.5"), ({"column": "body"}, "column 'text'")]:
        with pytest.raises(DataError, match=word):
            tag(Job(replace(job.worker, **change), job.folder), rows)
    with pytest.raises(DataError, match="format None, not 'csv'"):
        tag(replace(job, format="csv"), rows)
    write_model(random_model(seed=4), tmp_path / "model")
    loaded.cache_clear()
    with pytest.raises(DataError, match="another model"):
        tag(Job(Worker(str(tmp_path / "model"), "text").pinned(), job.folder), rows)
    with pytest.raises(ModelError, match="another model than the one that the run began with"):
        tag(Job(job.worker, str(tmp_path / "new")), rows)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(DataError, match=r"holds thesis\.txt and no manifest"):
        tag(Job(job.worker, str(tmp_path / "other")), rows)
    with pytest.raises(DataError, match="This is a file"):
        tag(Job(job.worker, str(tmp_path / "other" / "thesis.txt")), rows)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]
    (Path(job.folder) / MANIFEST).write_text("no manifest\n")
    with pytest.raises(DataError, match="no manifest of this version"):
        tag(job, rows)


def test_two_runs_do_not_write_into_one_folder(job, rows):
    with open_manifest(job), pytest.raises(DataError, match="Another run is writing here"):
        tag(job, rows)


def test_a_manifest_that_is_cut_off_costs_its_last_line(job, rows):
    totals, _ = tag(job, rows)
    path = Path(job.folder) / MANIFEST
    path.write_text(path.read_text()[:-20])
    engine = Here()
    tag(job, rows, engine=engine)
    assert engine.given == [("rows.jsonl", totals.shards - 1)]
    assert len(path.read_text().splitlines()) == totals.shards + 1


def test_a_manifest_of_a_stranger_reaches_nothing_outside(job, rows, tmp_path):
    totals, _ = tag(job, rows)
    (tmp_path / "thesis.jsonl").write_text("years of work")
    path = Path(job.folder) / MANIFEST
    done = json.loads(path.read_text().splitlines()[-1])
    bad = [
        {**done, "number": 90, "output": "../thesis.jsonl"},
        {**done, "number": 90, "output": "rows.jsonl-00090./../../thesis.jsonl"},
        {**done, "number": "90"},
        {**done, "rows": None},
        {"name": "rows.jsonl"},
        [1],
    ]
    path.write_text(path.read_text() + "".join(json.dumps(one) + "\n" for one in bad))
    again, _ = tag(job, rows)
    assert (again.kept, again.rows) == (totals.shards, 100)
    assert (tmp_path / "thesis.jsonl").read_text() == "years of work"
    assert len(path.read_text().splitlines()) == totals.shards + 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", b"id,body\n1,John\n", r"a\.csv:1: There is no column 'text'\. Name one with --text-column: id, body"),
        ("a.csv", b"text,text\n1,John\n", "does not name each column once"),
        ("a.csv", b"text,\xff\n1,John\n", "The first line cannot be read: 'utf-8'"),
        (
            "a.jsonl",
            b'{"body": "John"}\n',
            r"a\.jsonl:1: There is no column 'text'\. Name one with --text-column: body",
        ),
    ],
)
def test_a_file_without_the_column_is_a_problem(job, tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    totals, _ = tag(job, Input(str(tmp_path / name), name, name.partition(".")[2]))
    assert re.search(problem, totals.problems[0])
    assert totals.rows == 0


def test_a_file_with_nothing_but_headings_has_no_rows(job, tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n\n")
    totals, _ = tag(job, Input(str(tmp_path / "a.csv"), "a.csv", "csv"))
    assert (totals.rows, totals.problems) == (0, [])
    assert (Path(job.folder) / "a.csv-00000.csv").read_text() == "id,text,spans\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("taken.jsonl", '{"text": "a", "spans": []}\nbad\n{"text": "b", "spans": []}\n'),
        ("taken.csv", "text,spans\na,[]\nbad\n"),
    ],
)
def test_columns_that_are_taken_are_an_error(job, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    totals, _ = tag(job, Input(str(tmp_path / name), name, name.partition(".")[2]))
    assert re.search(rf"{name}:[12]: There is a column 'spans' already", totals.problems[0])
    assert "1 of 1 shards are missing" in totals.problems[1]


def test_a_csv_with_carriage_returns_alone_loses_no_row(job, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"id,text\n1,John\r2,Mary\n3,Zoe\r\n4,Ada\r\r\n")
    (tmp_path / "mac.csv").write_bytes(b"id,text\r1,John\r2,Mary\r")
    totals, _ = tag(job, *(Input(str(tmp_path / name), name, "csv") for name in ("a.csv", "mac.csv")))
    assert (totals.rows, totals.tagged, totals.rejected) == (3, 2, 1)
    assert results(job, "_rejects/*")[0]["record"] == "1,John\r2,Mary"
    assert "mac.csv: The first line cannot be read: it has carriage returns without line feeds" in totals.problems[0]


def test_records_with_many_levels_become_tables(job, tmp_path):
    deep = "[" * 200 + "]" * 200
    (tmp_path / "deep.jsonl").write_text(f'{{"text": "John", "deep": {deep}}}\n')
    tag(replace(job, format="arrow"), Input(str(tmp_path / "deep.jsonl"), "deep.jsonl", "jsonl"))
    table = pyarrow.ipc.open_file(Path(job.folder) / "deep.jsonl-00000.arrow").read_all()
    assert table["deep"].to_pylist() == [deep]


def test_a_file_whose_name_is_not_utf_8_is_tagged_once(job, rows, tmp_path):
    try:
        path = Path(rows.source).rename(tmp_path / "r\udcff.jsonl")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    for kept in (0, 1):
        totals, _ = tag(job, Input(str(path), path.name, "jsonl"), size=100_000)
        assert (totals.kept, totals.tagged) == (kept, 100)


def test_results_that_were_cut_off_or_replaced_are_made_again(job, rows):
    totals, _ = tag(job, rows)
    whole = {path.name: path.read_bytes() for path in Path(job.folder).glob("rows*")}
    changed = Path(job.folder) / "rows.jsonl-00001.jsonl"
    changed.write_bytes(changed.read_bytes()[:-7])
    # As if a run of one large shard had died when it had written its results.
    tag_shard(job, next(run_module.shards_of(rows)))
    engine = Here()
    again, _ = tag(job, rows, engine=engine)
    assert engine.given == [("rows.jsonl", 0), ("rows.jsonl", 1)]
    assert again.kept == totals.shards - 2
    assert {path.name: path.read_bytes() for path in Path(job.folder).glob("rows*")} == whole


def test_a_file_that_has_another_format_now_has_one_result(job, tmp_path):
    path = tmp_path / "table"
    for format, content in (("csv", "text\nJohn\n"), ("jsonl", '{"text": "John"}\n')):
        path.write_text(content)
        tag(job, Input(str(path), path.name, format))
        assert [found.suffix for found in Path(job.folder).glob("table*")] == [f".{format}"]


def test_nothing_is_half_written_on_a_full_disk(job, rows, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "out/rows.jsonl-00000.jsonl")

    with monkeypatch.context() as patch:
        patch.setattr(job_module, "_write_records", full)
        with pytest.raises(OSError, match="No space left"):
            tag(job, rows)
    assert [path.name for path in Path(job.folder).iterdir()] == [MANIFEST]
    totals, _ = tag(job, rows)
    assert totals.tagged == 100


def test_files_and_results_may_be_elsewhere(job, rows):
    from fsspec.implementations.memory import MemoryFileSystem

    there = MemoryFileSystem()
    there.store.clear()
    content = Path(rows.source).read_bytes()
    there.pipe("/bucket/in/rows.jsonl", content)
    file = Input("memory://bucket/in/rows.jsonl", "rows.jsonl", "jsonl")
    far = replace(job, folder="memory://bucket/out")
    totals, watch = tag(far, file, Input("memory://bucket/in/none.jsonl", "none.jsonl", "jsonl"))
    assert (totals.rows, totals.tagged) == (100, 100)
    assert "memory://bucket/in/none.jsonl: There is no such file" in totals.problems[0]
    assert watch.size == watch.total == len(content)
    names = [path.removeprefix("/bucket/out/") for path in sorted(there.find("/bucket/out"))]
    assert names == [MANIFEST, *(f"rows.jsonl-{number:05}.jsonl" for number in range(totals.shards))]
    tag(job, rows)
    for name in names[1:]:
        assert there.cat(f"/bucket/out/{name}") == (Path(job.folder) / name).read_bytes()
    there.rm(f"/bucket/out/{names[2]}")
    engine = Here()
    again, _ = tag(far, file, engine=engine)
    assert (engine.given, again.tagged) == ([("rows.jsonl", 1)], 100)
    with pytest.raises(DataError, match=r"holds rows\.jsonl and no manifest"):
        tag(replace(job, folder="memory://bucket/in"), file)


def test_totals_that_do_not_add_up_are_seen():
    totals = run_module.Totals()
    totals.count(Done("a", 0, "", rows=5, tagged=3, rejected=2, output="", size=0))
    assert totals.add_up
    totals.count(Done("a", 1, "", rows=5, tagged=3, rejected=1, output="", size=0))
    assert not totals.add_up


@pytest.mark.parametrize("change", [b'{"text": "One mo', None])
def test_a_file_that_changes_while_it_is_read_is_a_problem(job, rows, change):
    path = Path(rows.source)
    content = path.read_bytes()

    def changing(job, shards):
        for result in Here()(job, shards):
            path.write_bytes(content + change if change else content[:800])
            yield result

    totals, _ = tag(job, rows, engine=changing)
    assert totals.problems == [f"{path}: The file was changed while it was read."]
    path.write_bytes(content)
    totals, _ = tag(job, rows)
    assert (totals.problems, totals.tagged, totals.rejected) == ([], 100, 0)
    assert [row["id"] for row in results(job, "rows*")] == list(range(100))


@pytest.mark.parametrize("what", ["results", "folder"])
def test_results_that_somebody_removes_during_the_run_are_a_problem(job, rows, what):
    folder = Path(job.folder)

    def removing(job, shards):
        for number, result in enumerate(Here()(job, shards)):
            yield result
            if number == 1:
                shutil.rmtree(folder) if what == "folder" else (folder / "rows.jsonl-00001.jsonl").unlink()

    totals, _ = tag(job, rows, engine=removing)
    missing = ("2", 0) if what == "folder" else ("1", 1)
    expected = "rows.jsonl: {} of {} shards are missing, the first is number {}."
    assert totals.problems == [expected.format(missing[0], totals.shards, missing[1])]
    engine = Here()
    totals, _ = tag(job, rows, engine=engine)
    assert (totals.problems, len(engine.given), len(results(job, "rows*"))) == ([], int(missing[0]), 100)


@pytest.mark.parametrize("values", [[1, 2, None], [b"John", None, b"Mary"], [True, None, None]])
def test_a_column_that_holds_no_texts_is_a_problem_of_the_file(job, tmp_path, values):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": values}), path)
    totals, _ = tag(job, Input(str(path), path.name, "parquet"))
    assert re.search(r"a\.parquet: The column 'text' holds (int64|binary|bool), not texts\.", totals.problems[0])
    assert (totals.rows, results(job, "_rejects/*")) == (0, [])


def test_a_column_without_values_may_have_any_type(job, tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": pyarrow.nulls(3, pyarrow.int32())}), path)
    totals, _ = tag(job, Input(str(path), path.name, "parquet"))
    assert (totals.tagged, totals.rejected, totals.problems) == (3, 0, [])


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("a.csv", "id,text\n", ["id", "text", "spans"]),
        ("a.csv", "id,text\n1\n", ["id", "text", "spans"]),
        ("a.csv", "id,text\n1,John\n", ["id", "text", "spans"]),
        ("a.jsonl", "bad\n", ["text", "spans"]),
        ("a.text", "", ["text", "offset", "spans"]),
    ],
)
def test_a_table_has_its_columns_without_rows_too(job, tmp_path, name, content, columns):
    (tmp_path / name).write_text(content)
    tag(replace(job, format="parquet"), Input(str(tmp_path / name), name, name.partition(".")[2]))
    table = parquet.read_table(Path(job.folder) / f"{name}-00000.parquet")
    assert table.column_names == columns
    assert (table.num_rows, str(table["text"].type)) == (content.count("John"), "string")
