"""Training, from labeled data to a model folder."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console

from tagsmith.corpus.corpus import Corpus, read_corpus
from tagsmith.corpus.knowledge import Partial
from tagsmith.corpus.sources import Data
from tagsmith.errors import TrainingError, place_of, visible
from tagsmith.interrupts import Interrupted, Interrupts, catch_interrupts, signal_of
from tagsmith.model.folder import Model, ModelFile, write_model
from tagsmith.model.frozen_vectors import FrozenVectors
from tagsmith.remote import local_path, url_of
from tagsmith.streams import Remarks
from tagsmith.tagging.tagger import Tagger
from tagsmith.training.devices import check_devices
from tagsmith.training.display import Display, Silent, open_display
from tagsmith.training.fine_tuning import fine_tuning_recipe, kept_layers, label_unknown, read_start
from tagsmith.training.loop import TrainingRun
from tagsmith.training.measure import (
    Predicted,
    calibrated,
    deciding_measure,
    deciding_score,
    score_part,
    score_predicted,
    score_text,
)
from tagsmith.training.model_card import data_of, learning_curve, model_card
from tagsmith.training.recipe import Recipe, choose_recipe
from tagsmith.training.target import (
    BEST,
    check_new_run,
    check_space,
    discard_run,
    folder_to_send,
    reserved,
    what_is_kept,
)
from tagsmith.training.task import Task, prepare
from tagsmith.training.unknown_labels import describe_unknown

MOST_LOST = 0.001  # of the dev score, for a model to run in 8 bits: a tenth of a point of F1
SHOWN = 5  # problems of the data


def train(
    train: Data | Corpus | Mapping[str, Data],
    *,
    out: str | Path,
    dev: Data | None = None,
    test: Data | None = None,
    preset: str = "balanced",
    recipe: Recipe | Mapping[str, Any] | str | Path | None = None,
    vectors: str | Path | None = None,
    seed: int = 0,
    partial: Partial | None = None,
    has: Mapping[str, Collection[str]] | None = None,
    start: str | Path | None = None,
    keep: Collection[str] | None = None,
    devices: int = 1,
    resume: bool = False,
    force: bool = False,
    console: Console | None = None,
    display: Display | None = None,
    **options: Any,
) -> Tagger:
    """Train a tagger and write its model folder.

    Parameters
    ----------
    train, dev, test
        Labeled data: files, documents, sentences, ``(words, tags)`` pairs, tables (``datasets``, data frames), a list
        of these, or (``train`` alone) a :class:`~tagsmith.corpus.corpus.Corpus` or a mapping of parts, such as a
        ``DatasetDict``. Without ``dev`` a tenth of ``train`` is held out; ``test`` is scored once, at the end.
    out
        The model folder to write. While training, the run's state is kept beside it in ``<out>.training``. If there is
        a model or an unfinished run already, say with ``resume`` or ``force`` what is to become of it. It may be a URL,
        such as ``s3://bucket/model``: training then writes to the cache, and the model is sent there at the end.
    preset, recipe
        ``"fast"``, ``"balanced"`` or ``"accurate"``, and what to change in it: fields, a TOML file, or a whole recipe.
    vectors
        A file of pretrained word vectors, or the name of an installed package's.
    seed
        Decides everything random: same seed, machine and versions, same weights.
    partial, has
        Where label sets differ: each item of ``train`` (a file, or a list) is a corpus with labels of its own, and what
        it does not label is unknown there, see :mod:`tagsmith.training.unknown_labels`. ``partial`` is True, or states
        all labels that files know: ``{"b.conll": ["PER", "LOC"]}``. ``has`` says which layers a file has if not all.
    start
        A model folder to go on from, see :mod:`tagsmith.training.fine_tuning`. Labels and layers of it that ``train``
        lacks are added there by the model itself; with ``partial`` True they are unknown, with False the labels are
        absent.
    keep
        The names of those layers of ``start`` that the new model keeps, by default all. A layer of ``train`` that is
        not among them has the labels of ``train`` alone; where ``start`` knows some of them, it goes on from these.
    options
        How to read files, see :func:`tagsmith.corpus.sources.read_documents`. With several layers
        (``layer=("upos", "xpos")``) one network learns them all, each with an output layer and a CRF of its own.
    devices
        On how many devices of JAX to train; each computes a part of every batch. The losses are those of one device but
        for rounding. See :mod:`tagsmith.training.devices`.
    resume
        Go on from the last finished epoch of an interrupted run with the same arguments.
    force
        Begin anew, whatever is there: an unfinished run is given up when the first epoch has ended, a model is
        replaced when the new one is finished.
    console, display
        Where progress goes; default stderr. A display gets it in the console's place.

    Returns
    -------
    Tagger
        The model of the best epoch; in int8, unless that loses more than 0.1 points of the dev score.

    Raises
    ------
    InputError
        The files, the recipe, the vectors or ``out`` cannot be used.
    TrainingError
        The loss is not finite. The best model so far is in ``<out>.training/best``.
    OSError
        The disk is full, say. The state after the last epoch that could be kept is in ``<out>.training``.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, once the best model so far has been written to ``<out>.training/best``; a second one
        does not wait for that. The message says what is kept. ``out`` is as it was. Signals are handled only in the
        main thread, and only if the program has no handlers of its own.

    Examples
    --------
    >>> tagger = train("train.conll", dev="dev.conll", out="model/")  # doctest: +SKIP
    """
    out = local_path(out)

    def lesson() -> Lesson:
        model = read_start(start, out, vectors) if start is not None else None
        if model:
            chosen = fine_tuning_recipe(model, preset, recipe)
        else:
            chosen = choose_recipe(preset, recipe, with_vectors=vectors is not None)
        layers = kept_layers(model, keep) if model else ()
        corpus = read_corpus(train, dev, test, partial=partial, has=has, start=layers, seed=seed, **options)
        if model and partial is None:
            corpus = label_unknown(corpus, model)
        return Lesson(prepare(corpus, chosen, vectors, seed, model), chosen)

    check_devices(devices)
    return run_lesson(
        lesson, out, seed=seed, devices=devices, resume=resume, force=force, console=console, display=display
    )


@dataclass(frozen=True)
class Lesson:
    """What a run learns, and how; and what to tell the user first."""

    task: Task
    recipe: Recipe
    notes: tuple[str, ...] = ()


def run_lesson(
    lesson: Callable[[], Lesson],
    out: Path,
    *,
    seed: int,
    resume: bool,
    force: bool,
    devices: int = 1,
    console: Console | None = None,
    display: Display | None = None,
) -> Tagger:
    """Prepare a lesson, train, and write the model folder; arguments and errors are those of :func:`train`."""
    check_new_run(out, resume=resume, force=force)
    if url_of(out):
        place = folder_to_send(out)
        more: dict[str, Any] = {"console": console, "display": display}
        tagger = run_lesson(lesson, place, seed=seed, resume=resume, force=force, devices=devices, **more)
        _send(tagger.model, place, out, console or _stderr())
        return tagger
    console = console or _stderr()
    try:
        with catch_interrupts() as interrupts, reserved(out) as folder:
            prepared = lesson()
            task, recipe = prepared.task, prepared.recipe
            run = TrainingRun(task, recipe, seed, folder, devices)
            changed = run.resume() if resume else ""
            check_space(out, run.bytes_to_write())
            shown = nullcontext(display) if display else open_display(console, run.steps_per_epoch, recipe.epochs)
            with shown as display:
                for note in prepared.notes:
                    display.message(note)
                _describe(task, display)
                if changed:
                    display.message(
                        f"not the same as before ({changed}): the weights may differ from an unbroken run's"
                    )
                run.warm_up(display)
                return _train(run, out, display, interrupts)
    except KeyboardInterrupt as error:
        message = str(error) or f"interrupted; {what_is_kept(out)}"
        raise Interrupted(message, signal_of(error)) from None


def _send(model: Model, place: Path, out: Path, console: Console) -> None:
    """Write a finished model elsewhere, and then delete the folder here; errors cost nothing."""
    finished = f"the model was finished, and is in {place}"
    try:
        write_model(model, out)
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted; {finished}", signal_of(error)) from None
    except OSError:
        console.print(visible(f"{finished}; it was not sent"), markup=False, highlight=False, soft_wrap=True)
        raise
    shutil.rmtree(place, ignore_errors=True)
    console.print(visible(f"model sent to {place_of(out)}"), markup=False, highlight=False, soft_wrap=True)


def train_in_memory(
    corpus: Corpus,
    recipe: Recipe,
    vectors: str | Path | FrozenVectors | None = None,
    seed: int = 0,
    *,
    verbose: bool = False,
) -> Tagger:
    """Train a tagger and write nothing to the disk; ``verbose`` shows progress on stderr.

    Raises InputError and TrainingError as :func:`train` does.
    """
    task = prepare(corpus, recipe, vectors, seed)
    run = TrainingRun(task, recipe, seed, Path())  # its folder stays unused: there are no checkpoints
    shown = open_display(_stderr(), run.steps_per_epoch, recipe.epochs) if verbose else nullcontext(Silent())
    with shown as display:
        _describe(task, display)
        run.warm_up(display)
        run.train(display, after_epoch=lambda entry: None)
        model, scores = _best_model(run, display, ("dev",))
        display.message(f"best epoch {run.progress.best_epoch}; {scores}")
    return Tagger(model)


def _stderr() -> Console:
    return Console(stderr=True, file=cast(TextIO, Remarks(sys.stderr)))


def _train(run: TrainingRun, out: Path, display: Display, interrupts: Interrupts) -> Tagger:
    """Train and write the model; what ends that early costs neither the state of the run nor what is in ``out``."""
    finished = False
    try:
        with interrupts.held():
            run.train(display, between_steps=interrupts.check)
        model, scores = _best_model(run, display, ("dev", "test"))
        with interrupts.held():
            write_model(model, out)
            discard_run(run.folder)
            finished = True
    except KeyboardInterrupt as error:
        if finished:
            raise Interrupted(f"interrupted; the model was finished, and is in {out}", signal_of(error)) from None
        if run.best and not getattr(error, "at_once", False):
            display.message("interrupted: writing the best model so far; a second interruption stops at once")
            _keep_best(run, display)
        raise
    except TrainingError as error:
        if run.best:
            _keep_best(run, display)
        kept = what_is_kept(out)
        raise TrainingError(f"{error} {kept[0].upper()}{kept[1:]}.") from error
    except OSError:
        display.message(what_is_kept(out))
        raise
    display.message(f"best epoch {run.progress.best_epoch}; {scores}")
    display.message(f"model written to {out}")
    return Tagger(model)


def _keep_best(run: TrainingRun, display: Display) -> None:
    """Write the best model so far beside the run's checkpoint, which is enough to make it."""
    try:
        write_model(_best_model(run, display, ("dev",))[0], run.folder / BEST)
    except OSError as error:
        display.message(f"{run.folder / BEST}: {error.strerror or error}")


