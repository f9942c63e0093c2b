"""What stands in the place of a text that was found: a placeholder, its label, a surrogate or a hash."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from hashlib import sha256

from tagsmith.errors import DataError
from tagsmith.redaction.surrogates import Surrogates, normalized

WAYS = ("placeholder", "label", "surrogate", "hash")
LEAST_KEY = 16  # bytes
_HASH_DIGITS = 16  # hexadecimal: in a million texts, two with one hash are improbable (3 in 10⁸)
_NUMBERED = re.compile(r"\[[^\[\]\n]{1,80}_\d{1,18}\]")

Replace = Callable[[str, str], str]
"""What stands for a text, given its label and the text."""


class Placeholders:
    """Numbers the texts of each label: ``[PERSON_1]``; the same text, whatever its case, has the same number.

    A number that occurs in the text as it is given, from an earlier redaction perhaps, is not used.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()

    def avoid(self, text: str) -> None:
        """Take no placeholder that stands in this text."""
        self._taken.update(_NUMBERED.findall(text))

    def __call__(self, label: str, original: str) -> str:
        """Return the placeholder of a text."""
        key = label, normalized(original)
        if key not in self._numbers:
            number = self._counts.get(label, 0) + 1
            while f"[{label}_{number}]" in self._taken:
                number += 1
            self._numbers[key] = self._counts[label] = number
        return f"[{label}_{self._numbers[key]}]"


def way_of_replacing(way: str, key: bytes | None) -> Replace | None:
    """Return how texts are replaced; None: by :class:`Placeholders`, which each document has its own of.

    Raises DataError: there is no such way, or its key is missing or too short.
    """
    if way not in WAYS:
        raise DataError(f"there is no replacement {way!r}.", remedy=f"Choose one of {', '.join(WAYS)}.")
    if key is not None and len(key) < LEAST_KEY:
        raise DataError(
            f"the key has {len(key)} bytes.", remedy=f"It must have at least {LEAST_KEY}, and be hard to guess."
        )
    if way == "surrogate":
        return Surrogates(key or secrets.token_bytes(2 * LEAST_KEY))
    if way == "hash":
        if key is None:
            raise DataError("a hash needs a key.", remedy="Without one, anybody could try names until the hash fits.")
        return _keyed_hash(key)
    return None if way == "placeholder" else lambda label, _: f"[{label}]"


def _keyed_hash(key: bytes) -> Replace:
    def replace(label: str, original: str) -> str:
        content = normalized(original).encode("utf-8", "surrogatepass")
        return f"{label}-{hmac.digest(key, content, sha256).hex()[:_HASH_DIGITS]}"

    return replace
