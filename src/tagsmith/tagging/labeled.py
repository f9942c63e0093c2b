"""Labeled data as a tagger reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tagsmith.corpus.folders import is_folder, part_by_name, part_of_folder
from tagsmith.corpus.origins import Origin, read_with_origins
from tagsmith.corpus.sources import Data
from tagsmith.errors import DataError
from tagsmith.tagging.sentence_tagger import SentenceTagger
from tagsmith.text.document import Sentence
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme, convert_tags, detect_scheme, is_legal


@dataclass(frozen=True)
class Labeled:
    """Labeled sentences as a tagger reads them: their words and, for each of its layers, their tags in its scheme.

    ``sentences`` are as they were read, and ``origins`` say where from.
    """

    words: Sequence[Sequence[str]]
    tags: Mapping[str, Sequence[Sequence[str]]]
    sentences: Sequence[Sentence]
    origins: Sequence[Origin]

    def only(self, numbers: Iterable[int]) -> Labeled:
        """Return some of the sentences, by their numbers from 0."""
        kept = list(numbers)
        return Labeled(
            [self.words[number] for number in kept],
            {layer: [tags[number] for number in kept] for layer, tags in self.tags.items()},
            [self.sentences[number] for number in kept],
            [self.origins[number] for number in kept],
        )


def read_labeled(
    tagger: SentenceTagger,
    data: Data,
    layer: str | Sequence[str] | None,
    part: Literal["train", "dev", "test"],
    **options: Any,
) -> Labeled:
    """Read labeled data, see ``Tagger.labeled``."""
    if isinstance(data, Mapping):
        data = part_by_name(data, part)
    elif is_folder(data):
        data, _ = part_of_folder(data, part)
    heads, wanted = tagger._heads, layer
    if len(heads) > 1:
        names = tagger.layers if layer is None else (layer,) if isinstance(layer, str) else tuple(layer)
        heads, wanted = tuple(tagger._head(name) for name in names), names
    elif any(isinstance(value, list | tuple) and len(value) > 1 for value in (layer, options.get("column"))):
        raise DataError("this model gives one layer.", remedy="Name one layer or column.")
    elif layer is None and options.get("column") is None:
        wanted = tagger.layers
    sentences, origins = read_with_origins(data, layer=wanted, **options)
    if not sentences:
        raise DataError("There are no sentences to score.", remedy="Give at least one labeled sentence.")
    keys = [head.layer.name for head in heads]  # a layer that is alone may have another name in the data
    if len(tagger._heads) == 1:
        keys = list(sentences[0].layers)
    tags = {
        head.layer.name: gold_tags([sentence.layers[name] for sentence in sentences], head.layer)
        for head, name in zip(heads, keys, strict=True)
    }
    return Labeled([sentence.words for sentence in sentences], tags, sentences, origins)


def gold_tags(gold: Sequence[Sequence[str]], layer: Layer) -> Sequence[Sequence[str]]:
    """Return gold tags in the layer's scheme; data may have another than the training data had."""
    if not layer.gives_spans or all(is_legal(tags, layer.scheme) for tags in gold):
        return gold
    source = detect_scheme(gold)
    if source is Scheme.PLAIN:
        raise DataError(
            "these labels are not spans, but this model gives spans.",
            remedy="Name the column or layer that holds the labels.",
        )
    return [convert_tags(tags, source, layer.scheme) for tags in gold]
