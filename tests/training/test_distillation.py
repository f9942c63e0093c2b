"""Distillation: what the student is given to learn, that it learns it, and what is refused."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from random_model import random_layers_model, random_model
from tagsmith.corpus.corpus import read_corpus
from tagsmith.errors import InputError
from tagsmith.formats import FORMATS
from tagsmith.formats.options import WriteOptions, read_options
from tagsmith.model.folder import write_model
from tagsmith.tagging.tagger import Tagger, load
from tagsmith.text.document import Document, Sentence, sentence_from_words
from tagsmith.text.schemes import Scheme
from tagsmith.training.distillation import LABELS, _corpus, _predictions, _targets, distill
from tagsmith.training.train import train

TINY = {
    "units": 16,
    "batch_tokens": 128,
    "character_units": 8,
    "word_dim": 16,
    "epochs": 10,
    "learning_rate": 0.01,
    "least_steps": 1,
}
QUIET = Console(file=io.StringIO())
NAMES, PLACES = ["Ada", "Ben", "Cleo", "Dora", "Emil", "Gina"], ["Paris", "New York", "Oslo", "Lima", "Hong Kong"]


def labeled(count: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Sentences such as "Ada lives in New York ." with their IOB2 tags."""
    rng, pairs = random.Random(seed), []
    for _ in range(count):
        place = rng.choice(PLACES).split()
        words = [rng.choice(NAMES), *rng.choice(["lives in", "left"]).split(), *place, "."]
        inside = [f"{'I' if number else 'B'}-LOC" for number, _ in enumerate(place)]
        pairs.append((words, ["B-PER", *["O"] * (len(words) - len(place) - 2), *inside, "O"]))
    return pairs


def teacher(seed: int = 0, **more) -> Tagger:
    return Tagger(random_model(seed=seed, **more), precision="float32", threads=1)


# ------------------------------------------------------------------------------------------- what is to be learned


def test_the_targets_are_the_mean_of_the_teachers_and_of_the_labels():
    teachers = [teacher(0), teacher(1, scheme=Scheme.BIOES)]
    pairs, texts = labeled(5, 1), ["Ada lives in Rome. Ben left Lima.", "Oslo"]
    corpus, known = _corpus(teachers, [], pairs, pairs[:2], None, texts, 0, {})
    count = len(pairs)
    assert known == (count, 0, 3)
    assert [list(words) for words in corpus.train.words()[:count]] == [words for words, _ in pairs]
    assert corpus.train.words()[count:] == [
        ("Ada", "lives", "in", "Rome", "."),
        ("Ben", "left", "Lima", "."),
        ("Oslo",),
    ]
    found = _targets(teachers, [], corpus, known, longest=256)[0].astype(np.float64)
    words, layer = corpus.train.words(), corpus.layers[0]
    assert layer.tags == teachers[0].layer().tags == teachers[1].layer().tags
    means = [np.mean(each, axis=0) for each in zip(*(one.tag_marginals(words) for one in teachers), strict=True)]
    inner = {"B-PER": "S-PER"}  # the names have one word each
    begin = 0
    for number, mean in enumerate(means):
        expected = mean
        if number < count:
            place = pairs[number][1].count("I-LOC")
            tags = ["E-LOC" if tag == "I-LOC" else inner.get(tag, tag) for tag in pairs[number][1]]
            tags = [("B-LOC" if place else "S-LOC") if tag == "B-LOC" else tag for tag in tags]
            gold = np.eye(len(layer.tags))[[layer.tags.index(tag) for tag in tags]]
            expected = LABELS * gold + (1 - LABELS) * mean
        assert found[begin : begin + len(mean)] == pytest.approx(expected, abs=1e-3)
        begin += len(mean)
    assert begin == len(found)


