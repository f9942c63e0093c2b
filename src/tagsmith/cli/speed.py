"""Speed of a model on this machine: throughput, latency, start and memory, beside what the processor could do."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith import __version__
from tagsmith.errors import TagsmithError
from tagsmith.graphs.session import RUNTIME_VERSION, OpenGraph
from tagsmith.graphs.tagger_graphs import product_graph
from tagsmith.model.architecture import Architecture
from tagsmith.model.folder import Model, read_model
from tagsmith.tagging.batching import available_processors
from tagsmith.tagging.tagger import Tagger

Words = Sequence[Sequence[str]]
CEILING_ROWS = (128, 512, 2048)
LATENCY_CALLS = 1000
LATENCY_TOKENS = range(18, 23)  # lengths that stand for a sentence of 20 tokens
STARTS = 5  # fresh processes
SAMPLES = 20  # looks at the memory while new words come in


def measure_speed(
    folder: Path, sentences: Words, *, threads: int, rounds: int = 7, new_tokens: int = 0
) -> dict[str, Any]:
    """Measure everything that ``tagsmith bench`` prints.

    Each round measures every throughput once, so whatever else the machine does slows all of them alike. All but "cold"
    have seen the word forms before (as many as the word table holds).

    Parameters
    ----------
    folder
        A model folder.
    sentences
        Words to tag; as text they are joined by spaces, with a blank line between sentences.
    threads
        Batches at the same time; the latency is always measured with one thread.
    rounds
        Rounds that the medians are taken over.
    new_tokens
        Tag this many different new words too, to see whether the memory stays flat.

    Returns
    -------
    dict
        JSON values; throughput in tokens per second, latency in milliseconds, memory and sizes in megabytes.
    """
    model = read_model(folder)
    ceilings = _ceilings(model.architecture, threads, rounds)
    return {
        "machine": describe_machine(),
        "threads": threads,
        "rounds": rounds,
        "sentences": len(sentences),
        "tokens": sum(map(len, sentences)),
        "tags": sum(len(layer.tags) for layer in model.layers),
        "architecture": model.architecture.as_dict(),
        "throughput": _throughput(model, sentences, threads, rounds, ceilings),
        "ceiling": ceilings,
        "latency": _latency(model, sentences),
        "start": _start(folder, sentences),
        "model_megabytes": round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6, 1),
        "vocabulary": len({*model.vocabulary.words, *model.vocabulary.pretrained}),
        "new_words": _new_words(folder, new_tokens) if new_tokens else None,
    }


# ---------------------------------------------------------------------------------------------- throughput


def _throughput(
    model: Model, sentences: Words, threads: int, rounds: int, ceilings: dict[str, float]
) -> dict[str, dict[str, Any]]:
    exact = tagger = Tagger(model, precision="float32", threads=threads)
    if model.architecture.cell == "lstm":  # the others have no 8-bit form
        tagger = Tagger(model, precision="int8", threads=threads)
    kind, text = tagger.precision, "\n\n".join(map(" ".join, sentences))

    def tag(by: Tagger, **options: Any) -> float:
        """Tag with every layer; return the seconds."""
        return _seconds(partial(by.tag if len(by.layers) == 1 else by.tag_layers, sentences, **options))

    measures: dict[str, Callable[[], float]] = {
        f"words to tags, {kind}": lambda: tag(tagger),
        "words to tags, float32": lambda: tag(exact),
        f"words to tags, {kind}, cold": lambda: tag(Tagger(model, precision=kind, threads=threads)),
        f"words to tags and tag probabilities, {kind}": lambda: _seconds(lambda: tagger.tag_marginals(sentences)),
    }
    if tagger.gives_spans:
        measures[f"words to tags and span probabilities, {kind}"] = lambda: tag(tagger, threshold=0.0)
    measures[f"text to spans, {kind}"] = lambda: _seconds(lambda: tagger(text))
    for warm in (exact, tagger):
        warm.tag(sentences)
    words, tokens = sum(map(len, sentences)), sum(map(len, tagger(text).sentences))  # the tokenizer may cut otherwise
    rates: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            rates[name].append((tokens if name.startswith("text") else words) / measure())
    kinds = {name: "float32" if "float32" in name else "int8" for name in measures}
    return {name: _rate(values, ceilings.get(kinds[name])) for name, values in rates.items()}


def _rate(rates: Sequence[float], ceiling: float | None) -> dict[str, Any]:
    median = statistics.median(rates)
    share = round(median / ceiling, 3) if ceiling else None
    return {"median": round(median), "min": round(min(rates)), "max": round(max(rates)), "share_of_ceiling": share}


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# ------------------------------------------------------------------------------------------------- the ceiling


def _ceilings(a: Architecture, threads: int, rounds: int) -> dict[str, float]:
    """Tokens per second if only the first layer's recurrent products h U were computed.

    No implementation can leave these out; the input products can be computed once per word form. The products are
    ONNX Runtime's, on ``threads`` threads at once, at the fastest batch size. Empty for cells other than the LSTM.
    """
    if a.cell != "lstm":
        return {}
    kernel = np.random.default_rng(0).standard_normal((a.units, 4 * a.units)).astype(np.float32)
    ceilings: dict[str, float] = {}
    for precision, kind in (("int8", np.uint8), ("float32", np.float32)):
        graph = OpenGraph(product_graph(kernel, int8=precision == "int8"), "a product")
        rates = [_product_rate(graph, np.ones((rows, a.units), kind), threads, rounds) for rows in CEILING_ROWS]
        ceilings[precision] = round(max(rates) / len(a.directions))
    return ceilings


def _product_rate(graph: OpenGraph, states: npt.NDArray[Any], threads: int, rounds: int) -> float:
    """Rows multiplied per second by ``threads`` threads at once."""
    count = 100_000 // len(states)

    def multiply(_: int) -> None:
        for _ in range(count):
            graph.run({"states": states})

    with ThreadPoolExecutor(threads) as pool:
        times = [_seconds(lambda: list(pool.map(multiply, range(threads)))) for _ in range(rounds)]
    return threads * count * len(states) / statistics.median(times)


# ------------------------------------------------------------------------------------------ latency and start


def _latency(model: Model, sentences: Words) -> dict[str, Any]:
    """Milliseconds from the text of one sentence of about 20 tokens to its spans, with one thread."""
    tagger = Tagger(model, threads=1)
    texts = [" ".join(sentence) for sentence in sentences if len(sentence) in LATENCY_TOKENS][:LATENCY_CALLS]
    if not texts:
        texts = [" ".join([word for sentence in sentences for word in sentence][:20])]
    for text in texts:
        tagger(text)
    calls = (texts * (LATENCY_CALLS // len(texts) + 1))[:LATENCY_CALLS]
    times = sorted(1000 * _seconds(partial(tagger, text)) for text in calls)
    p99 = times[int(0.99 * len(times))]
    return {"calls": len(times), "median_ms": round(statistics.median(times), 3), "p99_ms": round(p99, 3)}


_START = """
import json, sys, time
start = time.perf_counter()
import tagsmith
tagger = tagsmith.load(sys.argv[1])
tagger("John lives in New York.")
seconds = time.perf_counter() - start
from tagsmith.cli.speed import resident_megabytes
first = resident_megabytes()
for _ in tagger.tag_stream(map(json.loads, sys.stdin)):
    pass
