"""Tagger: load a model folder, tag sentences, tag text."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from tagsmith.corpus.folders import is_folder, part_by_name, part_of_folder
from tagsmith.corpus.origins import Origin, read_with_origins, values_of
from tagsmith.corpus.sources import Data
from tagsmith.errors import DataError, ModelError
from tagsmith.model.configuration import PRECISIONS, Precision, Scaling
from tagsmith.model.folder import Model, check_readable, model_files, read_model, with_card, write_model
from tagsmith.model.hub import upload
from tagsmith.scores.buckets import training_of
from tagsmith.scores.calibration import Calibration
from tagsmith.scores.comparison import SHUFFLES, Comparison, compare_tags
from tagsmith.scores.evaluation import Evaluation, evaluate_tags
from tagsmith.scores.scores import Mode
from tagsmith.scores.thresholds import Thresholds, thresholds_for
from tagsmith.tagging.batching import run_batches
from tagsmith.tagging.calibration import fit_scaling, predictions
from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers
from tagsmith.tagging.decode import k_best
from tagsmith.tagging.exported_network import ExportedNetwork
from tagsmith.tagging.heads import Head, HeadsDecoder, Threshold, heads_of, least_probabilities
from tagsmith.tagging.marginals import posterior, written_marginals
from tagsmith.tagging.spans import SpanDecoder
from tagsmith.text.arguments import (
    check_documents,
    check_sentence,
    check_sentences,
    check_text,
    check_tokens,
    shown,
    texts_of,
)
from tagsmith.text.document import Document, Sentence, Span
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, convert_tags, detect_scheme, is_legal, tags_to_spans
from tagsmith.text.tokenizer import words_and_starts

if TYPE_CHECKING:
    from tagsmith.tagging.tables import BatchTagger

Result = TypeVar("Result")
ScoredSpan = tuple[int, int, str, float]  # start and end (exclusive) in tokens, label, probability
Watch = Callable[[Integers, Integers, list[tuple[Chain, Floats]]], None]
TaggedSentence = tuple[list[str], Sequence[ScoredSpan]]
STREAM_SENTENCES, STREAM_TOKENS = 8192, 131_072  # handled at a time when tagging a stream, whichever comes first


@dataclass(frozen=True)
class Labeled:
    """Labeled sentences as a tagger reads them: their words and, for each of its layers, their tags in its scheme.

    ``sentences`` are as they were read, and ``origins`` say where from.
    """

    words: Sequence[Sequence[str]]
    tags: Mapping[str, Sequence[Sequence[str]]]
    sentences: Sequence[Sentence]
    origins: Sequence[Origin]

    def only(self, numbers: Iterable[int]) -> Labeled:
        """Return some of the sentences, by their numbers from 0."""
        kept = list(numbers)
        return Labeled(
            [self.words[number] for number in kept],
            {layer: [tags[number] for number in kept] for layer, tags in self.tags.items()},
            [self.sentences[number] for number in kept],
            [self.origins[number] for number in kept],
        )


class Tagger:
    """A trained tagger; needs NumPy and ONNX Runtime only. Safe to call from several threads.

    It can be pickled, and used in a forked child.

    Parameters
    ----------
    model
        What :func:`tagsmith.model.folder.read_model` returns; :func:`load` is the usual way here.
    precision
        ``"int8"`` (faster) or ``"float32"`` recurrent kernels; by default what the model was found fit for.
    threads
        Batches tagged at the same time; default: the processors this process may use.

    Attributes
    ----------
    layers
        The names of the layers that the model gives, the main one first; usually there is one.
    """

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

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.model, self.precision, self.threads)

    def save(self, folder: str | Path) -> None:
        """Write the model folder that :func:`load` reads, whole or not at all; a model already there is replaced.

        Raises
        ------
        ModelError
            ``folder`` is a file, or holds something else than a model.
        OSError
            The disk is full, or the place is not writable.
        """
        if not isinstance(folder, str | os.PathLike):
            raise ModelError(f"the model folder is {shown(folder)}, not a path.", remedy='Write save("model/").')
        write_model(with_card(self.model), Path(folder))

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

    # --- text

    def __call__(self, text: str, *, threshold: Threshold | None = None) -> Document:
        """Tag a text: sentences, tokens and spans with exact offsets into it.

        Each span's ``score`` is its calibrated probability: that exactly its tokens form a span of its label.
        Spans less probable than ``threshold`` are dropped: one number, or one for each label. A model of several layers
        gives the sentences all of them, and the document the spans of each in ``layer_spans``.
        """
        check_text(text)
        return self.tag_texts([text], threshold=threshold)[0]

    def tag_texts(self, texts: Iterable[str], *, threshold: Threshold | None = None) -> list[Document]:
        """Tag several texts, which is faster than one call for each; see :meth:`__call__`."""
        texts_cut = [(text, words_and_starts(text)) for text in texts_of(texts)]
        tagged = self._all_layers([words for _, cut in texts_cut for words, _ in cut], True, threshold)
        documents = []
        for text, cut in texts_cut:
            layers, spans = self._layers_and_spans(text, cut, tagged)
            sentences = [
                Sentence(tuple(words), tuple(starts), tags) for (words, starts), tags in zip(cut, layers, strict=True)
            ]
            documents.append(Document(text, tuple(sentences), **spans))
        return documents

    def tag_documents(
        self, documents: Sequence[Document], *, spans: bool = True, threshold: Threshold | None = None
    ) -> list[Document]:
        """Tag documents that are cut into sentences and tokens already.

        Parameters
        ----------
        documents
            The tags become the layers the model was trained on, beside the layers there are (or in place of those
            of the same names).
        spans
            Whether the documents get the predicted spans with their probabilities in place of those they have;
            without, they keep theirs, and tagging is faster.
        threshold
            Least probability of a span, see :meth:`__call__`.
        """
        check_documents(documents)
        words = [sentence.words for document in documents for sentence in document.sentences]
        tagged = self._all_layers(words, spans, threshold)
        done = []
        for document in documents:
            cut = [(sentence.words, sentence.starts) for sentence in document.sentences]
            layers, predicted = self._layers_and_spans(document.text, cut, tagged)
            sentences = tuple(
                replace(sentence, layers={**sentence.layers, **tags})
                for sentence, tags in zip(document.sentences, layers, strict=True)
            )
            done.append(replace(document, sentences=sentences, **(predicted if spans else {})))
        return done

    def _layers_and_spans(
        self,
        text: str,
        cut: Iterable[tuple[Sequence[str], Sequence[int]]],
        tagged: Iterator[tuple[TaggedSentence, ...]],
    ) -> tuple[list[dict[str, tuple[str, ...]]], dict[str, Any]]:
        """Take a document's sentences from ``tagged``; return the layers of each, and the document's fields of spans.

        ``cut`` has the words of each sentence and where they start.
        """
        names, layers = self.layers, list[dict[str, tuple[str, ...]]]()
        spans: list[list[Span]] = [[] for _ in self._heads]
        for (words, starts), sentence in zip(cut, tagged, strict=False):
            layers.append({name: tuple(tags) for name, (tags, _) in zip(names, sentence, strict=True)})
            for collected, (_, located) in zip(spans, sentence, strict=True):
                collected.extend(_located(text, words, starts, located))
        return layers, self._spans(spans)

    def _spans(self, predicted: Sequence[Sequence[Span]]) -> dict[str, Any]:
        """Return the fields of a document that hold its spans, given those of each layer."""
        if len(predicted) == 1:
            return {"spans": tuple(predicted[0])}
        pairs = zip(self.model.layers, predicted, strict=True)
        layers = {layer.name: tuple(spans) for layer, spans in pairs if layer.gives_spans}
        return {"spans": next(iter(layers.values()), ()), "layer_spans": layers}

    # --- words

    def tag(
        self, sentences: Sequence[Sequence[str]], *, threshold: Threshold | None = None, layer: str | None = None
    ) -> list[list[str]]:
        """Tag sentences given as words: one tag per word, in the scheme of the training data.

        Empty sentences give empty lists. Nothing is truncated, whatever the length. The tokens of spans less probable
        than ``threshold`` (one number, or one for each label) get the tag ``O``. Of a model of several layers, the
        tags are those of ``layer``, by default the main one.
        """
        check_sentences(sentences)
        return [tags for tags, _ in self._tagged(sentences, (self._head(layer),), False, threshold)[0]]

    def tag_layers(
        self, sentences: Sequence[Sequence[str]], *, threshold: Threshold | None = None
    ) -> dict[str, list[list[str]]]:
        """Tag sentences with every layer of the model: layer → what :meth:`tag` returns."""
        check_sentences(sentences)
        tagged = self._tagged(sentences, self._heads, False, threshold)
        return {name: [tags for tags, _ in layer] for name, layer in zip(self.layers, tagged, strict=True)}

    def tag_watched(self, sentences: Sequence[Sequence[str]], watch: Watch) -> dict[str, list[list[str]]]:
        """Tag as :meth:`tag_layers`, and show what the tags were made of: training measures its loss on dev from it.

        For each batch, ``watch`` gets the indices (B,) of its sentences, their lengths (B,) and, of each layer, the
        chain and the emissions (T, B, L). They are sorted by falling length.
        """
        check_sentences(sentences)
        tagged = self._tagged(sentences, self._heads, False, None, watch=watch)
        return {name: [tags for tags, _ in layer] for name, layer in zip(self.layers, tagged, strict=True)}

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
        tagged = self._tagged(block, (self._head(layer),), False, threshold, last - len(block) + 1)
        return [tags for tags, _ in tagged[0]]

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

    # --- tables

    def tag_frame(
        self,
        frame: Any,
        column: str | None = None,
        *,
        prefix: str = "",
        tags: bool = False,
        threshold: Threshold | None = None,
    ) -> Any:
        """Return a data frame with the predictions as further columns; nothing in ``frame`` changes.

        Parameters
        ----------
        frame
            A ``DataFrame`` of pandas or Polars, or a table of pyarrow.
        column
            The column of texts, or of lists of tokens; by default ``tokens``, ``words`` or ``text``.
        prefix
            What the names of the new columns begin with.
        tags
            Whether texts get columns of their tokens and tags too.
        threshold
            Least probability of a span, see :meth:`__call__`.

        Returns
        -------
        frame
            Of the same kind. ``spans`` holds lists of structs with ``start``, ``end`` (in characters of a text, or in
            tokens), ``label``, ``text`` and ``score``; of several layers with spans there are ``ner_spans`` and so on.
            Lists of tokens get a column of tags for each layer. A missing text has null in all of them.

        Raises
        ------
        DataError
            There is no such column, or it holds something else; a new column's name is taken.
        MissingExtraError
            pyarrow is not installed, which is the extra ``arrow``.
        """
        from tagsmith.tagging.tables import tag_frame

        return tag_frame(self, frame, column, prefix=prefix, tags=tags, threshold=threshold)

    def as_map(self, column: str | None = None, *, prefix: str = "", threshold: Threshold | None = None) -> BatchTagger:
        """Return a function for ``dataset.map(…, batched=True)`` of Hugging Face's ``datasets``.

        It adds the columns of :meth:`tag_frame`, with tokens and tags. Its method ``features`` tells their types.
        """
        from tagsmith.tagging.tables import BatchTagger

        return BatchTagger(self, column, prefix, threshold)

    def _all_layers(
        self, sentences: Sequence[Sequence[str]], spans: bool, threshold: Threshold | None
    ) -> Iterator[tuple[TaggedSentence, ...]]:
        """Each sentence in every layer, in the order of the sentences."""
        return zip(*self._tagged(sentences, self._heads, spans, threshold), strict=True)

    def _tagged(
        self,
        sentences: Sequence[Sequence[str]],
        heads: Sequence[Head],
        spans: bool,
        threshold: Threshold | None,
        first: int = 1,
        watch: Watch | None = None,
    ) -> list[Iterator[TaggedSentence]]:
        """For each layer, tags of each sentence and, if wanted, its spans, in the order of the sentences.

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
            _by_sentence(head.layer.write_tags(rows, lengths.tolist()), collected)
            for head, rows, collected in zip(heads, flat, scored, strict=True)
        ]

    # --- scores

    def evaluate(
        self,
        data: Data | Labeled,
        *,
        mode: Mode = "conlleval",
        layer: str | Sequence[str] | None = None,
        train: Data | None = None,
        by: str | Sequence[str] = (),
        documents: bool = False,
        resamples: int | None = None,
        **options: Any,
    ) -> Evaluation:
        """Tag labeled sentences and score the result.

        Parameters
        ----------
        data
            Files, documents, sentences or ``(words, tags)`` pairs, see :data:`~tagsmith.corpus.sources.Data`. Of a
            folder or a mapping, such as a ``DatasetDict``, the test part is taken. Tags may be in another scheme than
            the model's.
        mode
            ``"conlleval"``, or ``"strict"`` to count only well-formed spans.
        layer
            The data's layer that holds the gold tags, by default that of the model's name. For a model of several
            layers: those of its layers to score, by default all.
        train
            The training data: score seen and unseen mentions, rare and frequent labels.
        by
            Keys that the data's records or comments have, columns, or ``"source"``, the file: score the sentences of
            each value.
        documents
            Make the intervals by drawing documents in place of sentences.
        resamples
            How many resamples the intervals come from, by default 10,000 or fewer; 0: no intervals.
        options
            How to read files, as for :func:`~tagsmith.corpus.sources.read_sentences`.

        Returns
        -------
        Evaluation
            Of several layers, the first layer's, and in ``layers`` those of each.
        """
        labeled = self.labeled(data, layer=layer, **options)
        known = None if train is None else self.labeled(train, layer=layer, part="train", **options)
        keys = [by] if isinstance(by, str) else by
        values = {key: values_of(labeled.sentences, labeled.origins, key) for key in keys}
        heads = [self._head(name) for name in labeled.tags]
        tagged = self._tagged(labeled.words, heads, False, None)
        scores = {
            head.layer.name: evaluate_tags(
                gold,
                [predicted for predicted, _ in tags],
                mode=mode,
                scheme=head.layer.scheme,
                resamples=resamples,
                documents=np.array([origin.document for origin in labeled.origins]) if documents else None,
                words=labeled.words,
                training=training_of(known.words, known.tags[head.layer.name], head.layer.scheme) if known else None,
                by=values,
            )
            for head, gold, tags in zip(heads, labeled.tags.values(), tagged, strict=True)
        }
        first = next(iter(scores.values()))
        return first if len(scores) == 1 else replace(first, layers=scores)

    def compare(
        self,
        other: Tagger,
        data: Data | Labeled,
        *,
        mode: Mode = "conlleval",
        layer: str | None = None,
        documents: bool = False,
        resamples: int | None = None,
        shuffles: int = SHUFFLES,
        **options: Any,
    ) -> Comparison:
        """Compare this tagger, A, with another one, B, on the same labeled sentences.

        Other arguments are those of :meth:`evaluate`, but ``layer`` is one layer, by default the first, and
        ``shuffles`` is how many the p-values come from.

        Raises
        ------
        DataError
            The data cannot be read; one tagger gives spans in this layer, the other tags; B does not have the layer.
        """
        labeled = self.labeled(data, layer=layer, **options)
        name, gold = next(iter(labeled.tags.items()))
        own, theirs = self.layer(name), other.layer(name if len(other.layers) > 1 else None)
        if own.gives_spans != theirs.gives_spans:
            raise DataError(
                "one of these models gives spans, the other a tag for each token.",
                remedy="Compare models of the same task.",
            )
        tags = other.tag(labeled.words, layer=theirs.name)
        return compare_tags(
            gold,
            self.tag(labeled.words, layer=name),
            tags if own.scheme == theirs.scheme else [convert_tags(one, theirs.scheme, own.scheme) for one in tags],
            mode=mode,
            scheme=own.scheme,
            documents=np.array([origin.document for origin in labeled.origins]) if documents else None,
            resamples=resamples,
            shuffles=shuffles,
        )

    def report(
        self,
        data: Data | Labeled,
        scores: Evaluation | None = None,
        *,
        title: str = "Evaluation",
        settings: Mapping[str, str] | None = None,
        mode: Mode = "conlleval",
        against: Tagger | Mapping[str, Sequence[Sequence[str]]] | None = None,
        against_name: str = "the other model",
        folder: str | Path | None = None,
        layer: str | Sequence[str] | None = None,
        **options: Any,
    ) -> str:
        """Evaluate on labeled data and return the report, an HTML page that needs no other file and no network.

        Parameters
        ----------
        data, mode, layer, options
            As for :meth:`evaluate`; what :meth:`labeled` returns is not read again.
        scores
            What :meth:`evaluate` returned for the same data and mode, where it has more than the usual: buckets of
            ``train`` or ``by``, intervals over documents.
        title, settings
            The heading; and name → value, what the page is to say of how the scores were made.
        against
            Another tagger, or for each layer the tags of the same sentences in its scheme: the report has a section on
            the difference, and the sentences that changed.
        against_name
            What it is called there.
        folder
            The model's folder, for its digest and the learning curve.

        Raises
        ------
        DataError
            As :meth:`evaluate`; ``against`` has none of the layers.
        """
        from tagsmith.tagging.report import evaluation_report

        labeled = self.labeled(data, layer=layer, **options)
        return evaluation_report(
            self,
            self._run,
            [self._head(name) for name in labeled.tags],
            labeled,
            scores or self.evaluate(labeled, mode=mode),
            title=title,
            settings=settings or {},
            mode=mode,
            against=against,
            against_name=against_name,
            folder=folder,
        )

    def labeled(
        self,
        data: Data | Labeled,
        *,
        layer: str | Sequence[str] | None = None,
        part: Literal["train", "dev", "test"] = "test",
        **options: Any,
    ) -> Labeled:
        """Read labeled data once for several of the methods that take them; arguments are those of :meth:`evaluate`.

        ``part`` is what is taken of a folder or a mapping.
        """
        if isinstance(data, Labeled):
            return data
        if isinstance(data, Mapping):
            data = part_by_name(data, part)
        elif is_folder(data):
            data, _ = part_of_folder(data, part)
        heads, wanted = self._heads, layer
        if len(heads) > 1:
            names = self.layers if layer is None else (layer,) if isinstance(layer, str) else tuple(layer)
            heads, wanted = tuple(self._head(name) for name in names), names
        elif any(isinstance(value, list | tuple) and len(value) > 1 for value in (layer, options.get("column"))):
            raise DataError("this model gives one layer.", remedy="Name one layer or column.")
        elif layer is None and options.get("column") is None:
            wanted = self.layers
        sentences, origins = read_with_origins(data, layer=wanted, **options)
        if not sentences:
            raise DataError("There are no sentences to score.", remedy="Give at least one labeled sentence.")
        keys = [head.layer.name for head in heads]  # a layer that is alone may have another name in the data
        if len(self._heads) == 1:
            keys = list(sentences[0].layers)
        tags = {
            head.layer.name: gold_tags([sentence.layers[name] for sentence in sentences], head.layer)
            for head, name in zip(heads, keys, strict=True)
        }
        return Labeled([sentence.words for sentence in sentences], tags, sentences, origins)

    def calibration(
        self, data: Data | Labeled, *, layer: str | Sequence[str] | None = None, **options: Any
    ) -> dict[str, Calibration]:
        """Measure on labeled data how far the probabilities of spans and tags can be trusted, before and after.

        Arguments and errors are those of :meth:`evaluate`.

        Returns
        -------
        dict
            Layer → its calibration, which in ``before`` has that of the tagger as it was learned: of what that
            predicts.
        """
        labeled = self.labeled(data, layer=layer, **options)
        learned, found = self.as_learned(), {}
        for name, gold in labeled.tags.items():
            before = predictions(learned._run, learned._head(name), labeled.words, gold).calibration()
            now = self._head(name)
            found[name] = predictions(self._run, now, labeled.words, gold).calibration(before)
        return found

    def calibrate(self, data: Data | Labeled, *, layer: str | Sequence[str] | None = None, **options: Any) -> Tagger:
        """Return this tagger calibrated on labeled data: its probabilities and, by the bias of ``O``, its tags.

        Training does this with dev. The data must be others than those that the model was trained on, and alike those
        to be tagged; what was fitted before has no influence. Of a folder or a mapping the dev part is taken; otherwise
        arguments and errors are those of :meth:`evaluate`. With fewer than 30 labeled spans, a layer is left as it was
        learned.
        """
        labeled = self.labeled(data, layer=layer, part="dev", **options)
        learned = self.as_learned()
        fitted = {
            name: fit_scaling(learned._run, learned._head(name), labeled.words, tags)
            for name, tags in labeled.tags.items()
        }
        scalings = {
            name: scaling for name, scaling in {**self.model.scalings, **fitted}.items() if scaling != Scaling()
        }
        model = replace(self.model, scalings=scalings)
        return Tagger(model, precision=self.precision, threads=self.threads)

    def as_learned(self) -> Tagger:
        """Return this tagger without its calibration, with the tags and probabilities that the network learned."""
        if not self.model.scalings:
            return self
        return Tagger(replace(self.model, scalings={}), precision=self.precision, threads=self.threads)

    def thresholds(
        self, data: Data | Labeled, *, precision: float, layer: str | None = None, **options: Any
    ) -> Thresholds:
        """Choose, for each label, the least threshold at which this share of the spans found in some data is right.

        Arguments are those of :meth:`evaluate`; of a folder or a mapping the dev part is taken, and of several layers
        the first that gives spans. The thresholds hold for like data, as far as chance lets them: see ``interval``.

        Raises
        ------
        DataError
            The data cannot be read; the layer gives no spans; the precision is not above 0 and at most 1.
        """
        if not isinstance(precision, int | float) or not 0 < precision <= 1:
            raise DataError(f"the precision is {precision!r}.", remedy="It must be above 0, and at most 1.")
        labeled = self.labeled(data, layer=layer, part="dev", **options)
        head = next((one for name in labeled.tags if (one := self._head(name)).span_tags), None)
        if head is None:
            raise DataError("Plain tags have no thresholds.", remedy="Choose a layer that gives spans.")
        gold = labeled.tags[head.layer.name]
        found = predictions(self._run, head, labeled.words, gold)
        support = Counter(span.label for tags in gold for span in tags_to_spans(tags, head.layer.scheme))
        return thresholds_for(precision, head.layer.labels, found.spans, found.span_scores, found.span_right, support)

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        commit_message: str | None = None,
        token: str | None = None,
        license: str | None = None,
        language: str | Sequence[str] | None = None,
        datasets: str | Sequence[str] | None = None,
    ) -> str:
        """Put the model on the Hugging Face Hub in one commit; :func:`load` reads it as ``hf://owner/name``.

        Parameters
        ----------
        repository
            ``"owner/name"``, or ``"name"`` for one of your own. It is made if there is none.
        private
            Whether a repository that is made is private; by default as its owner has it.
        revision
            The branch to commit to, which is made if there is none; default ``main``.
        token
            By default that of ``HF_TOKEN`` or ``hf auth login``.
        license, language, datasets
            What to add to the metadata of the model card: a license of the Hub's list (``"cc-by-4.0"``), codes of
            languages (``"en"``) and the names that datasets have on the Hub.

        Returns
        -------
        str
            The address of the repository.

        Raises
        ------
        ModelError
            You may not write there, the Hub cannot be reached, or it refuses the card.
        MissingExtraError
            ``huggingface_hub`` is not installed.
        """
        if not isinstance(repository, str):
            raise ModelError(f"the repository is {shown(repository)}.", remedy='Write push_to_hub("owner/name").')
        model = with_card(self.model)
        files = model_files(model)
        check_readable(model, files, repository)
        return upload(
            files,
            repository,
            private=private,
            revision=revision,
            commit_message=commit_message,
            token=token,
            metadata={"license": license, "language": language, "datasets": datasets},
        )


