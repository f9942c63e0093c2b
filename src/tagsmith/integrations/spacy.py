"""spaCy: a tagsmith model as a component of a pipeline, ``nlp.add_pipe("tagsmith", config={"model": "model/"})``.

spaCy imports this module by its entry point, with the first pipeline that a process makes. So nothing heavy is imported
before a model is loaded.
"""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

import numpy as np
import numpy.typing as npt

from tagsmith import __version__
from tagsmith.errors import DataError, MissingExtraError, ModelError
from tagsmith.remote import exists

try:
    import srsly
    from spacy.attrs import IDX, IS_SPACE
    from spacy.language import Language
    from spacy.parts_of_speech import IDS as PARTS_OF_SPEECH
    from spacy.pipeline import Pipe
    from spacy.tokens import Doc, Span, SpanGroup, Token
    from spacy.util import minibatch, registry
except ModuleNotFoundError as error:
    raise MissingExtraError("The spaCy component", "spacy") from error

from tagsmith.integrations.spacy_targets import CUSTOM, SPANS, WHITE_SPACE, Targets, checked_targets, make_scorer

if TYPE_CHECKING:
    from tagsmith.model.configuration import Precision
    from tagsmith.tagging.heads import Threshold
    from tagsmith.tagging.tagger import Tagger
    from tagsmith.text.document import Document
    from tagsmith.text.document import Span as FoundSpan

SPLIT_ABOVE = 200  # words; splitting shorter texts gives the same F1, and texts of one sentence should stay whole
REQUIREMENT = f"tagsmith>={__version__}"  # in the meta data of a pipeline, for ``spacy package``


@dataclass(frozen=True)
class Settings:
    """The configuration of a component; :func:`make_component` describes the fields."""

    model: str | None
    layers: Targets | None
    tokens: str
    split_above: int | None
    alignment: str
    overwrite: bool
    threshold: Threshold | None
    score_attribute: str | None
    batch_size: int | None
    precision: Precision | None
    threads: int | None


def make_component(
    nlp: Language,
    name: str,
    model: str | None,
    layers: dict[str, str | list[str]] | None,
    tokens: Literal["spacy", "tagsmith"],
    split_above: int | None,
    alignment: Literal["expand", "contract", "strict"],
    overwrite: bool,
    threshold: float | dict[str, float] | None,
    score_attribute: str | None,
    batch_size: int | None,
    precision: Literal["int8", "float32"] | None,
    threads: int | None,
    scorer: Callable[..., dict[str, Any]] | None,
) -> TagsmithComponent:
    """Make the component; spaCy calls this.

    Parameters
    ----------
    model
        The model folder. None if ``from_disk`` or ``from_bytes`` will bring the model.
    layers
        Layer of the model → where it goes: ``"ents"`` (``doc.ents``) or ``"spans:KEY"`` (``doc.spans["KEY"]``) for
        spans; ``"tag"`` (``token.tag_``), ``"pos"`` (``token.pos_``) or ``"_.NAME"`` (``token._.NAME``) for plain
        tags; or a list of these. Layers that are not named go nowhere. By default, see
        :func:`~tagsmith.integrations.spacy_targets.default_targets`.
    tokens
        What the model reads: ``"spacy"``, the tokens of the ``Doc``; ``"tagsmith"``, its text, cut by tagsmith's
        tokenizer.
    split_above
        A ``Doc`` without sentence boundaries is one sentence, or if it has more words than this, tagsmith cuts it into
        sentences. None: it is always one.
    alignment
        A span that begins or ends inside a token of the ``Doc``: ``"expand"`` takes the whole token, ``"contract"``
        leaves it out, ``"strict"`` drops the span. This can only happen with ``tokens="tagsmith"``.
    overwrite
        Whether predictions replace entities that they overlap, and tags that are there already.
    threshold
        Least probability of a span: one number, or one for each label.
    score_attribute
        The custom attribute of a span that has its probability; None for no such attribute.
    batch_size
        Documents tagged together at most; by default what ``nlp.pipe`` says.
    precision, threads
        As for :func:`tagsmith.load`.
    scorer
        What ``nlp.evaluate`` scores with.

    Raises
    ------
    ModelError
        The model cannot be read. If there is none, it is a warning: spaCy may load it next.
    DataError
        A layer, label or custom attribute cannot be used so.
    """
    if batch_size is not None and batch_size < 1:
        raise DataError(f"batch_size is {batch_size}.", remedy="It must be at least 1.")
    if score_attribute is not None:
        _register(Span, score_attribute, getter=get_score, setter=set_score)
    targets = None if layers is None else {layer: [to] if isinstance(to, str) else to for layer, to in layers.items()}
    texts = (tokens, split_above, alignment)
    settings = Settings(model, targets, *texts, overwrite, threshold, score_attribute, batch_size, precision, threads)
    component = TagsmithComponent(name, settings, scorer)
    requirements = nlp.meta.setdefault("requirements", [])
    saved = any(requirement.startswith("tagsmith") for requirement in requirements)
    loading = saved and not any(getattr(other, "is_loaded", False) for _, other in nlp.components)
    if model is not None and not loading:  # spacy.load makes the components first, and then loads what they need
        try:
            component.load(model)
        except ModelError as error:
            if exists(model):
                raise
            warnings.warn(f"{error} Until from_disk or from_bytes brings it, {name!r} has no model.", stacklevel=2)
    if not saved:
        requirements.append(REQUIREMENT)
    return component


