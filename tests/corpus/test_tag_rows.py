"""Tags as numbers agree with the same questions asked of strings, sentence by sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.corpus.sentences import NO_TAG, hold_sentences
from tagsmith.corpus.tag_rows import detect_scheme_of_rows, illegal_sentences, inner_rows
from tagsmith.network.batches import piece_lengths
from tagsmith.text.document import sentence_from_words
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, Scheme, convert_tags, detect_scheme, is_legal, split_label

TAGS = ["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "L-Y", "U-Y", "M", "NOUN"]
TAGGED = st.lists(st.lists(st.sampled_from(TAGS), max_size=7), min_size=1, max_size=6)


def held(tagged):
    """Rows, lengths and names of tag sequences; None stands for a sentence without the layer."""
    sentences = [
        sentence_from_words(["w"] * 3, {}) if tags is None else sentence_from_words(["w"] * len(tags), {"t": tags})
        for tags in tagged
    ]
    view = hold_sentences(sentences)
    column = view.store.columns.get("t")
    return (column.rows, view.lengths, column.names) if column else (np.zeros(0, np.int32), view.lengths, ())


@given(TAGGED)
def test_the_scheme_is_that_of_the_strings(tagged):
    assert detect_scheme_of_rows(*held(tagged)) is detect_scheme(tagged)


@given(TAGGED, st.sampled_from(list(Scheme)))
def test_illegal_sentences_are_those_of_the_strings(tagged, scheme):
    expected = [index for index, tags in enumerate(tagged) if not is_legal(tags, scheme)]
    assert illegal_sentences(*held(tagged), scheme).tolist() == expected


@given(TAGGED, st.sampled_from(list(Scheme)), st.integers(1, 4))
def test_inner_rows_are_the_converted_strings_of_each_piece(tagged, scheme, longest):
    rows, lengths, names = held(tagged)
    labels = sorted({split_label(tag, scheme) for tag in names if tag != OUTSIDE or scheme is Scheme.PLAIN})
    layer = Layer("t", scheme, tuple(labels))
    expected = [
        tag
        for tags in tagged
        for first in range(0, len(tags), longest)
        for tag in convert_tags(tags[first : first + longest], scheme, layer.inner_scheme)
    ]
    inner = inner_rows(rows, piece_lengths(lengths, longest), names, layer)
    assert [layer.tags[row] for row in inner] == expected


def test_a_sentence_without_the_layer_stays_without_tags_and_does_not_count():
    tagged = [["B-X", "I-X"], None, ["I-X"]]
    rows, lengths, names = held(tagged)
    assert illegal_sentences(rows, lengths, names, Scheme.IOB2).tolist() == [2]
    assert detect_scheme_of_rows(rows, lengths, names) is detect_scheme([tags for tags in tagged if tags])
    inner = inner_rows(rows, lengths, names, Layer("t", Scheme.IOB2, ("X",)))
    assert inner.tolist() == [1, 3, NO_TAG, NO_TAG, NO_TAG, 4]


def test_a_label_that_the_layer_lacks_is_not_passed_over():
    with pytest.raises(KeyError, match="B-Y"):
        inner_rows(*held([["B-X", "B-Y"]]), Layer("t", Scheme.IOB2, ("X",)))
