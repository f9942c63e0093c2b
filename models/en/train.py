"""Train the English tagger: one command from ``TAGSMITH_DATA`` to a model folder, with the same digests every time.

    TAGSMITH_DATA=… python models/en/train.py --vectors glove-6b-100d.txt.gz --out en [--preset balanced]
        [--set field=value …] [--seed 1] [--without CORPUS …] [--silver-dates]

Prints the dev scores of each corpus at the end, and of those left out with ``--without``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tagsmith
from english_corpora import NER, SOURCES, UPOS, English, data_folder, read
from layouts import UNKNOWN, Labeled
from tagsmith.scores.scores import score_tags
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme
from tagsmith.training.measure import only_known


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--vectors", type=Path, help="a file of pretrained word vectors")
    parser.add_argument("--preset", default="balanced", choices=("fast", "balanced", "accurate"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of the recipe"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", nargs="+", default=[], metavar="CORPUS", help="corpora to leave out")
    parser.add_argument("--silver-dates", action="store_true", help="date corpora without dates by rule")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="train on every N-th sentence: to try it out")
    parser.add_argument("--force", action="store_true", help="replace a model, or give up an unfinished run")
    parser.add_argument("--resume", action="store_true", help="continue an unfinished run")
    given = parser.parse_args()
    english = read(data_folder(), given.without, silver_dates=given.silver_dates)
    tagger = tagsmith.train(
        [sentences[:: given.every] for sentences in english.train()],
        dev=english.dev(),
        out=given.out,
        preset=given.preset,
        recipe=dict(map(_setting, given.set)),
        vectors=given.vectors,
        seed=given.seed,
        partial=True,
        layer=(NER, UPOS),
        force=given.force,
        resume=given.resume,
    )
    print(scores_by_corpus(tagger, english))


def _setting(text: str) -> tuple[str, Any]:
    field, _, value = text.partition("=")
    try:
        return field, json.loads(value)
    except json.JSONDecodeError:
        return field, value


def scores_by_corpus(tagger: Tagger, english: English) -> str:
    """Return a table of dev scores in Markdown: F1 by label, and the accuracy of parts of speech."""
    rows = ["| corpus | F1 | PERSON | LOCATION | ORGANIZATION | DATE | upos |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, parts in english.corpora.items():
        rows.append(_row(tagger, name, parts.dev))
    for name, parts in english.unseen.items():
        rows.append(_row(tagger, f"{name}, left out", [*parts.train, *parts.dev]))
    return "\n".join(rows)


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
    types = [f"{100 * scores.types[label].f1:.1f}" if label in knows else "" for label in _LABELS]
    upos = ""
    if SOURCES[name.partition(",")[0]].has_upos:
        right = sum(
            a == b
            for s, tags in zip(sentences, predicted[UPOS], strict=True)
            for a, b in zip(s.upos or (), tags, strict=True)
        )
        upos = f"{100 * right / sum(len(sentence.words) for sentence in sentences):.1f}"
    return f"| {name} | {100 * scores.f1:.1f} | {' | '.join(types)} | {upos} |"


_LABELS = ("PERSON", "LOCATION", "ORGANIZATION", "DATE")


if __name__ == "__main__":
    main()
