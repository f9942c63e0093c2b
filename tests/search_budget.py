"""How many examples the property tests try: a fixed number in `make test`, many times more in `make fuzz`.

`make test` draws the same examples every time, so that it passes everywhere or nowhere. `make fuzz` draws new ones.
Whatever `make fuzz` finds becomes an ``@example`` of its test.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

USUAL = 100
TIMES = int(os.environ.get("FUZZ_TIMES", "50"))

# A deadline would make tests depend on how busy the machine is.
settings.register_profile("tests", deadline=None, derandomize=True, max_examples=USUAL)
settings.register_profile(
    "fuzz",
    deadline=None,
    derandomize=False,
    max_examples=TIMES * USUAL,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def examples(count: int) -> int:
    """``count`` in an ordinary run; in `make fuzz` as many times more as for every other test."""
    return count * settings.default.max_examples // USUAL
