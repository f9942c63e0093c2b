"""Data frames and datasets: the columns that tagging adds are what tagging the rows gives."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from random_model import LAYERS, random_layers_model, random_model
from search_budget import examples
from tagsmith.errors import DataError, MissingExtraError
from tagsmith.tagging.tables import BLOCK_ROWS, predicted_columns
from tagsmith.tagging.tagger import Tagger

pyarrow = pytest.importorskip("pyarrow")

TEXTS = ["John lives in New York.", "", None, "the 🙂 London. Paris in the café!"]
TAGGER = Tagger(random_model(), precision="float32")


def frames(rows: list[Any], column: str = "text") -> list[Any]:
    """The same table for each library."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    data = {"id": list(range(len(rows))), column: rows}
    return [
        pandas.DataFrame(data, index=range(5, 5 + len(rows))), polars.DataFrame(data, strict=False), pyarrow.table(data)
    ]  # fmt: skip


def listed(frame: Any, column: str) -> list[Any]:
    """A column's values, by way of pyarrow."""
    return pyarrow.table(frame).column(column).to_pylist()


def spans_of(text: str | None) -> list[dict[str, Any]] | None:
    if text is None:
        return None
    return [
        {"start": span.start, "end": span.end, "label": span.label, "text": span.text, "score": span.score}
        for span in TAGGER(text).spans
    ]


def test_texts_get_spans_in_every_kind_of_frame():
    expected = [spans_of(text) for text in TEXTS]
    assert sum(map(bool, expected)) > 1
    for frame in frames(TEXTS):
        names = list(getattr(frame, "column_names", frame.columns))
        tagged = TAGGER.tag_frame(frame)
        assert listed(tagged, "spans") == expected
        assert type(tagged) is type(frame)
        assert list(getattr(tagged, "column_names", tagged.columns)) == [*names, "spans"]
        assert list(getattr(frame, "column_names", frame.columns)) == names


def test_an_index_of_pandas_stays():
    frame = frames(TEXTS)[0]
    assert list(TAGGER.tag_frame(frame).index) == [5, 6, 7, 8]


@pytest.mark.parametrize("kind", [object, "str", "string", "string[pyarrow]"])
def test_whatever_pandas_calls_missing_is_null(kind):
    frame = pytest.importorskip("pandas").DataFrame({"text": ["Paris", None]}).astype(kind)
    assert listed(TAGGER.tag_frame(frame), "spans")[1] is None


def test_tokens_get_tags_and_spans_counted_in_tokens():
    rows = [["John", "lives", "in", "New", "York"], [], None, ["Paris"]]
    expected = [None if row is None else TAGGER.tag([row])[0] for row in rows]
    for frame in frames(rows, "tokens"):
        tagged = TAGGER.tag_frame(frame)
        assert listed(tagged, "ner") == expected
        for row, spans in zip(rows, listed(tagged, "spans"), strict=True):
            for span in spans or ():
                assert " ".join(row[span["start"] : span["end"]]) == span["text"]
    assert any(listed(tagged, "spans")[0])


def test_a_column_of_tokens_without_any_has_the_same_columns():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    kind = pyarrow.list_(pyarrow.string())
    for rows in ([], [None, None]):
        table = pyarrow.table({"tokens": pyarrow.array(rows, kind)})
        frames = [table, polars.from_arrow(table), table.to_pandas(types_mapper=pandas.ArrowDtype)]
        for frame in frames:
            tagged = pyarrow.table(TAGGER.tag_frame(frame))
            assert tagged.column_names == ["tokens", "ner", "spans"]
            assert tagged.column("ner").to_pylist() == rows
    rows = [None] * BLOCK_ROWS + [["Paris"]]
    assert listed(TAGGER.tag_frame(pandas.DataFrame({"tokens": rows})), "ner")[-1] is not None


