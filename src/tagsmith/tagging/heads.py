"""What stands over the shared network: each layer's columns of the emissions, their tags and their chain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.errors import DataError
from tagsmith.model.folder import Model
from tagsmith.tagging.chain import Chain, Doubles, Floats, Integers, constrained_chain
from tagsmith.tagging.decode import SpanTags, span_tags
from tagsmith.tagging.spans import Decoded, LongSentence, SpanDecoder, surrounded
from tagsmith.text.schemes import Scheme, allowed_transitions, convert_tags, join_tag, split_tag

Threshold = float | Mapping[str, float]


@dataclass(frozen=True)
class Head:
    """One layer of a model.

    Parameters
    ----------
    name, scheme
        The layer's name, and the scheme of its tags: that of the training data.
    tags
        What the network chooses from: BIOES for span layers.
    columns
        Where their emissions stand; None: there are no others.
    chain
        Transition scores, the illegal ones barred.
    outer_names
        The user's tag for each of ``tags``; None if that depends on the tag's neighbors (IOB1, IOE1).
    span_tags
        How the tags write spans; None: each stands for its token alone.
    """

    name: str
    scheme: Scheme
    tags: tuple[str, ...]
    columns: slice | None
    chain: Chain
    inner_names: npt.NDArray[Any]
    outer_names: npt.NDArray[Any] | None
    span_tags: SpanTags | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the layer can have: types of spans, or plain tags."""
        return tuple(sorted(self.tags if self.span_tags is None else self.span_tags.labels))

    @property
    def gives_spans(self) -> bool:
        """Whether the tags write spans; else each stands for its token alone (parts of speech)."""
        return self.span_tags is not None

    def own(self, emissions: Floats) -> Floats:
        """The layer's part of emissions (…, columns)."""
        return emissions if self.columns is None else np.ascontiguousarray(emissions[..., self.columns])

    def names(self, rows: Integers) -> list[str]:
        """The user's tags for rows of the inner ones; where these depend on neighbors (IOB1, IOE1), the inner ones."""
        found: list[str] = (self.inner_names if self.outer_names is None else self.outer_names)[rows].tolist()
        return found

    def finished(self, names: list[str]) -> list[str]:
        """The user's tags for one sentence's :meth:`names`."""
        return names if self.outer_names is not None else convert_tags(names, Scheme.BIOES, self.scheme)


def heads_of(model: Model) -> tuple[Head, ...]:
    """Make the head of each layer of a model."""
    found, first = [], 0
    for number, own in enumerate(model.layers):
        columns = slice(first, first + len(own.tags)) if model.further else None
        first += len(own.tags)
        inner = Scheme.PLAIN if own.scheme is Scheme.PLAIN else Scheme.BIOES
        learned = None
        if model.architecture.head == "crf":
            prefix = f"crf/{number}" if number else "crf"
            learned = {f"crf/{part}": model.weights[f"{prefix}/{part}"] for part in ("start", "between", "end")}
        found.append(
            Head(
                own.name,
                own.scheme,
                own.tags,
                columns,
                constrained_chain(allowed_transitions(own.tags, inner), learned),
                np.array(own.tags, object),
                _outer_names(own.tags, own.scheme),
                None if own.scheme is Scheme.PLAIN else span_tags(own.tags),
            )
        )
    return tuple(found)


def _outer_names(tags: Sequence[str], scheme: Scheme) -> npt.NDArray[Any] | None:
    """The user's tag for each inner BIOES tag; None if that depends on the tag's neighbors (IOB1, IOE1)."""
    if scheme is Scheme.PLAIN:
        return np.array(tags, object)
    if scheme in (Scheme.IOB1, Scheme.IOE1):
        return None
    names = {"O": "O"}
    for label in {split_tag(tag)[1] for tag in tags if tag != "O"}:
        *three, single = (join_tag(letter, label) for letter in "BIES")
        names |= zip(three, convert_tags(three, Scheme.BIOES, scheme), strict=True)
        names |= zip([single], convert_tags([single], Scheme.BIOES, scheme), strict=True)
    return np.array([names[tag] for tag in tags], object)


class HeadsDecoder:
    """Decodes the emissions of some layers, which the network gives side by side.

    Parameters
    ----------
    heads
        The layers wanted.
    decoders
        What to make of the emissions of each.
    """

    def __init__(self, heads: Sequence[Head], decoders: Sequence[SpanDecoder]) -> None:
        self._pairs = list(zip(heads, decoders, strict=True))

    def batch(self, emissions: Floats, lengths: Integers) -> list[Decoded]:
        """Decode a batch: emissions (T, B, columns), lengths (B,)."""
        return [decoder.batch(head.own(emissions), lengths) for head, decoder in self._pairs]

    def windows(self, windows: Iterator[Floats], length: int) -> list[Decoded]:
        """Decode one long sentence whose emissions (T, 1, columns) come window by window, all layers side by side."""
        layers = [LongSentence(decoder, length) for _, decoder in self._pairs]
        for window in surrounded(windows):
            for (head, _), layer in zip(self._pairs, layers, strict=True):
                layer.read(window if head.columns is None else window.cut(head.columns))
        return [layer.decoded() for layer in layers]


def least_probabilities(heads: Sequence[Head], threshold: Threshold | None) -> list[Doubles | None]:
    """Return, for each layer, the least probability of a span of each of its labels; None where it has no spans.

    Raises
    ------
    DataError
        No layer has spans or, in one of them, a label that is named; a number is no probability.
    """
    if threshold is None:
        return [None] * len(heads)
    labels = sorted({label for head in heads if head.span_tags for label in head.span_tags.labels})
    if not any(head.gives_spans for head in heads):
        raise DataError("this model gives plain tags, which have no threshold.", remedy="Leave the threshold out.")
    given = threshold if isinstance(threshold, Mapping) else dict.fromkeys(labels, threshold)
    if unknown := sorted(set(given) - set(labels)):
        raise DataError(f"there is no label {unknown[0]!r}.", remedy=f"Labels: {', '.join(labels)}.")
    for label, least in given.items():
        if not 0 <= least <= 1:
            raise DataError(f"the threshold of {label} is {least}.", remedy="It must be between 0 and 1.")
    return [
        np.array([given.get(label, 0.0) for label in head.span_tags.labels]) if head.span_tags else None
        for head in heads
    ]
