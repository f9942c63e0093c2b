"""What each corpus adds to the English tagger: the tables, and the scores of spaCy beside them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "models" / "en"))
import leave_out
from layouts import Labeled


def test_a_loss_is_that_of_the_other_corpora():
    everything = {name: {"F1": 80.0} for name in ("btc", "gum", "re3d")}
    results = {leave_out.ALL: everything, leave_out.AGAIN: {name: {"F1": 80.25} for name in everything}}
    results |= {name: everything | {f"{name}, whole": {"F1": 10.0}} for name in everything}
    results["gum"] = {"btc": {"F1": 77.0}, "gum": {"F1": 50.0}, "re3d": {"F1": 80.0}, "gum, whole": {"F1": 40.0}}
    assert leave_out.corpora_table(results).splitlines()[2:] == [
        "| nothing, another seed |  |  | 80.0 | 80.2 | -0.2 |",
        "| btc | 80.0 | 80.0 | 80.0 | 80.0 | +0.0 |",
        "| gum | 80.0 | 50.0 | 80.0 | 78.5 | +1.5 |",
        "| re3d | 80.0 | 80.0 | 80.0 | 80.0 | +0.0 |",
    ]


def test_the_committed_tables_are_those_of_the_committed_results():
    results = json.loads(leave_out.RESULTS.read_text("utf-8"))["scores"]
    page = leave_out.RESULTS.with_suffix(".md").read_text("utf-8")
    assert leave_out.corpora_table(results) in page
    assert leave_out.domains_table(results) in page


def test_what_spacy_finds_is_in_the_same_labels():
    spacy = pytest.importorskip("spacy")
    from beside_spacy import tags_of

    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([
        {"label": "FAC", "pattern": "the Eiffel Tower"},
        {"label": "NORP", "pattern": "French"},
        {"label": "ORG", "pattern": "The Hague"},
    ])  # fmt: skip
    words = ("French", "fans", "left", "the", "Eiffel", "Tower", "for", "The", "Hague")
    found = tags_of(pipeline, [Labeled(words, None)])
    assert found["ner"] == [("O", "O", "O", "O", "B-LOCATION", "I-LOCATION", "O", "B-ORGANIZATION", "I-ORGANIZATION")]
    assert [len(tags) for tags in found["upos"]] == [9]
