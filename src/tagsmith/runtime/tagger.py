"""Tagger: load a model folder, tag sentences, tag text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime

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
    tags_to_spans,
)
from tagsmith.data.tokenizer import words_and_starts
from tagsmith.encoding.batches import length_batches
from tagsmith.errors import DataError, ModelError
from tagsmith.evaluation.scores import Mode, Scores, score_tags
from tagsmith.runtime.decode import Posterior, constrained_chain, posterior, viterbi
from tagsmith.runtime.model_folder import REMEDY, Model, read_model
from tagsmith.runtime.word_table import WordTable

Precision = Literal["int8", "float32"]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
Result = TypeVar("Result")
GRAPHS = {"int8": "sentences.int8.onnx", "float32": "sentences.onnx"}
# Large enough to keep the recurrent products busy, small enough that a batch's arrays stay in the processor's cache.
BATCH_SENTENCES, BATCH_TOKENS = 64, 1024
STREAM_SENTENCES = 2048  # sentences handled at a time when tagging a stream


class Tagger:
    """A trained tagger; needs NumPy and ONNX Runtime only. Safe to call from several threads.

    Parameters
    ----------
    model
        What :func:`tagsmith.runtime.model_folder.read_model` returns; :func:`load` is the usual way here.
    precision
        ``"int8"`` (faster) or ``"float32"`` recurrent kernels.
    threads
        Batches tagged at the same time; default: the processors this process may use.
    """

    def __init__(self, model: Model, *, precision: Precision = "int8", threads: int | None = None) -> None:
        if precision not in GRAPHS:
            raise ModelError(f"precision is {precision!r}.", remedy=f"Choose one of {', '.join(GRAPHS)}.")
        if threads is not None and threads < 1:
            raise ModelError(f"threads is {threads}.", remedy="It must be at least 1.")
        self.model = model
        self.threads = threads or available_processors()
        self._words = _session(model.graphs, "words.onnx")
        self._sentences = _session(model.graphs, GRAPHS[precision])
        self._table = WordTable(self._encode, model.architecture.encoding_size)
        self._inner = Scheme.PLAIN if model.scheme is Scheme.PLAIN else Scheme.BIOES
        learned = dict(model.weights) if model.architecture.head == "crf" else None
        self._chain = constrained_chain(allowed_transitions(model.tags, self._inner), learned)
        self._outer_names = _outer_names(model.tags, model.scheme)

    @property
    def scheme(self) -> Scheme:
        """The scheme of the tags that come out: that of the training data."""
        return self.model.scheme

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the model can give: types of spans, or tags of a plain task."""
        if self.scheme is Scheme.PLAIN:
            return tuple(sorted(self.model.tags))
        return tuple(sorted({split_tag(tag)[1] for tag in self.model.tags if tag != "O"}))

    def __call__(self, text: str) -> Document:
        """Tag a text: sentences, tokens and spans with exact offsets into it.

        Each span's ``score`` is its probability under the model: that exactly its tokens form a span of its label.
        """
        return self.tag_texts([text])[0]

    def tag_texts(self, texts: Iterable[str]) -> list[Document]:
        """Tag several texts, which is faster than one call for each; see :meth:`__call__`."""
        documents = []
        for text in texts:
            found = [Sentence(tuple(words), tuple(starts)) for words, starts in words_and_starts(text) if words]
            documents.append(Document(text, tuple(found)))
        return self.tag_documents(documents)

    def tag_documents(self, documents: Sequence[Document], *, spans: bool = True) -> list[Document]:
        """Tag documents that are cut into sentences and tokens already.

        Parameters
        ----------
        documents
            The tags become the layer the model was trained on, beside the layers there are (or in place of the one
            of that name).
        spans
            Whether the documents get the predicted spans with their probabilities in place of those they have;
            without, they keep theirs, and tagging is faster.
        """
        sentences = [sentence for document in documents for sentence in document.sentences]
        words = [sentence.words for sentence in sentences]
        tagged, found = self._tag_with_scores(words) if spans else (self.tag(words), None)
        layer = self.model.layer
        done = iter([sentence.with_layer(layer, tags) for sentence, tags in zip(sentences, tagged, strict=True)])
        whole = [replace(document, sentences=tuple(islice(done, len(document.sentences)))) for document in documents]
        if found is None:
            return whole
        pieces = iter(found)
        return [
            replace(document, spans=tuple(_located(document, islice(pieces, len(document.sentences)))))
            for document in whole
        ]

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Tag sentences given as words: one tag per word, in the scheme of the training data.

        Empty sentences give empty lists. Nothing is truncated, whatever the length.
        """
        if not len(sentences):
            return []
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        flat = np.empty(int(lengths.sum()), np.int64)
        starts = np.cumsum(lengths) - lengths
        for batch, paths in self._decoded(sentences, lengths, starts, self._best_paths):
            inside = np.arange(len(paths))[:, None] < lengths[batch]
            flat[(starts[batch] + np.arange(len(paths))[:, None])[inside]] = paths[inside]
        if self._outer_names is None:  # a tag of this scheme depends on its neighbours
            names = np.array(self.model.tags, object)[flat].tolist()
            inner = [names[a : a + n] for a, n in zip(starts, lengths, strict=True)]
            return [convert_tags(tags, Scheme.BIOES, self.scheme) for tags in inner]
        names = self._outer_names[flat].tolist()
        return [names[first : first + count] for first, count in zip(starts.tolist(), lengths.tolist(), strict=True)]

    def tag_stream(self, sentences: Iterable[Sequence[str]]) -> Iterator[list[str]]:
        """Tag any number of sentences in constant memory, in their order."""
        remaining = iter(sentences)
        while block := list(islice(remaining, STREAM_SENTENCES)):
            yield from self.tag(block)

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

    def _tag_with_scores(
        self, sentences: Sequence[Sequence[str]]
    ) -> tuple[list[list[str]], list[list[tuple[int, int, str, float]]]]:
        """Tags of each sentence, and its spans as (first token, end token, label, probability)."""
        tagged: list[list[str]] = [[] for _ in sentences]
        spans: list[list[tuple[int, int, str, float]]] = [[] for _ in sentences]
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        starts = np.cumsum(lengths) - lengths
        for batch, (paths, probabilities) in self._decoded(sentences, lengths, starts, self._best_paths_and_posterior):
            for place, index in enumerate(batch.tolist()):
                path = paths[: lengths[index], place]
                inner = [self.model.tags[row] for row in path]
                tagged[index] = convert_tags(inner, self._inner, self.scheme)
                if probabilities is not None:
                    for first, end, label in tags_to_spans(inner, self._inner):
                        score = probabilities.span_probability(place, first, path[first:end])
                        spans[index].append((first, end, label, score))
        return tagged, spans

    def _best_paths(self, emissions: Floats, lengths: Integers) -> Integers:
        return viterbi(emissions, lengths, self._chain)

    def _best_paths_and_posterior(self, emissions: Floats, lengths: Integers) -> tuple[Integers, Posterior | None]:
        probabilities = None if self.scheme is Scheme.PLAIN else posterior(emissions, lengths, self._chain)
        return viterbi(emissions, lengths, self._chain), probabilities

    def _decoded(
        self,
        sentences: Sequence[Sequence[str]],
        lengths: Integers,
        starts: Integers,
        decode: Callable[[Floats, Integers], Result],
    ) -> Iterator[tuple[Integers, Result]]:
        """Yield batches (indices of sentences, longest first), each with what ``decode`` makes of its emissions."""
        rows, encodings = self._table.look_up(sentences)
        filled = np.flatnonzero(lengths)
        batches = [filled[batch] for batch in length_batches(lengths[filled], BATCH_TOKENS, BATCH_SENTENCES)]

        def run(batch: Integers) -> tuple[Integers, Result]:
            counts = lengths[batch]
            steps = np.arange(counts[0])[:, None]  # (T, 1)
            # A padded step repeats the sentence's last word; the graph stops at the sentence's length.
            tokens = rows[starts[batch] + np.minimum(steps, counts - 1)]  # (T, B)
            inputs = {"encodings": encodings[tokens], "lengths": counts.astype(np.int32)}
            return batch, decode(self._sentences.run(None, inputs)[0], counts)

        if self.threads == 1 or len(batches) == 1:
            yield from map(run, batches)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(run, batches)

    def _encode(self, forms: Sequence[str]) -> Floats:
        """Run the word encoder over new forms → (n, encoding_size)."""
        weights, architecture = self.model.weights, self.model.architecture
        rows = self.model.vocabulary.encode(forms)
        vectors = weights["word/trained"][rows.trained]
        if "word/pretrained" in weights:
            vectors = vectors + weights["word/pretrained"][rows.pretrained] * weights["word/scales"][rows.pretrained]
        inputs: dict[str, npt.NDArray[Any]] = {"vectors": vectors.astype(np.float32, copy=False)}
        if architecture.characters != "none":
            longest = max(1, int((rows.characters > 0).sum(axis=1).max()))
            inputs["characters"] = rows.characters[:, :longest]
        if architecture.shape_dim:
            inputs["shapes"] = rows.shapes
        return np.asarray(self._words.run(None, inputs)[0])


def _located(document: Document, pieces: Iterable[Sequence[tuple[int, int, str, float]]]) -> Iterator[Span]:
    """Turn the spans of each sentence, in tokens, into spans of the document's text."""
    for sentence, spans in zip(document.sentences, pieces, strict=True):
        for first, last, label, score in spans:
            start, end = sentence.starts[first], sentence.starts[last - 1] + len(sentence.words[last - 1])
            yield Span(start, end, label, document.text[start:end], score)


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


def load(folder: str | Path, *, precision: Precision = "int8", threads: int | None = None) -> Tagger:
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


def _session(graphs: Any, name: str) -> onnxruntime.InferenceSession:
    """Open a graph for one thread per call: several calls run side by side instead."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graphs[name], options, providers=["CPUExecutionProvider"])
    except KeyError:
        raise
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise ModelError(f"ONNX Runtime cannot open {name}: {error}", remedy=REMEDY) from error


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
