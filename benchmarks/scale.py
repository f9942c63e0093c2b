"""Tagging at scale: words a second of one and two workers, what each stage takes, and how the cost grows.

    TAGSMITH_DATA=… python benchmarks/scale.py [--rounds 5] [--copies 20]

The text is the training set of UD English EWT as it was written, a document a row, read several times. The model is
``en``, in 8 bits. Each round measures every way once, in turn; the numbers are medians of the rounds.

- *workers*: ``tagsmith tag en --workers N`` from jsonl to jsonl on disk, start included; beside it ``tagsmith tag``
  without workers, on both cores.
- *feeding*: cutting files into shards in one process, which feeds all workers: plain, gzip and zstd.
- *stages*: one worker's time on a shard, in this process, by stage.
- *growth*: words a second by labels, sentence length, and the share of words that were never seen before.

Writes ``benchmarks/results/scale.json`` and ``docs/images/scale.png``, and the tables of ``docs/scale.md``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import tagsmith
from corpora import from_environment
from tagsmith.cli.speed import describe_machine
from tagsmith.scale import job as jobs
from tagsmith.scale.job import Job, tag_shard
from tagsmith.scale.shards import Input, shards_of
from tagsmith.scale.worker import Worker, loaded
from tagsmith.tagging import documents
from tagsmith.tagging.exported_network import ExportedNetwork
from tagsmith.tagging.heads import HeadsDecoder
from tagsmith.text.tokenizer import words_and_starts
from two_revisions import written_texts

HERE = Path(__file__).parent
RESULTS, PLOT, PAGE = (
    HERE / "results" / "scale.json",
    HERE.parent / "docs" / "images" / "scale.png",
    HERE.parent / "docs" / "scale.md",
)
BEGIN, END = "<!-- made by benchmarks/scale.py -->\n", "<!-- end of what it made -->\n"
LABELS = (1, 4, 16, 64)  # types of spans
LENGTHS = (5, 10, 20, 40, 80, 160, 640)  # tokens of a sentence
UNSEEN = (0.0, 0.05, 0.1, 0.2, 0.5)  # share of the words that are made new
DOLLARS = 0.05  # for an hour of one core: what large clouds ask for ordinary machines, about
Numbers = dict[str, list[float]]
Keep = Callable[[str, float], None]


# -------------------------------------------------------------------------------------------------- workers


def measure_workers(file: Path, words: int, folder: Path, keep: Keep) -> None:
    """Tag a file with one and two workers, and without any."""
    for name, more in [
        ("one worker", ("--workers", "1")),  # the second core cuts the file, which takes a hundredth of the time
        ("two workers", ("--workers", "2")),
        ("tagsmith tag, two cores", ("--text-column", "text")),
    ]:
        out = folder / f"{name}.jsonl" if "--text-column" in more else folder / name
        command = [sys.executable, "-m", "tagsmith", "tag", "en", str(file), "-o", str(out), *more]
        start = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        keep(f"{name}, words per second", words / (time.perf_counter() - start))
        subprocess.run(["rm", "-rf", str(out)], check=True)


def measure_feeding(file: Path, folder: Path, keep: Keep) -> None:
    """Cut files into shards."""
    content = file.read_bytes()
    packed = {"plain": file, "gzip": folder / "packed.jsonl.gz", "zstd": folder / "packed.jsonl.zst"}
    packed["gzip"].write_bytes(gzip.compress(content, 6))
    subprocess.run(["zstd", "-q", "-f", str(file), "-o", str(packed["zstd"])], check=True)
    for name, path in packed.items():
        start = time.perf_counter()
        size = sum(len(shard.data) + len(shard.digest) for shard in shards_of(Input(str(path), "x", "jsonl")))
        keep(f"cutting, {name}, megabytes per second", size / 1e6 / (time.perf_counter() - start))


# -------------------------------------------------------------------------------------------------- stages


class Timers(defaultdict[str, float]):
    """Seconds spent in some functions."""

    @contextmanager
    def on(self, **functions: tuple[Any, str]) -> Iterator[None]:
        """Time functions, each an attribute of an object, while the context lasts."""
        patches = [
            mock.patch.object(where, name, self.timed(stage, getattr(where, name)))
            for stage, (where, name) in functions.items()
        ]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that adds its time to a stage."""

        def call(*arguments: Any, **more: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **more)
            finally:
                self[stage] += time.perf_counter() - start

        return call


