"""Readers of the corpora that know dates: Re-DocRED, GUM and re3d, which mark mentions rather than names."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tagsmith
from layouts import (
    DATE,
    LOCATION,
    ORGANIZATION,
    PERSON,
    UNKNOWN,
    Document,
    Found,
    Labeled,
    conllu_documents,
    tagged,
    without_article,
)
from names import IS_DEICTIC, date_within, is_country, is_faith, is_people, is_title, without_titles, word_list
from retokenized import join_hyphens

_NAME_PARTS = word_list("name_parts")


def date_spans(words: Sequence[str], start: int, end: int) -> list[Found]:
    """Return what of an expression of time is a date, unknown or nothing."""
    found = date_within(words[start:end])
    if found is None:
        return [(start, end, UNKNOWN)]
    first, last = found
    rest = [(i, i + 1, "O") for i in range(start, end) if not first <= i - start < last]
    return [*([(start + first, start + last, DATE)] if last > first else []), *rest]


def unlabeled_dates(words: Sequence[str]) -> list[Found]:
    """Return the deictic dates of a sentence (``last year``) as unknown: some annotators passed over them."""
    firsts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
    text = " ".join(words).lower()
    return [
        (i, i + 1, UNKNOWN)
        for match in IS_DEICTIC.finditer(text)
        for i, (first, word) in enumerate(zip(firsts, words, strict=True))
        if first < match.end() and first + len(word) > match.start()
    ]


# ------------------------------------------------------------------------------------------------- Re-DocRED

_PERHAPS_ORGANIZATION = re.compile(
    r"League|Division|Conference|Association|Party|Times|News|Post|Journal|Magazine|Daily|Herald|Tribune|Sanomat|lehti"
    r"|Records|Band|Orchestra|Club|Company|University|Airport|Stadium|Museum|Church|Dynasty|Army|Force|Brigade|Regiment"
)


def redocred(data: Path) -> list[Document]:
    """Read the dev and test documents of Re-DocRED."""
    documents = []
    for part in ("dev", "test"):
        for record in json.loads((data / "english" / "redocred" / f"{part}_revised.json").read_text("utf-8")):
            mentions = defaultdict(list)
            for mention in (mention for entity in record["vertexSet"] for mention in entity):
                mentions[mention["sent_id"]].append((*mention["pos"], mention["type"]))
            documents.append([_redocred(words, mentions[number]) for number, words in enumerate(record["sents"])])
    return documents


def _redocred(raw: Sequence[str], mentions: Iterable[Found]) -> Labeled:
    places = [i for i, word in enumerate(raw) if word.strip()]  # no-break spaces are tokens there
    words, place = [raw[i].strip() for i in places], {old: new for new, old in enumerate(places)}
    spans = []
    for start, end, label in mentions:
        inside = [place[i] for i in range(start, end) if i in place]
        if inside:
            spans.append((inside[0], inside[-1] + 1, label))
    words, spans = join_hyphens(words, spans)
    found = [new for span in spans for new in _redocred_spans(words, *span)]
    return Labeled(tuple(words), tagged(words, [*found, *unlabeled_dates(words)]))


def _redocred_spans(words: Sequence[str], start: int, end: int, label: str) -> list[Found]:
    text = " ".join(words[start:end])
    if label == UNKNOWN:
        return [(start, end, label)]
    if label == "TIME":
        return date_spans(words, start, end)
    if label == "PER":
        start += without_titles(words[start:end])
        return [(start, end, "O" if is_people(words[start:end]) else PERSON)]
    if label in ("LOC", "ORG"):
        place = label == "LOC" or is_country(words[start:end])
        kind = LOCATION if place else ORGANIZATION
        kind = "O" if is_people(words[start:end]) else UNKNOWN if is_faith(words[start:end]) else kind
        return [without_article(words, (start, end, kind))]
    return [(start, end, UNKNOWN if label == "MISC" and _PERHAPS_ORGANIZATION.search(text) else "O")]


# ------------------------------------------------------------------------------------------------------- GUM

_GUM = {"person": PERSON, "place": LOCATION, "organization": ORGANIZATION}


@dataclass(frozen=True, slots=True)
class _Mention:
    start: int  # words of the document
    end: int
    kind: str


def gum(data: Path) -> list[Document]:
    """Read GUM: of mentions whose head is a proper noun, the name; of times, the dates."""
    documents = []
    for path in sorted((data / "english" / "gum").glob("*.conllu")):
        for sentences in conllu_documents(path):
            mentions, first, document = _gum_mentions([row for _, rows in sentences for row in rows]), 0, []
            for _, rows in sentences:
                end = first + len(rows)
                own = [
                    _Mention(m.start - first, m.end - first, m.kind)
                    for m in mentions
                    if first <= m.start and m.end <= end
                ]
                document.append(_gum_sentence(rows, own))
                first = end
            documents.append(document)
    return documents


def _gum_mentions(rows: Sequence[Sequence[str]]) -> list[_Mention]:
    """Read the brackets of ``Entity=``: ``(1-person-…`` opens, ``1)`` closes, ``(1-person-…)`` is one word."""
    opened, mentions = list[tuple[int, str, str]](), list[_Mention]()
    for index, row in enumerate(rows):
        found = re.search(r"(?:^|\|)Entity=([^|]*)", row[9])
        for piece in re.findall(r"\([^()]*\)?|[^()]+\)", found[1]) if found else ():
            name, *facts = piece.strip("()").split("-")
            if piece.startswith("("):
                opened.append((index, name, facts[0]))
            if piece.endswith(")"):
                place = max(i for i, (_, other, _) in enumerate(opened) if other == name)
                start, _, kind = opened.pop(place)
                mentions.append(_Mention(start, index + 1, kind))
    return mentions


def _gum_sentence(rows: Sequence[Sequence[str]], mentions: Sequence[_Mention]) -> Labeled:
    words, upos = tuple(row[1] for row in rows), tuple(row[3] for row in rows)
    found = list[Found]()
    for mention in mentions:
        found += _gum_spans(rows, words, mention)
    covered = {token for start, end, _ in found for token in range(start, end)}
    for i, kind in enumerate(upos):
        if kind == "PROPN" and i not in covered:
            found.append((i, i + 1, "O" if is_title(words[i : i + 1]) else UNKNOWN))
    return Labeled(words, tagged(words, found), upos)


def _gum_spans(rows: Sequence[Sequence[str]], words: Sequence[str], mention: _Mention) -> list[Found]:
    start, end, kind = mention.start, mention.end, mention.kind
    if kind == "time":
        return date_spans(words, start, end) if end - start <= 8 else []
    if kind == "person" and (names := _name_after_noun(rows, mention)):
        return [(*names, PERSON)]
    head = next((i for i in range(start, end) if not start < int(rows[i][6]) <= end), start)
    if rows[head][3] != "PROPN":
        return []
    first, last = _name_around(rows, words, head, mention)
    if kind not in _GUM:
        return [(first, last, "O" if last - first < 3 else UNKNOWN)]
    name = words[first:last]
    if is_people(name):
        return [(first, last, "O")]
    if kind == "person":
        return _gum_person(rows, words, head, first, last)
    label = LOCATION if is_country(name) else UNKNOWN if is_faith(name) else _GUM[kind]
    return [without_article(words, (first, last, label))]


def _gum_person(rows: Sequence[Sequence[str]], words: Sequence[str], head: int, first: int, last: int) -> list[Found]:
    """Return a person's name without titles; titles alone are none, and groups (``Democrats``) unknown."""
    if is_title(words[first:last]) or is_title(words[last - 1 : last]):
        return [(i, i + 1, "O") for i in range(first, last) if is_title(words[i : i + 1])]
    start = first + without_titles(words[first:last])
    group = rows[head][4] == "NNPS" or (first > 0 and words[first - 1].lower() == "the")  # the Kennedys, the Taliban
    if group or not words[start][:1].isupper():
        return [(first, last, UNKNOWN)]
    return [*((i, i + 1, "O") for i in range(first, start)), (start, last, PERSON)]


