"""Labeled corpora in memory: layers, parts, and which labels each sentence was annotated with."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.legal_tags import occurring_labels, scheme_of_layer, with_legal_tags
from tagsmith.corpus.repair import TagRepair
from tagsmith.corpus.sentences import Integers, SentenceCollector, Sentences, TokenStore
from tagsmith.corpus.sources import Data, Item, Part, parts_of, sentences_of
from tagsmith.errors import DataError
from tagsmith.formats.options import Problem, ReadOptions, read_options
from tagsmith.text.document import Document, Sentence
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, Scheme, split_label

NO_VALUE = "_"  # how CoNLL-U writes that a column says nothing
PARTS = ("train", "dev", "test")

Partial = bool | Mapping[str, Collection[str]]
"""True: every corpus has labels of its own. A mapping states all labels that were looked for in a file."""

Labels = Mapping[str, frozenset[str]]
"""Layer → labels that were looked for; a layer that is missing was not annotated at all."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Which labels were looked for where: an ``O`` says nothing about any other label.

    Parameters
    ----------
    sets
        Distinct sets of labels.
    train, dev, test
        (sentences,) the number of each sentence's set.
    """

    sets: tuple[Labels, ...]
    train: npt.NDArray[np.integer]
    dev: npt.NDArray[np.integer]
    test: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labeled sentences for training, development and testing.

    Parameters
    ----------
    layers
        The layers in their order, with the labels that ``train`` has. Their scheme is that of the training data.
    train, dev, test
        The sentences, with legal tags. All three are views of one :class:`~tagsmith.corpus.sentences.TokenStore`.
    knowledge
        What each sentence was annotated with; None: every layer with all its labels.
    repairs
        The tags that had to be changed to be legal.
    problems
        What the readers reported, such as character spans that do not align with tokens.
    """

    layers: tuple[Layer, ...]
    train: Sentences
    dev: Sentences
    test: Sentences
    knowledge: Knowledge | None = None
    repairs: tuple[TagRepair, ...] = ()
    problems: tuple[Problem, ...] = ()

    def layer(self, name: str) -> Layer:
        """Return a layer by its name."""
        return next(layer for layer in self.layers if layer.name == name)


@dataclass(frozen=True, slots=True)
class _Group:
    """One corpus of a part: its sentences, and per layer the labels that occur and those that were looked for."""

    sentences: Sentences
    occurring: Labels
    known: Labels

    @property
    def path(self) -> str:
        return self.sentences.path_of(0)


def read_corpus(
    train: Data | Corpus,
    dev: Data | None = None,
    test: Data | None = None,
    *,
    partial: Partial | None = None,
    has: Mapping[str, Collection[str]] | None = None,
    start: Sequence[Layer] = (),
    seed: int = 0,
    **options: Any,
) -> Corpus:
    """Read labeled data, check the parts against each other and make their tags legal.

    Parameters
    ----------
    train, dev, test
        Files, documents, sentences or pairs, see :data:`~tagsmith.corpus.sources.Data`. Without ``dev`` a tenth of
        ``train``, drawn by ``seed``, is held out. A :class:`Corpus` is returned as it is.
    partial
        Where label sets differ: each item of ``train`` (a file, or a list) is a corpus that knows the labels that
        occur in it, or all that the mapping states for its file; what it does not know is unknown, not absent. Of as
        many ``dev`` (or ``test``) corpora as training ones, the n-th also knows what the n-th training corpus knows.
    has
        With ``partial`` and several layers, the layers that a file has; by default all.
    start
        The layers of a model that training goes on from: their schemes are kept, and their labels are unknown
        to data without them, unless ``partial`` is False.
    options
        How to read files: ``layer`` and ``column`` (one or several), ``format``, and the other fields of
        :class:`~tagsmith.formats.options.ReadOptions`.

    Raises
    ------
    DataError
        Data cannot be read; a corpus has no labels; ``dev`` has a label that ``train`` lacks; what ``partial`` or
        ``has`` states is not possible. ``test`` may have labels that nothing could learn: they count as missed.
    """
    if isinstance(train, Corpus):
        if not start and partial is None:
            return train
        options.setdefault("layer", tuple(layer.name for layer in train.layers))
        dev, test, train = dev or train.dev, test or (train.test if len(train.test) else None), train.train
    chosen = replace(read_options(**options), labels_required=True)
    reading = _Reading(chosen, bool(partial), has or {}, start)
    for part, data in zip(PARTS, (train, dev, test), strict=True):
        if data is not None:
            reading.read(part, data)
    store, layers, repairs = _legal_layers(reading, partial is not None or bool(start))
    groups = {
        part: [_group(Sentences(store, places), layers, partial) for places in reading.groups[part]] for part in PARTS
    }
    layers = _with_labels(layers, groups["train"], start)
    _check_dev(groups["dev"], layers)
    _check_statements(partial, groups, layers)
    groups = _complete_groups(groups, layers, start, partial)
    if partial and all(_knows_all(group, layers) for group in groups["train"]):
        raise _nothing_unknown(layers, groups["train"][0].path)
    parts, knowledge = _parts(groups, layers, seed, hold_out_dev=dev is None)
    return Corpus(layers, parts[0], parts[1], parts[2], knowledge, tuple(repairs), tuple(chosen.problems))


