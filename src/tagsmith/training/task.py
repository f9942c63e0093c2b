"""A corpus made ready for the network: tags inside, vocabulary, vectors, encoded sentences."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.data.corpus import Corpus
from tagsmith.data.document import Sentence
from tagsmith.data.schemes import Scheme, Transitions, allowed_transitions, convert_tags, tag_inventory, tags_to_spans
from tagsmith.encoding.batches import EncodedSentences, encode_sentences, row_lengths
from tagsmith.encoding.vectors import Vectors, load_vectors, quantise_rows
from tagsmith.encoding.vocabulary import Vocabulary, build_vocabulary
from tagsmith.runtime.architecture import Architecture
from tagsmith.training.recipe import Recipe


@dataclass(frozen=True)
class Task:
    """What the network is trained on.

    ``pretrained`` holds int8 rows and their scales, row 0 all zeros, or None; ``tags`` are the network's outputs.
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

    @property
    def measure(self) -> str:
        """The score that early stopping goes by."""
        return "accuracy" if self.corpus.scheme is Scheme.PLAIN else "F1"


def prepare(corpus: Corpus, recipe: Recipe, vectors: str | Path | Vectors | None, seed: int) -> Task:
    """Make a corpus ready: BIOES inside for span tasks, the tags as they are for plain ones."""
    inner = Scheme.PLAIN if corpus.scheme is Scheme.PLAIN else Scheme.BIOES
    gold = [_inner_tags(sentence.layers[corpus.layer], corpus.scheme, recipe.longest) for sentence in corpus.train]
    words = [sentence.words for sentence in corpus.train]
    labels = {tag for tags in gold for tag in tags} if inner is Scheme.PLAIN else _span_labels(corpus)
    tags = tuple(tag_inventory(labels, inner))
    pretrained = None
    known: tuple[str, ...] = ()
    if vectors is not None:
        loaded = vectors if isinstance(vectors, Vectors) else load_vectors(vectors)
        table = np.concatenate([np.zeros((1, loaded.dimensions), np.float32), unit_variance(loaded.matrix)])
        pretrained, known = quantise_rows(table), loaded.words
    vocabulary = build_vocabulary((word for sentence in words for word in sentence), known)
    encoded = encode_sentences(words, gold, vocabulary, {tag: row for row, tag in enumerate(tags)}, recipe.longest)
    return Task(
        corpus,
        recipe.architecture(pretrained[0].shape[1] if pretrained else None),
        vocabulary,
        tags,
        allowed_transitions(tags, inner),
        pretrained,
        encoded,
        row_lengths(encoded.lengths, recipe.batch_tokens),
        _identity(corpus, recipe, vocabulary, pretrained, seed),
    )


def _inner_tags(tags: Sequence[str], scheme: Scheme, longest: int) -> list[str]:
    """Rewrite gold tags for the network; a span cut where its sentence is cut becomes two legal ones."""
    inner = Scheme.PLAIN if scheme is Scheme.PLAIN else Scheme.BIOES
    pieces = (tags[first : first + longest] for first in range(0, len(tags), longest))
    return [tag for piece in pieces for tag in convert_tags(piece, scheme, inner)]


def _span_labels(corpus: Corpus) -> set[str]:
    """Labels of the spans; ``""`` where tags are bare letters, as in word segmentation."""
    sentences = (*corpus.train, *corpus.dev)
    return {span.label for s in sentences for span in tags_to_spans(s.layers[corpus.layer], corpus.scheme)}


def unit_variance(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale vectors so that their numbers have a standard deviation of 1 over all words, as the trained ones have."""
    return np.asarray(matrix / max(float(matrix.std()), 1e-6), np.float32)


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
        digest.update(_digest_text(part, corpus.layer))
    own: dict[str, Any] = {"recipe": recipe.as_dict(), "seed": seed, "vectors": vocabulary.pretrained}
    digest.update(json.dumps(own).encode())
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
