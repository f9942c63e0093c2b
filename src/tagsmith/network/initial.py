"""Initial weights, drawn with NumPy so that a seed gives the same network on every backend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.network.backend import keras

Floats = npt.NDArray[np.float32]


def uniform(rng: np.random.Generator, rows: int, size: int) -> Floats:
    """Draw vectors (rows, size), uniform in ±√(3/size), with an expected squared length of 1 (Ma & Hovy 2016)."""
    limit = math.sqrt(3.0 / size)
    return rng.uniform(-limit, limit, (rows, size)).astype(np.float32)


def glorot(rng: np.random.Generator, *shape: int, entering: int, leaving: int) -> Floats:
    """Draw numbers uniform in ±√(6 / (entering + leaving)) (Glorot & Bengio 2010)."""
    limit = math.sqrt(6.0 / (entering + leaving))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def orthogonal(rng: np.random.Generator, size: int, blocks: int) -> Floats:
    """Draw ``blocks`` orthogonal (size, size) matrices, concatenated along the last axis (Saxe et al. 2014)."""
    parts = []
    for _ in range(blocks):
        q, r = np.linalg.qr(rng.standard_normal((size, size)))
        parts.append(q * np.sign(np.diag(r)))
    return np.concatenate(parts, axis=1).astype(np.float32)


def variable(array: npt.NDArray[Any], name: str, trainable: bool = True) -> Any:
    """Make a Keras variable with the initial value ``array``."""
    return keras.Variable(array, dtype=str(array.dtype), trainable=trainable, name=name)