def test_each_of_several_layers_has_targets_of_its_own():
    teachers = [Tagger(random_layers_model(seed=seed), precision="float32", threads=1) for seed in (0, 1)]
    corpus, known = _corpus(teachers, [], None, None, None, ["Ada left Rome."] * 20, 0, {})
    assert [layer.name for layer in corpus.layers] == ["pos", "ner", "chunk"]
    found = _targets(teachers, [], corpus, known, longest=256)
    for layer, targets in zip(corpus.layers, found, strict=True):
        each = [one.tag_marginals(corpus.train.words(), layer=layer.name) for one in teachers]
        mean = np.mean([np.concatenate(marginals) for marginals in each], axis=0)
        assert layer.tags == teachers[0].layer(layer.name).tags
        assert targets == pytest.approx(mean, abs=1e-3)


def test_without_labels_a_tenth_of_what_the_teacher_tags_is_held_out():
    corpus, known = _corpus([teacher()], [], None, None, None, [words for words, _ in labeled(50, 2)], 0, {})
    assert known == (0, 0, 50)
    assert (len(corpus.train), len(corpus.dev)) == (45, 5)
    assert corpus.layers[0].labels == teacher().labels


def test_all_kinds_of_unlabeled_items_are_taken():
    one = Tagger(random_model())("Ada left. Ben lives in Oslo.")
    items = [one, one.sentences[0], ["Gina", "left"], [], "Ada left."]
    assert isinstance(one, Document)
    corpus, _ = _corpus([teacher()], [], labeled(3, 0), labeled(2, 1), None, items, 0, {})
    added = corpus.train.words()[3:]
    assert added == [*(s.words for s in one.sentences), one.sentences[0].words, ("Gina", "left"), ("Ada", "left", ".")]


def test_a_label_that_no_labeled_sentence_has_stays_a_label():
    without_places = [(["Ada", "left"], ["B-PER", "O"])] * 3
    corpus, _ = _corpus([teacher()], [], without_places, without_places[:1], None, ["Hi."], 0, {})
    assert corpus.layers[0].labels == ("LOC", "PER")


# ---------------------------------------------------------------------------------------------- files of predictions

FILE = """\
{"text": "Ada left New York. Ben slept.", "spans": [\
{"start": 0, "end": 3, "label": "PER", "score": 0.9}, {"start": 9, "end": 17, "label": "LOC", "score": 0.6}]}
{"text": "Oslo", "spans": [{"start": 0, "end": 4, "label": "LOC"}]}
"""


@pytest.fixture
def predictions(tmp_path) -> Path:
    path = tmp_path / "predictions.jsonl"
    path.write_text(FILE, "utf-8")
    return path


def test_a_score_is_the_probability_of_the_tags_of_its_span(predictions):
    found = list(_predictions(predictions, read_options()))
    gold = [(["Cleo", "left"], ["B-PER", "O"])] * 2
    corpus, known = _corpus([], found, gold, gold, None, [], 0, {})
    assert known == (2, 3, 0)
    (targets,), tags = _targets([], found, corpus, known, longest=256), corpus.layers[0].tags
    probable = [{tags[i]: round(float(p), 2) for i, p in enumerate(row) if p} for row in targets]
    outside = {"O": 1.0}
    assert probable[:4] == [{"S-PER": 1.0}, outside, {"S-PER": 1.0}, outside]  # without a model, labels are certain
    place = [{"O": 0.4, "B-LOC": 0.6}, {"O": 0.4, "E-LOC": 0.6}]
    assert probable[4:9] == [{"O": 0.1, "S-PER": 0.9}, outside, *place, outside]
    assert probable[9:] == [outside, outside, outside, {"S-LOC": 1.0}]


def test_without_labeled_text_the_dev_file_is_read_as_the_options_say(tmp_path):
    dev = tmp_path / "dev.txt"
    dev.write_bytes("1|Zoë|B-PER\n2|left|O\n".encode("latin-1"))
    reading = {"format": "conll", "word_column": 2, "column": (3,), "separator": "|", "encoding": "latin-1"}
    corpus, _ = _corpus([teacher()], [], None, dev, None, ["Ada left."], 0, reading)
    assert corpus.dev.words() == [("Zoë", "left")]


