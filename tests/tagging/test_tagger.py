"""The tagger on random weights: nothing lost, nothing illegal, the same answers however it is called."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import processes
from every_sequence import every_score
from random_model import SMALL, WORDS, random_model, random_sentences
from search_budget import examples
from tagsmith.errors import DataError, ModelError
from tagsmith.model.folder import write_model
from tagsmith.scores.comparison import compare_tags
from tagsmith.scores.scores import score_tags
from tagsmith.tagging import sentence_tagger
from tagsmith.tagging.sentence_tagger import STREAM_SENTENCES
from tagsmith.tagging.tagger import Tagger, load
from tagsmith.text.schemes import (
    Scheme,
    convert_tags,
    is_legal,
    tag_inventory,
    tags_to_spans,
)

SCHEMES = list(Scheme)
SENTENCES = random_sentences(200, longest=40)
MODEL = random_model()


def tagger_of(scheme: Scheme, **options) -> Tagger:
    return Tagger(random_model(scheme=scheme), precision="float32", **options)


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(MODEL, precision="float32", threads=2)


# ------------------------------------------------------------------------------------------- tags of words


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_word_gets_one_tag_and_every_sequence_is_legal(scheme, precision):
    model = random_model(scheme=scheme)
    tags = Tagger(model, precision=precision).tag(SENTENCES)
    assert [len(own) for own in tags] == [len(sentence) for sentence in SENTENCES]
    assert all(type(tag) is str for own in tags for tag in own)
    assert all(is_legal(own, scheme) for own in tags)
    assert len({tag for own in tags for tag in own}) > 1, "weights that say nothing test nothing"
    possible = set(tag_inventory(("LOC", "PER"), scheme))
    assert {tag for own in tags for tag in own} <= possible


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme is not Scheme.PLAIN])
def test_the_scheme_changes_how_spans_are_written_and_not_which(scheme):
    inner = tagger_of(Scheme.BIOES).tag(SENTENCES)
    assert tagger_of(scheme).tag(SENTENCES) == [convert_tags(tags, Scheme.BIOES, scheme) for tags in inner]


@pytest.mark.parametrize("scheme", [Scheme.BMES, Scheme.BIOES])
def test_bare_letters_as_in_word_segmentation(scheme):
    tagger = Tagger(random_model(scheme=scheme, labels=("",)), precision="float32")
    tags = tagger.tag(SENTENCES)
    assert {tag for own in tags for tag in own} <= {"O", *scheme.value}
    assert all(is_legal(own, scheme) for own in tags)
    assert tagger.labels == ("",)


@pytest.mark.parametrize("scheme", [Scheme.IOB2, Scheme.IOB1, Scheme.PLAIN])
def test_no_sentences_and_empty_sentences(scheme):
    tagger = tagger_of(scheme)
    assert tagger.tag([]) == []
    assert tagger.tag([[]]) == [[]]
    assert tagger.tag([[], []]) == [[], []]
    mixed = tagger.tag([[], ["John", "lives"], [], ["."], []])
    assert [len(tags) for tags in mixed] == [0, 2, 0, 1, 0]
    assert mixed[1] == tagger.tag([["John", "lives"]])[0]


@pytest.mark.parametrize("a", [replace(SMALL, characters=kind) for kind in ("cnn", "lstm", "gru", "none")])
def test_words_of_unknown_characters_and_even_empty_words_are_tagged(a):
    tagger = Tagger(random_model(a), precision="float32")
    odd = ["", "\ud800", "\x00", "ꙮ", " ", "x" * 5000, "\u200d", "🙂" * 100]
    assert [len(tags) for tags in tagger.tag([odd, [""], odd[::-1]])] == [8, 1, 8]
    for column in tagger._network.look_up([odd]).columns:
        assert np.isfinite(column).all()
        assert np.abs(column).max() < 100


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=()), max_size=8), max_size=5), max_size=5))
@settings(max_examples=examples(50))
def test_any_words_can_be_tagged(sentences):
    tags = PROPERTY_TAGGER.tag(sentences)
    assert [len(own) for own in tags] == [len(sentence) for sentence in sentences]
    assert all(is_legal(own, Scheme.IOB2) for own in tags)


PROPERTY_TAGGER = Tagger(MODEL, threads=1)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_sentence_of_ten_thousand_tokens_is_tagged_in_full(precision):
    rng = np.random.default_rng(5)
    sentence = [WORDS[row] for row in rng.integers(0, len(WORDS), 10_000)]
    tagger = Tagger(MODEL, precision=precision)
    short = sentence[:3]
    long, other = tagger.tag([sentence, short])
    assert len(long) == 10_000
    assert len(other) == 3
    assert is_legal(long, Scheme.IOB2)
    # Its last part is tagged like a text of its own, far from where that begins.
    assert any(tag != "O" for tag in long[-100:])
    if precision == "float32":
        tail = tagger.tag([sentence[-500:]])[0]
        assert long[-300:] == tail[-300:]


def test_the_answer_does_not_depend_on_what_else_is_in_the_batch(tagger):
    together = tagger.tag(SENTENCES)
    assert together == [tagger.tag([sentence])[0] for sentence in SENTENCES]
    assert together[::-1] == tagger.tag(SENTENCES[::-1])
    assert together == list(tagger.tag_stream(SENTENCES))


def test_sequences_of_any_kind_are_taken(tagger):
    expected = tagger.tag([["John", "lives"], ["Paris"]])
    assert tagger.tag((("John", "lives"), ("Paris",))) == expected
    assert tagger.tag(np.array([["John", "lives"]])) == expected[:1]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_number_of_threads_changes_nothing(precision):
    expected = Tagger(MODEL, precision=precision, threads=1).tag(SENTENCES)
    for threads in (2, 4, 16):
        assert Tagger(MODEL, precision=precision, threads=threads).tag(SENTENCES) == expected


def test_one_tagger_serves_many_threads_at_once():
    tagger = Tagger(MODEL, precision="float32", threads=2)
    tagger._network._table._capacity = 60  # the table is emptied all the time
    calls = [
        random_sentences(15, seed=seed, words=(*WORDS, *(f"new{seed}x{n}" for n in range(20)))) for seed in range(24)
    ]
    alone = Tagger(MODEL, precision="float32", threads=1)
    expected = [alone.tag(call) for call in calls]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tagger.tag, calls)) == expected


def test_a_stream_is_read_only_as_far_as_needed(tagger):
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield ["John", "lives"]

    stream = tagger.tag_stream(endless())
    for _ in range(3):
        assert len(next(stream)) == 2
    assert read <= STREAM_SENTENCES


def test_a_stream_takes_long_sentences_a_few_at_a_time(tagger, monkeypatch):
    monkeypatch.setattr(sentence_tagger, "STREAM_TOKENS", 100)
    calls = []
    tag_block = tagger._tag_block
    monkeypatch.setattr(
        tagger, "_tag_block", lambda block, *options: calls.append(len(block)) or tag_block(block, *options)
    )
    sentences = [["John"] * 60] * 5
    assert list(tagger.tag_stream(iter(sentences), threshold=0.5)) == tagger.tag(sentences, threshold=0.5)
    assert calls == [2, 2, 1]


def test_an_error_in_a_worker_is_the_callers(monkeypatch):
    tagger = Tagger(MODEL, precision="float32", threads=2)
    monkeypatch.setattr(tagger._network, "emissions", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tagger.tag(SENTENCES)


def test_the_tags_are_the_best_of_all_legal_sequences():
    """End to end against enumeration: the network in NumPy, then every sequence."""
    model = random_model(labels=("X",))
    tagger = Tagger(model, precision="float32")
    for sentence in random_sentences(30, longest=4, seed=9):
        scores = every_score(model, sentence)
        best = max(scores, key=scores.__getitem__)
        inner = [model.layers[0].tags[row] for row in best]
        assert tagger.tag([sentence])[0] == convert_tags(inner, Scheme.BIOES, Scheme.IOB2)


# ----------------------------------------------------------------------------------------- other processes


def test_a_tagger_can_be_pickled():
    tagger = Tagger(MODEL, precision="float32", threads=2)
    again = pickle.loads(pickle.dumps(tagger))
    assert (again.precision, again.threads) == ("float32", 2)
    assert again.tag(SENTENCES) == tagger.tag(SENTENCES)


CHILD = """
import multiprocessing, sys
from random_model import random_model, random_sentences
from tagsmith.tagging.tagger import Tagger

