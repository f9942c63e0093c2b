"""The corpora of the benchmarks, found through ``TAGSMITH_DATA`` and ``TAGSMITH_VECTORS``.

Some have layouts that tagsmith does not read (parallel files, one line per sentence), or no split. These are rewritten
as CoNLL files in a temporary folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Files:
    """The files of a corpus, its reading options, and whether the pretrained vectors fit its language."""

    train: Path
    dev: Path
    test: Path
    options: dict[str, Any] = field(default_factory=dict)
    vectors: bool = True


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
        "snips": _files(_snips(data / "snips" / part, folder) for part in ("train", "valid", "test")),
        "bc5cdr": _files(bc5cdr / f"{part}.tsv" for part in ("train", "devel", "test")),
        "uner_chinese_gsdsimp": _files((chinese / f"zh_gsdsimp-ud-{part}.iob2" for part in parts), vectors=False),
        "uner_swedish_talbanken": _files((swedish / f"sv_talbanken-ud-{part}.iob2" for part in parts), vectors=False),
    }
    weibo, uyghur = data / "weibo_zh", data / "ud_uyghur_udt"
    files["weibo_zh"] = _files((weibo / f"weiboNER_2nd_conll.{part}" for part in parts), vectors=False)
    uyghur_files = (uyghur / f"ug_udt-ud-{part}.conllu" for part in parts)
    files["ud_uyghur_udt"] = _files(uyghur_files, options={"layer": "upos"}, vectors=False)
    files["wikigold"] = _files(_wikigold(data / "wikigold" / "wikigold.conll.txt", folder))
    for name in ("laptop14", "rest14"):
        files[f"absa/{name}"] = _files(_absa(data / "absa" / name / f"{part}.txt", folder) for part in parts)
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


def _snips(part: Path, folder: Path) -> Path:
    """Rewrite parallel files of words and tags."""
    words = (part / "seq.in").read_text("utf-8").splitlines()
    tags = (part / "seq.out").read_text("utf-8").splitlines()
    pairs = (zip(w.split(), t.split(), strict=True) for w, t in zip(words, tags, strict=True))
    return _write(folder / f"snips-{part.name}.conll", pairs)


def _absa(part: Path, folder: Path) -> Path:
    """Rewrite ``sentence####word=TAG word=TAG …``."""

    def sentences() -> Iterator[Iterable[tuple[str, str]]]:
        for line in part.read_text("utf-8").splitlines():
            yield [(w, t) for w, _, t in (item.rpartition("=") for item in line.split("####")[1].split(" "))]

    return _write(folder / f"{part.parent.name}-{part.stem}.conll", sentences())


def _wikigold(path: Path, folder: Path) -> Iterator[Path]:
    """Split the file: of every ten sentences, the ninth goes to dev and the tenth to test."""
    blocks = (block.split("\n") for block in path.read_text("utf-8").strip().split("\n\n"))
    sentences = [
        [(line.split()[0], line.split()[-1]) for line in block if "-DOCSTART-" not in line] for block in blocks
    ]
    sentences = [sentence for sentence in sentences if sentence]
    for part, places in (("train", range(8)), ("dev", (8,)), ("test", (9,))):
        chosen = (sentence for number, sentence in enumerate(sentences) if number % 10 in places)
        yield _write(folder / f"wikigold-{part}.conll", chosen)


def _write(path: Path, sentences: Iterable[Iterable[tuple[str, str]]]) -> Path:
    blocks = ("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    path.write_text("\n".join(blocks), "utf-8")
    return path
