"""The training loop: random batches, dev scores through the runtime, early stopping, the best epoch restored."""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
from rich.console import Console

from tagsmith.errors import TrainingError
from tagsmith.export.graphs import sentence_graph, word_graph
from tagsmith.formats.options import LayersKeywords
from tagsmith.model.folder import LayerTags, Model, check_target, write_model
from tagsmith.network.backend import keras
from tagsmith.network.batches import Batch, pack_rows, training_batches
from tagsmith.network.tagger_network import Dropout, TaggerNetwork
from tagsmith.scores.scores import Scores
from tagsmith.tagging.tagger import Tagger
from tagsmith.training.averaging import EVERY, Average
from tagsmith.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from tagsmith.training.display import Display, open_display
from tagsmith.training.fine_tuning import as_before, carried_over, fine_tuning_recipe, read_start, with_own_spans
from tagsmith.training.measure import deciding_score, layer_measures, score_text
from tagsmith.training.model_card import learning_curve, model_card
from tagsmith.training.optimizer import Optimizer
from tagsmith.training.partial import Groups, Partial, described, evaluate, load
from tagsmith.training.recipe import Recipe, choose_recipe
from tagsmith.training.step import make_step
from tagsmith.training.task import Task, prepare

Arrays = dict[str, npt.NDArray[Any]]
MOST_LOST = 0.001  # of the dev score, for a model to run in 8 bits: a tenth of a point of F1
LOSS_EVERY = 20  # steps between looks at the loss: each look waits for the device


def train(
    train: Groups,
    *,
    out: str | Path,
    dev: Groups | None = None,
    test: Groups | None = None,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    vectors: str | Path | None = None,
    seed: int = 0,
    partial: Partial | None = None,
    start: str | Path | None = None,
    format: str = "auto",
    resume: bool = False,
    console: Console | None = None,
    display: Display | None = None,
    **options: Unpack[LayersKeywords],
) -> Tagger:
    """Train a tagger and write its model folder.

    Parameters
    ----------
    train, dev, test
        Labeled files. Without ``dev`` a tenth of ``train`` is held out; ``test`` is scored once, at the end.
    out
        The model folder to write. While training, the run's state is kept beside it in ``<out>.training``.
    preset, recipe
        ``"fast"``, ``"balanced"`` or ``"accurate"``, and what to change in it: fields, a TOML file, or a whole recipe.
    vectors
        A file of pretrained word vectors, or the name of an installed package's.
    seed
        Decides everything random: same seed, machine and versions, same weights.
    partial
        True: each item of ``train`` (a file, or a list of files) is a corpus with labels of its own, and what it does
        not label is unknown there, see :mod:`tagsmith.training.partial`. A mapping does the same, and states all labels
        that files know: ``{"b.conll": ["PER", "LOC"]}``.
    start
        A model folder to go on from, see :mod:`tagsmith.training.fine_tuning`. Labels of it that ``train`` lacks are
        added there by the model itself; with ``partial`` True they are unknown, with False absent.
    format, options
        How to read the files, see :func:`tagsmith.corpus.corpus.read_sentences`. With several layers
        (``layer=("upos", "xpos")``) one network learns them all, each with an output layer and a CRF of its own.
    resume
        Go on from the last finished epoch of an interrupted run with the same arguments.
    console, display
        Where progress goes; default stderr. A display gets it in the console's place.

    Returns
    -------
    Tagger
        The model of the best epoch; in int8, unless that loses more than 0.1 points of the dev score.

    Raises
    ------
    InputError
        The files, the recipe or the vectors cannot be used.
    TrainingError
        The loss is not finite; the best model so far is in ``out``.
    KeyboardInterrupt
        After Ctrl-C, once the best model so far has been written to ``out``.

    Examples
    --------
    >>> tagger = train("train.conll", dev="dev.conll", out="model/")  # doctest: +SKIP
    """
    out = Path(out)
    check_target(out)
    console = console or Console(stderr=True, file=sys.stderr)
    model = read_start(start, out, vectors) if start is not None else None
    before = as_before(model) if model else None
    chosen = fine_tuning_recipe(model, preset, recipe) if model else choose_recipe(preset, recipe)
    corpus = load(train, dev, test, partial=partial, before=before, format=format, seed=seed, **options)
    if model and partial is None:
        corpus = with_own_spans(corpus, model)
    task = prepare(corpus, chosen, vectors, seed, model)
    run = Run(task, chosen, seed, out)
    if resume:
        run.resume()
    shown = nullcontext(display) if display else open_display(console, run.steps_per_epoch, chosen.epochs)
    with shown as display:
        _describe(task, display)
        run.warm_up(display)
        try:
            run.train(display)
        except (KeyboardInterrupt, TrainingError):
            if run.best:
                _finish(run, display)
            raise
        tagger = _finish(run, display)
    shutil.rmtree(run.folder, ignore_errors=True)
    return tagger


