"""The corpora of the benchmarks, found through ``TAGSMITH_DATA`` and ``TAGSMITH_VECTORS``.

Some have no split. These are rewritten as CoNLL or JSONL files in a temporary folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tagsmith


@dataclass(frozen=True)
class Files:
    """The files of a corpus, its reading options, and whether the pretrained vectors fit its language."""

    train: Path
    dev: Path
    test: Path
    options: dict[str, Any] = field(default_factory=dict)
    vectors: bool = True


PARTS = {"train": range(8), "dev": (8,), "test": (9,)}  # of ten sentences, texts or templates


def corpora(folder: Path) -> dict[str, Files]:
    """Return the corpora by name; ``folder`` is for the rewritten files."""
    data = from_environment("TAGSMITH_DATA")
    wnut, ewt, bc5cdr = data / "wnut17", data / "ud_english_ewt", data / "bc5cdr"
    chinese, swedish = data / "uner_chinese_gsdsimp", data / "uner_swedish_talbanken"
    wnut_files = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    parts = ("train", "dev", "test")
    files = {
        "wnut17": _files(wnut / name for name in wnut_files),
        "ud_english_ewt": _files((ewt / f"en_ewt-ud-{part}.conllu" for part in parts), options={"layer": "upos"}),
        "snips": _files(data / "snips" / part / "seq.in" for part in ("train", "valid", "test")),
        "bc5cdr": _files(bc5cdr / f"{part}.tsv" for part in ("train", "devel", "test")),
        "uner_chinese_gsdsimp": _files((chinese / f"zh_gsdsimp-ud-{part}.iob2" for part in parts), vectors=False),
        "uner_swedish_talbanken": _files((swedish / f"sv_talbanken-ud-{part}.iob2" for part in parts), vectors=False),
    }
    files["uner_ewt"] = _files(_uner_ewt(data / "english" / "uner_ewt", folder))
    weibo, uyghur = data / "weibo_zh", data / "ud_uyghur_udt"
    files["weibo_zh"] = _files((weibo / f"weiboNER_2nd_conll.{part}" for part in parts), vectors=False)
    uyghur_files = (uyghur / f"ug_udt-ud-{part}.conllu" for part in parts)
    files["ud_uyghur_udt"] = _files(uyghur_files, options={"layer": "upos"}, vectors=False)
    files["wikigold"] = _files(_wikigold(data / "wikigold" / "wikigold.conll.txt", folder))
    for name in ("laptop14", "rest14"):
        files[f"absa/{name}"] = _files(data / "absa" / name / f"{part}.txt" for part in parts)
    vietnamese, fewnerd, stackoverflow = data / "ud_vietnamese_vtb", data / "fewnerd", data / "stackoverflow_ner"
    vietnamese_files = (vietnamese / f"vi_vtb-ud-{part}.conllu" for part in parts)
    files["ud_vietnamese_vtb"] = _files(vietnamese_files, options={"layer": "upos"}, vectors=False)
    files["fewnerd"] = _files([fewnerd / "dev.txt", *_halves(fewnerd / "test.txt", folder)])
    files["stackoverflow_ner"] = _files((stackoverflow / f"{part}.txt" for part in parts), options={"column": 2})
    files["sec_filings"] = _files(_sec_filings(data / "sec_filings", folder))
    files["presidio_pii"] = _files(_presidio(data / "presidio_pii" / "synth_dataset_v2.json", folder))
    files["jnlpba_brat"] = _files(_brat(data / "jnlpba_brat", folder), options={"alignment": "skip"})
    return files


def _files(paths: Iterable[Path], **more: Any) -> Files:
    train, dev, test = paths
    return Files(train, dev, test, **more)


def vectors() -> Path:
    """Return the pretrained vectors."""
    return from_environment("TAGSMITH_VECTORS") / "glove-6b-100d.txt.gz"


def from_environment(name: str) -> Path:
    """Return the folder that an environment variable names, or stop with a message."""
    value = os.environ.get(name)
    if not value:
        sys.exit(f"Set {name} to the folder that holds the benchmark files.")
    return Path(value)


def _wikigold(path: Path, folder: Path) -> Iterator[Path]:
    """Split the file: of every ten sentences, the ninth goes to dev and the tenth to test."""
    sentences = _columns(path)
    for part, places in PARTS.items():
        chosen = (sentence for number, sentence in enumerate(sentences) if number % 10 in places)
        yield _write(folder / f"wikigold-{part}.conll", chosen)


def _uner_ewt(source: Path, folder: Path) -> Iterator[Path]:
    """Leave out the spans of training that dev and test do not have: OTH, and those whose label is O."""
    for part in PARTS:
        blocks = (source / f"en_ewt-ud-{part}.iob2").read_text("utf-8").strip().split("\n\n")
        rows = ([line.split("\t") for line in block.split("\n") if line[:1] != "#"] for block in blocks)
        sentences = ([(row[1], "O" if row[2][2:] in ("O", "OTH") else row[2]) for row in own] for own in rows)
        yield _write(folder / f"uner_ewt-{part}.conll", sentences)


def _halves(path: Path, folder: Path) -> Iterator[Path]:
    """Cut the file of the types that the training file has: every other sentence is dev, the rest test.

    (``big_test.txt`` has other types.)
    """
    sentences = _columns(path)
    for part, first in (("dev", 0), ("test", 1)):
        yield _write(folder / f"fewnerd-{part}.conll", sentences[first::2])


def _sec_filings(source: Path, folder: Path) -> Iterator[Path]:
    """Hold out each tenth training sentence as dev set."""
    sentences = _columns(source / "FIN5.txt")
    yield _write(folder / "sec-train.conll", (own for number, own in enumerate(sentences) if number % 10 < 9))
    yield _write(folder / "sec-dev.conll", sentences[9::10])
    yield _write(folder / "sec-test.conll", _columns(source / "FIN3.txt"))


def _columns(path: Path) -> list[list[tuple[str, str]]]:
    """Read the first and the last column."""
    blocks = (block.split("\n") for block in path.read_text("utf-8").strip().split("\n\n"))
    sentences = ([(row[0], row[-1]) for line in block if (row := line.split())] for block in blocks)
    return [sentence for sentence in sentences if sentence and sentence[0][0] != "-DOCSTART-"]


def _presidio(path: Path, folder: Path) -> Iterator[Path]:
    """Split by the templates that the texts were made from: of ten templates, the ninth is dev and the tenth test."""
    records = json.loads(path.read_text("utf-8"))
    templates = {name: place for place, name in enumerate(sorted({record["template_id"] for record in records}))}
    for part, places in PARTS.items():
        chosen = [record for record in records if templates[record["template_id"]] % 10 in places]
        spans = [
            [(span["start_position"], span["end_position"], span["entity_type"]) for span in record["spans"]]
            for record in chosen
        ]
        texts = [record["full_text"] for record in chosen]
        yield _write_spans(folder / f"presidio-{part}.jsonl", zip(texts, spans, strict=True))


def _brat(source: Path, folder: Path) -> Iterator[Path]:
    """Of every ten documents, the ninth is dev and the tenth test."""
    paths = sorted(source.glob("*.ann"))
    for part, places in PARTS.items():
        chosen = (path for number, path in enumerate(paths) if number % 10 in places)
        documents = [document for path in chosen for document in tagsmith.read_documents(path)]
        spans = [[(span.start, span.end, span.label) for span in document.spans] for document in documents]
        texts = [document.text for document in documents]
        yield _write_spans(folder / f"jnlpba-{part}.jsonl", zip(texts, spans, strict=True))


def _write_spans(path: Path, records: Iterable[tuple[str, list[tuple[int, int, str]]]]) -> Path:
    lines = []
    for text, spans in records:
        marked = [{"start": start, "end": end, "label": label} for start, end, label in spans]
        lines.append(json.dumps({"text": text, "spans": marked}) + "\n")
    path.write_text("".join(lines), "utf-8")
    return path


def _write(path: Path, sentences: Iterable[Iterable[tuple[str, str]]]) -> Path:
    blocks = ("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    path.write_text("\n".join(blocks), "utf-8")
    return path
