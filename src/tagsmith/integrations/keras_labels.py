"""The labels of a user's model: what its outputs stand for, and how a tagger decodes them.

A tagger decodes in BIOES, whatever the scheme of the labels, and this changes no probability: a sequence of the user's
tags that is legal in their scheme stands for certain spans, and so does exactly one legal sequence in BIOES. So each
BIOES tag gets the output of the tag that the user's scheme writes in its place: with IOB2, ``B-X`` and ``S-X`` that of
``B-X``, ``I-X`` and ``E-X`` that of ``I-X``. Two things are barred in the chain to keep it one to one: tags that are
not among the labels, and, in the schemes that cannot write them (bare, IO), two touching spans of one label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tagsmith.errors import DataError
from tagsmith.model.weights import BARRED
from tagsmith.text.arguments import shown
from tagsmith.text.layer import Layer, layers_problem
from tagsmith.text.schemes import OUTSIDE, Scheme, allowed_transitions, belongs, is_legal, split_label, split_tag

Array = npt.NDArray[Any]
REMEDY = "Give a list of what each output stands for, in their order; None for one that is no label."
TOUCHING = {Scheme.IOB1: "B", Scheme.IOE1: "E"}  # letters that stand only where two spans of one label touch


def read_labels(
    labels: Any, outputs: int, scheme: Scheme | str | None, name: str
) -> tuple[Layer, Array, dict[str, Array]]:
    """Return the layer, the output for each of its tags (-1: none), and the chain that bars what labels cannot write.

    Raises DataError: the labels do not fit the outputs or the scheme.
    """
    output_of = _output_of(labels, outputs)
    scheme = _scheme_of(output_of) if scheme is None else Scheme(scheme)
    _check_labels(list(output_of), scheme)
    spans = scheme is not Scheme.PLAIN
    kinds = {split_label(tag, scheme) for tag in output_of if not spans or tag != OUTSIDE}
    if not isinstance(name, str):
        raise DataError(f"the name of the layer is {shown(name)}.", remedy='Give a string, such as layer="pos".')
    layer = Layer(name, scheme, tuple(sorted(kinds)))
    if problem := layers_problem([layer]):
        raise DataError(f"{problem}.", remedy="Change the labels.")
    merging = scheme in (Scheme.BARE, Scheme.IO, *TOUCHING)
    alone = Scheme.IO if scheme in TOUCHING else scheme  # without their special letters, they are IO
    written = Layer(name, alone, layer.labels).write_tags(np.arange(len(layer.tags)), [1] * len(layer.tags))
    columns = np.array([output_of.get(tag, -1) for [tag] in written])
    size = len(columns)
    start, between, end = np.zeros(size, np.float32), np.zeros((size, size), np.float32), np.zeros(size, np.float32)
    start[columns < 0] = between[columns < 0] = between[:, columns < 0] = end[columns < 0] = BARRED
    if merging:
        parts = [split_tag(tag) for tag in layer.tags]
        for before, (letter, label) in enumerate(parts):
            for after, (next_letter, next_label) in enumerate(parts):
                if letter in ("E", "S") and next_letter in ("B", "S") and label == next_label:
                    between[before, after] = BARRED
    return layer, columns, {"crf/0/start": start, "crf/0/between": between, "crf/0/end": end}


def _output_of(labels: Any, outputs: int) -> dict[str, int]:
    """Return the output of each label."""
    output_of: dict[str, int] = {}
    for label, output in _pairs(labels, outputs):
        if label is None:
            continue
        if not isinstance(label, str):
            raise DataError(f"the label of output {output!r} is {shown(label)}, not a string.", remedy=REMEDY)
        if not isinstance(output, int | np.integer) or not 0 <= output < outputs:
            problem = f"the label {label!r} has the output {output!r}, and the model has {outputs:,}."
            raise DataError(problem, remedy="Count the outputs from 0.")
        if label in output_of or output in output_of.values():
            problem = f"the label {label!r} or its output {output} is there twice."
            raise DataError(problem, remedy="Give each label once.")
        output_of[str(label)] = int(output)
    return output_of


def _pairs(labels: Any, outputs: int) -> list[tuple[Any, Any]]:
    """Return each label with its output, unchecked."""
    if hasattr(labels, "get_vocabulary"):
        special = (getattr(labels, "mask_token", None), getattr(labels, "oov_token", None))
        labels = [None if label in special else label for label in labels.get_vocabulary()]
    if isinstance(labels, Mapping):
        return [pair if isinstance(pair[0], str) else pair[::-1] for pair in labels.items()]
    if not isinstance(labels, Iterable) or isinstance(labels, str | bytes):
        raise DataError(f"labels is {shown(labels)}.", remedy=REMEDY)
    given = list(labels)
    if len(given) != outputs:
        raise DataError(f"there are {len(given):,} labels, and the model has {outputs:,} outputs.", remedy=REMEDY)
    return [(label, output) for output, label in enumerate(given)]


def _scheme_of(labels: Iterable[str]) -> Scheme:
    """Find the scheme that labels are of, as far as they tell."""
    labels = list(labels)
    letters = {split_tag(label)[0] for label in labels if label != OUTSIDE}
    if "" in letters or not letters:
        return Scheme.BARE if OUTSIDE in labels else Scheme.PLAIN
    for scheme, own in (
        (Scheme.IO, "I"), (Scheme.IOB2, "BI"), (Scheme.IOE2, "IE"),
        (Scheme.BIOES, "BIES"), (Scheme.BILOU, "BILU"), (Scheme.BMES, "BMES"),
    ):  # fmt: skip
        if letters <= set(own):
            return scheme
    raise DataError(f"of which scheme are the labels {', '.join(labels)[:200]}?", remedy="Say it with scheme=.")


def _check_labels(labels: Sequence[str], scheme: Scheme) -> None:
    """Raise DataError unless every label can stand in some sentence, and there are tags for every sentence."""
    for label in labels:
        if not belongs(label, scheme):
            raise DataError(
                f"the label {label!r} is not of the scheme {scheme}.",
                remedy="Name the scheme with scheme=; give None in place of a label for padding.",
            )
        if split_tag(label)[0] == TOUCHING.get(scheme, "no letter"):
            raise DataError(
                f"the label {label!r} of the scheme {scheme} stands only where two spans touch, which a model that "
                "labels each word by itself cannot be decoded for.",
                remedy="Train on tags of IOB2: tagsmith convert --scheme IOB2.",
            )
    allowed = allowed_transitions(labels, scheme)
    reached, leaving = allowed.start.copy(), allowed.end.copy()
    for _ in labels:
        reached |= allowed.between[reached].any(axis=0)
        leaving |= allowed.between[:, leaving].any(axis=1)
    for label, stands in zip(labels, reached & leaving, strict=True):
        if not stands:
            raise DataError(
                f"the label {label!r} can stand in no sentence of the scheme {scheme} with these labels alone.",
                remedy="Name the scheme with scheme=, or give all labels.",
            )
    if not any(is_legal([label], scheme) for label in labels):
        problem = f"with these labels, no tag of the scheme {scheme} can stand alone."
        raise DataError(problem, remedy="Give all labels, or name the scheme with scheme=.")
