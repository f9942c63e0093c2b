"""Keras on the right backend.

``KERAS_BACKEND`` is obeyed if set. Otherwise the backend is the first installed of JAX, TensorFlow and PyTorch; JAX is
the fastest for recurrent training on a CPU. The modules that need Keras import it from here.
"""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from tagsmith.errors import InputError, MissingExtraError
from tagsmith.files import cache_folder
from tagsmith.interrupts import catch_interrupts

# Keras's name of a backend → the package it needs, in order of preference.
BACKENDS = {"jax": "jax", "tensorflow": "tensorflow", "torch": "torch"}


def import_keras() -> ModuleType:
    """Import Keras; raise an error if Keras, every backend or the backend of ``KERAS_BACKEND`` is missing."""
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
        # Compiled steps are cached, so that the next run starts in seconds; unless there is no place for that.
        with suppress(OSError):
            cache_folder("jax").mkdir(parents=True, exist_ok=True)
            if os.access(cache_folder("jax"), os.W_OK):
                os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder("jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    with catch_interrupts() as interrupts, interrupts.held():  # one in the middle of a C++ library's start would abort
        return importlib.import_module("keras")


keras = import_keras()


def set_rows(table: Any, rows: Any, values: Any) -> Any:
    """Return ``table`` (N, D) with ``values`` (R, D) in the distinct ``rows`` (R,); a row of -1 is skipped."""
    if keras.config.backend() == "jax":
        # Skipped rows become distinct rows past the end, which are dropped. A compiled step changes the table in place.
        past = table.shape[0] + keras.ops.arange(len(rows))
        return table.at[keras.ops.where(rows < 0, past, rows)].set(values, mode="drop", unique_indices=True)
    present = keras.ops.nonzero(rows >= 0)[0]
    rows, values = (keras.ops.take(array, present, axis=0) for array in (rows, values))
    return keras.ops.scatter_update(table, rows[:, None], values)
