"""A tagger whose probabilities a test writes down word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme

LABELS = ("DATE", "ORG", "PERSON")


class StubTagger:
    """Gives each word a fixed probability of each label, as a span by itself or, after ``+``, going on.

    ``words`` maps a word in lower case to ``{"PERSON": 0.9}``, or ``{"+PERSON": 0.9}``.
    """

    layers = ("ner",)

    def __init__(self, words: Mapping[str, Mapping[str, float]], scheme: Scheme = Scheme.IOB2) -> None:
        self._words, self._layer = words, Layer("ner", scheme, LABELS)
        self.most_tokens = 0  # of one call

    def layer(self, name: str | None = None) -> Layer:
        return self._layer

    def tag_marginals(self, sentences: Sequence[Sequence[str]], *, layer: str | None = None) -> list[np.ndarray]:
        self.most_tokens = max(self.most_tokens, sum(map(len, sentences)))
        return [self._marginals(words) for words in sentences]

    def _marginals(self, words: Sequence[str]) -> np.ndarray:
        tags = self._layer.tags
        answer = np.zeros((len(words), len(tags)))
        for row, word in enumerate(words):
            for label, probability in self._words.get(word.lower(), {}).items():
                tag = (
                    label if not self._layer.gives_spans else label.replace("+", "I-") if "+" in label else f"S-{label}"
                )
                answer[row, tags.index(tag)] = probability
        if self._layer.gives_spans:
            answer[:, 0] = 1 - answer.sum(axis=1)
        return answer