if __name__ == "__main__":
    sentences = random_sentences(200, longest=40)
    tagger = Tagger(random_model(), precision="float32", threads=2)
    expected = tagger.tag(sentences)  # by then the parent has run threads
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        assert pool.apply(tagger.tag, (sentences,)) == expected
    lock = tagger._network._table._lock
    with lock:  # as if another thread, which no forked child has, were looking up words
        with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
            assert pool.apply_async(tagger.tag, (sentences[:5],)).get(60) == expected[:5]
"""


@pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())
def test_a_child_process_tags_as_its_parent(start, tmp_path):
    """In a process of its own: JAX, which other tests import, warns of every fork."""
    script = tmp_path / "parent.py"
    script.write_text(CHILD, "utf-8")
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    processes.run([sys.executable, str(script), start], check=True, timeout=120, env=environment)


# --------------------------------------------------------------------------------------------- tags of text

TEXT = "John lives in New York.  Paris?\n\n\tThe café\u00a0in Reykjavík — 北京 🙂 don't!\r\nthe end"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_offsets_index_the_text(scheme):
    document = tagger_of(scheme)(TEXT)
    assert document.text == TEXT
    covered = [False] * len(TEXT)
    for sentence in document.sentences:
        assert len(sentence.layers["ner"]) == len(sentence.words) > 0
        for token in sentence.tokens:
            assert TEXT[token.start : token.end] == token.text
            covered[token.start : token.end] = [True] * len(token.text)
    assert all(inside or character.isspace() for inside, character in zip(covered, TEXT, strict=True))
    for span in document.spans:
        assert TEXT[span.start : span.end] == span.text != ""
        assert 0 < span.score <= 1
        assert span.label in ("LOC", "PER")


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme is not Scheme.PLAIN])
def test_the_spans_are_those_of_the_tags(scheme):
    tagger = tagger_of(scheme)
    document = tagger(TEXT * 5)
    assert [list(s.layers["ner"]) for s in document.sentences] == tagger.tag([s.words for s in document.sentences])
    inner = tagger_of(Scheme.BIOES).tag([s.words for s in document.sentences])
    expected = [
        (sentence.starts[span.start], sentence.tokens[span.end - 1].end, span.label)
        for sentence, tags in zip(document.sentences, inner, strict=True)
        for span in tags_to_spans(tags, Scheme.BIOES)
    ]
    assert expected
    assert [(span.start, span.end, span.label) for span in document.spans] == expected


def test_a_plain_task_has_tags_and_no_spans():
    document = tagger_of(Scheme.PLAIN)(TEXT)
    assert document.spans == ()
    assert {tag for sentence in document.sentences for tag in sentence.layers["ner"]} <= {"LOC", "PER"}


@pytest.mark.parametrize("text", ["", " ", "\n\n\t", "\u200b"])
def test_a_text_without_words_has_no_spans(tagger, text):
    document = tagger(text)
    assert document.text == text
    assert document.spans == ()


@given(st.text(st.characters(exclude_categories=()), max_size=60))
@settings(max_examples=examples(60))
def test_any_text_can_be_tagged(text):
    document = PROPERTY_TAGGER(text)
    assert document.text == text
    for sentence in document.sentences:
        assert all(text[token.start : token.end] == token.text for token in sentence.tokens)
    for span in document.spans:
        assert text[span.start : span.end] == span.text
        assert 0 < span.score <= 1


def test_a_spans_score_is_its_share_of_all_tag_sequences():
    model = random_model(labels=("X",))
    tagger = Tagger(model, precision="float32")
    seen = 0
    for words in (["John", "lives", "in"], ["Paris"], ["the", "café", "London", "x"]):
        document = tagger(" ".join(words))
        assert [list(sentence.words) for sentence in document.sentences] == [words]
        scores = every_score(model, words)
        top = max(scores.values())
        total = sum(np.exp(score - top) for score in scores.values())
        inner = [model.layers[0].tags[row] for row in max(scores, key=scores.__getitem__)]
        for span, found in zip(tags_to_spans(inner, Scheme.BIOES), document.spans, strict=True):
            rows = tuple(model.layers[0].tags.index(tag) for tag in inner[span.start : span.end])
            share = sum(np.exp(score - top) for tags, score in scores.items() if tags[span.start : span.end] == rows)
            assert found.score == pytest.approx(share / total, rel=1e-3)
            seen += 1
    assert seen >= 2


def test_a_very_long_text_without_a_full_stop_keeps_sound_scores(tagger):
    document = tagger("john lives in new york " * 1000)
    assert sum(len(sentence) for sentence in document.sentences) == 5000
    scores = [span.score for span in document.spans]
    assert all(0 < score <= 1 for score in scores)
    # The text repeats itself, and so do the scores away from its ends.
    inner = [span for span in document.spans if 5_000 < span.start < 18_000]
    by_place = {}
    for span in inner:
        by_place.setdefault(span.start % 23, []).append(span.score)
    assert by_place
    assert all(max(scores) - min(scores) < 1e-3 for scores in by_place.values())


# ----------------------------------------------------------------------------------------------- evaluation


def test_two_taggers_are_compared_on_the_same_sentences(tagger):
    data = [(words, tags) for words, tags in zip(SENTENCES[:60], tagger.tag(SENTENCES[:60]), strict=True) if words]
    words, gold = [own for own, _ in data], [own for _, own in data]
    other = Tagger(random_model(scheme=Scheme.BIOES, seed=1), precision="float32")  # in another scheme
    found = tagger.compare(other, data, resamples=100, shuffles=99)
    tags = [convert_tags(own, Scheme.BIOES, Scheme.IOB2) for own in other.tag(words)]
    assert found == compare_tags(gold, gold, tags, scheme=Scheme.IOB2, resamples=100, shuffles=99)
    assert found.a.scores.f1 == 1
    assert found.differences["f1"].is_clear
    with pytest.raises(DataError, match="one of these models gives spans, the other a tag for each token"):
        tagger.compare(tagger_of(Scheme.PLAIN), data)


def test_evaluate_scores_the_tags_against_the_file(tagger, tmp_path):
    gold = Tagger(random_model(seed=8), precision="float32").tag(SENTENCES)
    predicted = tagger.tag(SENTENCES)
    path = tmp_path / "gold.conll"
    path.write_bytes(conll(SENTENCES, gold))
    expected = score_tags(gold, predicted, scheme=Scheme.IOB2)
    assert 0 < expected.correct < expected.support
    for mode in ("conlleval", "strict"):
        found = tagger.evaluate(path, layer=None, mode=mode).as_dict()
        expected = score_tags(gold, predicted, mode=mode, scheme=Scheme.IOB2).as_dict()
        assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("scheme", [Scheme.BIOES, Scheme.BILOU, Scheme.IOE2])
def test_the_file_may_be_in_another_scheme_than_the_model(tagger, tmp_path, scheme):
    gold = Tagger(random_model(seed=8), precision="float32").tag(SENTENCES)
    path = tmp_path / "gold.conll"
    path.write_bytes(conll(SENTENCES, [convert_tags(tags, Scheme.IOB2, scheme) for tags in gold]))
    expected = score_tags(gold, tagger.tag(SENTENCES), scheme=Scheme.IOB2)
    found = tagger.evaluate(path, layer=None)
    assert (found.correct, found.support, found.found) == (expected.correct, expected.support, expected.found)


def test_a_tagger_scores_its_own_tags_perfectly(tagger, tmp_path):
    path = tmp_path / "own.conll"
    path.write_bytes(conll(SENTENCES, tagger.tag(SENTENCES)))
    scores = tagger.evaluate(path, layer=None)
    assert scores.f1 == scores.accuracy == 1.0


def conll(sentences, tags) -> bytes:
    blocks = (
        "".join(f"{word}\t{tag}\n" for word, tag in zip(words, own, strict=True))
        for words, own in zip(sentences, tags, strict=True)
    )
    return "\n".join(blocks).encode("utf-8", "replace")


# -------------------------------------------------------------------------------------------------- loading


def test_a_loaded_model_tags_as_the_one_that_was_written(tagger, tmp_path):
    write_model(MODEL, tmp_path / "model")
    loaded = load(tmp_path / "model", precision="float32")
    assert loaded.tag(SENTENCES) == tagger.tag(SENTENCES)
    assert loaded.scheme is Scheme.IOB2
    assert loaded.labels == ("LOC", "PER")
    assert load(str(tmp_path / "model")).tag([["John"]])


def test_a_saved_tagger_is_loaded_as_it_was_and_takes_the_place_of_a_model(tagger, tmp_path):
    tagger.save(tmp_path / "new" / "model")
    load(tmp_path / "new" / "model", scheme="BIOES").save(str(tmp_path / "new" / "model"))
    loaded = load(tmp_path / "new" / "model", precision="float32")
    assert loaded.scheme is Scheme.BIOES
    assert [convert_tags(tags, Scheme.BIOES, Scheme.IOB2) for tags in loaded.tag(SENTENCES)] == tagger.tag(SENTENCES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model"]


def test_a_tagger_is_saved_neither_over_something_else_nor_to_no_path(tagger, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="holds no model"):
        tagger.save(tmp_path)
    with pytest.raises(ModelError, match=r"None, not a path. Write save"):
        tagger.save(None)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("options", [{"precision": "int4"}, {"threads": 0}, {"threads": -1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ModelError, match=str(next(iter(options.values())))):
        Tagger(MODEL, **options)


@pytest.mark.parametrize("change", ["tags", "weights"])
def test_a_model_whose_parts_do_not_fit_is_refused(tmp_path, change):
    if change == "tags":
        broken = replace(MODEL, layers=(replace(MODEL.layers[0], labels=MODEL.layers[0].labels[:-1]),))
    else:
        broken = replace(MODEL, weights={name: array for name, array in MODEL.weights.items() if name != "crf/0/end"})
    write_model(broken, tmp_path / "model")
    with pytest.raises(ModelError, match="model"):
        load(tmp_path / "model")


def test_tagging_needs_neither_keras_nor_onnx():
    code = (
        "import sys, tagsmith.tagging.tagger, tagsmith.model.folder\n"
        "heavy = {'keras', 'jax', 'tensorflow', 'torch', 'onnx', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    processes.run([sys.executable, "-c", code], check=True)


def test_plain_gold_is_refused_by_a_model_of_spans(tagger, tmp_path):
    path = tmp_path / "pos.conll"
    path.write_bytes(conll([["a", "b"]], [["NOUN", "VERB"]]))
    with pytest.raises(DataError, match="labels"):
        tagger.evaluate(path, layer=None)
