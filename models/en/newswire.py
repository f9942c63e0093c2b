"""Sentences as newspapers write them and the corpora hardly have: datelines, results, tables, headlines, ranks.

They are made of the patterns of ``newswire.toml``, with names that the training sentences of the corpora hold. A name
that stands in a held-out part alone is never among them.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path

from layouts import DATE, LOCATION, ORGANIZATION, PERSON, Labeled
from names import is_country, word_list

GROUPS = ("datelines", "results", "headlines", "text")  # of patterns; the others are lists of words
_LABELS = {
    **dict.fromkeys(("person", "last"), PERSON),
    **dict.fromkeys(("city", "country"), LOCATION),
    **dict.fromkeys(("org", "club", "town", "agency"), ORGANIZATION),
    **dict.fromkeys(("date", "day", "month", "year", "isodate"), DATE),
}
_PERSON_PART = re.compile(r"[^\W\d_]\.|[^\W\d_][^\W\d_]+(?:[-'’][^\W\d_]+)*")
_JOINING = frozenset(["al", "bin", "da", "de", "del", "der", "di", "du", "el", "ibn", "la", "van", "von"])
_BEFORE_CITIES = frozenset(["in", "from", "near", "to", "at", "of"])
_NO_CITY = re.compile(
    r"Air|Avenue|Basin|Bay|Beach|Bridge|Building|Canal|Castle|Cathedral|Center|Centre|Church|Coast|County|Court|Creek|Desert"
    r"|District|East|Empire|Field|Forest|Hall|Highway|Hill|Hospital|House|Interstate|Islands?|Kingdom|Lake|Line|Mount"
    r"|Mountains?|North|Ocean|Palace|Park|Peninsula|Plain|Province|Railway|Region|Republic|River|Road|Route|School|Sea"
    r"|South|Square|Stadium|State|States|Station|Street|Territory|Theat\w+|Town|Tower|Union|University|Valley|West"
)
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_SHORT_MONTHS = ["Jan.", "Feb.", "March", "April", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec."]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def newswire(sentences: Iterable[Labeled], number: int, seed: int = 1) -> list[Labeled]:
    """Make ``number`` sentences with names drawn from the given ones; the same ones for the same seed."""
    draw = random.Random(seed)
    fillers = _fillers(draw, list(sentences))
    chosen = [line for group in GROUPS for line in patterns()[group]]
    return [_filled(draw.choice(chosen), fillers) for _ in range(number)]


@cache
def patterns() -> dict[str, list[str]]:
    """Return the patterns and the word lists of ``newswire.toml`` by group."""
    groups = tomllib.loads(Path(__file__).with_name("newswire.toml").read_text("utf-8"))
    lists = {
        name: [one for line in text.strip().split("\n") for one in line.split("|")] for name, text in groups.items()
    }
    return {**lists, "text": groups["text"].strip().split("\n")}


def _fillers(draw: random.Random, sentences: list[Labeled]) -> dict[str, Callable[[], str]]:
    """What each slot may hold: a function that draws one."""
    persons, cities, countries, bodies = _names(sentences)
    lists = patterns()
    peoples = sorted(people for people in word_list("peoples") if len(people) > 3)

    def date() -> str:
        day, month, year = draw.randint(1, 31), draw.randrange(12), draw.randint(1960, 2030)
        name, short = _MONTHS[month], _SHORT_MONTHS[month]
        forms = (f"{day} {name} {year}", f"{name} {day} , {year}", f"{short} {day}", f"{name} {day}", f"{day} {name}")
        return draw.choice((*forms, draw.choice(_DAYS)))

    def small() -> str:
        return str(draw.randint(0, draw.choice((5, 9, 30, 90, 600))))

    return {
        "person": lambda: draw.choice(persons),
        "last": lambda: draw.choice(persons).split()[-1],
        "city": lambda: draw.choice(cities),
        "country": lambda: draw.choice(countries),
        "org": lambda: draw.choice(bodies),
        "club": lambda: draw.choice(lists["clubs"]),
        "town": lambda: draw.choice(lists["towns"]),
        "agency": lambda: draw.choice(lists["agencies"]),
        "rank": lambda: draw.choice(lists["ranks"]),
        "sport": lambda: draw.choice(lists["sports"]),
        "people": lambda: draw.choice(peoples),
        "date": date,
        "day": lambda: draw.choice(_DAYS),
        "month": lambda: draw.choice(_MONTHS),
        "year": lambda: str(draw.randint(1950, 2030)),
        "isodate": lambda: f"{draw.randint(1985, 2030)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
        "n": small,
        "score": lambda: f"{draw.randint(0, 9)}-{draw.randint(0, 7)}",
        "time": lambda: f"{draw.randint(1, 59)}{draw.choice(':.')}{draw.randint(0, 59):02}",
    }


def _names(sentences: Iterable[Labeled]) -> tuple[list[str], list[str], list[str], list[str]]:
    persons, cities, countries, bodies = set[str](), set[str](), set[str](), set[str]()
    for sentence in sentences:
        for start, end, label in _spans(sentence):
            words = sentence.words[start:end]
            name = " ".join(words)
            if not words[0][:1].isupper() or (name.isupper() and len(name) > 3):
                continue
            if label == PERSON and 2 <= len(words) <= 4 and _is_full_name(words):
                persons.add(name)
            elif label == LOCATION and is_country(words):
                countries.add(name)
            elif label == LOCATION and start and sentence.words[start - 1] in _BEFORE_CITIES:
                if len(words) <= 2 and not _NO_CITY.search(name) and all(map(_PERSON_PART.fullmatch, words)):
                    cities.add(name)
            elif label == ORGANIZATION and 2 <= len(words) <= 5:
                bodies.add(name)
    return sorted(persons), sorted(cities), sorted(countries), sorted(bodies)


def _is_full_name(words: Collection[str]) -> bool:
    *_, last = words
    parts = all(_PERSON_PART.fullmatch(word) and (word[0].isupper() or word in _JOINING) for word in words)
    return parts and len(last) > 2 and last[0].isupper()


def _spans(sentence: Labeled) -> list[tuple[int, int, str]]:
    spans = list[tuple[int, int, str]]()
    for place, tag in enumerate(sentence.ner or ()):
        if tag.startswith("B-"):
            spans.append((place, place + 1, tag[2:]))
        elif tag.startswith("I-") and spans:
            spans[-1] = (spans[-1][0], place + 1, tag[2:])
    return spans


def _filled(pattern: str, fillers: dict[str, Callable[[], str]]) -> Labeled:
    words, tags = list[str](), list[str]()
    for piece in pattern.split():
        slot = re.fullmatch(r"\{(\w+)\}", piece)
        if slot and (label := _LABELS.get(slot[1].lower())):
            name = fillers[slot[1].lower()]()
            name = name.upper() if slot[1].isupper() else name
            words += name.split()
            tags += [f"{'I' if i else 'B'}-{label}" for i in range(len(name.split()))]
        else:
            plain = re.sub(r"\{(\w+)\}", lambda found: fillers[found[1]](), piece)
            words += plain.split()
            tags += ["O"] * len(plain.split())
    return Labeled(tuple(words), tuple(tags))
