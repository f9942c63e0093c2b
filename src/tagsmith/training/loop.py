"""The training loop: random batches, dev scores through the tagging engine, early stopping, checkpoints."""

from __future__ import annotations

import importlib
import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith import __version__
from tagsmith.errors import TrainingError
from tagsmith.model.folder import Model
from tagsmith.model.weights import first_unsound
from tagsmith.network.backend import keras
from tagsmith.network.batches import Batch, pack_rows, training_batches
from tagsmith.network.tagger_network import Dropout, Output, TaggerNetwork
from tagsmith.scores.scores import Scores
from tagsmith.tagging.batching import available_processors
from tagsmith.tagging.tagger import Tagger
from tagsmith.training.averaging import EVERY, Average
from tagsmith.training.best_epoch import epochs_left
from tagsmith.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from tagsmith.training.dev_loss import DevLoss
from tagsmith.training.display import Display
from tagsmith.training.fine_tuning import carried_over
from tagsmith.training.measure import deciding_measure, deciding_score, layer_scores, score_predicted
from tagsmith.training.optimizer import Optimizer
from tagsmith.training.recipe import Recipe
from tagsmith.training.step import make_step
from tagsmith.training.target import BEST
from tagsmith.training.task import Task

Arrays = dict[str, npt.NDArray[Any]]
LOSS_EVERY = 20  # steps between looks at the loss: each look waits for the device


