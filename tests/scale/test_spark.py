"""DataFrames of Spark: what the executors add is what the tagger adds, whatever dies meanwhile."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

import tagsmith
from random_model import random_layers_model, random_model
from tagsmith.errors import DataError, MissingExtraError, ModelError
from tagsmith.model.folder import write_model

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pyspark = pytest.importorskip("pyspark")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("there is no Java", allow_module_level=True)

from tagsmith.scale.spark import PIECE_BYTES, _pieces, tag_dataframe  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
EXAMPLE = Path(__file__).parents[2] / "docs" / "spark_tag.py"
TEXTS = ["John lives in New York.", None, "", "the 🙂 London. Paris in the café!", "A girl. Runs to Mary!"]
QUIET = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """A session in this process, which runs a task again if its Python worker dies."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master("local[2,4]").config(map=QUIET)
        builder = builder.config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        session = builder.config("spark.local.dir", str(folder)).getOrCreate()
        yield session
        session.stop()
        gateway = SparkContext._gateway
        gateway.shutdown()
        gateway.proc.stdin.close()  # which ends the JVM
        gateway.proc.wait(60)
        SparkContext._gateway = SparkContext._jvm = None
        gc.collect()  # of sockets that PySpark leaves open


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names") / "model"
    write_model(replace(random_model(seed=3), precision="float32"), folder)
    return folder


def frame(spark, texts):
    return spark.createDataFrame(list(enumerate(texts)), "id int not null, text string")


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def rows(df):
    return rounded([row.asDict(recursive=True) for row in df.orderBy("id").collect()])


def expected(model, texts, **options):
    table = pyarrow.table({"id": range(len(texts)), "text": texts})
    return rounded(tagsmith.load(model).tag_frame(table, **options).to_pylist())


# -------------------------------------------------------------------------------------------- what is added


@pytest.mark.parametrize("options", [{}, {"tags": True, "prefix": "our.", "threshold": {"PER": 0.6}}])
def test_the_columns_are_those_of_the_tagger(spark, model, options):
    tagged = tag_dataframe(frame(spark, TEXTS), model, **options)
    found = rows(tagged)
    assert found == expected(model, TEXTS, **options)
    assert list(found[0]) == tagged.columns
    assert sum(bool(row[tagged.columns[-1]]) for row in found) > 1


def test_several_layers_and_tokens(spark, tmp_path):
    write_model(random_layers_model(), tmp_path / "all")
    tokens = [["John", "lives"], None, [], ["Paris"]]
    df = spark.createDataFrame(list(enumerate(tokens)), "id int, words array<string>")
    tagged = tag_dataframe(df, tmp_path / "all", "words", precision="float32")
    tagger = tagsmith.load(tmp_path / "all", precision="float32")
    table = pyarrow.table({"id": range(4), "words": tokens})
    assert rows(tagged) == rounded(tagger.tag_frame(table, "words").to_pylist())
    assert tagged.columns == ["id", "words", "pos", "ner", "ner_spans", "chunk", "chunk_spans"]
    of_texts = tag_dataframe(frame(spark, TEXTS), tmp_path / "all")
    assert of_texts.columns[2:] == ["tokens", "pos", "ner_spans", "chunk_spans"]


def test_the_types_are_those_of_spark(spark, model):
    tagged = tag_dataframe(frame(spark, TEXTS), model)
    span = "struct<start:bigint,end:bigint,label:string,text:string,score:double>"
    assert tagged.schema.simpleString() == f"struct<id:int,text:string,spans:array<{span}>>"
    assert [field.nullable for field in tagged.schema.fields] == [False, True, True]
    assert tagged.select("spans.label", "spans.start").collect()[1] == (None, None)


def test_other_columns_stay_whatever_their_types_and_names(spark, model):
    df = spark.sql("""
        select 'John lives in Paris.' as `the.text`, 1Y as x, 2 as x, date'2020-01-02' as d, null as nothing,
            timestamp'2020-01-02 03:04:05.678901' as t, timestamp_ntz'1920-01-02 03:04:05' as n,
            cast(1.2 as decimal(30, 20)) as c, map('a', array(1, null)) as m, x'00ff' as b, interval '1' day as i,
            named_struct('x', 1, 'y', named_struct('z', true)) as s, 'v' collate unicode_ci as v
        union all select null, null, null, null, null, null, null, null, null, null, null, null, null""")
    tagged = tag_dataframe(df, model, "the.text")
    assert tagged.schema.fields[:-1] == df.schema.fields
    assert [row[:-1] for row in tagged.collect()] == [tuple(row) for row in df.collect()]
    assert tag_dataframe(df.where("false"), model, "the.text").collect() == []


