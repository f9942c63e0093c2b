"""Readers of the corpora: each gives documents of sentences with tags of the four labels, ``O`` and ``?`` (unknown)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from names import is_country, is_people, without_titles, word_list

UNKNOWN = "?"
PERSON, LOCATION, ORGANIZATION, DATE = "PERSON", "LOCATION", "ORGANIZATION", "DATE"
_QUOTES = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}


@dataclass(frozen=True, slots=True)
class Labeled:
    """The words of a sentence, and a tag for each in the layers that its corpus has: IOB2 or ``?``; universal."""

    words: tuple[str, ...]
    ner: tuple[str, ...] | None
    upos: tuple[str, ...] | None = None


Document = list[Labeled]
Found = tuple[int, int, str]
"""A span as its corpus has it: first word, end (exclusive), label."""


def tagged(words: Sequence[str], spans: Iterable[Found]) -> tuple[str, ...]:
    """Return the IOB2 tags of spans; longer ones win. The label ``?`` makes their words unknown, ``O`` says none."""
    tags: list[str | None] = [None] * len(words)
    for start, end, label in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if start < end and tags[start:end] == [None] * (end - start):
            known = label not in (UNKNOWN, "O")
            tags[start:end] = [f"{'B' if i == start else 'I'}-{label}" if known else label for i in range(start, end)]
    return tuple(tag or "O" for tag in tags)


def without_article(words: Sequence[str], span: Found) -> Found:
    """Return a span without ``the`` before it, unless that is the name's: ``The Hague``, ``The`` within a sentence."""
    start, end, label = span
    article = end - start > 1 and (words[start] in ("the", "THE") or (words[start] == "The" and start == 0))
    return (start + 1, end, label) if article and words[start + 1] != "Hague" else span


# -------------------------------------------------------------------------------------------- files in columns


def column_sentences(path: Path, word: int = 0, tag: int = -1) -> Iterator[tuple[list[str], list[Found]]]:
    """Yield the words and spans of each sentence of a file with a token on each line, in any IOB scheme."""
    words, tags = list[str](), list[str]()
    for line in [*path.read_text("utf-8-sig").split("\n"), ""]:
        fields = line.strip("\r").split("\t") if "\t" in line else line.split()
        if line.startswith("# ") and "\t" not in line and "=" in line:
            continue
        if not line.strip():
            if words and words != ["-DOCSTART-"]:
                yield words, _spans(tags)
            words, tags = [], []
        elif fields[word].strip():
            words.append(_QUOTES.get(fields[word], fields[word].strip()))
            tags.append(fields[tag].strip())


def _spans(tags: Sequence[str]) -> list[Found]:
    spans = list[Found]()
    for index, tag in enumerate(tags):
        letter, _, label = tag.partition("-")
        if letter == "I" and spans and spans[-1][1] == index and spans[-1][2] == label:
            spans[-1] = (spans[-1][0], index + 1, label)
        elif letter in ("B", "I"):
            spans.append((index, index + 1, label))
    return spans


Mapper = Callable[[Sequence[str], Found], Iterable[Found]]


def columns(paths: Sequence[Path], mapper: Mapper, word: int = 0, tag: int = -1, block: int = 20) -> list[Document]:
    """Read files in columns; without documents, blocks of sentences stand for them."""
    sentences = [
        Labeled(tuple(words), tagged(words, (new for span in spans for new in mapper(words, span))))
        for path in paths
        for words, spans in column_sentences(path, word, tag)
    ]
    return [sentences[first : first + block] for first in range(0, len(sentences), block)]


def renamed(labels: Mapping[str, str]) -> Mapper:
    """Make a mapper that renames labels; peoples are no places, and articles no part of a name."""

    def mapper(words: Sequence[str], span: Found) -> list[Found]:
        start, end, old = span
        label = labels[old]
        if label == LOCATION and is_people(words[start:end]):
            label = "O"
        if label == ORGANIZATION and is_country(words[start:end]):
            label = LOCATION
        if label == PERSON:
            start += without_titles(words[start:end])
        new = (start, end, label)
        return [without_article(words, new) if label in (LOCATION, ORGANIZATION) else new]

    return mapper


_USUAL = {"PER": PERSON, "LOC": LOCATION, "ORG": ORGANIZATION, "MISC": "O"}


def wikigold(data: Path) -> list[Document]:
    """Read wikigold: each sentence is a document of its own, which the benchmarks' split counts."""
    return columns([data / "wikigold" / "wikigold.conll.txt"], renamed(_USUAL), block=1)


