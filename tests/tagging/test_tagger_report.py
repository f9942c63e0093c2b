"""What a tagger's report says of its probabilities, of its layers, and of another tagger."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from random_model import random_layers_model, random_model, random_sentences
from tagsmith.errors import DataError
from tagsmith.model.configuration import Scaling
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, convert_tags

DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
SENTENCES = random_sentences(40, seed=3)


def data_of(page: str) -> dict:
    return json.loads(DATA.search(page)[1])


def spans_of(tagger: Tagger, words: list[str]) -> dict[tuple[int, int, str], float]:
    """The predicted spans of a sentence, with their probabilities."""
    tagged = tagger._tagged([words], tagger._heads, True, None)
    return {(start, end, label): score for start, end, label, score in tagged[0].spans.get(0, ())}


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(random_model(), precision="float32")


@pytest.fixture(scope="module")
def gold() -> list[tuple[list[str], list[str]]]:
    """The sentences with the tags of another tagger: most are wrong."""
    other = Tagger(random_model(seed=1), precision="float32")
    return list(zip(SENTENCES, other.tag(SENTENCES), strict=True))


def test_spans_have_the_probabilities_that_the_tagger_gives_them(tagger: Tagger, gold):
    layer = data_of(tagger.report(gold))["layers"][0]
    checked = 0
    for one in layer["sentences"]:
        words = SENTENCES[one["n"] - 1]
        expected = spans_of(tagger, words)
        shown = {(start, end, layer["labels"][label]): units for start, end, label, units in one["p"]}
        assert shown.keys() == expected.keys()
        for span, units in shown.items():
            assert units / 10_000 == pytest.approx(expected[span], abs=2e-4)
        marginals = tagger.tag_marginals([words])[0]
        for start, end, label, units in one["g"]:
            if end == start + 1:
                column = tagger.layer().tags.index(f"S-{layer['labels'][label]}")
                assert units / 10_000 == pytest.approx(marginals[start, column], abs=2e-4)
                checked += 1
    assert checked > 10


@pytest.mark.parametrize("scaling", [Scaling(), Scaling(1.7, -2.0)])
def test_the_report_counts_the_errors_that_evaluate_counts(gold, scaling: Scaling):
    model = random_model()
    tagger = Tagger(replace(model, scalings={model.layers[0].name: scaling}), precision="float32")
    scores = tagger.evaluate(gold, resamples=0)
    layer = data_of(tagger.report(gold, scores))["layers"][0]
    wrong = sum(len(one["e"]) for one in layer["sentences"])
    assert wrong == sum(count for kind, count in scores.errors.overall.items() if kind != "correct") > 0
    assert sum(len(one["right"]) for one in layer["curve"].values()) == scores.correct
    assert sum(len(one[side]) for one in layer["curve"].values() for side in ("right", "wrong")) == scores.found


def test_labels_that_the_model_does_not_know_have_no_probability(tagger: Tagger):
    words = ["john", "lives", "in", "paris"]
    layer = data_of(tagger.report([(words, ["B-CITY", "O", "O", "B-LOC"])]))["layers"][0]
    units = {layer["labels"][span[2]]: span[3] for span in layer["sentences"][0]["g"]}
    assert units["CITY"] == -1
    assert units["LOC"] >= 0


def test_spans_that_the_scheme_cannot_keep_apart_are_as_many_as_are_scored(gold):
    model = random_model()
    layer = replace(model.layers[0], scheme=Scheme.BARE)
    tagger = Tagger(replace(model, layers=(layer,)), precision="float32")
    bare = [(words, convert_tags(tags, Scheme.IOB2, Scheme.BARE)) for words, tags in gold]
    scores = tagger.evaluate(bare, resamples=0)
    curve = data_of(tagger.report(bare, scores))["layers"][0]["curve"]
    assert sum(len(one[side]) for one in curve.values() for side in ("right", "wrong")) == scores.found


def test_each_layer_of_a_model_has_its_part():
    tagger = Tagger(random_layers_model(), precision="float32")
    other = Tagger(random_layers_model(seed=1), precision="float32")
    tags = other.tag_layers(SENTENCES)
    layers = [dict(zip(tags, each, strict=True)) for each in zip(*tags.values(), strict=True)]
    data = [Sentence(tuple(words), tuple(range(len(words))), own) for words, own in zip(SENTENCES, layers, strict=True)]
    page = tagger.report(data, against=other, against_name="perfect")
    found = data_of(page)["layers"]
    assert [one["name"] for one in found] == list(tagger.layers)
    assert [one["plain"] for one in found] == [True, False, False]
    marginals = tagger.tag_marginals(SENTENCES, layer="pos")
    pos = tagger.layer("pos").tags
    for one in found[0]["sentences"]:
        for start, _, label, units in one["g"]:
            probability = marginals[one["n"] - 1][start, pos.index(found[0]["labels"][label])]
            assert units / 10_000 == pytest.approx(probability, abs=2e-4)
    for layer in found:
        assert all(one["d"][0] == 0 for one in layer["sentences"] if "d" in one)
    assert page.count("than perfect by") == 3


def test_against_another_tagger_or_its_tags_the_report_is_the_same(tagger: Tagger, gold):
    other = Tagger(random_model(seed=2), precision="float32")
    scores = tagger.evaluate(gold, resamples=0)
    (name,) = tagger.labeled(gold).tags
    pages = [tagger.report(gold, scores, against=one) for one in (other, {name: other.tag(SENTENCES)})]
    assert data_of(pages[0]) == data_of(pages[1])
    assert any("d" in one for one in data_of(pages[0])["layers"][0]["sentences"])


def test_another_tagger_must_give_one_of_the_layers(tagger: Tagger, gold):
    plain = Tagger(random_layers_model(layers=(("pos", Scheme.PLAIN, ("A", "B")),)))
    with pytest.raises(DataError, match="gives none of these layers"):
        tagger.report(gold, against=plain)


def test_settings_that_are_given_replace_those_that_are_found(tagger: Tagger, gold):
    page = tagger.report(gold, title="My title", settings={"sentences": "all of them", "by": "me & you"})
    assert "<h1>My title</h1>" in page
    assert "<dt>sentences</dt><dd>all of them</dd>" in page
    assert "me &amp; you" in page


def test_one_sentence_of_one_token(tagger: Tagger):
    page = tagger.report([(["x"], ["O"])])
    assert "</html>" in page
