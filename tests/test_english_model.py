"""The packaged English model is made small as the script says."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent.parent / "models" / "en"))
from few_vectors import four_bits, write_few_vectors
from pack import smaller
from random_model import SMALL, random_model
from search_budget import examples
from tagsmith.model.folder import read_model, write_model
from tagsmith.model.vectors import load_vectors, quantize_rows
from tagsmith.tagging.tagger import Tagger


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=examples(30))
def test_rounding_errs_little_and_what_was_rounded_stays(seed):
    matrix = np.random.default_rng(seed).normal(0, 2, (20, 100)).astype(np.float32)
    levels, scales = four_bits(matrix)
    assert np.abs(levels).max() <= 7
    assert np.linalg.norm(levels * scales - matrix) < 0.15 * np.linalg.norm(matrix)
    rows, of_rows = quantize_rows(levels * scales)  # as a model keeps vectors in between
    again, _ = four_bits(rows * of_rows)
    np.testing.assert_array_equal(again, levels)


def test_seen_words_keep_their_vectors_and_then_the_first_ones(tmp_path):
    numbers = " ".join(["0.5", "-0.25", "0.125", "1"] * 3)
    (tmp_path / "all.txt").write_text("".join(f"{word} {numbers}\n" for word in ("the", "of", "rare", "seen")), "utf-8")
    write_few_vectors(tmp_path / "all.txt", tmp_path / "few.txt", Counter({"seen": 2, "rare": 1}), 3)
    assert load_vectors(tmp_path / "few.txt").words == ("the", "of", "seen")


def test_a_packed_model_reads_back_without_rare_words_and_tags_nearly_the_same(tmp_path):
    model = random_model(SMALL, labels=("PER", "LOC"))
    kept = model.vocabulary.words[:-1]
    write_model(smaller(model, Counter(dict.fromkeys(kept, 5)), 5), tmp_path / "model")
    packed = read_model(tmp_path / "model")
    assert packed.vocabulary.words == kept
    assert packed.vocabulary.pretrained == model.vocabulary.pretrained
    before, after = (one.weights["word/pretrained"] * one.weights["word/scales"] for one in (model, packed))
    assert np.linalg.norm(after - before) < 0.2 * np.linalg.norm(before)
    kernel = model.weights["output/kernel"].astype(np.float16)
    np.testing.assert_array_equal(packed.weights["output/kernel"], kernel.astype(np.float32))
    words = [list(kept[:4])]
    one, other = (Tagger(each, precision="float32").tag_marginals(words)[0] for each in (model, packed))
    assert np.abs(one - other).max() < 0.1
