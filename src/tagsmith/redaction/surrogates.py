"""Surrogates: what could stand in a text, but does not, made of a key and the text that is replaced.

The same text gets the same surrogate with the same key, whatever stands around it. Names, places and firms come from
:mod:`~tagsmith.redaction.word_lists`, dates move by a constant (:mod:`~tagsmith.redaction.dates`), and addresses on the
net are made up. Everything else keeps its form: a letter becomes a letter, a digit a digit.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from itertools import count, islice

import regex

from tagsmith.redaction.dates import chosen_shift, date_at
from tagsmith.redaction.word_lists import DATES, FIRMS, NAMES, PLACES, STREETS, TITLES, TRADES

_KINDS = {
    "person": "PERSON PER NAME PERSON_NAME FULL_NAME FIRST_NAME LAST_NAME GIVEN_NAME FAMILY_NAME SURNAME PATIENT",
    "organization": "ORGANIZATION ORGANISATION ORG COMPANY CORPORATION EMPLOYER HOSPITAL",
    "place": "LOCATION LOC PLACE GPE CITY TOWN COUNTRY STATE REGION FAC FACILITY GEO_LOC",
    "address": "ADDRESS STREET_ADDRESS STREET",
    "date": "DATE TIME DATE_TIME DATETIME DATE_OF_BIRTH DOB BIRTHDATE BIRTHDAY",
}
_KIND_OF = {label: kind for kind, labels in _KINDS.items() for label in labels.split()}
_EMAIL = regex.compile(r"[^\s@]+@[^\s@]+")
_URL = regex.compile(
    r"(?P<scheme>(?:https?|ftp)://)?(?:[\p{L}\d-]+\.)+\p{L}{2,}(?::\d+)?(?:[/?#]\S*)?", regex.IGNORECASE
)
_WORD = regex.compile(r"[\p{L}\p{M}]+|\p{N}+")
_SHORT = 2  # letters of a word that is no name: an initial, a particle
_TRIES = 20
_LONG = 64  # characters: if a first try does not change one of so many, no other will
_MARKS = regex.compile(r"([\p{M}\p{Lm}]{30})(?=[\p{M}\p{Lm}])")
_MOST_IN_PAGE = 32

Numbers = Iterator[int]


def normalized(text: str) -> str:
    """Return what texts have in common that count as the same: upper or lower case, white space, width do not count."""
    # Sorting a run of marks takes quadratic time. A combining grapheme joiner ends it (Unicode's stream-safe text).
    text = _MARKS.sub("\\1\u034f", text)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def numbers_of(key: bytes, text: str) -> Numbers:
    """Yield numbers below 2³² without end; without the key, nothing leads from them to the text."""
    seed = hmac.digest(key, text.encode("utf-8", "surrogatepass"), sha256)
    for block in count():
        drawn = hmac.digest(seed, block.to_bytes(8, "big"), sha256)
        yield from (int.from_bytes(drawn[place : place + 4], "big") for place in range(0, len(drawn), 4))


class Surrogates:
    """Makes surrogates with one key.

    Parameters
    ----------
    key
        Whoever has it can find out which surrogate a text gets.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._shift = chosen_shift(numbers_of(key, "the shift of dates"))

    def __call__(self, label: str, original: str) -> str:
        """Return the surrogate of a text that carries a label; it is never the text itself."""
        numbers = numbers_of(self._key, f"{label}\0{normalized(original)}")
        for make in (self._maker(label, original), self._same_form):
            for _ in range(_TRIES if len(original) < _LONG else 1):
                surrogate = make(original, numbers)
                if normalized(surrogate) != normalized(original):
                    return surrogate
        return "[REDACTED]"  # nothing in the text could change

    def _maker(self, label: str, original: str) -> Callable[[str, Numbers], str]:
        if _EMAIL.fullmatch(original):
            return _email
        if _is_ip(original):
            return _ip
        if _URL.fullmatch(original):
            return _url
        if not original.isnumeric() and date_at(original, 0, self._shift, whole=True):
            return self._date
        kind = _KIND_OF.get(regex.sub(r"[\s-]+", "_", label.strip()).upper())
        has_letters = any(map(str.isalpha, original))
        if kind == "date":
            return self._date
        if kind == "place" and has_letters and not any(map(str.isnumeric, original)):
            return _place
        if kind == "organization" and has_letters:
            return _firm
        if kind == "person":
            return lambda text, numbers: self._word_by_word(text, numbers, NAMES, TITLES)
        if kind in ("address", "place"):
            return lambda text, numbers: self._word_by_word(text, numbers, PLACES, STREETS)
        return self._same_form

    def _word_by_word(self, text: str, numbers: Numbers, words: Sequence[str], kept: frozenset[str]) -> str:
        """Replace each word by one of ``words``; a word gets the same one wherever it stands."""

        def replace(match: regex.Match[str]) -> str:
            word: str = match.group()
            if word.casefold() in kept:
                return word
            if not word[0].isalpha() or len(word) <= _SHORT:
                return self._same_form(word, numbers)
            drawn = numbers_of(self._key, f"a word\0{normalized(word)}")
            candidates = (words[number % len(words)] for number in drawn)
            return _in_case_of(word, next(one for one in candidates if one.casefold() != word.casefold()))

        return str(_WORD.sub(replace, text))

    def _date(self, text: str, numbers: Numbers) -> str:
        parts, position = [], 0
        while position < len(text):
            if found := date_at(text, position, self._shift):
                part, position = found
            elif match := _WORD.match(text, position):
                part, position = match.group(), match.end()
                if part.casefold() not in DATES:
                    part = self._same_form(part, numbers)
            else:
                part, position = text[position], position + 1
            parts.append(part)
        return "".join(parts)

    def _same_form(self, text: str, numbers: Numbers) -> str:
        return "".join(choices[next(numbers) % len(choices)] if (choices := _like(one)) else one for one in text)


@lru_cache(maxsize=4096)
def _like(character: str) -> str:
    """Return the letters or digits that may replace one: of its kind and case, and of its neighborhood in Unicode."""
    kind = unicodedata.category(character)
    if kind[0] not in "LN":
        return ""
    first = ord(character) - ord(character) % _MOST_IN_PAGE
    return "".join(one for one in map(chr, range(first, first + _MOST_IN_PAGE)) if unicodedata.category(one) == kind)


def _in_case_of(old: str, new: str) -> str:
    return new.upper() if old.isupper() else new.lower() if old.islower() else new


def _place(text: str, numbers: Numbers) -> str:
    return _in_case_of(text, PLACES[next(numbers) % len(PLACES)])


def _firm(text: str, numbers: Numbers) -> str:
    firm = FIRMS[next(numbers) % len(FIRMS)]
    if len(text.split()) > 1:
        firm += f" {TRADES[next(numbers) % len(TRADES)]}"
    return _in_case_of(text, firm)


def _email(text: str, numbers: Numbers) -> str:
    given, family = (NAMES[next(numbers) % len(NAMES)].lower() for _ in range(2))
    return f"{given}.{family}{next(numbers) % 100}@example.com"


def _url(text: str, numbers: Numbers) -> str:
    match = _URL.fullmatch(text)
    return f"{match['scheme'] or ''}example.com/{next(numbers):08x}"


def _is_ip(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _ip(text: str, numbers: Numbers) -> str:
    if ":" in text:
        return "2001:db8::" + ":".join(f"{number & 0xFFFF:x}" for number in islice(numbers, 2))
    return "10." + ".".join(str(number % 256) for number in islice(numbers, 3))
