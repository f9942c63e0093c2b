"""Labeled corpora in memory: layers, parts, and what each sentence was annotated with."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tagsmith.corpus.doubts import doubt_of_leak, doubt_of_sentences, doubts_of_labels
from tagsmith.corpus.folders import split_by_name, without_folders
from tagsmith.corpus.knowledge import (
    Group,
    Knowledge,
    Partial,
    check_dev,
    check_statements,
    completed,
    group_of,
    nothing_unknown,
    with_labels,
)
from tagsmith.corpus.legal_tags import scheme_of_layer, with_legal_tags, with_unknown_tokens
from tagsmith.corpus.provenance import DataSource, Reading
from tagsmith.corpus.repair import TagRepair
from tagsmith.corpus.sentences import Integers, SentenceCollector, Sentences, TokenStore
from tagsmith.corpus.sources import Data, Part, parts_of
from tagsmith.errors import DataError
from tagsmith.formats.options import Problem, ReadOptions, read_options
from tagsmith.text.document import Document, Sentence
from tagsmith.text.layer import Layer

PARTS = ("train", "dev", "test")


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
        Labels that may be slips, sentences that ``dev`` or ``test`` shares with ``train``, and what the readers
        reported, such as character spans that do not align with tokens.
    notes
        Which files were taken from the folders among the data.
    sources
        ``"train"``, ``"dev"`` and ``"test"`` → what was read for it; nothing for dev that is held out of train.
    """

    layers: tuple[Layer, ...]
    train: Sentences
    dev: Sentences
    test: Sentences
    knowledge: Knowledge | None = None
    repairs: tuple[TagRepair, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    sources: Mapping[str, tuple[DataSource, ...]] = field(default_factory=dict)

    def layer(self, name: str) -> Layer:
        """Return a layer by its name."""
        return next(layer for layer in self.layers if layer.name == name)


def read_corpus(
    train: Data | Corpus | Mapping[str, Data],
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
        Files, documents, sentences or pairs, see :data:`~tagsmith.corpus.sources.Data`. Of a folder, the files are
        taken by their names, see :func:`~tagsmith.corpus.folders.without_folders`; a mapping as ``train``, such as a
        ``DatasetDict``, has all parts under their names. Without ``dev`` a tenth of ``train``, drawn by ``seed``, is
        held out. A :class:`Corpus` is returned as it is.
    partial
        Where label sets differ: each item of ``train`` (a file, or a list) is a corpus that knows the labels that
        occur in it, or all that the mapping states for its file; what it does not know is unknown, not absent. Of as
        many ``dev`` (or ``test``) corpora as training ones, the n-th also knows what the n-th training corpus knows.
        A single token of a layer of spans is unknown if its tag is ``?``.
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
    if isinstance(train, Mapping):
        parts_given = split_by_name(train)
        train = parts_given.get("train")
        dev, test = dev or parts_given.get("dev"), test or parts_given.get("test")
    data, dev, test, notes = without_folders(train, dev, test)
    if data is None:
        raise DataError("There is no data to train on: train is None.", remedy="Give a file, or labeled sentences.")
    reading_options = replace(read_options(**options), labels_required=True)
    reading = _Reading(reading_options, bool(partial), has or {}, start)
    for part, given in zip(PARTS, (data, dev, test), strict=True):
        if given is not None:
            reading.read(part, given)
    check_statements(reading.has, reading.paths, reading.layers)
    store, layers, repairs = _legal_layers(reading, partial is not None or bool(start))
    groups = {
        part: [group_of(Sentences(store, places), layers, partial) for places in corpora]
        for part, corpora in reading.corpora.items()
    }
    layers = with_labels(layers, groups["train"], start)
    check_dev(groups["dev"], layers)
    if isinstance(partial, Mapping):
        check_statements(partial, store.paths, {label for layer in layers for label in layer.labels})
    groups = completed(groups, layers, everything=partial is False or not (partial or start))
    if partial and all(group.knows_all(layers) for group in groups["train"]) and not store.unknown:
        raise nothing_unknown(layers, groups["train"][0].sentences.path_of(0))
    parts, knowledge = _parts(groups, layers, seed, hold_out_dev=dev is None)
    doubts = [doubt for layer in layers for doubt in doubts_of_labels(Sentences(store), layer.name, layer.scheme)]
    doubts = [*filter(None, map(doubt_of_sentences, parts)), *doubts]
    read_for_training = parts[:2] if dev is None else parts[:1]
    doubts += [
        doubt
        for name, part, given in zip(PARTS[1:], parts[1:], (dev, test), strict=True)
        if given is not None and (doubt := doubt_of_leak(read_for_training, part, name))
    ]
    return Corpus(
        layers,
        parts[0],
        parts[1],
        parts[2],
        knowledge,
        tuple(repairs),
        (*doubts, *reading_options.problems),
        tuple(notes),
        {part: tuple(sources) for part, sources in reading.sources.items() if sources},
    )


# -------------------------------------------------------------------------------------------------- reading


class _Reading:
    """Reads the parts into one store of tokens and remembers which sentences belong to which corpus."""

    def __init__(
        self, options: ReadOptions, separately: bool, has: Mapping[str, Collection[str]], start: Sequence[Layer]
    ) -> None:
        self.options, self.separately, self.has, self.start = options, separately, has, start
        self.collector, self.paths = SentenceCollector(), list[str]()
        self.corpora: dict[str, list[Integers]] = {part: [] for part in PARTS}
        self.sources: dict[str, list[DataSource]] = {part: [] for part in PARTS}
        self.layers: tuple[str, ...] = options.layers if len(options.layers) > 1 else ()

    def read(self, part: str, data: Data) -> None:
        """Read the corpora of a part."""
        for sources in self._sources_of_corpora(data):
            first = len(self.collector)
            for source in sources:
                self.paths.append(source.path)
                self.collector.begin_source(source.path)
                noted = Reading(source)
                several = len(self.options.layers) > 1
                for sentence in self._several_layers(source, noted) if several else self._one_layer(source, noted):
                    self.collector.add(sentence)
                self.sources[part].append(noted.source())
            if len(self.collector) == first:
                raise DataError(f"There are no {part} sentences.", remedy="Give at least one labeled sentence.")
            self.corpora[part].append(np.arange(first, len(self.collector)))

    def _sources_of_corpora(self, data: Data) -> list[list[Part]]:
        if not self.separately:
            return [list(parts_of(data))]
        items: list[Any] = list(data) if isinstance(data, list | tuple) else [data]
        if any(isinstance(item, Document | Sentence) for item in items):
            raise DataError(
                "With partial labels each item is a corpus of its own, not a sentence.",
                remedy="Put the sentences of each corpus into a list: [[sentence, …], 'b.conll'].",
            )
        return [list(parts_of(item)) for item in items]

    def _one_layer(self, source: Part, noted: Reading) -> Iterator[Sentence]:
        """Sentences with one layer, which gets the name that it has in the corpus."""
        options = self.options
        if self.corpora["train"] and not options.layers:  # the first file decides
            options = replace(options, layers=self.layers)
        for sentence in noted.sentences(source, options):
            ((name, tags),) = sentence.layers.items()
            if not self.layers:
                self.layers = (self._corpus_name(name, source),)
            yield sentence if name == self.layers[0] else replace(sentence, layers={self.layers[0]: tags})

    def _corpus_name(self, name: str, source: Part) -> str:
        """A layer that is alone is called as in the model to go on from, if that has one layer too."""
        if len(self.start) == 1:
            return self.start[0].name
        names = [layer.name for layer in self.start]
        if self.start and not self.options.layers and name not in names:
            raise DataError(
                f"The model has several layers, and none is called {name!r}.",
                remedy=f"Name the layer of these labels with --layer: {', '.join(names)}.",
                path=source.path,
            )
        return name

    def _several_layers(self, source: Part, noted: Reading) -> Iterator[Sentence]:
        """Sentences with those of the layers that their source has."""
        options, names = self.options, self.options.layers
        if self.separately and source.file is None:
            first = source.items[0]
            sentence = first.sentences[0] if isinstance(first, Document) and first.sentences else first
            names = tuple(name for name in names if isinstance(sentence, Sentence) and name in sentence.layers)
        elif self.separately:
            stated = {Path(path): layers for path, layers in self.has.items()}.get(Path(source.path), names)
            names = tuple(name for name in names if name in stated) or names
        if names != options.layers:
            columns = dict(zip(options.layers, options.columns, strict=False))
            options = replace(options, layers=names, columns=tuple(columns[name] for name in names if name in columns))
        return noted.sentences(source, options)


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
        if reading.separately:
            store = with_unknown_tokens(store, name)
        scheme = known[name].scheme if name in known else scheme_of_layer(store, name, reading.corpora["train"])
        store = with_legal_tags(store, name, scheme, repairs, mixed)
        layers.append(Layer(name, scheme))
    return store, tuple(layers), repairs


# ---------------------------------------------------------------------------------------------------- parts


def _parts(
    groups: Mapping[str, list[Group]], layers: Sequence[Layer], seed: int, *, hold_out_dev: bool
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
    if all(dict(known) == labels for known in sets) and not store.unknown:
        return parts, None
    return parts, Knowledge(tuple(map(dict, sets)), *members)


def hold_out(sentences: Sentences, seed: int, share: float = 0.1) -> tuple[Sentences, Sentences]:
    """Split off a share, at least one sentence, drawn by the seed; both views keep the order of the data."""
    if len(sentences) < 2:
        raise DataError(
            "One sentence cannot be split into training and development sentences.",
            remedy="Give more sentences, or a file with --dev.",
            path=sentences.path_of(0),
        )
    rows = list(range(len(sentences)))
    random.Random(seed).shuffle(rows)
    held = np.zeros(len(rows), bool)
    held[rows[: max(1, int(len(rows) * share))]] = True
    return sentences.take(np.flatnonzero(~held)), sentences.take(np.flatnonzero(held))
