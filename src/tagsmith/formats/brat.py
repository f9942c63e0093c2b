"""brat's standoff annotation: a text, and beside it a file of the same name in ``.ann`` (https://brat.nlplab.org).

Entities (``T1<tab>Person 0 12<tab>Ada Lovelace``) become spans. One that is discontinuous is reported, and kept among
the document's spans from its first character to its last, but its tokens have no tag. So is what is nested in a longer
one. Relations, events, attributes and notes are kept as they are for the way back to brat.

brat counts a line end of two characters as one. Numbers that count it as two are recognized by the text they quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from tagsmith.errors import DataError
from tagsmith.files import open_text_atomically
from tagsmith.formats.alignment import build_document
from tagsmith.formats.format import Format
from tagsmith.formats.options import ReadOptions, WriteOptions
from tagsmith.formats.source import Place, Source, open_source, shortened, source_name, spans_to_write
from tagsmith.remote import is_file
from tagsmith.text.document import Document, Span

ANNOTATIONS, TEXT = ".ann", ".txt"
_ENTITY = re.compile(r"(T\d+)\t(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)(?:\t(.*))?")
_REFERENCE = re.compile(r"\b[TEN]\d+\b")


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a file: its number, such as ``T1``, the line of the file, and its span."""

    number: str
    line: str
    span: Span
    is_whole: bool  # False: it is discontinuous


def read(source: Source, options: ReadOptions) -> Iterator[Document]:
    """Read the text and its annotations as one document; ``source`` is the path of either.

    Raises DataError: there is no text, or (where labels are required) no annotations; a line is no annotation, or its
    entity lies outside the text.
    """
    from tagsmith.text.tokenizer import tokenize_text  # loads the regex library

    path = _path(source)
    annotations = path.with_suffix(ANNOTATIONS)
    place = Place(str(annotations), options)
    with open_source(path.with_suffix(TEXT), options.encoding, newline="") as stream:
        text = stream.read()
    if not is_file(annotations) and not options.labels_required:
        yield build_document(text, tokenize_text(text), place._replace(path=str(path)))
        return
    with open_source(annotations, options.encoding) as stream:
        lines = [line.rstrip("\r\n") for line in stream]
    entities, others = _parsed(lines, text, place)
    whole = [entity.span for entity in entities if entity.is_whole]
    document = build_document(text, tokenize_text(text), place, spans=whole)
    if not document.sentences:
        raise place.empty("tokens", f"{path.with_suffix(TEXT).name} has no text.")
    meta = {"brat": {"name": path.stem, "entities": entities, "others": others}}
    yield replace(document, spans=tuple(entity.span for entity in entities), meta=meta)


def _path(source: Source) -> Path:
    if not isinstance(source, str | Path) or str(source) == "-":
        raise DataError(
            "brat's annotation is two files, a text and its .ann.",
            remedy="Name one of them.",
            path=source_name(source),
        )
    return Path(source)


def _parsed(lines: Sequence[str], text: str, place: Place) -> tuple[list[Entity], list[str]]:
    """Return the entities, and all other lines."""
    numbers = _numbers(text)
    characters = _characters(lines, text, numbers)
    entities, others = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not line.startswith("T"):
            others.append(line)
            continue
        if not (match := _ENTITY.fullmatch(line)):
            raise place.error("This is no entity of brat's.", "Write T1<tab>Label 0 12<tab>text.", number)
        name, label, fragments, quote = match.groups()
        given = [tuple(map(int, fragment.split(" "))) for fragment in fragments.split(";")]
        if not all(0 <= first < last < len(characters) for first, last in given):
            problem = f"The entity {name} ({fragments}) lies outside its text of {len(text)} characters."
            raise place.error(problem, "Its text may be another one, or have other line ends.", number)
        parts = [(characters[first], characters[last]) for first, last in given]
        start, end = parts[0][0], parts[-1][1]
        here = " ".join(text[first:last] for first, last in parts)
        at = place._replace(line=number)
        if quote is not None and quote.split() != here.split():
            at.report(f"{name} is {shortened(here)!r} in the text, not {shortened(quote)!r} as it says")
        if len(parts) > 1:
            at.report(f"{name} {shortened(here)!r} [{label}] is discontinuous ({fragments}); its tokens get no tag")
        span = Span(start, end, label, quote if quote is not None else here)
        fragments = ";".join(f"{numbers[first]} {numbers[last]}" for first, last in parts)
        line = f"{name}\t{label} {fragments}" + ("" if quote is None else f"\t{quote}")
        entities.append(Entity(name, line, span, len(parts) == 1))
    return entities, others


