"""The predictions that ``tagsmith compare`` compares: a model's, or those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.model.folder import names_model
from tagsmith.remote import is_file
from tagsmith.tagging.tagger import Tagger, load
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, belongs, convert_tags, detect_scheme, is_legal

Tags = Sequence[Sequence[str]]
_SHOWN = 60  # characters of a sentence in an error


def open_model(source: Path) -> Tagger | None:
    """Load a model folder, ``en`` or ``hf://OWNER/NAME``; None if it is a file of predictions."""
    return load(source) if names_model(source) or is_file(source / "config.json") else None


def predictions_of_model(tagger: Tagger, source: Path, sentences: Sequence[Sentence], scheme: Scheme) -> Tags:
    """Tag labeled sentences; of several layers of the model, with the one that their labels are called after."""
    name = next(iter(sentences[0].layers)) if len(tagger.layers) > 1 else None
    tags = tagger.tag([sentence.words for sentence in sentences], layer=name)
    return in_scheme(tags, scheme, source, tagger.layer(name).scheme)


def predictions_of_file(
    source: Path, sentences: Sequence[Sentence], scheme: Scheme, name: str | None = None, **reading: Any
) -> Tags:
    """Read what a file in any format says of labeled sentences, in their scheme; its tags are in the last column.

    Of several layers that are read, ``name`` is the one wanted, by default the first.

    Raises
    ------
    DataError
        The file has other sentences than the data, or its tags cannot be compared.
    """
    predicted = read_sentences(source, **reading)
    _check_words(sentences, predicted, source)
    tags = [sentence.layers[name] if name else next(iter(sentence.layers.values())) for sentence in predicted]
    return in_scheme(tags, scheme, source)


def in_scheme(tags: Tags, scheme: Scheme, source: Path, own: Scheme | None = None) -> Tags:
    """Return predicted tags in the scheme of the gold tags; those of its own letters stay as they are.

    Raises DataError: one of the two labels tokens, the other spans.
    """
    own = own or _scheme_of(tags, scheme)
    if own == scheme:
        return tags
    if Scheme.PLAIN in (own, scheme):
        kinds = {True: "tokens", False: "spans"}
        raise DataError(
            f"These predictions label {kinds[own is Scheme.PLAIN]}, the data {kinds[scheme is Scheme.PLAIN]}.",
            remedy="Name what was predicted: its layer with --layer, its column in the data with --column.",
            path=source,
        )
    return [convert_tags(one, own, scheme) for one in tags]


def _scheme_of(tags: Tags, scheme: Scheme) -> Scheme:
    """Return the scheme of predicted tags: that of the gold tags, unless another explains them better.

    Predictions may break their scheme; those that break both are taken to be in the scheme of the gold tags.
    """
    if scheme is not Scheme.PLAIN and all(is_legal(one, scheme) for one in tags):
        return scheme
    found = detect_scheme(tags)
    explained = all(is_legal(one, found) for one in tags)
    foreign = Scheme.PLAIN in (found, scheme) or not all(belongs(tag, scheme) for one in tags for tag in one)
    return found if explained or foreign else scheme


def _check_words(sentences: Sequence[Sentence], predicted: Sequence[Sentence], source: Path) -> None:
    """Raise if a file of predictions has other sentences than the data."""
    for number, (gold, other) in enumerate(zip_longest(sentences, predicted), 1):
        if gold is not None and other is not None and gold.words == other.words:
            continue
        has, wanted = (
            "no such sentence" if one is None else repr(_shortened(" ".join(one.words))) for one in (other, gold)
        )
        raise DataError(
            f"Sentence {number} differs: here is {has}, in the data {wanted}.",
            remedy="Give predictions for exactly the sentences of the data, in their order and with their tokens.",
            path=source,
            line=(other.line or None) if other is not None else None,
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