class TagsmithComponent(Pipe):  # type: ignore[misc]  # spaCy has no types
    """A tagger in a pipeline."""

    def __init__(self, name: str, settings: Settings, scorer: Callable[..., dict[str, Any]] | None) -> None:
        self.name, self.settings, self.scorer = name, settings, scorer
        self.cfg: dict[str, Any] = {}  # what Pipe.score gives the scorer
        self._tagger: Tagger | None = None

    # --- the model

    @property
    def is_loaded(self) -> bool:
        """Whether the model has been loaded."""
        return self._tagger is not None

    @property
    def tagger(self) -> Tagger:
        """The tagger, which is loaded first if it was not.

        Raises ModelError: there is no model, or it cannot be read.
        """
        if self._tagger is None and self.settings.model is None:
            problem = f"the component {self.name!r} has no model."
            raise ModelError(problem, remedy='Name a model folder: config={"model": "model/"}.')
        return self._tagger or self.load(str(self.settings.model))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all layers, if the model has been loaded."""
        return () if self._tagger is None else tuple(label for one in self._tagger.model.layers for label in one.labels)

    def load(self, folder: str | Path) -> Tagger:
        """Load the model from a folder."""
        from tagsmith.tagging.tagger import load

        return self._use(load(folder, precision=self.settings.precision, threads=self.settings.threads))

    def _use(self, tagger: Tagger) -> Tagger:
        targets = checked_targets(tagger.model.layers, self.settings.layers)
        tagger.tag_documents([], threshold=self.settings.threshold)  # says what is wrong with it
        for target in chain.from_iterable(targets.values()):
            if target.startswith(CUSTOM):
                _register(Token, target.removeprefix(CUSTOM), default=None)
        # Last the entities: if another layer gives the same label to the same tokens, the score is the entity's.
        targets = dict(sorted(targets.items(), key=lambda target: "ents" in target[1]))
        self._tagger, self.cfg = tagger, {"targets": targets}
        return tagger

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the model folder."""
        from tagsmith.model.folder import write_model

        write_model(self.tagger.model, Path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> TagsmithComponent:
        """Load the model from a folder of :meth:`to_disk`."""
        self.load(path)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the files of the model folder as bytes."""
        from tagsmith.model.folder import model_files

        packed: bytes = srsly.msgpack_dumps(model_files(self.tagger.model))
        return packed

    def from_bytes(self, content: bytes, *, exclude: Iterable[str] = ()) -> TagsmithComponent:
        """Load the model from what :meth:`to_bytes` returned."""
        from tagsmith.model.folder import model_from_files
        from tagsmith.tagging.tagger import Tagger

        model = model_from_files(srsly.msgpack_loads(content))
        self._use(Tagger(model, precision=self.settings.precision, threads=self.settings.threads))
        return self

    # --- tagging

    def __call__(self, doc: Doc) -> Doc:
        """Tag a document in place."""
        try:
            self._annotate([doc])
        except Exception as error:
            return self.get_error_handler()(self.name, self, [doc], error)
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Tag documents in batches, each in place."""
        for docs in minibatch(stream, size=min(batch_size, self.settings.batch_size or batch_size)):
            try:
                self._annotate(docs)
            except Exception as error:
                self.get_error_handler()(self.name, self, docs, error)
            else:
                yield from docs

    def _annotate(self, docs: Sequence[Doc]) -> None:
        layers, targets = {layer.name: layer for layer in self.tagger.model.layers}, self.cfg["targets"]
        spans = any(layers[name].gives_spans for name in targets)
        tagged = self.tagger.tag_documents(
            list(self._documents(docs)), spans=spans, threshold=self.settings.threshold if spans else None
        )
        for doc, document in zip(docs, tagged, strict=True):
            for name, where in targets.items():
                if layers[name].gives_spans:
                    found = document.layer_spans[name] if len(layers) > 1 else document.spans
                    self._write_spans(doc, found, where, name)
                else:
                    self._write_tags(doc, document, name, where)

    def _documents(self, docs: Sequence[Doc]) -> Iterator[Document]:
        """What the model reads of each: words and sentences, with their offsets in the text."""
        from tagsmith.text.document import Document, Sentence
        from tagsmith.text.tokenizer import words_and_starts

        for doc in docs:
            text, cut = doc.text, None
            if self.settings.tokens == "spacy":
                words, starts = _words(doc)
            else:
                cut = words_and_starts(text)
                words = [word for some, _ in cut for word in some]
                starts = [start for _, some in cut for start in some]
            firsts: list[int] = []
            if doc.has_annotation("SENT_START"):
                firsts = [sentence.start_char for sentence in doc.sents]
            elif self.settings.split_above is not None and len(words) > self.settings.split_above:
                firsts = [some[0] for _, some in cut or words_and_starts(text)]
            ends = [0, *(bisect_left(starts, first) for first in firsts), len(words)]  # of sentences, in words
            parts = (slice(first, after) for first, after in pairwise(ends) if first < after)
            yield Document(text, tuple(Sentence(tuple(words[part]), tuple(starts[part])) for part in parts))

    def _write_spans(self, doc: Doc, found: Sequence[FoundSpan], where: list[str], layer: str) -> None:
        placed: list[Placed] = []
        for one in found:
            span = doc.char_span(one.start, one.end, label=one.label or layer, alignment_mode=self.settings.alignment)
            if span is not None:
                placed.append((span, one.score))
        for target in where:
            written = placed
            if target == "ents":
                before, written = _entities(list(doc.ents), placed, self.settings.overwrite)
                doc.set_ents([*before, *(span for span, _ in written)])
            else:
                group = SpanGroup(doc, spans=[span for span, _ in placed])
                group.attrs["scores"] = np.array([score for _, score in placed], np.float32)  # as the spancat does
                doc.spans[target.removeprefix(SPANS)] = group
            for span, score in written if self.settings.score_attribute else ():
                set_score(span, score)

    def _write_tags(self, doc: Doc, document: Document, layer: str, where: list[str]) -> None:
        """Give each token the tag of the word that it begins in."""
        tags = [tag for sentence in document.sentences for tag in sentence.layers[layer]]
        word_starts = np.array([start for sentence in document.sentences for start in sentence.starts])
        starts, is_word = _starts(doc)
        tagged = is_word & bool(tags)  # a zero-width space is a token of spaCy's, but none of tagsmith's
        words = np.maximum(np.searchsorted(word_starts, starts[tagged], "right") - 1, 0).tolist()
        for target in where:
            if target.startswith(CUSTOM):
                for token, word in zip(compress(doc, tagged), words, strict=True):
                    token._.set(target.removeprefix(CUSTOM), tags[word])
                continue
            number = PARTS_OF_SPEECH.__getitem__ if target == "pos" else doc.vocab.strings.add
            numbers = {tag: number(tag) for tag in {*tags, WHITE_SPACE[target]}}
            values = np.zeros(len(doc), np.uint64)
            values[~is_word] = numbers[WHITE_SPACE[target]]
            values[tagged] = np.array([numbers[tags[word]] for word in words], np.uint64)
            before = doc.to_array(target.upper())
            doc.from_array(target.upper(), np.where((before == 0) | self.settings.overwrite, values, before))


# --- documents


def _words(doc: Doc) -> tuple[list[str], list[int]]:
    """The tokens of a document that are more than white space, and where they start."""
    words, starts, is_word = [token.text for token in doc], *_starts(doc)
    if is_word.all():
        return words, starts.tolist()
    return list(compress(words, is_word)), starts[is_word].tolist()


def _starts(doc: Doc) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Where each token of a document starts, and whether it is more than white space."""
    columns = doc.to_array([IDX, IS_SPACE])  # (tokens, 2)
    return columns[:, 0].astype(np.int64), columns[:, 1] == 0


Placed = tuple[Span, float | None]


def _entities(before: list[Span], placed: list[Placed], overwrite: bool) -> tuple[list[Span], list[Placed]]:
    """Return the entities that stay, and the predicted spans that become entities.

    No token is in two: of spans that overlap, the more probable one is taken, then the first, then the longer.
    """
    taken = set() if overwrite else {place for span in before for place in range(span.start, span.end)}
    written = []
    for span, score in sorted(placed, key=lambda one: (-(one[1] or 0.0), one[0].start, -one[0].end)):
        if taken.isdisjoint(range(span.start, span.end)):
            taken.update(range(span.start, span.end))
            written.append((span, score))
    stay = [span for span in before if not overwrite or taken.isdisjoint(range(span.start, span.end))]
    return stay, written


# --- scores


def get_score(span: Span) -> float | None:
    """Return the probability of a predicted span; None for another span."""
    score: float | None = span.doc.user_data.get(_score_key(span))
    return score


def set_score(span: Span, score: float | None) -> None:
    """Set the probability of a span."""
    span.doc.user_data[_score_key(span)] = score


def _score_key(span: Span) -> tuple[str, str, int, int]:
    """spaCy's own key has no label, so two spans of the same tokens would share one score."""
    return ("._.", f"score of {span.label_}", span.start_char, span.end_char)


def _register(kind: Any, name: str, **how: Any) -> None:
    """Register a custom attribute of spans or tokens, unless another component of tagsmith did."""
    if not kind.has_extension(name):
        kind.set_extension(name, **how)
    elif kind.get_extension(name) != tuple(how.get(part) for part in ("default", "method", "getter", "setter")):
        raise DataError(
            f"there is another custom attribute {name!r} of {kind.__name__} objects, which tagsmith must not change.",
            remedy="Set score_attribute to another name or to None."
            if kind is Span
            else "Set layers to another place.",
        )


registry.scorers("tagsmith.scorer.v1", func=make_scorer)
make_component.__annotations__ = get_type_hints(make_component)  # spaCy before 3.8 cannot read them as strings
Language.factory(
    "tagsmith",
    func=make_component,
    assigns=["doc.ents", "doc.spans", "span._.score", "token.ent_iob", "token.ent_type", "token.pos", "token.tag"],
    default_config={
        "layers": None,
        "tokens": "spacy",
        "split_above": SPLIT_ABOVE,
        "alignment": "expand",
        "overwrite": False,
        "threshold": None,
        "score_attribute": "score",
        "batch_size": None,
        "precision": None,
        "threads": None,
        "scorer": {"@scorers": "tagsmith.scorer.v1"},
    },
)
