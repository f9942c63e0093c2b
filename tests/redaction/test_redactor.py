"""What is replaced, what stays, and what counts as the same."""

from __future__ import annotations

import hmac
import json
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from random_model import random_layers_model, random_model
from redaction.stub_tagger import LABELS, StubTagger
from tagsmith.errors import DataError
from tagsmith.redaction.found import LabelColumns, Repeats
from tagsmith.redaction.redacted import Redacted
from tagsmith.redaction.redactor import Redactor
from tagsmith.redaction.ways import WAYS
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Document, Span, sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, split_tag

KEY = b"0123456789abcdef"
NAMES = {
    "anna": {"PERSON": 0.9},
    "schmidt": {"+PERSON": 0.9},
    "acme": {"ORG": 0.3, "PERSON": 0.25},
    "may": {"DATE": 0.2},
    "will": {"PERSON": 0.7},
    ",": {"PERSON": 0.3},
}
WORDS = (
    "John", "Anna", "york", "paris.", "London", "北京", "e\u0301", "🙂", "👩‍👩‍👧", "שלום\u200f", "a\u200bb", "don't",
    "\x00", "\u2028", "[PERSON_1]", "4/7/2021", "x@y.de",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", "", "\r\n", "\n\n", "\t", "\r", " \u00a0"]))).map(
        lambda pairs: "".join(word + space for word, space in pairs)
    ),
)


def kept(text: str, redacted: Redacted, *, new: bool) -> list[str]:
    """The pieces between the replacements."""
    pieces, done = [], 0
    for one in redacted.replacements:
        start, end = (one.redacted_start, one.redacted_end) if new else (one.start, one.end)
        assert done <= start < end
        pieces.append(text[done:start])
        done = end
    assert done <= len(text)
    return [*pieces, text[done:]]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(random_model(), precision="float32", threads=1)


@pytest.fixture(scope="module")
def redactors(tagger) -> list[Redactor]:
    return [Redactor(tagger, replacement=way, key=KEY, threshold=0.4) for way in WAYS]


@given(texts=st.lists(TEXTS, max_size=3))
@example(texts=["\ud83d Anna", "", "\ufeffJohn\r"])
@example(texts=["0@0.dd:0@0.dd 0 0@0.DD"])  # a short text that repeats at the end, where a longer one could not
def test_all_that_is_not_replaced_stays_as_it_is(redactors, texts):
    for redactor in redactors:
        for together in (False, True):
            for text, redacted in zip(texts, redactor.redact_texts(texts, together=together), strict=True):
                assert kept(text, redacted, new=False) == kept(redacted.text, redacted, new=True)
                for one in redacted.replacements:
                    assert redacted.text[one.redacted_start : one.redacted_end] != text[one.start : one.end]
                    assert one.label in redactor.labels
                    assert 0 <= one.score <= 1 + 1e-9
                    assert redacted.to_original(one.redacted_start) == one.start


@given(text=TEXTS)
def test_a_replacement_is_whole_tokens_that_are_probable_enough(tagger, text):
    from tagsmith.text.tokenizer import words_and_starts

    redacted = Redactor(tagger, threshold=0.4, repeats=0)(text)
    spans = [(one.start, one.end) for one in redacted.replacements]
    columns = LabelColumns(tagger.layer(), tagger.labels)
    for words, starts in words_and_starts(text):
        (marginals,) = tagger.tag_marginals([words])
        for word, start, score in zip(words, starts, columns.probabilities(marginals), strict=True):
            replaced = any(first <= start and start + len(word) <= end for first, end in spans)
            touched = any(first < start + len(word) and start < end for first, end in spans)
            assert replaced == touched
            if abs(score - 0.4) > 1e-4 and any(map(str.isalnum, word)):
                assert replaced == (score > 0.4)


# ----------------------------------------------------------------------------------- tokens, spans and their labels


def test_the_probabilities_of_the_chosen_labels_are_added():
    tagger = StubTagger(NAMES)
    assert Redactor(tagger, threshold=0.5)("Acme grew.").text == "[ORG_1] grew."
    assert Redactor(tagger, threshold=0.5, labels=["ORG"])("Acme grew.").text == "Acme grew."
    assert Redactor(tagger, threshold=0.3, labels=["ORG"])("Acme grew.").text == "[ORG_1] grew."
    assert Redactor(tagger, threshold=0.56)("Acme grew.").text == "Acme grew."


