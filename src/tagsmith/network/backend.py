"""Choose Keras's backend once, before Keras is imported.

``KERAS_BACKEND`` is obeyed when set; otherwise the first installed of JAX, TensorFlow and PyTorch is taken
(JAX first: measured fastest for recurrent training on a CPU). Every module here that needs Keras gets it by
``from tagsmith.network.backend import keras``.
"""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from tagsmith.errors import InputError, MissingExtraError
from tagsmith.files import cache_folder

# Keras's name of the backend → the package it needs; the order is the order of preference.
BACKENDS = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}


def import_keras() -> ModuleType:
    """Import Keras on the chosen backend.

    Raises
    ------
    MissingExtraError
        Keras or every backend is missing.
    InputError
        ``KERAS_BACKEND`` names a backend that is unknown or not installed.
    """
    wanted = os.environ.get("KERAS_BACKEND")
    installed = [name for name, package in BACKENDS.items() if find_spec(package) is not None]
    if find_spec("keras") is None or (not installed and not wanted):
        raise MissingExtraError("Training", "train")
    if wanted and wanted not in installed:
        known = "is not installed" if wanted in BACKENDS else "is not a backend tagsmith knows"
        raise InputError(
            f"KERAS_BACKEND is {wanted!r}, which {known}.",
            remedy=f"Installed here: {', '.join(installed) or 'none'}; unset it or install that backend.",
        )
    os.environ["KERAS_BACKEND"] = wanted or installed[0]
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if os.environ["KERAS_BACKEND"] == "jax":
        # Compiled steps are kept between runs, so that the second run starts in seconds.
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder("jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    return importlib.import_module("keras")


keras = import_keras()


def set_rows(table: Any, rows: Any, values: Any) -> Any:
    """Return ``table`` (N, D) with ``values`` (R, D) in its distinct ``rows`` (R,); a row of -1 is left out."""
    if keras.config.backend() == "jax":
        # Rows past the end, each another one, are dropped; inside a compiled step the table is changed in place.
        past = table.shape[0] + keras.ops.arange(len(rows))
        return table.at[keras.ops.where(rows < 0, past, rows)].set(values, mode="drop", unique_indices=True)
    present = keras.ops.nonzero(rows >= 0)[0]
    rows, values = (keras.ops.take(array, present, axis=0) for array in (rows, values))
    return keras.ops.scatter_update(table, rows[:, None], values)
