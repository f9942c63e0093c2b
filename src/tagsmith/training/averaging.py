"""Exponential moving average of the weights (Polyak & Juditsky 1992, as in Izmailov et al. 2018 taken over epochs)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

EVERY = 10  # steps between updates: averaging costs a pass over all weights


class Average:
    """The averaged weights.

    Parameters
    ----------
    horizon
        Steps after which a weight's share has fallen to 1/e.
    updates
        Updates made so far; early ones count less history, so that the average does not remember the beginning.
    """

    def __init__(self, horizon: float, arrays: Mapping[str, npt.NDArray[Any]], updates: int = 0) -> None:
        self.decay = math.exp(-EVERY / horizon)
        self.arrays = {name: np.array(array) for name, array in arrays.items()}
        self.updates = updates

    def update(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Move the average toward ``arrays``."""
        decay = np.float32(min(self.decay, (1 + self.updates) / (10 + self.updates)))
        self.updates += 1
        for name, average in self.arrays.items():
            average *= decay
            average += (1 - decay) * arrays[name]
