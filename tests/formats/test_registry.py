"""A new file format is one new module: everything that reads or writes files sees it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagsmith import formats
from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, detect_format, find_formats, format_by_suffix, format_named

MODULE = '''
"""Slashes: a sentence a line, its words with a slash and a tag."""

from tagsmith.formats.format import Format
from tagsmith.formats.source import open_source
from tagsmith.text.document import DEFAULT_LAYER, Document, sentence_from_words


def read(source, options):
    with open_source(source, options.encoding) as stream:
        for number, line in enumerate(stream, 1):
            words, _, tags = zip(*(pair.rpartition("/") for pair in line.split()))
            yield Document(" ".join(words), (sentence_from_words(words, {DEFAULT_LAYER: tags}, line=number),))


def write(documents, stream, options):
    for document in documents:
        for sentence in document.sentences:
            pairs = zip(sentence.words, sentence.layers[options.layer], strict=True)
            stream.write(" ".join(f"{word}/{tag}" for word, tag in pairs) + "\\n")


FORMAT = Format("slashes", read, write, suffixes=(".slashes",), begins=lambda text: "/O " in text)
'''
TEXT = "Ann/B-PER left/O Rome/B-LOC\nBob/B-PER stayed/O\n"


@pytest.fixture
def slashes(tmp_path: Path, monkeypatch) -> Iterator[None]:
    """Add the format's module to the package."""
    folder = tmp_path / "formats"
    folder.mkdir()
    (folder / "slashes.py").write_text(MODULE, "utf-8")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(folder)])
    monkeypatch.setitem(FORMATS, "slashes", find_formats()["slashes"])
    yield
    del sys.modules["tagsmith.formats.slashes"], formats.slashes


def test_formats_are_found_in_alphabetical_order(slashes):
    found = list(find_formats())
    assert found == sorted(found)
    assert {"brat", "conll", "conllu", "csv", "inline", "jsonl", "parallel", "slashes"} <= set(found)


def test_a_suffix_and_a_beginning_mean_one_format():
    suffixes = [suffix for format in FORMATS.values() for suffix in format.suffixes]
    assert len(suffixes) == len(set(suffixes))
    beginnings = (
        "1\ta\t_\tNOUN\tNN\t_\t0\troot\t_\t_\n",
        "# sentence of two words\n1\ta\t_\tNOUN\tNN\t_\t0\troot\t_\t_\n",
        "Sentence #,Word,Tag\n1,a,O\n",
        '{"sentence": 1, "words": []}\n',
        "Ann\tB-PER\n",
    )
    claims = [
        [name for name, format in FORMATS.items() if format.begins and format.begins(text)] for text in beginnings
    ]
    assert claims[0] == ["conllu"]
    assert claims[1][0] == "conllu"
    assert claims[2:] == [["csv"], ["jsonl"], []]


def test_a_new_format_is_detected_and_read(slashes, file):
    assert format_by_suffix("x.SLASHES") == detect_format(file("", "x.slashes")) == "slashes"
    assert detect_format(file(TEXT, "x")) == "slashes"
    assert [sentence.words for sentence in read_sentences(file(TEXT, "x"))] == [
        ("Ann", "left", "Rome"),
        ("Bob", "stayed"),
    ]


def test_a_new_format_is_converted(slashes, file, tmp_path):
    convert(file(TEXT, "x.slashes"), tmp_path / "x.conll")
    assert (tmp_path / "x.conll").read_text("utf-8") == "Ann\tB-PER\nleft\tO\nRome\tB-LOC\n\nBob\tB-PER\nstayed\tO\n\n"
    convert(tmp_path / "x.conll", tmp_path / "back", target_format="slashes")
    assert (tmp_path / "back").read_text("utf-8") == TEXT


def test_an_unknown_format_lists_the_new_one(slashes):
    with pytest.raises(DataError, match="no format 'slash'") as caught:
        format_named("slash")
    assert caught.value.remedy == f"Choose one of {', '.join(FORMATS)}."
