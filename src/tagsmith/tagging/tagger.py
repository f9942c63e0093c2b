"""Tagger: load a model, tag words and texts, judge the tags by labeled data, share the model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tagsmith.corpus.sources import Data
from tagsmith.errors import DataError, ModelError
from tagsmith.model.configuration import Precision, Scaling
from tagsmith.model.folder import Model, check_readable, model_files, read_model, with_card, write_model
from tagsmith.model.hub import upload
from tagsmith.remote import local_path
from tagsmith.scores.calibration import Calibration
from tagsmith.scores.comparison import SHUFFLES, Comparison
from tagsmith.scores.evaluation import Evaluation
from tagsmith.scores.scores import Mode
from tagsmith.scores.thresholds import Thresholds
from tagsmith.tagging.documents import tag_documents, tag_texts
from tagsmith.tagging.heads import Threshold
from tagsmith.tagging.judging import calibrations, choose_thresholds, compare_taggers, evaluate_tagger, fit_scalings
from tagsmith.tagging.labeled import Labeled, read_labeled
from tagsmith.tagging.sentence_tagger import SentenceTagger
from tagsmith.text.arguments import check_text, shown
from tagsmith.text.document import Document
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme

if TYPE_CHECKING:
    from tagsmith.tagging.tables import BatchTagger


class Tagger(SentenceTagger):
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

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.model, self.precision, self.threads)

    # --- texts

    def __call__(self, text: str, *, threshold: Threshold | None = None) -> Document:
        """Tag a text: sentences, tokens and spans with exact offsets into it.

        Each span's ``score`` is its calibrated probability: that exactly its tokens form a span of its label.
        Spans less probable than ``threshold`` are dropped: one number, or one for each label. A model of several layers
        gives the sentences all of them, and the document the spans of each in ``layer_spans``.
        """
        check_text(text)
        return tag_texts(self, [text], threshold)[0]

    def tag_texts(self, texts: Iterable[str], *, threshold: Threshold | None = None) -> list[Document]:
        """Tag several texts, which is faster than one call for each; see :meth:`__call__`."""
        return tag_texts(self, texts, threshold)

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
        return tag_documents(self, documents, spans=spans, threshold=threshold)

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

    # --- labeled data

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
        return read_labeled(self, data, layer, part, **options)

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
        return evaluate_tagger(self, labeled, known, mode=mode, by=by, documents=documents, resamples=resamples)

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
        return compare_taggers(
            self, other, labeled, mode=mode, documents=documents, resamples=resamples, shuffles=shuffles
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
        return calibrations(self, self.as_learned(), labeled)

    def calibrate(self, data: Data | Labeled, *, layer: str | Sequence[str] | None = None, **options: Any) -> Tagger:
        """Return this tagger calibrated on labeled data: its probabilities and, by the bias of ``O``, its tags.

        Training does this with dev. The data must be others than those that the model was trained on, and alike those
        to be tagged; what was fitted before has no influence. Of a folder or a mapping the dev part is taken; otherwise
        arguments and errors are those of :meth:`evaluate`. With fewer than 30 labeled spans, a layer is left as it was
        learned.
        """
        labeled = self.labeled(data, layer=layer, part="dev", **options)
        fitted = {**self.model.scalings, **fit_scalings(self.as_learned(), labeled)}
        scalings = {name: scaling for name, scaling in fitted.items() if scaling != Scaling()}
        return Tagger(replace(self.model, scalings=scalings), precision=self.precision, threads=self.threads)

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
        return choose_thresholds(self, self.labeled(data, layer=layer, part="dev", **options), precision)

    # --- the model

    def save(self, folder: str | Path) -> None:
        """Write the model folder that :func:`load` reads, whole or not at all; a model already there is replaced.

        Raises
        ------
        ModelError
            ``folder`` is a file, or holds something else than a model.
        OSError
            The disk is full, the place is not writable, or the connection to it is lost.
        """
        if not isinstance(folder, str | os.PathLike):
            raise ModelError(f"the model folder is {shown(folder)}, not a path.", remedy='Write save("model/").')
        write_model(with_card(self.model), local_path(os.fspath(folder)))

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


def _again(model: Model, precision: Precision, threads: int) -> Tagger:
    """Make the tagger that was pickled."""
    return Tagger(model, precision=precision, threads=threads)


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
