"""Labeled files that people bring: their sentences with spans, and whatever cannot be taken in, line by line.

Files are read by tagsmith's formats. These stop at the first record that they cannot read; here such a record is left
out and reported, and the others are read.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NamedTuple

from tagsmith import (
    FORMATS,
    DataError,
    Document,
    Layer,
    Scheme,
    Sentence,
    TokenSpan,
    detect_scheme,
    read_documents,
    tags_to_spans,
)
from tagsmith.labeling.schema import FILE_FORMATS, HALF, LONGEST_LABEL, Note, is_whole, label_problem
from tagsmith.serving.refusals import Refusal

MOST_REFUSED = 20  # records that cannot be read in a file of columns; with more, it is read in the wrong way
MOST_NOTES = 1000  # of records that are left out, or of labels that are changed: with more, nothing is read
COLUMNS = ("conll", "conllu", "csv")
UNIVERSAL = ("lemma", "upos", "xpos", "feats", "deprel")  # the columns of CoNLL-U
_SNIFFED = 4096  # characters
_WORD_HEADING = re.compile(
    r'[^\n]*(?:^|[,;\t|])\s*"?(?:word|token)s?"?\s*(?:[,;\t|]|\r?$)', re.IGNORECASE | re.MULTILINE
)
_BETWEEN = re.compile(r"[\s,]*")


Found = tuple[int, Document, Sentence]  # a sentence with its line and the document that it is of


class FileSentence(NamedTuple):
    """A sentence of a file, as a document of its own; ``spans`` is None if the file does not label it."""

    document: Document
    line: int
    spans: list[TokenSpan] | None
    to_check: bool  # whether a span of it was changed or left out
    scores: list[float] | None = None  # of each span, if they are predictions
    certainty: float | None = None  # of the predictions, as the file states it: small ones are looked at first


@dataclass(slots=True)
class LabeledFile:
    """What was read from a file, and the lines of what was not, or not as it says."""

    sentences: list[FileSentence] = field(default_factory=list)
    refused: list[Note] = field(default_factory=list)
    changed: list[Note] = field(default_factory=list)

    @property
    def labels(self) -> set[str]:
        """The labels that occur."""
        return {span.label for sentence in self.sentences for span in sentence.spans or ()}

    def refuse_labels(self, labels: Container[str], message: str) -> None:
        """Leave out the sentences that have one of these labels."""
        kept = []
        for sentence in self.sentences:
            if found := next((span.label for span in sentence.spans or () if span.label in labels), None):
                self.refused.append(Note(line=sentence.line, message=f"{found}: {message}"))
            else:
                kept.append(sentence)
        self.sentences = kept


def format_of(name: str, content: str) -> str | None:
    """Name the format of a labeled file by its name, or by how it begins; None: it looks like text.

    Raises Refusal: it is in a format that cannot be added.
    """
    suffix = PurePath(name).suffix.lower()
    if known := next((own.name for own in FORMATS.values() if suffix in own.suffixes), None):
        if known not in FILE_FORMATS:
            problem = f"A file in the format {known} cannot be added here."
            raise Refusal(409, "unreadable", f"{problem} Convert it to jsonl, with tagsmith convert.")
        return known
    beginning = content[:_SNIFFED]
    claims = [own.name for own in FORMATS.values() if own.begins and own.begins(beginning)]
    if claims and (claims[0] != "csv" or _WORD_HEADING.match(beginning)):  # text may speak of sentences and words
        return claims[0]
    if suffix == ".json":  # it is no text
        return "jsonl"
    whole = len(content) <= _SNIFFED
    return next((own.name for own in FORMATS.values() if own.resembles and own.resembles(beginning, whole)), None)


def length_problem(document: Document, most: int) -> str:
    """Say that a sentence, as a document of its own, has more than ``most`` characters; empty if it has not."""
    length = len(document.text)
    return f"a sentence has {length:,} characters; the limit is {most:,}" if length > most else ""


def read_labeled(content: str, format: str, layer: Layer, most: int, first_line: int = 1) -> LabeledFile:
    """Read a labeled file, or a part of it that begins with this line; ``most`` is the length of a sentence.

    Raises Refusal: too little of it can be read, or its tags are of another kind than the layer's.
    """
    file = LabeledFile()
    options: dict[str, Any] = {"format": format, "labels_required": False}
    if format not in COLUMNS or (format == "conllu" and (layer.gives_spans or layer.name in UNIVERSAL)):
        options["layer"] = layer.name
    read = _read_columns if format in COLUMNS else _read_records
    try:
        found = list(read(content, first_line - 1, options, file))
    except DataError as error:
        where = f"Line {error.line + first_line - 1}: " if error.line else ""
        raise Refusal(409, "unreadable", f"{where}{error.problem} {error.remedy}".strip()) from error
    to_check = {note.line for note in file.changed}
    tags = [_tags_of(sentence, layer) for _, _, sentence in found]
    scheme = _scheme_of(tags, layer)
    # A file of spans without a single one has only been cut into tokens.
    has_labels = not layer.gives_spans or any(tag != "O" for own in tags for tag in own or ())
    predicts = any(span.score is not None for _, document, _ in found for span in document.spans)
    for (line, document, sentence), own in zip(found, tags, strict=True):
        spans = None if own is None or not has_labels else _spans_of(own, scheme)
        scores = None if spans is None or not predicts else _scores_of(document, sentence, spans)
        certainty = _certainty_of(document)
        file.sentences.append(
            FileSentence(_alone(document, sentence), line, spans, line in to_check, scores, certainty)
        )
    _refuse_bad_sentences(file, most)
    return file


# ------------------------------------------------------------------------------------- reading, but for bad records


def _read_records(content: str, shift: int, options: dict[str, Any], file: LabeledFile) -> Iterator[Found]:
    """Read each record of a JSON file by itself; ``shift`` lines come before the content."""
    for number, record in _records(content):
        line, problems = number + shift, list[Any]()
        layer = options["layer"] if _has_layer(record, options["layer"]) else None
        try:
            documents = list(read_documents(io.StringIO(record), problems=problems, **{**options, "layer": layer}))
        except DataError as error:
            documents = []
            file.refused.append(Note(line=line, message=f"{error.problem} {error.remedy}"))
        else:
            notes = [Note(line=line, message=problem.message) for problem in problems]
            (file.changed if documents else file.refused).extend(notes)  # the reader says why it left a record out
        if max(len(file.refused), len(file.changed)) > MOST_NOTES:
            raise DataError(f"More than {MOST_NOTES} records do not fit the format.", remedy="Nothing was added.")
        yield from ((line, document, sentence) for document in documents for sentence in document.sentences)


def _has_layer(record: str, layer: str) -> bool:
    """Whether a record names this layer among several; otherwise its labels are those of the only one."""
    if '"layers"' not in record:
        return False
    try:
        layers = json.loads(record).get("layers")
    except (ValueError, RecursionError, AttributeError):
        return False
    return isinstance(layers, dict) and layer in layers


def _records(content: str) -> Iterator[tuple[int, str]]:
    """Yield the records of JSON lines, or of one array, each on one line, with the number of the line it begins on."""
    if not content.lstrip().startswith("["):
        yield from ((number, line) for number, line in enumerate(content.split("\n"), 1) if line.strip())
        return
    place, line, counted, decoder = content.index("[") + 1, 1, 0, json.JSONDecoder()
    while True:
        place = _BETWEEN.match(content, place).end()  # type: ignore[union-attr] # it matches anything
        line, counted = line + content.count("\n", counted, place), place
        if content[place : place + 1] == "]":
            return
        try:
            record, place = decoder.raw_decode(content, place)
        except (ValueError, RecursionError) as error:
            raise DataError("This is not JSON.", remedy="Give one array of objects.", line=line) from error
        yield line, json.dumps(record)


def _read_columns(content: str, shift: int, options: dict[str, Any], file: LabeledFile) -> Iterator[Found]:
    """Read columns again and again, each time without the sentence that could not be read."""
    lines = content.split("\n")
    header = lines[0] if options["format"] == "csv" else None
    documents: list[Document] | None = None
    while documents is None:
        try:
            documents = list(read_documents(io.StringIO("\n".join(lines), newline=""), **options))
        except DataError as error:
            place = (error.line or 0) - 1
            if place < (header is not None) or len(file.refused) == MOST_REFUSED:
                raise
            first, last = _block(lines, place, header)
            lines[first:last] = [""] * (last - first)  # the lines after it keep their numbers
            file.refused.append(Note(line=place + 1 + shift, message=f"{error.problem} {error.remedy}"))
            if not any(line.strip() for line in lines[header is not None :]):
                documents = []
    for document in documents:
        yield from ((sentence.line + shift, document, sentence) for sentence in document.sentences)


def _block(lines: Sequence[str], place: int, header: str | None) -> tuple[int, int]:
    """Return the lines of the sentence that holds a line: from the first to the last, exclusive."""

    def belong_together(above: str, below: str) -> bool:
        if header is None:
            return bool(above.strip() and below.strip())
        return _sentence_number(below, header) in ("", _sentence_number(above, header))

    first = place = min(place, len(lines) - 1)
    while first > 0 and not lines[first].strip():  # a reader may notice at the end of a sentence
        first -= 1
    last = max(first, place) + 1
    while first > (header is not None) and belong_together(lines[first - 1], lines[first]):
        first -= 1
    while last < len(lines) and belong_together(lines[last - 1], lines[last]):
        last += 1
    return first, last


def _sentence_number(line: str, header: str) -> str:
    separator = max(",;\t|", key=header.count)
    column = next((n for n, heading in enumerate(header.split(separator)) if "sent" in heading.lower()), 0)
    return (*line.split(separator), *[""] * (column + 1))[column].strip()


# ---------------------------------------------------------------------------------------------------- tags → spans


def _tags_of(sentence: Sentence, layer: Layer) -> tuple[str, ...] | None:
    """The tags that are meant, if there are any: those of the layer, the only ones, or the usual ones."""
    layers = sentence.layers
    names = [layer.name, *(layers if len(layers) == 1 else ()), "tags", *(() if layer.gives_spans else ("upos",))]
    return next((layers[name] for name in names if name in layers), None)


def _scheme_of(tags: Sequence[tuple[str, ...] | None], layer: Layer) -> Scheme:
    labeled = [own for own in tags if own is not None]
    scheme = detect_scheme(labeled)
    if layer.gives_spans and scheme is Scheme.PLAIN:
        problem = "The tags of this file label single tokens, as parts of speech do; here spans are labeled."
        raise Refusal(409, "other_tags", f"{problem} Its labels may be in another column.")
    if not layer.gives_spans and labeled and scheme not in (Scheme.PLAIN, Scheme.BARE):
        raise Refusal(409, "other_tags", "The tags of this file label spans; here each token has a label of its own.")
    return scheme if layer.gives_spans else Scheme.PLAIN


def _spans_of(tags: Sequence[str], scheme: Scheme) -> list[TokenSpan]:
    if scheme is Scheme.PLAIN:
        return [TokenSpan(place, place + 1, tag) for place, tag in enumerate(tags)]
    return tags_to_spans(tags, scheme)


def _scores_of(document: Document, sentence: Sentence, spans: Sequence[TokenSpan]) -> list[float]:
    """The probabilities of the spans; one without a score is certain."""
    scores = {(span.start, span.end): span.score for span in document.spans}
    tokens = sentence.tokens
    found = (scores.get((tokens[span.start].start, tokens[span.end - 1].end)) for span in spans)
    return [1.0 if score is None else score for score in found]


def _certainty_of(document: Document) -> float | None:
    """The certainty that a record states, a number from 0 to 1."""
    stated = document.meta.get("record", {}).get("certainty")
    is_number = isinstance(stated, int | float) and not isinstance(stated, bool)
    return float(stated) if is_number and 0 <= stated <= 1 else None


def _alone(document: Document, sentence: Sentence) -> Document:
    """A sentence as a document of its own."""
    start, end = sentence.start, sentence.end
    starts = tuple(own - start for own in sentence.starts)
    return Document(document.text[start:end], (Sentence(sentence.words, starts),))


def _refuse_bad_sentences(file: LabeledFile, most: int) -> None:
    """Leave out the sentences with labels or characters that cannot be kept, and those that are too long."""
    kept = []
    for sentence in file.sentences:
        labels = {span.label for span in sentence.spans or ()}
        if problem := next(filter(None, map(_label_problem, sorted(labels))), ""):
            file.refused.append(Note(line=sentence.line, message=problem))
        elif not is_whole(sentence.document.text):
            file.refused.append(Note(line=sentence.line, message=f"{HALF[0].upper()}{HALF[1:]}."))
        elif problem := length_problem(sentence.document, most):
            file.refused.append(Note(line=sentence.line, message=f"{problem[0].upper()}{problem[1:]}."))
        else:
            kept.append(sentence)
    file.sentences = kept


def _label_problem(label: str) -> str:
    long = f"a label has at most {LONGEST_LABEL} characters" if len(label) > LONGEST_LABEL else ""
    problem = long or label_problem(label)
    return f"The label {json.dumps(label[:LONGEST_LABEL])}: {problem}." if problem else ""