# -------------------------------------------------------------------------------------------------- reading


class _Reading:
    """Reads the parts into one store of tokens and remembers which sentences belong to which corpus."""

    def __init__(
        self, options: ReadOptions, separately: bool, has: Mapping[str, Collection[str]], start: Sequence[Layer]
    ) -> None:
        self.options, self.separately, self.start = options, separately, start
        self.has = {Path(path): tuple(layers) for path, layers in has.items()}
        self.collector = SentenceCollector()
        self.groups: dict[str, list[Integers]] = {part: [] for part in PARTS}
        self.layers: tuple[str, ...] = options.layers if len(options.layers) > 1 else ()

    def read(self, part: str, data: Data) -> None:
        """Read the corpora of a part."""
        for sources in self._corpora(data):
            first = len(self.collector)
            for source in sources:
                self.collector.begin_source(source.path)
                for sentence in self._sentences(source, part):
                    self.collector.add(sentence)
            if len(self.collector) == first:
                raise DataError(f"There are no {part} sentences.", remedy="Give at least one labeled sentence.")
            self.groups[part].append(np.arange(first, len(self.collector)))

    def _corpora(self, data: Data) -> list[list[Part]]:
        if not self.separately:
            return [list(parts_of(data))]
        items: list[Any] = list(data) if isinstance(data, list | tuple) else [data]
        if any(isinstance(item, Document | Sentence) for item in items):
            raise DataError(
                "With partial labels each item is a corpus of its own, not a sentence.",
                remedy="Put the sentences of each corpus into a list: [[sentence, …], 'b.conll'].",
            )
        return [list(parts_of(item)) for item in items]

    def _sentences(self, source: Part, part: str) -> Any:
        """The sentences of a source, with the corpus's names for their layers."""
        if self.layers and len(self.options.layers) > 1:
            yield from self._several(source)
            return
        options = self.options
        if self.layers and part != "train":
            options = replace(options, layers=options.layers or self.layers)
        for sentence in sentences_of(source, options):
            ((name, tags),) = sentence.layers.items()
            if not self.layers:
                self.layers = (self._name(name, source),)
            yield sentence if name == self.layers[0] else replace(sentence, layers={self.layers[0]: tags})

    def _several(self, source: Part) -> Any:
        options = self.options
        if self.separately:
            in_memory = source.file is None
            names = self._layers_in(source) if in_memory else self.has.get(Path(source.path), options.layers)
            if unknown := [name for name in names if name not in options.layers]:
                raise DataError(
                    f"The layer {unknown[0]!r} is not one of those to learn.",
                    remedy=f"The layers are: {', '.join(options.layers)}.",
                    path=source.path,
                )
            columns = dict(zip(options.layers, options.columns, strict=False))
            options = replace(options, layers=tuple(names), columns=tuple(columns[n] for n in names if n in columns))
        yield from sentences_of(source, options)

    def _layers_in(self, source: Part) -> tuple[str, ...]:
        first: Item = source.items[0]
        sentence = first.sentences[0] if isinstance(first, Document) and first.sentences else first
        layers = sentence.layers if isinstance(sentence, Sentence) else {}
        return tuple(name for name in self.options.layers if name in layers)

    def _name(self, name: str, source: Part) -> str:
        """The corpus's name for a layer that is alone: that of the model to go on from, if it has one layer."""
        if len(self.start) == 1:
            return self.start[0].name
        if self.start and not self.options.layers and name not in {layer.name for layer in self.start}:
            raise DataError(
                f"The model has several layers, and none is called {name!r}.",
                remedy=f"Name the layer of these labels with --layer: {', '.join(one.name for one in self.start)}.",
                path=source.path,
            )
        return name