def test_tags_of_texts_come_with_their_tokens_on_request():
    tagged = TAGGER.tag_frame(frames(TEXTS)[2], "text", tags=True, prefix="our_")
    document = TAGGER(TEXTS[3])
    words = [word for sentence in document.sentences for word in sentence.words]
    assert tagged.column_names[2:] == ["our_tokens", "our_ner", "our_spans"]
    assert listed(tagged, "our_tokens")[3] == words
    assert listed(tagged, "our_ner")[3] == [tag for one in document.sentences for tag in one.layers["ner"]]


def test_each_layer_has_its_columns():
    tagger = Tagger(random_layers_model(), precision="float32")
    columns = predicted_columns(tagger, TEXTS, tags=False, threshold=None)
    assert list(columns) == ["tokens", "pos", "ner_spans", "chunk_spans"]
    columns = predicted_columns(tagger, [["John"]], tags=False, threshold=None)
    assert list(columns) == ["pos", "ner", "ner_spans", "chunk", "chunk_spans"]
    assert [name for name, _, _ in LAYERS] == ["pos", "ner", "chunk"]


def test_a_threshold_drops_spans():
    (frame,) = frames(TEXTS)[2:]
    assert listed(TAGGER.tag_frame(frame, threshold=1.0), "spans") == [[], [], None, []]


@given(rows=st.lists(st.none() | st.text(st.sampled_from("John .Paris\n🙂")), max_size=6))
@settings(max_examples=examples(40))
def test_the_columns_are_those_of_the_rows_one_by_one(rows):
    columns = predicted_columns(TAGGER, rows, tags=True, threshold=None)
    for number, row in enumerate(rows):
        alone = predicted_columns(TAGGER, [row], tags=True, threshold=None)
        for name, values in columns.items():
            if name != "spans":
                assert values[number].as_py() == alone[name][0].as_py()
            elif row is not None:
                kept = [{**span, "score": None} for span in values[number].as_py()]
                assert kept == [{**span, "score": None} for span in spans_of(row)]


def test_more_rows_than_a_block_and_none():
    rows = ["John", None, "the"] * (BLOCK_ROWS // 2)
    tagged = TAGGER.tag_frame(pyarrow.table({"text": rows}))
    assert tagged.column("spans").num_chunks > 1
    assert listed(tagged, "spans")[-3:] == [listed(tagged, "spans")[0], None, listed(tagged, "spans")[2]]
    empty = TAGGER.tag_frame(pyarrow.table({"text": pyarrow.array([], pyarrow.string())}))
    assert (empty.num_rows, empty.column_names) == (0, ["text", "spans"])


def test_what_cannot_be_tagged_names_its_row():
    table = pyarrow.table({"text": ["a", "b"], "number": [1, 2], "spans": [[], []]})
    with pytest.raises(DataError, match=r"no column 'body'\. Name one of its columns: text, number, spans"):
        TAGGER.tag_frame(table, "body")
    with pytest.raises(DataError, match=r"column 'spans' already\. Give a prefix"):
        TAGGER.tag_frame(table)
    with pytest.raises(DataError, match="no column 'tokens', 'words' or 'text'"):
        TAGGER.tag_frame(table.drop_columns(["text"]))
    with pytest.raises(DataError, match="several columns 'text'"):
        TAGGER.tag_frame(table.select(["text", "text"]))
    with pytest.raises(DataError, match="Row 1 is the int 1, neither a text nor a list of tokens"):
        TAGGER.tag_frame(table, "number", prefix="x_")
    with pytest.raises(DataError, match="The text of row 3 is the int 7"):
        predicted_columns(TAGGER, ["a", None, 7], tags=False, threshold=None)
    with pytest.raises(DataError, match="Row 2, token 1: the word is the int 7"):
        predicted_columns(TAGGER, [["a"], [7]], tags=False, threshold=None)
    with pytest.raises(DataError, match="Give a DataFrame of pandas or Polars"):
        TAGGER.tag_frame({"text": ["a"]})


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="needs the 'arrow' extra"):
        TAGGER.tag_frame(None)


