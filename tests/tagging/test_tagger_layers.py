"""A tagger of several layers gives in each what a tagger of that layer alone gives, and runs its network once."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from every_sequence import probabilities
from random_model import LAYERS, SMALL, WORDS, random_layers_model, random_model, random_sentences, single_layer
from search_budget import examples
from tagsmith.errors import DataError
from tagsmith.model.folder import FORMAT_VERSION, read_config, read_model, write_model
from tagsmith.tagging import batching, exported_network, spans
from tagsmith.tagging.tagger import Tagger, load
from tagsmith.text.document import document_from_sentences, sentence_from_words
from tagsmith.text.schemes import Scheme, convert_tags, is_legal

MODEL = random_layers_model()
TAGGER = Tagger(MODEL, precision="float32", threads=2)
SINGLES = {own.name: Tagger(single_layer(MODEL, n), precision="float32") for n, own in enumerate(MODEL.layers)}
SENTENCES = random_sentences(150, longest=30)
TEXT = "John lives in New York.  Paris?\n\n\tThe café\u00a0in Reykjavík — 北京 🙂 don't!\r\nthe end"
FEW = [["John", "lives", "in"], [], ["Paris"], ["the", "café", "London", "x"]]


# ------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_every_layer_is_tagged_as_by_a_model_of_that_layer_alone(precision, head):
    model = random_layers_model(replace(SMALL, head=head))
    tagger = Tagger(model, precision=precision)
    found = tagger.tag_layers(SENTENCES)
    assert list(found) == list(tagger.layers) == ["pos", "ner", "chunk"]
    for number, own in enumerate(model.layers):
        alone = Tagger(single_layer(model, number), precision=precision).tag(SENTENCES)
        assert _tags_that_differ(found[own.name], alone) <= 2  # equally good up to rounding
        assert found[own.name] == tagger.tag(SENTENCES, layer=own.name)
        assert all(is_legal(tags, own.scheme) for tags in found[own.name])
        assert len({tag for tags in found[own.name] for tag in tags}) > 1
    assert tagger.tag(SENTENCES) == found["pos"]


def _tags_that_differ(some, others):
    return sum(a != b for one, other in zip(some, others, strict=True) for a, b in zip(one, other, strict=True))


@given(st.lists(st.lists(st.text(max_size=6), max_size=5), max_size=4))
@settings(max_examples=examples(40))
def test_any_words_get_a_tag_in_every_layer(sentences):
    for name, tags in TAGGER.tag_layers(sentences).items():
        assert [len(own) for own in tags] == [len(own) for own in sentences]
        assert all(is_legal(own, TAGGER.layer(name).scheme) for own in tags)


def test_the_network_runs_once_for_all_layers(monkeypatch):
    tagger = Tagger(MODEL, precision="float32", threads=1)
    calls = []
    run = tagger._network.emissions
    monkeypatch.setattr(tagger._network, "emissions", lambda *batch: calls.append(1) or run(*batch))
    tagger.tag(SENTENCES[:20])
    tagger.tag_layers(SENTENCES[:20])
    tagger.evaluate([sentence_from_words(["a"], {name: ["O"] for name in tagger.layers})])
    assert len(calls) == 3


@pytest.mark.parametrize("length", [61, 200])
def test_long_sentences_are_read_in_windows_once(monkeypatch, length):
    sentence = [WORDS[row] for row in np.random.default_rng(length).integers(0, len(WORDS), length)]
    whole = TAGGER.tag_layers([["John"], sentence])
    marginals = TAGGER.tag_marginals([sentence], layer="chunk")
    scores = [span.score for own in TAGGER.tag_documents([_document(sentence)])[0].layer_spans.values() for span in own]
    monkeypatch.setattr(batching, "LONGEST_WHOLE", 60)
    monkeypatch.setattr(exported_network, "WINDOW", 40)
    monkeypatch.setattr(spans, "AROUND", 15)
    assert TAGGER.tag_layers([["John"], sentence]) == whole
    np.testing.assert_allclose(TAGGER.tag_marginals([sentence], layer="chunk")[0], marginals[0], atol=1e-5)
    again = TAGGER.tag_documents([_document(sentence)])[0].layer_spans
    assert [span.score for own in again.values() for span in own] == pytest.approx(scores, abs=1e-3)


def _document(words):
    return document_from_sentences([sentence_from_words(words)])


def test_a_stream_is_of_one_layer():
    for name in (None, "chunk"):
        assert list(TAGGER.tag_stream(iter(SENTENCES), layer=name)) == TAGGER.tag(SENTENCES, layer=name)


def test_a_model_of_one_layer_may_be_asked_in_the_same_way():
    tagger = Tagger(random_model(), precision="float32")
    assert tagger.layers == ("ner",)
    assert tagger.tag_layers(SENTENCES) == {"ner": tagger.tag(SENTENCES)}
    assert tagger.tag(SENTENCES, layer="ner") == tagger.tag(SENTENCES)
    assert tagger("John lives.").layer_spans == {}


@pytest.mark.parametrize("call", ["tag", "tag_marginals", "layer"])
def test_a_layer_that_the_model_lacks_is_an_error(call):
    with pytest.raises(DataError, match=r"no layer 'sentiment'. Its layers: pos, ner, chunk"):
        TAGGER.layer("sentiment") if call == "layer" else getattr(TAGGER, call)([["a"]], layer="sentiment")


# ------------------------------------------------------------------------------------------------ probabilities


@pytest.mark.parametrize(("number", "scheme"), [(1, Scheme.IOB2), (2, Scheme.IOB1)])
def test_probabilities_are_those_of_the_layers_own_chain(number, scheme):
    model = random_layers_model(layers=(LAYERS[0], ("ner", Scheme.IOB2, ("X",)), ("chunk", Scheme.IOB1, ("Y",))))
    tagger, name = Tagger(model, precision="float32"), model.layers[number].name
    tags = tagger.layer(name).tags
    alone = single_layer(model, number)
    found = zip(FEW, tagger.tag_k_best(FEW, 5, layer=name), tagger.tag_marginals(FEW, layer=name), strict=True)
    for sentence, best, marginals in found:
        if not sentence:
            continue
        shares = probabilities(alone, sentence)
        first = sorted(shares, key=shares.__getitem__, reverse=True)[:5]
        assert [own for own, _ in best] == [convert_tags(own, Scheme.BIOES, scheme) for own in first]
        assert [share for _, share in best] == pytest.approx([shares[own] for own in first], rel=1e-3)
        expected = np.zeros((len(sentence), len(tags)))
        for sequence, share in shares.items():
            expected[range(len(sentence)), [tags.index(tag) for tag in sequence]] += share
        np.testing.assert_allclose(marginals, expected, atol=1e-4)


def test_thresholds_are_for_the_spans_of_every_layer():
    few = {"X": 0.6}
    found = TAGGER.tag_layers(SENTENCES, threshold=few)
    for name in ("ner", "chunk"):
        assert found[name] == SINGLES[name].tag(SENTENCES, threshold=few)
        assert found[name] != SINGLES[name].tag(SENTENCES)
    assert found["pos"] == SINGLES["pos"].tag(SENTENCES)
    assert TAGGER.tag(SENTENCES, layer="chunk", threshold={"Y": 0.9}) == SINGLES["chunk"].tag(
        SENTENCES, threshold={"Y": 0.9}
    )
    with pytest.raises(DataError, match="no label 'Y'"):
        TAGGER.tag([], layer="ner", threshold={"Y": 0.9})
    with pytest.raises(DataError, match="plain tags"):
        TAGGER.tag([], threshold=0.9)


# ---------------------------------------------------------------------------------------------------- documents


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_a_text_gets_every_layer_and_the_spans_of_each(threshold):
    document = TAGGER(TEXT * 3, threshold=threshold)
    assert list(document.layer_spans) == ["ner", "chunk"]
    assert document.spans == document.layer_spans["ner"]  # the first that has any
    for name, single in SINGLES.items():
        alone = single(TEXT * 3, threshold=threshold if single.gives_spans else None)
        assert [own.layers[name] for own in document.sentences] == [own.layers[name] for own in alone.sentences]
        if single.gives_spans:
            assert len(alone.spans) > 2
            found = document.layer_spans[name]
            assert [replace(span, score=None) for span in found] == [replace(span, score=None) for span in alone.spans]
            assert [span.score for span in found] == pytest.approx([span.score for span in alone.spans], abs=1e-5)


def test_documents_keep_their_other_layers():
    given = document_from_sentences([sentence_from_words(["John", "lives"], {"gold": ["A", "B"], "ner": ["x", "y"]})])
    (tagged,) = TAGGER.tag_documents([given])
    (sentence,) = tagged.sentences
    assert list(sentence.layers) == ["gold", "ner", "pos", "chunk"]
    assert sentence.layers["gold"] == ("A", "B")
    assert sentence.layers["ner"] == tuple(SINGLES["ner"].tag([["John", "lives"]])[0])
    (plain,) = TAGGER.tag_documents([given], spans=False)
    assert plain.sentences == tagged.sentences
    assert plain.layer_spans == {}


# ------------------------------------------------------------------------------------------------------- scores


def gold_sentences():
    tags = {name: single.tag(SENTENCES[::-1]) for name, single in SINGLES.items()}
    return [
        sentence_from_words(SENTENCES[n], {name: (own[n] * 40)[: len(SENTENCES[n])] for name, own in tags.items()})
        for n in range(60)
    ]


def test_every_layer_is_scored():
    sentences = gold_sentences()
    sentences = [
        replace(
            own,
            layers={**own.layers, "ner": ("O",) * len(own), "chunk": tuple(TAGGER.tag([own.words], layer="chunk")[0])},
        )
        for own in sentences
    ]
    scores = TAGGER.evaluate(sentences)
    assert list(scores.layers) == ["pos", "ner", "chunk"]
    assert scores.layers["chunk"].f1 == 1.0
    assert scores.layers["ner"].support == 0
    for name, single in SINGLES.items():
        alone = [replace(own, layers={name: own.layers[name]}) for own in sentences]
        # The products are of another size, so two tags that are equally good up to rounding may change places.
        assert scores.layers[name].f1 == pytest.approx(single.evaluate(alone).f1, abs=0.005)
        assert TAGGER.evaluate(sentences, layer=name) == scores.layers[name]
    assert replace(scores, layers={}) == scores.layers["pos"]
    assert scores.as_dict()["layers"]["chunk"] == scores.layers["chunk"].as_dict()
    assert "layers" not in scores.layers["pos"].as_dict()


def test_a_file_is_scored_by_the_names_of_the_layers_or_by_columns_in_their_order(tmp_path):
    rows = [("John", "NOUN", "B-X", "I-Y"), ("lives", "VERB", "O", "O"), ("in", "DET", "B-X", "I-X")]
    conll, lines = tmp_path / "a.conll", tmp_path / "a.jsonl"
    conll.write_text("".join(" ".join(row) + "\n" for row in rows), "utf-8")
    words, *layers = zip(*rows, strict=True)
    lines.write_text(json.dumps({"tokens": words, **dict(zip(TAGGER.layers, layers, strict=True))}), "utf-8")
    scores = TAGGER.evaluate(lines)
    assert list(scores.layers) == list(TAGGER.layers)
    assert TAGGER.evaluate(conll, column=(2, 3, 4)) == scores
    some = TAGGER.evaluate(conll, column=(4, 3), layer=("chunk", "ner"))
    assert some.layers == {name: scores.layers[name] for name in ("chunk", "ner")}
    assert TAGGER.evaluate(conll, column=3, layer="ner") == TAGGER.evaluate(lines, layer="ner") == scores.layers["ner"]
    with pytest.raises(DataError, match="no layer 'tags'"):
        TAGGER.evaluate(conll, layer="tags")
    lines.write_text(json.dumps({"tokens": words, "pos": layers[0]}), "utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl:1: This record has no layer 'ner'"):
        TAGGER.evaluate(lines)
    with pytest.raises(DataError, match="gives one layer"):
        SINGLES["pos"].evaluate(conll, layer=("pos", "ner"))


def test_sentences_that_lack_a_layer_are_an_error():
    with pytest.raises(DataError, match="no layer 'ner'"):
        TAGGER.evaluate([sentence_from_words(["a"], {"pos": ["DET"]})])


# ------------------------------------------------------------------------------------------------------- folder


def test_a_folder_of_several_layers_says_so_and_is_loaded_again(tmp_path):
    write_model(MODEL, tmp_path / "several")
    config = read_config(tmp_path / "several")
    assert config["format_version"] == FORMAT_VERSION
    assert [layer["name"] for layer in config["layers"]] == ["pos", "ner", "chunk"]
    assert read_model(tmp_path / "several").layers == MODEL.layers
    loaded = load(tmp_path / "several", precision="float32")
    assert loaded.tag_layers(SENTENCES) == TAGGER.tag_layers(SENTENCES)
    assert pickle.loads(pickle.dumps(loaded)).tag_layers(SENTENCES) == TAGGER.tag_layers(SENTENCES)