def _legal_layers(reading: _Reading, mixed: bool) -> tuple[TokenStore, tuple[Layer, ...], list[TagRepair]]:
    """Bring each layer into one scheme, with legal tags; ``mixed``: sources may be in different schemes."""
    store, repairs = reading.collector.store(), list[TagRepair]()
    known = {layer.name: layer for layer in reading.start}
    names = [*known, *(name for name in reading.layers if name not in known)]
    layers = []
    for name in names:
        if name not in store.columns:
            layers.append(known[name])  # the data lack it
            continue
        scheme = known[name].scheme if name in known else scheme_of_layer(store, name, reading.groups["train"])
        store = with_legal_tags(store, name, scheme, repairs, mixed)
        layers.append(Layer(name, scheme))
    return store, tuple(layers), repairs


# --------------------------------------------------------------------------------------------------- labels


def _group(sentences: Sentences, layers: Sequence[Layer], partial: Partial | None) -> _Group:
    occurring = {}
    path = sentences.path_of(0)
    for layer in layers:
        labels = occurring_labels(sentences, layer)
        if labels is None:
            continue
        if not labels - {NO_VALUE}:
            raise DataError(
                f"The file has no labels: every tag of the layer {layer.name!r} is "
                f"{OUTSIDE if layer.gives_spans else NO_VALUE!r}.",
                remedy="Choose the column or layer that holds the labels with --column or --layer.",
                path=path,
            )
        occurring[layer.name] = labels
    return _Group(sentences, occurring, _stated(sentences, occurring, partial))


def _stated(sentences: Sentences, occurring: Labels, partial: Partial | None) -> Labels:
    """What a corpus knows: the labels stated for its files, or else those that occur in it."""
    if not isinstance(partial, Mapping):
        return occurring
    files = {Path(sentences.store.paths[row]) for row in np.unique(sentences.store.sources[sentences.places])}
    stated = frozenset[str]().union(*(labels for path, labels in partial.items() if Path(path) in files))
    if not stated:
        return occurring
    every = frozenset[str]().union(*occurring.values())
    if surplus := sorted(every - stated):
        raise DataError(
            f"The label {surplus[0]!r} occurs here but is not among those that the file is said to know.",
            remedy=f"State all of them: {', '.join(sorted(every | stated))}.",
            path=sentences.path_of(0),
        )
    return {layer: labels | stated for layer, labels in occurring.items()}


def _with_labels(layers: Sequence[Layer], train: Sequence[_Group], start: Sequence[Layer]) -> tuple[Layer, ...]:
    before = {layer.name: layer.labels for layer in start}
    labels = {
        layer.name: set(before.get(layer.name, ())).union(*(group.occurring.get(layer.name, ()) for group in train))
        for layer in layers
    }
    return tuple(replace(layer, labels=tuple(sorted(labels[layer.name]))) for layer in layers)


def _check_dev(groups: Sequence[_Group], layers: Sequence[Layer]) -> None:
    """Check that dev has no label that training lacks."""
    for layer in layers:
        for group in groups:
            if unknown := group.occurring.get(layer.name, frozenset()) - {*layer.labels, NO_VALUE}:
                raise _unknown_label(group.sentences, layer, unknown)


def _unknown_label(sentences: Sentences, layer: Layer, unknown: Collection[str]) -> DataError:
    """Name the first label of a part that training lacks."""
    index, token, label = next(
        (index, token, label)
        for index, tags in enumerate(sentences.tags(layer.name))
        for token, tag in enumerate(tags)
        if (label := label_of(tag, layer.scheme)) in unknown
    )
    others = len(unknown) - 1
    more = f" (nor {others} other label{'s' if others > 1 else ''} of this file)" if others else ""
    return DataError(
        f"The label {label!r} does not occur in the training file{more}.",
        remedy="Correct it if it is a slip, or add sentences with it to the training file.",
        path=sentences.path_of(index),
        line=sentences.line_of(index, token) or None,
    )


def _check_statements(partial: Partial | None, groups: Mapping[str, list[_Group]], layers: Sequence[Layer]) -> None:
    """Check that what is stated of files can be meant."""
    if not isinstance(partial, Mapping):
        return
    files = {Path(path) for each in groups.values() for group in each for path in group.sentences.store.paths}
    labels = {label for layer in layers for label in layer.labels}
    for name, stated in partial.items():
        if Path(name) not in files:
            given = ", ".join(sorted(map(str, files)))
            raise DataError(f"There is no file {name!r} among those given.", remedy=f"The files are: {given}.")
        if surplus := sorted(set(stated) - labels):
            raise DataError(
                f"The label {surplus[0]!r}, said to be known here, occurs in no training file.",
                remedy=f"The labels are: {', '.join(sorted(labels))}.",
                path=name,
            )


