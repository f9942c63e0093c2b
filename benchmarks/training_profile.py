"""The time of a training step, part by part, beside the time that its arithmetic alone would take.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/training_profile.py

UD English EWT, balanced preset, JAX. Each part is compiled and run alone, forward and backward, on a batch of the most
common shape. The floor is the number of operations in its matrix products, divided by the rate of a large matrix
product in the same run. Medians in milliseconds per step. Writes ``benchmarks/results/training_profile.json``.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np

from corpora import corpora, vectors
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.corpus import read_corpus
from tagsmith.network.backend import keras
from tagsmith.network.batches import split_batch
from tagsmith.network.tagger_network import split_noise
from tagsmith.training.loop import TrainingRun
from tagsmith.training.recipe import make_recipe
from tagsmith.training.task import prepare

RESULTS = Path(__file__).parent / "results" / "training_profile.json"
ROUNDS = 30
HALVES = ThreadPoolExecutor(2)


def milliseconds(call: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Measure the median time of a call until its result is ready."""
    jax.block_until_ready(call())
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def gradient(loss: Callable[..., Any], variables: list[Any], *inputs: Any) -> Callable[[], Any]:
    """Compile a loss and its gradient with respect to Keras variables, and to the first input if it is a JAX array."""

    def stateless(values: list[Any], *given: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return loss(*given)

    compiled = jax.jit(
        jax.value_and_grad(stateless, argnums=(0, 1) if isinstance(inputs[0], jax.Array) else 0),
        compiler_options={"xla_cpu_multi_thread_eigen": False},
    )
    values = [variable.value for variable in variables]

    def run(_: int) -> Any:
        return jax.block_until_ready(compiled(values, *inputs))

    return lambda: list(HALVES.map(run, range(2)))


def main() -> None:
    """Measure and write the results."""
    recipe = make_recipe("balanced")
    with tempfile.TemporaryDirectory() as folder:
        files = corpora(Path(folder))["ud_english_ewt"]
        corpus = read_corpus(files.train, files.dev, None, **files.options)
        task = prepare(corpus, recipe, vectors(), 0)
        run = TrainingRun(task, recipe, 0, Path(folder) / "model")
        parts = profile(run)
    RESULTS.write_text(json.dumps({"machine": describe_machine(), **parts}, indent=2) + "\n", "utf-8")
    print(json.dumps(parts, indent=2))


def profile(run: TrainingRun) -> dict[str, Any]:
    """Measure the parts of a step."""
    network, a = run.network, run.task.architecture
    batches = list(run._batches(np.random.default_rng(0)))
    steps = statistics.mode(batch.words.shape[1] for batch in batches)
    batch = next(batch for batch in batches if batch.words.shape[1] == steps)
    noise = network.dropout.draw(np.random.default_rng(0), batch, a)
    half, _ = split_batch(batch, 2)
    rows, tags = len(half.words), len(run.task.corpus.layers[0].tags)
    tokens, forms = 2 * rows * steps, 2 * len(half.forms.shapes)
    letters = forms * half.forms.characters.shape[1] + sum(2 * places.size for places in half.long)
    rng = np.random.default_rng(0)
    encodings = jax.numpy.asarray(rng.normal(0, 1, (rows, steps, a.encoding_size)).astype(np.float32))
    emissions = jax.numpy.asarray(rng.normal(0, 1, (rows, steps, tags)).astype(np.float32))
    layer, crf = network.recurrent[0], network.crfs[0]
    assert crf is not None
    recurrent_variables = [v for weights in layer.weights.values() for v in weights.values()]
    table = network.word_encoder.tables["trained"]
    words = network.word_encoder.named_weights().values()
    word_variables = [variable for variable in words if variable.trainable and variable is not table]
    trained = network.word_encoder.trained_rows(batch.trained)
    total = keras.ops.sum
    gates, ways = 4 * a.units, len(a.directions)
    # Operations of the products in the forward pass; the backward pass takes twice as many.
    operations = {
        "recurrent layer": 2.0 * tokens * ways * gates * (a.encoding_size + a.units),
        "words: characters, vectors, shapes": 2.0 * letters * a.character_width * a.character_dim * a.character_units,
        "CRF": 2.0 * tokens * tags * tags,
    }
    rate = _product_rate()
    start = time.perf_counter()
    epoch = list(run._batches(np.random.default_rng(1)))
    assembled = 1000 * (time.perf_counter() - start) / len(epoch)
    parts = {
        "recurrent layer": gradient(lambda x, n: total(layer(x, n)), recurrent_variables, encodings, half.sentences),
        "words: characters, vectors, shapes": gradient(
            lambda t, f, long: total(network.word_encoder(f, t, long)), word_variables, trained, half.forms, half.long
        ),
        "CRF": gradient(
            lambda e, t, s: total(crf(e, t, s)),
            [crf.start, crf.between, crf.end],
            emissions,
            half.tags[0],
            half.sentences,
        ),
    }
    times: dict[str, dict[str, float]] = {}
    for name, call in parts.items():
        floor = 3 * operations[name] / rate * 1000
        times[name] = {"milliseconds": round(milliseconds(call), 2), "floor": round(floor, 2)}
    step: Any = run.step
    gradients = [
        step._gradients(*inputs)[1] for inputs in zip(split_batch(batch, 2), split_noise(noise, 2), strict=True)
    ]
    shares = np.full(2, 0.5, np.float32)

    def update() -> Any:
        step.values = step.update(step.values, shares, gradients, batch.trained)
        return step.values

    times["optimizer"] = {"milliseconds": round(milliseconds(update), 2)}
    times["batches: packing and gathering"] = {"milliseconds": round(assembled, 2)}
    draw = lambda: network.dropout.draw(rng, batch, a)  # noqa: E731
    times["dropout's random bytes"] = {"milliseconds": round(milliseconds(draw), 2)}
    cut = lambda: (split_batch(batch, 2), split_noise(noise, 2))  # noqa: E731
    times["halving a batch"] = {"milliseconds": round(milliseconds(cut), 2)}
    times["averaging, per step"] = {"milliseconds": round(milliseconds(run.update_average, 10) / 10, 2)}
    whole = milliseconds(lambda: step(batch, noise))
    times["whole step without the host's parts"] = {"milliseconds": round(whole, 2)}
    start = time.perf_counter()
    run.score_dev(run.network.arrays())
    evaluation = time.perf_counter() - start
    return {
        "batch": {
            "rows": 2 * rows,
            "sentences": int(batch.sentences.max(1).sum()),
            "steps": steps,
            "word_forms": forms,
            "tags": tags,
        },
        "real_tokens_per_padded_token": round(run.task.encoded.tokens / sum(batch.words.size for batch in epoch), 3),
        "product_gigaflops": round(rate / 1e9, 1),
        "parts": times,
        "evaluation_seconds_per_epoch": round(evaluation, 2),
        "steps_per_epoch": len(epoch),
    }


def _product_rate() -> float:
    """Floating-point operations per second of a large product in JAX."""
    matrix = jax.numpy.ones((2048, 2048), jax.numpy.float32)
    product = jax.jit(lambda m: m @ m)
    return 2.0 * 2048**3 / (milliseconds(lambda: product(matrix), 5) / 1000)


if __name__ == "__main__":
    main()
