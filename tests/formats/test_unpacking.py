"""Compressed files are read as what is in them, within bounds; files in other encodings say which."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pyarrow
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import detect_format, unpacking
from tagsmith.formats.encodings import guess_encoding, wide_encoding

CONLL = "Zoë B-PER\nleft O\n\nRome B-LOC\n"
JSONL = '{"text": "Zoë left", "label": [[0, 3, "PER"]]}\n'


def zstd(content: bytes) -> bytes:
    """Two frames, as programs that pack a block at a time write them."""
    frames = []
    for part in (content[: len(content) // 2], content[len(content) // 2 :]):
        sink = pyarrow.BufferOutputStream()
        with pyarrow.CompressedOutputStream(sink, "zstd") as packed:
            packed.write(part)
        frames.append(sink.getvalue().to_pybytes())
    return b"".join(frames)


PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


@pytest.mark.parametrize("kind", PACK)
def test_compressed_files_are_read(file, kind: str):
    for content, name, expected in (
        (CONLL, f"a.conll.{kind}", "conll"),
        (CONLL, "a.conll", "conll"),
        (JSONL, f"a.jsonl.{kind}", "jsonl"),
        (JSONL, f"a.{kind}", "jsonl"),
        ("\ufeff" + JSONL, f"a.txt.{kind}", "jsonl"),
    ):
        path = file(PACK[kind](content.encode()), name)
        assert detect_format(path) == expected
        assert read_sentences(path)[0].words == ("Zoë", "left")


@pytest.mark.parametrize("kind", PACK)
def test_compressed_standard_input_is_read(monkeypatch, kind: str):
    packed = PACK[kind](CONLL.encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(packed)), encoding="utf-8"))
    assert len(read_sentences("-")) == 2
    assert not sys.stdin.closed


@pytest.mark.parametrize("kind", PACK)
def test_damaged_files_are_one_clear_error(file, kind: str):
    whole = PACK[kind](("".join(f"w{number} O\n" for number in range(3000))).encode())
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 255
    for content in (whole[: len(whole) // 2 + 9], *([] if kind == "zst" else [bytes(changed)])):  # it has no checksum
        with pytest.raises(DataError, match="data are damaged or cut off") as caught:
            read_sentences(file(content, f"a.conll.{kind}"))
        assert caught.value.remedy


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40), st.sampled_from(sorted(PACK)))
@example(b"", "gz")
@example(b"BZh1", "bz2")
def test_any_bytes_after_a_beginning_are_an_error_or_text(tmp_path: Path, tail: bytes, kind: str):
    path = tmp_path / "x"
    path.write_bytes(PACK[kind](b"a O\n")[:10] + tail)
    with suppress(DataError):
        read_sentences(path)


@pytest.mark.parametrize("kind", PACK)
def test_a_bomb_is_refused_before_it_is_unpacked(file, monkeypatch, kind: str):
    monkeypatch.setattr(unpacking, "FREE_BYTES", 1 << 20)
    bomb = PACK[kind](b"a O\n" * (1 << 22))
    with pytest.raises(DataError, match=r"unpack to more than 50 times their size.*Unpack the file yourself"):
        read_sentences(file(bomb, "a.conll"))
    few_lines = PACK[kind](b"a O\n" * 1000)
    assert len(read_sentences(file(few_lines, "a.conll"))[0]) == 1000


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads zstd itself")
def test_what_zstd_needs_is_named(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"compressed with zstd\. Unpack it .*\[arrow\]"):
        read_sentences(file(zstd(CONLL.encode()), "a.conll.zst"))


def test_words_like_a_beginning_are_words(file):
    assert read_sentences(file("BZh9 O\nx O\n"))[0].words == ("BZh9", "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once(tmp_path: Path):
    """As the shell's <(zcat a.gz) gives it."""
    text = "".join(f"w{number} B-X\n\n" for number in range(20_000))
    for use in (
        lambda pipe: len(read_sentences(pipe)),
        lambda pipe: convert(pipe, tmp_path / "out.conll").sentences,
    ):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
        writer.start()
        assert use(pipe) == 20_000
        writer.join(20)
        assert not writer.is_alive()
        pipe.unlink()


# ---------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["a.conll", "a.txt.gz"])
def test_wide_encodings_are_named(file, encoding: str, name: str):
    data = CONLL.encode(encoding)
    path = file(gzip.compress(data) if name.endswith(".gz") else data, name)
    with pytest.raises(DataError, match=r"not utf-8 text.*byte offset 0") as caught:
        read_sentences(path)
    named = wide_encoding(data)[0]
    assert (caught.value.line, f"--encoding {named}" in caught.value.remedy) == (1, True)
    assert f"iconv -f {named} -t utf-8" in caught.value.remedy
    assert read_sentences(path, encoding=named)[0].words == ("Zoë", "left")


@pytest.mark.parametrize(
    ("text", "encoding", "word"),
    [
        ("Müller B-PER\n", "latin-1", "Müller"),
        ("a O\n“Zoë” B-PER\n", "cp1252", "“Zoë”"),
        ("x O\n" * 5000 + "Größe O\n", "latin-1", "Größe"),
        ("Müller O\nŒuvre O\n", "cp1252", "Müller"),
        ("Müller O\n", "cp850", "Müller"),
    ],
)
def test_an_8_bit_encoding_is_guessed_and_shown(file, text: str, encoding: str, word: str):
    data = text.encode(encoding)
    offset = next(place for place, byte in enumerate(data) if byte > 127)
    for path in (file(data), file(gzip.compress(data), "a.conll.gz")):
        with pytest.raises(DataError) as caught:
            read_sentences(path)
        error = caught.value
        assert f"The byte 0x{data[offset]:02x} (byte offset {offset}) is not utf-8 text." in error.problem
        assert f"In {encoding} the word there is {word!r}" in error.problem
        assert f"--encoding {encoding}, or convert it: iconv -f {encoding} -t utf-8 {path}" in error.remedy
        assert error.line == data[:offset].count(b"\n") + 1
        assert read_sentences(path, encoding=encoding)


@pytest.mark.parametrize(
    ("text", "encoding"), [("Москва B-LOC\nгород O\n", "cp1251"), ("北京 B-LOC\n很大 O\n", "gb18030")]
)
def test_other_scripts_are_not_taken_for_latin_letters(file, text: str, encoding: str):
    assert guess_encoding(text.encode(encoding)) is None
    with pytest.raises(DataError, match=f"--encoding, such as .*{encoding}"):
        read_sentences(file(text.encode(encoding)))


def test_a_file_cut_off_or_damaged_is_said_to_be(file):
    with pytest.raises(DataError, match="ends in the middle of a character"):
        read_sentences(file("a O\nZoë".encode()[:-1]))
    with pytest.raises(DataError, match=r":2: .*The text before it is utf-8"):
        read_sentences(file("Zoë O\n".encode() + b"J\xf6rg O\n"))


def test_an_encoding_that_is_no_text_encoding(file):
    with pytest.raises(DataError, match="no encoding 'base64'"):
        read_sentences(file("a O\n"), encoding="base64")


def test_a_file_of_a_byte_order_mark_alone_is_empty(file):
    for name in ("a.conll", "a.txt", "a.jsonl", "a.csv", "a.conllu"):
        with pytest.raises(DataError, match="holds no"):
            read_sentences(file(b"\xef\xbb\xbf", name))
