"""A corpus made ready: tags inside, labels, vectors and the identity of a run."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from random_model import random_model
from tagsmith.corpus.corpus import read_corpus
from tagsmith.model.frozen_vectors import unit_variance
from tagsmith.model.vectors import load_vectors, quantize_rows
from tagsmith.text.schemes import Scheme, is_legal, tags_to_spans
from tagsmith.training.model_card import data_of
from tagsmith.training.recipe import Recipe, make_recipe
from tagsmith.training.task import prepare

NER = """Anna B-PER
Petrov I-PER
left O
New B-LOC
York I-LOC
City I-LOC

Oslo B-LOC
Oslo B-LOC
rains O

Ivan B-PER
"""
TAGS_OF = {"IOB2": NER, "IOE1": NER.replace("B-", "I-").replace("Oslo I-LOC\nOslo", "Oslo E-LOC\nOslo")}


def corpus_of(text: str, dev: str | None = None):
    return read_corpus(io.StringIO(text), io.StringIO(dev or text), format="conll")


@pytest.fixture(scope="module")
def corpus():
    return corpus_of(NER)


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    rows = np.random.default_rng(0).normal(3.0, 7.0, (4, 5))
    lines = (
        f"{word} {' '.join(f'{x:.4f}' for x in row)}"
        for word, row in zip(["oslo", "ivan", "quito", "x"], rows, strict=True)
    )
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_inside_every_span_scheme_is_bioes(corpus):
    (layer,) = corpus.layers
    assert layer.scheme is Scheme.IOB2
    task = prepare(corpus, Recipe(), None, 0)
    assert layer.tags == ("O", "B-LOC", "I-LOC", "E-LOC", "S-LOC", "B-PER", "I-PER", "E-PER", "S-PER")
    found = [layer.tags[row] for row in task.encoded.tags[0]]
    assert found == ["B-PER", "E-PER", "O", "B-LOC", "I-LOC", "E-LOC", "S-LOC", "S-LOC", "O", "S-PER"]
    assert task.possible == (None,)


def test_plain_tags_stay_as_they_are():
    task = prepare(corpus_of("the DET\nsea NOUN\n\nsing VERB\n"), Recipe(), None, 0)
    (layer,) = task.corpus.layers
    assert layer.tags == ("DET", "NOUN", "VERB")
    assert [layer.tags[row] for row in task.encoded.tags[0]] == ["DET", "NOUN", "VERB"]
    assert layer.transitions.between.all()


def test_bare_letters_as_in_word_segmentation():
    task = prepare(corpus_of("北 B\n京 E\n很 S\n\n大 S\n新 B\n加 M\n坡 E\n"), Recipe(), None, 0)
    (layer,) = task.corpus.layers
    assert layer.scheme is Scheme.BMES
    assert layer.tags == ("O", "B", "I", "E", "S")
    assert [layer.tags[row] for row in task.encoded.tags[0]] == ["B", "E", "S", "S", "B", "I", "E"]


def test_a_label_that_only_the_held_out_part_has_is_known():
    text = "".join(f"w{n} B-L{n}\n\n" for n in range(20))
    corpus = read_corpus(io.StringIO(text), format="conll")
    task = prepare(corpus, Recipe(), None, 0)
    assert {tag[2:] for tag in task.corpus.layers[0].tags if tag != "O"} == {f"L{n}" for n in range(20)}


@pytest.mark.parametrize("longest", range(1, 8))
@pytest.mark.parametrize("text", TAGS_OF.values(), ids=TAGS_OF)
def test_the_pieces_of_a_cut_sentence_have_legal_tags_for_all_tokens(text, longest):
    """An illegal sequence has no probability under the CRF, so its loss would have no bottom."""
    task = prepare(corpus_of(text), Recipe(longest=longest), None, 0)
    encoded = task.encoded
    assert encoded.tokens == 10
    assert encoded.lengths.max() <= longest
    labels = []
    for start, length in zip(encoded.starts, encoded.lengths, strict=True):
        tags = [task.corpus.layers[0].tags[row] for row in encoded.tags[0][start : start + length]]
        assert is_legal(tags, Scheme.BIOES)
        for span in tags_to_spans(tags, Scheme.BIOES):
            labels += [(start + place, span.label) for place in range(span.start, span.end)]
    assert labels == [(0, "PER"), (1, "PER"), *[(n, "LOC") for n in range(3, 8)], (9, "PER")]


def test_rows_are_as_long_as_the_longest_piece_and_shorter_for_the_rest():
    text = "".join("".join(f"w{n} B-X\n" for n in range(length)) + "\n" for length in [5] * 40 + [50])
    assert prepare(corpus_of(text), Recipe(batch_tokens=64), None, 0).rows == [50]
    text = "".join("".join(f"w{n} B-X\n" for n in range(length)) + "\n" for length in [5] * 200 + [50])
    assert prepare(corpus_of(text), Recipe(batch_tokens=64), None, 0).rows == [6, 12, 25, 50]
    assert prepare(corpus_of(text), Recipe(batch_tokens=64, longest=20), None, 0).rows == [5, 10, 20]


def test_vectors_are_scaled_quantized_and_kept_whole(corpus, vectors):
    task = prepare(corpus, make_recipe(changes={"word_dim": 77}), vectors, 0)
    assert task.architecture.word_dim == 5
    assert task.vocabulary.pretrained == ("oslo", "ivan", "quito", "x")  # words of no sentence too
    rows, scales = task.pretrained
    assert rows.dtype == np.int8
    assert not rows[0].any()
    matrix = load_vectors(vectors).matrix
    expected = matrix / matrix.std()
    np.testing.assert_allclose((rows * scales)[1:], expected, atol=float(scales.max()) / 2 + 1e-6)
    again = quantize_rows(np.concatenate([np.zeros((1, 5), np.float32), unit_variance(matrix)]))
    np.testing.assert_array_equal(rows, again[0])


def test_vectors_that_say_nothing_stay_finite():
    assert np.isfinite(unit_variance(np.zeros((3, 2), np.float32))).all()


def test_the_identity_of_a_run_holds_all_that_decides_its_result(corpus, vectors, tmp_path):
    recipe = Recipe()
    task = prepare(corpus, recipe, vectors, 0)
    assert prepare(corpus_of(NER), Recipe(), vectors, 0).identity == task.identity
    moved = tmp_path / "moved.txt"
    moved.write_text(vectors.read_text("utf-8").replace("oslo 3", "oslo 4").replace("oslo -", "oslo "), "utf-8")
    assert moved.read_text("utf-8") != vectors.read_text("utf-8")
    others = [
        prepare(corpus, recipe, vectors, 1),
        prepare(corpus, replace(recipe, clip_norm=4.0), vectors, 0),
        prepare(corpus, recipe, None, 0),
        prepare(corpus, recipe, moved, 0),
        prepare(corpus_of(NER.replace("left", "saw"), NER), recipe, vectors, 0),
        prepare(corpus_of(NER, NER.replace("left", "saw")), recipe, vectors, 0),
        prepare(corpus_of(NER.replace("rains O", "rains B-LOC"), NER), recipe, vectors, 0),
    ]
    assert len({task.identity, *(other.identity for other in others)}) == len(others) + 1


def test_a_task_says_how_many_words_have_a_vector(corpus, vectors):
    assert prepare(corpus, Recipe(), None, 0).covered is None
    covered = prepare(corpus, Recipe(), vectors, 0).covered
    assert covered == "30.0 % of the training tokens have one, and 22.2 % of the different words"


def test_what_a_model_says_of_its_data_includes_what_came_before(corpus):
    task = prepare(corpus, make_recipe("fast"), None, 0)
    data = data_of(task)
    assert {part: (one["sentences"], one["tokens"]) for part, one in data.items()} == {"train": (3, 10), "dev": (3, 10)}
    source = {"name": "old.conll", "sha256": "0" * 64, "sentences": 9, "tokens": 99}
    before = {
        "train": {"sentences": 8, "tokens": 90, "sources": [source]},
        "before": [{**source, "name": "older.conll"}],
    }
    later = data_of(replace(task, start=replace(random_model(), data=before)))
    assert [one["name"] for one in later["before"]] == ["old.conll", "older.conll"]
    assert later["train"] == data["train"]


def test_sentences_of_unknown_origin_are_data_too(corpus):
    data = data_of(prepare(replace(corpus, sources={}), make_recipe("fast"), None, 0))
    assert [(one["name"], one["sentences"]) for one in data["train"]["sources"] + data["dev"]["sources"]] == [
        ("", 3),
        ("", 3),
    ]
