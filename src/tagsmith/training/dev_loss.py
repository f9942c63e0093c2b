"""The loss on dev, from the emissions that dev is tagged with.

It is the loss that training lowers (``TaggerNetwork.loss``), here of sentences that no step saw: the negative
log-likelihood of the gold tags, divided by the number of tokens; of several layers the mean. So its curve can be held
against that of the training loss. That one is a little higher at the same weights, as dropout disturbs it, and belongs
to the weights before they are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tagsmith.corpus.corpus import Corpus
from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers
from tagsmith.tagging.decode import path_scores
from tagsmith.tagging.marginals import log_of_sum, posterior
from tagsmith.training.unknown_labels import Possible, known_tags


class DevLoss:
    """Adds up the loss of dev, batch by batch, while it is tagged.

    Parameters
    ----------
    corpus
        Its layers and its dev sentences.
    crf
        Whether the model scores whole sequences, or each token by itself (softmax).
    """

    def __init__(self, corpus: Corpus, *, crf: bool) -> None:
        lengths, self.crf = corpus.dev.lengths, crf
        self.starts, self.tokens = np.cumsum(lengths) - lengths, int(lengths.sum())
        self.gold = [known_tags(corpus, layer, lengths, "dev") for layer in corpus.layers]
        self.total = 0.0

    def add(self, indices: Integers, lengths: Integers, layers: Sequence[tuple[Chain, Floats]]) -> None:
        """Add sentences (B,) of dev, given each layer's chain and their emissions in it, (T, B, L)."""
        places = self.starts[indices] + np.minimum(np.arange(lengths[0])[:, None], lengths - 1)  # (T, B)
        for (chain, emissions), (rows, possible) in zip(layers, self.gold, strict=True):
            losses = sentence_losses(emissions, lengths, rows[places], possible, chain if self.crf else None)
            self.total += float(losses.sum()) / len(self.gold)

    def per_token(self) -> float:
        """Return the loss per token of dev, once all of it has been added."""
        return self.total / max(1, self.tokens)


def sentence_losses(
    emissions: Floats, lengths: Integers, tags: Integers, possible: Possible | None, chain: Chain | None
) -> Doubles:
    """Return -log p(tags) of each sentence, (B,); they are sorted by falling length.

    Parameters
    ----------
    emissions, lengths
        Scores (T, B, L) of the tags, and the sentences' lengths (B,) in tokens.
    tags, possible
        The gold tags (T, B): rows of ``possible`` (K, L), see :func:`~tagsmith.training.unknown_labels.known_tags`;
        without it, of the L tags.
    chain
        The transitions of the CRF; None: each token has a probability of its own.
    """
    if chain is None:
        inside = np.arange(len(emissions))[:, None] < lengths
        each = _log_sums(emissions) - _gold_scores(emissions, tags, possible)
        return np.asarray(each.sum(axis=0, where=inside))
    whole = _partition(emissions, lengths, chain)
    if possible is None:
        return np.asarray(whole - path_scores(tags[None], emissions, lengths, chain)[0])
    return whole - _partition(_only(possible[tags], emissions), lengths, chain)


def _gold_scores(emissions: Floats, tags: Integers, possible: Possible | None) -> Doubles:
    """The score of each token's tag (T, B), or the log of the sum over those that it may have."""
    if possible is None:
        return np.take_along_axis(emissions, tags[..., None], axis=2)[..., 0].astype(np.float64)
    return _log_sums(_only(possible[tags], emissions))


def _only(possible: Possible, emissions: Floats) -> Floats:
    only: Floats = np.where(possible, emissions, np.float32(-np.inf))
    return only


def _partition(emissions: Floats, lengths: Integers, chain: Chain) -> Doubles:
    return posterior(emissions, lengths, chain).log_partition


def _log_sums(emissions: Floats) -> Doubles:
    """The log of the sum over the tags of each token, (T, B)."""
    return log_of_sum(emissions.astype(np.float64)[..., None])[..., 0]