def sample(part: str) -> list[Document]:
    """Read a part of the corpus that comes with tagsmith, whose guidelines are followed here."""
    labels = (PERSON, LOCATION, ORGANIZATION, DATE)
    with resources.as_file(resources.files("tagsmith.sample")) as folder:
        return columns([folder / f"{part}.conll"], renamed(dict(zip(labels, labels, strict=True))))


def wnut17(data: Path, name: str) -> list[Document]:
    """Read a part of WNUT 17; user names are unknown."""
    labels = {"person": PERSON, "location": LOCATION, "corporation": ORGANIZATION, "group": ORGANIZATION}
    usual = renamed({**labels, "creative-work": "O", "product": "O"})
    return columns([data / "wnut17" / name], _unless_user(usual))


def tweebank(data: Path, part: str) -> list[Document]:
    """Read a part of Tweebank-NER."""
    return columns([data / "english" / "tweebank" / f"{part}.bio"], renamed(_USUAL))


def _unless_user(mapper: Mapper) -> Mapper:
    def wrapped(words: Sequence[str], span: Found) -> Iterable[Found]:
        is_user = any(word.startswith(("@", "#")) for word in words[span[0] : span[1]])
        return [(span[0], span[1], UNKNOWN)] if is_user else mapper(words, span)

    return wrapped


def btc(data: Path) -> list[Document]:
    """Read the Broad Twitter Corpus: ``@`` and ``#`` are joined with their names again; these are unknown."""
    mapper = _unless_user(renamed(_USUAL))
    sentences = list[Labeled]()
    for path in sorted((data / "english" / "btc").glob("*.conll")):
        for words, spans in column_sentences(path):
            joined, place = list[str](), list[int]()
            for word in words:
                if joined and joined[-1] in ("@", "#") and re.match(r"\w", word):
                    joined[-1] += word
                else:
                    joined.append(word)
                place.append(len(joined) - 1)
            moved = [(place[start], place[end - 1] + 1, label) for start, end, label in spans]
            names = [(i, i + 1, UNKNOWN) for i, word in enumerate(joined) if re.match(r"[@#]\w", word)]
            tags = tagged(joined, [*(new for span in moved for new in mapper(joined, span)), *names])
            sentences.append(Labeled(tuple(joined), tags))
    return [sentences[first : first + 20] for first in range(0, len(sentences), 20)]


_INSTITUTION = re.compile(r"Universit|College|School|Hospital|Museum|Institut|Academy|Library|Theatre|Theater|Hotel")


def crossner(data: Path) -> list[Document]:
    """Read CrossNER's politics, all parts; institutions that are places there, and names in elections, are unknown."""
    labels = {"person": PERSON, "politician": PERSON, "country": LOCATION, "location": LOCATION}
    labels |= {"organisation": ORGANIZATION, "politicalparty": ORGANIZATION, "event": "O", "election": "O", "misc": "O"}
    usual = renamed(labels)

    def mapper(words: Sequence[str], span: Found) -> Iterable[Found]:
        start, end, label = span
        institution = label == "location" and _INSTITUTION.search(" ".join(words[start:end]))
        if label == "election":  # 1987 United Kingdom general election
            return [(i, i + 1, UNKNOWN if words[i][:1].isupper() else "O") for i in range(start, end)]
        return [(start, end, UNKNOWN)] if institution else usual(words, span)

    folder = data / "english" / "crossner"
    return columns([folder / f"politics_{part}.txt" for part in ("train", "dev", "test")], mapper)


def multiner(data: Path) -> list[Document]:
    """Read the Sri Lankan documents; what is capitalized and MISC (titles, places, acts) is unknown."""
    usual = renamed(_USUAL)

    def mapper(words: Sequence[str], span: Found) -> Iterable[Found]:
        start, end, label = span
        if label == "MISC" and any(word[:1].isupper() for word in words[start:end]):
            return [(start, end, UNKNOWN)]
        return usual(words, span)

    return columns([data / "english" / "multiner" / "Final_English.txt"], mapper)


_ROLES = word_list("roles")


def sec_filings(data: Path, name: str) -> list[Document]:
    """Read loan agreements; the roles of the parties, labeled as persons and organizations, are unknown."""
    usual = renamed(_USUAL)

    def mapper(words: Sequence[str], span: Found) -> Iterable[Found]:
        start, end, _ = span
        is_role = all(word.lower() in _ROLES for word in words[start:end])
        return [(start, end, UNKNOWN)] if is_role else usual(words, span)

    return columns([data / "sec_filings" / name], mapper)


_FEWNERD = {"person": PERSON, "location": LOCATION, "building": LOCATION, "organization": ORGANIZATION}
_FEWNERD_UNKNOWN = [
    "building_hospital",
    "building_hotel",
    "building_restaurant",
    "other_astronomything",
    "other_god",
    "art_writtenart",
    "event_election",
    "product_car",
    "product_weapon",
]
_WITHIN = frozenset(
    ["of", "the", "de", "and", "for", "la", "in", "&", "'s", "-", "/", ".", "on", "at", "van", "von", "del", "da"]
)


