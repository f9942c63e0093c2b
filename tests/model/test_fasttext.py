"""fastText's binary models: the vectors are those of the real fastText, and no file can do more than be refused.

The models and what fastText says of words are in ``fasttext/``; ``words.json`` tells how they were made.
"""

from __future__ import annotations

import gzip
import json
import lzma
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tagsmith.errors import VectorsError
from tagsmith.model import frozen_vectors as module
from tagsmith.model.frozen_vectors import FrozenNgrams, FrozenVectors, frozen_vectors
from tagsmith.model.ngrams import (
    LONGEST_WORD,
    MOST_NUMBERS,
    PIECE,
    Ngrams,
    ngram_buckets,
    ngrams_from_dict,
    sums_of_rows,
)
from tagsmith.model.vectors import load_fasttext, load_vectors, quantize_rows

FOLDER = Path(__file__).parent / "fasttext"
GOLDEN = json.loads((FOLDER / "words.json").read_text("utf-8"))["models"]
SKIPGRAM = FOLDER / "skipgram.bin"


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fasttext_file(
    words: list[bytes],
    matrix: np.ndarray,
    *,
    buckets: int,
    shortest: int = 3,
    longest: int = 6,
    version: int = 12,
    model: int = 2,
    labels: int = 0,
    pruned: int = -1,
    quantized: int = 0,
) -> bytes:
    """A model as fastText writes it, the output matrix empty."""
    rows, columns = matrix.shape
    settings = (columns, 5, 5, 5, 5, 1, 2, model, buckets, shortest, longest, 100, 1e-4)
    entries = [word + b"\0" + struct.pack("<qb", 7, number >= len(words) - labels) for number, word in enumerate(words)]
    return b"".join(
        [
            struct.pack("<ii12id", 793712314, version, *settings),
            struct.pack("<iiiqq", len(words), len(words) - labels, labels, 99, pruned),
            *entries,
            struct.pack("<bqq", quantized, rows, columns),
            matrix.astype("<f4").tobytes(),
            struct.pack("<bqq", 0, 0, columns),
        ]
    )


WORDS = [b"the", b"caf\xc3\xa9", b"</s>"]
MATRIX = np.random.default_rng(0).normal(size=(3 + 20, 4)).astype(np.float32)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "model"
    path.write_bytes(content)
    return path


# ---------------------------------------------------------------------------- the same as the real fastText


@pytest.mark.parametrize("name", GOLDEN)
def test_vectors_of_the_dictionary_are_fasttexts_own(name):
    vectors = load_vectors(FOLDER / name)
    assert len(vectors.words) == GOLDEN[name]["words"]
    rows = {word: row for row, word in enumerate(vectors.words)}
    for case in GOLDEN[name]["cases"]:
        assert (case["word"] in rows) == case["known"]
        if case["known"]:
            np.testing.assert_allclose(vectors.matrix[rows[case["word"]]], case["vector"], atol=1e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_words_are_cut_into_fasttexts_ngrams(name):
    model = load_fasttext(FOLDER / name)
    cases = GOLDEN[name]["cases"]
    words = [case["word"].encode() for case in cases]
    numbers, counts = ngram_buckets(words, model.shortest, model.longest, model.buckets)
    found = [row.tolist() for row in np.split(numbers + len(model.words), np.cumsum(counts)[:-1])]
    assert found == [case["rows"][case["known"] :] for case in cases]
    assert any(found) == (name != "words-only.bin")


@pytest.mark.parametrize("name", ["skipgram.bin", "one-letter.bin"])
def test_vectors_of_other_words_are_fasttexts_but_for_8_bits(name):
    """They have the scale of the table: a deviation of one over the dictionary."""
    deviation = load_vectors(FOLDER / name).matrix.std()
    frozen = frozen_vectors(FOLDER / name)
    cases = [case for case in GOLDEN[name]["cases"] if not case["known"]]
    rows, scales = frozen.subwords.vectors([case["word"] for case in cases])
    for case, vector in zip(cases, rows * scales, strict=True):
        expected = np.array(case["vector"]) / deviation
        np.testing.assert_allclose(vector, expected, atol=0.012 * max(np.abs(expected).max(), 0.4), err_msg=str(case))


def test_the_frozen_table_is_that_of_the_loaded_vectors():
    frozen, vectors = frozen_vectors(SKIPGRAM), load_vectors(SKIPGRAM)
    other = frozen_vectors(vectors)
    assert frozen.words == other.words == vectors.words
    assert other.subwords is None
    np.testing.assert_allclose(frozen.rows * frozen.scales, other.rows * other.scales, atol=0.03)
    np.testing.assert_allclose(frozen.scales[1:], other.scales[1:], rtol=1e-4)
    assert not frozen.rows[0].any()


def test_a_model_without_ngrams_is_a_file_of_vectors():
    assert load_fasttext(FOLDER / "supervised.bin").longest == 3
    assert load_fasttext(FOLDER / "words-only.bin").longest == 0
    assert frozen_vectors(FOLDER / "words-only.bin").subwords is None


@pytest.mark.parametrize("form", ["plain", "gzip", "xz", "zip"])
def test_the_content_decides_whatever_the_name_and_the_compression(form, tmp_path):
    content = SKIPGRAM.read_bytes()
    path = tmp_path / "vectors.vec"
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("LICENSE", "any")
            archive.writestr("model.bin", content)
    else:
        path.write_bytes({"plain": bytes, "gzip": gzip.compress, "xz": lzma.compress}[form](content))
    assert load_vectors(path, words={"the", "Paris", "zzz"}).words == tuple(
        word for word in load_vectors(SKIPGRAM).words if word in ("the", "Paris")
    )
    assert load_vectors(path, limit=3).words == load_vectors(SKIPGRAM).words[:3]
    found, expected = frozen_vectors(path), frozen_vectors(SKIPGRAM)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.subwords.rows, expected.subwords.rows)