class TrainingRun:
    """One training run: the network and everything that changes while it trains.

    Parameters
    ----------
    task, recipe, seed
        What is trained, and how.
    folder
        Where checkpoints are kept.
    devices
        On how many devices.
    """

    def __init__(self, task: Task, recipe: Recipe, seed: int, folder: Path, devices: int = 1) -> None:
        self.task, self.recipe, self.seed, self.folder = task, recipe, seed, folder
        layers = task.corpus.layers
        self.network = TaggerNetwork(
            task.architecture,
            task.vocabulary,
            [Output(layer.transitions, possible) for layer, possible in zip(layers, task.possible, strict=True)],
            task.pretrained,
            Dropout(recipe.word_dropout, recipe.hidden_dropout, recipe.recurrent_dropout, recipe.variational_dropout),
            seed,
        )
        if task.start is not None:
            self.network.assign(carried_over(self.network.arrays(), task.start, task.vocabulary, layers))
        # Sentences are packed anew in each pass, so that its number of steps differs by a few.
        steps = len(pack_rows(task.encoded.lengths, task.rows, recipe.batch_tokens, np.random.default_rng([seed, 0])))
        self.passes = max(1, round(recipe.least_steps / steps))  # over the corpus in an epoch
        self.steps_per_epoch = self.passes * steps
        weights = self.network.learned_weights()
        table = weights.pop("word/trained")
        self.optimizer = Optimizer(recipe, self.steps_per_epoch, list(weights.values()), table)
        self.step = make_step(self.network, self.optimizer, devices)
        self.progress = Progress()
        self.best: Arrays = {}
        self.average = self._new_average(self.network.arrays(), 0)

    def _new_average(self, arrays: Arrays, updates: int) -> Average | None:
        horizon = self.recipe.average_epochs * self.steps_per_epoch
        return Average(horizon, arrays, updates) if horizon else None

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the batches of an epoch."""
        recipe, task = self.recipe, self.task
        for _ in range(self.passes):
            yield from training_batches(task.encoded, task.rows, recipe.batch_tokens, rng, recipe.unknown_rate)

    # --- the loop

    def warm_up(self, display: Display) -> None:
        """Compile the step for every batch shape that an epoch is likely to hold."""
        rng = np.random.default_rng([self.seed, 0])
        examples = {(batch.words.shape, len(batch.forms.shapes)): batch for batch in self._batches(rng)}
        start = time.perf_counter()
        self.step.warm_up([(b, self.network.dropout.draw(rng, b, self.task.architecture)) for b in examples.values()])
        display.message(f"step ready for {len(examples)} batch shapes after {time.perf_counter() - start:.1f} s")

    def train(
        self,
        display: Display,
        after_epoch: Callable[[dict[str, Any]], None] | None = None,
        between_steps: Callable[[], None] = lambda: None,
    ) -> None:
        """Train until the last epoch or until the dev score has not risen for ``patience`` epochs (0: any number).

        ``after_epoch`` gets each epoch's entry of the history in place of a checkpoint. ``between_steps`` is called
        before each step and after each epoch. What either raises ends the run.
        """
        progress, recipe, corpus = self.progress, self.recipe, self.task.corpus
        while epochs_left(progress.scores, recipe.epochs, recipe.patience):
            entry = self._train_epoch(progress.epoch + 1, display, between_steps)
            arrays = _as_stored(self.average.arrays if self.average else self.network.arrays())
            # The loss of an epoch's last step says nothing of the weights after it.
            if first_unsound(arrays) is not None:
                raise _not_finite("The weights are no longer finite, or far too large,", progress.epoch + 1)
            scores, loss = self.score_dev(arrays)
            entry |= {"dev_loss": loss, "dev": deciding_score(corpus, scores), "measure": deciding_measure(corpus)}
            progress.history.append(entry)
            entry["best"] = progress.best_epoch == progress.epoch
            if scores.layers:
                entry["layers"] = layer_scores(corpus, scores)
            if entry["best"]:
                self.best = {name: array.copy() for name, array in arrays.items()}
            left = epochs_left(progress.scores, recipe.epochs, recipe.patience)
            entry["seconds_left"] = round(left * entry["seconds"], 1)
            if after_epoch:
                after_epoch(entry)
            else:
                self.save()
            display.epoch(entry)
            between_steps()

    def score_dev(self, arrays: Arrays) -> tuple[Scores, float]:
        """Score these weights on dev as the tagging engine runs them; return the loss per token too."""
        corpus, loss = self.task.corpus, DevLoss(self.task.corpus, crf=self.task.architecture.head == "crf")
        tagger = Tagger(self.model(arrays), precision="float32")
        predicted = tagger.tag_watched(corpus.dev.words(), loss.add)
        return score_predicted(corpus, "dev", predicted), loss.per_token()

    def _train_epoch(
        self, epoch: int, display: Display, between_steps: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        start = time.perf_counter()
        total, tokens = 0.0, 0
        waiting: list[tuple[Any, int]] = []
        rng = np.random.default_rng([self.seed, epoch])
        for number, batch in enumerate(self._batches(rng), 1):
            between_steps()
            noise = self.network.dropout.draw(rng, batch, self.task.architecture)
            waiting.append((self.step(batch, noise), int((batch.sentences > 0).sum())))
            tokens += waiting[-1][1]
            if number % LOSS_EVERY == 0 or tokens == self.passes * self.task.encoded.tokens:
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

    # --- what a run keeps

    def model(self, arrays: Arrays) -> Model:
        """Return the model with these weights."""
        task = self.task
        weights = dict(arrays)
        if task.pretrained is not None:
            weights |= {"word/pretrained": task.pretrained[0], "word/scales": task.pretrained[1]}
        if task.ngrams is not None:
            weights |= {"word/ngrams": task.ngrams[0], "word/ngram_scales": task.ngrams[1]}
        recipe = {**self.recipe.as_dict(), "seed": self.seed}
        return Model(task.architecture, task.vocabulary, task.corpus.layers, weights, recipe)

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
        save_checkpoint(self.folder, self.task.identity, self.progress, groups, surroundings())
        if self.progress.epoch == 1:
            shutil.rmtree(self.folder / BEST, ignore_errors=True)  # of the run that this one takes the place of

    def bytes_to_write(self) -> int:
        """Estimate what the run needs on the disk: two checkpoints, as one replaces another, and a model."""
        learned = sum(array.nbytes for array in self.network.arrays().values())
        optimizer = sum(_array(variable).nbytes for variable in self.optimizer.variables)
        checkpoint = optimizer + learned * (3 if self.average else 2)
        frozen = sum(array.nbytes for part in (self.task.pretrained, self.task.ngrams) for array in part or ())
        return 2 * checkpoint + learned + frozen

    def resume(self) -> str:
        """Take up the run where its last checkpoint left it; return what has changed since that may change weights."""
        self.progress, groups, before = load_checkpoint(self.folder, self.task.identity)
        self.network.assign(groups["weights"])
        for number, variable in enumerate(self.optimizer.variables):
            variable.assign(groups["optimizer"][str(number)])
        self.best = groups["best"]
        if self.average:
            self.average = self._new_average(groups["average"], self.progress.updates)
        self.step.reload()
        now = surroundings()
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        return ", ".join(f"{name} {before.get(name, 'none')} → {now.get(name, 'none')}" for name in names)


def surroundings() -> dict[str, str]:
    """Return what the weights depend on besides the run's arguments: processors, backend and versions."""
    backend = keras.config.backend()
    packages = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}
    return {
        "processors": str(available_processors()),
        "machine": platform.machine(),
        "Python": platform.python_version(),
        "tagsmith": __version__,
        "NumPy": np.__version__,
        "Keras": keras.__version__,
        "backend": f"{backend} {importlib.import_module(packages[backend]).__version__}",
    }


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
