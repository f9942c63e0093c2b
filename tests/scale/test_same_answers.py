"""One corpus tagged in every way that there is: the spans and their scores are the same.

In float32. In 8 bits, a batch of few sentences takes another path through the network, and a few tags of a million
differ (``benchmarks/results/scale.json``).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pyarrow
import pytest
from pyarrow import parquet

import processes
import tagsmith
from running_servers import Servers
from tagsmith.model.folder import read_model, write_model
from tagsmith.sample import sample_path

pytestmark = pytest.mark.slow
HOSTILE = ["", " ", "Ada", "Zoë 👩‍🔬 met 李 明 in Zürich.\r\nThey left.", "x" * 3000, "Paris. " * 400, "\u200b"]
Answers = list[list[tuple[int, int, str, str, float]]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("same") / "model"
    write_model(replace(read_model("en"), precision="float32"), folder)
    return folder


@pytest.fixture(scope="module")
def texts():
    parts = ("train", "dev", "test")
    sentences = [" ".join(one.words) for part in parts for one in tagsmith.read_sentences(sample_path(part))]
    return [*HOSTILE, *(" ".join(sentences[start : start + 4]) for start in range(0, len(sentences), 4))]


@pytest.fixture(scope="module")
def expected(model, texts) -> Answers:
    found = answers_of(one.spans for one in tagsmith.load(model).tag_texts(texts))
    assert len(found) > 100
    assert sum(map(len, found)) > 300
    return found


@pytest.fixture(scope="module")
def file(texts, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return path


def answers_of(documents) -> Answers:
    """The spans of documents: of those of tagsmith, or of rows."""
    return [
        [
            (one["start"], one["end"], one["label"], one["text"], round(one["score"], 6))
            if isinstance(one, dict)
            else (one.start, one.end, one.label, one.text, round(one.score, 6))
            for one in spans
        ]
        for spans in documents
    ]


def lines(paths: Iterator[Path]) -> list[dict]:
    return [json.loads(line) for path in sorted(paths) for line in path.read_text("utf-8").splitlines()]


def command_line(*arguments: object) -> None:
    processes.run([sys.executable, "-m", "tagsmith", "tag", *map(str, arguments)], check=True, capture_output=True)


def test_one_text_at_a_time(model, texts, expected):
    tagger = tagsmith.load(model)
    assert answers_of(tagger(text).spans for text in texts) == expected


def test_the_command_line(model, file, expected, tmp_path):
    command_line(model, file, "-o", tmp_path / "out.jsonl")
    assert answers_of(row["spans"] for row in lines([tmp_path / "out.jsonl"])) == expected


@pytest.mark.parametrize("size", ["4", "0.01"])
def test_processes(model, file, expected, tmp_path, size):
    command_line(model, file, "-o", tmp_path / "out", "--workers", 2, "--shard-size", size)
    assert answers_of(row["spans"] for row in lines((tmp_path / "out").glob("texts*"))) == expected


def test_tables(model, texts, expected, tmp_path):
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "texts.parquet")
    command_line(model, tmp_path / "texts.parquet", "-o", tmp_path / "out", "--workers", 2, "--shard-size", 0.01)
    tables = [parquet.read_table(path) for path in sorted((tmp_path / "out").glob("texts*"))]
    assert answers_of(row["spans"] for table in tables for row in table.to_pylist()) == expected


def test_http(model, texts, expected):
    servers = Servers({"en": model})
    address = servers()
    try:
        answers = [
            document
            for start in range(0, len(texts), 50)
            for document in httpx.post(
                f"{address}/v1/tag", json={"texts": texts[start : start + 50]}, timeout=60
            ).json()["documents"]
        ]
    finally:
        servers.stop(address)
    found = [[{**span, "text": one["text"][span["start"] : span["end"]]} for span in one["spans"]] for one in answers]
    assert answers_of(found) == expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_ray(model, texts, expected):
    ray = pytest.importorskip("ray")
    from tagsmith.scale.ray import tag_dataset

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        rows = [{"id": number, "text": text} for number, text in enumerate(texts)]
        tagged = tag_dataset(ray.data.from_items(rows, override_num_blocks=5), model, batch_rows=16).take_all()
    finally:
        ray.shutdown()
    assert answers_of(row["spans"] for row in sorted(tagged, key=lambda row: row["id"])) == expected


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.skipif(not (shutil.which("java") or os.environ.get("JAVA_HOME")), reason="Spark needs Java")
def test_spark(model, texts, expected, monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    sql = pytest.importorskip("pyspark.sql")
    from tagsmith.scale.spark import tag_dataframe

    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.log.level": "OFF"}
    spark = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    try:
        rows = spark.createDataFrame(list(enumerate(texts)), ["id", "text"]).repartition(5)
        tagged = sorted(tag_dataframe(rows, model).collect(), key=lambda row: row["id"])
    finally:
        spark.stop()
    assert answers_of([span.asDict() for span in row["spans"]] for row in tagged) == expected