def test_neighbors_of_one_label_are_one_span_unless_a_new_one_begins():
    redactor = Redactor(StubTagger(NAMES))
    assert redactor("Anna \r\n\t Schmidt left").text == "[PERSON_1] left"
    assert redactor("Anna Anna Schmidt left").text == "[PERSON_1] [PERSON_2] left"
    assert redactor("Anna May").text == "[PERSON_1] [DATE_1]"
    assert redactor("Schmidt").replacements[0].score == pytest.approx(0.9)


def test_a_lone_comma_needs_more_than_a_threshold():
    redactor = Redactor(StubTagger(NAMES | {"!": {"PERSON": 0.6}}))
    assert redactor("he, too !").text == "he, too [PERSON_1]"


@given(st.data(), st.sampled_from([Scheme.BIOES, Scheme.PLAIN]))
def test_marks_are_those_of_a_slow_reference(data, scheme):
    labels = ("A", "B", "C")
    layer = Layer("ner", scheme, labels)
    chosen = data.draw(st.sets(st.sampled_from(labels), min_size=1).map(sorted))
    shape = data.draw(st.integers(1, 6)), len(layer.tags)
    marginals = np.array(
        data.draw(st.lists(st.floats(0.01, 1), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    )
    marginals = marginals.reshape(shape) / marginals.reshape(shape).sum(axis=1, keepdims=True)
    threshold = data.draw(st.floats(0.05, 0.95))
    expected = []
    for token, row in enumerate(marginals):
        each, opening = dict.fromkeys(chosen, 0.0), dict.fromkeys(chosen, 0.0)
        for tag, probability in zip(layer.tags, row, strict=True):
            letter, label = split_tag(tag) if layer.gives_spans else ("", tag)
            if label in each:
                each[label] += probability
                opening[label] += probability * (letter in ("B", "S"))
        total = sum(each.values())
        if abs(total - threshold) < 1e-9:
            return
        if total < threshold:
            continue
        label = max(each, key=each.__getitem__)
        goes_on = (
            expected and expected[-1][1] == token and expected[-1][2] == label and opening[label] * 2 <= each[label]
        )
        if goes_on:
            first, _, _, score = expected.pop()
            expected.append((first, token + 1, label, max(score, total)))
        else:
            expected.append((token, token + 1, label, total))
    found = LabelColumns(layer, chosen).marks(marginals, threshold).spans()
    assert [(first, after, chosen[label], pytest.approx(score)) for first, after, label, score in found] == expected


# -------------------------------------------------------------------------------------------------- what is the same


def test_placeholders_are_numbered_by_document_and_text():
    tagger = StubTagger({"anna": {"PERSON": 1}, "bob": {"PERSON": 1}, "acme": {"ORG": 1}})
    redactor = Redactor(tagger)
    one, two = redactor.redact_texts(["Anna, Bob, ANNA and Acme", "Bob"])
    assert (one.text, two.text) == ("[PERSON_1], [PERSON_2], [PERSON_1] and [ORG_1]", "[PERSON_1]")
    one, two = redactor.redact_texts(["Anna", "Bob, Anna"], together=True)
    assert (one.text, two.text) == ("[PERSON_1]", "[PERSON_2], [PERSON_1]")
    assert [part.text for part in redactor.redact_parts(["Anna\n", "Bob", "anna"])] == [
        "[PERSON_1]\n",
        "[PERSON_2]",
        "[PERSON_1]",
    ]
    assert Redactor(tagger, replacement="label")("Anna, Bob").text == "[PERSON], [PERSON]"


def test_a_placeholder_that_the_text_has_already_is_not_used_again():
    redactor = Redactor(StubTagger({"anna": {"PERSON": 1}, "bob": {"PERSON": 1}}))
    assert redactor("[PERSON_1] met Anna and Bob, not [PERSON_3].").text == (
        "[PERSON_1] met [PERSON_2] and [PERSON_4], not [PERSON_3]."
    )


def test_a_hash_depends_on_the_text_and_the_key_alone():
    tagger = StubTagger({"anna": {"PERSON": 1}, "schmidt": {"+PERSON": 1}, "acme": {"ORG": 1}})

    def hashed(text: str, key: bytes = KEY) -> str:
        return Redactor(tagger, replacement="hash", key=key)(text).text

    assert re.fullmatch("PERSON-[0-9a-f]{16}", hashed("Anna"))
    assert hashed("Anna") == hashed("ANNA") == hashed("x, anna")[3:]
    assert hashed("Anna") == f"PERSON-{hmac.new(KEY, b'anna', 'sha256').hexdigest()[:16]}"  # in every run
    assert hashed("Anna") != hashed("Acme").replace("ORG", "PERSON")
    assert hashed("Anna Schmidt") == hashed("anna \n SCHMIDT") != hashed("Anna")
    assert hashed("Anna", KEY + b"1") != hashed("Anna")


def test_surrogates_are_the_same_with_a_key_and_within_a_run():
    tagger = StubTagger({"anna": {"PERSON": 1}})
    with_key = [Redactor(tagger, replacement="surrogate", key=KEY)("Anna").text for _ in range(2)]
    assert with_key[0] == with_key[1]
    without = [Redactor(tagger, replacement="surrogate") for _ in range(12)]
    assert len({redactor("Anna").text for redactor in without}) > 1
    assert all(redactor("Anna").text == redactor("Anna").text for redactor in without)


# ---------------------------------------------------------------------------------------------------------- repeats

# Known only after "Mr", as a model knows names by what stands beside them.
CONTEXT = {"anna": {"PERSON": 0.9}, "schmidt": {"+PERSON": 0.9}}


class OnlyFirst(StubTagger):
    """Finds names in the first sentence of a call only."""

    def tag_marginals(self, sentences, *, layer=None):
        found = super().tag_marginals(sentences, layer=layer)
        for marginals in found[1:]:
            marginals[:] = 0
            marginals[:, 0] = 1
        return found


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (
            "Anna Schmidt left. So Anna Schmidt's ANNA  SCHMIDT, Anna.",
            "[PERSON_1] left. So [PERSON_1]'s [PERSON_1], Anna.",
        ),
        ("Anna left. Did anna? ANNA!", "[PERSON_1] left. Did anna? [PERSON_1]!"),
        ("anna left. Did Anna? ANNA!", "[PERSON_1] left. Did [PERSON_1]? [PERSON_1]!"),
        ("Anna left. Joanna and Annabel too.", "[PERSON_1] left. Joanna and Annabel too."),
        ("Anna Schmidt left. Anna\n\nSchmidt.", "[PERSON_1] left. Anna\n\nSchmidt."),
    ],
)
def test_what_was_found_once_is_found_everywhere(text: str, redacted: str):
    assert Redactor(OnlyFirst(CONTEXT))(text).text == redacted
    assert Redactor(OnlyFirst(CONTEXT), repeats=0)(text).text != redacted or "Jo" in text or "\n" in text