# ------------------------------------------------------------------------------------------ datasets


def dataset_of(columns: dict[str, list[Any]]):
    return pytest.importorskip("datasets").Dataset.from_dict(columns)


def test_a_dataset_gets_tokens_tags_and_spans():
    pytest.importorskip("polars")
    dataset = dataset_of({"text": [text or "" for text in TEXTS]})
    for formatted in (dataset, *map(dataset.with_format, ("arrow", "pandas", "polars"))):
        tagged = formatted.map(TAGGER.as_map(), batched=True, load_from_cache_file=False).with_format(None)
        assert tagged.column_names == ["text", "tokens", "ner", "spans"]
        assert tagged[:]["spans"] == [spans_of(text or "") for text in TEXTS]


def test_columns_of_a_dataset_may_be_removed_and_batches_small():
    tokens = [["the"], ["John", "lives", "in", "New", "York"], []]
    mapper = TAGGER.as_map(prefix="predicted_")
    dataset = dataset_of({"tokens": tokens, "ner": [["O"], ["O"] * 5, []]})
    tagged = dataset.map(mapper, batched=True, batch_size=1, remove_columns=["ner"])
    assert tagged.column_names == ["tokens", "predicted_ner", "predicted_spans"]
    assert tagged[:]["predicted_ner"] == TAGGER.tag(tokens)


def test_features_say_the_types_that_a_first_batch_without_spans_hides():
    dataset = dataset_of({"text": ["", "John lives in New York."]})
    mapper = TAGGER.as_map()
    with pytest.raises(TypeError):
        dataset.map(mapper, batched=True, batch_size=1, load_from_cache_file=False)
    tagged = dataset.map(mapper, batched=True, batch_size=1, features=mapper.features(dataset))
    assert tagged[1]["spans"] == spans_of("John lives in New York.")


def test_a_batch_of_one_row_and_a_taken_column_are_errors():
    with pytest.raises(DataError, match="batched=True"):
        dataset_of({"text": ["a"]}).map(TAGGER.as_map())
    with pytest.raises(DataError, match="batched=True"):
        dataset_of({"tokens": [["a"]]}).map(TAGGER.as_map())
    with pytest.raises(DataError, match="column 'ner' already"):
        dataset_of({"tokens": [["a"]], "ner": [["O"]]}).map(TAGGER.as_map(), batched=True)


def test_what_maps_can_be_pickled():
    mapper = pickle.loads(pickle.dumps(TAGGER.as_map()))
    assert mapper({"text": ["John"]}) == TAGGER.as_map()({"text": ["John"]})


def test_the_other_columns_of_a_table_say_what_to_score_by():
    rows = {"tokens": [["John"], ["lives"], ["Paris"]], "ner_tags": [["B-PER"], ["O"], ["B-LOC"]]}
    scores = TAGGER.evaluate(dataset_of({**rows, "domain": ["news", "news", "web"]}), by="domain")
    assert {name: one.support for name, one in scores.buckets["domain"].items()} == {"news": 1, "web": 1}


def test_seqeval_scores_the_predictions_as_we_do():
    seqeval = pytest.importorskip("seqeval.metrics")
    gold = [["B-PER", "I-PER", "O", "O", "B-LOC"], ["O"], ["B-LOC", "B-PER"]]
    tokens = [["John", "lives", "in", "New", "York"], ["the"], ["Paris", "London"]]
    tagged = dataset_of({"tokens": tokens, "gold": gold}).map(TAGGER.as_map(), batched=True)
    ours = TAGGER.evaluate(list(zip(tokens, gold, strict=True)))
    predicted = tagged[:]["ner"]
    functions = (seqeval.precision_score, seqeval.recall_score, seqeval.f1_score, seqeval.accuracy_score)
    theirs = [function(gold, predicted) for function in functions]
    assert theirs == pytest.approx([ours.precision, ours.recall, ours.f1, ours.accuracy])
