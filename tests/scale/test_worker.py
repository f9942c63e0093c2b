"""The worker that every engine runs: a batch of Arrow in, the batch with predictions out."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest

import tagsmith
from random_model import random_model
from tagsmith.errors import DataError, ModelError
from tagsmith.model.folder import write_model
from tagsmith.scale.worker import Worker, loaded, model_digest

TEXTS = ["John lives in New York.", None, "", "A girl. Runs to Mary!"]


@pytest.fixture
def model(tmp_path):
    write_model(random_model(seed=3), tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def batch():
    return pyarrow.RecordBatch.from_pydict({"id": [1, 2, 3, 4], "text": TEXTS})


def test_a_worker_adds_what_the_tagger_adds(model, batch):
    expected = tagsmith.load(model).tag_frame(pyarrow.Table.from_batches([batch]))
    tagged = Worker(model)(batch)
    assert isinstance(tagged, pyarrow.RecordBatch)
    assert tagged.to_pylist() == expected.to_pylist()
    assert Worker(model)(pyarrow.Table.from_batches([batch])).equals(expected)


def test_a_worker_can_be_sent(model, batch):
    worker = Worker(model, "text", prefix="x_", tags=True, threshold={"PER": 0.5}, precision="float32").pinned()
    assert pickle.loads(pickle.dumps(worker)) == worker
    assert pickle.loads(pickle.dumps(worker))(batch).equals(worker(batch))
    assert len(pickle.dumps(worker)) < 1000  # not the model


def test_the_schema_is_known_before_any_row(model, batch):
    assert Worker(model, tags=True).schema(batch.schema) == Worker(model, tags=True)(batch).schema
    assert Worker(model)(batch.slice(0, 0)).num_rows == 0


def test_a_model_is_loaded_once_with_one_thread(model, batch):
    before = loaded.cache_info().misses
    for _ in range(3):
        Worker(model)(batch)
    assert loaded.cache_info().misses == before + 1
    assert loaded(model, None, None).threads == 1


def test_a_worker_refuses_a_model_that_was_replaced(model, batch):
    worker = Worker(model).pinned()
    assert worker(batch).num_rows == 4
    write_model(random_model(seed=4), Path(model))
    assert model_digest(model) != worker.digest
    loaded.cache_clear()  # as in a process that starts now
    with pytest.raises(ModelError, match="another model than the one that the run began with"):
        worker(batch)


def test_errors_of_worker_are_those_of_the_tagger(model, batch):
    with pytest.raises(DataError, match="no column 'body'"):
        Worker(model, "body")(batch)
    with pytest.raises(DataError, match="a column 'spans' already"):
        Worker(model)(Worker(model)(batch))
    with pytest.raises(ModelError, match="no such model folder"):
        replace(Worker(model), model="nowhere").pinned()