def measure_stages(file: Path, folder: Path, keep: Keep) -> None:
    """Tag a shard to jsonl and to Parquet; say what part of the time each stage takes."""
    (shard, *_) = shards_of(Input(str(file), "x", "jsonl"))
    words = sum(len(cut) for text in shard_texts(shard.data) for cut, _ in words_and_starts(text))
    worker = Worker("en", "text")
    for format in ("jsonl", "parquet"):
        job = Job(worker, str(folder / "stages"), format)
        tag_shard(job, shard)  # loads the model, and fills the word table
        timers = Timers(float)
        with timers.on(
            parsing=(jobs, "_parsed"),
            tokenizer=(documents, "words_and_starts"),
            words=(loaded("en", None, None)._network, "look_up"),
            network=(ExportedNetwork, "emissions"),
            decoding=(HeadsDecoder, "batch"),
            tagging=(jobs, "_tagged"),
            writing=(jobs, "_write_records" if format == "jsonl" else "_write_table"),
        ):
            start = time.perf_counter()
            tag_shard(job, shard)
            total = time.perf_counter() - start
        inside = ("tokenizer", "words", "network", "decoding")
        parts = {
            "parsing JSON": timers["parsing"],
            "tokenizer": timers["tokenizer"],
            "looking words up": timers["words"],
            "network": timers["network"],
            "decoding": timers["decoding"],
            "spans and columns": timers["tagging"] - sum(timers[name] for name in inside),
            "writing": timers["writing"],
        }
        parts["the rest"] = total - sum(parts.values())
        for name, seconds in parts.items():
            keep(f"{format}: {name}, microseconds per word", 1e6 * seconds / words)
        keep(f"{format}: all, words per second", words / total)


def shard_texts(data: bytes) -> Iterator[str]:
    """Yield the texts of jsonl."""
    for line in data.splitlines():
        yield json.loads(line)["text"]


# -------------------------------------------------------------------------------------------------- growth


def measure_growth(texts: Sequence[str], models: dict[int, tagsmith.Tagger], keep: Keep) -> None:
    """Measure one thread from words to spans: by labels, by sentence length, by words never seen."""
    english = tagsmith.load("en", threads=1)
    words = [word for text in texts for cut, _ in words_and_starts(text) for word in cut][:100_000]
    twenty = [words[start : start + 20] for start in range(0, len(words), 20)]

    def rate(tagger: tagsmith.Tagger, sentences: list[list[str]]) -> float:
        given = [tagsmith.Document(" ".join(one), (sentence_of(one),)) for one in sentences]
        start = time.perf_counter()
        tagger.tag_documents(given)
        return sum(map(len, sentences)) / (time.perf_counter() - start)

    for count, tagger in models.items():
        rate(tagger, twenty)
        keep(f"labels {count}, words per second", rate(tagger, twenty))
    rate(english, twenty)
    for length in LENGTHS:
        cut = [words[start : start + length] for start in range(0, len(words), length)]
        keep(f"sentences of {length}, words per second", rate(english, cut))
    for share in UNSEEN:
        draw = random.Random(time.perf_counter())
        new = [[f"{word}{draw.randrange(10**9)}" if draw.random() < share else word for word in one] for one in twenty]
        keep(f"unseen {share}, words per second", rate(english, new))


def sentence_of(words: Sequence[str]) -> tagsmith.Sentence:
    """Return a sentence of words with one space between them."""
    starts, place = [], 0
    for word in words:
        starts.append(place)
        place += len(word) + 1
    return tagsmith.Sentence(tuple(words), tuple(starts))


def models_of_labels(folder: Path) -> dict[int, tagsmith.Tagger]:
    """Train a model for each number of labels for a moment: its size counts, not what it has learned."""
    models = {}
    for count in LABELS:
        data = [([f"word{n % 50}", f"name{n}", "."], ["O", f"B-L{n % count}", "O"]) for n in range(max(200, 3 * count))]
        recipe = {"epochs": 1, "least_steps": 1}
        tagsmith.train(data, dev=data, out=folder / f"labels{count}", recipe=recipe, force=True)
        models[count] = tagsmith.load(folder / f"labels{count}", threads=1, precision="int8")
    return models


# -------------------------------------------------------------------------------------------------- agreement


def agreement(texts: Sequence[str]) -> dict[str, Any]:
    """Tag the same texts in blocks of other sizes; count what differs from the first answers."""
    found: dict[str, Any] = {}
    for precision in ("float32", "int8"):
        tagger = tagsmith.load("en", threads=1, precision=precision)
        first: list[tagsmith.Document] = []
        for size in (2048, 256, 16):
            tagged = [
                one for start in range(0, len(texts), size) for one in tagger.tag_texts(texts[start : start + size])
            ]
            if not first:
                first = tagged
                continue
            pairs = [
                pair
                for one, other in zip(first, tagged, strict=True)
                for before, now in zip(one.sentences, other.sentences, strict=True)
                for layer in tagger.layers
                for pair in zip(before.layers[layer], now.layers[layer], strict=True)
            ]
            scores = [
                {
                    (number, span.start, span.end, span.label): span.score or 0.0
                    for number, one in enumerate(several)
                    for span in one.spans
                }
                for several in (first, tagged)
            ]
            both = scores[0].keys() & scores[1].keys()
            found[f"{precision}, blocks of {size} rows"] = {
                "tags": len(pairs),
                "other tags": sum(one != other for one, other in pairs),
                "spans": len(scores[0]),
                "spans in one alone": len(scores[0].keys() ^ scores[1].keys()),
                "largest difference of scores": max(abs(scores[0][span] - scores[1][span]) for span in both),
            }
    return found