def test_batches_of_any_size_give_the_same_rows(spark, model):
    texts = ["John lives in New York. " * (number % 7) for number in range(3000)] + ["Paris. " * 20_000] * 3
    assert rows(tag_dataframe(frame(spark, texts).repartition(1), model)) == expected(model, texts)


def test_a_batch_of_long_texts_is_cut_into_pieces():
    texts = pyarrow.array(["Paris. " * 100_000] * 9 + [None] * 9)
    batch = pyarrow.RecordBatch.from_arrays([pyarrow.array(range(18)), texts], ["id", "text"])
    pieces = list(_pieces(batch, 1))
    assert pyarrow.Table.from_batches(pieces) == pyarrow.Table.from_batches([batch])
    assert len(pieces) > 1
    assert max(piece.column(1).nbytes for piece in pieces) < 2 * PIECE_BYTES


# -------------------------------------------------------------------------------------------- the model


def test_models_in_folders_of_one_name_are_told_apart(spark, model, tmp_path):
    other = tmp_path / "model"
    write_model(replace(random_model(seed=4), precision="float32"), other)
    one, two = tag_dataframe(frame(spark, TEXTS), model), tag_dataframe(frame(spark, TEXTS), other)
    assert (rows(one), rows(two)) == (expected(model, TEXTS), expected(other, TEXTS))
    assert rows(one) != rows(two)


def test_executors_keep_the_model_that_they_were_sent(spark, tmp_path):
    write_model(replace(random_model(seed=5), precision="float32"), tmp_path / "model")
    before = expected(tmp_path / "model", TEXTS)
    tagged = tag_dataframe(frame(spark, TEXTS), tmp_path / "model")
    shutil.rmtree(tmp_path / "model")
    assert rows(tagged) == before


def test_a_model_that_is_not_sent_must_be_the_same_everywhere(spark, tmp_path):
    from pyspark.errors import PySparkException

    write_model(replace(random_model(seed=6), precision="float32"), tmp_path / "model")
    tagged = tag_dataframe(frame(spark, TEXTS), tmp_path / "model", ship=False)
    write_model(random_model(seed=7), tmp_path / "model")
    with pytest.raises(PySparkException, match="another model than the one that the run began with"):
        rows(tagged)
    write_model(replace(random_model(seed=6), precision="float32"), tmp_path / "model")
    assert rows(tagged) == expected(tmp_path / "model", TEXTS)


def test_the_english_model_is_sent_too(spark):
    found = rows(tag_dataframe(frame(spark, ["Ada Lovelace was born in London."]), "en"))
    assert [span["text"] for span in found[0]["spans"]] == ["Ada Lovelace", "London"]


# -------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("query", "options", "problem"),
    [
        ("select 1 as id", {}, "no column 'text'. Name one of its columns: id"),
        ("select 1 as text", {}, "'text' is int, neither string nor array<string>"),
        ("select 'a' as text, 'b' as text", {}, "two columns 'text'"),
        ("select 'a' as text, 1 as SPANS", {}, "a column 'spans' already. Give a prefix"),
        ("select 'a' as text", {"threshold": 2.0}, "between 0 and 1"),
        ("select 'a' as text", {"threshold": {"XYZ": 0.5}}, "no label 'XYZ'"),
        ("select 'a' as text, make_interval(1) as i", {}, "cannot pass one of these columns .* i interval"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(spark, model, query, options, problem):
    with pytest.raises(DataError, match=problem):
        tag_dataframe(spark.sql(query), model, **options)


def test_bytes_that_are_no_text_are_an_error_with_the_remedy(spark, model):
    from pyspark.errors import PySparkException
    from pyspark.sql.functions import make_valid_utf8

    df = spark.sql("select 0 as id, cast(x'4a6fe9' as string) as text")
    with pytest.raises(PySparkException, match=r"'text' holds what is not UTF-8.*Apply .*make_valid_utf8"):
        rows(tag_dataframe(df, model))
    valid = df.withColumn("text", make_valid_utf8("text"))
    assert rows(tag_dataframe(valid, model)) == expected(model, ["Jo\N{REPLACEMENT CHARACTER}"])


def test_other_frames_are_sent_elsewhere():
    with pytest.raises(DataError, match=r"not a DataFrame of Spark\. .*tag_frame"):
        tag_dataframe(pyarrow.table({"text": TEXTS}), "en")


def test_there_must_be_a_model(spark):
    with pytest.raises(ModelError, match="no such model folder"):
        tag_dataframe(frame(spark, TEXTS), "nowhere")


@pytest.mark.parametrize("package", ["pandas", "pyarrow", "pyspark.sql.pandas"])
def test_a_missing_package_names_the_extra(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match="spark"):
        tag_dataframe(None, "en")


# -------------------------------------------------------------------------------------------- what dies


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1])