def _numbers(text: str) -> list[int]:
    r"""Return how brat counts each character: ``\r\n`` is one."""
    return list(accumulate((text[place : place + 2] != "\r\n" for place in range(len(text))), initial=0))


def _characters(lines: Iterable[str], text: str, numbers: Sequence[int]) -> Sequence[int]:
    """Return the character at each number, as brat counts or, if more quotes are found so, one by one."""
    one_by_one = range(len(text) + 1)
    if numbers[-1] == len(text):
        return one_by_one
    as_brat = [place for place in one_by_one if place == 0 or numbers[place] != numbers[place - 1]]
    entities = [match.groups() for line in lines if (match := _ENTITY.fullmatch(line))]

    def found(characters: Sequence[int]) -> int:
        count = 0
        for _, _, fragments, quote in entities:
            start, end = int(fragments.split(" ")[0]), int(fragments.rsplit(" ", 1)[-1])
            if quote and ";" not in fragments and end < len(characters):
                count += text[characters[start] : characters[end]].split() == quote.split()
        return count

    return max(as_brat, one_by_one, key=found)


def write(documents: Iterable[Document], folder: Path, options: WriteOptions) -> None:
    """Write a text and its annotations for each document, named as they were read, or ``1.txt``, ``2.txt``, …."""
    taken: set[str] = set()
    for number, document in enumerate(documents, 1):
        read_from = document.meta.get("brat", {})
        source = Path(str(document.meta.get("record", {}).get("source", ""))).stem
        name = read_from.get("name") or source or str(number)
        while name in taken:
            name += "_"
        taken.add(name)
        lines = _lines(document, options, read_from.get("entities", ()), read_from.get("others", ()))
        for suffix, content in ((TEXT, document.text), (ANNOTATIONS, "".join(f"{line}\n" for line in lines))):
            with open_text_atomically(folder / f"{name}{suffix}") as stream:
                stream.write(content)


def _lines(
    document: Document, options: WriteOptions, entities: Sequence[Entity], others: Sequence[str]
) -> Iterator[str]:
    """Yield the entities, those that were read with their old numbers, then what else refers to them alone."""
    spans = list(spans_to_write(document, options))
    old = {(entity.span.start, entity.span.end, entity.span.label): entity for entity in entities}
    kept = [entity for entity in entities if not entity.is_whole]
    new: list[Span] = []
    for span in spans:
        entity = old.get((span.start, span.end, span.label))
        if entity is None:
            new.append(span)
        elif entity.is_whole:
            kept.append(entity)
    numbers = _numbers(document.text)
    free = max((int(entity.number[1:]) for entity in entities), default=0)
    yield from (entity.line for entity in sorted(kept, key=lambda entity: int(entity.number[1:])))
    for number, span in enumerate(new, free + 1):
        text = " ".join(document.text[span.start : span.end].split())
        yield f"T{number}\t{_label(span.label)} {numbers[span.start]} {numbers[span.end]}\t{text}"
    gone = {entity.number for entity in entities} - {entity.number for entity in kept}
    yield from _left(others, gone)


def _left(others: Sequence[str], gone: set[str]) -> list[str]:
    """Leave out what refers to something that is gone, again and again."""
    left = list(others)
    while True:
        kept = [line for line in left if gone.isdisjoint(_REFERENCE.findall(line.partition("\t")[2]))]
        if len(kept) == len(left):
            return kept
        gone = gone | {line.partition("\t")[0] for line in set(left) - set(kept)}
        left = kept


def _label(label: str) -> str:
    if not label or any(character.isspace() for character in label):
        raise DataError(f"The label {label!r} cannot be written for brat: it has a space.", remedy="Rename it.")
    return label


FORMAT: Format = Format(
    "brat", read, write_folder=write, suffixes=(ANNOTATIONS,), companions={TEXT: ANNOTATIONS}, holds_spans=True
)
