"""Redactor: what a tagger finds in a text, replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from tagsmith.corpus.sources import Data, parts_of, read_file, read_sentences
from tagsmith.errors import DataError
from tagsmith.formats.options import read_options
from tagsmith.redaction.found import SURE, LabelColumns, Marks, Repeats
from tagsmith.redaction.redacted import Redacted, Replacement
from tagsmith.redaction.ways import Placeholders, Replace, way_of_replacing
from tagsmith.tagging.chain import Doubles
from tagsmith.tagging.labeled import gold_tags
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.arguments import shown
from tagsmith.text.document import Document
from tagsmith.text.schemes import tags_to_spans
from tagsmith.text.tokenizer import words_and_starts

THRESHOLD = 0.1
REPEATS = 4  # characters of the shortest text that is looked for in the rest of a document
RECALL = 0.99
_BLOCK = 1 << 22  # probabilities that are computed together
_LONGEST = 8192  # tokens of a sentence that are read together
_AROUND = 64  # tokens on either side of a piece of a longer one

WordsAndStarts = tuple[Sequence[str], Sequence[int]]


class Redactor:
    """Replaces what a tagger finds: ``Redactor(tagger)("Anna left.").text`` is ``"[PERSON_1] left."``.

    A token is replaced if it carries one of the chosen labels with at least the probability ``threshold``, so a low
    threshold misses less and replaces more that is harmless. No threshold finds everything.

    Parameters
    ----------
    tagger
        What :func:`tagsmith.load` returns.
    labels
        The labels to replace; by default all labels of the layer, if it gives spans.
    layer
        The layer that has them; by default the first that gives spans, or else the first.
    replacement
        ``"placeholder"``: ``[PERSON_1]``, numbered in each document. ``"label"``: ``[PERSON]``. ``"surrogate"``: a text
        of the same kind. ``"hash"``: ``PERSON-`` and 16 hexadecimal digits that depend on the text and the key alone.
        Texts that differ only in case or white space count as the same.
    key
        At least 16 bytes. A hash needs it; surrogates are the same in every run that has it.
    threshold
        Above 0, at most 1.
    repeats
        What was found once with a probability of at least 0.5, and has at least so many characters, is replaced
        wherever it occurs in the document. 0: it is not looked for.

    Raises
    ------
    DataError
        There is no such label, layer or replacement, or a number or a key is impossible.
    """

    def __init__(
        self,
        tagger: Tagger,
        *,
        labels: Iterable[str] | None = None,
        layer: str | None = None,
        replacement: str = "placeholder",
        key: bytes | None = None,
        threshold: float = THRESHOLD,
        repeats: int = REPEATS,
    ) -> None:
        if not hasattr(tagger, "tag_marginals"):
            raise DataError(f"The tagger is {shown(tagger)}.", remedy='Load one: Redactor(tagsmith.load("model/")).')
        if layer is None:
            layer = next((name for name in tagger.layers if tagger.layer(name).gives_spans), None)
        self._tagger, self.layer = tagger, tagger.layer(layer)
        self.labels = _chosen(labels, self.layer.labels, self.layer.gives_spans)
        self.threshold, self.repeats = _probability("threshold", threshold), repeats
        if not isinstance(repeats, int) or repeats < 0:
            raise DataError(f"repeats is {repeats!r}.", remedy="It is a number of characters; 0 finds no repeats.")
        self._columns = LabelColumns(self.layer, self.labels)
        self._replace = way_of_replacing(replacement, key)

    def __call__(self, text: str) -> Redacted:
        """Redact one text."""
        return self.redact_texts([text])[0]

    def redact_texts(self, texts: Iterable[str], *, together: bool = False) -> list[Redacted]:
        """Redact several texts, which is faster than one call for each.

        Each is a document by itself, unless they are ``together``, such as the title and the body of a letter.
        """
        texts = list(texts)
        cut = [_cut(text) for text in texts]
        marks = self._marks([words for sentences in cut for words, _ in sentences])
        pairs = list(zip(texts, cut, strict=True))
        documents = [pairs] if together else [[pair] for pair in pairs]
        return [
            redacted
            for document in documents
            for redacted in self._document(document, marks, self._replace or Placeholders())
        ]

    def redact_parts(self, parts: Iterable[str]) -> Iterator[Redacted]:
        """Redact one long text that comes in parts, without holding it in memory.

        Placeholders are numbered throughout; repeats are looked for in their own part only. Cut the text where a
        paragraph or at least a sentence ends.
        """
        replace = self._replace or Placeholders()
        for text in parts:
            cut = _cut(text)
            yield from self._document([(text, cut)], self._marks([words for words, _ in cut]), replace)

    def threshold_for(self, data: Data, recall: float = RECALL, **options: Any) -> float:
        """Return the highest threshold that finds this share of the labeled characters of some data.

        Parameters
        ----------
        data
            Labeled data that the model was not trained on, as for :meth:`Tagger.evaluate`.
        recall
            Above 0, at most 1.
        options
            How to read files, as for :meth:`Tagger.evaluate`.

        Raises
        ------
        DataError
            The data cannot be read, or hold none of the labels.
        """
        _probability("recall", recall)
        probabilities, characters = list[Doubles](), list[Doubles]()
        labeled = list(self._labeled(data, options))
        for (_, own), marginals in zip(labeled, self._marginals([words for words, _ in labeled]), strict=True):
            probabilities.append(self._columns.probabilities(marginals))
            characters.append(own)
        sensitive = np.concatenate(characters) if characters else np.empty(0)
        if not sensitive.sum():
            raise DataError("these data hold none of the labels.", remedy=f"Labels: {', '.join(self.labels)}.")
        scores = np.concatenate(probabilities)
        order = np.argsort(-scores, kind="stable")
        sums = np.cumsum(sensitive[order])
        last = int(np.searchsorted(sums, recall * sums[-1] * (1 - 1e-12)))
        return float(np.clip(scores[order[last]], np.finfo(float).tiny, 1.0))

    def _labeled(self, data: Data, options: Mapping[str, Any]) -> Iterator[tuple[Sequence[str], Doubles]]:
        """Yield the words of each sentence, and how many characters of each are labeled, (tokens,).

        A text is cut into sentences as if it had no labels, because that is how it is redacted.
        """
        options = {"layer": self.layer.name, **options}
        others = []
        for part in parts_of(data):
            items = part.items if part.file is None else read_file(part.file, read_options(**options))
            for item in items:
                if isinstance(item, Document) and item.spans:
                    yield from self._labeled_in_text(item)
                else:
                    others.append(item)
        sentences = read_sentences(others, layer=options["layer"]) if others else []
        tags = gold_tags([next(iter(sentence.layers.values())) for sentence in sentences], self.layer)
        for sentence, own in zip(sentences, tags, strict=True):
            characters = np.zeros(len(sentence))
            for token in self._labeled_tokens(own):
                characters[token] = len(sentence.words[token])
            yield sentence.words, characters

    def _labeled_in_text(self, document: Document) -> Iterator[tuple[Sequence[str], Doubles]]:
        inside = np.zeros(len(document.text) + 1)
        for span in document.layer_spans.get(self.layer.name, document.spans):
            if span.label in self.labels:
                inside[max(span.start, 0) + 1 : max(span.end, 0) + 1] = 1
        before = inside.cumsum()  # labeled characters before each offset
        for words, starts in words_and_starts(document.text):
            first = np.array(starts)
            yield words, before[first + np.array([len(word) for word in words])] - before[first]

    def _labeled_tokens(self, tags: Sequence[str]) -> list[int]:
        """The tokens that carry one of the labels."""
        if not self.layer.gives_spans:
            return [token for token, tag in enumerate(tags) if tag in self.labels]
        spans = tags_to_spans(tags, self.layer.scheme)
        return [token for span in spans if span.label in self.labels for token in range(span.start, span.end)]

    def _marks(self, sentences: Sequence[Sequence[str]]) -> Iterator[Marks]:
        for marginals in self._marginals(sentences):
            yield self._columns.marks(marginals, self.threshold)

    def _marginals(self, sentences: Sequence[Sequence[str]]) -> Iterator[Doubles]:
        """Yield the probability of each tag at each token, (tokens, tags), sentence after sentence."""
        most = max(1, _BLOCK // len(self.layer.tags))
        block, size = list[Sequence[str]](), 0
        for sentence in sentences:
            if block and size + len(sentence) > most:
                yield from self._tagger.tag_marginals(block, layer=self.layer.name)
                block, size = [], 0
            if len(sentence) > _LONGEST:
                yield from self._tagger.tag_marginals(block, layer=self.layer.name)
                block, size = [], 0
                yield self._long(sentence)
                continue
            block.append(sentence)
            size += len(sentence)
        yield from self._tagger.tag_marginals(block, layer=self.layer.name)

    def _long(self, sentence: Sequence[str]) -> Doubles:
        """Read a long sentence piece by piece, each with the tokens around it."""
        pieces = []
        for first in range(0, len(sentence), _LONGEST):
            begin = max(0, first - _AROUND)
            (marginals,) = self._tagger.tag_marginals(
                [sentence[begin : first + _LONGEST + _AROUND]], layer=self.layer.name
            )
            pieces.append(marginals[first - begin : first - begin + _LONGEST])
        return np.concatenate(pieces)

    def _document(
        self, texts: Sequence[tuple[str, Sequence[WordsAndStarts]]], marks: Iterator[Marks], replace: Replace
    ) -> list[Redacted]:
        """Redact the texts of one document, each given with its sentences; ``marks`` begins with those of the first."""
        marked = [[(words, starts, next(marks)) for words, starts in sentences] for _, sentences in texts]
        if self.repeats:
            repeats = Repeats(self.repeats)
            for words, _, found in chain.from_iterable(marked):
                repeats.learn(words, list(found.spans()))
            for words, _, found in chain.from_iterable(marked):
                repeats.mark(words, found)
        if isinstance(replace, Placeholders):
            for text, _ in texts:
                replace.avoid(text)
        return [
            _replaced(text, self._spans(text, sentences), replace)
            for (text, _), sentences in zip(texts, marked, strict=True)
        ]

    def _spans(
        self, text: str, sentences: Iterable[tuple[Sequence[str], Sequence[int], Marks]]
    ) -> Iterator[tuple[int, int, str, float]]:
        """Yield start, end, label and score of what is to be replaced, in characters."""
        for words, starts, marks in sentences:
            for first, after, label, score in marks.spans():
                start, end = starts[first], starts[after - 1] + len(words[after - 1])
                # A comma alone says nothing, unless the model is sure that it is meant.
                if score >= SURE or any(map(str.isalnum, text[start:end])):
                    yield start, end, self.labels[label], score


def _replaced(text: str, spans: Iterable[tuple[int, int, str, float]], replace: Replace) -> Redacted:
    pieces, replacements = list[str](), list[Replacement]()
    done, size = 0, 0  # characters of the original and of the redacted text
    for start, end, label, score in spans:
        new = replace(label, text[start:end])
        size += start - done
        pieces += [text[done:start], new]
        replacements.append(Replacement(start, end, size, size + len(new), label, score))
        done, size = end, size + len(new)
    pieces.append(text[done:])
    return Redacted("".join(pieces), tuple(replacements))


def _cut(text: str) -> Sequence[WordsAndStarts]:
    if not isinstance(text, str):
        raise DataError(f"a {type(text).__name__} is no text.", remedy="Give a string.")
    return words_and_starts(text)


def _chosen(labels: Iterable[str] | None, known: Sequence[str], gives_spans: bool) -> tuple[str, ...]:
    if labels is None and not gives_spans:
        raise DataError("this layer gives every token a label.", remedy=f"Choose labels from {', '.join(known)}.")
    if isinstance(labels, str):
        raise DataError(f"The labels are {shown(labels)}, not a list.", remedy=f"Write labels=[{labels!r}].")
    chosen = tuple(dict.fromkeys(known if labels is None else labels))
    if unknown := [label for label in chosen if label not in known]:
        raise DataError(f"there is no label {unknown[0]!r}.", remedy=f"Labels: {', '.join(known)}.")
    if not chosen:
        raise DataError("no label is chosen.", remedy=f"Labels: {', '.join(known)}.")
    return chosen


def _probability(name: str, value: float) -> float:
    if not isinstance(value, int | float) or not 0 < value <= 1:
        raise DataError(f"the {name} is {value!r}.", remedy="It must be above 0, and at most 1.")
    return value
