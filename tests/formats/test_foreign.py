"""Formats that are not read: recognized by content and name, refused with a remedy, and open to a reader."""

from __future__ import annotations

import io
import json
import pickle
import sqlite3
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, check_running_text, detect_format, format_to_write
from tagsmith.formats.foreign import FOREIGN
from tagsmith.formats.format import Format

BRAT = "T1\tprotein 0 13\tII estrogens\nT2\tcell 20 23;25 30\ta b c\nR1\tpart-of Arg1:T1 Arg2:T2\n#1\tNote T1\tsure\n"


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return data.getvalue()


def tarred() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.conll"))
    return data.getvalue()


def database(tmp_path: Path) -> bytes:
    path = tmp_path / "made.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (a)")
    connection.close()
    return path.read_bytes()


READ = {
    "spacy": zlib.compress(b"\x84\xa7version" * 20),
    "parquet": b"PAR1\x15\x04\x15",
    "arrow": b"\xff\xff\xff\xff\x10\x02\x00\x00",
    "arrow file": b"ARROW1\x00\x00",
}
BINARY = {
    "feather": b"FEA1\x00\x00",
    "xlsx": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "docx": zipped("[Content_Types].xml", "word/document.xml"),
    "zip": zipped("a.conll"),
    "tar": tarred(),
    "pdf": b"%PDF-1.7\n%\xe2\xe3\n",
    "fasttext": b"\xba\x16\x4f\x2f\x0c\x00\x00\x00" + bytes(60),
    "pickle": pickle.dumps([("Ann", "B-PER")]),
    "old pickle": pickle.dumps({"a": 1}, protocol=2),
    "png": b"\x89PNG\r\n\x1a\n\x00\x00",
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "old word": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
}
SEEMS = {
    "feather": "a Feather file of version 1",
    "xlsx": "a spreadsheet",
    "docx": "a word processor's document",
    "zip": "a zip archive",
    "tar": "a tar archive",
    "pdf": "a PDF document",
    "fasttext": "a fastText model",
    "pickle": "a Python pickle",
    "old pickle": "a Python pickle",
    "png": "an image",
    "jpeg": "an image",
    "old word": "a word processor's document",
}


@pytest.mark.parametrize("name", ["data", "data.conll", "data.jsonl", "data.txt"])
@pytest.mark.parametrize("kind", BINARY)
def test_binary_files_are_recognized_under_any_name(file, kind: str, name: str):
    path = file(BINARY[kind], name)
    for read in (lambda: read_sentences(path), lambda: read_sentences(path, format="conll")):
        with pytest.raises(DataError, match=f"This seems to be {SEEMS[kind]}") as caught:
            read()
        assert (caught.value.path, bool(caught.value.remedy)) == (str(path), True)
    with pytest.raises(DataError, match=SEEMS[kind]):
        check_running_text(path)


@pytest.mark.parametrize("name", ["data", "data.conll", "data.jsonl", "data.txt"])
@pytest.mark.parametrize("kind", READ)
def test_binary_formats_are_found_under_any_name_and_are_no_text(file, kind: str, name: str):
    path = file(READ[kind], name)
    format = kind.partition(" ")[0]
    assert detect_format(path) == format
    with pytest.raises(DataError, match=f"not text. Name its format, {format}"):
        read_sentences(path, format="conll")
    with pytest.raises(DataError, match="not text"):
        check_running_text(path)


def test_a_database_and_other_bytes_are_no_text(file, tmp_path: Path):
    with pytest.raises(DataError, match="an SQLite database"):
        read_sentences(file(database(tmp_path), "x"))
    with pytest.raises(DataError, match="a binary file"):
        read_sentences(file(b"\x7fELF\x02\x01\x01" + bytes(60) + b"abc", "x"))


TEXTS = [
    ("a.txt", "[PER Ann Lee ] left [LOC Rome ] .\nShe left [LOC Oslo ] .\n", "[PER Ann]"),
    ("a.txt", "[Ann](PER) left [Rome](LOC)\n[Bob](PER) left [Oslo](LOC)\n", "[PER Ann]"),
    ("a.html", "Ann O\n", "a web page"),
    ("a.conll", "<!DOCTYPE html>\n<html><body>404 Not found</body></html>\n", "a web page"),
    ("a.jsonl", "<html>\n<head>", "a web page"),
    ("a", '<?xml version="1.0"?>\n<doc/>', "an XML document"),
    ("train.conll", "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "Git LFS"),
    ("a.txt", "<PER>Ann Lee</PER> lives in <LOC>Rome</LOC>.\nShe left <LOC>Oslo</LOC>.\n", "labels among the words"),
]


@pytest.mark.parametrize(("name", "content", "seems"), TEXTS)
def test_text_files_are_recognized(file, name: str, content: str, seems: str):
    path = file(content, name)
    with pytest.raises(DataError, match="This seems to be") as caught:
        read_sentences(path)
    assert seems in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        "<html> O\n<b>x</b> B-CODE\n",
        "<html>\tO\n<?xml\tO\n\nT1\tB-X\n",
        "T1\tO\nT2\tO\n",
        "and/or CC\nhe/she PRP\n",
        "version O\nhttps://git-lfs.github.com/spec/v1 O\n",
        "%PDF-1.7 O\n",
    ],
)
def test_words_that_look_like_a_format_stay_words(file, content: str):
    assert detect_format(file(content.replace("%PDF", " %PDF"), "a.txt")) == "conll"
    assert read_sentences(file(content.replace("%PDF", "# x\n%PDF"), "a.conll"))


