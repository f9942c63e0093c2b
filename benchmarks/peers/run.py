"""The tagging speed of tagsmith and other taggers, on the same sentences and the same two threads, in turn.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/peers/run.py --work FOLDER

The work folder keeps environments and models. Writes ``benchmarks/peers/results.json`` and prints it as a table.
``README.md`` in this folder says what is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tagsmith
from tagsmith.corpus.sources import read_sentences
from tagsmith.text.schemes import Scheme, convert_tags, detect_scheme

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from corpora import Files, corpora, from_environment, vectors  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

RESULTS = HERE / "results.json"
THREADS = 2
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
PAUSE = 0.5  # seconds between measurements, in which spinning threads go to sleep
FIRST = 2000  # sentences of the smaller of the two calls
BASE = "tagsmith-int8"

Sentences = list[list[str]]


@dataclass(frozen=True)
class System:
    """How a system is started and measured."""

    worker: str
    folder: str  # the folder of its model, in the work folder
    environment: str | None = None  # name of its requirements file; None: the interpreter that runs this script
    options: tuple[str, ...] = ()
    threads: int = THREADS
    variables: dict[str, str] = field(default_factory=dict)
    remark: str = ""
    no_f1: str = ""


SYSTEMS = {
    BASE: System("tagsmith", "tagsmith", options=("int8",)),
    "tagsmith-float32": System("tagsmith", "tagsmith", options=("float32",)),
    "tagsmith-int8-1-thread": System("tagsmith", "tagsmith", options=("int8",), threads=1),
    "crfsuite": System("crfsuite", "crfsuite", "crfsuite", threads=1, remark="no pretrained vectors"),
    "crfsuite-cached": System(
        "crfsuite",
        "crfsuite",
        "crfsuite",
        options=("cached",),
        threads=1,
        remark="the same, its features remembered for each word form",
    ),
    "spacy": System(
        "spacy",
        "spacy",
        "spacy",
        threads=1,
        remark="nlp.pipe in one process; a pretrained pipeline with 18 types",
        no_f1="trained on other data with other labels",
    ),
    "spacy-2-processes": System(
        "spacy",
        "spacy",
        "spacy",
        remark="nlp.pipe with n_process=2; a pretrained pipeline with 18 types",
        no_f1="trained on other data with other labels",
    ),
    "flair": System(
        "flair",
        "flair",
        "flair",
        variables={"HF_HUB_OFFLINE": "1"},
        remark="BiLSTM-CRF with GloVe and character LSTM",
    ),
    "keras": System(
        "keras",
        "keras",
        variables={"KERAS_BACKEND": "jax"},
        remark="the tutorial's model: no CRF, no characters, no pretrained vectors",
    ),
}


class Worker:
    """A running system."""

    def __init__(self, name: str, command: list[str], variables: dict[str, str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self.description = self._answer()

    def tag(self, sentences: Sentences) -> tuple[Sentences, float]:
        """Return the tags and the seconds they took."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(sentences) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        tags: Sentences = answer["tags"]
        if list(map(len, tags)) != list(map(len, sentences)):
            sys.exit(f"{self.name} did not give each word one tag.")
        return tags, answer["seconds"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"The worker of {self.name} ended; its error is above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main() -> None:
    """Prepare, measure and write the results."""
    arguments = _arguments()
    # Some systems have no setting for the number of threads; all obey this one.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    work = arguments.work.resolve()
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    test_words, gold = write_corpus(corpora(work / "corpus")["wikigold"], work / "corpus")
    sets = _sentences()
    workers = {}
    for name in arguments.systems:
        print(f"starting {name}", file=sys.stderr, flush=True)
        workers[name] = _start(name, work, arguments.tagsmith_model)
    f1 = {name: _f1(workers[name], SYSTEMS[name], test_words, gold) for name in workers}
    seconds = _measure(workers, sets, arguments.rounds)
    for worker in workers.values():
        worker.close()
    sizes = {key: {"sentences": len(words), "tokens": sum(map(len, words))} for key, words in sets.items()}
    speeds = {
        name: {key: [sizes[key]["tokens"] / spent for spent in rounds] for key, rounds in by_set.items()}
        for name, by_set in seconds.items()
    }
    result = {
        "machine": {"processor": _processor(), "processors_used": len(os.sched_getaffinity(0)), "threads": THREADS},
        "python": platform.python_version(),
        "rounds": arguments.rounds,
        "sets": sizes,
        "systems": {
            name: _described(SYSTEMS[name], workers[name], f1[name], seconds[name], speeds[name]) for name in workers
        },
        f"{BASE}_is_faster_by": {name: _ratios(speeds[BASE], speeds[name]) for name in workers if name != BASE},
    }
    arguments.results.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(_table(result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps environments and models")
    parser.add_argument("--tagsmith-model", type=Path, help="trained model folder (default: train one)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    arguments.systems = list(dict.fromkeys([BASE, *arguments.systems]))
    return arguments


def write_corpus(files: Files, folder: Path) -> tuple[Sentences, Sentences]:
    """Write the training and dev sets, spans in IOB2; return the words and tags of the test set."""
    folder.mkdir(parents=True, exist_ok=True)
    words: Sentences = []
    gold: Sentences = []
    for part, path in (("train", files.train), ("dev", files.dev), ("test", files.test)):
        sentences = read_sentences(path, **files.options)
        words = [list(sentence.words) for sentence in sentences]
        tags = [next(iter(sentence.layers.values())) for sentence in sentences]
        scheme = detect_scheme(tags)
        plain = scheme is Scheme.PLAIN
        gold = [list(sentence) if plain else convert_tags(sentence, scheme, Scheme.IOB2) for sentence in tags]
        pairs = (zip(*sentence, strict=True) for sentence in zip(words, gold, strict=True))
        blocks = ("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in pairs)
        (folder / f"{part}.conll").write_text("\n".join(blocks), "utf-8")
    return words, gold


def _sentences() -> dict[str, Sentences]:
    """Return the sentences to tag in one call: all, and the first ones."""
    path = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    sentences = [list(sentence.words) for sentence in read_sentences(path, layer="upos")]
    return {"all": sentences, "first": sentences[:FIRST]}


def _start(name: str, work: Path, tagsmith_model: Path | None) -> Worker:
    system = SYSTEMS[name]
    python = make_environment(system.environment, work / "environments") if system.environment else Path(sys.executable)
    folder = work / "models" / system.folder
    if system.worker == "tagsmith" and tagsmith_model:
        folder = tagsmith_model.resolve()
    command = [str(python), str(HERE / f"{system.worker}_worker.py"), "--folder", str(folder)]
    command += ["--corpus", str(work / "corpus"), "--vectors", str(vectors()), "--threads", str(system.threads)]
    variables = dict.fromkeys(THREAD_VARIABLES, str(system.threads))
    return Worker(name, [*command, *system.options], {**variables, **system.variables})


def make_environment(name: str, folder: Path) -> Path:
    """Make the virtual environment if it is missing; return its interpreter."""
    requirements = HERE / "requirements" / f"{name}.txt"
    python = folder / name / "bin" / "python"
    made = folder / name / "made.txt"  # the requirements that it was made from
    if not made.exists() or made.read_text("utf-8") != requirements.read_text("utf-8"):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / name)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
        shutil.copy(requirements, made)
    return python


def _f1(worker: Worker, system: System, words: Sentences, gold: Sentences) -> float | None:
    predicted, _ = worker.tag(words)
    return None if system.no_f1 else round(100 * tagsmith.score_tags(gold, predicted).f1, 2)


def _measure(workers: dict[str, Worker], sets: dict[str, Sentences], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return seconds by system and set; round 0 is a warm-up and does not count."""
    seconds: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in workers}
    for number in range(rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
        for key, sentences in sets.items():
            for name, worker in workers.items():
                time.sleep(PAUSE)
                _, spent = worker.tag(sentences)
                if number:
                    seconds[name][key].append(spent)
    return seconds


def _described(
    system: System,
    worker: Worker,
    f1: float | None,
    seconds: dict[str, list[float]],
    speeds: dict[str, list[float]],
) -> dict[str, Any]:
    return {
        "threads": system.threads,
        "remark": system.remark,
        "versions": worker.description["versions"],
        "training": worker.description["training"],
        "test_f1": f1,
        **({"no_f1": system.no_f1} if system.no_f1 else {}),
        "seconds": {key: [round(spent, 4) for spent in rounds] for key, rounds in seconds.items()},
        "tokens_per_second": {
            key: {"median": round(statistics.median(rates)), "min": round(min(rates)), "max": round(max(rates))}
            for key, rates in speeds.items()
        },
    }


def _ratios(base: dict[str, list[float]], peer: dict[str, list[float]]) -> dict[str, Any]:
    """Divide speeds, by medians and in each round; each ratio is of the same sentences."""
    return {
        key: {
            "medians": round(statistics.median(base[key]) / statistics.median(rates), 2),
            "rounds": [round(a / b, 2) for a, b in zip(base[key], rates, strict=True)],
        }
        for key, rates in peer.items()
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _table(result: dict[str, Any]) -> str:
    """Return the result as a table in Markdown."""
    sizes = result["sets"]
    columns = [f"{key} ({size['sentences']:,} sentences)" for key, size in sizes.items()]
    heads = ["system", "test F1", *columns, *(f"{BASE} ÷ it, {key}" for key in sizes)]
    lines = [heads, ["---"] * len(heads)]
    for name, system in result["systems"].items():
        speeds, ratios = system["tokens_per_second"], result[f"{BASE}_is_faster_by"].get(name, {})
        cells = [name, "–" if system["test_f1"] is None else f"{system['test_f1']:.2f}"]
        cells += [f"{speed['median']:,} ({speed['min']:,}–{speed['max']:,})" for speed in speeds.values()]
        cells += [f"{ratios[key]['medians']:.2f}" if ratios else "–" for key in sizes]
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
