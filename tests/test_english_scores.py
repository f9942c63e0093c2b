"""What the English model is judged by: names by region, the calibration of span scores."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tagsmith.text.document import Document, Span

sys.path.append(str(Path(__file__).parent.parent / "models" / "en"))
import regions
import scores
from english_corpora import English, Parts
from layouts import Labeled

NAMES = {"people": ["Ana Díaz", "İlkay de Jong|De Jong"], "places": ["the Po"], "organizations": ["the Mint"]}
TEMPLATES = ["[PLACE] drowned [FAMILY]'s house.", "[PERSON] and [PERSON] saw [ORGANIZATION]."]


class Finder:
    """A tagger that finds the same words everywhere."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = labels

    def tag_texts(self, texts: Sequence[str]) -> list[Document]:
        return [Document(text, (), self._spans(text)) for text in texts]

    def _spans(self, text: str) -> tuple[Span, ...]:
        return tuple(Span(*one.span(), self.labels[one[0]]) for one in re.finditer("|".join(self.labels), text))


def shown(text: regions.Text) -> str:
    """A text with its names in brackets."""
    marks = [(start, "[") for start, _, _ in text.names] + [(end, "]") for _, end, _ in text.names]
    whole = text.text
    for place, mark in sorted(marks, reverse=True):
        whole = whole[:place] + mark + whole[place:]
    return whole


def test_sentences_are_filled_with_the_names_of_a_region_in_turn(monkeypatch):
    monkeypatch.setattr(regions, "FILLS", 2)
    assert list(map(shown, regions.filled(TEMPLATES, NAMES))) == [
        "The [Po] drowned [De Jong]'s house.",
        "The [Po] drowned [Díaz]'s house.",
        "[İlkay de Jong] and [Ana Díaz] saw the [Mint].",
        "[Ana Díaz] and [İlkay de Jong] saw the [Mint].",
    ]
    lower = list(map(shown, regions.filled(TEMPLATES, NAMES, str.lower)))
    assert lower[2] == "[i̇lkay de jong] and [ana díaz] saw the [mint]."  # a letter longer


def test_names_count_if_their_limits_and_label_are_right(monkeypatch):
    monkeypatch.setattr(regions, "FILLS", 2)
    tagger = Finder({"Po": "ORGANIZATION", "Díaz": "PERSON", "the Mint": "ORGANIZATION", "house": "DATE"})
    found = regions.counts(tagger, list(regions.filled(TEMPLATES, NAMES)))
    assert found["PERSON"] == (6, 3, 1)  # gold, found, right
    assert found["LOCATION"] == (2, 0, 0)
    assert found["ORGANIZATION"] == (2, 4, 0)
    assert found[""] == (10, 7, 1)
    assert (found[""].recall, found["LOCATION"].f1) == (10, 0)
    assert found["PERSON"].f1 == 200 / 9


def test_each_region_has_the_same_number_of_different_names():
    templates, all_regions = regions.read_regions()
    assert len(set(templates)) == 60
    assert not [template for template in templates if "[" in regions.SLOT.sub("", template)]
    for kinds in all_regions.values():
        assert {kind: len(set(names)) for kind, names in kinds.items()} == {
            "people": regions.FILLS,
            "places": 25,
            "organizations": 20,
        }
        assert all(names == [name.strip() for name in names] and all(names) for names in kinds.values())


class Sure:
    """A tagger that takes each word with a capital for a person, with the score that stands behind it."""

    def tag_documents(self, documents: Sequence[Document]) -> list[Document]:
        return [self._tagged(document) for document in documents]

    def _tagged(self, document: Document) -> Document:
        (sentence,) = document.sentences
        tags = tuple("B-PERSON" if word.istitle() else "O" for word in sentence.words)
        spans = tuple(Span(0, 1, "PERSON", "", float(word[1:])) for word in sentence.words if word.istitle())
        return replace(document, sentences=(replace(sentence, layers={scores.NER: tags}),), spans=spans)


def test_the_calibration_table_counts_spans_by_score_where_their_corpus_says_what_is_right():
    sentence = Labeled(("A0.95", "B1.0", "C0.9", "and", "D0.1"), ("B-PERSON", "?", "B-DATE", "O", "O"))
    parts = Parts([], [sentence], [])
    nothing = Parts([sentence], [], [])
    made = scores.calibration_table(Sure(), English({"wikigold": parts}, {"btc": nothing})).splitlines()
    assert made[0] == "| score | dev: spans | mean score | right | btc, left out: spans | mean score | right |"
    assert len(made) == 2 + scores.BINS + 1 + 2
    assert made[3] == "| 0.1 to 0.2 | 1 | 0.10 | 0.00 | 1 | 0.10 | 0.00 |"
    assert made[4] == "| 0.2 to 0.3 | 0 |  |  | 0 |  |  |"
    assert made[11] == "| 0.9 to 1.0 | 2 | 0.93 | 0.50 | 2 | 0.93 | 0.50 |"
    assert made[12] == "| all | 3 | 0.65 | 0.33 | 3 | 0.65 | 0.33 |"
    assert made[14].startswith("Expected calibration error: ")
