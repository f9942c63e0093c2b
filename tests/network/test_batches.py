"""Batches against brute force: every sentence once, everything in its place, full rows and few shapes."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packed_rows import forms_of
from tagsmith.corpus.sentences import hold_sentences
from tagsmith.model.vocabulary import LONGEST_SPELLING, UNKNOWN_WORD, UNSEEN_WORD, build_vocabulary
from tagsmith.network.batches import (
    SHORT_SPELLING,
    WINDOW,
    encode_sentences,
    pack_rows,
    piece_lengths,
    row_lengths,
    split_batch,
    training_batches,
)
from tagsmith.text.document import sentence_from_words

LENGTH = st.integers(1, 40)


def encode(sentences, tags, vocabulary, rows, longest):
    """Encode sentences of words whose tags have these rows."""
    numbers = np.array([rows[tag] for sentence in tags for tag in sentence], np.int32)
    return encode_sentences(hold_sentences(map(sentence_from_words, sentences)), [numbers], vocabulary, longest)


TAGS = ("O", "B", "I")
WORD = st.sampled_from(["a", "A", "b", "cc", "Dd", "e1", "?", "new", "old", "ccc", 13 * "L", 30 * "l"])
SENTENCES = st.lists(st.lists(WORD, min_size=0, max_size=9), min_size=1, max_size=12).filter(any)


# ------------------------------------------------------------------------------------------------ rows: how long


@given(st.lists(LENGTH, min_size=1, max_size=60), st.integers(1, 600))
@example([5] * 17 + [15], 16)  # short sentences hold 85 % of the tokens
@example([5] * 18 + [10], 16)  # … and exactly 90 %
def test_rows_are_halved_while_they_hold_most_of_the_corpus(lengths, budget):
    rows = row_lengths(np.array(lengths), budget)
    assert rows[-1] == max(lengths)
    # Nine tenths of the tokens stand in sentences of at most this length.
    covering = min(n for n in lengths if 10 * sum(own for own in lengths if own <= n) >= 9 * sum(lengths))
    at_least = max(covering, budget // 16)  # a batch has at most 16 rows
    for shorter, longer in pairwise(rows):
        assert shorter == max(longer // 2, at_least) <= 0.75 * longer
    assert max(rows[0] // 2, at_least) > 0.75 * rows[0]  # nor would a further length be worth while


@given(st.lists(st.integers(1, 256), min_size=1, max_size=60), st.integers(512, 4096))
def test_with_the_presets_there_are_a_handful_of_lengths(lengths, budget):
    assert len(row_lengths(np.array(lengths), budget)) <= 4


@pytest.mark.parametrize("length", [1, 7, 200])
def test_sentences_of_one_length_give_rows_of_that_length_without_padding(length):
    lengths = np.full(100, length)
    assert row_lengths(lengths, 512) == [length]
    batches = pack_rows(lengths, [length], 512, np.random.default_rng(0))
    assert sorted(row for _, batch in batches for row in batch) == [[index] for index in range(100)]


def test_one_huge_sentence_costs_one_long_row():
    lengths = np.array([4] * 700 + [250] + [4] * 300)
    rows = row_lengths(lengths, 512)
    assert rows == [32, 62, 125, 250]
    found = [
        (row_length, row)
        for row_length, batch in pack_rows(lengths, rows, 512, np.random.default_rng(0))
        for row in batch
    ]
    assert [row for row_length, row in found if row_length > 32] == [[700]]
    assert Counter(len(row) for _, row in found) == {8: 125, 1: 1}


# ----------------------------------------------------------------------------------------- rows: which sentences


@st.composite
def packings(draw, most):
    """Sentence lengths, lengths of rows, and up to ``most`` sentences packed into batches of up to 200 tokens."""
    lengths = draw(st.lists(LENGTH, min_size=1, max_size=most))
    rows = sorted({*draw(st.lists(st.integers(1, max(lengths)), max_size=3)), max(lengths)})
    budget = draw(st.integers(1, 200))
    packed = pack_rows(np.array(lengths), rows, budget, np.random.default_rng(draw(st.integers(0, 99))))
    return lengths, rows, budget, packed


@given(packings(most=80))
def test_every_sentence_stands_in_one_row_that_has_room_for_it(packing):
    lengths, rows, budget, packed = packing
    assert sorted(index for _, batch in packed for row in batch for index in row) == list(range(len(lengths)))
    not_full = Counter()
    for row_length, batch in packed:
        width = 2 * max(1, round(budget / row_length / 2))
        assert 1 <= len(batch) <= width
        not_full[row_length] += len(batch) < width
        for row in batch:
            assert sum(lengths[index] for index in row) <= row_length
            # A row is no longer than its first sentence asks for.
            assert row_length == min(own for own in rows if own >= lengths[row[0]])
    assert max(not_full.values()) <= 1


@given(packings(most=WINDOW))
def test_a_row_takes_the_longest_sentences_that_it_has_room_for(packing):
    """While all sentences are looked at; of more, those within the window."""
    lengths, rows, _, packed = packing
    every = [(row_length, [lengths[index] for index in row]) for row_length, batch in packed for row in batch]
    for row_length, row in every:
        began = [own for own in row[1:] if row_length == min(length for length in rows if length >= own)]
        rest = [own for own in row[1:] if own not in began]
        assert row[1:] == sorted(began, reverse=True) + sorted(rest, reverse=True)
    for (length, row), (other_length, other) in combinations(sorted(every), 2):
        fits = min(row) <= other_length - sum(other)
        if length < other_length:
            assert not fits
        else:  # whichever of the two was packed first had no room for what the other got
            assert not fits or min(other) > length - sum(row)


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_lengths_leave_little_padding(seed):
    rng = np.random.default_rng(seed)
    lengths = np.minimum(rng.geometric(1 / 15, 500), 256)
    rows = row_lengths(lengths, 512)
    packed = pack_rows(lengths, rows, 512, rng)
    assert lengths.sum() > 0.98 * sum(row_length * len(batch) for row_length, batch in packed)
    # The last batch of each row length may lack rows.
    assert lengths.sum() > 0.9 * sum(row_length * 2 * round(256 / row_length) for row_length, _ in packed)


def test_any_two_sentences_meet_by_chance():
    lengths, rng = np.ones(20, int), np.random.default_rng(0)
    met = Counter(
        other
        for _ in range(400)
        for _, batch in pack_rows(lengths, [4], 8, rng)
        for row in batch
        if 0 in row
        for other in row
    )
    assert met.pop(0) == 400
    assert met.keys() == set(range(1, 20))
    assert min(met.values()) > 30  # 63 expected
    assert max(met.values()) < 100


def test_the_last_row_to_be_filled_may_share_a_batch_with_any():
    lengths, found = np.ones(9, int), set()
    for seed in range(20):
        batches = pack_rows(lengths, [4], 8, np.random.default_rng(seed))
        found |= {tuple(map(len, batch)) for _, batch in batches if 1 in map(len, batch)}
    assert found == {(1,), (1, 4), (4, 1)}


def test_long_rows_come_at_any_time_of_an_epoch():
    lengths = np.array([10] * 6 + [2] * 30)
    rows_of_first_batch = {pack_rows(lengths, [4, 10], 10, np.random.default_rng(seed))[0][0] for seed in range(20)}
    assert rows_of_first_batch == {4, 10}


# ------------------------------------------------------------------------------------------------------- batches


@st.composite
def corpora(draw):
    """Sentences, their tags, vocabulary, longest piece and the encoded corpus."""
    sentences = draw(SENTENCES)
    tags = [[TAGS[(len(word) + place) % 3] for place, word in enumerate(sentence)] for sentence in sentences]
    vectors = draw(st.lists(WORD, max_size=4, unique=True))
    vocabulary = build_vocabulary((word for sentence in sentences for word in sentence), vectors)
    longest = draw(st.integers(1, 10))
    encoded = encode(sentences, tags, vocabulary, {tag: row for row, tag in enumerate(TAGS)}, longest)
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


@given(corpora(), st.integers(1, 40), st.integers(0, 99))
def test_an_epoch_holds_every_sentence_once_with_its_words_and_tags(corpus, budget, seed):
    sentences, tags, vocabulary, longest, encoded = corpus
    found: Counter = Counter()
    for batch in training_batches(encoded, row_lengths(encoded.lengths, budget), budget, np.random.default_rng(seed)):
        forms = zip(*(part.tolist() for part in forms_of(batch)), strict=True)
        spelling = [(pretrained, trained, tuple(spelt), shape) for pretrained, trained, spelt, shape in forms]
        for words, numbers, own in zip(batch.words, batch.sentences, batch.tags[0], strict=True):
            # 1, 1, …, 2, 2, …, and padding after the last sentence alone, with nothing in it.
            tokens = np.flatnonzero(numbers)
            assert tokens.tolist() == list(range(len(tokens)))
            assert set(np.diff(numbers[tokens], prepend=0).tolist()) <= {0, 1}
            assert not words[len(tokens) :].any()
            assert not own[len(tokens) :].any()
            for number in range(1, numbers.max() + 1):
                here = numbers == number
                found[tuple((spelling[word], tag) for word, tag in zip(words[here], own[here], strict=True))] += 1
    expected = Counter(
        tuple((spelled(vocabulary, word), TAGS.index(tag)) for word, tag in piece)
        for piece in pieces(sentences, tags, longest)
    )
    assert found == expected
    assert encoded.tokens == sum(map(len, sentences))


@given(corpora(), st.integers(1, 40), st.integers(0, 99))
def test_batches_have_few_shapes_and_keep_the_budget(corpus, budget, seed):
    encoded = corpus[-1]
    lengths = row_lengths(encoded.lengths, budget)
    shapes: dict[int, set] = {}
    for batch in training_batches(encoded, lengths, budget, np.random.default_rng(seed)):
        rows, length = batch.words.shape
        shapes.setdefault(length, set()).add((rows, len(batch.forms.shapes)))
        assert batch.tags[0].shape == batch.sentences.shape == (rows, length)
        assert rows == 2 * max(1, round(budget / length / 2))
        # Rows with sentences first, empty ones after them.
        assert (np.diff((batch.sentences[:, 0] > 0).astype(int)) <= 0).all()
        assert batch.words.max() < len(batch.forms.shapes)
        assert all(part.dtype == np.int32 for part in (*batch.forms, batch.trained, *batch[2:4], *batch.tags))
    assert set(shapes) <= set(lengths)
    assert all(len(found) <= 2 for found in shapes.values())


@given(corpora(), st.integers(1, 40), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_batch_lists_each_trained_row_that_its_words_need_once(corpus, budget, rate):
    encoded = corpus[-1]
    rows = row_lengths(encoded.lengths, budget)
    for batch in training_batches(encoded, rows, budget, np.random.default_rng(0), rate):
        assert batch.trained.shape == (batch.words.size,)
        listed = batch.trained[batch.trained >= 0]
        assert (batch.trained[len(listed) :] == -1).all()
        used = batch.forms.trained[batch.words[batch.sentences > 0]]
        assert sorted(set(used.tolist())) == list(range(len(listed)))
        assert len(set(listed.tolist())) == len(listed)


@given(corpora(), st.integers(0, 99))
def test_with_a_rate_of_one_every_word_becomes_unknown(corpus, seed):
    encoded = corpus[-1]
    rows = row_lengths(encoded.lengths, 20)
    plain = training_batches(encoded, rows, 20, np.random.default_rng(seed))
    dropped = training_batches(encoded, rows, 20, np.random.default_rng(seed), 1.0)
    for before, after in zip(plain, dropped, strict=True):
        np.testing.assert_array_equal(before.words, after.words)
        for form in np.unique(before.words[before.sentences > 0]):
            unseen = UNSEEN_WORD if before.forms.pretrained[form] else UNKNOWN_WORD
            assert forms_of(after).trained[form] == unseen


def test_with_a_rate_between_some_words_stay():
    words = [f"w{number}" for number in range(200)]
    vocabulary = build_vocabulary([*words, "often", "often"])
    encoded = encode([[*words, "often", "often"]], [["O"] * 202], vocabulary, {"O": 0}, 300)
    (batch,) = training_batches(encoded, [202], 202, np.random.default_rng(0), 0.3)
    used = forms_of(batch).trained[np.unique(batch.words[0])]
    share = np.mean(used == UNKNOWN_WORD)
    assert 0.2 < share < 0.4


def test_two_epochs_differ_and_the_same_generator_gives_the_same_epoch():
    sentences = [[f"w{n}", "x"] for n in range(30)]
    vocabulary = build_vocabulary(word for sentence in sentences for word in sentence)
    encoded = encode(sentences, [["O", "O"]] * 30, vocabulary, {"O": 0}, 9)

    def epoch(*seed):
        batches = training_batches(encoded, [4], 8, np.random.default_rng(seed), 0.5)
        arrays = ((*batch.forms, batch.trained, *batch[2:4], *batch.tags) for batch in batches)
        return [np.concatenate([part.ravel() for part in parts]).tolist() for parts in arrays]

    assert epoch(0, 1) == epoch(0, 1)
    assert epoch(0, 1) != epoch(0, 2)


@given(corpora(), st.integers(1, 40), st.integers(1, 3))
def test_the_parts_of_a_batch_hold_its_rows(corpus, budget, parts):
    encoded = corpus[-1]
    rows = row_lengths(encoded.lengths, budget)
    for batch in training_batches(encoded, rows, budget, np.random.default_rng(0)):
        found = split_batch(batch, parts)
        size = -(-len(batch.words) // parts)
        assert all(part.words.shape == (size, batch.words.shape[1]) for part in found)
        assert all(part.trained is batch.trained for part in found)
        together = zip(*((part.sentences, part.tags[0], spellings(part)) for part in found), strict=True)
        sentences, tags, spelt = (np.concatenate(own) for own in together)
        count = len(batch.words)
        np.testing.assert_array_equal(sentences[:count], batch.sentences)
        np.testing.assert_array_equal(tags[:count], batch.tags[0])
        np.testing.assert_array_equal(spelt[:count][batch.sentences > 0], spellings(batch)[batch.sentences > 0])
        assert not sentences[count:].any()


@pytest.mark.parametrize(("long", "whole"), [(0, 4), (4, 4), (5, None)])
def test_of_most_forms_the_parts_have_short_spellings_unless_too_many_are_long(long, whole):
    words = [*(f"b{n}" for n in range(32 - long)), *(f"antidisestablishment{n}" for n in range(long))]
    encoded = encode([words], [["O"] * 32], build_vocabulary(words), {"O": 0}, 32)
    (batch,) = training_batches(encoded, [32], 32, np.random.default_rng(0))
    part, _ = split_batch(batch, 2)
    assert [own.shape for own in part.long] == ([] if whole is None else [(whole, LONGEST_SPELLING)])
    assert part.forms.characters.shape == (32, LONGEST_SPELLING if whole is None else SHORT_SPELLING)


def spellings(batch) -> np.ndarray:
    """For each token everything that the network sees of its word, (B, T, …)."""
    forms = batch.forms
    characters = np.zeros((len(forms.shapes), LONGEST_SPELLING), np.int32)
    characters[:, : forms.characters.shape[1]] = forms.characters
    for whole in batch.long:
        characters[: len(whole)] = whole
    columns = (
        forms.pretrained[:, None],
        batch.trained[forms.trained][:, None],
        characters,
        forms.shapes[:, None],
    )
    return np.concatenate(columns, axis=1)[batch.words]


@given(st.lists(st.integers(0, 20), max_size=8), st.integers(1, 9))
def test_pieces_are_as_long_as_allowed_and_lose_no_token(lengths, longest):
    expected = []
    for length in lengths:
        expected += [min(longest, length - first) for first in range(0, length, longest)]
    assert piece_lengths(np.array(lengths, np.int64), longest).tolist() == expected