def fewnerd(data: Path) -> list[Document]:
    """Read Few-NERD. Each of its files leaves out many types, so that a capitalized ``O`` may be anything."""
    paths = [data / "fewnerd" / name for name in ("dev.txt", "test.txt", "big_test.txt")]
    sentences = [_fewnerd_sentence(words, spans) for path in paths for words, spans in column_sentences(path)]
    return [sentences[first : first + 20] for first in range(0, len(sentences), 20)]


def _fewnerd_sentence(words: Sequence[str], spans: Sequence[Found]) -> Labeled:
    found = list[Found]()
    for start, end, label in spans:
        mapped = UNKNOWN if label in _FEWNERD_UNKNOWN else _FEWNERD.get(label.split("_")[0], "O")
        if mapped == ORGANIZATION and is_people(words[start:end]):  # the Democrats
            mapped = UNKNOWN
        if mapped == UNKNOWN:  # the capitals of a sedan of [Ford]
            found += [(i, i + 1, UNKNOWN if _is_capitalized(words[i]) else "O") for i in range(start, end)]
        else:
            found += renamed({label: mapped})(words, (start, end, label))
    labeled = {token for start, end, _ in spans for token in range(start, end)}
    names = [i not in labeled and _is_capitalized(word) for i, word in enumerate(words)]
    for i in range(1, len(words) - 1):  # Bay of Biscay
        within = words[i] in _WITHIN and i not in labeled
        names[i] = names[i] or (within and names[i - 1] and _name_follows(names, words, i))
    found += [(i, i + 1, UNKNOWN) for i, is_unknown in enumerate(names) if is_unknown]
    return Labeled(tuple(words), tagged(words, found))


def _is_capitalized(word: str) -> bool:
    return not word.islower() and any(map(str.isalpha, word))


def _name_follows(names: Sequence[bool], words: Sequence[str], index: int) -> bool:
    following = index + 1
    while following < len(words) - 1 and words[following] in _WITHIN:
        following += 1
    return names[following]


# ------------------------------------------------------------------------------------- universal dependencies


def conllu_documents(path: Path) -> Iterator[list[tuple[str, list[list[str]]]]]:
    """Yield the sentences of each document: their ``sent_id``, and the fields of their words."""
    document, sentence, name = list[tuple[str, list[list[str]]]](), list[list[str]](), ""
    for line in [*path.read_text("utf-8").split("\n"), ""]:
        if line.startswith("# newdoc") and document:
            yield document
            document = []
        if line.startswith("# sent_id = "):
            name = line.removeprefix("# sent_id = ")
        elif line and not line.startswith("#"):
            fields = line.split("\t")
            if fields[0].isdigit():  # no ranges such as 1-2, no empty nodes such as 1.1
                sentence.append(fields)
        elif not line and sentence:
            document.append((name, sentence))
            sentence = []
    yield document


def uner_ewt(data: Path, part: str) -> list[Document]:
    """Read a part of UNER EWT joined with the parts of speech of UD EWT; ``OTH`` and stray tags are unknown."""
    names = dict[str, tuple[list[str], list[Found]]]()
    for block in (data / "english" / "uner_ewt" / f"en_ewt-ud-{part}.iob2").read_text("utf-8").split("\n\n"):
        lines = block.strip("\n").split("\n")
        rows = [line.split("\t") for line in lines if line and not line.startswith("# ")]
        sent_id = next((line[12:] for line in lines if line.startswith("# sent_id = ")), "")
        names[sent_id] = ([row[1] for row in rows], _spans([row[2] for row in rows]))
    usual = renamed({**_USUAL, "OTH": UNKNOWN, "O": UNKNOWN})

    def mapper(words: Sequence[str], span: Found) -> Iterable[Found]:
        start, end, label = span
        nothing = (label == "OTH" and is_people(words[start:end])) or not any(
            map(str.isalnum, "".join(words[start:end]))
        )
        return [(start, end, "O")] if nothing else usual(words, span)

    documents = []
    for sentences in conllu_documents(data / "ud_english_ewt" / f"en_ewt-ud-{part}.conllu"):
        document = []
        for sent_id, rows in sentences:
            words, upos = tuple(row[1] for row in rows), tuple(row[3] for row in rows)
            named, spans = names.get(sent_id, ([], []))
            ner = tagged(words, (new for span in spans for new in mapper(words, span)))
            document.append(Labeled(words, ner if tuple(named) == words else (UNKNOWN,) * len(words), upos))
        documents.append(document)
    return documents