# -------------------------------------------------------------------------------------------------- the page


def draw(medians: dict[str, float], path: Path) -> None:
    """Draw how words a second fall with labels, sentence length and new words."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3, sharey=True)
    for panel, (title, name, values, log) in zip(
        panels,
        [
            ("types of spans", "labels {}", LABELS, True),
            ("tokens of a sentence", "sentences of {}", LENGTHS, True),
            ("share of words never seen", "unseen {}", UNSEEN, False),
        ],
        strict=True,
    ):
        rates = [medians[f"{name.format(value)}, words per second"] / 1000 for value in values]
        panel.plot(values, rates, marker=".")
        panel.set_xlabel(title)
        panel.grid(alpha=0.3)
        if log:
            panel.set_xscale("log", base=2)
            panel.set_xticks(values, [str(value) for value in values])
            panel.minorticks_off()
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("thousand words/s, one core")
    figure.savefig(path, dpi=100)


def report(values: dict[str, Any]) -> str:
    """Return the tables of the page."""
    medians, bytes_a_word, agreement = values["medians"], values["bytes_a_word"], values["agreement"]
    one, two = (medians[f"{name}, words per second"] for name in ("one worker", "two workers"))
    hours = 1e12 / bytes_a_word / one / 3600
    stages = [name for name in medians if name.startswith("jsonl: ") and name.endswith("per word")]
    whole = {form: 1e6 / medians[f"{form}: all, words per second"] for form in ("jsonl", "parquet")}
    cost = (
        f"Two workers do {two / one:.2f} times what one does. At the rate of one worker, **1 TB of such text "
        f"({bytes_a_word:.1f} bytes a word) takes {hours:,.0f} core-hours**, which is {hours * DOLLARS:,.0f} dollars "
        f"where a core costs {DOLLARS} dollars an hour."
    )
    lines = [
        "| from jsonl to jsonl on disk, start included | words/s |",
        "|---|--:|",
        *(
            f"| {name} | {medians[f'{key}, words per second']:,.0f} |"
            for name, key in [
                ("`--workers 1`", "one worker"),
                ("`--workers 2`", "two workers"),
                ("without `--workers`, two cores", "tagsmith tag, two cores"),
            ]
        ),
        "",
        textwrap.fill(cost, 118),
        "",
        "| one worker, microseconds a word | to jsonl | to Parquet |",
        "|---|--:|--:|",
    ]
    for name in stages:
        stage = name.removeprefix("jsonl: ").removesuffix(", microseconds per word")
        lines.append(f"| {stage} | {medians[name]:.2f} | {medians[f'parquet: {stage}, microseconds per word']:.2f} |")
    lines.append(f"| all | {whole['jsonl']:.2f} | {whole['parquet']:.2f} |")
    lines += ["", "| one process cuts files into shards | MB/s |", "|---|--:|"]
    lines += [
        f"| {kind} | {medians[f'cutting, {kind}, megabytes per second']:,.0f} |" for kind in ("plain", "gzip", "zstd")
    ]
    lines += [
        "",
        "| the same texts tagged in blocks of other sizes | tags | other tags | largest difference of scores |",
        "|---|--:|--:|--:|",
    ]
    for name, one in agreement.items():
        difference = f"{one['largest difference of scores']:.0e}" if one["largest difference of scores"] else "0"
        lines.append(f"| {name} | {one['tags']:,} | {one['other tags']:,} | {difference} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure; write the results, the plot and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=20, help="how many times the text is in the file")
    arguments = parser.parse_args()
    numbers: Numbers = {}

    def keep(name: str, number: float) -> None:
        numbers.setdefault(name, []).append(number)
        print(name, round(number, 3), flush=True)

    if arguments.rounds:
        texts = written_texts(from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu")
        words = sum(len(cut) for text in texts for cut, _ in words_and_starts(text))
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            file = folder / "texts.jsonl"
            file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts) * arguments.copies, "utf-8")
            size = file.stat().st_size / arguments.copies
            models = models_of_labels(folder)
            for _ in range(arguments.rounds):
                measure_workers(file, words * arguments.copies, folder, keep)
                measure_feeding(file, folder, keep)
                measure_stages(file, folder, keep)
                measure_growth(texts, models, keep)
        values = {
            "machine": describe_machine(), "rounds": arguments.rounds, "words": words * arguments.copies,
            "bytes_a_word": size / words, "agreement": agreement(texts),
            "medians": {name: statistics.median(several) for name, several in numbers.items()}, "all": numbers,
        }  # fmt: skip
        RESULTS.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
    values = json.loads(RESULTS.read_text("utf-8"))
    draw(values["medians"], PLOT)
    page = PAGE.read_text("utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{report(values)}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    main()