def test_repeats_need_enough_characters_and_a_sure_find():
    text = "Anna left. Why, Anna?"
    assert Redactor(OnlyFirst(CONTEXT), repeats=5)(text).text == "[PERSON_1] left. Why, Anna?"
    unsure = {"anna": {"PERSON": 0.4}}
    assert Redactor(OnlyFirst(unsure))(text).text == "[PERSON_1] left. Why, Anna?"
    (_, repeat) = Redactor(OnlyFirst(CONTEXT))(text).replacements
    assert repeat.score == 0  # below the threshold


def test_a_repeat_that_overlaps_what_is_found_becomes_one_span_with_it():
    columns = LabelColumns(Layer("ner", Scheme.BIOES, LABELS), LABELS)
    marginals = np.zeros((3, 13))
    marginals[1, columns.labels.index("PERSON") * 4 + 1] = 1.0  # B-PERSON: "Anna" alone is found in "Dr Anna Schmidt"
    marks = columns.marks(marginals, 0.5)
    repeats = Repeats(4)
    repeats.learn(["Dr", "Anna", "Schmidt"], [next(marks.spans())._replace(first=1, after=3)])
    repeats.mark(["Dr", "Anna", "Schmidt"], marks)
    assert [(found.first, found.after) for found in marks.spans()] == [(1, 3)]


