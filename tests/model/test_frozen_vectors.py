"""The frozen table, and that the cache of it never gives anything but what the file holds now."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tagsmith.errors import VectorsError
from tagsmith.model import frozen_vectors as module
from tagsmith.model.frozen_vectors import FrozenVectors, frozen_vectors
from tagsmith.model.vectors import load_vectors

ROWS = "the 0.1 -0.2 0.3\nof 0.3 0.4 0.5\nZürich -1 2 0\n"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of vectors, and an empty cache beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "vectors.txt"
    path.write_text(ROWS, "utf-8")
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The sources that load_vectors read."""
    sources: list[object] = []
    monkeypatch.setattr(module, "load_vectors", lambda source: sources.append(source) or load_vectors(source))
    return sources


def kept(path: Path) -> list[Path]:
    return sorted((path.parent / "cache" / "tagsmith" / "vectors").glob("*"))


def assert_same(a: FrozenVectors, b: FrozenVectors) -> None:
    assert a.words == b.words
    for one, other in ((a.rows, b.rows), (a.scales, b.scales)):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_rows_are_the_vectors_with_a_deviation_of_one_behind_a_row_of_zeros(path):
    vectors, matrix = frozen_vectors(path), load_vectors(path).matrix
    assert vectors.words == ("the", "of", "Zürich")
    table = vectors.rows * vectors.scales
    assert not table[0].any()
    np.testing.assert_allclose(table[1:], matrix / matrix.std(), atol=0.02)


def test_a_file_is_read_once(path, reads):
    first = frozen_vectors(path)
    assert_same(frozen_vectors(str(path)), first)
    assert_same(frozen_vectors(load_vectors(path)), first)
    assert len(reads) == 1
    assert len(kept(path)) == 1


def test_a_changed_file_is_read_anew(path, reads):
    frozen_vectors(path)
    before = path.stat()
    path.write_text(ROWS.replace("Zürich", "Zurich!"), "utf-8")  # of the same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert frozen_vectors(path).words[-1] == "Zurich!"
    assert len(reads) == 2


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: whole[:-40], lambda whole: b"x" * len(whole)])
def test_what_an_accident_left_of_a_kept_file_is_made_anew(path, reads, damage):
    first = frozen_vectors(path)
    (file,) = kept(path)
    file.write_bytes(damage(file.read_bytes()))
    assert_same(frozen_vectors(path), first)
    assert_same(frozen_vectors(path), first)
    assert len(reads) == 2


@pytest.mark.parametrize("failing", ["mkdir", "replace"])
def test_a_cache_that_cannot_be_written_is_done_without(path, reads, monkeypatch, failing):
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, failing, fail)
    assert_same(frozen_vectors(path), frozen_vectors(path))
    assert len(reads) == 2
    assert kept(path) == []


def test_only_the_last_files_are_kept(path):
    for number in range(module.MOST_KEPT + 2):
        other = path.with_name(f"{number}.txt")
        other.write_text(ROWS, "utf-8")
        frozen_vectors(other)
    assert len(kept(path)) == module.MOST_KEPT


def test_errors_are_those_of_reading(path):
    with pytest.raises(VectorsError, match="no such file"):
        frozen_vectors(path.with_name("missing.txt"))
    path.write_text("the 0.1 0.2\nof 0.3\n", "utf-8")
    with pytest.raises(VectorsError, match=r"line 2|:2"):
        frozen_vectors(path)
    assert kept(path) == []


def test_words_with_line_feeds_are_not_kept(path, reads):
    rows = b"2 2\n" + b"a\nb " + np.float32([1, 2]).tobytes() + b"\nof " + np.float32([3, 4]).tobytes() + b"\n"
    path.write_bytes(rows)
    assert frozen_vectors(path).words == frozen_vectors(path).words == ("a\nb", "of")
    assert len(reads) == 2
