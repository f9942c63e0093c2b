"""What a corpus knows of the data that it was read from."""

from __future__ import annotations

import hashlib
import io
import json

from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.provenance import file_digest, source_of
from tagsmith.corpus.sources import read_sentences

ONE = "Ann B-PER\nleft O\n\nBen B-PER\n"
TWO = "-DOCSTART- O\n\n" + ONE + "\n-DOCSTART- O\n\n" + ONE
PAIRS = [(["Ann", "left"], ["B-PER", "O"]), (["Ben"], ["B-PER"])]


def test_files_have_names_without_folders_the_digest_of_their_bytes_and_sizes(tmp_path):
    first, second = tmp_path / "a.conll", tmp_path / "private" / "b.conll"
    second.parent.mkdir()
    first.write_text(ONE, "utf-8")
    second.write_text(TWO, "utf-8")
    corpus = read_corpus([first, str(second)], dev=first)
    assert [one.as_dict() for one in corpus.sources["train"]] == [
        {"name": "a.conll", "sha256": hashlib.sha256(ONE.encode()).hexdigest(), "sentences": 2, "tokens": 3},
        {
            "name": "b.conll",
            "sha256": hashlib.sha256(TWO.encode()).hexdigest(),
            "sentences": 4,
            "tokens": 6,
            "documents": 2,
        },
    ]
    assert corpus.sources["dev"] == corpus.sources["train"][:1]
    assert "test" not in corpus.sources
    assert file_digest(first) == corpus.sources["train"][0].sha256


def test_a_dev_set_that_is_held_out_has_no_source(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(ONE, "utf-8")
    corpus = read_corpus(path)
    assert set(corpus.sources) == {"train"}
    assert corpus.sources["train"][0].sentences == 2 == len(corpus.train) + len(corpus.dev)


def test_data_in_memory_have_the_digest_of_their_words_and_tags():
    (source,) = read_corpus(PAIRS, dev=PAIRS).sources["train"]
    lines = "".join(json.dumps([words, {"tags": tags}]) + "\n" for words, tags in PAIRS)
    assert source.as_dict() == {
        "name": "",
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
        "sentences": 2,
        "tokens": 3,
    }
    (stream,) = read_corpus(io.StringIO(ONE), dev=PAIRS).sources["train"]
    assert stream == source == source_of(read_sentences(PAIRS))
    other = [(["Ann", "left"], ["O", "O"]), PAIRS[1]]
    assert read_corpus(other, dev=PAIRS).sources["train"][0].sha256 != source.sha256


def test_several_layers_and_partial_corpora_are_noted_too(tmp_path):
    paths = [tmp_path / f"{name}.conll" for name in "ab"]
    for path, label in zip(paths, ("PER", "LOC"), strict=True):
        path.write_text(f"Ann B-{label} N\nleft O V\n\nBen O N\n", "utf-8")
    corpus = read_corpus(paths, dev=paths[0], layer=("ner", "pos"), column=(2, 3), partial=True)
    assert [(one.name, one.sentences, one.tokens) for one in corpus.sources["train"]] == [
        ("a.conll", 2, 3),
        ("b.conll", 2, 3),
    ]