def _describe(task: Task, display: Display) -> None:
    corpus = task.corpus
    sizes = f"{len(corpus.train):,} train, {len(corpus.dev):,} dev, {len(corpus.test):,} test sentences"
    several = len(corpus.layers) > 1
    layers = "; ".join(
        f"layer {layer.name}, scheme {layer.scheme.value}, {len(layer.tags)} tags"
        if several
        else f"scheme {layer.scheme.value}; {len(layer.tags)} tags"
        for layer in corpus.layers
    )
    for line in corpus.notes:
        display.message(line)
    display.message(f"{sizes}; {task.encoded.tokens:,} tokens; {layers}")
    if task.covered is not None:
        display.message(f"vectors: {task.covered}")
    for line in describe_unknown(corpus, labeled_by_model=task.start is not None):
        display.message(line)
    notes = [*corpus.problems, *corpus.repairs]
    for note in notes[:SHOWN]:
        display.message(str(note))
    if len(notes) > SHOWN:
        display.message(f"… and {len(notes) - SHOWN:,} more; 'tagsmith inspect' lists them all")


def _best_model(run: TrainingRun, display: Display, parts: Collection[str]) -> tuple[Model, str]:
    """Return the model of the best epoch with its scores on these parts, and the scores in words."""
    corpus = run.task.corpus
    model, predicted, calibration = _calibrated(run.model(run.best), corpus, display)
    for line in calibration:
        display.message(line)
    scores = {"dev": score_predicted(corpus, "dev", predicted, intervals=True)}
    if len(corpus.test) and "test" in parts:
        scores["test"] = score_part(Tagger(model), corpus, "test", intervals=True)
    history = run.progress.history
    extras: dict[str, bytes] = {
        ModelFile.CARD: model_card(run.task, run.recipe, scores, run.progress, calibration).encode(),
        ModelFile.HISTORY: "".join(json.dumps(entry) + "\n" for entry in history).encode(),
        ModelFile.LEARNING_CURVE: learning_curve(history),
    }
    stored = {part: one.as_dict() for part, one in scores.items()}
    model = replace(model, scores=stored, extras=extras, data=data_of(run.task))
    return model, "; ".join(f"{part} {score_text(corpus, one)}" for part, one in scores.items())


def _calibrated(model: Model, corpus: Corpus, display: Display) -> tuple[Model, Predicted, list[str]]:
    """Return the model calibrated on dev, the tags that it gives there, and what to say of the calibration.

    An LSTM runs in 8 bits unless that costs more than ``MOST_LOST`` of the dev score; others cannot. Both are scored as
    they will tag, that is, calibrated.
    """
    words = corpus.dev.words()
    if model.architecture.cell == "lstm":
        small, said = calibrated(replace(model, precision="int8"), corpus)
        rounded = Tagger(small).tag_layers(words)
        exact = Tagger(small, precision="float32").tag_layers(words)
        before, after = (deciding_score(corpus, score_predicted(corpus, "dev", tags)) for tags in (exact, rounded))
        lost = before - after
        if lost <= MOST_LOST:
            return small, rounded, said
        display.message(
            f"8-bit kernels would lose {100 * lost:.2f} points of dev {deciding_measure(corpus)}: "
            "the model runs in float32 unless told otherwise"
        )
    model, said = calibrated(replace(model, precision="float32"), corpus)
    return model, Tagger(model).tag_layers(words), said
