"""Every tag sequence of a short sentence with its score or probability, by the network written plainly in NumPy."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np

from reference_tagger import encode_form, sentence_emissions
from tagsmith.tagging.chain import constrained_chain
from tagsmith.text.schemes import Scheme, allowed_transitions


def every_score(model, sentence) -> dict[tuple[int, ...], float]:
    """Score of every tag sequence; illegal ones at about -1e9."""
    forms = model.vocabulary.encode(sentence)
    encodings = [encode_form(forms, n, model.weights, model.architecture) for n in range(len(sentence))]
    emissions = sentence_emissions(np.stack(encodings), model.weights, model.architecture)
    weights = {f"crf/{part}": model.weights[f"crf/0/{part}"] for part in ("start", "between", "end")}
    chain = constrained_chain(allowed_transitions(model.layers[0].tags, Scheme.BIOES), weights)
    return {
        tags: chain.start[tags[0]]
        + chain.end[tags[-1]]
        + sum(emissions[t, tag] for t, tag in enumerate(tags))
        + sum(np.float64(chain.between[a, b]) for a, b in pairwise(tags))
        for tags in product(range(len(model.layers[0].tags)), repeat=len(sentence))
    }


def probabilities(model, sentence) -> dict[tuple[str, ...], float]:
    """Probability of every legal sequence of inner tags."""
    scores = {tags: score for tags, score in every_score(model, sentence).items() if score > -1e8}
    top = max(scores.values())
    total = sum(np.exp(score - top) for score in scores.values())
    return {
        tuple(model.layers[0].tags[row] for row in tags): np.exp(score - top) / total for tags, score in scores.items()
    }