def test_looking_for_repeats_takes_time_in_proportion():
    class Word(str):
        compared = 0

        def casefold(self):
            Word.compared += 1
            return Word(str.casefold(self))

        def __eq__(self, other):
            Word.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    def compared(count: int) -> int:
        Word.compared = 0
        words = [Word(one) for number in range(count) for one in ("John", f"Smith{number}", "and")]
        marks = LabelColumns(Layer("ner", Scheme.BIOES, LABELS), LABELS).marks(np.zeros((len(words), 13)), 0.5)
        repeats = Repeats(4)
        from tagsmith.redaction.found import Found

        repeats.learn(words, [Found(first, first + 2, 0, 1.0) for first in range(0, len(words), 3)])
        repeats.mark(words, marks)
        assert len(list(marks.spans())) == count
        return Word.compared

    assert compared(2000) <= 12 * compared(200)


# --------------------------------------------------------------------------------------------- layers and thresholds


def test_layers_and_labels_are_chosen():
    tagger = Tagger(random_layers_model(), precision="float32")  # pos is plain; ner and chunk give spans
    assert Redactor(tagger).layer.name == "ner"
    assert Redactor(tagger, layer="chunk").labels == ("X", "Y")
    assert Redactor(tagger, layer="pos", labels=["NOUN"]).labels == ("NOUN",)
    plain = StubTagger({"anna": {"PERSON": 0.9}, "schmidt": {"PERSON": 0.8}}, Scheme.PLAIN)
    assert Redactor(plain, labels=["PERSON"])("Anna Schmidt left").text == "[PERSON_1] left"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "upos"}, "no layer 'upos'.*pos, ner, chunk"),
        ({"layer": "pos"}, "every token a label.*DET, NOUN, VERB"),
        ({"labels": ["X", "Z"]}, "no label 'Z'.*Labels: X"),
        ({"labels": []}, "no label is chosen"),
        ({"threshold": 0}, "threshold is 0.*above 0"),
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": "0.5"}, "threshold is '0.5'"),
        ({"labels": "PERSON"}, r"the string 'PERSON', not a list.*labels=\['PERSON'\]"),
        ({"repeats": -1}, "repeats is -1"),
        ({"repeats": "4"}, "repeats is '4'"),
        ({"replacement": "stars"}, "'stars'.*placeholder, label, surrogate, hash"),
        ({"replacement": "hash"}, "needs a key"),
        ({"replacement": "surrogate", "key": b"short"}, "has 5 bytes.*at least 16"),
        ({"replacement": "surrogate", "key": b""}, "has 0 bytes"),
    ],
)
def test_an_impossible_choice_is_an_error(options, message):
    with pytest.raises(DataError, match=message):
        Redactor(Tagger(random_layers_model()), **options)


def test_a_path_is_no_tagger():
    with pytest.raises(DataError, match=r"the string 'model/'.*tagsmith\.load"):
        Redactor("model/")


def test_something_else_than_a_text_is_an_error(tagger):
    with pytest.raises(DataError, match="int is no text"):
        Redactor(tagger).redact_texts(["a", 7])


def test_a_threshold_is_found_for_a_recall():
    probabilities = {"aaaa": 0.9, "bbb": 0.5, "cc": 0.2, "d": 0.01}
    tagger = StubTagger({word: {"PERSON": one} for word, one in probabilities.items()} | {"other": {"ORG": 1.0}})
    words = ["other", *probabilities]
    data = [(words, ["O", *["B-PERSON"] * 4]), (["d", "aaaa"], ["O", "O"])]
    redactor = Redactor(tagger, labels=["PERSON"])
    for recall, threshold in ((0.1, 0.9), (0.4, 0.9), (0.41, 0.5), (0.7, 0.5), (0.9, 0.2), (0.91, 0.01), (1.0, 0.01)):
        assert redactor.threshold_for(data, recall) == threshold
    assert redactor.threshold_for([sentence_from_words(words, {"ner": ["O", "S-PERSON", *["O"] * 3]})], 1.0) == 0.9
    with pytest.raises(DataError, match=r"none of the labels.*PERSON"):
        redactor.threshold_for([(["a"], ["O"])])
    with pytest.raises(DataError, match=r"recall is 1\.1"):
        redactor.threshold_for(data, 1.1)


