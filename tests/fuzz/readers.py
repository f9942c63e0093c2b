"""What is fuzzed: every reader of files that users give, as a function of the file's path.

Each ends with a result or with a :class:`~tagsmith.errors.TagsmithError`. Any other exception is a bug. So is a
document whose offsets do not fit its text, and one on which a writer ends in another way.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tagsmith.corpus.convert import write_documents
from tagsmith.corpus.sources import read_documents
from tagsmith.errors import TagsmithError
from tagsmith.formats import FORMATS, check_running_text, detect_format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.running_text import TEXT_READERS
from tagsmith.formats.source import open_source
from tagsmith.labeling.labeled_file import format_of
from tagsmith.model.vectors import load_vectors
from tagsmith.scores.scores import conlleval_report
from tagsmith.text.document import Document, document_from_sentences, sentence_from_words
from tagsmith.training.recipe import Recipe, read_recipe
from tagsmith.tuning.space import choose_space

Reader = Callable[[Path], object]

_SAMPLE = [
    document_from_sentences(
        [
            sentence_from_words(
                ["John", "Smith", "lives", "in", "Bonn", "."], {"tags": ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]}
            ),
            sentence_from_words(["#", "日本", "é", '"'], {"tags": ["O", "B-LOC", "O", "O"]}),
        ]
    )
]
_CONLLU = (
    "# newdoc\n# text = Don't go.\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tDo\tdo\tAUX\tVBP\tMood=Imp\t3\taux\t_\t"
    "NE=B-X\n"
    "2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_\n"
    "2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No\n"
    "4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_\n\n"
)
_JSON = (
    {"text": "John 👩 lives", "label": [[0, 4, "PER"], [7, 12, "X"]]},
    {"text": "John lives", "entities": [{"start_offset": 0, "end_offset": 4, "label": "PER", "text": "John"}]},
    {
        "text": "a b",
        "tokens": [{"text": "a", "start": 0, "end": 1}, {"start": 2, "end": 3}],
        "spans": [],
        "sentences": [[0, 3]],
    },
    {"data": {"text": "a b"}, "annotations": [{"result": [{"value": {"start": 0, "end": 1, "labels": ["A"]}}]}]},
    {"tokens": ["a", "b"], "tags": ["O", "B-X"], "layers": {"tags": ["A", "B"]}},
)
SEEDS: dict[str, list[bytes]] = {
    "format": [
        b"Ann/NNP lives/VBZ in/IN Rome/NNP\n",
        b"Good food.####Good=O food=T-POS .=O\n",
        b"<PER>Ann Lee</PER> left [LOC Oslo ] .\n",
        b"T1\tcell 20 23;25 30\ta b c\nR1\tpart-of Arg1:T1\n",
        b"<!DOCTYPE html>\n<html>",
        b"Sentence #,Word\n1,Ann\n",
    ],
    "text": ["John's 5 p.m. \u2018U.S.\u2019 日本。 👩\u200d👩\n\n- a\n".encode()],
    "inline": [b"Ann/NNP lives/VBZ in/IN Rome/NNP\n", b"Good food.####Good=O food=T-POS .=O\n"],
    "brat": [b"T1\tPER 0 7\tAnn Lee\nT2\tLOC 13 17;19 20\tRome x\nR1\tin Arg1:T1 Arg2:T2\n#1\tNote T1\tsure\n"],
    "parallel": [b"Ann lives here\nYes\n"],
    "conll": [b"-DOCSTART- O\n\nJohn NNP B-PER\nlives VBZ O\n\n# id = 1\n# O O\n", b"1\ta\tO\n2\tb\tB-X\n\n1\tc\tO\n"],
    "conllu": [_CONLLU.encode(), _CONLLU.replace("# text", "# txt").encode()],
    "csv": [b'Sentence #,Word,POS,Tag\nSentence: 1,"a ""b""",NN,B-X\n,c,NN,O\n', b"sentence;word;tag\n1;a;O\n2;b;O\n"],
    "jsonl": [
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in _JSON).encode(),
        json.dumps(_JSON, indent=1).encode(),
    ],
    "vectors": [
        b"the 0.1 0.2 -3e-2\n. . 1 2 3\nof 1 2 3\n",
        b"2 3\nthe 0.1 0.2 0.3\nof 1 2 3\n",
        b"2 2\nthe \x00\x00\x80?\x00\x00\x00@\nof \x00\x00\x00@\x00\x00\x80?\n",
    ],
    "recipe": [b'preset = "fast"\nunits = 100\nlearning_rate = 1e-3\ncharacters = "lstm"\nbidirectional = true\n'],
    "space": [
        b"units = [100, 200]\nlearning_rate = {low = 0.001, high = 0.01, log = true}\nlayers = {low = 1, high = 3}\n"
    ],
    "score": [b"John NNP B-PER B-PER\nlives VBZ O I-X\n\n-X- O O\na O E-X\n"],
}


