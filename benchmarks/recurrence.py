"""Two ways to run an LSTM, by batch size: ONNX Runtime's operator, and a loop that uses finished input products.

    python benchmarks/recurrence.py

The network is that of the balanced preset (LSTM 158→2×200, 17 tags) with random weights. It reads sentences of 20
tokens on one thread. The two ways are timed in turn, in microseconds per token; medians of seven rounds. Writes
``benchmarks/results/recurrence.json``, from which ``LOOP_FROM`` in ``tagsmith/graphs/tagger_graphs.py`` follows.
"""

from __future__ import annotations

import json
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tagsmith.cli.speed import describe_machine
from tagsmith.graphs.builder import Graph, Kind
from tagsmith.graphs.onnx_messages import Shape
from tagsmith.graphs.session import OpenGraph
from tagsmith.graphs.tagger_graphs import _with_loop, _with_operators
from tagsmith.model.architecture import Architecture
from tagsmith.model.vectors import quantize_rows

RESULTS = Path(__file__).parent / "results" / "recurrence.json"
ROUNDS, STEPS, TAGS, FORMS = 7, 20, 17, 8000
BATCHES = (1, 4, 8, 12, 16, 32, 64, 128, 256)
WAYS = {"operator": _with_operators, "loop": _with_loop}
A = Architecture()


def random_weights(rng: np.random.Generator) -> dict[str, Any]:
    """Draw weights of the usual size."""
    shapes = {"output/kernel": (A.state_size, TAGS), "output/bias": (TAGS,)}
    for way in A.directions:
        shapes[f"sentence/0/{way}/kernel"] = (A.encoding_size, 4 * A.units)
        shapes[f"sentence/0/{way}/recurrent_kernel"] = (A.units, 4 * A.units)
        shapes[f"sentence/0/{way}/bias"] = (4 * A.units,)
    return {name: rng.normal(0, 0.08, shape).astype(np.float32) for name, shape in shapes.items()}


def session(weights: dict[str, Any], way: str, int8: bool) -> OpenGraph:
    """Open the sentence graph with only one of the two ways."""
    g = Graph()
    state: Shape = [len(A.directions), "B", A.units]
    inputs: dict[str, Kind] = {
        "encodings": ("float16" if int8 else "float32", ["n", A.encoding_size]),
        "projections": ("int8" if int8 else "float32", ["rows", 4 * A.units]),
        "scales": ("float32", ["rows", 4]),
        "tokens": ("int32", ["T", "B"]),
        "lengths": ("int32", ["B"]),
        "hidden": ("float32", state),
        "memory": ("float32", state),
    }
    results = WAYS[way](g, weights, A, int8)
    return OpenGraph(g.build(inputs, {"emissions": (results[0], ("float32", ["T", "B", TAGS]))}), way)


def feed(weights: dict[str, Any], batch: int, int8: bool, rng: np.random.Generator) -> dict[str, Any]:
    """Draw a batch of random words."""
    encodings = rng.normal(0, 1, (FORMS, A.encoding_size)).astype(np.float32)
    products = [encodings @ weights[f"sentence/0/{way}/kernel"] for way in A.directions]
    projections = np.stack(products, axis=1).reshape(-1, A.units)
    values, scales = quantize_rows(projections)
    state = np.zeros((len(A.directions), batch, A.units), np.float32)
    return {
        "encodings": encodings.astype(np.float16 if int8 else np.float32),
        "projections": (values if int8 else projections).reshape(-1, 4 * A.units),
        "scales": scales.reshape(-1, 4),
        "tokens": rng.integers(0, FORMS, (STEPS, batch)).astype(np.int32),
        "lengths": np.full(batch, STEPS, np.int32),
        "hidden": state,
        "memory": state,
    }


def microseconds(run: Any, tokens: int) -> float:
    """Measure the time per token, over enough calls."""
    calls = max(1, 20_000 // tokens)
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return 1e6 * (time.perf_counter() - start) / calls / tokens


def main() -> None:
    """Measure and write the results."""
    rng = np.random.default_rng(0)
    weights = random_weights(rng)
    results: dict[str, dict[str, dict[str, float]]] = {}
    for precision in ("int8", "float32"):
        int8 = precision == "int8"
        results[precision] = {}
        sessions = {way: session(weights, way, int8) for way in WAYS}
        for batch in BATCHES:
            inputs = feed(weights, batch, int8, rng)
            runs = {way: partial(one.run, _known(one, inputs)) for way, one in sessions.items()}
            times: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(ROUNDS + 1):
                for way, run in runs.items():
                    times[way].append(microseconds(run, STEPS * batch))
            results[precision][str(batch)] = {
                way: round(statistics.median(rounds[1:]), 2) for way, rounds in times.items()
            }
            print(precision, batch, results[precision][str(batch)], flush=True)
    result = {"machine": describe_machine(), "microseconds_per_token_by_sentences_in_a_batch": results}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def _known(one: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: inputs[name] for name in one.inputs}


if __name__ == "__main__":
    main()
