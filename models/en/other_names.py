"""Copies of sentences with other names in them, so that what stands around a name counts, and more than few names do.

The names come from the training sentences themselves (Dai and Adel 2020, *An analysis of simple data augmentation for
named entity recognition*, call it mention replacement).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from layouts import LOCATION, ORGANIZATION, PERSON, Labeled
from names import is_country

_PERSON_PART = re.compile(r"[^\W\d_]\.|[^\W\d_][^\W\d_]+(?:[-'’][^\W\d_]+)*")
_JOINING = frozenset(["al", "bin", "da", "de", "del", "der", "di", "du", "el", "ibn", "la", "van", "von"])
_BEFORE_CITIES = frozenset(["in", "from", "near", "to", "at", "of"])
_NO_CITY = re.compile(
    r"Air|Avenue|Basin|Bay|Beach|Bridge|Building|Canal|Castle|Cathedral|Center|Centre|Church|Coast|County|Court|Creek|Desert"
    r"|District|East|Empire|Field|Forest|Hall|Highway|Hill|Hospital|House|Interstate|Islands?|Kingdom|Lake|Line|Mount"
    r"|Mountains?|North|Ocean|Palace|Park|Peninsula|Plain|Province|Railway|Region|Republic|River|Road|Route|School|Sea"
    r"|South|Square|Stadium|State|States|Station|Street|Territory|Theat\w+|Town|Tower|Union|University|Valley|West"
)
LONGEST = {PERSON: 3, LOCATION: 2}  # words of a name that is replaced


class Names(NamedTuple):
    """Names, their words joined by spaces, each list in the order of the alphabet."""

    persons: tuple[str, ...]
    cities: tuple[str, ...]
    countries: tuple[str, ...]
    organizations: tuple[str, ...]


def names_of(sentences: Iterable[Labeled]) -> Names:
    """Collect the names that sentences label: whole names of persons, cities, countries, organizations."""
    persons, cities, countries, organizations = set[str](), set[str](), set[str](), set[str]()
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
                organizations.add(name)
    return Names(*(tuple(sorted(each)) for each in (persons, cities, countries, organizations)))


def _is_full_name(words: Sequence[str]) -> bool:
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


def with_other_names(sentences: Sequence[Labeled], names: Names, percent: int, seed: int = 1) -> list[Labeled]:
    """Return copies of a part of the sentences that hold names, with other names of the same kind.

    Countries, dates and what is unknown stay. A word for a person becomes a family name, or else the first of a name.
    The copies have no parts of speech.
    """
    draw = random.Random(seed)
    return [
        _with_other_names(sentence, spans, names, draw)
        for sentence in sentences
        if (spans := _spans(sentence)) and draw.randrange(100) < percent
    ]


def _with_other_names(
    sentence: Labeled, spans: Sequence[tuple[int, int, str]], names: Names, draw: random.Random
) -> Labeled:
    pools: Mapping[str, Sequence[str]] = {
        PERSON: names.persons,
        LOCATION: names.cities,
        ORGANIZATION: names.organizations,
    }
    words, tags, done = list[str](), list[str](), 0
    for start, end, label in spans:
        old, tagged = sentence.words[start:end], sentence.ner or ()
        words += sentence.words[done:start]
        tags += tagged[done:start]
        if pools.get(label) and end - start <= LONGEST.get(label, end) and not is_country(old):
            new = draw.choice(pools[label]).split()
            if label == PERSON and len(old) == 1:
                new = new[-1:] if draw.random() < 0.7 else new[:1]
            words += [_cased_as(old, word) for word in new]
            tags += [f"{'I' if i else 'B'}-{label}" for i in range(len(new))]
        else:
            words += old
            tags += tagged[start:end]
        done = end
    return Labeled((*words, *sentence.words[done:]), (*tags, *(sentence.ner or ())[done:]))


def _cased_as(old: Sequence[str], word: str) -> str:
    text = "".join(old)
    if text.isupper() and len(text) > 3:
        return word.upper()
    return word.lower() if text.islower() else word
