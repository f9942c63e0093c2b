"""Where the layers of a model go in a spaCy ``Doc``, and how spaCy scores them there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from spacy.parts_of_speech import IDS as PARTS_OF_SPEECH
from spacy.pipeline.span_ruler import overlapping_labeled_spans_score
from spacy.scorer import Scorer, get_ner_prf

from tagsmith.errors import DataError
from tagsmith.text.layer import Layer

Targets = dict[str, list[str]]  # layer → where its tags or spans go
SPANS, CUSTOM = "spans:", "_."  # before the key of a span group, and the name of a token's custom attribute
WHITE_SPACE = {"tag": "_SP", "pos": "SPACE"}  # how spaCy tags its tokens of white space


def default_targets(layers: Sequence[Layer]) -> Targets:
    """Where each layer goes by default.

    The first layer of spans goes to ``doc.ents``, others to ``doc.spans``. The first plain layer whose tags are all
    universal parts of speech goes to ``token.pos_``, the first other one to ``token.tag_``. Further ones become custom
    attributes of tokens. Spans and attributes have the name of their layer.
    """
    targets: Targets = {}
    for layer in layers:
        choices = ["ents", SPANS + layer.name] if layer.gives_spans else ["tag", CUSTOM + layer.name]
        if not layer.gives_spans and layer.name != "xpos" and PARTS_OF_SPEECH.keys() >= set(layer.labels):
            choices.insert(0, "pos")
        targets[layer.name] = [next(choice for choice in choices if [choice] not in targets.values())]
    return targets


def checked_targets(layers: Sequence[Layer], wanted: Targets | None) -> Targets:
    """Return where each layer goes.

    Raises DataError: there is no such layer, or its tags cannot go there.
    """
    if wanted is None:
        return default_targets(layers)
    known = {layer.name: layer for layer in layers}
    for name, where in wanted.items():
        if name not in known:
            raise DataError(f"this model gives no layer {name!r}.", remedy=f"Its layers: {', '.join(known)}.")
        for target in where:
            _check_target(known[name], target)
    places = list(chain.from_iterable(wanted.values()))
    if twice := [target for target in places if places.count(target) > 1]:
        raise DataError(f"two layers go to {twice[0]!r}.", remedy="Give each layer another place.")
    return wanted


def _check_target(layer: Layer, target: str) -> None:
    if layer.gives_spans:
        if target != "ents" and not re.fullmatch(SPANS + ".+", target):
            remedy = f'Choose "ents" or "{SPANS}KEY".'
            raise DataError(f"the layer {layer.name!r} has spans, which cannot go to {target!r}.", remedy=remedy)
        return
    if target not in WHITE_SPACE and not re.fullmatch(re.escape(CUSTOM) + ".+", target):
        remedy = f'Choose "tag", "pos" or "{CUSTOM}NAME".'
        raise DataError(f"the layer {layer.name!r} has plain tags, which cannot go to {target!r}.", remedy=remedy)
    if target == "pos" and (others := sorted(set(layer.labels) - set(PARTS_OF_SPEECH))):
        problem = f"the tag {others[0]!r} of the layer {layer.name!r} is no universal part of speech."
        raise DataError(problem, remedy=f'Choose "tag" or "{CUSTOM}NAME" for this layer.')


def score_component(examples: Iterable[Any], *, targets: Targets | None = None, **options: Any) -> dict[str, Any]:
    """Score what the component wrote as spaCy's own components do: entities, span groups, tags, parts of speech."""
    scores: dict[str, Any] = {}
    for target in chain.from_iterable((targets or {}).values()):
        if target == "ents":
            scores |= get_ner_prf(examples)
        elif target.startswith(SPANS):
            scores |= overlapping_labeled_spans_score(examples, spans_key=target.removeprefix(SPANS))
        elif target in WHITE_SPACE:
            scores |= Scorer.score_token_attr(examples, target)
    return scores


def make_scorer() -> Callable[..., dict[str, Any]]:
    """Return the function that scores what the component wrote."""
    return score_component
