"""tagsmith trains, evaluates and runs recurrent sequence taggers.

The names below are the public ones. Each is imported when it is first used, so that ``import tagsmith`` is quick and
``tagsmith.load`` needs neither Keras nor any other package of training.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tagsmith.errors import (
    DataError,
    InputError,
    MissingExtraError,
    ModelError,
    RecipeError,
    TagsmithError,
    TrainingError,
    VectorsError,
)

if TYPE_CHECKING:
    from tagsmith.corpus.corpus import Corpus, read_corpus
    from tagsmith.corpus.sources import read_documents, read_sentences
    from tagsmith.formats import FORMATS
    from tagsmith.formats.options import WriteOptions
    from tagsmith.integrations.keras import from_keras
    from tagsmith.network.rnn import create_rnn_model
    from tagsmith.redaction.redacted import Redacted, Replacement
    from tagsmith.redaction.redactor import Redactor
    from tagsmith.scores.scores import score_tags
    from tagsmith.tagging.tagger import Tagger, load
    from tagsmith.text.document import Document, Sentence, Span, Token
    from tagsmith.text.layer import Layer
    from tagsmith.text.schemes import Scheme, TokenSpan, detect_scheme, spans_to_tags, tags_to_spans
    from tagsmith.text.tokenizer import tokenize, tokenize_text
    from tagsmith.training.distillation import distill
    from tagsmith.training.recipe import Recipe
    from tagsmith.training.train import train
    from tagsmith.tuning.tune import tune

__version__ = "0.1.0"

# ONNX Runtime reads this when it is imported; otherwise it reports its use to its makers (SECURITY.md).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "FORMATS",
    "Corpus",
    "DataError",
    "Document",
    "InputError",
    "Layer",
    "MissingExtraError",
    "ModelError",
    "Recipe",
    "RecipeError",
    "Redacted",
    "Redactor",
    "Replacement",
    "Scheme",
    "Sentence",
    "Span",
    "Tagger",
    "TagsmithError",
    "Token",
    "TokenSpan",
    "TrainingError",
    "VectorsError",
    "WriteOptions",
    "__version__",
    "create_rnn_model",
    "detect_scheme",
    "distill",
    "from_keras",
    "load",
    "read_corpus",
    "read_documents",
    "read_sentences",
    "score_tags",
    "spans_to_tags",
    "tags_to_spans",
    "tokenize",
    "tokenize_text",
    "train",
    "tune",
]

# Module → the public names it defines.
_HOMES = {
    "tagsmith.corpus.corpus": ("Corpus", "read_corpus"),
    "tagsmith.corpus.sources": ("read_documents", "read_sentences"),
    "tagsmith.text.document": ("Document", "Sentence", "Span", "Token"),
    "tagsmith.text.layer": ("Layer",),
    "tagsmith.text.schemes": ("Scheme", "TokenSpan", "detect_scheme", "spans_to_tags", "tags_to_spans"),
    "tagsmith.text.tokenizer": ("tokenize", "tokenize_text"),
    "tagsmith.formats": ("FORMATS",),
    "tagsmith.formats.options": ("WriteOptions",),
    "tagsmith.scores.scores": ("score_tags",),
    "tagsmith.network.rnn": ("create_rnn_model",),
    "tagsmith.integrations.keras": ("from_keras",),
    "tagsmith.tagging.tagger": ("Tagger", "load"),
    "tagsmith.redaction.redacted": ("Redacted", "Replacement"),
    "tagsmith.redaction.redactor": ("Redactor",),
    "tagsmith.training.distillation": ("distill",),
    "tagsmith.training.recipe": ("Recipe",),
    "tagsmith.training.train": ("train",),
    "tagsmith.tuning.tune": ("tune",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # the next use is an ordinary one
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
