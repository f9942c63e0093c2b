"""The English model is the same, file by file, each time that it is trained and packed with the same seed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

import processes

sys.path.append(str(Path(__file__).parent.parent / "models" / "en"))
import english_corpora
import pack
import train

SCRIPTS = Path(train.__file__).parent
PEOPLE = ("Ann Lee", "Bob Ray", "Cem Ak", "Dee Wu", "Eli Roth")
PLACES = ("Paris", "Lima", "Oslo", "Bern", "Hanoi")
CORPORA = {"uner_ewt", "wikigold"}
TINY = "epochs=1 units=4 least_steps=2 word_dim=4 batch_tokens=128 characters=none shape_dim=0"
OPTIONS = ("--preset", "fast", "--without", "--vectors", "vectors.txt", *(f"--set={one}" for one in TINY.split()))
READ = f"""
import hashlib, sys
from pathlib import Path
import english_corpora
from few_vectors import write_few_vectors
for name in set(english_corpora.SOURCES) - {CORPORA}:
    del english_corpora.SOURCES[name]
english = english_corpora.read(Path("data"), silver_dates=True)
counts = english_corpora.word_counts(english)
write_few_vectors(Path("vectors.txt"), Path(sys.argv[1]), counts, 4)
content = repr((english, counts)).encode() + Path(sys.argv[1]).read_bytes()
print(hashlib.sha256(content).hexdigest())
"""


def write_corpora(folder: Path) -> None:
    """UD EWT with names, and wikigold: a few sentences of each, and another year in each part."""
    files = dict[str, str]()
    for first_year, part in ((1900, "train"), (1930, "dev"), (1960, "test")):
        conllu = iob2 = rows = ""
        for year, (person, place) in enumerate(product(PEOPLE, PLACES), first_year):
            tokens = sentence(person, place, year)
            conllu += f"# sent_id = {year}\n" + lines(f"{i}\t{w}\t_\t{u}{5 * chr(9)}_" for i, w, u, _ in tokens)
            iob2 += f"# sent_id = {year}\n" + lines(f"{i}\t{w}\t{t}\t-\tx" for i, w, _, t in tokens)
            rows += lines(f"{w} {t}" for _, w, _, t in reversed(tokens) if t != "I-PER")
        files[f"ud_english_ewt/en_ewt-ud-{part}.conllu"] = conllu
        files[f"english/uner_ewt/en_ewt-ud-{part}.iob2"] = iob2
        files["wikigold/wikigold.conll.txt"] = rows
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")


def sentence(person: str, place: str, year: int) -> list[tuple[int, str, str, str]]:
    """Number, word, part of speech and tag of each token."""
    words = (*person.split(), "left", place, "in", str(year), ".")
    upos = ("PROPN", "PROPN", "VERB", "PROPN", "ADP", "NUM", "PUNCT")
    tags = ("B-PER", "I-PER", "O", "B-LOC", "O", "O", "O")
    return list(zip(range(1, 8), words, upos, tags, strict=True))


def lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows) + "\n"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with small corpora in ``data``, and vectors, to work in."""
    write_corpora(tmp_path / "data")
    vectors = (f"{word} 0.5 -0.25 {place} 1\n" for place, word in enumerate(("in", "left", "paris", "oslo", "lima")))
    (tmp_path / "vectors.txt").write_text("".join(vectors), "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGSMITH_DATA", "data")
    for name in set(english_corpora.SOURCES) - CORPORA:
        monkeypatch.delitem(english_corpora.SOURCES, name)
    return tmp_path


@pytest.mark.slow
def test_training_and_packing_twice_gives_the_same_files(data, monkeypatch):
    pytest.importorskip("keras")
    for name in ("one", "other"):
        monkeypatch.setattr(sys, "argv", ["train.py", "--out", f"{name}/en", *OPTIONS])
        train.main()
        monkeypatch.setattr(sys, "argv", ["pack.py", f"{name}/en", f"{name}/en-1", "--least", "2", "--without"])
        pack.main()
    one, other = (contents(data / name / "en-1") for name in ("one", "other"))
    assert set(one) == {"README.md", "config.json", "vocabulary.json", "weights.safetensors"}
    assert one == other


def test_the_data_do_not_hang_on_the_order_of_sets(data, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SCRIPTS), *sys.path]))
    digests = set()
    for seed in ("1", "2"):  # of Python's hashes
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        done = processes.run(
            (sys.executable, "-c", READ, f"few-{seed}.txt"), capture_output=True, text=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
