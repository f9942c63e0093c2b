"""Train the English tagger: one command from ``TAGSMITH_DATA`` to a model folder, with the same digests every time.

    TAGSMITH_DATA=… python models/en/train.py --vectors glove-6b-100d.txt.gz --out en [--preset balanced]
        [--set field=value …] [--seed 1] [--without CORPUS …]

Prints the dev scores of each corpus at the end, and of those left out with ``--without``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import tagsmith
from english_corpora import NER, UNSEEN, UPOS, data_folder, read, word_counts
from few_vectors import write_few_vectors
from scores import scores_by_corpus

TWICE = ("uner_ewt", "gum")  # read twice in an epoch: they alone have parts of speech, in a fifth of all tokens
RECIPE = {"epochs": 10, "least_steps": 1, "batch_tokens": 640}  # what is not the preset's


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--vectors", type=Path, required=True, help="a file of pretrained word vectors")
    parser.add_argument("--most-vectors", type=int, default=120_000, metavar="N", help="vectors to keep")
    parser.add_argument("--preset", default="balanced", choices=("fast", "balanced", "accurate"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field of the recipe"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=UNSEEN, metavar="CORPUS", help="corpora to leave out")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="train on every N-th sentence: to try it out")
    parser.add_argument("--force", action="store_true", help="replace a model, or give up an unfinished run")
    parser.add_argument("--resume", action="store_true", help="continue an unfinished run")
    given = parser.parse_args()
    english = read(data_folder(), given.without, silver_dates=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    few = given.out.with_name(f"{given.out.name}.vectors.txt")
    write_few_vectors(given.vectors, few, word_counts(english), given.most_vectors)
    train = english.train()
    train += [sentences for name, sentences in zip(english.corpora, train, strict=False) if name in TWICE]
    tagger = tagsmith.train(
        [sentences[:: given.every] for sentences in train],
        dev=english.dev(),
        out=given.out,
        preset=given.preset,
        recipe={**RECIPE, **dict(map(_setting, given.set))},
        vectors=few,
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


if __name__ == "__main__":
    main()
