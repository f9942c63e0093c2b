"""A corpus prepared for the network: vocabulary, vectors, encoded sentences, tags as rows."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.corpus import Corpus
from tagsmith.corpus.sentences import Sentences
from tagsmith.errors import DataError
from tagsmith.model.architecture import Architecture
from tagsmith.model.folder import Model
from tagsmith.model.frozen_vectors import FrozenVectors, frozen_vectors
from tagsmith.model.vectors import Vectors
from tagsmith.model.vocabulary import Vocabulary, build_vocabulary
from tagsmith.network.batches import EncodedSentences, Tags, encode_sentences, piece_lengths, row_lengths
from tagsmith.text.layer import layers_problem
from tagsmith.training.fine_tuning import frozen_vectors_of, joined_vocabulary, model_digest
from tagsmith.training.recipe import Recipe
from tagsmith.training.unknown_labels import Possible, known_tags

Pretrained = tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]
Targets = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Task:
    """What the network is trained on."""

    corpus: Corpus
    architecture: Architecture
    vocabulary: Vocabulary
    pretrained: Pretrained | None  # int8 rows and their scales, row 0 all zeros
    ngrams: Pretrained | None  # int8 rows and their scales, of fastText's n-grams
    encoded: EncodedSentences
    possible: tuple[Possible | None, ...]  # for each layer, what rows of its tags stand for: see ``known_tags``
    rows: list[int]  # the lengths of a batch's rows
    identity: str  # a digest of everything that decides a run's result, for ``--resume``
    start: Model | None = None  # the model that training goes on from

    @property
    def covered(self) -> str | None:
        """Say how many words of the training data have a pretrained vector; None: there are no vectors."""
        if self.pretrained is None:
            return None
        counts = _word_counts(self.corpus.train)
        has = self.vocabulary.have_vectors(list(counts))
        numbers = np.fromiter(counts.values(), np.int64, len(counts))
        tokens, forms = numbers[has].sum() / max(1, numbers.sum()), has.sum() / max(1, len(has))
        return f"{100 * tokens:.1f} % of the training tokens have one, and {100 * forms:.1f} % of the different words"


def prepare(
    corpus: Corpus,
    recipe: Recipe,
    vectors: str | Path | Vectors | FrozenVectors | None,
    seed: int,
    start: Model | None = None,
    targets: Sequence[Targets] | None = None,
) -> Task:
    """Prepare a corpus.

    With ``start`` the vectors, and what the new words, characters and labels are added to, are that model's. With
    ``targets`` training learns these probabilities of each tag, for each layer (tokens, L), in place of the tags of the
    training tokens. Raises DataError: no model can have these layers or labels.
    """
    if problem := layers_problem(corpus.layers):
        raise DataError(f"{problem}.", remedy="Change the labels in the data.")
    frozen = frozen_vectors_of(start) if start is not None else None
    if start is None and vectors is not None:
        frozen = vectors if isinstance(vectors, FrozenVectors) else frozen_vectors(vectors)
    words = _word_counts(corpus.train)
    exact = start is not None and start.vocabulary.exact
    pretrained: Pretrained | None = None
    of_ngrams: Pretrained | None = None
    if frozen is None:
        vocabulary = build_vocabulary(words, exact=exact)
    else:
        frozen = frozen.with_forms(words)
        pretrained, subwords = (frozen.rows, frozen.scales), frozen.subwords
        of_ngrams = (subwords.rows, subwords.scales) if subwords else None
        vocabulary = build_vocabulary(words, frozen.words, exact=exact, ngrams=subwords.ngrams if subwords else None)
    if start is not None:
        vocabulary = joined_vocabulary(start.vocabulary, vocabulary)
    pieces = piece_lengths(corpus.train.lengths, recipe.longest)
    tags: list[tuple[Tags, Possible | None]] = [(rows, None) for rows in targets or ()]
    tags = tags or [known_tags(corpus, layer, pieces) for layer in corpus.layers]
    encoded = encode_sentences(corpus.train, [rows for rows, _ in tags], vocabulary, recipe.longest)
    architecture = recipe.architecture
    if pretrained is not None:
        architecture = replace(architecture, word_dim=pretrained[0].shape[1])
    return Task(
        corpus,
        architecture,
        vocabulary,
        pretrained,
        of_ngrams,
        encoded,
        tuple(possible for _, possible in tags),
        row_lengths(encoded.lengths, recipe.batch_tokens),
        _identity(corpus, recipe, vocabulary, [*(pretrained or ()), *(of_ngrams or ()), *(targets or ())], seed)
        + (model_digest(start) if start else ""),
        start,
    )


def _word_counts(sentences: Sentences) -> Counter[str]:
    counts = np.bincount(sentences.store.word_rows[sentences.token_places()], minlength=len(sentences.store.words))
    words = zip(sentences.store.words, counts.tolist(), strict=True)
    return Counter({word: count for word, count in words if count})


def _identity(corpus: Corpus, recipe: Recipe, vocabulary: Vocabulary, arrays: list[npt.NDArray[Any]], seed: int) -> str:
    store, knowledge = corpus.train.store, corpus.knowledge
    sets = knowledge.sets if knowledge else ()
    facts = {
        "recipe": recipe.as_dict(),
        "seed": seed,
        "vectors": vocabulary.pretrained,
        "words": store.words,
        "layers": [(layer.name, layer.scheme, layer.labels) for layer in corpus.layers],
        "tags": [(name, column.names) for name, column in store.columns.items()],
        "knowledge": [sorted((name, *sorted(labels)) for name, labels in known.items()) for known in sets],
    }
    arrays += (knowledge.train, knowledge.dev) if knowledge else ()
    for sentences in (corpus.train, corpus.dev):
        tokens = sentences.token_places()
        arrays += [sentences.lengths, store.word_rows[tokens]]
        arrays += [column.rows[tokens] for column in store.columns.values()]
        arrays += [unknown[tokens] for unknown in store.unknown.values()]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