def _complete_groups(
    groups: dict[str, list[_Group]], layers: Sequence[Layer], start: Sequence[Layer], partial: Partial | None
) -> dict[str, list[_Group]]:
    """Say of every corpus what it knows of each layer that it has: of plain tags always all of them."""
    train = groups["train"]
    everything = partial is False or not (partial or start)

    def complete(group: _Group, partner: _Group | None) -> _Group:
        known = {}
        for layer in layers:
            if layer.name in group.occurring:
                labels = group.known[layer.name] | (partner.known.get(layer.name, frozenset()) if partner else set())
                all_of_them = everything or not layer.gives_spans
                known[layer.name] = frozenset(layer.labels) if all_of_them else labels & set(layer.labels)
        return replace(group, known=known)

    def partners(part: str) -> Sequence[_Group | None]:
        return train if part != "train" and len(groups[part]) == len(train) else [None] * len(groups[part])

    return {
        part: [complete(group, partner) for group, partner in zip(groups[part], partners(part), strict=True)]
        for part in PARTS
    }


def _knows_all(group: _Group, layers: Sequence[Layer]) -> bool:
    return all(frozenset(layer.labels) == group.known.get(layer.name) for layer in layers)


def _nothing_unknown(layers: Sequence[Layer], path: str) -> DataError:
    if not any(layer.gives_spans for layer in layers):
        return DataError(
            "These are plain tags, one for each token, such as parts of speech: none of them can be missing.",
            remedy="Train without --partial and --knows.",
            path=path,
        )
    labels = ", ".join(label for layer in layers for label in layer.labels)
    return DataError(
        f"All training files know the same labels: {labels}.",
        remedy="Train without --partial, or state with --knows what each file knows.",
    )


def label_of(tag: str, scheme: Scheme) -> str | None:
    """Return the label of a tag: its span type, or a plain or bare tag itself; None for ``O``."""
    return None if tag == OUTSIDE and scheme is not Scheme.PLAIN else split_label(tag, scheme)


# ---------------------------------------------------------------------------------------------------- parts


def _parts(
    groups: Mapping[str, list[_Group]], layers: Sequence[Layer], seed: int, *, hold_out_dev: bool
) -> tuple[list[Sentences], Knowledge | None]:
    """Join the corpora of each part; hold out a tenth of each training corpus if there is no dev part."""
    sets = list(dict.fromkeys(tuple(sorted(group.known.items())) for each in groups.values() for group in each))
    pieces: dict[str, list[tuple[Sentences, int]]] = {part: [] for part in PARTS}
    for part, each in groups.items():
        for group in each:
            sentences, number = group.sentences, sets.index(tuple(sorted(group.known.items())))
            if part == "train" and hold_out_dev:
                sentences, held = hold_out(sentences, seed)
                pieces["dev"].append((held, number))
            pieces[part].append((sentences, number))
    store = groups["train"][0].sentences.store
    empty = [np.zeros(0, np.int64)]
    parts = [Sentences(store, np.concatenate([s.places for s, _ in pieces[part]] or empty)) for part in PARTS]
    members = [np.concatenate([np.full(len(s), n) for s, n in pieces[part]] or empty) for part in PARTS]
    labels = {layer.name: frozenset(layer.labels) for layer in layers}
    if all(dict(known) == labels for known in sets):
        return parts, None
    return parts, Knowledge(tuple(map(dict, sets)), *members)


def hold_out(sentences: Sentences, seed: int) -> tuple[Sentences, Sentences]:
    """Split off a tenth, at least one sentence, drawn by the seed; both views keep the order of the data."""
    if len(sentences) < 2:
        raise DataError(
            "One sentence cannot be split into training and development sentences.",
            remedy="Give more sentences, or a file with --dev.",
            path=sentences.path_of(0),
        )
    rows = list(range(len(sentences)))
    random.Random(seed).shuffle(rows)
    held = np.zeros(len(rows), bool)
    held[rows[: max(1, len(rows) // 10)]] = True
    return sentences.take(np.flatnonzero(~held)), sentences.take(np.flatnonzero(held))