def test_models_and_files_are_averaged(predictions):
    found, one = list(_predictions(predictions, read_options())), teacher()
    corpus, known = _corpus([one], found, None, labeled(3, 0), None, ["Hi."], 0, {})
    alone, known_alone = _corpus([], found, None, labeled(3, 0), None, [], 0, {})
    targets = _targets([one], found, corpus, known, longest=256)[0].astype(float)
    of_file = _targets([], found, alone, known_alone, longest=256)[0].astype(float)
    of_model = np.concatenate(one.tag_marginals(corpus.train.words()))
    assert targets[: len(of_file)] == pytest.approx((of_file + of_model[: len(of_file)]) / 2, abs=1e-3)
    assert targets[len(of_file) :] == pytest.approx(of_model[len(of_file) :], abs=1e-3)


def test_a_file_without_predictions_is_refused_with_its_line(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text(FILE + '{"text": "No spans."}\n', "utf-8")
    with pytest.raises(InputError, match=r"texts\.jsonl:3: This record has no labels"):
        distill([path], out=tmp_path / "out", console=QUIET)


def test_unlabeled_text_needs_a_model(tmp_path, predictions):
    with pytest.raises(InputError, match="no model to label"):
        distill(predictions, unlabeled=["Hi."], out=tmp_path / "out", console=QUIET)


# ---------------------------------------------------------------------------------------------------- it is learned


@pytest.fixture(scope="module")
def taught(tmp_path_factory) -> Tagger:
    folder = tmp_path_factory.mktemp("teacher")
    return train(labeled(120, 0), dev=labeled(20, 1), out=folder / "model", recipe=TINY, console=QUIET)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_a_student_learns_from_its_teacher_alone_and_is_the_same_after_loading(taught, tmp_path, head):
    dev, out = labeled(20, 1), tmp_path / "student"
    unlabeled = [words for words, _ in labeled(120, 3)]
    student = distill([taught], unlabeled=unlabeled, dev=dev, out=out, recipe={**TINY, "head": head}, console=QUIET)
    words = [words for words, _ in dev]
    assert student.tag(words) == [tags for _, tags in dev]
    assert load(out).tag(words) == student.tag(words)
    for own, teachers in zip(student.tag_marginals(words), taught.tag_marginals(words), strict=True):
        assert np.abs(own - teachers).mean() < 0.05
    assert not (tmp_path / "student.training").exists()


@pytest.mark.slow
def test_a_student_learns_from_what_a_program_said_of_texts(taught, tmp_path):
    path, dev = tmp_path / "said.jsonl", labeled(20, 1)
    documents = taught.tag_texts([" ".join(words) for words, _ in labeled(120, 3)])
    with path.open("w", encoding="utf-8") as stream:
        FORMATS["jsonl"].write(documents, stream, WriteOptions())
    student = distill(path, dev=dev, out=tmp_path / "student", recipe=TINY, console=QUIET)
    assert student.tag([words for words, _ in dev]) == [tags for _, tags in dev]


@pytest.mark.slow
def test_documents_are_predictions_too_and_a_student_may_go_on_from_a_model(taught, tmp_path):
    dev, texts = labeled(20, 1), [" ".join(words) for words, _ in labeled(60, 3)]
    documents = [
        replace(one, sentences=tuple(replace(s, layers={}) for s in one.sentences)) for one in taught.tag_texts(texts)
    ]
    start = tmp_path / "start"
    train(labeled(8, 5), dev=dev, out=start, recipe={**TINY, "epochs": 1}, console=QUIET)
    assert load(start).evaluate(dev).f1 < 0.9
    out = tmp_path / "student"
    recipe = {"batch_tokens": 128, "epochs": 10, "learning_rate": 0.01, "least_steps": 1}
    student = distill(
        [*documents, Document("So it is.", (Sentence(("So", "it", "is", "."), (0, 3, 6, 8)),))],
        train=labeled(8, 5),
        dev=dev,
        out=out,
        start=start,
        recipe=recipe,
        console=QUIET,
    )
    assert student.evaluate(dev).f1 == 1
    assert student.model.architecture == load(start).model.architecture
    assert load(out).tag(texts_words := [words for words, _ in dev]) == student.tag(texts_words)


@pytest.mark.slow
def test_a_student_learns_every_layer_of_its_teachers(tmp_path):
    def with_kinds(count: int, seed: int) -> list[Sentence]:
        def kinds(words: list[str]) -> list[str]:
            return ["NAME" if word[0].isupper() else "WORD" for word in words]

        return [sentence_from_words(words, {"ner": tags, "kind": kinds(words)}) for words, tags in labeled(count, seed)]

    both: dict = {"layer": ("ner", "kind"), "recipe": TINY, "console": QUIET}
    taught = train(with_kinds(120, 1), dev=with_kinds(20, 2), out=tmp_path / "teacher", **both)
    unlabeled = [list(sentence.words) for sentence in with_kinds(120, 3)]
    given = {"train": with_kinds(10, 1), "dev": with_kinds(20, 2), "unlabeled": unlabeled}
    student = distill(tmp_path / "teacher", out=tmp_path / "out", **given, **both)
    assert student.layers == taught.layers == ("ner", "kind")
    assert student.tag_layers(unlabeled) == taught.tag_layers(unlabeled)


# --------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("teachers", "more", "message"),
    [
        ([], {"unlabeled": ["Hi."]}, "no teacher"),
        ([teacher()], {}, "nothing to learn from"),
        ([teacher()], {"unlabeled": [" "]}, "nothing to learn from"),
        ([teacher()], {"train": [(["a"], ["B-ORG"])] * 20}, "do not know the labels ORG"),
        ([teacher(), teacher(labels=("LOC", "ORG"))], {"unlabeled": ["Hi."]}, "models 1 and 2 .*: ORG, PER"),
        (["missing/"], {"unlabeled": ["Hi."]}, "missing"),
        ([teacher()], {"unlabeled": [7]}, "Unlabeled item 1 is the int 7"),
        ([teacher()], {"unlabeled": ["Hi."], "preset": "quick"}, "no preset"),
    ],
)
def test_what_cannot_be_learned_is_refused(tmp_path, teachers, more, message):
    with pytest.raises(InputError, match=message):
        distill(teachers, out=tmp_path / "out", console=QUIET, **more)
    assert not (tmp_path / "out").exists()


