"""Speed and memory of two revisions, measured in turn: what a change to the inside costs or gains.

    git worktree add ../before REVISION
    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/two_revisions.py ../before [--rounds 5]

Each round trains WNUT 2017 for two epochs (``fast``, GloVe), tags the training set of UD English EWT with that model,
serves it to 64 clients for five seconds, and reads, prepares and trains a hundred steps of a corpus of five million
tokens, first with the one revision, then with the other. Each measurement is a process of its own. Writes medians to
``benchmarks/results/two_revisions.json``.

    TAGSMITH_DATA=… python benchmarks/two_revisions.py ../before --english [--rounds 5]

measures only the model ``en``, on the documents of UD English EWT's training set as they were written: from words to
both layers, from texts to documents with spans, and ``tagsmith tag`` from a file of five times that text to CoNLL and
to JSONL, start included. Both revisions have to write the same. Writes ``benchmarks/results/english_speed.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Any

import uvloop

from corpora import corpora, from_environment
from serving import closed_loop, requests
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences
from training_memory import enlarge

RESULTS = Path(__file__).parent / "results" / "two_revisions.json"
ENGLISH_RESULTS = RESULTS.with_name("english_speed.json")
TAG = """
import json, sys, time
import tagsmith
tagger = tagsmith.load(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as stream:
    sentences = json.load(stream)
text, tokens = "\\n\\n".join(map(" ".join, sentences)), sum(map(len, sentences))
rates = {}
for name, call in (("words", lambda: tagger.tag(sentences)), ("text", lambda: tagger(text))):
    times = []
    for _ in range(4):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    rates[name] = tokens / min(times)
print(json.dumps(rates))
"""
ENGLISH = """
import json, sys, time
import tagsmith
tagger = tagsmith.load("en")
with open(sys.argv[1], encoding="utf-8") as stream:
    texts = json.load(stream)
sentences = [sentence.words for document in tagger.tag_texts(texts) for sentence in document.sentences]
rates = {"tokens": sum(map(len, sentences))}
for name, call in (("words", lambda: tagger.tag_layers(sentences)), ("texts", lambda: tagger.tag_texts(texts))):
    times = []
    for _ in range(6):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    rates[name] = rates["tokens"] / min(times)
print(json.dumps(rates))
"""
COPIES = 5  # of the text in the file that ``tagsmith tag`` reads


class Revision:
    """A checkout, and the numbers measured with it so far."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout, self.model = checkout, folder / "model"
        self.environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "KERAS_BACKEND": "jax"}
        self.numbers: dict[str, list[float]] = {}

    def run(self, *arguments: object) -> str:
        """Run Python; return the last line that it prints."""
        command = [sys.executable, *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip().splitlines()[-1]

    def keep(self, name: str, number: float) -> None:
        """Remember a number."""
        self.numbers.setdefault(name, []).append(number)
        print(self.checkout, name, round(number, 2), flush=True)

    def measure(self, folder: Path) -> None:
        """Measure everything once; ``folder`` has the files."""
        data = from_environment("TAGSMITH_DATA") / "wnut17"
        vectors = from_environment("TAGSMITH_VECTORS") / "glove-6b-100d.txt.gz"
        train = ("train", data / "wnut17train.conll", "--dev", data / "emerging.dev.conll", "--out", self.model)
        shutil.rmtree(self.model, ignore_errors=True)  # a revision may ask before it replaces a model
        self.run("-m", "tagsmith", *train, "--preset", "fast", "--set", "epochs=2", "--vectors", vectors)
        history = (self.model / "history.jsonl").read_text("utf-8").splitlines()
        self.keep("training, tokens per second", json.loads(history[-1])["tokens_per_second"])
        rates = json.loads(self.run("-c", TAG, self.model, folder / "sentences.json"))
        self.keep("words to tags, words per second", rates["words"])
        self.keep("text to spans, words per second", rates["text"])
        self.keep("requests per second", self.serve())
        program = self.checkout / "benchmarks" / "training_memory.py"
        memory: dict[str, Any] = json.loads(self.run(program, folder / "large.conllu", folder / "dev.conllu"))
        self.keep("5 million tokens: seconds until the first step", memory["seconds_until_the_first_step"])
        self.keep("5 million tokens: megabytes when read", memory["megabytes_when_read"])
        self.keep("5 million tokens: megabytes at most", memory["megabytes_at_most"])

    def measure_english(self, folder: Path) -> dict[str, bytes]:
        """Measure ``en`` once; return the digest of what ``tagsmith tag`` wrote in each format."""
        rates = json.loads(self.run("-c", ENGLISH, folder / "texts.json"))
        self.keep("words to tags, words per second", rates["words"])
        self.keep("texts to spans, words per second", rates["texts"])
        digests = {}
        for form in ("conll", "jsonl"):
            out = folder / f"tagged.{form}"
            command = [sys.executable, "-m", "tagsmith", "tag", "en", str(folder / "texts.txt"), "-o", str(out)]
            start = time.perf_counter()
            subprocess.run(command, env=self.environment, check=True)
            seconds = time.perf_counter() - start
            self.keep(f"tagsmith tag to {form}, words per second", COPIES * rates["tokens"] / seconds)
            digests[form] = sha256(out.read_bytes()).digest()
        return digests

    def serve(self) -> float:
        """Return how many requests a second the server answers."""
        command = [sys.executable, "-m", "tagsmith", "serve", f"model={self.model}", "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=self.environment) as process:
            assert process.stderr is not None
            port = int(process.stderr.readline().rstrip("/\n").rpartition(":")[2])
            asked = cycle(requests())
            uvloop.run(closed_loop(port, asked, 2.0))
            answered = uvloop.run(closed_loop(port, asked, 5.0))
            process.terminate()
        return answered["requests_per_second"]


def written_texts(path: Path) -> list[str]:
    """Return the documents of a CoNLL-U file as they were written."""
    documents: list[list[str]] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# newdoc"):
            documents.append([])
        elif line.startswith("# text = "):
            documents[-1].append(line.removeprefix("# text = "))
    return [" ".join(sentences) for sentences in documents]


def main() -> None:
    """Measure both and write the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="a checkout of the other revision")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--english", action="store_true", help="measure the model en alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.english:
            texts = written_texts(from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu")
            (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
            (folder / "texts.txt").write_text("\n\n".join(texts * COPIES), "utf-8")
        else:
            files = corpora(folder)["ud_english_ewt"]
            enlarge(files.train, folder / "large.conllu", 25)
            (folder / "dev.conllu").write_bytes(files.dev.read_bytes())
            sentences = [sentence.words for sentence in read_sentences(files.train, layer="upos")]
            (folder / "sentences.json").write_text(json.dumps(sentences), "utf-8")
        revisions = {"before": Revision(arguments.before.resolve(), folder / "before")}
        revisions["after"] = Revision(Path(__file__).resolve().parents[1], folder / "after")
        for number in range(arguments.rounds):
            order = list(revisions.values())
            written: list[dict[str, bytes]] = []
            for revision in order if number % 2 == 0 else order[::-1]:
                revision.model.parent.mkdir(exist_ok=True)
                if arguments.english:
                    written.append(revision.measure_english(folder))
                else:
                    revision.measure(folder)
            assert all(one == written[0] for one in written), "the revisions do not write the same"
    table = {
        name: {side: statistics.median(revision.numbers[name]) for side, revision in revisions.items()}
        for name in revisions["before"].numbers
    }
    rounds = {side: revision.numbers for side, revision in revisions.items()}
    result = {"machine": describe_machine(), "rounds": arguments.rounds, "medians": table, "all": rounds}
    (ENGLISH_RESULTS if arguments.english else RESULTS).write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    for name, row in table.items():
        print(f"| {name} | {row['before']:,.1f} | {row['after']:,.1f} | {row['after'] / row['before']:.3f} |")


if __name__ == "__main__":
    main()
