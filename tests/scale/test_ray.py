"""Ray: a dataset with predictions, shards tagged by actors, and actors that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import processes
import tagsmith
from random_model import random_model
from tagsmith.errors import DataError, InputError
from tagsmith.model.folder import write_model
from tagsmith.scale import ray as engine
from tagsmith.scale.job import Done, Job
from tagsmith.scale.shards import Input, shards_of
from tagsmith.scale.worker import Worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves sockets open
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of what Ray Data does in itself
]
ray = pytest.importorskip("ray")
TEXTS = ["John lives in New York.", None, "", "A girl. Runs to Mary!"] * 50


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Ray on this machine, with two cores."""
    assert engine.connect(None, 2)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # actors cannot import a test
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray") / "model"
    write_model(random_model(seed=3), folder)
    return folder


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def dataset(blocks: int = 4):
    rows = [{"id": number, "text": text} for number, text in enumerate(TEXTS)]
    return ray.data.from_items(rows, override_num_blocks=blocks)


def test_a_dataset_gets_the_columns_of_the_tagger(model):
    tagged = engine.tag_dataset(
        dataset(), model, "text", prefix="my_", tags=True, precision="float32", concurrency=(1, 2), batch_rows=32
    )
    rows = sorted(tagged.take_all(), key=lambda row: row["id"])
    import pyarrow

    tagger = tagsmith.load(model, precision="float32")
    expected = tagger.tag_frame(
        pyarrow.table({"id": range(len(TEXTS)), "text": TEXTS}), "text", prefix="my_", tags=True
    ).to_pylist()
    for row, one in zip(rows, expected, strict=True):
        for span in [*(row["my_spans"] or ()), *(one["my_spans"] or ())]:
            span["score"] = round(span["score"], 9)
        assert row == one


def test_what_is_impossible_is_said_before_anything_runs(model):
    with pytest.raises(DataError, match="no column 'body'"):
        engine.tag_dataset(dataset(), model, "body")
    with pytest.raises(DataError, match="a column 'spans' already"):
        engine.tag_dataset(dataset().rename_columns({"id": "spans"}), model, "text")
    with pytest.raises(InputError, match="threshold"):
        engine.tag_dataset(dataset(), model, "text", threshold=2.0)


class Fatal(Worker):
    """Kills its process at a row that says so, if that has not happened yet."""

    def __call__(self, batch):
        for text in batch["text"].to_pylist():
            if text and text.startswith("/") and not Path(text).exists():
                Path(text).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def test_an_actor_of_a_dataset_that_is_killed_is_replaced(model, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "Worker", Fatal)
    died = tmp_path / "died"
    rows = [{"id": number, "text": str(died) if number == 60 else "John"} for number in range(100)]
    given = ray.data.from_items(rows, override_num_blocks=10)
    tagged = engine.tag_dataset(given, model, "text", concurrency=2, batch_rows=10).take_all()
    assert died.exists()
    assert Counter(row["id"] for row in tagged) == Counter(range(100))  # none is lost or there twice


def test_an_actor_that_is_killed_costs_its_shard_alone(model, tmp_path):
    path = tmp_path / "rows.jsonl"
    texts = ["John", str(tmp_path / "died"), "Mary", "New York"]
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)))
    job = Job(Fatal(str(model), "text").pinned(), str(tmp_path / "out"))
    shards = shards_of(Input(str(path), "rows.jsonl", "jsonl"), 20)
    results = list(engine.run(job, shards, workers=2))
    assert (tmp_path / "died").exists()
    assert all(isinstance(one, Done) for one in results), results
    assert sorted(one.number for one in results) == [0, 1, 2, 3]
    lines = [json.loads(line) for one in sorted((tmp_path / "out").iterdir()) for line in one.read_text().splitlines()]
    assert [one["id"] for one in lines] == [0, 1, 2, 3]
    assert ray.is_initialized()  # the program was connected before


def test_a_shard_that_kills_every_actor_is_given_up(model, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "/proc/nothing/can/be/made/here"}\n{"text": "John lives here"}\n')
    job = Job(Always(str(model), "text").pinned(), str(tmp_path / "out"))
    results = list(engine.run(job, shards_of(Input(str(path), "rows.jsonl", "jsonl"), 20), workers=1))
    failed, done = sorted(results, key=lambda one: one.number)
    assert "3 actors died of the rows from line 1 on" in str(failed.error)
    assert isinstance(done, Done)


def test_more_workers_than_the_cluster_has_cores(model, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "John lives here"}\n' * 8)
    job = Job(Worker(str(model), "text").pinned(), str(tmp_path / "out"))
    results = list(engine.run(job, shards_of(Input(str(path), "rows.jsonl", "jsonl"), 20), workers=5))
    assert sorted(one.number for one in results) == list(range(8))


def test_a_batch_that_kills_every_actor_ends_the_dataset(model, monkeypatch):
    monkeypatch.setattr(engine, "Worker", Always)
    given = ray.data.from_items([{"text": "John"}, {"text": "/"}], override_num_blocks=2)
    with pytest.raises(ray.exceptions.RayError):
        engine.tag_dataset(given, model, "text", concurrency=1, batch_rows=1).take_all()


class Always(Worker):
    """Kills its process at every path."""

    def __call__(self, batch):
        if any(text and text.startswith("/") for text in batch["text"].to_pylist()):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def test_the_command_line_joins_a_cluster(model, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(TEXTS)))
    command = [sys.executable, "-m", "tagsmith", "tag", str(model), str(rows), "-o", str(tmp_path / "out")]
    address = ray.get_runtime_context().gcs_address
    more = ("--engine", "ray", "--address", address, "--workers", "2", "--shard-size", "0.002")
    done = processes.run([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert "200 rows read, 200 tagged;" in done.stderr
    files = sorted((tmp_path / "out").glob("rows*"))
    assert len(files) > 3
    assert [json.loads(line)["id"] for file in files for line in file.read_text().splitlines()] == list(range(200))
    wrong = ("--address", "127.0.0.1:1")
    for more, message in [(("--workers", "1", *wrong), "--address is that of a Ray cluster")]:
        done = processes.run([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2
        assert message in done.stderr