def tagging_processes():
    """The Python workers of this process's Spark that have loaded what runs a model."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # They are children of a daemon, which is a child of the JVM: other tests may have a Spark of their own.
            ours = parent(parent(parent(process.name))) == os.getpid()
            if ours and "onnxruntime" in (process / "maps").read_text("utf-8"):
                found.append(int(process.name))
        except OSError:  # it has ended meanwhile, or has no such ancestor
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc to find the workers in")
def test_a_worker_that_is_killed_costs_no_row_and_doubles_none(spark, model, tmp_path):
    killed, attempts = str(tmp_path / "killed"), str(tmp_path)

    def slowly(batches):  # the second half of a partition comes when a worker is dead
        import pathlib
        import time

        from pyspark import TaskContext

        task = TaskContext.get()
        pathlib.Path(attempts, f"attempt-{task.partitionId()}-{task.attemptNumber()}").touch()
        for number, batch in enumerate(batches):
            end = time.monotonic() + 120
            while number >= 5 and not pathlib.Path(killed).exists() and time.monotonic() < end:
                time.sleep(0.05)
            yield batch

    texts = ["John lives in New York. " * 200 for _ in range(200)]
    for pid in tagging_processes():  # of earlier tests
        os.kill(pid, signal.SIGKILL)
    while tagging_processes():
        time.sleep(0.05)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "10")
    df = frame(spark, texts).repartition(2)
    tagged = tag_dataframe(df.mapInArrow(slowly, df.schema), model)
    writing = Thread(target=tagged.write.parquet, args=[str(tmp_path / "tagged")])
    writing.start()
    while not (found := tagging_processes()) and writing.is_alive():
        time.sleep(0.05)
    os.kill(found[0], signal.SIGKILL)
    Path(killed).touch()
    writing.join()
    spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert sum(path.name.endswith("-1") for path in tmp_path.glob("attempt-*")) == 1
    assert rows(spark.read.parquet(str(tmp_path / "tagged"))) == expected(model, texts)


# -------------------------------------------------------------------------------------------- the example


def test_the_example_runs_under_spark_submit(model, tmp_path):
    (tmp_path / "texts.jsonl").write_text('{"id": 0, "text": "John lives in New York."}\n{"id": 1}\n', "utf-8")
    configuration = [part for name, value in QUIET.items() for part in ("--conf", f"{name}={value}")]
    # A cluster on this machine: its executor is a process that has nothing but what it is sent. It works in SPARK_HOME.
    home = tmp_path / "home"
    home.mkdir()
    for part in Path(pyspark.__file__).parent.glob("[!w]*"):
        (home / part.name).symlink_to(part)
    submit = [Path(sys.executable).with_name("spark-submit"), "--master", "local-cluster[1,1,1024]", *configuration]
    command = [*submit, EXAMPLE, model, "texts.jsonl", "tagged", "--format", "json"]
    of_spark = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(home)}
    environment = {**os.environ, **of_spark}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    tagged = parquet.read_table(tmp_path / "tagged").to_pylist()
    assert rounded(tagged) == expected(model, ["John lives in New York.", None])
    assert {path.name for path in tmp_path.iterdir()} == {"home", "texts.jsonl", "tagged"}
    assert list(home.glob("work/*/*/tagsmith-*.zip/config.json"))
