"""Everything that labeled data may come from: files, streams, documents, sentences, pairs of words and tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard, cast

from tagsmith.corpus.side_by_side import read_side_by_side
from tagsmith.errors import DataError
from tagsmith.formats import detect_format, format_named
from tagsmith.formats.alignment import tag_document
from tagsmith.formats.format import Format
from tagsmith.formats.options import AUTO, ReadOptions, read_options
from tagsmith.formats.source import Source, nearest_first, pick_layer, source_name
from tagsmith.formats.tables import documents_of_table, is_table
from tagsmith.text.arguments import check_strings, shown
from tagsmith.text.document import DEFAULT_LAYER, Document, Sentence, sentence_from_words

Pair = tuple[Sequence[str], Sequence[str]]
"""The words of a sentence, and one tag for each."""

Table = Any
"""A table in memory: a ``datasets.Dataset``, a data frame of pandas or Polars, a table of pyarrow."""

Item = Source | Document | Sentence | Pair | Table
Data = Item | Iterable[Item]
"""A file (a path, ``"-"``, a stream), a document, a sentence, a ``(words, tags)`` pair, a table whose rows hold tokens
and tags, or a text and spans, or any number of these."""

Group = tuple[Sequence[Sentence], Mapping[str, Any]]
"""The sentences of a document, and its ``meta``."""

IN_MEMORY = "<memory>"


@dataclass(frozen=True, slots=True)
class Part:
    """Data that came from one place: a file, or neighbors in a list of sentences."""

    path: str
    items: Sequence[Item]

    @property
    def file(self) -> Source | None:
        """The file, if it is one."""
        first = self.items[0]
        return first if len(self.items) == 1 and is_file(first) else None


def is_file(item: object) -> TypeGuard[Source]:
    """Whether an item is a path or a stream."""
    return isinstance(item, str | Path) or hasattr(item, "read")


def _is_pair(item: object) -> TypeGuard[Pair]:
    """Whether an item is two lists, which are words and tags; their tokens are checked when they are read."""
    return isinstance(item, tuple | list) and len(item) == 2 and all(isinstance(part, tuple | list) for part in item)


def _is_pair_of_strings(item: object) -> TypeGuard[Pair]:
    return _is_pair(item) and all(isinstance(one, str) for part in item for one in part)


def parts_of(data: Data) -> Iterator[Part]:
    """Cut data into files and runs of sentences in memory.

    Raises DataError: something is none of the kinds of data.
    """
    if (
        is_file(data)
        or is_table(data)
        or isinstance(data, Document | Sentence)
        or (isinstance(data, tuple) and _is_pair_of_strings(data))
    ):
        data = [data]
    if isinstance(data, bytes | Mapping) or not isinstance(data, Iterable):
        raise _not_data(data, "The data")
    waiting: list[Item] = []
    for item in cast(Iterable[Item], data):
        if not is_file(item):
            waiting.append(item)
            continue
        if waiting:
            yield Part(IN_MEMORY, waiting)
            waiting = []
        yield Part(source_name(item), [item])
    if waiting:
        yield Part(IN_MEMORY, waiting)


def _not_data(item: object, where: str) -> DataError:
    return DataError(
        f"{where} is {shown(item)}, which is not labeled data.",
        remedy="Give a file, a Document, a Sentence, a (words, tags) pair, or a list of these, such as "
        '[(["John", "lives"], ["B-PER", "O"])].',
    )


# -------------------------------------------------------------------------------------------------- reading


def read_documents(source: Source, **options: Any) -> Iterator[Document]:
    """Read documents from a file, one at a time.

    Parameters
    ----------
    source
        A path, ``"-"`` for standard input, or an open text stream.
    options
        ``layer``, ``column``, ``format`` and the other fields of :class:`tagsmith.formats.options.ReadOptions`.

    Raises
    ------
    DataError
        The file cannot be read as what it is said to be; the message names file, line and remedy.
    """
    return read_file(source, read_options(**options))


def read_file(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read documents as the options say, see :func:`read_documents`."""
    if not is_file(source):
        raise DataError(f"The file is {shown(source)}, not a path or a stream.", remedy="Read several one by one.")
    return format_of(source, options).read(source, options)


def format_of(source: Source, options: ReadOptions) -> Format:
    """Return the format to read a file in: the one that the options name or, for ``"auto"``, what it seems to be."""
    return format_named(detect_format(source, options.encoding) if options.format == AUTO else options.format)


def read_sentences(data: Data, **options: Any) -> list[Sentence]:
    r"""Collect the sentences of labeled data, each with the layers asked for and no others.

    Without ``layer`` that is the only layer, else ``"tags"``, else ``"upos"``. With ``labels_required=False`` sentences
    without labels have no layer.

    Parameters
    ----------
    data
        Files, documents, sentences, pairs: see :data:`Data`.
    options
        As for :func:`read_documents`; ``layer`` or ``column`` may name several.

    Raises
    ------
    DataError
        As :func:`read_documents`, and where a layer is missing; the message lists those there are.

    >>> import io
    >>> read_sentences(io.StringIO("John B-PER\nlives O\n"))[0].layers
    {'tags': ('B-PER', 'O')}
    """
    reading = read_options(**options)
    return [sentence for part in parts_of(data) for sentence in sentences_of(part, reading)]


