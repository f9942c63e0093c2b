"""Layers: a kind of annotation, the scheme of its tags, and its labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.errors import DataError
from tagsmith.text.schemes import (
    OUTSIDE,
    Scheme,
    Transitions,
    allowed_transitions,
    convert_tags,
    join_tag,
    tag_inventory,
)

MOST_TAGS = 4096  # of all layers of a model together; decoding takes time and memory for each pair of a layer's tags
LONGEST_NAME = 1000  # characters of a label or of a layer's name
INVISIBLE = {"Cc": "a control character", "Cf": "an invisible character", "Cs": "half of a surrogate pair"}
INVISIBLE |= {"Zl": "a line separator", "Zp": "a paragraph separator"}
JOINERS = "\u200c\u200d"  # invisible too, but Persian, for example, is not written without them


@dataclass(frozen=True)
class Layer:
    """One kind of annotation, such as names or parts of speech.

    Parameters
    ----------
    name
        What the layer is called in files and models.
    scheme
        The scheme of the user's data, or its name: tags come in and go out in it.
    labels
        Sorted. Span types (``""`` where tags are bare letters, as in word segmentation) or, in a plain scheme, tags.

    Examples
    --------
    >>> Layer("ner", Scheme.IOB2, ("PER",)).tags
    ('O', 'B-PER', 'I-PER', 'E-PER', 'S-PER')
    """

    name: str
    scheme: Scheme
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "scheme", Scheme(self.scheme))
        if isinstance(self.labels, str) or not all(isinstance(label, str) for label in self.labels):
            problem = f"The labels of a layer are {self.labels!r}."
            raise DataError(problem, remedy='Give a tuple of strings, such as ("LOC", "PER").')
        object.__setattr__(self, "labels", tuple(self.labels))

    @property
    def gives_spans(self) -> bool:
        """Whether the tags write spans; else each labels its token alone (parts of speech)."""
        return self.scheme is not Scheme.PLAIN

    @property
    def inner_scheme(self) -> Scheme:
        """The scheme that the network works in: BIOES for spans."""
        return Scheme.BIOES if self.gives_spans else Scheme.PLAIN

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The tags that the network chooses from, in the order of its outputs; of spans, ``O`` first."""
        return tuple(tag_inventory(self.labels, self.inner_scheme))

    @cached_property
    def written_tags(self) -> tuple[str, ...]:
        """The tags that :meth:`write_tags` may write: those of the user's scheme."""
        return tuple(tag_inventory(self.labels, self.scheme))

    @cached_property
    def transitions(self) -> Transitions:
        """Which of ``tags`` may begin a sentence, follow one another, and end it."""
        return allowed_transitions(self.tags, self.inner_scheme)

    @cached_property
    def _names(self) -> tuple[npt.NDArray[Any], bool]:
        """The user's tag for each of ``tags``, and whether that is all: in IOB1 and IOE1 it depends on neighbors."""
        if not self.gives_spans or self.scheme in (Scheme.IOB1, Scheme.IOE1):
            return np.array(self.tags, object), not self.gives_spans
        names = {"O": "O"}
        for label in self.labels:
            *three, single = (join_tag(letter, label) for letter in "BIES")
            names |= zip(three, convert_tags(three, Scheme.BIOES, self.scheme), strict=True)
            names |= zip([single], convert_tags([single], Scheme.BIOES, self.scheme), strict=True)
        return np.array([names[tag] for tag in self.tags], object), True

    def write_tags(self, rows: npt.NDArray[np.integer], lengths: Sequence[int]) -> Iterator[list[str]]:
        """Yield the tags of one sentence after the other, in the user's scheme, from rows of ``tags``.

        Parameters
        ----------
        rows
            (tokens,), sentence after sentence.
        lengths
            Tokens of each sentence.
        """
        names, complete = self._names
        flat: list[str] = names[rows].tolist()
        first = 0
        for length in lengths:
            tags = flat[first : first + length]
            yield tags if complete else convert_tags(tags, Scheme.BIOES, self.scheme)
            first += length


def layers_problem(layers: Sequence[Layer]) -> str:
    """What keeps these from being the layers of one model; empty if nothing does."""
    if not layers:
        return "there is no layer"
    for layer in layers:
        if problem := _problem(layer):
            return problem
    if len({layer.name for layer in layers}) < len(layers):
        return "two layers have one name"
    tags = sum(len(layer.tags) for layer in layers)
    return f"there are {tags:,} tags, and a model has at most {MOST_TAGS:,}" if tags > MOST_TAGS else ""


def _problem(layer: Layer) -> str:
    if problem := _name_problem(layer.name, "the name of a layer") if layer.name else "a layer has no name":
        return problem
    layer_name = layer.name[:100]
    for label in layer.labels:
        if problem := _name_problem(label, f"a label of the layer {layer_name}"):
            return problem
    if list(layer.labels) != sorted(set(layer.labels)):
        return f"the labels of the layer {layer_name} are not sorted, or one is there twice"
    if layer.gives_spans and OUTSIDE in layer.labels:
        return f"the layer {layer_name} has the label {OUTSIDE}, which stands for no span"
    if "" in layer.labels and layer.scheme in (Scheme.PLAIN, Scheme.BARE):
        return f"the layer {layer_name} has an empty label"
    return "" if layer.tags else f"the layer {layer_name} has no labels"


def _name_problem(name: str, what: str) -> str:
    """What keeps this from being a name: a long one, or one with characters that cannot be seen."""
    if len(name) > LONGEST_NAME:
        return f"{what} is longer than {LONGEST_NAME:,} characters"
    if name.isprintable():
        return ""
    for character in name:
        if kind := INVISIBLE.get(unicodedata.category(character)) if character not in JOINERS else None:
            return f"{what} has U+{ord(character):04X}, {kind}"
    return ""
