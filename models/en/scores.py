"""How well an English model does on each corpus, and on those that it has not seen.

TAGSMITH_DATA=… python models/en/scores.py MODEL [--without CORPUS …] [--tests]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import tagsmith
from english_corpora import NER, SOURCES, UPOS, English, data_folder, read
from layouts import UNKNOWN, Labeled
from tagsmith.scores.scores import score_tags
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme
from tagsmith.training.measure import only_known

HEAD = ("| corpus | F1 | PERSON | LOCATION | ORGANIZATION | DATE | upos |", "|---|--:|--:|--:|--:|--:|--:|")
LABELS = ("PERSON", "LOCATION", "ORGANIZATION", "DATE")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--without", nargs="+", default=[], metavar="CORPUS", help="corpora that it has not seen")
    parser.add_argument("--tests", action="store_true", help="score the official tests: once, of a finished model")
    given = parser.parse_args()
    english, tagger = read(data_folder(), given.without), tagsmith.load(given.model)
    print(scores_of_tests(tagger, english) if given.tests else scores_by_corpus(tagger, english))


def scores_by_corpus(tagger: Tagger, english: English) -> str:
    """Return a table in Markdown, in percent: F1 by label, and the accuracy of parts of speech.

    Of corpora in training these are dev scores; those left out are scored as a whole.
    """
    rows = [*HEAD]
    for name, parts in english.corpora.items():
        rows.append(_row(tagger, name, parts.dev))
    for name, parts in english.unseen.items():
        rows.append(_row(tagger, f"{name}, left out", [*parts.train, *parts.dev]))
    return "\n".join(rows)


def scores_of_tests(tagger: Tagger, english: English) -> str:
    """Return the same table of the official tests, which no training has seen."""
    tests = {name: parts.test for name, parts in english.corpora.items() if _has_names(parts.test)}
    return "\n".join([*HEAD, *(_row(tagger, f"{name}, test", sentences) for name, sentences in tests.items())])


def _has_names(sentences: Sequence[Labeled]) -> bool:
    return any(tag not in ("O", UNKNOWN) for sentence in sentences for tag in sentence.ner or ())


def _row(tagger: Tagger, name: str, sentences: Sequence[Labeled]) -> str:
    """Score what the corpus knows: predicted spans of other labels, or with an unknown token, do not count."""
    predicted = tagger.tag_layers([sentence.words for sentence in sentences])
    knows = SOURCES[name.partition(",")[0]].knows
    gold, found = [], []
    for sentence, tags in zip(sentences, predicted[NER], strict=True):
        ner = sentence.ner or ()
        unknown = [i for i, tag in enumerate(ner) if tag == UNKNOWN]
        gold.append(only_known(["O" if tag == UNKNOWN else tag for tag in ner], knows, Scheme.IOB2))
        found.append(only_known(tags, knows, Scheme.IOB2, unknown))
    scores = score_tags(gold, found, scheme=Scheme.IOB2)
    types = [
        f"{100 * scores.types[label].f1:.1f}" if label in knows and label in scores.types else "" for label in LABELS
    ]
    upos = ""
    if SOURCES[name.partition(",")[0]].has_upos:
        right = sum(
            a == b
            for s, tags in zip(sentences, predicted[UPOS], strict=True)
            for a, b in zip(s.upos or (), tags, strict=True)
        )
        upos = f"{100 * right / sum(len(sentence.words) for sentence in sentences):.1f}"
    return f"| {name} | {100 * scores.f1:.1f} | {' | '.join(types)} | {upos} |"


if __name__ == "__main__":
    main()
