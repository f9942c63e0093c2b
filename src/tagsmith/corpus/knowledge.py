"""Knowledge of each corpus: the labels that its annotators looked for, layer by layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.legal_tags import occurring_labels
from tagsmith.corpus.sentences import Sentences
from tagsmith.errors import DataError
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, Scheme, split_label

NO_VALUE = "_"  # how CoNLL-U writes that a column says nothing

Partial = bool | Mapping[str, Collection[str]]
"""True: every corpus has labels of its own. A mapping states all labels that were looked for in a file."""

Labels = Mapping[str, frozenset[str]]
"""Layer → labels that were looked for; a layer that is missing was not annotated at all."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Which labels were looked for where: an ``O`` says nothing about any other label."""

    sets: tuple[Labels, ...]  # the distinct sets of labels
    train: npt.NDArray[np.integer]  # (sentences,) the number of each sentence's set
    dev: npt.NDArray[np.integer]
    test: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Group:
    """One corpus of a part: its sentences, and per layer the labels that occur and those that it knows."""

    sentences: Sentences
    occurring: Labels
    known: Labels

    def knows_all(self, layers: Sequence[Layer]) -> bool:
        """Whether every label of every layer was looked for."""
        return all(frozenset(layer.labels) == self.known.get(layer.name) for layer in layers)


def group_of(sentences: Sentences, layers: Sequence[Layer], partial: Partial | None) -> Group:
    """Collect the labels that occur in a corpus; it knows those or, if stated, more.

    Raises DataError: it has no labels in a layer, or one that is not among those stated for its files.
    """
    occurring = {}
    for layer in layers:
        labels = occurring_labels(sentences, layer)
        if labels is not None and not labels - {NO_VALUE}:
            nothing = OUTSIDE if layer.gives_spans else NO_VALUE
            raise DataError(
                f"The file has no labels: every tag of the layer {layer.name!r} is {nothing!r}.",
                remedy="Choose the column or layer that holds the labels with --column or --layer.",
                path=sentences.path_of(0),
            )
        if labels is not None:
            occurring[layer.name] = labels
    stated = frozenset[str]()
    if isinstance(partial, Mapping):
        files = {Path(sentences.store.paths[row]) for row in np.unique(sentences.store.sources[sentences.places])}
        stated = stated.union(*(labels for path, labels in partial.items() if Path(path) in files))
    every = frozenset[str]().union(*occurring.values())
    if stated and (surplus := sorted(every - stated)):
        raise DataError(
            f"The label {surplus[0]!r} occurs here but is not among those that the file is said to know.",
            remedy=f"State all of them: {', '.join(sorted(every | stated))}.",
            path=sentences.path_of(0),
        )
    return Group(sentences, occurring, {layer: labels | stated for layer, labels in occurring.items()})


def with_labels(layers: Sequence[Layer], train: Sequence[Group], start: Sequence[Layer]) -> tuple[Layer, ...]:
    """Give each layer the labels that occur in training, and those of the model to go on from."""
    labels = {layer.name: set(layer.labels) for layer in (*layers, *start)}
    for group in train:
        for name, occurring in group.occurring.items():
            labels[name] |= occurring
    return tuple(replace(layer, labels=tuple(sorted(labels[layer.name]))) for layer in layers)


def completed(
    groups: Mapping[str, Sequence[Group]], layers: Sequence[Layer], everything: bool
) -> dict[str, list[Group]]:
    """Say what every corpus knows of each layer that it has.

    Of plain tags that is always all of them, and with ``everything`` of spans too. Of as many dev (or test) corpora as
    training ones, the n-th also knows what the n-th training corpus knows.
    """

    def complete(group: Group, partner: Group | None) -> Group:
        known = {}
        for layer in layers:
            if layer.name in group.occurring:
                labels = group.known[layer.name] | (partner.known.get(layer.name, frozenset()) if partner else set())
                all_known = everything or not layer.gives_spans
                known[layer.name] = frozenset(layer.labels) if all_known else labels & set(layer.labels)
        return replace(group, known=known)

    result = {}
    for part, members in groups.items():
        paired = part != "train" and len(members) == len(groups["train"])
        partners = groups["train"] if paired else [None] * len(members)
        result[part] = [complete(group, partner) for group, partner in zip(members, partners, strict=True)]
    return result


# --------------------------------------------------------------------------------------------------- checks


def check_dev(groups: Sequence[Group], layers: Sequence[Layer]) -> None:
    """Raise :class:`DataError` if dev has a label that training lacks; name the first."""
    for layer in layers:
        for group in groups:
            if unknown := group.occurring.get(layer.name, frozenset()) - {*layer.labels, NO_VALUE}:
                raise _unknown_label(group.sentences, layer, unknown)


def _unknown_label(sentences: Sentences, layer: Layer, unknown: Collection[str]) -> DataError:
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


def label_of(tag: str, scheme: Scheme) -> str | None:
    """Return the label of a tag: its span type, or a plain or bare tag itself; None for ``O``."""
    return None if tag == OUTSIDE and scheme is not Scheme.PLAIN else split_label(tag, scheme)


def check_statements(stated: Mapping[str, Collection[str]], paths: Collection[str], names: Collection[str]) -> None:
    """Raise :class:`DataError` if something is stated of a file that is not there, or a label or layer is not one."""
    files = {Path(path) for path in paths}
    for path, listed in stated.items():
        if Path(path) not in files:
            given = ", ".join(sorted(map(str, files)))
            raise DataError(f"There is no file {path!r} among those given.", remedy=f"The files are: {given}.")
        if surplus := sorted(set(listed) - set(names)):
            raise DataError(
                f"{surplus[0]!r}, stated for this file, occurs in no training data.",
                remedy=f"Choose from: {', '.join(sorted(names))}.",
                path=path,
            )


def nothing_unknown(layers: Sequence[Layer], path: str) -> DataError:
    """Make the error that labels are said to be partial, but every corpus knows all of them."""
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
