"""The heads of a model: each layer's columns of the emissions, its tags and its chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tagsmith.errors import DataError
from tagsmith.model.configuration import Scaling
from tagsmith.model.folder import Model
from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers, constrained_chain
from tagsmith.tagging.decode import SpanTags, span_tags
from tagsmith.tagging.spans import Decoded, LongSentence, SpanDecoder, surrounded
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE

Threshold = float | Mapping[str, float]


@dataclass(frozen=True)
class Head:
    """One layer of a model, over the network that all layers share."""

    layer: Layer
    columns: slice | None  # where its emissions stand among those of all layers; None: there are no others
    chain: Chain  # the transition scores, the illegal ones barred
    span_tags: SpanTags | None  # how the tags write spans; None: each labels its token alone

    def cut(self, emissions: Floats) -> Floats:
        """The layer's part of emissions (…, columns)."""
        return emissions if self.columns is None else np.ascontiguousarray(emissions[..., self.columns])


def heads_of(model: Model) -> tuple[Head, ...]:
    """Make the head of each layer of a model."""
    heads, first = [], 0
    for number, layer in enumerate(model.layers):
        columns = slice(first, first + len(layer.tags)) if len(model.layers) > 1 else None
        first += len(layer.tags)
        learned = None
        if model.architecture.head == "crf":
            learned = {f"crf/{part}": model.weights[f"crf/{number}/{part}"] for part in ("start", "between", "end")}
        temperature = model.scalings.get(layer.name, Scaling()).temperature
        chain = replace(constrained_chain(layer.transitions, learned), temperature=temperature)
        heads.append(Head(layer, columns, chain, span_tags(layer.tags) if layer.gives_spans else None))
    return tuple(heads)


def output_bias(model: Model) -> Floats:
    """Return the biases (columns,) of the network's outputs, with what calibration adds to each layer's ``O``.

    So emissions have it, and whatever is made of them agrees: tags, probabilities and thresholds.
    """
    scalings = [model.scalings.get(layer.name, Scaling()) for layer in model.layers]
    added = [
        scaling.outside if tag == OUTSIDE else 0.0
        for layer, scaling in zip(model.layers, scalings, strict=True)
        for tag in layer.tags
    ]
    return np.asarray(model.weights["output/bias"] + np.array(added, np.float32))


class HeadsDecoder:
    """Decodes the emissions of some layers, which the network gives side by side.

    Parameters
    ----------
    heads
        The layers wanted.
    decoders
        What to make of the emissions of each.
    keep_emissions
        Whether the emissions come beside the result; else there is None in their place.
    """

    def __init__(self, heads: Sequence[Head], decoders: Sequence[SpanDecoder], *, keep_emissions: bool = False) -> None:
        self._pairs = list(zip(heads, decoders, strict=True))
        self._keep = keep_emissions

    def batch(self, emissions: Floats, lengths: Integers) -> tuple[list[Decoded], Floats | None]:
        """Decode a batch: emissions (T, B, columns), lengths (B,)."""
        decoded = [decoder.batch(head.cut(emissions), lengths) for head, decoder in self._pairs]
        return decoded, emissions if self._keep else None

    def windows(self, windows: Iterator[Floats], length: int) -> tuple[list[Decoded], Floats | None]:
        """Decode one long sentence whose emissions (T, 1, columns) come window by window, all layers side by side."""
        layers = [LongSentence(decoder, length) for _, decoder in self._pairs]
        kept = []
        for window in surrounded(windows):
            if self._keep:
                kept.append(window.emissions)
            for (head, _), layer in zip(self._pairs, layers, strict=True):
                layer.read(window if head.columns is None else window.cut(head.columns))
        return [layer.decoded() for layer in layers], np.concatenate(kept) if kept else None


def least_probabilities(heads: Sequence[Head], threshold: Threshold | None) -> list[Doubles | None]:
    """Return, for each layer, the least probability of a span of each of its labels; None where it has no spans.

    Raises DataError: no layer has spans or, in one of them, a label that is named; a number is no probability.
    """
    if threshold is None:
        return [None] * len(heads)
    labels = sorted({label for head in heads if head.span_tags for label in head.span_tags.labels})
    if not any(head.layer.gives_spans for head in heads):
        raise DataError("this model gives plain tags, which have no threshold.", remedy="Leave the threshold out.")
    given: Mapping[str, Any] = threshold if isinstance(threshold, Mapping) else dict.fromkeys(labels, threshold)
    if unknown := sorted(set(given) - set(labels)):
        raise DataError(f"there is no label {unknown[0]!r}.", remedy=f"Labels: {', '.join(labels)}.")
    for label, least in given.items():
        if not isinstance(least, int | float | np.number) or not 0 <= least <= 1:
            raise DataError(f"the threshold of {label} is {least!r}.", remedy="It must be a number between 0 and 1.")
    return [
        np.array([given.get(label, 0.0) for label in head.span_tags.labels]) if head.span_tags else None
        for head in heads
    ]