def _name_after_noun(rows: Sequence[Sequence[str]], mention: _Mention) -> tuple[int, int] | None:
    """The proper nouns at the end of a person after a common noun: ``outgoing governor Bob McDonnell``."""
    first = mention.end
    while first > mention.start and rows[first - 1][3] == "PROPN" and rows[first - 1][4] == "NNP":
        first -= 1
    before = rows[mention.start : first]
    common = (
        before and before[-1][3] == "NOUN" and not any(row[3] in ("ADP", "PUNCT", "CCONJ", "VERB") for row in before)
    )
    return (first, mention.end) if common and first < mention.end else None


def _name_around(rows: Sequence[Sequence[str]], words: Sequence[str], head: int, mention: _Mention) -> tuple[int, int]:
    """The words of the name around a head: proper nouns, and what joins them."""

    def named(i: int) -> bool:
        return rows[i][3] == "PROPN" or (words[i][:1].isupper() and rows[i][3] in ("ADJ", "NOUN", "NUM", "X", "VERB"))

    first, last = head, head + 1
    while first > mention.start and (
        named(first - 1)
        or (
            first - 1 > mention.start
            and words[first - 1].lower() in _NAME_PARTS - {"the", "and", "'s", "’s"}
            and named(first - 2)
        )
    ):
        first -= 1
    while last < mention.end:
        step = next((k for k in (0, 1, 2) if last + k < mention.end and named(last + k)), None)
        if rows[last][3] == "NUM":
            step = 0
        joined = step is not None and all(words[last + k].lower() in _NAME_PARTS - {"and"} for k in range(step))
        if not joined or step is None:
            break
        last += step + 1
    return first, last


