"""From each format into each: what one reader keeps for its own writer disturbs no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_sentences
from tagsmith.formats import FORMATS

pytestmark = pytest.mark.slow

SENTENCES = [
    (("Ann", "Lee", "left", "Zürich", "."), ("B-PER", "I-PER", "O", "B-LOC", "O")),
    (("She", "is", "here"), ("O", "O", "O")),
    (("Oslo",), ("B-LOC",)),
]
CONLL = "# id = 1\n" + "\n".join(
    "".join(f"{word}\tX\t{tag}\n" for word, tag in zip(words, tags, strict=True)) for words, tags in SENTENCES
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, Path]:
    """The same sentences in every format, by way of columns with a comment and a third column."""
    for extra in ("pyarrow", "spacy"):
        pytest.importorskip(extra)
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "first.conll").write_text(CONLL, "utf-8")
    return {name: written(folder / "first.conll", folder / name, name) for name in FORMATS}


def written(source: Path, target: Path, name: str) -> Path:
    """Convert a file; return what to read: a file, or one of those in a folder of several."""
    target = target.with_name(f"{target.name}{FORMATS[name].file_ending}")
    options = {"layer": "tags"} if source.suffix == ".conllu" else {}
    convert(source, target, target_format=name, **options)
    return target


def files_in(path: Path) -> list[Path]:
    """The file, or those of a folder, one of each document."""
    endings = (".ann", ".in", ".words")
    return [file for ending in endings for file in sorted(path.glob(f"*{ending}"))] if path.is_dir() else [path]


def contents(path: Path) -> list[tuple[str, str]]:
    """The words and their tags, sorted: some formats keep neither the order of documents nor where sentences end."""
    tagged = path.suffix != ".conllu" or "tags=" in path.read_text("utf-8")  # O is not written in the last column
    options = {"layer": "tags" if tagged else "upos"} if path.suffix == ".conllu" else {}
    found = []
    for sentence in (sentence for file in files_in(path) for sentence in read_sentences(file, **options)):
        (tags,) = sentence.layers.values()
        found += zip(sentence.words, tags if tagged else ["O"] * len(sentence), strict=True)
    return found


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_words_and_tags_survive(sources, tmp_path: Path, source: str, target: str):
    parts = enumerate(files_in(sources[source]))
    found = [pair for number, file in parts for pair in contents(written(file, tmp_path / f"out{number}", target))]
    assert sorted(found) == sorted(pair for words, tags in SENTENCES for pair in zip(words, tags, strict=True))
