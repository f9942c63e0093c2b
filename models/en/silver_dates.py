"""Dates by rule in corpora that do not label them: sure ones are labeled, what may be part of one is unknown."""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import accumulate

from layouts import DATE, UNKNOWN, Labeled, tagged

_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_YEAR = r"(?:1[5-9]|20)\d\d"
_SURE_MONTH = (
    "january|february|april|june|july|august|september|october|november|december|jan\\.|feb\\.|apr\\.|aug\\.|sept?\\."
    "|oct\\.|nov\\.|dec\\."
)
_MONTH = rf"(?:{_SURE_MONTH}|may|march|mar\.)"
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_UNIT = r"(?:day|week|weekend|month|quarter|year|decade|century)"
_NUMBER = r"(?:an?|\d+|one|two|three|four|five|six|seven|eight|nine|ten|several|a few|a couple of)"
_SURE = re.compile(
    rf"""(?<!\S) (?:
    (?:{_WEEKDAY}\ (?:,\ )?)? (?: {_DAY}\ (?:of\ )?{_MONTH} (?:\ (?:,\ )?{_YEAR})?
                                | {_MONTH}\ {_DAY} (?:\ (?:,\ )?{_YEAR})? )
    | {_MONTH}\ (?:,\ )?{_YEAR}
    | (?:last|next|this)\ (?:week|weekend|month|year|{_WEEKDAY}|{_SURE_MONTH}|spring|summer|autumn|winter)
    | {_NUMBER}\ {_UNIT}s?\ ago
    | today | yesterday | tomorrow | {_WEEKDAY}s? | {_SURE_MONTH} | (?:1[5-9]|20)\d0s | {_DAY}\ century
    | (?<=\ in\ ){_YEAR} | (?<=\ since\ ){_YEAR} | (?<=\ until\ ){_YEAR} | (?<=\ of\ ){_YEAR}
    ) (?!\S)""",
    re.VERBOSE,
)
_PERHAPS = re.compile(
    r"\d{1,4}(?:st|nd|rd|th|s)?|\d+[-–/.]\d+(?:[-–/.]\d+)?|may|mar|march|jan|feb|apr|jun|jul|aug|sept?|oct|nov|dec|mon"
    rf"|tues?|wed|thurs?|fri|sat|sun|{_UNIT}s?|centuries|ago|last|next|this|spring|summer|autumn|fall|winter|eve|christmas"
    r"|xmas|easter|halloween|thanksgiving|ramadan|eid|diwali|passover|hanukkah|bc|ad|bce|ce|mid-.*"
)


def with_dates(sentence: Labeled) -> Labeled:
    """Return a sentence with sure dates where nothing is labeled, and ``?`` at other words of a date.

    >>> with_dates(Labeled(("We", "met", "last", "Monday", "in", "May"), ("O",) * 6)).ner
    ('O', 'O', 'B-DATE', 'I-DATE', 'O', '?')
    """
    ner = sentence.ner
    if ner is None:
        return sentence
    firsts = [0, *accumulate(len(word) + 1 for word in sentence.words)]
    text = " ".join(sentence.words).lower()
    if len(text) + 1 != firsts[-1]:  # a letter that is two in lower case
        return sentence
    spans = []
    for match in _SURE.finditer(text):
        start, end = bisect_left(firsts, match.start()), bisect_left(firsts, match.end())
        if set(ner[start:end]) == {"O"} and {"may", "march"}.isdisjoint(sentence.words[start:end]):
            spans.append((start, end, DATE))
    dates = tagged(sentence.words, spans)
    perhaps = [
        new != "O" or bool(_PERHAPS.fullmatch(word.lower())) for word, new in zip(sentence.words, dates, strict=True)
    ]
    perhaps = [  # a comma between two of them
        one or (0 < i < len(perhaps) - 1 and perhaps[i - 1] and perhaps[i + 1] and sentence.words[i] in ",-–/")
        for i, one in enumerate(perhaps)
    ]
    tags = [
        old if old != "O" else new if new != "O" else UNKNOWN if may_be else "O"
        for old, new, may_be in zip(ner, dates, perhaps, strict=True)
    ]
    return Labeled(sentence.words, tuple(tags), sentence.upos)
