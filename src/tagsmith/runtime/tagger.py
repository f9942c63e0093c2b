"""Tagger: load a model folder, tag sentences, tag text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tagsmith.data.corpus import read_sentences
from tagsmith.data.document import Document, Sentence, Span
from tagsmith.data.schemes import (
    Scheme,
    allowed_transitions,
    convert_tags,
    detect_scheme,
    is_legal,
    join_tag,
    split_tag,
)
from tagsmith.data.tokenizer import words_and_starts
from tagsmith.errors import DataError, ModelError
from tagsmith.evaluation.scores import Mode, Scores, score_tags
from tagsmith.runtime.batching import run_batches
from tagsmith.runtime.chain import Doubles, Floats, Integers, constrained_chain
from tagsmith.runtime.decode import k_best, span_tags
from tagsmith.runtime.exported_network import GRAPHS, ExportedNetwork
from tagsmith.runtime.marginals import posterior
from tagsmith.runtime.model_folder import REMEDY, Model, Precision, read_model
from tagsmith.runtime.spans import SpanDecoder

Result = TypeVar("Result")
FoundSpan = tuple[int, int, str, float]  # first token, last token, label, probability
Threshold = float | Mapping[str, float]
STREAM_SENTENCES, STREAM_TOKENS = 8192, 131_072  # handled at a time when tagging a stream, whichever comes first


class Tagger:
    """A trained tagger; needs NumPy and ONNX Runtime only. Safe to call from several threads.

    It can be pickled, and used in a forked child.

    Parameters
    ----------
    model
        What :func:`tagsmith.runtime.model_folder.read_model` returns; :func:`load` is the usual way here.
    precision
        ``"int8"`` (faster) or ``"float32"`` recurrent kernels; by default what the model was found fit for.
    threads
        Batches tagged at the same time; default: the processors this process may use.
    """

    def __init__(self, model: Model, *, precision: Precision | None = None, threads: int | None = None) -> None:
        precision = precision or model.precision
        if precision not in GRAPHS:
            raise ModelError(f"precision is {precision!r}.", remedy=f"Choose one of {', '.join(GRAPHS)}.")
        if threads is not None and threads < 1:
            raise ModelError(f"threads is {threads}.", remedy="It must be at least 1.")
        self.model, self.precision = model, precision
        self.threads = threads or available_processors()
        self._network = ExportedNetwork(model, precision)
        self._inner = Scheme.PLAIN if model.scheme is Scheme.PLAIN else Scheme.BIOES
        learned = dict(model.weights) if model.architecture.head == "crf" else None
        self._chain = constrained_chain(allowed_transitions(model.tags, self._inner), learned)
        self._inner_names = np.array(model.tags, object)
        self._outer_names = _outer_names(model.tags, model.scheme)
        self._span_tags = None if model.scheme is Scheme.PLAIN else span_tags(model.tags)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.model, self.precision, self.threads)

    @property
    def scheme(self) -> Scheme:
        """The scheme of the tags that come out: that of the training data."""
        return self.model.scheme

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the model can give: types of spans, or tags of a plain task."""
        return tuple(sorted(self.model.tags)) if self._span_tags is None else tuple(sorted(self._span_tags.labels))

    @property
    def gives_spans(self) -> bool:
        """Whether the tags write spans; else each stands for its token alone (parts of speech)."""
        return self._span_tags is not None

    # --- text

    def __call__(self, text: str, *, threshold: Threshold | None = None) -> Document:
        """Tag a text: sentences, tokens and spans with exact offsets into it.

        Each span's ``score`` is its probability under the model: that exactly its tokens form a span of its label.
        Spans less probable than ``threshold`` are dropped: one number, or one for each label.
        """
        return self.tag_texts([text], threshold=threshold)[0]

    def tag_texts(self, texts: Iterable[str], *, threshold: Threshold | None = None) -> list[Document]:
        """Tag several texts, which is faster than one call for each; see :meth:`__call__`."""
        cut = [(text, words_and_starts(text)) for text in texts]
        tagged = self._tagged([words for _, found in cut for words, _ in found], True, threshold)
        layer = self.model.layer
        documents = []
        for text, found in cut:
            sentences: list[Sentence] = []
            spans: list[Span] = []
            for (words, starts), (tags, own) in zip(found, tagged, strict=False):
                sentences.append(Sentence(tuple(words), tuple(starts), {layer: tuple(tags)}))
                spans.extend(_located(text, words, starts, own))
            documents.append(Document(text, tuple(sentences), tuple(spans)))
        return documents

    def tag_documents(
        self, documents: Sequence[Document], *, spans: bool = True, threshold: Threshold | None = None
    ) -> list[Document]:
        """Tag documents that are cut into sentences and tokens already.

        Parameters
        ----------
        documents
            The tags become the layer the model was trained on, beside the layers there are (or in place of the one
            of that name).
        spans
            Whether the documents get the predicted spans with their probabilities in place of those they have;
            without, they keep theirs, and tagging is faster.
        threshold
            Least probability of a span, see :meth:`__call__`.
        """
        tagged = self._tagged([own.words for document in documents for own in document.sentences], spans, threshold)
        layer = self.model.layer
        done = []
        for document in documents:
            sentences: list[Sentence] = []
            found: list[Span] = []
            for sentence, (tags, own) in zip(document.sentences, tagged, strict=False):
                sentences.append(sentence.with_layer(layer, tags))
                found.extend(_located(document.text, sentence.words, sentence.starts, own))
            kept = tuple(found) if spans else document.spans
            done.append(replace(document, sentences=tuple(sentences), spans=kept))
        return done

    # --- words

    def tag(self, sentences: Sequence[Sequence[str]], *, threshold: Threshold | None = None) -> list[list[str]]:
        """Tag sentences given as words: one tag per word, in the scheme of the training data.

        Empty sentences give empty lists. Nothing is truncated, whatever the length. The tokens of spans less probable
        than ``threshold`` (one number, or one for each label) get the tag ``O``.
        """
        return [tags for tags, _ in self._tagged(sentences, False, threshold)]

    def tag_stream(
        self, sentences: Iterable[Sequence[str]], *, threshold: Threshold | None = None
    ) -> Iterator[list[str]]:
        """Tag any number of sentences in constant memory, in their order; see :meth:`tag`."""
        block: list[Sequence[str]] = []
        tokens = 0
        for sentence in sentences:
            block.append(sentence)
            tokens += len(sentence)
            if len(block) == STREAM_SENTENCES or tokens >= STREAM_TOKENS:
                yield from self.tag(block, threshold=threshold)
                block, tokens = [], 0
        if block:
            yield from self.tag(block, threshold=threshold)

    def tag_k_best(self, sentences: Sequence[Sequence[str]], k: int) -> list[list[tuple[list[str], float]]]:
        """Find the ``k`` most probable tag sequences of each sentence.

        Returns
        -------
        list
            For each sentence, the sequences in falling order, each with its probability. There are fewer than ``k``
            where a sentence has fewer legal sequences. An empty sentence has one, of probability 1.
        """
        if k < 1:
            raise DataError(f"k is {k}.", remedy="It must be at least 1.")
        answers: list[list[tuple[list[str], float]]] = [[([], 1.0)] for _ in sentences]

        def decode(emissions: Floats, lengths: Integers) -> tuple[Integers, Doubles, Doubles]:
            return *k_best(emissions, lengths, self._chain, k), posterior(emissions, lengths, self._chain).log_partition

        for indices, (paths, scores, log_partition) in self._run(sentences, decode):
            shares = np.exp(np.minimum(scores - log_partition, 0.0))  # (k, B)
            for place, index in enumerate(indices.tolist()):
                real = np.flatnonzero(np.isfinite(scores[:, place]))
                own = paths[real, : len(sentences[index]), place]
                answers[index] = list(zip(map(self._written, own), shares[real, place].tolist(), strict=True))
        return answers

    def tag_marginals(self, sentences: Sequence[Sequence[str]]) -> list[Doubles]:
        """Return the probability of each tag at each token.

        Returns
        -------
        list
            For each sentence an array (tokens, tags); column i belongs to ``tagger.model.tags[i]``, which for spans are
            those of the scheme BIOES, whatever the scheme of the training data. Rows sum to 1.
        """
        answers = [np.empty((0, len(self.model.tags))) for _ in sentences]

        def decode(emissions: Floats, lengths: Integers) -> Doubles:
            return posterior(emissions, lengths, self._chain).tag_marginals()

        for indices, marginals in self._run(sentences, decode):
            for place, index in enumerate(indices.tolist()):
                answers[index] = marginals[: len(sentences[index]), place].copy()
        return answers

    def _run(
        self, sentences: Sequence[Sequence[str]], decode: Callable[[Floats, Integers], Result]
    ) -> Iterator[tuple[Integers, Result]]:
        """Decode each batch of sentences; a long sentence is decoded as a whole."""

        def decode_long(windows: Iterator[Floats], length: int) -> Result:
            return decode(np.concatenate(list(windows)), np.array([length]))

        return run_batches(self._network, sentences, self.threads, decode, decode_long)

    def _tagged(
        self, sentences: Sequence[Sequence[str]], spans: bool, threshold: Threshold | None
    ) -> Iterator[tuple[list[str], Sequence[FoundSpan]]]:
        """Tags of each sentence and, if wanted, its spans, in the order of the sentences.

        What is wrong with the threshold is said at once, even if there are no sentences.
        """
        return self._tagged_from(sentences, spans, self._thresholds(threshold))

    def _tagged_from(
        self, sentences: Sequence[Sequence[str]], spans: bool, thresholds: Doubles | None
    ) -> Iterator[tuple[list[str], Sequence[FoundSpan]]]:
        wanted = self._span_tags if spans or thresholds is not None else None
        labels = wanted.labels if wanted else ()
        decoder = SpanDecoder(self._chain, wanted, thresholds)
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        starts = np.cumsum(lengths) - lengths
        flat = np.empty(int(lengths.sum()), np.int64)
        found: dict[int, list[FoundSpan]] = {}
        for indices, (paths, own) in run_batches(
            self._network, sentences, self.threads, decoder.batch, decoder.windows
        ):
            steps = np.arange(len(paths))[:, None]
            inside = steps < lengths[indices]
            flat[(starts[indices] + steps)[inside]] = paths[inside]
            if spans and own is not None:
                for sentence, first, last, label, score in own.rows():
                    found.setdefault(int(indices[sentence]), []).append((first, last, labels[label], score))
        names = self._names(flat)
        for index, (first, count) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
            tags = names[first : first + count]
            if self._outer_names is None:
                tags = convert_tags(tags, Scheme.BIOES, self.scheme)
            yield tags, found.get(index, ())

    def evaluate(self, data: str | Path, *, mode: Mode = "conlleval", **options: Any) -> Scores:
        """Tag the sentences of a labelled file and score the result.

        Parameters
        ----------
        data
            A labelled file; ``options`` are those of :func:`tagsmith.data.corpus.read_sentences`.
        mode
            ``"conlleval"``, or ``"strict"`` to count only well-formed spans.
        """
        if options.get("column") is None:
            options.setdefault("layer", self.model.layer)
        sentences = read_sentences(data, **options)
        return self.evaluate_sentences(_in_scheme(sentences, self.scheme), mode=mode)

    def evaluate_sentences(self, sentences: Sequence[Sentence], *, mode: Mode = "conlleval") -> Scores:
        """Score the tagger on sentences whose only or first layer holds the gold tags, in whatever scheme."""
        gold = [next(iter(sentence.layers.values())) for sentence in sentences]
        if self.scheme is not Scheme.PLAIN and not all(is_legal(tags, self.scheme) for tags in gold):
            source = detect_scheme(gold)
            if source is Scheme.PLAIN:
                raise DataError(
                    "these labels are not those of spans, which this model gives.",
                    remedy="Name the column or layer that holds the labels.",
                )
            gold = [tuple(convert_tags(tags, source, self.scheme)) for tags in gold]
        predicted = self.tag([sentence.words for sentence in sentences])
        return score_tags(gold, predicted, mode=mode, scheme=self.scheme)

    # --- tags and spans

    def _names(self, rows: Integers) -> list[str]:
        """The user's tags for rows of the inner ones; where these depend on neighbours (IOB1, IOE1), the inner ones."""
        names = self._inner_names if self._outer_names is None else self._outer_names
        found: list[str] = names[rows].tolist()
        return found

    def _written(self, path: Integers) -> list[str]:
        """The user's tags for one sentence's path."""
        tags = self._names(path)
        return tags if self._outer_names is not None else convert_tags(tags, Scheme.BIOES, self.scheme)

    def _thresholds(self, threshold: Threshold | None) -> Doubles | None:
        """The least probability of a span of each label, in the order of the span tags' labels."""
        if threshold is None:
            return None
        if self._span_tags is None:
            raise DataError("this model gives plain tags, which have no threshold.", remedy="Leave the threshold out.")
        labels = self._span_tags.labels
        given = threshold if isinstance(threshold, Mapping) else dict.fromkeys(labels, threshold)
        if unknown := sorted(set(given) - set(labels)):
            raise DataError(f"there is no label {unknown[0]!r}.", remedy=f"Labels: {', '.join(sorted(labels))}.")
        for label, least in given.items():
            if not 0 <= least <= 1:
                raise DataError(f"the threshold of {label} is {least}.", remedy="It must be between 0 and 1.")
        return np.array([given.get(label, 0.0) for label in labels])


