"""Batches against brute force: least padding, every sentence once, everything in its place."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsmith.encoding.batches import (
    bucket_edges,
    count_batches,
    encode_sentences,
    length_batches,
    training_batches,
)
from tagsmith.encoding.vocabulary import UNKNOWN_WORD, UNSEEN_WORD, build_vocabulary

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=12)
TAGS = ("O", "B", "I")
WORD = st.sampled_from(["a", "A", "b", "cc", "Dd", "e1", "?", "new", "old", "ccc"])
SENTENCES = st.lists(st.lists(WORD, min_size=0, max_size=9), min_size=1, max_size=12).filter(any)


def padded(lengths, edges) -> int:
    return sum(min(edge for edge in edges if edge >= length) for length in lengths)


@given(LENGTHS, st.integers(1, 5))
def test_bucket_edges_waste_the_least_padding_of_all_edge_sets(lengths, buckets):
    edges = bucket_edges(np.array(lengths), buckets)
    assert edges == sorted(set(edges))
    assert len(edges) <= buckets
    assert edges[-1] == max(lengths)
    distinct = set(lengths)
    possible = [{*chosen, max(distinct)} for size in range(buckets) for chosen in combinations(sorted(distinct), size)]
    assert padded(lengths, edges) == min(padded(lengths, some) for some in possible)


@st.composite
def corpora(draw):
    """Sentences, their tags, vocabulary, longest piece and the encoded corpus."""
    sentences = draw(SENTENCES)
    tags = [[TAGS[(len(word) + place) % 3] for place, word in enumerate(sentence)] for sentence in sentences]
    vectors = draw(st.lists(WORD, max_size=4, unique=True))
    vocabulary = build_vocabulary((word for sentence in sentences for word in sentence), vectors)
    longest = draw(st.integers(1, 10))
    encoded = encode_sentences(sentences, tags, vocabulary, {tag: row for row, tag in enumerate(TAGS)}, longest)
    return sentences, tags, vocabulary, longest, encoded


def pieces(sentences, tags, longest):
    """The sentences as training sees them: (word, tag) pairs in runs of at most ``longest``."""
    for words, own in zip(sentences, tags, strict=True):
        pairs = list(zip(words, own, strict=True))
        yield from (tuple(pairs[first : first + longest]) for first in range(0, len(pairs), longest))


def spelled(vocabulary, word):
    """What a word's row of the forms must hold."""
    forms = vocabulary.encode([word])
    return int(forms.pretrained[0]), int(forms.trained[0]), tuple(forms.characters[0].tolist()), int(forms.shapes[0])


@given(corpora(), st.integers(1, 4), st.integers(1, 40), st.integers(0, 99))
@settings(deadline=None)
def test_an_epoch_holds_every_sentence_once_with_its_words_and_tags(corpus, buckets, budget, seed):
    sentences, tags, vocabulary, longest, encoded = corpus
    edges = bucket_edges(encoded.lengths, buckets)
    found: Counter = Counter()
    batches = list(training_batches(encoded, edges, budget, np.random.default_rng(seed)))
    for batch in batches:
        rows = list(zip(*(part.tolist() for part in batch.forms), strict=True))
        for words, length, own in zip(batch.words, batch.lengths, batch.tags, strict=True):
            assert not words[length:].any()
            assert not own[length:].any()
            held = (rows[word] for word in words[:length])
            spelling = [(p, t, tuple(c), s) for p, t, c, s in held]
            if length:
                found[tuple(zip(spelling, own[:length].tolist(), strict=True))] += 1
    expected = Counter(
        tuple((spelled(vocabulary, word), TAGS.index(tag)) for word, tag in piece)
        for piece in pieces(sentences, tags, longest)
    )
    assert found == expected
    assert len(batches) == count_batches(encoded.lengths, edges, budget)
    assert encoded.tokens == sum(map(len, sentences)) == sum(int(batch.lengths.sum()) for batch in batches)