def test_the_format_that_is_named_is_read(file):
    text = "Ann B-PER\nleft O\n"
    assert len(read_sentences(file(text, "a.html"), format="conll")) == 1
    with pytest.raises(DataError, match="name its format, such as conll"):
        read_sentences(file(text, "a.html"))


def test_standard_input_is_recognized_too(monkeypatch):
    def feed(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)), encoding="utf-8"))

    feed(BRAT.encode())
    with pytest.raises(DataError, match="<stdin>: brat's annotation is two files"):
        read_sentences("-")
    feed(READ["parquet"])
    with pytest.raises(DataError, match="<stdin>: This Parquet file cannot be read"):
        read_sentences("-")
    feed(b'{"text": "Ann left", "label": [[0, 3, "PER"]]}\n')
    assert read_sentences("-")[0].layers["tags"] == ("B-PER", "O")
    assert read_sentences(io.StringIO('{"text": "Ann left", "label": [[0, 3, "PER"]]}\n'))[0].words == ("Ann", "left")


def test_a_reader_takes_a_format_over(file, monkeypatch):
    """A module whose FORMAT has the name of a row is found by the row's suffixes and beginnings."""
    read = FORMATS["conll"].read
    for name in ("brat", "numpy"):
        monkeypatch.setitem(FORMATS, name, Format(name, read, FORMATS["conll"].write, suffixes=()))
    assert detect_format(file(BRAT, "a.ann")) == detect_format(file(BRAT, "a")) == "brat"
    numbers = b"\x93NUMPY\x01\x00"
    assert detect_format(file(numbers, "a")) == detect_format(file(numbers, "a.conll")) == "numpy"


def test_each_foreign_format_says_what_to_do():
    suffixes = [suffix for foreign in FOREIGN for suffix in foreign.suffixes]
    assert len(suffixes) == len(set(suffixes))
    for foreign in FOREIGN:
        format = FORMATS.get(foreign.name)
        assert set(foreign.suffixes) <= set(format.suffixes if format else foreign.suffixes)
        assert foreign.is_read <= (format is not None)
        assert foreign.suffixes or foreign.magic or foreign.begins
        assert str(foreign.error("x")).endswith("If it is not, name its format, such as conll.")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("out.avro", "does not write an Avro file"),
        ("out.json", "stands for one JSON value, but tagsmith writes JSON lines"),
        ("out.h5", "does not write an HDF5 file"),
        ("out.txt", "does not say which format to write"),
        ("out.tsv", "does not say which format to write"),
        ("out.csv.gz", "does not compress what it writes"),
    ],
)
def test_an_output_is_in_the_format_that_its_suffix_names(target: str, message: str):
    with pytest.raises(DataError, match=message) as caught:
        format_to_write(target, "auto", otherwise="conll", option="--to")
    assert ".conllu" in caught.value.remedy
    assert f"--to: {', '.join(FORMATS)}" in caught.value.remedy
    assert format_to_write(target, "jsonl", otherwise="conll", option="--to").name == "jsonl"
    for name, expected in (("out.CSV", "csv"), ("a.b/out", "conllu"), ("-", "conllu"), ("x.ndjson", "jsonl")):
        assert format_to_write(name, "auto", otherwise="conllu", option="--to").name == expected


def test_what_seems_to_be_labeled_is_not_tagged_as_text(file):
    for name, content, expected in (
        ("a.txt", "Ann\tB-PER\nleft\tO\n.\tO\n", "conll"),
        ("a.txt", json.dumps({"text": "Ann left."}) + "\n", "jsonl"),
        ("a.md", "Sentence #,Word,Tag\n1,Ann,B-PER\n", "csv"),
        ("a.txt", BRAT, "brat"),
    ):
        with pytest.raises(DataError, match=f"seems to be {expected}, not running text.*--input-format {expected}"):
            check_running_text(file(content, name))
    for content in ("", "Ann left.\n", "<b>Ann</b> left.\n<b>She</b> went.\n", "I O\nyou O\n", "O B-1\n\nI am\n"):
        check_running_text(file(content, "a.txt"))
    with pytest.raises(DataError, match=r"a web page.*--input-format text"):
        check_running_text(file("<!doctype html>\n", "a"))