def _again(model: Model, precision: Precision, threads: int) -> Tagger:
    """Make the tagger that was pickled."""
    return Tagger(model, precision=precision, threads=threads)


def _located(text: str, words: Sequence[str], starts: Sequence[int], spans: Iterable[FoundSpan]) -> Iterator[Span]:
    """Turn the spans of a sentence, in tokens, into spans of the document's text."""
    for first, last, label, score in spans:
        start, end = starts[first], starts[last] + len(words[last])
        yield Span(start, end, label, text[start:end], score)


def _in_scheme(sentences: list[Sentence], scheme: Scheme) -> list[Sentence]:
    """Write gold tags of another scheme in this one, so that a file may have another than the training data had."""
    tags = [next(iter(sentence.layers.values())) for sentence in sentences]
    if all(is_legal(own, scheme) for own in tags):
        return sentences
    found = detect_scheme(tags)
    if Scheme.PLAIN in (found, scheme) or found is scheme:
        return sentences
    return [
        sentence.with_layer(next(iter(sentence.layers)), convert_tags(own, found, scheme))
        for sentence, own in zip(sentences, tags, strict=True)
    ]


def load(folder: str | Path, *, precision: Precision | None = None, threads: int | None = None) -> Tagger:
    """Load a tagger from a model folder; Keras is not needed.

    Raises
    ------
    ModelError
        The folder or one of its files is missing, truncated or altered.
    """
    model = read_model(Path(folder))
    try:
        return Tagger(model, precision=precision, threads=threads)
    except ModelError:
        raise
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(f"the model cannot be used: {error!r}.", path=folder, remedy=REMEDY) from error


def available_processors() -> int:
    """Number of processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outer_names(tags: Sequence[str], scheme: Scheme) -> npt.NDArray[Any] | None:
    """The user's tag for each inner BIOES tag; None if that depends on the tag's neighbours (IOB1, IOE1)."""
    if scheme is Scheme.PLAIN:
        return np.array(tags, object)
    if scheme in (Scheme.IOB1, Scheme.IOE1):
        return None
    names = {"O": "O"}
    for label in {split_tag(tag)[1] for tag in tags if tag != "O"}:
        *three, single = (join_tag(letter, label) for letter in "BIES")
        names |= zip(three, convert_tags(three, Scheme.BIOES, scheme), strict=True)
        names |= zip([single], convert_tags([single], Scheme.BIOES, scheme), strict=True)
    return np.array([names[tag] for tag in tags], object)
