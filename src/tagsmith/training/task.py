"""A corpus made ready for the network: tags inside, vocabulary, vectors, encoded sentences."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.corpus import Corpus, Layer
from tagsmith.model.architecture import Architecture
from tagsmith.model.folder import Model
from tagsmith.model.frozen_vectors import FrozenVectors, frozen_vectors
from tagsmith.model.vectors import Vectors
from tagsmith.model.vocabulary import Rows, Vocabulary, build_vocabulary
from tagsmith.network.batches import EncodedSentences, encode_sentences, row_lengths
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, Transitions, allowed_transitions, convert_tags, tag_inventory, tags_to_spans
from tagsmith.training.fine_tuning import as_before, digest, joined_vocabulary, pretrained_of
from tagsmith.training.partial import open_tags
from tagsmith.training.recipe import Recipe


@dataclass(frozen=True)
class LayerTask:
    """A further layer: its name and the user's scheme, the network's outputs for it, and which may follow which."""

    name: str
    scheme: Scheme
    tags: tuple[str, ...]
    allowed: Transitions


@dataclass(frozen=True)
class Task:
    """What the network is trained on.

    ``pretrained`` holds int8 rows and their scales, row 0 all zeros, or None; ``tags`` are the network's outputs for
    the main layer, ``further`` tells of the others; ``possible`` (K, L), where some labels are unknown, says which tags
    each row of ``encoded.tags`` stands for; ``start`` is the model that training goes on from.
    """

    corpus: Corpus
    architecture: Architecture
    vocabulary: Vocabulary
    tags: tuple[str, ...]
    allowed: Transitions
    pretrained: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None
    encoded: EncodedSentences
    rows: list[int]
    identity: str
    further: tuple[LayerTask, ...] = ()
    possible: npt.NDArray[np.bool_] | None = None
    start: Model | None = None

    @property
    def measures(self) -> dict[str, str]:
        """What each layer is scored by."""
        return {own.name: "accuracy" if own.scheme is Scheme.PLAIN else "F1" for own in self.corpus.layers}

    @property
    def measure(self) -> str:
        """The score that early stopping goes by: of several layers, the mean of theirs."""
        return "mean" if self.further else self.measures[self.corpus.layer]


def prepare(
    corpus: Corpus,
    recipe: Recipe,
    vectors: str | Path | Vectors | FrozenVectors | None,
    seed: int,
    start: Model | None = None,
) -> Task:
    """Make a corpus ready: BIOES inside for span tasks, the tags as they are for plain ones.

    With ``start`` the vectors, and what the new words, characters and labels are added to, are that model's.
    """
    inner = Scheme.PLAIN if corpus.scheme is Scheme.PLAIN else Scheme.BIOES
    gold = [_inner_tags(sentence.layers[corpus.layer], corpus.scheme, recipe.longest) for sentence in corpus.train]
    words = [sentence.words for sentence in corpus.train]
    plain = inner is Scheme.PLAIN
    labels = {tag for tags in gold for tag in tags} if plain else _span_labels(corpus, corpus.layer, corpus.scheme)
    labels |= as_before(start).labels if start else set()
    tags = tuple(tag_inventory(labels, inner))
    pretrained = None
    known: tuple[str, ...] = ()
    if start is not None:
        pretrained, known = pretrained_of(start), start.vocabulary.pretrained
    elif vectors is not None:
        frozen = vectors if isinstance(vectors, FrozenVectors) else frozen_vectors(vectors)
        pretrained, known = (frozen.rows, frozen.scales), frozen.words
    vocabulary = build_vocabulary((word for sentence in words for word in sentence), known)
    if start is not None:
        vocabulary = joined_vocabulary(start.vocabulary, vocabulary)
    gold, rows, possible = open_tags(gold, corpus.knowledge, tags)
    encoded = encode_sentences(words, gold, vocabulary, rows, recipe.longest)
    further = [_further_layer(corpus, layer, recipe.longest) for layer in corpus.further]
    encoded = replace(encoded, further=tuple(rows for _, rows in further))
    return Task(
        corpus,
        recipe.architecture(pretrained[0].shape[1] if pretrained else None),
        vocabulary,
        tags,
        allowed_transitions(tags, inner),
        pretrained,
        encoded,
        row_lengths(encoded.lengths, recipe.batch_tokens),
        _identity(corpus, recipe, vocabulary, pretrained, seed) + (digest(start) if start else ""),
        tuple(layer for layer, _ in further),
        possible,
        start,
    )


def _further_layer(corpus: Corpus, layer: Layer, longest: int) -> tuple[LayerTask, Rows]:
    """Make a further layer ready; also return the row of each training token's tag."""
    inner = Scheme.PLAIN if layer.scheme is Scheme.PLAIN else Scheme.BIOES
    gold = [tag for s in corpus.train for tag in _inner_tags(s.layers[layer.name], layer.scheme, longest)]
    labels = set(gold) if inner is Scheme.PLAIN else _span_labels(corpus, layer.name, layer.scheme)
    tags = tuple(tag_inventory(labels, inner))
    rows = {tag: row for row, tag in enumerate(tags)}
    found = LayerTask(layer.name, layer.scheme, tags, allowed_transitions(tags, inner))
    return found, np.array([rows[tag] for tag in gold], np.int32)


def _inner_tags(tags: Sequence[str], scheme: Scheme, longest: int) -> list[str]:
    """Rewrite gold tags for the network; a span cut where its sentence is cut becomes two legal ones."""
    inner = Scheme.PLAIN if scheme is Scheme.PLAIN else Scheme.BIOES
    pieces = (tags[first : first + longest] for first in range(0, len(tags), longest))
    return [sys.intern(tag) for piece in pieces for tag in convert_tags(piece, scheme, inner)]


def _span_labels(corpus: Corpus, layer: str, scheme: Scheme) -> set[str]:
    """Labels of the spans; ``""`` where tags are bare letters, as in word segmentation."""
    sentences = chain(corpus.train, corpus.dev)
    return {span.label for s in sentences for span in tags_to_spans(s.layers[layer], scheme)}


def _identity(
    corpus: Corpus,
    recipe: Recipe,
    vocabulary: Vocabulary,
    pretrained: tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]] | None,
    seed: int,
) -> str:
    """A digest of everything that decides a run's result, for ``--resume``."""
    digest = hashlib.sha256()
    for part in (corpus.train, corpus.dev):
        for layer in corpus.layers:
            digest.update(_digest_text(part, layer.name))
    own: dict[str, Any] = {"recipe": recipe.as_dict(), "seed": seed, "vectors": vocabulary.pretrained}
    digest.update(json.dumps(own).encode())
    if (knowledge := corpus.knowledge) is not None:
        sets = [sorted(known) for known in knowledge.sets]
        digest.update(json.dumps([sets, knowledge.train, knowledge.dev, corpus.labels]).encode())
    for table in pretrained or ():
        digest.update(table.tobytes())
    return digest.hexdigest()


def _digest_text(sentences: Sequence[Sentence], layer: str) -> bytes:
    digest = hashlib.sha256()
    for sentence in sentences:
        digest.update(
            "\x1f".join((*sentence.words, "\x1e", *sentence.layers[layer], "\n")).encode("utf-8", "surrogatepass")
        )
    return digest.digest()
