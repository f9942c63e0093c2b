"""Dates and times moved by an amount that a key decides, in the format in which they were written.

English only. What is not understood is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import regex

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
YEAR_OF_DAYS = 2001  # stands for the year where a date has none
_LETTERS_OF_SHORT_NAMES = 3

_MONTH = "(?P<month>" + "|".join(f"{name}|{name[:3]}" for name in MONTHS) + r"|Sept)\b"
_ORDINAL = r"(?P<day>\d{1,2})(?P<suffix>st|nd|rd|th)?"
_YEAR = r"(?P<year>1[5-9]\d\d|20\d\d)(?!\d)"
# In the order in which they are tried.
_FORMS = tuple(
    (name, regex.compile(pattern, regex.IGNORECASE))
    for name, pattern in {
        "date": r"(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})(?!\d)",
        "short": r"(?P<one>\d{1,2})(?P<sign>[-/.])(?P<two>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})(?!\d)",
        "day_month": rf"{_ORDINAL}(?:\s+of)?\s+{_MONTH}(?:\.?,?\s+{_YEAR})?",
        "month_day": rf"{_MONTH}\.?\s+{_ORDINAL}(?!\d)(?:,?\s+{_YEAR})?",
        "month_year": rf"{_MONTH}\.?,?\s+{_YEAR}",
        "month_alone": _MONTH,
        "weekday": r"(?P<weekday>" + "|".join(f"{name}|{name[:3]}" for name in WEEKDAYS) + r"|Tues|Thurs|Thur)\b",
        "clock": r"(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?!\d)(?:\s?(?P<half>[ap]\.?m))?",
        "hour": r"(?P<hour>\d{1,2})\s?(?P<half>[ap]\.?m)",
        "year_alone": _YEAR,
    }.items()
)


@dataclass(frozen=True, slots=True)
class Shift:
    """How far dates move back, in days, and clocks forward, in minutes."""

    days: int
    minutes: int

    @property
    def months(self) -> int:
        """The days in months, rounded."""
        return round(self.days / 30.4375)


def chosen_shift(numbers: Iterator[int]) -> Shift:
    """Choose 366 to 3,650 days and 1 to 11 hours; no weekday, month, year or hour stays what it was."""
    while True:
        shift = Shift(366 + next(numbers) % 3285, 60 + next(numbers) % 660)
        if shift.days % 7 and shift.months % 12 and shift.minutes % 60:
            return shift


def date_at(text: str, position: int, shift: Shift, *, whole: bool = False) -> tuple[str, int] | None:
    """Return the date or time that begins at a position, moved, and where it ends; None: there is none.

    With ``whole``, only one that goes to the end of the text counts.

    Ambiguous numbers are read with the month first, unless there are periods between them.
    """
    for name, pattern in _FORMS:
        if (match := (pattern.fullmatch if whole else pattern.match)(text, position)) is None:
            continue
        fields = match.groupdict()
        try:
            moved = _moved(name, fields, shift)
        except (ValueError, OverflowError):  # no such day
            continue
        written = text[position : match.end()]
        return _replaced(written, {match.span(field): text for field, text in moved.items()}, position), match.end()
    return None


def _replaced(written: str, fields: dict[tuple[int, int], str], position: int) -> str:
    for (start, end), new in sorted(fields.items(), reverse=True):
        written = written[: start - position] + new + written[end - position :]
    return written


def _moved(name: str, fields: dict[str, str], shift: Shift) -> dict[str, str]:
    """Return the new text of each field."""
    if name == "weekday":
        place = [day[:3].lower() for day in WEEKDAYS].index(fields["weekday"][:3].lower())
        return {"weekday": _like(fields["weekday"], WEEKDAYS[(place - shift.days) % 7])}
    if name in ("clock", "hour"):
        return _clock(fields, shift)
    if name == "short":
        return _short(fields, shift)
    year, month, day, suffix = (fields.get(field) for field in ("year", "month", "day", "suffix"))
    new = _date(year, _month_number(month) if month else 7, day, shift)
    moved = {"year": f"{new.year:04}"} if year else {}
    if month:
        moved["month"] = _padded(new.month, month) if month.isdigit() else _like(month, MONTHS[new.month - 1])
    if day:
        moved["day"] = _padded(new.day, day if day[0] == "0" or name == "date" else "")
    if suffix:
        moved["suffix"] = _like(suffix, _suffix(new.day))
    return moved


def _date(year: str | None, month: int, day: str | None, shift: Shift) -> date:
    """Move a date; without a day, it moves by whole months."""
    number = int(year) if year else YEAR_OF_DAYS
    if day:
        return date(number, month, int(day)) - timedelta(shift.days)
    years, months = divmod(number * 12 + month - 1 - shift.months, 12)
    return date(years, months + 1, 1)


def _month_number(month: str) -> int:
    return int(month) if month.isdigit() else [name[:3].lower() for name in MONTHS].index(month[:3].lower()) + 1


def _short(fields: dict[str, str], shift: Shift) -> dict[str, str]:
    """Move ``7/4/2025``, ``04.07.25``."""
    one, two, year = fields["one"], fields["two"], fields["year"]
    day_first = int(one) > 12 or (fields["sign"] == "." and int(two) <= 12)
    day, month = (one, two) if day_first else (two, one)
    century = "" if len(year) == 4 else "20" if int(year) < 69 else "19"
    new = _date(century + year, int(month), day, shift)
    days, months = _padded(new.day, day), _padded(new.month, month)
    first, second = (days, months) if day_first else (months, days)
    return {"one": first, "two": second, "year": f"{new.year:04}"[-len(year) :]}


def _clock(fields: dict[str, str], shift: Shift) -> dict[str, str]:
    """Move ``11:34``, ``3:05 pm``, ``3pm`` forward; the half of the day stays."""
    hour, minute, half = int(fields["hour"]), fields.get("minute"), fields.get("half")
    if hour > (12 if half else 23):
        raise ValueError("no such hour")
    hours, minutes = divmod(hour * 60 + int(minute or 0) + shift.minutes - (0 if minute else shift.minutes % 60), 60)
    new = {"hour": _padded((hours - 1) % 12 + 1 if half else hours % 24, fields["hour"])}
    if minute:
        new["minute"] = f"{minutes:02}"
    if second := fields.get("second"):
        new["second"] = f"{(int(second) + shift.minutes) % 60:02}"
    return new


def _padded(number: int, like: str) -> str:
    """Write a number with as many digits as the old one had, if it can have as few."""
    return f"{number:0{max(1, len(like))}}"


def _suffix(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _like(old: str, new: str) -> str:
    """Write a name as short as the old one, in its case."""
    if len(old) <= _LETTERS_OF_SHORT_NAMES:
        new = new[:_LETTERS_OF_SHORT_NAMES]
    return new.upper() if old.isupper() else new.lower() if old.islower() else new
