"""Partly unknown labels: training sums over what is unknown.

Take two corpora, one with dates labeled and one without. Merged as they are, the second teaches that dates are ``O``.
Here an ``O`` token of the second stands for ``O`` *or any tag of a date*, and the likelihood of its sentences is that
of all tag sequences that agree with what is labeled (Tsuboi et al. 2008, *Training conditional random fields using
incomplete annotations*; Greenberg et al. 2018, *Marginal likelihood training of BiLSTM-CRF for biomedical named entity
recognition from disjoint label sets*). A labeled span stays exactly what it is. In a layer that a corpus lacks, and at
a token whose tag nobody knows (``?``), every tag is possible.
"""

from __future__ import annotations

import numpy as np

from tagsmith.corpus.corpus import Corpus
from tagsmith.corpus.knowledge import Labels
from tagsmith.corpus.sentences import NO_TAG, Booleans, Integers, Rows, Sentences
from tagsmith.corpus.tag_rows import inner_rows
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, split_tag

Possible = Booleans


def training_tags(corpus: Corpus, layer: Layer, pieces: Integers) -> tuple[Rows, Possible | None]:
    """Return the tags of the training tokens in a layer, as rows of the network's tags or of sets of them.

    Parameters
    ----------
    corpus, layer
        The corpus, and one of its layers with L tags.
    pieces
        The lengths of the pieces into which long training sentences are cut.

    Returns
    -------
    tuple
        (tokens,) rows of ``possible``; and ``possible`` (K, L), which says what tags each row stands for: rows 0 to
        L - 1 for one tag each. None in its place where nothing is unknown.
    """
    train = corpus.train
    column = train.store.columns.get(layer.name)
    rows = np.full(int(train.lengths.sum()), NO_TAG, np.int32)
    if column is not None:
        rows = inner_rows(column.rows[train.token_places()], pieces, column.names, layer)
    if corpus.knowledge is None:
        return rows, None
    table = [np.eye(len(layer.tags), dtype=bool)]
    row_of_set: dict[bytes, int] = {}
    open_rows = np.zeros(len(corpus.knowledge.sets), np.int32)  # what an O, or a missing tag, of each set stands for
    for number in np.unique(corpus.knowledge.train).tolist():
        possible = _possible(layer, corpus.knowledge.sets[number].get(layer.name))
        if possible.sum() == 1:  # only O itself
            continue
        key = possible.tobytes()
        if key not in row_of_set:
            row_of_set[key] = len(layer.tags) + len(row_of_set)
            table.append(possible[None])
        open_rows[number] = row_of_set[key]
    unknown = _unknown_tokens(train, layer)
    if not row_of_set and unknown is None:
        return rows, None
    is_open = rows == NO_TAG
    if layer.gives_spans:
        is_open |= rows == 0
    token_sets = np.repeat(corpus.knowledge.train, train.lengths)
    rows = np.where(is_open, open_rows[token_sets], rows).astype(np.int32)
    if unknown is not None:
        rows[unknown] = len(layer.tags) + len(row_of_set)
        table.append(np.ones((1, len(layer.tags)), bool))
    return rows, np.concatenate(table)


def _unknown_tokens(train: Sentences, layer: Layer) -> Booleans | None:
    """Which of the training tokens (tokens,) nobody knows the tag of; None: none of them."""
    unknown = train.store.unknown.get(layer.name)
    unknown = None if unknown is None else unknown[train.token_places()]
    return unknown if unknown is not None and unknown.any() else None


def _possible(layer: Layer, known: frozenset[str] | None) -> Possible:
    """Which tags (L,) an ``O`` may stand for where these labels are known; None: the layer was not annotated."""
    if known is None:
        return np.ones(len(layer.tags), bool)
    possible = [tag == OUTSIDE or split_tag(tag)[1] not in known for tag in layer.tags]
    return np.array(possible if layer.gives_spans else np.arange(len(layer.tags)) == 0, bool)


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
