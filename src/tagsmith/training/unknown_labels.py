"""Partly unknown labels: training sums over what is unknown.

Take two corpora, one with dates labeled and one without. Merged as they are, the second teaches that dates are ``O``.
Here an ``O`` token of the second stands for ``O`` *or any tag of a date*, and the likelihood of its sentences is that
of all tag sequences that agree with what is labeled (Tsuboi et al. 2008, *Training conditional random fields using
incomplete annotations*; Greenberg et al. 2018, *Marginal likelihood training of BiLSTM-CRF for biomedical named entity
recognition from disjoint label sets*). A labeled span stays exactly what it is. In a layer that a corpus lacks, and at
a token whose tag nobody knows (``?``), every tag is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tagsmith.corpus.corpus import Corpus
from tagsmith.corpus.knowledge import Labels
from tagsmith.corpus.sentences import NO_TAG, Booleans, Integers, Rows, Sentences
from tagsmith.corpus.tag_rows import inner_rows
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, split_label, split_tag

Possible = Booleans


def known_tags(
    corpus: Corpus, layer: Layer, pieces: Integers, part: Literal["train", "dev"] = "train"
) -> tuple[Rows, Possible | None]:
    """Return the tags of the training tokens, or those of dev, in a layer: rows of the network's tags or of sets.

    Parameters
    ----------
    corpus, layer
        The corpus, and one of its layers with L tags.
    pieces
        The lengths of the pieces into which long sentences are cut.

    Returns
    -------
    tuple
        (tokens,) rows of ``possible``; and ``possible`` (K, L), which says what tags each row stands for: rows 0 to
        L - 1 for one tag each. None in its place where nothing is unknown. A tag of dev that the layer does not have
        says nothing.
    """
    sentences: Sentences = getattr(corpus, part)
    column = sentences.store.columns.get(layer.name)
    rows = np.full(int(sentences.lengths.sum()), NO_TAG, np.int32)
    if column is not None:
        given = column.rows[sentences.token_places()]
        if part == "dev":
            given = np.where(_has(layer, column.names)[given], given, NO_TAG).astype(np.int32)
        rows = inner_rows(given, pieces, column.names, layer)
    table = [np.eye(len(layer.tags), dtype=bool)]
    row_of_set: dict[bytes, int] = {}

    def row_of(possible: Possible) -> int:
        """The row that stands for these tags."""
        if possible.tobytes() not in row_of_set:
            row_of_set[possible.tobytes()] = len(layer.tags) + len(row_of_set)
            table.append(possible[None])
        return row_of_set[possible.tobytes()]

    found = rows.copy()
    if corpus.knowledge is not None and layer.gives_spans:
        of_sentences = getattr(corpus.knowledge, part)
        open_rows = np.zeros(len(corpus.knowledge.sets), np.int32)  # what an O of each set stands for
        for number in np.unique(of_sentences).tolist():
            possible = _possible(layer, corpus.knowledge.sets[number].get(layer.name))
            if possible.sum() > 1:  # not only O itself
                open_rows[number] = row_of(possible)
        outside = rows == 0
        found[outside] = open_rows[np.repeat(of_sentences, sentences.lengths)[outside]]
    missing = rows == NO_TAG
    if (unknown := _unknown_tokens(sentences, layer)) is not None:
        missing |= unknown
    if missing.any():
        found[missing] = row_of(np.ones(len(layer.tags), bool))
    return (found, np.concatenate(table)) if row_of_set else (rows, None)


def _unknown_tokens(sentences: Sentences, layer: Layer) -> Booleans | None:
    """Which of the tokens (tokens,) nobody knows the tag of; None: none of them."""
    unknown = sentences.store.unknown.get(layer.name)
    unknown = None if unknown is None else unknown[sentences.token_places()]
    return unknown if unknown is not None and unknown.any() else None


def _has(layer: Layer, names: Sequence[str]) -> Possible:
    """Whether each tag is one of the layer's."""
    if not layer.gives_spans:
        return np.array([name in layer.labels for name in names], bool)
    return np.array([name == OUTSIDE or split_label(name, layer.scheme) in layer.labels for name in names], bool)


def _possible(layer: Layer, known: frozenset[str] | None) -> Possible:
    """Which tags (L,) an ``O`` may stand for where these labels are known; None: the layer was not annotated."""
    return np.array([known is None or tag == OUTSIDE or split_tag(tag)[1] not in known for tag in layer.tags], bool)


def describe_unknown(corpus: Corpus, *, labeled_by_model: bool = False) -> list[str]:
    """Say, a line for each set of labels, what is unknown in how many training sentences.

    With ``labeled_by_model`` a model has added what was unknown.
    """
    knowledge = corpus.knowledge
    if knowledge is None:
        return []
    lines = []
    for layer in corpus.layers:
        for number, labels in enumerate(knowledge.sets):
            count = int((knowledge.train == number).sum())
            if count and (unknown := _unknown(layer, labels)):
                rest = f", not {unknown}" if layer.name in labels else ""
                lines.append(f"{count:,} train sentences {_known(corpus, layer, labels)}{rest}")
        unknown_tokens = _unknown_tokens(corpus.train, layer)
        if unknown_tokens is not None:
            name = f" of layer {layer.name}" if len(corpus.layers) > 1 else ""
            lines.append(f"the tag{name} of {int(unknown_tokens.sum()):,} train tokens is unknown")
        labels = knowledge.sets[0]
        if labeled_by_model and not lines and (unknown := _unknown(layer, labels)):
            lines.append(f"train sentences {_known(corpus, layer, labels)}; the model adds {unknown}")
    return lines


def _unknown(layer: Layer, labels: Labels) -> str:
    return ", ".join(sorted(set(layer.labels) - labels.get(layer.name, frozenset())))


def _known(corpus: Corpus, layer: Layer, labels: Labels) -> str:
    if layer.name not in labels:
        return f"have no layer {layer.name}"
    name = f" of layer {layer.name}" if len(corpus.layers) > 1 else ""
    return f"know {', '.join(sorted(labels[layer.name])) or 'nothing'}{name}"
