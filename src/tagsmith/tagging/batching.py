"""Batches of sentences, and the threads that run the network over them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from tagsmith.tagging.chain import Floats, Integers
from tagsmith.tagging.exported_network import ExportedNetwork
from tagsmith.tagging.word_table import CAPACITY, FormColumns

Block = TypeVar("Block")
Result = TypeVar("Result")
# Large enough for efficient recurrent products, small enough that a step's arrays stay in the processor's cache. Of few
# sentences the batches are smaller, so that every thread has some.
BATCH_TOKENS, SMALL_BATCH_TOKENS = 6400, 2560
BATCHES_PER_THREAD = 4
SENTENCE_TOKENS = 26  # a batch has at most one sentence for so many of the tokens it may have
# Pairs of tags in the sentences of a batch: decoding takes a few numbers for each. Up to 260 tags cut no batch.
MOST_PAIRS = 2**24
BLOCK_TOKENS = CAPACITY  # tokens looked up together: the word table holds them even if every word is new
LONGEST_WHOLE = 8192  # tokens; a longer sentence is read by itself, in windows


class TaggingBatch(NamedTuple):
    """Sentences that run together, longest first.

    ``indices`` (B,) refer to the sentences of the call, ``lengths`` (B,) are in tokens, ``forms`` and ``tokens`` (T, B)
    are the network's inputs. A sentence longer than ``LONGEST_WHOLE`` is a batch by itself, without inputs.
    """

    indices: Integers
    lengths: Integers
    forms: FormColumns | None = None
    tokens: npt.NDArray[np.int32] | None = None


def run_batches(
    network: ExportedNetwork,
    sentences: Sequence[Sequence[str]],
    threads: int,
    decode: Callable[[Floats, Integers], Result],
    decode_long: Callable[[Iterator[Floats], int], Result],
    tags: int = 1,
) -> Iterator[tuple[Integers, Result]]:
    """Yield for each batch the indices of its sentences and the result of ``decode``.

    ``decode`` takes emissions (T, B, tags) and lengths (B,); ``decode_long`` takes the emissions of one long sentence,
    window by window, and its length; ``tags`` is the largest number of tags that they decode at once. Empty sentences
    are in no batch. ``threads`` batches run at the same time, while the caller's thread looks up the words of the next
    batches: ONNX Runtime and NumPy release the interpreter lock.
    """

    def run(batch: TaggingBatch) -> tuple[Integers, Result]:
        if batch.forms is None or batch.tokens is None:
            sentence = sentences[int(batch.indices[0])]
            return batch.indices, decode_long(network.windows(sentence), len(sentence))
        return batch.indices, decode(network.emissions(batch.forms, batch.tokens, batch.lengths), batch.lengths)

    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
    tokens = int(lengths.sum())
    most_tokens = batch_tokens(tokens, threads)
    most_sentences = most_tokens // SENTENCE_TOKENS
    batches = _batches(network, sentences, lengths, most_tokens, min(most_sentences, max(1, MOST_PAIRS // tags**2)))
    if threads == 1 or (len(sentences) <= most_sentences and tokens <= most_tokens):
        yield from map(run, batches)
        return
    waiting: deque[Future[tuple[Integers, Result]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for batch in batches:
            waiting.append(pool.submit(run, batch))
            while len(waiting) > 2 * threads or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # after an error or Ctrl-C, waiting batches do not start
        pool.shutdown(cancel_futures=True)


def _batches(
    network: ExportedNetwork,
    sentences: Sequence[Sequence[str]],
    lengths: Integers,
    most_tokens: int,
    most_sentences: int,
) -> Iterator[TaggingBatch]:
    """Cut the sentences into batches of similar lengths, and look up the words of several batches at a time."""
    if len(lengths) == 1 and 0 < lengths[0] <= LONGEST_WHOLE:  # the fast way for one sentence
        forms = network.look_up(sentences)
        yield TaggingBatch(np.zeros(1, np.int64), lengths, forms, forms.tokens[:, None])
        return
    is_long = lengths > LONGEST_WHOLE
    for index in np.flatnonzero(is_long):
        yield TaggingBatch(np.array([index]), lengths[index : index + 1])
    short = np.flatnonzero((lengths > 0) & ~is_long)
    block: list[Integers] = []
    size = 0
    for rows in length_batches(lengths[short], most_tokens, most_sentences):
        tokens = int(lengths[short[rows]].sum())
        if block and size + tokens > BLOCK_TOKENS:
            yield from _looked_up(network, sentences, block, lengths)
            block, size = [], 0
        block.append(short[rows])
        size += tokens
    if block:
        yield from _looked_up(network, sentences, block, lengths)


def _looked_up(
    network: ExportedNetwork, sentences: Sequence[Sequence[str]], block: list[Integers], lengths: Integers
) -> Iterator[TaggingBatch]:
    """Look up the words of a block of batches, given as indices of sentences."""
    together = np.concatenate(block)
    forms = network.look_up([sentences[index] for index in together.tolist()])
    starts = np.cumsum(lengths[together]) - lengths[together]
    first = 0
    for indices in block:
        counts = lengths[indices]
        steps = np.arange(counts[0])[:, None]  # (T, 1)
        # Padding repeats the last word of the sentence.
        tokens = forms.tokens[starts[first : first + len(indices)] + np.minimum(steps, counts - 1)]  # (T, B)
        yield TaggingBatch(indices, counts, forms, tokens)
        first += len(indices)


def one_ahead(work: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
    """Yield ``work(block)`` of one block after the other, and work on the next meanwhile.

    The work has a thread of its own. So the caller's thread makes the block after that, and uses the result before it,
    while batches run. An error in making a block comes after the results of those before it.
    """
    pool = ThreadPoolExecutor(1)
    making, running = iter(blocks), None
    try:
        while True:
            problem: Exception | None = None
            before, running = running, None
            try:
                running = pool.submit(work, next(making))
            except Exception as error:  # StopIteration too
                problem = error
            if before is not None:
                yield before.result()
            if isinstance(problem, StopIteration):
                return
            if problem is not None:
                raise problem
    finally:  # after Ctrl-C nothing is waited for
        pool.shutdown(wait=False, cancel_futures=True)


def batch_tokens(tokens: int, threads: int) -> int:
    """Return how many tokens, including padding, a batch of a call with so many tokens may have.

    >>> batch_tokens(1000, threads=2), batch_tokens(32_000, threads=2), batch_tokens(1_000_000, threads=2)
    (2560, 4000, 6400)
    """
    return min(BATCH_TOKENS, max(SMALL_BATCH_TOKENS, tokens // (threads * BATCHES_PER_THREAD)))


def length_batches(lengths: Integers, token_budget: int, most_sentences: int) -> Iterator[Integers]:
    """Yield indices of sentences in batches of similar lengths, longest first.

    A batch has at most ``most_sentences`` sentences and ``token_budget`` tokens including padding, but at least one
    sentence.
    """
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        longest = max(1, int(lengths[order[first]]))
        rows = min(most_sentences, max(1, token_budget // longest))
        yield order[first : first + rows]
        first += rows


def available_processors() -> int:
    """Number of processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
