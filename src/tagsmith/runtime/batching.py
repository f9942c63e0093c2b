"""Sentences → batches → whatever is made of their emissions, with several batches under way at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from tagsmith.encoding.batches import length_batches
from tagsmith.runtime.chain import Floats, Integers
from tagsmith.runtime.exported_network import ExportedNetwork
from tagsmith.runtime.word_table import Found

Result = TypeVar("Result")
# Large enough to keep the recurrent products busy, small enough that a step's arrays stay in the processor's cache.
BATCH_SENTENCES, BATCH_TOKENS = 128, 3072
# Tokens looked up together: the more, the nearer the lengths of the sentences that share a batch.
BLOCK_TOKENS = 24_576  # fewer than the word table holds forms
LONGEST_WHOLE = 8192  # tokens; a longer sentence is read in windows, by itself


class Batch(NamedTuple):
    """Sentences that are run together, the longest first.

    ``indices`` (B,) are their places in the call, ``lengths`` (B,) their tokens; ``forms`` and ``tokens`` (T, B) are
    what the network reads. A sentence too long for that has a batch of its own, without forms.
    """

    indices: Integers
    lengths: Integers
    forms: Found | None = None
    tokens: npt.NDArray[np.int32] | None = None


def run_batches(
    network: ExportedNetwork,
    sentences: Sequence[Sequence[str]],
    threads: int,
    decode: Callable[[Floats, Integers], Result],
    decode_long: Callable[[Iterator[Floats], int], Result],
) -> Iterator[tuple[Integers, Result]]:
    """Yield the indices of the sentences of each batch, and what ``decode`` makes of its emissions.

    Empty sentences are in no batch. ``threads`` batches are worked on at the same time while the caller's thread looks
    up the words of the next ones: ONNX Runtime and NumPy let other threads run while they compute.

    Parameters
    ----------
    decode
        Takes emissions (T, B, tags) and lengths (B,).
    decode_long
        Takes the emissions of one long sentence, window by window, and its length.
    """

    def run(batch: Batch) -> tuple[Integers, Result]:
        if batch.forms is None or batch.tokens is None:
            sentence = sentences[int(batch.indices[0])]
            return batch.indices, decode_long(network.windows(sentence), len(sentence))
        return batch.indices, decode(network.emissions(batch.forms, batch.tokens, batch.lengths), batch.lengths)

    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
    batches = _batches(network, sentences, lengths)
    if threads == 1 or (len(sentences) <= BATCH_SENTENCES and lengths.sum() <= BATCH_TOKENS):
        yield from map(run, batches)
        return
    waiting: deque[Future[tuple[Integers, Result]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for batch in batches:
            waiting.append(pool.submit(run, batch))
            while len(waiting) > 2 * threads or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _batches(network: ExportedNetwork, sentences: Sequence[Sequence[str]], lengths: Integers) -> Iterator[Batch]:
    is_long = lengths > LONGEST_WHOLE
    short = np.flatnonzero((lengths > 0) & ~is_long)
    ends = np.cumsum(lengths[short])
    first = 0
    while first < len(short):
        before = int(ends[first] - lengths[short[first]])
        last = max(first + 1, int(np.searchsorted(ends, before + BLOCK_TOKENS, side="right")))
        yield from _block(network, sentences, short[first:last], lengths)
        first = last
    for index in np.flatnonzero(is_long):
        yield Batch(np.array([index]), lengths[index : index + 1])


def _block(
    network: ExportedNetwork, sentences: Sequence[Sequence[str]], indices: Integers, lengths: Integers
) -> Iterator[Batch]:
    """Look up the words of some sentences and cut these into batches of near-equal length."""
    forms = network.look_up([sentences[index] for index in indices.tolist()])
    own = lengths[indices]
    starts = np.cumsum(own) - own
    for members in length_batches(own, BATCH_TOKENS, BATCH_SENTENCES):
        counts = own[members]
        steps = np.arange(counts[0])[:, None]  # (T, 1)
        # A padded step repeats the sentence's last word.
        tokens = forms.tokens[starts[members] + np.minimum(steps, counts - 1)]  # (T, B)
        yield Batch(indices[members], counts, forms, tokens)
