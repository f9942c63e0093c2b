"""Several corpora whose label sets differ, as one: each sentence remembers the labels that its own corpus knows.

A *group* of files is one corpus with one set of labels. Where dates are labeled in one group only, an ``O`` of the
others does not say that a token is no date.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Unpack

from tagsmith.corpus.corpus import (
    Corpus,
    Knowledge,
    Part,
    Sources,
    TagRepair,
    hold_out,
    labels_of,
    read_part,
    unknown_label,
)
from tagsmith.corpus.sentences import CompactSentences
from tagsmith.errors import DataError
from tagsmith.formats import AUTO
from tagsmith.formats.options import LayersKeywords, Problem
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import OUTSIDE, Scheme, convert_tags, detect_scheme, is_legal

Knows = Mapping[str, Collection[str]]  # file → the labels it knows
_LOOSE = (Scheme.PLAIN, Scheme.BARE)  # schemes in which every tag is legal


@dataclass(frozen=True, slots=True)
class Before:
    """What a model that is to learn on already has: new data are brought into its scheme and add to its labels."""

    scheme: Scheme
    layer: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Group:
    """One corpus of a part, the labels that occur in it, and those it knows."""

    part: Part
    occurring: frozenset[str]
    known: frozenset[str]


def load_partly_labeled(
    train: Sequence[Sources],
    dev: Sequence[Sources] | None = None,
    test: Sequence[Sources] | None = None,
    *,
    knows: Knows | None = None,
    before: Before | None = None,
    format: str = AUTO,
    seed: int = 0,
    **options: Unpack[LayersKeywords],
) -> Corpus:
    """Read groups of files, each with a set of labels of its own, into one corpus.

    A training group knows the labels that occur in it, or those that ``knows`` states for its files. Where there are as
    many dev (or test) groups as training groups, the n-th knows what the n-th training group knows and what occurs in
    it; otherwise each knows what occurs in it. Tags are converted to the scheme of the first group. Without ``dev`` a
    tenth of each training group is held out. The other arguments are those of
    :func:`tagsmith.corpus.corpus.load_corpus`.

    Parameters
    ----------
    train, dev, test
        The groups: each a file, or a list of files.
    knows
        File, as it was given → all labels that were looked for in it.
    before
        The model that learns on, if any: its scheme is kept, and its labels are unknown to groups that lack them.

    Raises
    ------
    DataError
        As :func:`tagsmith.corpus.corpus.load_corpus`; where the tags are plain, so that nothing says "none of these";
        and where ``knows`` names no such file, a label that occurs nowhere, or too few of a file's labels.
    """
    problems: list[Problem] = options.setdefault("problems", [])
    options["labels_required"] = True
    repairs: list[TagRepair] = []
    parts = {"train": [read_part(sources, format, options) for sources in train]}
    layer = next(iter(parts["train"][0].sentences[0].layers))
    options["layer"] = layer
    for name, groups in (("dev", dev), ("test", test)):
        parts[name] = [read_part(sources, format, options) for sources in groups or ()]
    scheme = before.scheme if before else detect_scheme(s.layers[layer] for s in parts["train"][0].sentences)
    if scheme is Scheme.PLAIN and (before is None or len(train) > 1 or knows):
        raise DataError(
            "These are plain tags, one for each token, such as parts of speech: none of them can be missing.",
            remedy="Train without --partial and --knows.",
            path=parts["train"][0].path_of(0),
        )
    name_of_layer = before.layer if before else layer
    found: dict[str, list[_Group]] = {}
    for name, groups_ in parts.items():
        legal = [_in_scheme(own, layer, name_of_layer, scheme, repairs) for own in groups_]
        found[name] = [_group(own, name_of_layer, scheme, knows or {}) for own in legal]
    for name in ("dev", "test"):
        if len(found[name]) == len(found["train"]):
            pairs = zip(found[name], found["train"], strict=True)
            found[name] = [_also_knowing(group, partner.known) for group, partner in pairs]
    labels = frozenset[str]().union(*(group.occurring for group in found["train"]), before.labels if before else ())
    _check(found, labels, knows or {}, name_of_layer, scheme)
    return _corpus(found, name_of_layer, scheme, labels, seed, repairs, problems, held_out=dev is None)


def _in_scheme(part: Part, layer: str, name: str, scheme: Scheme, repairs: list[TagRepair]) -> Part:
    """Make a group's tags legal in the common scheme, as the layer ``name``."""
    own = detect_scheme(sentence.layers[layer] for sentence in part.sentences)
    if scheme not in _LOOSE and all(is_legal(sentence.layers[layer], scheme) for sentence in part.sentences):
        own = scheme  # a few sentences may not show which of several schemes it is
    if own is not scheme and Scheme.PLAIN in (own, scheme):
        raise DataError(
            f"This file's tags are {_kind(own)}, where {_kind(scheme)} are needed.",
            remedy="Choose the column or layer that holds the labels with --column or --layer.",
            path=part.path_of(0),
        )
    legal = part.repaired(layer, own, repairs)
    if own is scheme and layer == name:
        return legal
    converted = (
        replace(sentence, layers={name: tuple(convert_tags(sentence.layers[layer], own, scheme))})
        for sentence in legal.sentences
    )
    return Part(CompactSentences(converted), part.files)


