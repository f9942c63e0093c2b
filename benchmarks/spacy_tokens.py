"""What a model in a spaCy pipeline should read: whose tokens, whose sentences.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/spacy_tokens.py [--seeds 1 2 3] [--documents 300]

Trains the fast preset (GloVe 6B 100d) on the names of UD English EWT (uner_ewt) and tags the documents of its dev and
test sets, given as text, in a blank English pipeline. F1 counts spans of characters. ``tokens`` is the option of that
name. ``sentences`` says who cut the document: ``gold``, the corpus; ``tagsmith``, its splitter (``split_above=0``);
``long``, its splitter if there are more than 200 words, as by default; ``whole``, nobody (``split_above=None``).
Writes ``benchmarks/results/spacy_tokens.json``, a list of runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import spacy

import tagsmith
from corpora import from_environment, vectors
from tagsmith.integrations.spacy import SPLIT_ABOVE
from tagsmith.text.schemes import Scheme, tags_to_spans

RESULTS = Path(__file__).parent / "results" / "spacy_tokens.json"
SPLITS = {"gold": None, "tagsmith": 0, "long": SPLIT_ABOVE, "whole": None}
Found = set[tuple[int, int, str]]  # first character, character after the last, label
Pair = tuple[list[str], list[str]]  # the words and tags of a sentence


@dataclass
class Text:
    """A document: its text, where its sentences begin, and its names."""

    text: str
    firsts: list[int]
    names: Found


def read(path: Path) -> tuple[list[Pair], list[Text]]:
    """Return the sentences of a file, and its documents."""
    pairs: list[Pair] = []
    documents: list[Text] = []
    for block in path.read_text("utf-8").strip().split("\n\n"):
        lines = block.split("\n")
        rows = [line.split("\t") for line in lines if not line.startswith("# ")]
        words, tags = [row[1] for row in rows], [_tag(row[2]) for row in rows]
        pairs.append((words, tags))
        (text,) = (line.removeprefix("# text = ") for line in lines if line.startswith("# text = "))
        if not documents or lines[0].startswith("# newdoc"):
            documents.append(Text("", [], set()))
        _add(documents[-1], text, words, tags, any(line.startswith("# newpar") for line in lines))
    return pairs, documents


def _tag(tag: str) -> str:
    """Leave out what the corpus marks as no reliable label."""
    return "O" if tag.endswith("-OTH") or tag == "B-O" else tag


def _add(document: Text, text: str, words: list[str], tags: list[str], paragraph: bool) -> None:
    if document.text:
        document.text += "\n\n" if paragraph else " "
    first = place = len(document.text)
    document.text += text
    document.firsts.append(first)
    starts = []
    for word in words:
        place = document.text.index(word, place)
        starts.append(place)
        place += len(word)
    for span in tags_to_spans(tags, Scheme.IOB2):
        last = span.end - 1
        document.names.add((starts[span.start], starts[last] + len(words[last]), span.label))


def find(model: Path, documents: list[Text], tokens: str, sentences: str) -> Iterator[Found]:
    """Tag documents with a pipeline."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tagsmith", config={"model": str(model), "tokens": tokens, "split_above": SPLITS[sentences]})
    docs = [nlp.make_doc(document.text) for document in documents]
    for doc, document in zip(docs, documents, strict=True):
        if sentences == "gold":
            firsts = iter([*document.firsts, len(document.text)])
            following = next(firsts)
            for token in doc:  # the first token that begins where a sentence does, or later
                token.is_sent_start = token.idx >= following
                while token.idx >= following:
                    following = next(firsts)
    for doc in nlp.pipe(docs):
        yield {(span.start_char, span.end_char, span.label_) for span in doc.ents}


def f1(found: list[Found], gold: list[Found]) -> float:
    """Return the F1 of spans."""
    correct = sum(len(one & other) for one, other in zip(found, gold, strict=True))
    return 2 * correct / (sum(map(len, found)) + sum(map(len, gold)))


def main() -> None:
    """Train, tag, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--documents", type=int, help="read the first ones only, and train for one epoch: a trial")
    arguments = parser.parse_args()
    folder = from_environment("TAGSMITH_DATA") / "english" / "uner_ewt"
    corpus = {part: read(folder / f"en_ewt-ud-{part}.iob2") for part in ("train", "dev", "test")}
    runs: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as temporary:
            model = Path(temporary, "model")
            trial: dict[str, Any] = {"recipe": {"epochs": 1}}
            options = trial if arguments.documents is not None else {"vectors": vectors()}
            (train, _), (dev, _) = corpus["train"], corpus["dev"]
            train = train[: arguments.documents]
            tagger = tagsmith.train(train, dev=dev, out=model, preset="fast", seed=seed, **options)
            for part in ("dev", "test"):
                pairs, documents = corpus[part]
                documents = documents[: arguments.documents]
                run: dict[str, Any] = {"seed": seed, "part": part, "evaluate": tagger.evaluate(pairs).f1}
                gold = [document.names for document in documents]
                run["f1"] = {
                    f"{tokens} tokens, {sentences}": f1(list(find(model, documents, tokens, sentences)), gold)
                    for tokens, sentences in product(("spacy", "tagsmith"), SPLITS)
                }
                runs.append(run)
                print(json.dumps(run), flush=True)
    if arguments.documents is None:
        RESULTS.write_text(json.dumps(runs, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
