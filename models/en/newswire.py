"""Sentences as newspapers write them and the corpora hardly have: datelines, results, tables, headlines, ranks.

They are made of the patterns of ``newswire.toml``, with names that the training sentences of the corpora hold. A name
that stands in a held-out part alone is never among them.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from layouts import DATE, LOCATION, ORGANIZATION, PERSON, Labeled
from names import word_list
from other_names import Names

GROUPS = ("datelines", "results", "headlines", "text")  # of patterns; the others are lists of words
_LABELS = {
    **dict.fromkeys(("person", "last"), PERSON),
    **dict.fromkeys(("city", "country"), LOCATION),
    **dict.fromkeys(("org", "club", "town", "agency"), ORGANIZATION),
    **dict.fromkeys(("date", "day", "month", "year", "isodate"), DATE),
}


def newswire(names: Names, number: int, seed: int = 1) -> list[Labeled]:
    """Make ``number`` sentences with names drawn from the given ones; the same ones for the same seed."""
    draw = random.Random(seed)
    fillers = _fillers(draw, names)
    lines = [line for group in GROUPS for line in patterns()[group]]
    return [_filled(draw.choice(lines), fillers) for _ in range(number)]


@cache
def patterns() -> dict[str, list[str]]:
    """Return the patterns and the word lists of ``newswire.toml`` by group."""
    groups = tomllib.loads(Path(__file__).with_name("newswire.toml").read_text("utf-8"))
    lines = {name: text.strip().split("\n") for name, text in groups.items()}
    return {name: each if name in GROUPS else "|".join(each).split("|") for name, each in lines.items()}


def _fillers(draw: random.Random, names: Names) -> dict[str, Callable[[], str]]:
    """What each slot may hold: a function that draws one."""
    lists = patterns()
    peoples = sorted(people for people in word_list("peoples") if len(people) > 3)

    def date() -> str:
        day, month, year = draw.randint(1, 31), draw.randrange(12), draw.randint(1960, 2030)
        name, short = lists["months"][month], lists["short_months"][month]
        forms = (f"{day} {name} {year}", f"{name} {day} , {year}", f"{short} {day}", f"{name} {day}", f"{day} {name}")
        return draw.choice((*forms, draw.choice(lists["days"])))

    def small() -> str:
        return str(draw.randint(0, draw.choice((5, 9, 30, 90, 600))))

    return {
        "person": lambda: draw.choice(names.persons),
        "last": lambda: draw.choice(names.persons).split()[-1],
        "city": lambda: draw.choice(names.cities),
        "country": lambda: draw.choice(names.countries),
        "org": lambda: draw.choice(names.organizations),
        "club": lambda: draw.choice(lists["clubs"]),
        "town": lambda: draw.choice(lists["towns"]),
        "agency": lambda: draw.choice(lists["agencies"]),
        "rank": lambda: draw.choice(lists["ranks"]),
        "sport": lambda: draw.choice(lists["sports"]),
        "people": lambda: draw.choice(peoples),
        "date": date,
        "day": lambda: draw.choice(lists["days"]),
        "month": lambda: draw.choice(lists["months"]),
        "year": lambda: str(draw.randint(1950, 2030)),
        "isodate": lambda: f"{draw.randint(1985, 2030)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
        "n": small,
        "score": lambda: f"{draw.randint(0, 9)}-{draw.randint(0, 7)}",
        "time": lambda: f"{draw.randint(1, 59)}{draw.choice(':.')}{draw.randint(0, 59):02}",
    }


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
