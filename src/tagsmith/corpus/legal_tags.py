"""One layer of a corpus: its scheme, its labels, and its tags made legal, file by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tagsmith.corpus.repair import TagRepair, repaired
from tagsmith.corpus.sentences import NO_TAG, Integers, Rows, Sentences, TagColumn, TokenStore
from tagsmith.corpus.tag_rows import detect_scheme_of_rows, illegal_sentences
from tagsmith.errors import DataError
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import OUTSIDE, Scheme, belongs, convert_tags, split_label

UNKNOWN = "?"  # with partial labels, in place of the tag of a token: it may be any
LOOSE = (Scheme.PLAIN, Scheme.BARE)  # schemes in which every tag is legal


def with_unknown_tokens(store: TokenStore, name: str) -> TokenStore:
    """Return the tokens with every ``?`` of a layer of spans read as ``O``, and noted in ``unknown``."""
    column = store.columns[name]
    if UNKNOWN not in column.names or OUTSIDE not in column.names:
        return store
    unknown = column.rows == column.names.index(UNKNOWN)
    names = tuple(tag for tag in column.names if tag != UNKNOWN)
    kept = [names.index(OUTSIDE if tag == UNKNOWN else tag) for tag in column.names]
    rows = np.array([*kept, NO_TAG], np.int32)[column.rows]
    return replace(
        store, columns={**store.columns, name: TagColumn(names, rows)}, unknown={**store.unknown, name: unknown}
    )


def scheme_of_layer(store: TokenStore, name: str, corpora: Sequence[Integers]) -> Scheme:
    """Find the scheme of a layer in the first of the corpora, given as sentences, that has it."""
    column = store.columns[name]
    for places in corpora:
        sentences = Sentences(store, places)
        rows = column.rows[sentences.token_places()]
        if (rows != NO_TAG).any():
            return detect_scheme_of_rows(rows, sentences.lengths, column.names)
    raise DataError(f"No training data has the layer {name!r}.", remedy="Leave the layer out, or add data with it.")


def occurring_labels(sentences: Sentences, layer: Layer) -> frozenset[str] | None:
    """Collect the labels that occur in a layer; None if no sentence has the layer."""
    column = sentences.store.columns.get(layer.name)
    rows = np.unique(column.rows[sentences.token_places()]) if column else np.zeros(0, np.int32)
    tags = [column.names[row] for row in rows if row != NO_TAG] if column else []
    if not tags:
        return None
    return frozenset(split_label(tag, layer.scheme) for tag in tags if tag != OUTSIDE or not layer.gives_spans)


def with_legal_tags(
    store: TokenStore, name: str, scheme: Scheme, repairs: list[TagRepair], mixed: bool = False
) -> TokenStore:
    """Return the tokens with the tags of a layer legal in the scheme.

    Tags of a file in another scheme are converted if they have letters that the scheme lacks or, with ``mixed``,
    always; other illegal tags are repaired, which is added to ``repairs``.

    Raises DataError: a file has plain tags where spans are needed, or the other way round.
    """
    column = store.columns[name]
    changed: dict[int, Sequence[str]] = {}  # sentence → its new tags
    for source in range(len(store.paths)):
        sentences = Sentences(store, np.flatnonzero(store.sources == source))
        rows = column.rows[sentences.token_places()]
        if not (rows != NO_TAG).any():
            continue
        illegal = illegal_sentences(rows, sentences.lengths, column.names, scheme)
        source_scheme = scheme
        if len(illegal) or (mixed and scheme in LOOSE):
            source_scheme = _source_scheme(rows, sentences, column, scheme, mixed)
        if source_scheme is not scheme:
            illegal = illegal_sentences(rows, sentences.lengths, column.names, source_scheme)
        for index in range(len(sentences)) if source_scheme is not scheme else illegal.tolist():
            legal = repaired(sentences[index], name, source_scheme, sentences.path_of(index), repairs)
            changed[int(sentences.places[index])] = convert_tags(legal.layers[name], source_scheme, scheme)
    return Sentences(store).with_tags(name, changed).store if changed else store


def _source_scheme(rows: Rows, sentences: Sentences, column: TagColumn, scheme: Scheme, mixed: bool) -> Scheme:
    """The scheme to read a file's tags by: that of the layer, unless the file is plainly in another."""
    detected = detect_scheme_of_rows(rows, sentences.lengths, column.names)
    names = [column.names[row] for row in np.unique(rows) if row != NO_TAG]
    if detected is scheme or not (mixed or any(not belongs(name, scheme) for name in names)):
        return scheme
    if Scheme.PLAIN in (detected, scheme):
        raise DataError(
            f"This file's tags are {_kind(detected)}, where {_kind(scheme)} are needed.",
            remedy="Choose the column or layer that holds the labels with --column or --layer.",
            path=sentences.path_of(0),
        )
    return detected


def _kind(scheme: Scheme) -> str:
    return "plain tags" if scheme is Scheme.PLAIN else f"spans in the scheme {scheme}"