def sentences_of(part: Part, options: ReadOptions) -> Iterator[Sentence]:
    """Yield the sentences of a part with the layers that the options name, see :func:`read_sentences`."""
    for sentences, _ in groups_of(part, options):
        yield from sentences


def groups_of(part: Part, options: ReadOptions) -> Iterator[Group]:
    """Yield the sentences of each document of a part, as :func:`sentences_of`, with the document's ``meta``."""
    if (file := part.file) is not None:
        for document in _documents_of_file(file, options):
            yield document.sentences, document.meta
        return
    for number, item in enumerate(part.items, 1):
        for sentences, meta in _groups_in_memory(item, options, f"Item {number}"):
            group = []
            for sentence in sentences:
                if len(options.layers) == len(sentence.layers) == 1:  # the one layer there is, whatever its name
                    (tags,) = sentence.layers.values()
                    sentence = replace(sentence, layers={options.layers[0]: tags})
                group.append(select_layers(sentence, options, part.path))
            yield group, meta


def _documents_of_file(source: Source, options: ReadOptions) -> Iterator[Document]:
    name = source_name(source)
    if options.format == AUTO:
        options = replace(options, format=detect_format(source, options.encoding))
    each = options.for_each_layer()
    if len(each) > 1 and options.format == "conll" and not options.columns:
        raise DataError(
            "Columns have no names here.",
            remedy="Give --column for each layer, or --layer for the one that there is.",
            path=name,
        )

    def read(source: Source, layer_options: ReadOptions) -> Iterator[Document]:
        for document in read_file(source, layer_options):
            sentences = (select_layers(sentence, layer_options, name) for sentence in document.sentences)
            yield replace(document, sentences=tuple(sentences))

    return read_side_by_side(source, each, read) if len(each) > 1 else read(source, each[0])


def _groups_in_memory(item: Item, options: ReadOptions, where: str) -> Sequence[Group]:
    """Return the sentences of each document of an item; errors say ``where`` it stands."""
    groups: Sequence[Group]
    if isinstance(item, Document):
        groups = [(tag_document(item, options).sentences, item.meta)]
    elif is_table(item):
        groups = _groups_of_table(item, options, f"{where} ({type(item).__name__})")
    elif isinstance(item, Sentence):
        groups = [([item], {})]
    elif _is_pair(item):
        words, tags = item
        if len(words) != len(tags):
            problem = f"{where} has {len(words)} words but {len(tags)} tags."
            raise DataError(problem, remedy="Give one tag for each word: (words, tags).")
        check_strings(words, where, "word")
        groups = [([sentence_from_words(words, {options.layer or DEFAULT_LAYER: tags})], {})]
    else:
        raise _not_data(item, where)
    for sentence in (sentence for sentences, _ in groups for sentence in sentences):
        check_strings(sentence.words, where, "word")
        for tags in sentence.layers.values():
            check_strings(tags, where, "tag")
    return groups


def _groups_of_table(table: Table, options: ReadOptions, name: str) -> list[Group]:
    """Read a table once for each layer, and join the layers of each sentence, which is then a group of its own."""
    if len(options.for_each_layer()) == 1:
        (only,) = options.for_each_layer()
        return [(document.sentences, document.meta) for document in documents_of_table(table, only, name)]
    first, *others = (
        [sentence for document in documents_of_table(table, one, name) for sentence in document.sentences]
        for one in options.for_each_layer()
    )
    if any([sentence.words for sentence in first] != [sentence.words for sentence in other] for other in others):
        raise DataError("The layers do not label the same tokens.", remedy="Train a model for each layer.", path=name)
    for other in others:
        pairs = zip(first, other, strict=True)
        first = [replace(one, layers={**one.layers, **another.layers}) for one, another in pairs]
    return [([sentence], {}) for sentence in first]


def select_layers(sentence: Sentence, options: ReadOptions, path: str) -> Sentence:
    """Return the sentence with the layers that the options name, or by default with one of its own."""
    layers = sentence.layers
    wanted = options.layers
    if not wanted:
        name = pick_layer(layers, None) or ("upos" if "upos" in layers else None)
        wanted = () if name is None else (name,)
    if wanted and all(name in layers for name in wanted):
        same = tuple(layers) == wanted
        return sentence if same else replace(sentence, layers={name: layers[name] for name in wanted})
    if not options.labels_required and not (options.layers and layers):
        return replace(sentence, layers={}) if layers else sentence
    missing = next((name for name in wanted if name not in layers), None)
    have = ", ".join(nearest_first(layers, missing or "")) or "none"
    if missing is None and not layers:
        problem, remedy = "There are no labels here.", "Label this sentence, or leave it out."
    elif missing is None:
        problem, remedy = f"There are several layers here: {have}.", "Name the one to use with --layer."
    else:
        problem, remedy = f"There is no layer {missing!r} here.", f"The layers are: {have}."
    raise DataError(problem, remedy=remedy, path=path, line=sentence.line or None)