def _by_sentence(tags: Iterable[list[str]], spans: Mapping[int, list[ScoredSpan]]) -> Iterator[TaggedSentence]:
    """Yield the tags and spans of one sentence after the other."""
    for index, sentence in enumerate(tags):
        yield sentence, spans.get(index, ())


def gold_tags(gold: Sequence[Sequence[str]], layer: Layer) -> Sequence[Sequence[str]]:
    """Return gold tags in the layer's scheme; data may have another than the training data had."""
    if not layer.gives_spans or all(is_legal(tags, layer.scheme) for tags in gold):
        return gold
    source = detect_scheme(gold)
    if source is Scheme.PLAIN:
        raise DataError(
            "these labels are not spans, but this model gives spans.",
            remedy="Name the column or layer that holds the labels.",
        )
    return [convert_tags(tags, source, layer.scheme) for tags in gold]


def _again(model: Model, precision: Precision, threads: int) -> Tagger:
    """Make the tagger that was pickled."""
    return Tagger(model, precision=precision, threads=threads)


def _located(text: str, words: Sequence[str], starts: Sequence[int], spans: Iterable[ScoredSpan]) -> Iterator[Span]:
    """Turn the spans of a sentence, in tokens, into spans of the document's text."""
    for first, after, label, score in spans:
        start, end = starts[first], starts[after - 1] + len(words[after - 1])
        yield Span(start, end, label, text[start:end], score)