def test_the_threshold_for_texts_counts_characters_as_redaction_cuts_them(tmp_path):
    tagger = StubTagger({"anna": {"PERSON": 0.9}, "lee": {"+PERSON": 0.2}, "acme": {"ORG": 0.01}})
    redactor = Redactor(tagger, labels=["PERSON"])
    spans = (Span(0, 9, "PERSON"), Span(20, 24, "ORG"))  # cut by a sentence end, which training would not see
    document = Document("Anna\n\nLee left. Then Acme.", (), spans)
    (tmp_path / "dev.jsonl").write_text(
        json.dumps({"text": document.text, "label": [[span.start, span.end, span.label] for span in spans]}), "utf-8"
    )
    for data in (document, [document, (["x"], ["O"])], tmp_path / "dev.jsonl"):
        assert redactor.threshold_for(data, 4 / 7) == 0.9
        assert redactor.threshold_for(data, 4 / 7 + 0.01) == 0.2
    half = Document("Anna Lee", (), (Span(2, 4, "PERSON"), Span(5, 8, "PERSON")))
    assert redactor.threshold_for(half, 2 / 5) == 0.9
    assert redactor.threshold_for(half, 3 / 5) == 0.2
    layers = Document(
        "Anna Lee", (), (Span(0, 8, "X"),), {}, {"other": (Span(0, 8, "X"),), "ner": (Span(5, 8, "PERSON"),)}
    )
    assert redactor.threshold_for(layers, 0.1) == 0.2


def test_that_threshold_finds_that_much(tagger):
    from tagsmith.text.tokenizer import words_and_starts

    texts = ["John lives in New York.", "Paris, London and the café.", "York in Paris"]
    pairs = [(words, tags) for text in texts for words, _ in words_and_starts(text) for tags in tagger.tag([words])]
    sensitive = sum(len(word) for words, tags in pairs for word, tag in zip(words, tags, strict=True) if tag != "O")
    for recall in (0.5, 0.8, 1.0):
        threshold = Redactor(tagger).threshold_for(pairs, recall)
        columns = LabelColumns(tagger.layer(), tagger.labels)
        found = 0
        for (words, tags), marginals in zip(pairs, tagger.tag_marginals([words for words, _ in pairs]), strict=True):
            marked = columns.probabilities(marginals) >= threshold - 1e-6
            found += sum(len(word) for word, tag, one in zip(words, tags, marked, strict=True) if one and tag != "O")
        assert found >= recall * sensitive


# ------------------------------------------------------------------------------------------------------ long texts


def test_many_sentences_are_read_in_blocks_and_long_ones_in_pieces(monkeypatch):
    monkeypatch.setattr("tagsmith.redaction.redactor._LONGEST", 50)
    monkeypatch.setattr("tagsmith.redaction.redactor._AROUND", 5)
    monkeypatch.setattr("tagsmith.redaction.redactor._BLOCK", 13 * 80)
    tagger = StubTagger(NAMES)
    text = "Anna Schmidt left. " * 100 + "and Anna Schmidt stayed " * 100 + ". Anna left."
    redacted = Redactor(tagger)(text)
    assert redacted.text == text.replace("Anna Schmidt", "[PERSON_1]").replace("Anna", "[PERSON_2]")
    assert tagger.most_tokens <= 80


def test_pieces_of_a_long_sentence_are_read_as_the_whole(tagger, monkeypatch):
    words = ["the", "john", "lives", "in", "new", "york", "paris", "café", "London"] * 30
    (whole,) = tagger.tag_marginals([words])
    monkeypatch.setattr("tagsmith.redaction.redactor._LONGEST", 100)
    (pieces,) = Redactor(tagger)._marginals([words])
    np.testing.assert_allclose(pieces, whole, atol=1e-3)