def test_models_and_data_have_the_same_layers(tmp_path):
    several = Tagger(random_layers_model())
    with pytest.raises(InputError, match="models 1 and 2 differ in their layers: pos, ner, chunk and ner"):
        distill([several, teacher()], unlabeled=["Hi."], out=tmp_path / "out", console=QUIET)
    with pytest.raises(InputError, match="have the layers tags, the models give pos, ner, chunk"):
        distill([several], train=labeled(20, 1), out=tmp_path / "out", console=QUIET)


def test_a_file_of_predictions_has_one_layer(tmp_path, predictions):
    with pytest.raises(InputError, match="one layer"):
        distill([Tagger(random_layers_model()), predictions], out=tmp_path / "out", console=QUIET)


def test_plain_tags_and_spans_do_not_mix(tmp_path):
    plain = random_model(scheme=Scheme.PLAIN)
    spans = teacher().model
    with pytest.raises(InputError, match="do not both find spans"):
        distill([Tagger(plain), Tagger(spans)], unlabeled=["Hi."], out=tmp_path / "out", console=QUIET)


def test_a_student_does_not_replace_its_teacher(tmp_path):
    write_model(random_model(), tmp_path / "model")
    with pytest.raises(InputError, match="replace"):
        distill(tmp_path / "model", unlabeled=["Hi."], out=tmp_path / "model", force=True, console=QUIET)


def test_the_corpus_of_a_student_is_as_legal_as_any():
    corpus, _ = _corpus([teacher()], [], labeled(30, 0), None, None, ["Ada left."], 0, {})
    assert read_corpus(list(corpus.train), list(corpus.dev)).repairs == ()
