"""Parquet and Arrow: what datasets, pandas and Polars write is read, and what is written they read."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError, MissingExtraError
from tagsmith.formats import FORMATS
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.tables import documents_of_table
from tagsmith.text.document import Document, Span, document_from_sentences, sentence_from_words

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

FORMATS_OF_TABLES = ("parquet", "arrow")
NER = [(["Ann", "Lee", "left"], ["B-PER", "I-PER", "O"]), (["東京", "."], ["B-LOC", "O"])]


def written(name: str, documents: list[Document], *, as_texts: bool = False) -> bytes:
    stream = io.BytesIO()
    FORMATS[name].write_bytes(documents, stream, WriteOptions(as_texts=as_texts))
    return stream.getvalue()


def read(name: str, content: bytes, **options: Any) -> list[Document]:
    return list(FORMATS[name].read(io.BytesIO(content), ReadOptions(**options)))


def documents(pairs=NER, layer: str = "tags") -> list[Document]:
    return [document_from_sentences([sentence_from_words(words, {layer: tags})]) for words, tags in pairs]


def contents(found: list[Document], layer: str = "tags") -> list[tuple[list[str], list[str]]]:
    sentences = [sentence for document in found for sentence in document.sentences]
    return [(list(sentence.words), list(sentence.layers[layer])) for sentence in sentences]


def tables(layers: dict[str, list[str]]) -> dict[str, Any]:
    """The features that ``datasets`` keeps in the metadata of a schema."""
    features = {
        name: {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"} for name, names in layers.items()
    }
    return {"huggingface": json.dumps({"info": {"features": features}})}


@pytest.mark.parametrize("name", FORMATS_OF_TABLES)
def test_tokens_are_rows_of_numbered_tags(name: str):
    content = written(name, documents())
    assert contents(read(name, content)) == NER
    data = parquet.read_table(io.BytesIO(content)) if name == "parquet" else pyarrow.ipc.open_file(content).read_all()
    assert data.column_names == ["tokens", "tags"]
    assert data.column("tags").to_pylist() == [[2, 3, 0], [1, 0]]
    features = json.loads(data.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["tags"]["feature"] == {"names": ["O", "B-LOC", "B-PER", "I-PER"], "_type": "ClassLabel"}


def test_datasets_read_what_is_written_and_write_what_is_read(tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "a.parquet"
    path.write_bytes(written("parquet", documents()))
    dataset = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    labels = dataset.features["tags"].feature
    assert [(row["tokens"], labels.int2str(row["tags"])) for row in dataset] == NER
    dataset.to_parquet(str(tmp_path / "b.parquet"))
    dataset.save_to_disk(str(tmp_path / "saved"))
    (saved,) = (tmp_path / "saved").glob("*.arrow")  # a stream
    for file in (tmp_path / "b.parquet", saved):
        assert [(list(one.words), list(one.layers["tags"])) for one in read_sentences(file)] == NER


@pytest.mark.parametrize("name", FORMATS_OF_TABLES)
def test_texts_are_rows_of_spans_and_come_back_whole(name: str, tmp_path: Path):
    record = {"text": "\U0001f600 Ann Lee left  東京。\n", "spans": [], "id": 7, "when": "now", "note": None}
    record["spans"] = [{"start": 2, "end": 9, "label": "PER"}, {"start": 6, "end": 9, "label": "LAST", "score": 0.5}]
    source, target, back = tmp_path / "a.jsonl", tmp_path / f"a.{name}", tmp_path / "b.jsonl"
    source.write_text(json.dumps(record) + "\n" + json.dumps({"text": "", "spans": []}) + "\n", "utf-8")
    convert(source, target)
    convert(target, back)
    first, second = map(json.loads, back.read_text("utf-8").splitlines())
    assert first["text"] == record["text"]
    assert [(span["start"], span["end"], span["label"]) for span in first["spans"]] == [(2, 9, "PER"), (6, 9, "LAST")]
    assert first["spans"][1]["score"] == 0.5
    assert (first["id"], first["when"]) == (7, "now")
    assert (second["text"], second["spans"]) == ("", [])
    assert FORMATS[name].file_ending == f".{name}"


def test_spans_are_read_as_structs_and_as_columns():
    spans = [{"start": 0, "end": 3, "label": "PER"}]
    for value in (spans, {"start": [0], "end": [3], "label": ["PER"]}):
        table = pyarrow.table({"text": ["Ann left."], "spans": [value]})
        (document,) = documents_of_table(table, ReadOptions())
        assert document.spans == (Span(0, 3, "PER", "Ann"),)


def test_numbers_have_the_names_of_their_class_labels_inside_structs_too():
    features = {"spans": {"feature": {"label": {"names": ["ORG", "PER"], "_type": "ClassLabel"}}, "_type": "Sequence"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    columns = {"text": ["Ann left."], "spans": [{"start": [0], "end": [3], "label": [1]}]}
    table = pyarrow.table(columns).replace_schema_metadata(metadata)
    assert next(documents_of_table(table, ReadOptions())).spans[0].label == "PER"


def test_a_layer_is_chosen_by_name_or_because_it_is_alone():
    rows = {"tokens": [["Ann", "left"]], "pos_tags": [[0, 1]], "ner_tags": [[1, 0]], "split": ["train"]}
    names = {"pos_tags": ["NNP", "VBD"], "ner_tags": ["O", "B-PER"]}
    table = pyarrow.table(rows).replace_schema_metadata(tables(names))
    assert read_sentences(table)[0].layers == {"tags": ("B-PER", "O")}  # ner_tags go before others
    assert read_sentences(table, layer="pos_tags")[0].layers == {"pos_tags": ("NNP", "VBD")}
    both = read_sentences(table, layer=["ner_tags", "pos_tags"])[0].layers
    assert both == {"ner_tags": ("B-PER", "O"), "pos_tags": ("NNP", "VBD")}
    alone = table.drop_columns(["ner_tags"])
    assert read_sentences(alone)[0].layers == {"tags": ("NNP", "VBD")}
    several = pyarrow.table({"tokens": [["a"]], "upos": [["X"]], "xpos": [["Y"]]})
    with pytest.raises(DataError, match=r"several lists of tags: upos, xpos. Name the one to use with --layer"):
        read_sentences(several)


def test_a_text_beside_the_tokens_gives_their_offsets():
    table = pyarrow.table({"text": ["Ann  left."], "tokens": [["Ann", "left", "."]], "tags": [["B-PER", "O", "O"]]})
    (document,) = documents_of_table(table, ReadOptions())
    assert (document.text, document.sentences[0].starts) == ("Ann  left.", (0, 5, 9))
    other = table.set_column(0, "text", pyarrow.array(["Another one"]))
    assert next(documents_of_table(other, ReadOptions())).text == "Ann left ."


def test_frames_and_tables_in_memory_are_data():
    rows = {"tokens": [words for words, _ in NER], "tags": [tags for _, tags in NER]}
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for table in (pyarrow.table(rows), pandas.DataFrame(rows), polars.DataFrame(rows)):
        assert contents(list(documents_of_table(table, ReadOptions()))) == NER
        assert [list(sentence.words) for sentence in read_sentences([table, table])] == 2 * [words for words, _ in NER]


def test_other_columns_keep_what_json_can_hold():
    from datetime import date
    from decimal import Decimal

    columns = {"text": ["Ann"], "spans": [[]], "day": [date(2024, 1, 2)], "sum": [Decimal("1.50")], "raw": [b"\x00"]}
    content = io.BytesIO()
    parquet.write_table(
        pyarrow.table({**columns, "spans": pyarrow.array([[]], pyarrow.list_(pyarrow.null()))}), content
    )
    (document,) = read("parquet", content.getvalue())
    assert document.meta["record"] == {"day": "2024-01-02", "sum": "1.50"}


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
ROWS = st.lists(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from("ABC")), min_size=1
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("name", FORMATS_OF_TABLES)
@given(rows=ROWS)
@settings(max_examples=examples(40))
def test_any_tokens_and_tags_come_back(name: str, rows):
    pairs = [([word for word, _ in row], [tag for _, tag in row]) for row in rows]
    assert contents(read(name, written(name, documents(pairs)))) == pairs


@given(data=st.binary(max_size=300), at=st.integers(0, 2000))
@settings(max_examples=examples(60))
def test_a_damaged_file_is_an_error_that_names_it(data: bytes, at: int):
    for name in FORMATS_OF_TABLES:
        whole = written(name, documents())
        for content in (whole[: at % len(whole)], whole[: at % len(whole)] + data, b"PAR1" + data + b"PAR1", data):
            with suppress(DataError):
                assert all(document.sentences for document in read(name, content))


def test_what_cannot_be_a_tag_names_its_row():
    numbers = {"tokens": [["a"], ["b"]], "tags": [[0], [-100]]}
    table = pyarrow.table(numbers).replace_schema_metadata(tables({"tags": ["O"]}))
    with pytest.raises(DataError, match=r"rows.parquet:2: The label -100 is none of the 1 names of its column"):
        list(documents_of_table(table, ReadOptions(), "rows.parquet"))
    with pytest.raises(DataError, match=r":1: The tags are missing, or are numbers and not names"):
        read_sentences(pyarrow.table(numbers))
    with pytest.raises(DataError, match=r":1: There are 1 tokens but 2 tags"):
        read_sentences(pyarrow.table({"tokens": [["a"]], "tags": [["O", "O"]]}))
    with pytest.raises(DataError, match="The file holds no rows"):
        read_sentences(pyarrow.table({"tokens": [], "tags": []}))


def test_a_table_is_no_text_and_a_text_is_no_table(tmp_path: Path):
    with pytest.raises(DataError, match=r'This is a stream of text, and the format is binary. Open the file with "rb"'):
        list(FORMATS["parquet"].read(io.StringIO("Ann O\n"), ReadOptions()))
    with pytest.raises(DataError, match="There is no such file"):
        read_sentences(tmp_path / "none.parquet")
    (tmp_path / "a.parquet").write_text("Ann O\n", "utf-8")
    with pytest.raises(DataError, match="This Parquet file cannot be read"):
        read_sentences(tmp_path / "a.parquet")


def test_without_pyarrow_the_extra_is_named(monkeypatch, tmp_path: Path):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingExtraError, match="Reading Parquet needs the 'arrow' extra"):
        read_sentences(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", FORMATS_OF_TABLES)
def test_columns_of_several_kinds_are_json(name: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tagsmith.formats.tables.ROWS", 2)  # rows that are looked at together
    ids = [1, 2, "three", None, [4], {"five": 5}]
    source, target, back = tmp_path / "a.jsonl", tmp_path / f"a.{name}", tmp_path / "b.jsonl"
    records = [{"text": "Ann", "spans": [], "id": one, "n": number} for number, one in enumerate(ids)]
    source.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    convert(source, target)
    convert(target, back)
    found = [json.loads(line) for line in back.read_text("utf-8").splitlines()]
    assert [record.get("n") for record in found] == list(range(6))
    assert [json.loads(record["id"]) for record in found] == ids


@pytest.mark.parametrize("as_texts", [False, True])
def test_half_of_a_surrogate_pair_cannot_be_written(as_texts: bool):
    (document,) = documents([(["\ud800"], ["O"])])
    with pytest.raises(DataError, match="half of a surrogate pair"):
        written("parquet", [document], as_texts=as_texts)
