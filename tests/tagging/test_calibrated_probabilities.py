"""Calibrated taggers: the bias of ``O`` is in tags and probabilities alike, the temperature in probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from every_sequence import every_score
from random_model import LAYERS, SMALL, WORDS, random_layers_model, random_model, random_sentences
from search_budget import examples
from tagsmith.errors import DataError
from tagsmith.model.configuration import Scaling
from tagsmith.model.folder import model_files, model_from_files
from tagsmith.scores.scores import score_tags
from tagsmith.tagging.calibration import LEAST_LABELED, f1_gain, gold_rows
from tagsmith.tagging.exported_network import WINDOW
from tagsmith.tagging.tagger import Tagger, load
from tagsmith.text.document import Document, Sentence
from tagsmith.text.schemes import Scheme, convert_tags, spans_to_tags, tags_to_spans

SENTENCES = random_sentences(400, longest=14)
FEW = [["John", "lives", "in"], ["Paris"], ["café", "London", "x"], ["New", "York"]]
SCALING = Scaling(1.7, -0.6)


def calibrated(model, scaling=SCALING) -> Tagger:
    scalings = {layer.name: scaling if layer.gives_spans else Scaling(scaling.temperature) for layer in model.layers}
    return Tagger(replace(model, scalings=scalings), precision="float32", threads=2)


def scaled_probabilities(model, sentence, scaling=SCALING) -> dict[tuple[str, ...], float]:
    """Probability of every legal sequence, by the definition."""
    tags = model.layers[0].tags
    scores = {
        tuple(tags[row] for row in rows): (score + scaling.outside * rows.count(tags.index("O"))) / scaling.temperature
        for rows, score in every_score(model, sentence).items()
        if score > -1e8
    }
    total = np.logaddexp.reduce(list(scores.values()))
    return {sequence: np.exp(score - total) for sequence, score in scores.items()}


@pytest.fixture(scope="module")
def model():
    return random_model(labels=("X",))


@pytest.fixture(scope="module")
def sampled(model) -> list[tuple[list[str], list[str]]]:
    """Sentences with tags drawn from the calibrated distribution: the best scaling is known."""
    rng = np.random.default_rng(0)
    pairs = []
    for sentence in SENTENCES[:200]:
        shares = scaled_probabilities(model, sentence[:4])
        drawn = rng.choice(len(shares), 6, p=list(shares.values()))
        pairs += [(sentence[:4], list(list(shares)[row])) for row in drawn]
    return pairs


def test_probabilities_are_those_of_the_scaled_scores(model):
    tagger = calibrated(model)
    for sentence, marginals, sequences in zip(FEW, tagger.tag_marginals(FEW), tagger.tag_k_best(FEW, 6), strict=True):
        shares = scaled_probabilities(model, sentence)
        expected = np.zeros(marginals.shape)
        for tags, share in shares.items():
            expected[range(len(tags)), [model.layers[0].tags.index(tag) for tag in tags]] += share
        np.testing.assert_allclose(marginals, expected, atol=1e-4)
        best = sorted(shares.values(), reverse=True)[:6]
        assert [share for _, share in sequences] == pytest.approx(best, rel=1e-3)
    for document, sentence in zip(tagger.tag_texts([" ".join(one) for one in FEW]), FEW, strict=True):
        shares = scaled_probabilities(model, sentence)
        for span in document.spans:
            first = document.text[: span.start].count(" ")
            after = first + span.text.count(" ") + 1
            own = spans_to_tags([(first, after, "X")], len(sentence), Scheme.BIOES)[first:after]
            expected = sum(share for tags, share in shares.items() if list(tags[first:after]) == own)
            assert span.score == pytest.approx(expected, abs=1e-4)


@given(
    temperature=st.floats(0.1, 10.0),
    outside=st.floats(-20.0, 20.0),
    sentences=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), min_size=1, max_size=3),
)
@settings(max_examples=examples(25))
def test_tags_are_the_best_of_every_sequence_with_the_bias(temperature, outside, sentences):
    model, scaling = random_model(labels=("X",)), Scaling(temperature, outside)
    tagger = calibrated(model, scaling)
    best = [sequences[0][0] for sequences in tagger.tag_k_best(sentences, 1)]
    for sentence, tags, first in zip(sentences, tagger.tag(sentences), best, strict=True):
        shares = scaled_probabilities(model, sentence, Scaling(1.0, outside))
        share = shares[tuple(convert_tags(tags, Scheme.IOB2, Scheme.BIOES))]
        assert share == pytest.approx(max(shares.values()), rel=1e-3)
        assert tags == first or shares[tuple(convert_tags(first, Scheme.IOB2, Scheme.BIOES))] == pytest.approx(share)


@pytest.mark.parametrize("temperature", [0.1, 1.7, 10.0])
def test_a_temperature_changes_no_tag(temperature):
    for model in (random_model(), random_layers_model()):
        before, after = Tagger(model, precision="float32"), calibrated(model, Scaling(temperature))
        assert before.tag_layers(SENTENCES) == after.tag_layers(SENTENCES)
        text = "\n\n".join(" ".join(sentence) for sentence in SENTENCES[:100])
        where = [[(span.start, span.end, span.label) for span in tagger(text).spans] for tagger in (before, after)]
        assert where[0] == where[1]
        assert [one.score for one in before(text).spans] != [one.score for one in after(text).spans]


@pytest.mark.parametrize(("precision", "outside"), [("int8", -3.0), ("float32", 3.0)])
def test_the_bias_is_that_of_each_layers_outside_tag(precision, outside):
    """In both ways that a batch may run, and in a sentence read in windows."""
    model = random_layers_model()
    sentences = [*SENTENCES, [word for sentence in SENTENCES * 4 for word in sentence]]
    assert len(sentences[-1]) > 2 * WINDOW
    for layer in ("ner", "chunk"):
        scaled = replace(model, scalings={layer: Scaling(1.0, outside)})
        before, after = (Tagger(one, precision=precision, threads=1) for one in (model, scaled))
        for some in (sentences, sentences[:20]):
            tags, changed = before.tag_layers(some), after.tag_layers(some)
            assert {name for name in tags if tags[name] != changed[name]} == {layer}
            counts = [sum(tags.count("O") for tags in one[layer]) for one in (tags, changed)]
            assert (counts[1] > counts[0]) is (outside > 0)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_every_network_has_the_bias_in_its_scores(cell, head):
    model = random_model(replace(SMALL, cell=cell, head=head), labels=("X",))
    outside = model.layers[0].tags.index("O")
    by_hand = {**model.weights, "output/bias": model.weights["output/bias"].copy()}
    by_hand["output/bias"][outside] += np.float32(0.7)
    one = Tagger(replace(model, weights=by_hand), precision="float32")
    other = Tagger(replace(model, scalings={"ner": Scaling(1.0, 0.7)}), precision="float32")
    for wanted, found in zip(one.tag_marginals(SENTENCES), other.tag_marginals(SENTENCES), strict=True):
        np.testing.assert_array_equal(wanted, found)
    assert one.tag(SENTENCES) == other.tag(SENTENCES) != Tagger(model, precision="float32").tag(SENTENCES)


def test_no_scaling_changes_no_bit(model):
    plain, same = Tagger(model), Tagger(replace(model, scalings={"ner": Scaling()}))
    for one, other in zip(plain.tag_marginals(SENTENCES), same.tag_marginals(SENTENCES), strict=True):
        np.testing.assert_array_equal(one, other)


def test_long_sentences_are_calibrated_like_short_ones(model):
    words = [word for sentence in random_sentences(1400, longest=14) for word in sentence]
    assert len(words) > 2 * WINDOW
    tagger = calibrated(model)
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])]).tolist()
    document = Document(" ".join(words), (Sentence(tuple(words), tuple(starts)),))
    spans = {span.start: span.score for span in tagger.tag_documents([document])[0].spans if " " not in span.text}
    (whole,) = tagger.tag_marginals([words])
    single = whole[:, model.layers[0].tags.index("S-X")].tolist()
    pairs = [(spans[start], p) for start, p in zip(starts, single, strict=True) if start in spans]
    assert len(pairs) > 100
    assert [score for score, _ in pairs] == pytest.approx([p for _, p in pairs], abs=1e-4)


def test_fitting_finds_the_scaling_that_tags_were_drawn_by(model, sampled):
    tagger = Tagger(model, precision="float32").calibrate(sampled)
    found = tagger.model.scalings["ner"]
    assert found.temperature == pytest.approx(SCALING.temperature, rel=0.1)
    assert found.outside == pytest.approx(SCALING.outside, abs=0.15)
    again = tagger.calibrate(sampled)  # what was fitted before has no influence
    assert again.model.scalings == tagger.model.scalings
    calibration = tagger.calibration(sampled)["ner"]
    assert calibration.tokens.ece < 0.03 < calibration.before.tokens.ece
    assert calibration.spans.ece < calibration.before.spans.ece
    learned = Tagger(model, precision="float32").calibration(sampled)["ner"]
    assert calibration.before == replace(learned, before=None)
    assert learned.spans.count != calibration.spans.count  # each is judged by what it finds
    assert calibration.tokens.count == sum(len(words) for words, _ in sampled)


@given(outside=st.floats(-4.0, 4.0), share=st.floats(0.0, 1.0), seed=st.integers(0, 9))
@settings(max_examples=examples(15))
def test_a_bias_is_kept_only_if_it_raises_f1(model, outside, share, seed):
    learned, other = Tagger(model, precision="float32"), calibrated(model, Scaling(1.0, outside))
    rng = np.random.default_rng(seed)
    both = zip(SENTENCES, learned.tag(SENTENCES), other.tag(SENTENCES), strict=True)
    pairs = [(words, one if rng.random() < share else two) for words, one, two in both]
    pairs += [(["Paris"], ["B-X"])] * LEAST_LABELED
    before, after = (tagger.evaluate(pairs, resamples=0).f1 for tagger in (learned, learned.calibrate(pairs)))
    kept = learned.calibrate(pairs).model.scalings["ner"].outside
    assert after > before if kept else after == before
    known = list(
        zip([words for words, _ in pairs], gold_rows([tags for _, tags in pairs], model.layers[0]), strict=True)
    )
    gain, error = f1_gain(learned._run, learned._head(None), known, outside)
    assert gain == pytest.approx(other.evaluate(pairs, resamples=0).f1 - before)
    assert error >= 0


def test_the_error_of_a_gain_is_that_of_drawing_other_sentences(model, sampled):
    learned, other = Tagger(model, precision="float32"), calibrated(model)
    known = list(
        zip([words for words, _ in sampled], gold_rows([tags for _, tags in sampled], model.layers[0]), strict=True)
    )
    gain, error = f1_gain(learned._run, learned._head(None), known, SCALING.outside)
    rng, gold = np.random.default_rng(0), [tags for _, tags in sampled]
    tags = [tagger.tag([words for words, _ in sampled]) for tagger in (learned, other)]
    gains = []
    for _ in range(80):
        drawn = rng.integers(0, len(gold), len(gold)).tolist()
        wanted = [convert_tags(gold[row], Scheme.BIOES, Scheme.IOB2) for row in drawn]
        one, two = (score_tags(wanted, [own[row] for row in drawn], scheme=Scheme.IOB2).f1 for own in tags)
        gains.append(two - one)
    assert gain == pytest.approx(np.mean(gains), abs=error)
    assert error == pytest.approx(np.std(gains), rel=0.2)


def test_too_few_labels_leave_probabilities_as_they_were(model):
    pairs = [(["Paris"], ["B-X"])] * (LEAST_LABELED - 1) + [(["in"], ["O"])] * 100
    tagger = Tagger(model)
    assert tagger.calibrate(pairs).model.scalings == {}
    assert tagger.calibrate([*pairs, pairs[0]]).model.scalings != {}
    unknown = [(["Paris"], ["B-Y"])] * 100  # the model has no such label
    assert tagger.calibrate(unknown).model.scalings == {}
    assert calibrated(model).calibrate(unknown).model.scalings == {}


@pytest.mark.parametrize("right", [True, False])
def test_data_on_which_all_is_right_or_wrong_give_ordinary_numbers(right):
    model = random_model(labels=("X",))
    tagger = Tagger(model, precision="float32")
    tags = tagger.tag(SENTENCES) if right else [["O"] * len(words) for words in SENTENCES]
    tags[0][0] = "B-X"
    tags = [*tags, *[["B-X"]] * LEAST_LABELED]
    pairs = list(zip([*SENTENCES, *[["Paris"]] * LEAST_LABELED], tags, strict=True))
    scores = [span.score for span in tagger.calibrate(pairs)(" ".join(SENTENCES[0] * 20)).spans]
    assert scores
    assert np.isfinite(scores).all()
    model_from_files(model_files(tagger.calibrate(pairs).model))  # the numbers can be written


def test_layers_are_calibrated_each_by_itself():
    model = random_layers_model()
    tagger = Tagger(model, precision="float32")
    rows = [sentence for sentence in SENTENCES if sentence]
    labeled = tagger.tag_documents(tagger.tag_texts([" ".join(words) for words in rows]))
    fitted = tagger.calibrate(labeled)
    assert set(fitted.model.scalings) == {name for name, *_ in LAYERS}
    assert fitted.model.scalings["pos"].outside == 0
    assert set(fitted.calibration(labeled)) == set(tagger.layers)
    assert fitted.calibration(labeled)["pos"].spans is None


def test_a_saved_tagger_is_calibrated(model, tmp_path):
    tagger = calibrated(model)
    tagger.save(tmp_path / "model")
    again = load(tmp_path / "model", precision="float32", scheme="bioes")
    assert again.model.scalings == {"ner": SCALING}
    for one, other in zip(tagger.tag_marginals(FEW), again.tag_marginals(FEW), strict=True):
        np.testing.assert_array_equal(one, other)
    tags = load(tmp_path / "model", precision="float32").tag(SENTENCES)
    assert tags == tagger.tag(SENTENCES) != Tagger(model, precision="float32").tag(SENTENCES)


def test_a_calibrated_tagger_is_evaluated_by_the_tags_that_it_gives(model, sampled):
    learned = Tagger(model, precision="float32")
    tagger = learned.calibrate(sampled)
    words, gold = zip(*sampled, strict=True)
    found = tagger.evaluate(sampled, resamples=0)
    assert found.f1 == score_tags(tagger.labeled(sampled).tags["ner"], tagger.tag(words), scheme=Scheme.IOB2).f1
    assert found.f1 > learned.evaluate(sampled, resamples=0).f1
    assert found.support == sum(tags.count("S-X") + tags.count("B-X") for tags in gold)


# ------------------------------------------------------------------------------------------------ thresholds


def test_thresholds_reach_the_precision_when_they_are_used(sampled, model):
    tagger = calibrated(model)
    labeled = tagger.labeled(sampled)
    for precision in (0.3, 0.6, 0.8, 1.0):
        chosen = tagger.thresholds(labeled, precision=precision).labels["X"]
        if chosen.threshold is None:
            assert precision == 1.0
            continue
        found = correct = 0
        kept = tagger.tag(labeled.words, threshold=chosen.threshold)
        for gold, tags in zip(labeled.tags["ner"], kept, strict=True):
            spans, wanted = ({*tags_to_spans(one, Scheme.IOB2)} for one in (tags, gold))
            found, correct = found + len(spans), correct + len(spans & wanted)
        assert (found, correct) == (chosen.found, chosen.correct)
        assert correct / found >= precision


@pytest.mark.parametrize("precision", [0, -1, 1.5, float("nan"), "0.9", None])
def test_impossible_precisions_are_refused(model, precision, sampled):
    with pytest.raises(DataError, match="above 0, and at most 1"):
        Tagger(model).thresholds(sampled, precision=precision)


def test_plain_tags_have_no_thresholds_for_a_precision():
    tagger = Tagger(random_model(scheme=Scheme.PLAIN, labels=("X", "Y")))
    with pytest.raises(DataError, match="Plain tags"):
        tagger.thresholds([(["a"], ["X"])], precision=0.9)