def load(
    folder: str | Path,
    *,
    precision: Precision | None = None,
    threads: int | None = None,
    scheme: Scheme | str | None = None,
) -> Tagger:
    """Load a tagger from a model folder; Keras is not needed.

    Parameters
    ----------
    folder
        A model folder; or ``hf://owner/name``, a model on the Hugging Face Hub, with ``@revision`` or ``/subfolder``
        behind it if needed. That is downloaded once and kept in the cache of ``huggingface_hub``.
    precision, threads
        As for :class:`Tagger`.
    scheme
        The scheme that the tags come out in, or its name; by default that of the training data. Layers of plain tags
        stay as they are.

    Raises
    ------
    ModelError
        The folder or one of its files is missing, truncated, altered or too large, or holds impossible values. The
        model is not on the Hub, or cannot be downloaded.
    MissingExtraError
        ``hf://…`` needs ``huggingface_hub``.
    DataError
        There is no such scheme, or the model has no tags that can be written in it.
    """
    if not isinstance(folder, str | os.PathLike):
        raise ModelError(f"the model folder is {shown(folder)}, not a path.", remedy='Write load("model/").')
    model = read_model(folder)
    if scheme is not None:
        model = replace(model, layers=_in_scheme(model.layers, Scheme(scheme)))
    return Tagger(model, precision=precision, threads=threads)


def _in_scheme(layers: Sequence[Layer], scheme: Scheme) -> tuple[Layer, ...]:
    """Let the layers that give spans write them in another scheme."""
    if scheme is Scheme.PLAIN:
        raise DataError("Spans cannot be written as plain tags.", remedy="Choose another scheme, such as bare or IOB2.")
    if not any(layer.gives_spans for layer in layers):
        raise DataError("This model gives plain tags, which have no other scheme.", remedy="Leave the scheme out.")
    return tuple(replace(layer, scheme=scheme) if layer.gives_spans else layer for layer in layers)


def available_processors() -> int:
    """Number of processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