# ------------------------------------------------------------------------------------------------------ re3d

_RE3D = {"Person": PERSON, "Location": LOCATION, "Organisation": ORGANIZATION}
_CERTAIN = 0.5


def re3d(data: Path) -> list[Document]:
    """Read the six sources of re3d, with the tokenizer of tagsmith: of each mention, what of it is a name or date."""
    documents = []
    for folder in sorted(path.parent for path in (data / "english" / "re3d").glob("*/documents.json")):
        entities = defaultdict(list)
        for line in (folder / "entities.json").read_text("utf-8-sig").splitlines():
            if line.strip():
                record = json.loads(line)
                entities[record["documentId"]].append(record)
        for line in (folder / "documents.json").read_text("utf-8-sig").splitlines():
            if line.strip():
                record = json.loads(line)
                documents.append(_re3d_document(record["text"], entities[record["_id"]]))
    return documents


def _re3d_document(text: str, entities: Sequence[Mapping[str, Any]]) -> Document:
    document = []
    for tokens in tagsmith.tokenize_text(text):
        words, found = tuple(token.text for token in tokens), list[Found]()
        mentions = []
        for entity in entities:
            inside = [i for i, token in enumerate(tokens) if entity["begin"] <= token.start < entity["end"]]
            if inside:
                mentions.append((inside[0], inside[-1] + 1, str(entity["type"]), float(entity["confidence"])))
        places = {(start, end) for start, end, kind, _ in mentions if kind == "Location"}
        for mention in mentions:
            if mention[3] >= _CERTAIN:
                found += _re3d_spans(words, mention, mentions, places)
        covered = {token for start, end, _ in found for token in range(start, end)}
        found += [(i, i + 1, UNKNOWN) for i in range(1, len(words)) if i not in covered and _may_be_named(words[i])]
        document.append(Labeled(words, tagged(words, found)))
    return document


_Certain = tuple[int, int, str, float]


def _re3d_spans(
    words: Sequence[str], mention: _Certain, mentions: Sequence[_Certain], places: Collection[tuple[int, int]]
) -> list[Found]:
    start, end, kind, _ = mention
    if kind == "Temporal":
        return date_spans(words, start, end)
    if kind not in _RE3D:
        return [(i, i + 1, "O") for i in range(start, end)]
    label = LOCATION if (start, end) in places or is_country(words[start:end]) else _RE3D[kind]
    if name := _whole_name(words, start, end, kind):
        return [(*name, label), *_no_names(words, start, name[0])]
    within = [(s, e) for s, e, other, _ in mentions if other == kind and start <= s and e <= end]
    names = [name for s, e in within if (name := _whole_name(words, s, e, kind))]
    return [*((*name, label) for name in names), *_no_names(words, start, end)]


def _whole_name(words: Sequence[str], start: int, end: int, kind: str) -> tuple[int, int] | None:
    """The name that these words are, without article and titles; None: they are more than a name."""
    titles = [i for i in range(start, end - 1) if is_title(words[i : i + 1])]
    start = max([start + without_titles(words[start:end]), *(i + 1 for i in titles if kind == "Person")])
    while end > start and words[end - 1] in ("'s", "’s", "'", "’", ".", ","):
        end -= 1
    inner = words[start:end]
    if not inner or is_title(inner) or is_people(inner) or inner[0].lower() in _PRONOUNS or not inner[0][:1].isupper():
        return None
    if kind == "Person" and (len(inner) > 4 or (inner[0].isupper() and len(inner) > 1) or {"of", "for"} & set(inner)):
        return None  # UN High Commissioner for Refugees
    fits = all(
        word[:1].isupper() or word[:1].isdigit() or word.lower() in _NAME_PARTS or word.startswith("al-")
        for word in inner
    )
    return (start, end) if fits and inner[-1].lower() not in _NAME_PARTS else None


_PRONOUNS = word_list("pronouns")


def _no_names(words: Sequence[str], start: int, end: int) -> list[Found]:
    """Mark the words of a mention beside its names: titles and peoples are none, other capitalized ones unknown."""
    return [
        (
            i,
            i + 1,
            UNKNOWN if _may_be_named(words[i]) and (i > 0 or words[i].lower() not in ("the", "a", "an")) else "O",
        )
        for i in range(start, end)
    ]


def _may_be_named(word: str) -> bool:
    lower = word.lower()
    return word[:1].isupper() and lower not in _PRONOUNS and not is_title((word,)) and not is_people((word,))
