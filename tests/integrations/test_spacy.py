"""A tagger in a spaCy pipeline."""

from __future__ import annotations

import pytest

from random_model import random_model
from tagsmith.model.folder import write_model

spacy = pytest.importorskip("spacy")


def test_a_pipeline_finds_what_the_tagger_finds_in_the_same_words(tmp_path):
    import tagsmith

    write_model(random_model(), tmp_path / "model")
    nlp = spacy.blank("en")
    nlp.add_pipe("tagsmith", config={"model": str(tmp_path / "model")})
    doc = nlp("John lives in New York . Paris the Reykjavík")
    (document,) = tagsmith.load(tmp_path / "model").tag_texts([doc.text])
    assert doc.ents
    found = [(span.start_char, span.end_char, span.label_, span._.score) for span in doc.ents]
    assert found == [(span.start, span.end, span.label, pytest.approx(span.score)) for span in document.spans]