# Formats of two files: the ending of the one that is tried, that of the other, and what is in the other.
BESIDE = {
    "brat": (".ann", ".txt", "Ann Lee left Rome. \u65e5\u672c\u3002\r\nShe went.".encode()),
    "parallel": (".in", ".out", b"B-PER O O\nO\n"),
}


def read_and_write(name: str, path: Path) -> None:
    """Read a file with and without labels, and write what was read in every format."""
    format = FORMATS[name]
    readings = (
        lambda: read_documents(path, format=name),
        lambda: read_documents(path, format=name, layer="upos", labels_required=False),
        lambda: format.read_for_tagging(path, ReadOptions(alignment="skip")),
    )
    for reading in readings:
        documents: list[Document] = []
        with suppress(TagsmithError):
            documents = list(reading())
        for document in documents:
            for sentence in document.sentences:
                for word, start in zip(sentence.words, sentence.starts, strict=True):
                    assert word
                    assert document.text.startswith(word, start) or name == "conllu"
        for other in FORMATS.values():
            with suppress(TagsmithError):
                if other.write:
                    other.write(documents, io.StringIO(), WriteOptions())
                elif other.write_bytes:
                    for as_texts in (False, True):
                        other.write_bytes(documents, io.BytesIO(), WriteOptions(as_texts=as_texts))
                elif documents:
                    shutil.rmtree(path.parent / "written", ignore_errors=True)
                    write_documents(other, documents, path.parent / "written", WriteOptions())


def read_score(path: Path) -> str:
    """Do what ``tagsmith score`` does."""
    with open_source(path) as lines:
        return conlleval_report(lines, path=path)


def find_format(path: Path) -> None:
    """Find out what is in a file, as reading, tagging and the labeling page do."""
    format_of("", path.read_text("utf-8", "replace"))
    for find in (detect_format, check_running_text):
        with suppress(TagsmithError):
            find(path)


READERS: dict[str, Reader] = {
    **{name: partial(read_and_write, name) for name in FORMATS},
    "format": find_format,
    "text": lambda path: [list(read(path, ReadOptions())) for read in TEXT_READERS.values()],
    "vectors": load_vectors,
    "recipe": read_recipe,
    "space": lambda path: choose_space(path, Recipe()),
    "score": read_score,
}


def seeds(name: str) -> list[bytes]:
    """Return good files to begin with; for a format without any, what its writer makes of a sample."""
    if name in SEEDS:
        return SEEDS[name]
    if write := FORMATS[name].write_bytes:
        data = io.BytesIO()
        write(_SAMPLE, data, WriteOptions())
        return [data.getvalue()]
    stream = io.StringIO()
    with suppress(TagsmithError):
        FORMATS[name].write(_SAMPLE, stream, WriteOptions())
    return [stream.getvalue().encode()]


def check(name: str, content: bytes, folder: Path) -> None:
    """Let a reader read a file of this content; anything but a result or a ``TagsmithError`` is raised."""
    ending, other, beside = BESIDE.get(name, ("", "", b""))
    path = folder / f"file{ending}"
    path.write_bytes(content)
    if other:
        path.with_suffix(other).write_bytes(beside)
    with suppress(TagsmithError):
        READERS[name](path)
