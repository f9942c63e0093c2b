"""What counts as a name or a date, where the corpora differ: word lists and the rules of the bundled guidelines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))


def word_list(name: str) -> frozenset[str]:
    """Return a list of ``words.toml``."""
    return frozenset(WORDS[name].split())


_PARTS = word_list("people_parts")


def _with_plurals(words: Sequence[str]) -> frozenset[str]:
    forms = set()
    for word in words:
        lower = word.lower()
        forms |= {lower, f"{lower}s"}
        if lower.endswith("man"):
            forms |= {f"{lower[:-3]}men", f"{lower[:-3]}woman", f"{lower[:-3]}women"}
        if lower.endswith("y"):
            forms.add(f"{lower[:-1]}ies")
    return frozenset(forms)


_PEOPLES = _with_plurals(WORDS["peoples"].split()) - word_list("places")


def is_people(words: Sequence[str]) -> bool:
    """Whether words say of which people, faith or party somebody or something is: ``French``, ``South Koreans``.

    >>> is_people(["South", "Koreans"]), is_people(["South", "Korea"]), is_people(["Sino", "-", "Indian"])
    (True, False, True)
    """
    parts = [part for word in words for part in re.split(r"(?<=\w)[-–](?=\w)", word.lower())]
    whole = "-".join(part for part in parts if part not in "-–")
    return whole in _PEOPLES or (
        bool(parts) and parts[-1] in _PEOPLES and all(part in _PARTS or part in _PEOPLES for part in parts)
    )


_COUNTRIES = frozenset(WORDS["countries"])


def is_faith(words: Sequence[str]) -> bool:
    """Whether words name a faith or a school of thought, which some corpora take for an organization."""
    last = words[-1].lower()
    return last.endswith(("ism", "ianity")) or last in ("islam", "scientology", "wicca")


def is_country(words: Sequence[str]) -> bool:
    """Whether words name a country, which is a place even where its government or team acts."""
    return " ".join(word for word in words if word.lower() != "the").lower() in _COUNTRIES


# ------------------------------------------------------------------------------------- what is beside a name

_TITLES = word_list("titles")
_ARTICLES = frozenset(("the", "a", "an"))


def is_title(words: Sequence[str]) -> bool:
    """Whether words are nothing but a title or a form of address: ``President``, ``the Foreign Secretary``.

    >>> is_title(["Secretary", "of", "State"]), is_title(["United", "States"]), is_title(["Prime", "Minister"])
    (True, False, True)
    """
    lower = [word.lower() for word in words]
    beside = _ARTICLES | {"of", "for", "state", "united", "states", "u.s.", "us", "'s", "’s", "office", "-designate"}
    return any(word in _TITLES for word in lower) and all(word in _TITLES or word in beside for word in lower)


def without_titles(words: Sequence[str]) -> int:
    """Return how many words before a person's name are articles, titles and forms of address.

    >>> without_titles(["President", "Lincoln"]), without_titles(["Queen"]), without_titles(["Ada", "Lovelace"])
    (1, 0, 0)
    """
    count = 0
    while count < len(words) - 1 and words[count].lower() in _TITLES | _ARTICLES:
        count += 1
    return count


# ------------------------------------------------------------------------------------------------------ dates

_MONTH = (
    r"(?:jan(?:uary|\.)?|feb(?:ruary|\.)?|mar(?:ch|\.)|apr(?:il|\.)?|may|june?|july?|aug(?:ust|\.)?"
    r"|sept?(?:ember|\.)?|oct(?:ober|\.)?|nov(?:ember|\.)?|dec(?:ember|\.)?)"
)
_DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:mon|tues?|wed|thurs?|fri|sat|sun)\.)"
_SEASON = "spring|summer|autumn|fall|winter"
_UNIT = rf"(?:day|week|weekend|fortnight|month|quarter|year|season|decade|century|millennium|{_SEASON})"
_UNITS = rf"(?:{_UNIT}s?|centuries|millennia)"
_YEAR = r"(?:1\d{3}|20\d{2})"
_HOLIDAY = (
    r"(?:christmas|easter|ramadan|thanksgiving|halloween|hanukkah|passover|diwali|eid|new year|independence day"
    r"|labou?r day|memorial day|veterans day|mother ?'s day|father ?'s day|valentine ?'s day|st\. patrick ?'s day)"
)
_CALENDAR = re.compile(
    rf"\b{_MONTH}(?!\w)|\b{_DAY}(?!\w)|\b{_YEAR}s?\b|['’]\d\ds?\b|\b\d0s\b|\b(?:century|centuries)\b"
    rf"|\b\d{{1,4}}\s?[./-]\s?\d{{1,2}}\s?[./-]\s?\d{{2,4}}\b|\b{_HOLIDAY}\b|\b(?:b\.?c\.?e?|a\.?d|c\.?e)\b|\b\d+s\b"
)
_DEICTIC = re.compile(
    rf"(?:today|yesterday|tomorrow|(?:the day (?:before|after) (?:yesterday|tomorrow))"
    rf"|(?:last|next|this|later this|earlier this|early next|late last) (?:{_UNIT}|{_MONTH}|{_DAY})"
    rf"|.* {_UNITS} ago)"
)
_CLOCK = re.compile(
    r"\d{1,2}[:.]\d\d|\b[ap]\.?\s?m\b|\b(?:hour|minute|second|moment|noon|midnight|morning|afternoon|evening|night|tonight"
    r"|o'clock|gmt|utc|est|edt|pst)s?\b"
)
_AMOUNT = re.compile(rf"(?:{_UNITS}|time|times|age|ages|period|periods|era|eras|season|past|future)(?: long| old)?$")
_NUMBER = r"(?:[\d,.–-]+|an?|one|two|three|four|five|six|seven|eight|nine|ten|several|few|many|some|half|couple)"
_DURATION = re.compile(rf"(?:{_NUMBER}(?: |-| - )(?:more )?)+{_UNITS}(?!.* ago)\b")
_BEFORE_DATE = word_list("before_dates")
_AFTER_DATE = word_list("after_dates")
_SEASONS = frozenset(_SEASON.split("|"))


def date_within(words: Sequence[str]) -> tuple[int, int] | None:
    """Return which words of an expression of time are a date by the guidelines; none, (0, 0); None: nobody can say.

    >>> date_within(["the", "early", "1970s"]), date_within(["two", "years"]), date_within(["Monday", "morning"])
    ((2, 3), (0, 0), (0, 1))
    """
    lower = [word.lower() for word in words]
    start, end = 0, len(words)
    while start < end and lower[start] in _BEFORE_DATE:
        start += 1
    if end - start > 1 and lower[end - 1] in _AFTER_DATE and not _DEICTIC.fullmatch(" ".join(lower[start:end])):
        end -= 1
    while end - start > 1 and lower[end - 1] in ("'s", "’s", "'", "’"):
        end -= 1
    core = " ".join(lower[start:end])
    if not core or _DURATION.match(core):
        return 0, 0
    if _DEICTIC.fullmatch(core):
        return (start, end) if end - start < 5 else None
    if _CALENDAR.search(core):
        timed = _CLOCK.search(core) or len(lower[start:end]) > 8
        return None if timed else (start, end)
    if _CLOCK.search(core) or _AMOUNT.search(core) or core in _SEASONS:
        return 0, 0
    if re.fullmatch(r"[1-9]\d{2}", core):
        return start, end
    said = any(char.isdigit() for char in core) or any(word[:1].isupper() for word in words[max(start, 1) : end])
    return None if said else (0, 0)


IS_DEICTIC = re.compile(
    rf"\b(?:today|yesterday|tomorrow|(?:last|next|this) (?:{_UNIT}|{_MONTH}|{_DAY})|{_UNITS} ago)(?!\w)"
)
