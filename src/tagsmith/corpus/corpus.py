"""The one door to labeled files: it picks the format, the layer and the scheme, and checks what it reads."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Unpack

from tagsmith.corpus.sentences import CompactSentences
from tagsmith.corpus.several_layers import read_side_by_side, single_options
from tagsmith.errors import DataError
from tagsmith.formats import AUTO, READERS, check_format, detect_format
from tagsmith.formats.options import LayersKeywords, Problem, ReadKeywords, ReadOptions
from tagsmith.formats.source import Source, pick_layer, source_name, token_line
from tagsmith.text.document import Document, Sentence
from tagsmith.text.schemes import OUTSIDE, Scheme, detect_scheme, is_legal, repair_tags, split_tag

Sources = Source | list[Source] | tuple[Source, ...]
_NO_VALUE = "_"  # how CoNLL-U writes that a column says nothing


@dataclass(frozen=True, slots=True)
class TagRepair:
    """A tag of a file that broke its scheme and what became of it."""

    path: str
    line: int
    word: str
    was: str
    becomes: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.was} on {self.word!r} {self.reason}; became {self.becomes}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a corpus: its name, its scheme, and the sorted labels of ``train``.

    Labels are types of spans or, where the scheme is plain, tags.
    """

    name: str
    scheme: Scheme
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Which labels were looked for where: an ``O`` says nothing of any other label.

    Parameters
    ----------
    sets
        Sets of labels.
    train, dev, test
        For each sentence of the part, the number of its set.
    """

    sets: tuple[frozenset[str], ...]
    train: tuple[int, ...]
    dev: tuple[int, ...]
    test: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labeled sentences for training, development and testing.

    Parameters
    ----------
    train, dev, test
        The sentences, each with exactly the layers of ``layers``; their tags are legal in the layers' schemes. They are
        held as numbers and made when they are asked for (:class:`~tagsmith.corpus.sentences.CompactSentences`).
    layer
        The name of the layer, of several the first.
    scheme
        The scheme of that layer in the training file.
    labels
        The sorted labels of ``train``: span types or, where the scheme is plain, tags.
    repairs
        The tags that had to be changed to be legal.
    problems
        What the readers reported, such as character spans that do not align with tokens.
    further
        The other layers.
    knowledge
        Which sentences know of which labels; None where all know all.
    """

    train: Sequence[Sentence]
    dev: Sequence[Sentence]
    test: Sequence[Sentence]
    layer: str
    scheme: Scheme
    labels: tuple[str, ...] = ()
    repairs: tuple[TagRepair, ...] = ()
    problems: tuple[Problem, ...] = field(default=())
    further: tuple[Layer, ...] = ()
    knowledge: Knowledge | None = None

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, the main one first."""
        return Layer(self.layer, self.scheme, self.labels), *self.further


def read_documents(source: Source, *, format: str = AUTO, **options: Unpack[ReadKeywords]) -> Iterator[Document]:
    """Read documents from a file, one at a time.

    Parameters
    ----------
    source
        A path, ``"-"`` for standard input, or an open text stream.
    format
        ``"conll"``, ``"conllu"``, ``"csv"``, ``"jsonl"``, or ``"auto"`` to find out
        (:func:`tagsmith.formats.detect_format`).
    options
        The fields of :class:`tagsmith.formats.options.ReadOptions`: ``layer``, ``column``,
        ``labels_required``, ``problems``, ….

    Raises
    ------
    DataError
        Where the file cannot be read as what it is said to be; the message names file, line and remedy.
    """
    chosen = ReadOptions(**options)
    if format == AUTO:
        format = detect_format(source, chosen.encoding)
    return READERS[check_format(format)](source, chosen)


def read_sentences(sources: Sources, *, format: str = AUTO, **options: Unpack[LayersKeywords]) -> list[Sentence]:
    r"""Collect the sentences of one or more files, each with exactly one layer: the one chosen.

    Without ``layer`` it is the only one, else ``"tags"``, else ``"upos"``. Where ``labels_required`` is
    False and there is no label, the sentences have no layer. The arguments are those of
    :func:`read_documents`; ``layer`` or ``column`` may also name several, which the sentences then have in that order.

    Raises
    ------
    DataError
        As :func:`read_documents`, and where a file lacks a layer; the message lists the layers it has.

    >>> import io
    >>> read_sentences(io.StringIO("John B-PER\nlives O\n"))[0].layers
    {'tags': ('B-PER', 'O')}
    """
    return [sentence for source in _each(sources) for sentence in _stream(source, format, options)]


def _stream(source: Source, format: str, options: LayersKeywords) -> Iterator[Sentence]:
    each = single_options(options)
    name = source_name(source)
    if len(each) > 1 and format == AUTO:
        format = detect_format(source, each[0].get("encoding", "utf-8"))
    if len(each) > 1 and format == "conll" and each[0].get("column") is None:
        raise DataError("Columns have no names here.", remedy="Give --column for each layer.", path=name)

    def read(source: Source, options: ReadKeywords) -> Iterator[Document]:
        for document in read_documents(source, format=format, **options):
            chosen = (select_layer(sentence, options, name) for sentence in document.sentences)
            yield replace(document, sentences=tuple(chosen))

    if len(each) > 1:
        yield from read_side_by_side(source, each, read)
        return
    for document in read_documents(source, format=format, **each[0]):
        for sentence in document.sentences:
            yield select_layer(sentence, each[0], name)


def _each(sources: Sources) -> list[Source]:
    return list(sources) if isinstance(sources, list | tuple) else [sources]


def select_layer(sentence: Sentence, options: ReadKeywords, path: str) -> Sentence:
    """Return the sentence with one layer only, chosen as :func:`read_sentences` says."""
    layers = sentence.layers
    wanted = options.get("layer")
    name = pick_layer(layers, wanted) or ("upos" if "upos" in layers else None)
    required = options.get("labels_required", True)
    if name is not None and name in layers:
        return sentence if len(layers) == 1 else replace(sentence, layers={name: layers[name]})
    if not required and (wanted is None or not layers):
        return replace(sentence, layers={}) if layers else sentence
    have = ", ".join(sorted(layers)) or "none"
    if name is None:
        problem, remedy = f"There are several layers here: {have}.", "Name the one to use with --layer."
    else:
        problem, remedy = f"There is no layer {name!r} here.", f"The layers are: {have}."
    raise DataError(problem, remedy=remedy, path=path, line=sentence.line or None)


# -------------------------------------------------------------------------------------------------- corpora


def load_corpus(
    train: Sources,
    dev: Sources | None = None,
    test: Sources | None = None,
    *,
    format: str = AUTO,
    seed: int = 0,
    **options: Unpack[LayersKeywords],
) -> Corpus:
    """Read the files of a corpus, check them against each other and make their tags legal.

    The scheme is that of the training file. Without ``dev``, a tenth of the training sentences, drawn by
    ``seed``, is held out. The other arguments are those of :func:`read_sentences`; ``problems`` is filled
    too if given.

    Raises
    ------
    DataError
        As :func:`read_sentences`; where a file has no labels at all, and where a label of the dev file does
        not occur in the training file. The test file may hold labels that nothing could learn: they count as missed.
    """
    problems: list[Problem] = options.setdefault("problems", [])
    options["labels_required"] = True
    parts = {"train": read_part(train, format, options)}
    names = tuple(parts["train"].sentences[0].layers)
    options["layer"] = names
    for name, source in (("dev", dev), ("test", test)):
        if source is not None:
            parts[name] = read_part(source, format, options)
    repairs: list[TagRepair] = []
    layers: list[Layer] = []
    for layer in names:
        scheme = detect_scheme(sentence.layers[layer] for sentence in parts["train"].sentences)
        parts = {name: part.repaired(layer, scheme, repairs) for name, part in parts.items()}
        layers.append(Layer(layer, scheme, tuple(sorted(_check_labels(parts, layer, scheme)))))
    sentences = {name: part.sentences for name, part in parts.items()}
    if dev is None:
        sentences["train"], sentences["dev"] = hold_out(sentences["train"], seed, parts["train"].path_of(0))
    main, *further = layers
    return Corpus(
        sentences["train"],
        sentences["dev"],
        sentences.get("test", ()),
        main.name,
        main.scheme,
        main.labels,
        tuple(repairs),
        tuple(problems),
        tuple(further),
    )


@dataclass(frozen=True, slots=True)
class Part:
    """The sentences of some files, and for each file the number of sentences up to its end."""

    sentences: Sequence[Sentence]
    files: list[tuple[int, str]]

    def path_of(self, place: int) -> str:
        """The file of a sentence."""
        return next(path for end, path in self.files if place < end)

    def repaired(self, layer: str, scheme: Scheme, repairs: list[TagRepair]) -> Part:
        """The part with legal tags, see :func:`repaired`."""
        legal = (
            repaired(sentence, layer, scheme, self.path_of(place), repairs)
            for place, sentence in enumerate(self.sentences)
        )
        return Part(CompactSentences(legal), self.files)


def read_part(sources: Sources, format: str, options: LayersKeywords) -> Part:
    """Read the sentences of some files, keeping none of the objects that the reader makes."""
    files: list[tuple[int, str]] = []

    def every() -> Iterator[Sentence]:
        count = 0
        for source in _each(sources):
            for sentence in _stream(source, format, options):
                count += 1
                yield sentence
            files.append((count, source_name(source)))

    return Part(CompactSentences(every()), files)


def repaired(sentence: Sentence, layer: str, scheme: Scheme, path: str, repairs: list[TagRepair]) -> Sentence:
    """Return the sentence with legal tags, adding to ``repairs`` what had to change."""
    tags = sentence.layers[layer]
    if is_legal(tags, scheme):
        return sentence
    legal, changes = repair_tags(tags, scheme)
    repairs.extend(
        TagRepair(
            path,
            token_line(sentence, change.index),
            sentence.words[change.index],
            change.was,
            change.becomes,
            change.reason,
        )
        for change in changes
    )
    return sentence.with_layer(layer, legal)


def label_of(tag: str, scheme: Scheme) -> str:
    """Return the label of a tag: its span type, or a plain or bare tag itself; ``""`` for ``O``."""
    if scheme is Scheme.PLAIN:
        return tag
    if tag == OUTSIDE:
        return ""
    return tag if scheme is Scheme.BARE else split_tag(tag)[1] or tag


def labels_of(sentences: Iterable[Sentence], layer: str, scheme: Scheme) -> set[str]:
    """Collect the labels of sentences, without ``O`` and, in a plain scheme, without ``_``."""
    tags = {tag for sentence in sentences for tag in sentence.layers[layer]}
    return {label_of(tag, scheme) for tag in tags} - {"", _NO_VALUE if scheme is Scheme.PLAIN else ""}


def _check_labels(parts: dict[str, Part], layer: str, scheme: Scheme) -> set[str]:
    """Check that every part has labels and that train has all of dev's; return train's."""
    known: set[str] = set()
    for name, part in parts.items():
        labels = labels_of(part.sentences, layer, scheme)
        if not labels:
            raise DataError(
                f"The file has no labels: every tag of the layer {layer!r} is "
                f"{_NO_VALUE if scheme is Scheme.PLAIN else OUTSIDE!r}.",
                remedy="Choose the column or layer that holds the labels with --column or --layer.",
                path=part.path_of(0),
            )
        if name == "train":
            known = labels
        elif name == "dev" and labels - known:
            raise unknown_label(part, layer, scheme, labels - known)
    return known


def unknown_label(part: Part, layer: str, scheme: Scheme, unknown: set[str]) -> DataError:
    """Name the first of a part's labels that training lacks."""
    path, line, label = next(
        (part.path_of(place), token_line(sentence, index), label_of(tag, scheme))
        for place, sentence in enumerate(part.sentences)
        for index, tag in enumerate(sentence.layers[layer])
        if label_of(tag, scheme) in unknown
    )
    others = len(unknown) - 1
    more = f" (nor {others} other label{'s' if others > 1 else ''} of this file)" if others else ""
    return DataError(
        f"The label {label!r} does not occur in the training file{more}.",
        remedy="Correct it if it is a slip, or add sentences with it to the training file.",
        path=path,
        line=line or None,
    )


def hold_out(sentences: Sequence[Sentence], seed: int, path: str) -> tuple[Sequence[Sentence], Sequence[Sentence]]:
    """Split off a tenth, at least one sentence, drawn by the seed; both parts keep the order of the file."""
    if len(sentences) < 2:
        raise DataError(
            "One sentence cannot be split into training and development sentences.",
            remedy="Give more sentences, or a file with --dev.",
            path=path,
        )
    rows = list(range(len(sentences)))
    random.Random(seed).shuffle(rows)
    held = set(rows[: max(1, len(rows) // 10)])
    return (
        CompactSentences(sentence for row, sentence in enumerate(sentences) if row not in held),
        CompactSentences(sentence for row, sentence in enumerate(sentences) if row in held),
    )