def _kind(scheme: Scheme) -> str:
    return "plain tags" if scheme is Scheme.PLAIN else f"spans in the scheme {scheme}"


def _group(part: Part, layer: str, scheme: Scheme, knows: Knows) -> _Group:
    path = part.path_of(0)
    occurring = frozenset(labels_of(part.sentences, layer, scheme))
    if not occurring:
        raise DataError(
            f"The file has no labels: every tag of the layer {layer!r} is {OUTSIDE!r}.",
            remedy="Choose the column or layer that holds the labels with --column or --layer.",
            path=path,
        )
    files = {Path(name) for _, name in part.files}
    stated = [frozenset(labels) for name, labels in knows.items() if Path(name) in files]
    known = frozenset[str]().union(*stated) if stated else occurring
    if surplus := sorted(occurring - known):
        raise DataError(
            f"The label {surplus[0]!r} occurs here but is not among those that the file is said to know.",
            remedy=f"State all of them: {', '.join(sorted(known | occurring))}.",
            path=path,
        )
    return _Group(part, occurring, known)


def _also_knowing(group: _Group, known: frozenset[str]) -> _Group:
    return replace(group, known=group.known | known)


def _check(found: Mapping[str, list[_Group]], labels: frozenset[str], knows: Knows, layer: str, scheme: Scheme) -> None:
    """Check that dev has no label that training lacks, and that what is stated of files can be meant."""
    for group in found["dev"]:
        if group.occurring - labels:
            raise unknown_label(group.part, layer, scheme, set(group.occurring - labels))
    files = {Path(name) for groups in found.values() for group in groups for _, name in group.part.files}
    for name, stated in knows.items():
        if Path(name) not in files:
            given = ", ".join(sorted(map(str, files)))
            raise DataError(f"There is no file {name!r} among those given.", remedy=f"The files are: {given}.")
        if surplus := sorted(set(stated) - labels):
            raise DataError(
                f"The label {surplus[0]!r}, said to be known here, occurs in no training file.",
                remedy=f"The labels are: {', '.join(sorted(labels))}.",
                path=name,
            )


def _corpus(
    found: dict[str, list[_Group]],
    layer: str,
    scheme: Scheme,
    labels: frozenset[str],
    seed: int,
    repairs: list[TagRepair],
    problems: list[Problem],
    *,
    held_out: bool,
) -> Corpus:
    sets = list(dict.fromkeys(group.known for groups in found.values() for group in groups))
    sentences: dict[str, list[Sequence[Sentence]]] = {name: [] for name in found}
    members: dict[str, list[int]] = {name: [] for name in found}

    def add(name: str, own: Sequence[Sentence], known: frozenset[str]) -> None:
        sentences[name].append(own)
        members[name].extend([sets.index(known)] * len(own))

    for name, groups in found.items():
        for group in groups:
            own = group.part.sentences
            if name == "train" and held_out:
                own, held = hold_out(own, seed, group.part.path_of(0))
                add("dev", held, group.known)
            add(name, own, group.known)
    belonging = (tuple(members[name]) for name in ("train", "dev", "test"))
    knowledge = None if scheme is Scheme.PLAIN else Knowledge(tuple(sets), *belonging)
    return Corpus(
        _joined(sentences["train"]),
        _joined(sentences["dev"]),
        _joined(sentences["test"]),
        layer,
        scheme,
        tuple(sorted(labels)),
        tuple(repairs),
        tuple(problems),
        knowledge=knowledge,
    )


def _joined(groups: Sequence[Sequence[Sentence]]) -> Sequence[Sentence]:
    return CompactSentences(chain.from_iterable(groups))