# ------------------------------------------------------------------------------------- against slow references

TEXTS = st.text(max_size=12) | st.text("ab<>/sé東🙂\u0301", max_size=8)
BYTES = st.binary(max_size=8).map(lambda word: word.replace(b"\0", b""))


def slow_buckets(word: bytes, shortest: int, longest: int, buckets: int) -> list[int]:
    """What fastText's ``computeSubwords`` does, byte by byte."""
    if word == b"</s>":
        return []
    framed, found = b"<" + word + b">", []
    for first, byte in enumerate(framed):
        if byte & 0xC0 == 0x80:
            continue
        end = first
        for length in range(1, longest + 1):
            if end >= len(framed):
                break
            end += 1
            while end < len(framed) and framed[end] & 0xC0 == 0x80:
                end += 1
            if length >= shortest and not (length == 1 and (first == 0 or end == len(framed))):
                number = 2166136261
                for each in framed[first:end]:
                    number = ((number ^ (each if each < 128 else each | 0xFFFFFF00)) * 16777619) % 2**32
                found.append(number % buckets)
    return found


@given(
    st.lists(TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")) | BYTES, max_size=6),
    st.integers(1, 4),
    st.integers(0, 7),
    st.sampled_from([1, 7, 2_000_000, 2**31 - 1]),
)
@example([b"", b"</s>", b"\x80\x80\xc3", b"<>", b"a" * 200], 1, 6, 2_000_000)
def test_ngrams_are_those_of_an_obvious_loop(words, shortest, longest, buckets):
    numbers, counts = ngram_buckets(words, shortest, longest, buckets)
    expected = [slow_buckets(word, shortest, longest, buckets) for word in words]
    assert counts.tolist() == list(map(len, expected))
    assert numbers.tolist() == [number for own in expected for number in own]


def random_ngrams(lowercase: bool = False) -> FrozenNgrams:
    ngrams = Ngrams(2, 4, 60, lowercase, tuple(range(0, 60, 2)))
    return FrozenNgrams(ngrams, *quantize_rows(np.random.default_rng(0).normal(size=(30, 5))))


@given(st.lists(TEXTS | st.just("long" * 99), max_size=8), st.booleans())
@example(["\ud800", "x" * 5000, "", "É", "</s>"], True)
def test_composed_vectors_are_means_and_do_not_depend_on_the_other_forms(forms, lowercase):
    frozen = random_ngrams(lowercase)
    rows, scales = frozen.vectors(forms)
    table = frozen.rows * frozen.scales
    has = frozen.ngrams.have(forms)
    for number, form in enumerate(forms):
        word = (form[:LONGEST_WORD].lower() if lowercase else form[:LONGEST_WORD]).encode("utf-8", "surrogatepass")
        buckets = slow_buckets(word, 2, 4, 60)
        known = [bucket // 2 for bucket in buckets if bucket % 2 == 0]
        assert has[number] == bool(known)
        expected = table[known].astype(float).sum(axis=0) / max(len(buckets), 1)
        np.testing.assert_allclose(rows[number] * scales[number], expected, atol=np.abs(expected).max() / 200)
        alone = frozen.vectors([form])
        np.testing.assert_array_equal(alone[0][0], rows[number])
        np.testing.assert_array_equal(alone[1][0], scales[number])


@pytest.mark.parametrize("counts", [[], [0], [0, 3, 0], [PIECE, 1, PIECE + 1, 0, 3 * PIECE], [1] * 1200, [40_000, 2]])
def test_sums_of_rows_are_plain_sums(counts):
    rng = np.random.default_rng(0)
    table = rng.integers(-9, 9, (50, 300)).astype(np.float32)
    rows = rng.integers(0, 50, sum(counts))
    most = []
    sums = sums_of_rows(lambda some: most.append(len(some)) or table[some], rows, np.array(counts, np.int64), 300)
    ends = np.cumsum(counts, dtype=np.int64)
    expected = [table[rows[end - count : end]].sum(axis=0) for end, count in zip(ends, counts, strict=True)]
    np.testing.assert_array_equal(sums, np.array(expected).reshape(-1, 300))
    assert 300 * max(most, default=0) <= MOST_NUMBERS


def test_a_file_of_many_words_is_read_block_by_block(tmp_path, monkeypatch):
    path = written(tmp_path, fasttext_file([b"w%d" % n for n in range(40)], np.tile(MATRIX[:5], (16, 1)), buckets=40))
    expected = [load_vectors(path).matrix, *frozen_parts(frozen_vectors(path))]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    for module_ in ("fasttext", "frozen_vectors", "ngrams"):
        monkeypatch.setattr(f"tagsmith.model.{module_}.BLOCK", 7)
    for own, other in zip([load_vectors(path).matrix, *frozen_parts(frozen_vectors(path))], expected, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6)


def frozen_parts(frozen: FrozenVectors) -> list[np.ndarray]:
    more = frozen.with_forms([f"x{n}" for n in range(30)])
    return [more.rows, more.scales, frozen.subwords.rows, frozen.subwords.ngrams.have([f"y{n}" for n in range(30)])]


# --------------------------------------------------------------------------------------------- what is kept


def test_only_trained_ngrams_are_kept(tmp_path):
    """Rows that no word uses, with numbers within ±1/d, are those that fastText began with."""
    matrix = MATRIX.copy()
    used = set(ngram_buckets(WORDS, 3, 6, 20)[0].tolist())
    unused = sorted(set(range(20)) - used)
    assert len(unused) > 2
    matrix[3:][unused] = np.linspace(-0.25, 0.25, 4)
    matrix[3 + unused[1], 2] = 0.3  # trained with a word that was dropped later
    ngrams = frozen_vectors(written(tmp_path, fasttext_file(WORDS, matrix, buckets=20))).subwords.ngrams
    assert set(ngrams.known) == used | {unused[1]}


@pytest.mark.parametrize(("word", "lowercase"), [(b"the", True), (b"The", False)])
def test_forms_are_lowercased_if_the_dictionary_is(word, lowercase, tmp_path):
    path = written(tmp_path, fasttext_file([word, *WORDS[1:]], MATRIX, buckets=20))
    subwords = frozen_vectors(path).subwords
    assert subwords.ngrams.lowercase == lowercase
    upper, lower = subwords.vectors(["OTHER", "other"])[0]
    assert np.array_equal(upper, lower) == lowercase


def test_words_that_are_twice_empty_or_no_utf_8_are_read_like_those_of_other_files(tmp_path):
    matrix = np.random.default_rng(1).normal(size=(5 + 20, 4))
    words = [b"a", b"", b"a", b"\xff", b"b"]
    path = written(tmp_path, fasttext_file(words, matrix, buckets=20))
    vectors = load_vectors(path)
    assert vectors.words == frozen_vectors(path).words == ("a", "\ufffd", "b")
    own = matrix[[0, *(5 + ngram_buckets([b"a"], 3, 6, 20)[0])]].mean(axis=0)
    np.testing.assert_allclose(vectors.matrix[0], own, rtol=1e-5)


def test_labels_are_no_words(tmp_path):
    matrix = MATRIX[:22]
    content = fasttext_file([b"the", b"of", b"__label__x"], matrix, buckets=20, labels=1, model=3)
    assert load_vectors(written(tmp_path, content)).words == ("the", "of")


def test_old_classifiers_have_no_ngrams_of_characters(tmp_path):
    content = fasttext_file(WORDS, MATRIX, buckets=20, version=11, model=3)
    path = written(tmp_path, content)
    np.testing.assert_array_equal(load_vectors(path).matrix, MATRIX[:3])
    assert frozen_vectors(path).subwords is None
    path.write_bytes(fasttext_file(WORDS, MATRIX, buckets=20, version=11))
    assert frozen_vectors(path).subwords is not None


def test_forms_get_the_vectors_that_tagging_composes():
    frozen = frozen_vectors(SKIPGRAM)
    more = frozen.with_forms(["Reykjavík", "the", "THE", "", "Zürichs", "the"])
    assert more.words == (*frozen.words, "Reykjavík", "Zürichs")
    rows, scales = frozen.subwords.vectors(["Reykjavík", "Zürichs"])
    np.testing.assert_array_equal(more.rows[-2:], rows)
    np.testing.assert_array_equal(more.scales[-2:], scales)
    np.testing.assert_array_equal(more.rows[:-2], frozen.rows)
    assert more.with_forms(["Zürichs"]).words == more.words


def test_the_cache_keeps_ngrams(monkeypatch):
    first = frozen_vectors(SKIPGRAM)
    monkeypatch.setattr(module, "load_fasttext", None)
    second = frozen_vectors(SKIPGRAM)
    assert second.words == first.words
    assert second.subwords.ngrams == first.subwords.ngrams
    np.testing.assert_array_equal(second.subwords.rows, first.subwords.rows)
    np.testing.assert_array_equal(second.subwords.scales, first.subwords.scales)


@pytest.mark.parametrize("part", ["known", "ngram_rows", "ngram_scales"])
def test_a_cached_table_that_lost_an_ngram_is_made_again(part, tmp_path):
    first = frozen_vectors(SKIPGRAM)
    (cached,) = (tmp_path / "cache/tagsmith/vectors").glob("*.npz")
    with np.load(cached) as arrays:
        damaged = {name: arrays[name][:-1] if name == part else arrays[name] for name in arrays}
    np.savez(cached, **damaged)
    again = frozen_vectors(SKIPGRAM).subwords
    assert len(again.ngrams.known) == len(again.rows) == len(again.scales) == len(first.subwords.rows)


# ---------------------------------------------------------------------------------------------- hostile files

VALID = fasttext_file(WORDS, MATRIX, buckets=20)


def with_number(matrix: np.ndarray, place: tuple[int, int], number: float) -> np.ndarray:
    changed = matrix.copy()
    changed[place] = number
    return changed


USED = 3 + int(ngram_buckets([b"the"], 3, 6, 20)[0][0])
BAD = {
    "only the mark": (VALID[:4], "ends within its settings"),
    "cut in the settings": (VALID[:60], "ends within its settings"),
    "cut in a word": (VALID[:94], "ends within its dictionary"),
    "cut after a word": (VALID[:96], "ends within its dictionary"),
    "cut before the matrix": (VALID[: 92 + 3 * 10 + 3 + 5 + 4], "ends within its matrix"),
    "cut in the matrix": (VALID[:-60], "ends within its matrix"),
    "cut after the matrix": (VALID[:-17], "ends within its output matrix"),
    "cut in the last numbers": (SKIPGRAM.read_bytes()[:-1], "ends within its output matrix"),
    "a newer version": (fasttext_file(WORDS, MATRIX, buckets=20, version=13), "version 13"),
    "quantized": (fasttext_file(WORDS, MATRIX, buckets=20, quantized=1), "quantized"),
    "pruned": (fasttext_file(WORDS, MATRIX, buckets=20, pruned=0), "quantized"),
    "a real quantized model": ((FOLDER / "quantized.ftz").read_bytes(), "quantized"),
    "fewer rows than buckets": (fasttext_file(WORDS, MATRIX[:9], buckets=20), "another size"),
    "negative buckets": (fasttext_file(WORDS, MATRIX, buckets=-1), "do not agree"),
    "n-grams of any length": (fasttext_file(WORDS, MATRIX, buckets=20, longest=2**31 - 1), "n-grams of 2,147"),
    "no words": (fasttext_file([], MATRIX, buckets=23), "no words"),
    "no dimensions": (fasttext_file(WORDS, MATRIX[:, :0], buckets=20), "0 dimensions"),
    "a word that never ends": (VALID[:92] + b"x" * 70_000, "longer than 65,536 bytes"),
    "labels before words": (VALID.replace(b"the\0\7\0\0\0\0\0\0\0\0", b"the\0\7\0\0\0\0\0\0\0\1"), "before its labels"),
    "a word's number": (fasttext_file(WORDS, with_number(MATRIX, (0, 1), np.nan), buckets=20), "not finite"),
    "an n-gram's number": (fasttext_file(WORDS, with_number(MATRIX, (USED, 1), np.inf), buckets=20), "not finite"),
    "numbers too large": (fasttext_file(WORDS, np.full_like(MATRIX, 3e38), buckets=20), "not finite"),
    "billions of words": (VALID[:64] + struct.pack("<iii", 2**31 - 1, 2**31 - 1, 0) + VALID[76:], "dictionary"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("read", [load_vectors, frozen_vectors])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_bad_file_is_one_clear_error(case, read, compress, tmp_path):
    content, problem = BAD[case]
    path = written(tmp_path, compress(content))
    tracemalloc.start()
    try:
        with pytest.raises(VectorsError, match=problem) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 40e6  # a block of a compressed file has 4 MB
    finally:
        tracemalloc.stop()
    assert caught.value.path == path
    assert caught.value.remedy


def test_ngrams_out_of_proportion_are_refused(tmp_path):
    matrix = np.zeros_like(MATRIX)
    matrix[sorted(set(range(3, 23)) - set(3 + ngram_buckets(WORDS, 3, 6, 20)[0]))[0]] = 1e30
    with pytest.raises(VectorsError, match="out of all proportion"):
        frozen_vectors(written(tmp_path, fasttext_file(WORDS, matrix, buckets=20)))


@given(st.data())
def test_whatever_is_done_to_a_file_it_is_read_or_refused(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([VALID, (FOLDER / "supervised.bin").read_bytes()])))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(4, 140) | st.integers(4, len(content) - 1))
        match data.draw(st.sampled_from(["byte", "number", "cut", "insert"])):
            case "byte":
                content[place] = data.draw(st.integers(0, 255))
            case "number":
                number = data.draw(st.sampled_from([-1, 0, 1, 2, 2**31 - 1, -(2**31), 0x7FC00000]))
                content[place : place + 4] = struct.pack("<i", number)
            case "cut":
                del content[place : place + data.draw(st.integers(1, 50))]
            case "insert":
                content[place:place] = data.draw(st.binary(min_size=1, max_size=9))
        if len(content) < 150:
            break
    path = tmp_path_factory.getbasetemp() / "mutated.bin"
    path.write_bytes(content)
    for read in (load_vectors, frozen_vectors):
        try:
            read(path)
        except VectorsError as error:
            assert error.path == path  # noqa: PT017


STRANGE_NGRAMS = [
    {"shortest": 0}, {"shortest": 5}, {"longest": 33}, {"longest": True}, {"buckets": 0}, {"buckets": 2**31},
    {"buckets": 1.0}, {"lowercase": 1}, {"known": []}, {"known": [1, 1]}, {"known": [2, 1]}, {"known": [-1]},
    {"known": [50]}, {"known": [True]}, {"known": [10**400]}, {"known": "12"}, {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("change", STRANGE_NGRAMS)
def test_ngrams_of_a_model_folder_are_checked(change):
    values = {"shortest": 2, "longest": 4, "buckets": 50, "lowercase": False, "known": [0, 7, 49]}
    assert ngrams_from_dict(values).as_dict() == {**values, "known": (0, 7, 49)}
    with pytest.raises(ValueError, match="n-grams"):
        ngrams_from_dict({**values, **change})