def _describe(task: Task, display: Display) -> None:
    corpus = task.corpus
    held = f"{len(corpus.train):,} train, {len(corpus.dev):,} dev, {len(corpus.test):,} test sentences"
    kinds = f"scheme {corpus.scheme.value}; {len(task.tags)} tags"
    if task.further:
        every = [(corpus.layer, corpus.scheme, task.tags), *((f.name, f.scheme, f.tags) for f in task.further)]
        kinds = "; ".join(f"layer {name}, scheme {scheme.value}, {len(tags)} tags" for name, scheme, tags in every)
    display.message(f"{held}; {task.encoded.tokens:,} tokens; {kinds}")
    for line in described(corpus, own_labels=task.start is not None):
        display.message(line)
    for number, problem in enumerate((*corpus.problems, *corpus.repairs)):
        if number == 5:
            more = len(corpus.problems) + len(corpus.repairs) - 5
            display.message(f"… and {more:,} more; 'tagsmith inspect' lists them all")
            break
        display.message(str(problem))


class Run:
    """One training run: the network and everything that changes while it trains."""

    def __init__(self, task: Task, recipe: Recipe, seed: int, out: Path) -> None:
        self.task, self.recipe, self.seed, self.out = task, recipe, seed, out
        self.folder = out.with_name(out.name + ".training")
        rates = (
            recipe.word_dropout,
            recipe.hidden_dropout,
            recipe.recurrent_dropout,
            recipe.variational_dropout,
        )
        self.network = TaggerNetwork(
            task.architecture,
            task.vocabulary,
            task.allowed,
            task.pretrained,
            Dropout(*rates),
            seed,
            [own.allowed for own in task.further],
            task.possible,
        )
        if task.start is not None:
            self.network.assign(carried_over(self.network.arrays(), task.start, task.vocabulary, task.tags))
        # Sentences are packed anew in each epoch, so that its number of steps differs by a few.
        self.steps_per_epoch = len(
            pack_rows(task.encoded.lengths, task.rows, recipe.batch_tokens, np.random.default_rng([seed, 0]))
        )
        weights = self.network.learned_weights()
        table = weights.pop("word/trained")
        self.optimizer = Optimizer(recipe, self.steps_per_epoch, list(weights.values()), table)
        self.step = make_step(self.network, self.optimizer)
        self.progress = Progress()
        self.best: Arrays = {}
        self.average = self._new_average(self.network.arrays(), 0)

    def _new_average(self, arrays: Arrays, updates: int) -> Average | None:
        horizon = self.recipe.average_epochs * self.steps_per_epoch
        return Average(horizon, arrays, updates) if horizon else None

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        recipe, task = self.recipe, self.task
        return training_batches(
            task.encoded, task.rows, recipe.batch_tokens, rng, recipe.unknown_rate, recipe.unknown_count
        )

    # --- the loop

    def warm_up(self, display: Display) -> None:
        """Compile the step for every batch shape that an epoch is likely to hold."""
        rng = np.random.default_rng([self.seed, 0])
        examples = {(batch.words.shape, len(batch.forms.shapes)): batch for batch in self._batches(rng)}
        start = time.perf_counter()
        self.step.warm_up([(b, self.network.dropout.draw(rng, b, self.task.architecture)) for b in examples.values()])
        display.message(f"step ready for {len(examples)} batch shapes after {time.perf_counter() - start:.1f} s")

    def train(self, display: Display, after_epoch: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Train until the last epoch or until the dev score has not risen for ``patience`` epochs.

        ``after_epoch`` gets each epoch's entry of the history in place of a checkpoint; what it raises ends the run.
        """
        progress = self.progress
        while progress.epoch < self.recipe.epochs:
            if progress.epoch - progress.risen_epoch >= self.recipe.patience:
                break
            entry = self._train_epoch(progress.epoch + 1, display)
            arrays = _as_stored(self.average.arrays if self.average else self.network.arrays())
            # The loss of an epoch's last step says nothing of the weights after it.
            if not all(np.isfinite(array).all() for array in arrays.values()):
                raise _not_finite("The weights are no longer finite", progress.epoch + 1)
            scores = self._score_dev(arrays)
            score = self.measured(scores)
            entry |= {"dev": score, "measure": self.task.measure, "best": score >= progress.best_score}
            if scores.layers:
                entry["layers"] = layer_measures(self.task, scores)
            # Of epochs with the same score the last: on a handful of dev sentences all may have the same, and the first
            # has learned least.
            if entry["best"]:
                progress.best_score, progress.best_epoch = score, entry["epoch"]
                self.best = {name: array.copy() for name, array in arrays.items()}
            progress.epoch += 1
            progress.history.append(entry)
            left = min(self.recipe.epochs, progress.risen_epoch + self.recipe.patience) - progress.epoch
            entry["seconds_left"] = round(left * entry["seconds"], 1)
            if after_epoch:
                after_epoch(entry)
            else:
                self.save()
            display.epoch(entry)

    def _train_epoch(self, epoch: int, display: Display) -> dict[str, Any]:
        start = time.perf_counter()
        total, tokens = 0.0, 0
        waiting: list[tuple[Any, int]] = []
        rng = np.random.default_rng([self.seed, epoch])
        for number, batch in enumerate(self._batches(rng), 1):
            noise = self.network.dropout.draw(rng, batch, self.task.architecture)
            waiting.append((self.step(batch, noise), int((batch.sentences > 0).sum())))
            tokens += waiting[-1][1]
            if number % LOSS_EVERY == 0 or tokens == self.task.encoded.tokens:
                total += sum(float(loss) * count for loss, count in waiting)
                waiting.clear()
                if not math.isfinite(total):
                    raise _not_finite(f"The loss became {total}", epoch)
                display.step(epoch, number, total / tokens, tokens / (time.perf_counter() - start))
            if number % EVERY == 0:
                self.update_average()
        self.step.synchronize()
        if number < EVERY:
            self.update_average()
        seconds = time.perf_counter() - start
        return {
            "epoch": epoch,
            "loss": total / tokens,
            "tokens": tokens,
            "seconds": round(seconds, 3),
            "tokens_per_second": round(tokens / seconds, 1),
        }

    def update_average(self) -> None:
        """Take the present weights into the average, if there is one."""
        if self.average:
            self.average.update(self.step.arrays())

    def _score_dev(self, arrays: Arrays) -> Scores:
        tagger = Tagger(self.model(arrays), precision="float32")
        return self.scores(tagger, "dev")

    def scores(self, tagger: Tagger, part: str) -> Scores:
        """Score a tagger on ``"dev"`` or ``"test"``, each sentence on the labels that it knows."""
        corpus = self.task.corpus
        members = getattr(corpus.knowledge, part) if corpus.knowledge else ()
        return evaluate(tagger, getattr(corpus, part), corpus.knowledge, members)

    def measured(self, scores: Scores) -> float:
        """The score that decides: F1 of spans, or the accuracy of plain tags; of several layers, the mean of theirs."""
        return deciding_score(self.task, scores)

    # --- what a run keeps

    def model(self, arrays: Arrays, **more: Any) -> Model:
        """Return the tagger with these weights, in float32 alone."""
        task = self.task
        weights = dict(arrays)
        if task.pretrained is not None:
            weights |= {"word/pretrained": task.pretrained[0], "word/scales": task.pretrained[1]}
        graphs = {
            "words.onnx": word_graph(weights, task.architecture),
            "sentences.onnx": sentence_graph(weights, task.architecture),
        }
        return Model(
            task.architecture,
            task.vocabulary,
            task.tags,
            task.corpus.scheme,
            task.corpus.layer,
            weights,
            graphs,
            {**self.recipe.as_dict(), "seed": self.seed},
            further=tuple(LayerTags(own.name, own.scheme, own.tags) for own in task.further),
            **more,
        )

    def save(self) -> None:
        """Write the checkpoint."""
        optimizer = {str(number): _array(v) for number, v in enumerate(self.optimizer.variables)}
        groups: dict[str, Mapping[str, npt.NDArray[Any]]] = {
            "weights": self.network.arrays(),
            "optimizer": optimizer,
            "best": self.best,
        }
        if self.average:
            self.progress.updates = self.average.updates
            groups["average"] = self.average.arrays
        save_checkpoint(self.folder, self.task.identity, self.progress, groups)

    def resume(self) -> None:
        """Take up the run where its last checkpoint left it."""
        self.progress, groups = load_checkpoint(self.folder, self.task.identity)
        self.network.assign(groups["weights"])
        for number, variable in enumerate(self.optimizer.variables):
            variable.assign(groups["optimizer"][str(number)])
        self.best = groups["best"]
        if self.average:
            self.average = self._new_average(groups["average"], self.progress.updates)
        self.step.reload()


def _as_stored(arrays: Arrays) -> Arrays:
    """Round the word table, the largest array by far, to float16: what is scored is what is kept and shipped."""
    return {**arrays, "word/trained": arrays["word/trained"].astype(np.float16)}


def _not_finite(problem: str, epoch: int) -> TrainingError:
    return TrainingError(
        f"{problem} in epoch {epoch}. "
        "Use a lower learning_rate or clip_norm in the recipe, and check the vectors for odd values."
    )


def _array(variable: Any) -> npt.NDArray[Any]:
    return np.asarray(keras.ops.convert_to_numpy(variable.value))


def _finish(run: Run, display: Display) -> Tagger:
    """Write the model folder of the best epoch, with its scores, and load it."""
    corpus = run.task.corpus
    model = run.model(run.best)
    model = replace(
        model,
        graphs={
            **model.graphs,
            "sentences.int8.onnx": sentence_graph(model.weights, model.architecture, int8=True),
        },
    )
    model, dev_scores = _choose_precision(run, model, display)
    tagger = Tagger(model)
    found = {"dev": dev_scores}
    if corpus.test:
        found["test"] = run.scores(tagger, "test")
    scores = {part: own.as_dict() for part, own in found.items()}
    extras = {
        "README.md": model_card(run.task, run.recipe, scores, run.progress).encode(),
        "history.jsonl": "".join(json.dumps(entry) + "\n" for entry in run.progress.history).encode(),
        "learning_curve.png": learning_curve(run.progress.history),
    }
    write_model(replace(model, scores=scores, extras=extras), run.out)
    best = f"best epoch {run.progress.best_epoch}"
    display.message(f"{best}; " + "; ".join(f"{part} {score_text(run.task, own)}" for part, own in found.items()))
    display.message(f"model written to {run.out}")
    return tagger


def _choose_precision(run: Run, model: Model, display: Display) -> tuple[Model, Scores]:
    """Let an LSTM run in 8 bits unless that costs more than ``MOST_LOST`` of the dev score; others cannot."""
    exact = run.scores(Tagger(model, precision="float32"), "dev")
    if model.architecture.cell != "lstm":
        return replace(model, precision="float32"), exact
    rounded = run.scores(Tagger(model, precision="int8"), "dev")
    lost = run.measured(exact) - run.measured(rounded)
    if lost <= MOST_LOST:
        return replace(model, precision="int8"), rounded
    display.message(
        f"8-bit kernels would lose {100 * lost:.2f} points of dev {run.task.measure}: "
        "the model runs in float32 unless told otherwise"
    )
    return replace(model, precision="float32"), exact
