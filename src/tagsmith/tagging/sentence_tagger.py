"""SentenceTagger: what a model does with sentences given as words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tagsmith.errors import DataError, ModelError
from tagsmith.model.configuration import PRECISIONS, Precision
from tagsmith.model.folder import Model
from tagsmith.tagging.batching import available_processors, run_batches
from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers
from tagsmith.tagging.decode import k_best
from tagsmith.tagging.exported_network import ExportedNetwork
from tagsmith.tagging.heads import Head, HeadsDecoder, Threshold, heads_of, least_probabilities
from tagsmith.tagging.marginals import posterior, written_marginals
from tagsmith.tagging.spans import SpanDecoder
from tagsmith.text.arguments import check_sentence, check_sentences, check_tokens, shown
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme

Result = TypeVar("Result")
ScoredSpan = tuple[int, int, str, float]  # start and end (exclusive) in tokens, label, probability
Watch = Callable[[Integers, Integers, list[tuple[Chain, Floats]]], None]
STREAM_SENTENCES, STREAM_TOKENS = 8192, 131_072  # handled at a time when tagging a stream, whichever comes first


class TaggedLayer(NamedTuple):
    """What one layer says of some sentences: the tags of each, in their order, and its spans where it has any."""

    tags: Iterator[list[str]]
    spans: Mapping[int, Sequence[ScoredSpan]]  # by the number of the sentence, from 0


class SentenceTagger:
    """A model at work on sentences of words; see :class:`~tagsmith.tagging.tagger.Tagger`, which adds the rest."""

    def __init__(self, model: Model, *, precision: Precision | None = None, threads: int | None = None) -> None:
        if not isinstance(model, Model):
            raise ModelError(f"the model is {shown(model)}, not a Model.", remedy='Load one: tagsmith.load("model/").')
        precision = precision or model.precision
        if precision not in PRECISIONS:
            raise ModelError(f"precision is {precision!r}.", remedy=f"Choose one of {', '.join(PRECISIONS)}.")
        if threads is not None and threads < 1:
            raise ModelError(f"threads is {threads}.", remedy="It must be at least 1.")
        self.model, self.precision = model, precision
        self.threads = threads or available_processors()
        self._network = ExportedNetwork(model, precision)
        self._heads = heads_of(model)
        self.layers = tuple(layer.name for layer in model.layers)

    def layer(self, name: str | None = None) -> Layer:
        """Return a layer, by default the first, with its ``scheme``, ``labels``, ``tags`` and ``gives_spans``.

        Raises
        ------
        DataError
            The model gives no such layer.
        """
        return self._head(name).layer

    def _head(self, name: str | None) -> Head:
        for head in self._heads:
            if name in (None, head.layer.name):
                return head
        raise DataError(f"this model gives no layer {name!r}.", remedy=f"Its layers: {', '.join(self.layers)}.")

    @property
    def scheme(self) -> Scheme:
        """The scheme of the tags that come out, that of the training data, in the first layer."""
        return self.layer().scheme

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the first layer: types of spans, or plain tags."""
        return self.layer().labels

    @property
    def gives_spans(self) -> bool:
        """Whether the tags of any layer write spans; else each labels its token alone (parts of speech)."""
        return any(layer.gives_spans for layer in self.model.layers)

    # --- tags

    def tag(
        self, sentences: Sequence[Sequence[str]], *, threshold: Threshold | None = None, layer: str | None = None
    ) -> list[list[str]]:
        """Tag sentences given as words: one tag per word, in the scheme of the training data.

        Empty sentences give empty lists. Nothing is truncated, whatever the length. The tokens of spans less probable
        than ``threshold`` (one number, or one for each label) get the tag ``O``. Of a model of several layers, the
        tags are those of ``layer``, by default the main one.
        """
        check_sentences(sentences)
        return list(self._tagged(sentences, (self._head(layer),), False, threshold)[0].tags)

    def tag_layers(
        self, sentences: Sequence[Sequence[str]], *, threshold: Threshold | None = None
    ) -> dict[str, list[list[str]]]:
        """Tag sentences with every layer of the model: layer → what :meth:`tag` returns."""
        check_sentences(sentences)
        tagged = self._tagged(sentences, self._heads, False, threshold)
        return {name: list(layer.tags) for name, layer in zip(self.layers, tagged, strict=True)}

    def tag_watched(self, sentences: Sequence[Sequence[str]], watch: Watch) -> dict[str, list[list[str]]]:
        """Tag as :meth:`tag_layers`, and show what the tags were made of: training measures its loss on dev from it.

        For each batch, ``watch`` gets the indices (B,) of its sentences, their lengths (B,) and, of each layer, the
        chain and the emissions (T, B, L). They are sorted by falling length.
        """
        check_sentences(sentences)
        tagged = self._tagged(sentences, self._heads, False, None, watch=watch)
        return {name: list(layer.tags) for name, layer in zip(self.layers, tagged, strict=True)}

    def tag_stream(
        self, sentences: Iterable[Sequence[str]], *, threshold: Threshold | None = None, layer: str | None = None
    ) -> Iterator[list[str]]:
        """Tag any number of sentences in constant memory, in their order; see :meth:`tag`."""
        if not isinstance(sentences, Iterable) or isinstance(sentences, str):
            check_sentences(sentences)
        block: list[Sequence[str]] = []
        tokens, number = 0, 0
        for number, sentence in enumerate(sentences, 1):
            check_sentence(sentence, number)
            block.append(sentence)
            tokens += len(sentence)
            if len(block) == STREAM_SENTENCES or tokens >= STREAM_TOKENS:
                yield from self._tag_block(block, number, threshold, layer)
                block, tokens = [], 0
        if block:
            yield from self._tag_block(block, number, threshold, layer)

    def _tag_block(
        self, block: Sequence[Sequence[str]], last: int, threshold: Threshold | None, layer: str | None
    ) -> list[list[str]]:
        """Tag a part of a stream, whose sentences are numbered up to ``last``."""
        return list(self._tagged(block, (self._head(layer),), False, threshold, last - len(block) + 1)[0].tags)

    def tag_k_best(
        self, sentences: Sequence[Sequence[str]], k: int, *, layer: str | None = None
    ) -> list[list[tuple[list[str], float]]]:
        """Find the ``k`` most probable tag sequences of each sentence, in ``layer`` (by default the main one).

        Returns
        -------
        list
            For each sentence, the sequences in falling order, each with its probability. There are fewer than ``k``
            where a sentence has fewer legal sequences. An empty sentence has one, of probability 1. The first is the
            sequence of :meth:`tag`.
        """
        if not isinstance(k, int | np.integer) or k < 1:
            raise DataError(f"k is {k!r}.", remedy="It must be a whole number, at least 1.")
        check_sentences(sentences)
        head = self._head(layer)
        answers: list[list[tuple[list[str], float]]] = [[([], 1.0)] for _ in sentences]

        def decode(emissions: Floats, lengths: Integers) -> tuple[Integers, Doubles, Doubles]:
            emissions, chain = head.chain.calibrated(emissions)
            return *k_best(emissions, lengths, chain, k), posterior(emissions, lengths, chain).log_partition

        for indices, (paths, scores, log_partition) in self._run(sentences, head, decode):
            shares = np.exp(np.minimum(scores - log_partition, 0.0))  # (k, B)
            for place, index in enumerate(indices.tolist()):
                real = np.flatnonzero(np.isfinite(scores[:, place]))
                length = len(sentences[index])
                written = head.layer.write_tags(paths[real, :length, place].ravel(), [length] * len(real))
                answers[index] = list(zip(written, shares[real, place].tolist(), strict=True))
        return answers

    def tag_marginals(
        self, sentences: Sequence[Sequence[str]], *, layer: str | None = None, as_written: bool = False
    ) -> list[Doubles]:
        """Return the probability of each tag at each token, in ``layer`` (by default the main one).

        Returns
        -------
        list
            For each sentence an array (tokens, tags); column i belongs to ``tagger.layer(layer).tags[i]``, which for
            spans are those of the scheme BIOES, whatever the scheme of the training data. With ``as_written`` it
            belongs to ``tagger.layer(layer).written_tags[i]``, the tags of that scheme. Rows sum to 1.
        """
        check_sentences(sentences)
        head = self._head(layer)
        tags = head.layer.written_tags if as_written else head.layer.tags
        answers = [np.empty((0, len(tags))) for _ in sentences]

        def decode(emissions: Floats, lengths: Integers) -> Doubles:
            found = posterior(emissions, lengths, head.chain)
            return written_marginals(found, head.layer) if as_written else found.tag_marginals()

        for indices, marginals in self._run(sentences, head, decode):
            for place, index in enumerate(indices.tolist()):
                answers[index] = marginals[: len(sentences[index]), place].copy()
        return answers

    # --- batches

    def _tagged(
        self,
        sentences: Sequence[Sequence[str]],
        heads: Sequence[Head],
        spans: bool,
        threshold: Threshold | None,
        first: int = 1,
        watch: Watch | None = None,
    ) -> list[TaggedLayer]:
        """For each layer, the tags of each sentence and, if wanted, its spans.

        The network runs once for all layers. What is wrong with the threshold is said even if there are no sentences.
        Errors count the sentences from ``first``. What ``watch`` gets is said at :meth:`tag_watched`.
        """
        thresholds = least_probabilities(heads, threshold)
        decoders = [
            SpanDecoder(head.chain, head.span_tags if spans or least is not None else None, least)
            for head, least in zip(heads, thresholds, strict=True)
        ]
        decoder = HeadsDecoder(heads, decoders, keep_emissions=watch is not None)
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        starts = np.cumsum(lengths) - lengths
        flat = [np.empty(int(lengths.sum()), np.int64) for _ in heads]
        scored: list[dict[int, list[ScoredSpan]]] = [{} for _ in heads]
        for indices, (decoded, emissions) in self._run_batches(sentences, decoder.batch, decoder.windows, first):
            if watch is not None and emissions is not None:
                watch(indices, lengths[indices], [(head.chain, head.cut(emissions)) for head in heads])
            steps = np.arange(len(decoded[0].paths))[:, None]
            inside = steps < lengths[indices]
            places = (starts[indices] + steps)[inside]
            for head, rows, collected, (paths, batch_spans) in zip(heads, flat, scored, decoded, strict=True):
                rows[places] = paths[inside]
                if spans and batch_spans is not None and head.span_tags is not None:
                    labels = head.span_tags.labels
                    for sentence, start, end, label, score in batch_spans.rows():
                        place = collected.setdefault(int(indices[sentence]), [])
                        place.append((start, end, labels[label], score))
        return [
            TaggedLayer(head.layer.write_tags(rows, lengths.tolist()), collected)
            for head, rows, collected in zip(heads, flat, scored, strict=True)
        ]

    def _run(
        self, sentences: Sequence[Sequence[str]], head: Head, decode: Callable[[Floats, Integers], Result]
    ) -> Iterator[tuple[Integers, Result]]:
        """Decode one layer of each batch of sentences; a long sentence is decoded as a whole."""

        def decode_own(emissions: Floats, lengths: Integers) -> Result:
            return decode(head.cut(emissions), lengths)

        def decode_long(windows: Iterator[Floats], length: int) -> Result:
            return decode(np.concatenate([head.cut(window) for window in windows]), np.array([length]))

        return self._run_batches(sentences, decode_own, decode_long)

    def _run_batches(
        self,
        sentences: Sequence[Sequence[str]],
        decode: Callable[[Floats, Integers], Result],
        decode_long: Callable[[Iterator[Floats], int], Result],
        first: int = 1,
    ) -> Iterator[tuple[Integers, Result]]:
        """Run the network. If a word is no string, the error says which, counting sentences from ``first``."""
        try:
            tags = max(len(head.layer.tags) for head in self._heads)
            yield from run_batches(self._network, sentences, self.threads, decode, decode_long, tags)
        except TypeError:
            check_tokens(sentences, first=first)
            raise