@given(corpora(), st.integers(1, 4), st.integers(1, 40), st.integers(0, 99))
@settings(deadline=None)
def test_batches_have_few_shapes_and_keep_the_budget(corpus, buckets, budget, seed):
    encoded = corpus[-1]
    edges = bucket_edges(encoded.lengths, buckets)
    shapes: dict[int, set] = {}
    for batch in training_batches(encoded, edges, budget, np.random.default_rng(seed)):
        rows, edge = batch.words.shape
        shapes.setdefault(edge, set()).add((rows, len(batch.forms.shapes)))
        assert batch.tags.shape == (rows, edge)
        assert batch.lengths.shape == (rows,)
        assert rows == max(1, round(budget / edge))
        assert batch.lengths.max() <= edge
        # Sentences first, filling of length 0 after them.
        assert (np.diff((batch.lengths > 0).astype(int)) <= 0).all()
        assert batch.words.max() < len(batch.forms.shapes)
        assert all(part.dtype == np.int32 for part in (*batch.forms, *batch[1:]))
    assert set(shapes) <= set(edges)
    assert all(len(found) <= 2 for found in shapes.values())


@given(corpora(), st.integers(0, 99), st.integers(0, 3))
@settings(deadline=None)
def test_with_a_rate_of_one_exactly_the_rare_words_become_unknown(corpus, seed, most):
    sentences, _, vocabulary, _, encoded = corpus
    occurrences = Counter(word.lower() for sentence in sentences for word in sentence)
    rare = {row for row, word in enumerate(vocabulary.words, 2) if occurrences[word] <= most}
    edges = bucket_edges(encoded.lengths, 2)
    plain = training_batches(encoded, edges, 20, np.random.default_rng(seed))
    dropped = training_batches(encoded, edges, 20, np.random.default_rng(seed), 1.0, most)
    for before, after in zip(plain, dropped, strict=True):
        np.testing.assert_array_equal(before.words, after.words)
        for was, vector, now in zip(before.forms.trained, before.forms.pretrained, after.forms.trained, strict=True):
            unseen = UNSEEN_WORD if vector else UNKNOWN_WORD
            assert now == (unseen if was in rare else was)


def test_with_a_rate_between_some_rare_words_stay():
    words = [f"w{number}" for number in range(200)]
    vocabulary = build_vocabulary([*words, "often", "often"])
    encoded = encode_sentences([[*words, "often", "often"]], [["O"] * 202], vocabulary, {"O": 0}, 300)
    (batch,) = training_batches(encoded, [202], 202, np.random.default_rng(0), 0.3, 1)
    used = np.unique(batch.words[0])
    share = np.mean(batch.forms.trained[used] == UNKNOWN_WORD)
    assert 0.2 < share < 0.4
    assert 2 in batch.forms.trained[used]  # "often", the first word of the vocabulary


def test_two_epochs_differ_and_the_same_generator_gives_the_same_epoch():
    sentences = [[f"w{n}", "x"] for n in range(30)]
    vocabulary = build_vocabulary(word for sentence in sentences for word in sentence)
    encoded = encode_sentences(sentences, [["O", "O"]] * 30, vocabulary, {"O": 0}, 9)

    def epoch(*seed):
        batches = training_batches(encoded, [2], 8, np.random.default_rng(seed), 0.5)
        return [np.concatenate([part.ravel() for part in (*batch.forms, *batch[1:])]).tolist() for batch in batches]

    assert epoch(0, 1) == epoch(0, 1)
    assert epoch(0, 1) != epoch(0, 2)


def test_an_unknown_tag_is_not_passed_over():
    with pytest.raises(KeyError):
        encode_sentences([["a"]], [["X"]], build_vocabulary(["a"]), {"O": 0}, 9)


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 60), st.integers(1, 8))
def test_length_batches_cover_all_sentences_within_the_budget(lengths, budget, most):
    lengths = np.array(lengths, np.int64)
    batches = list(length_batches(lengths, budget, most))
    assert sorted(index for batch in batches for index in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        own = lengths[batch]
        assert (np.diff(own) <= 0).all()
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or len(batch) * own[0] <= budget
    # No batch could have taken the next sentence too.
    for batch, following in pairwise(batches):
        assert len(batch) == most or (len(batch) + 1) * max(1, lengths[batch[0]]) > budget
        assert lengths[batch[-1]] >= lengths[following[0]]