print(json.dumps([seconds, first, resident_megabytes()]))
"""
_NEW_WORDS = """
import json, sys
import tagsmith
from tagsmith.cli.speed import SAMPLES, new_sentences, resident_megabytes
tagger, memory = tagsmith.load(sys.argv[1]), []
for part in range(SAMPLES):
    for _ in tagger.tag_stream(new_sentences(int(sys.argv[2]) // SAMPLES, part)):
        pass
    memory.append(resident_megabytes())
print(json.dumps(memory))
"""


def _start(folder: Path, sentences: Words) -> dict[str, Any]:
    """Seconds to import, load and tag once in a fresh process, and its memory then and after a stream of the data."""
    lines = "".join(json.dumps(list(words)) + "\n" for words in sentences)
    runs = [_fresh(_START, folder, lines=lines) for _ in range(STARTS)]
    seconds, first, after = (statistics.median(values) for values in zip(*runs, strict=True))
    return {
        "processes": STARTS,
        "seconds": round(seconds, 3),
        "memory_after_first_tag_mb": round(first, 1),
        "memory_after_data_mb": round(after, 1),
    }


def _new_words(folder: Path, tokens: int) -> dict[str, Any]:
    """Memory of a process that tags nothing but new words."""
    memory = _fresh(_NEW_WORDS, folder, tokens)[SAMPLES // 10 :]
    return {"tokens": tokens, "least_mb": round(min(memory), 1), "most_mb": round(max(memory), 1)}


def _fresh(code: str, *arguments: object, lines: str = "") -> Any:
    """Run code in a process of its own; return what it prints as JSON."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TagsmithError(f"A fresh process failed: {(done.stderr.strip().splitlines() or ['killed'])[-1]}")
    return json.loads(done.stdout)


def new_sentences(tokens: int, part: int) -> Iterable[list[str]]:
    """Make sentences of 20 words, none of which occurs twice in any part."""
    for first in range(0, tokens, 20):
        yield [f"w{part}x{number}" for number in range(first, min(tokens, first + 20))]


def resident_megabytes() -> float:
    """Return this process's resident memory; without Linux its peak, on Windows 0, as Python has no number for it."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        try:
            import resource
        except ImportError:
            return 0.0
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / 1e6 if sys.platform == "darwin" else most / 1e3


def describe_machine() -> dict[str, Any]:
    """Name the processor and the versions that the numbers depend on."""
    processor = platform.processor() or platform.machine()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": processor,
        "processors": available_processors(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": RUNTIME_VERSION,
        "tagsmith": __version__,
    }
