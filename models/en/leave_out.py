"""What each corpus adds: quick models without it, and how well they do on a domain of which they have seen nothing.

    TAGSMITH_DATA=… python models/en/leave_out.py --vectors glove-6b-100d.txt.gz [--every 6] [--epochs 3]

Trains a model on all corpora (twice, so that the difference says what chance does), one without each corpus, and one
without each domain of several corpora. Writes each result to ``results/leave_out.json`` as soon as it is there, goes on
from what that holds if it is of the same N and epochs, and prints the tables of ``results/leave_out.md``. All models
have the vectors that the vocabulary of all corpora chooses. Unlike ``train.py``, it reads no corpus twice in an epoch.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import tagsmith
from english_corpora import NER, SOURCES, UPOS, data_folder, read, word_counts
from few_vectors import write_few_vectors
from scores import COLUMNS, corpus_scores

RESULTS = Path(__file__).parent / "results" / "leave_out.json"
SPACY = RESULTS.with_name("spacy.json")  # beside_spacy.py writes it
DOMAINS: Mapping[str, tuple[str, ...]] = {
    "web": ("uner_ewt",),
    "several genres": ("gum",),
    "Wikipedia": ("redocred", "wikigold", "crossner", "fewnerd"),
    "conflict reports": ("re3d",),
    "tweets": ("btc", "tweebank", "wnut17"),
    "Sri Lankan government": ("multiner",),
    "contracts": ("sec_filings",),
}
ALL, AGAIN = "all", "all, another seed"
Scores = Mapping[str, Mapping[str, float]]  # corpus → column → percent


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--vectors", type=Path, required=True, help="a file of pretrained word vectors")
    parser.add_argument("--every", type=int, default=6, metavar="N", help="train on every N-th sentence")
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    recipe = {"every": given.every, "epochs": given.epochs}
    before = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    is_same = all(before.get(field) == value for field, value in recipe.items())
    results: dict[str, Scores] = before["scores"] if is_same else {}
    runs = {ALL: (), AGAIN: (), **{name: (name,) for name in SOURCES}}
    runs |= {name: corpora for name, corpora in DOMAINS.items() if len(corpora) > 1}
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "vectors.txt"
        for name, without in runs.items():
            if name in results:
                continue
            if not few.exists():
                write_few_vectors(given.vectors, few, word_counts(read(data_folder(), silver_dates=True)), 120_000)
            seed = 2 if name == AGAIN else 1
            results[name] = _scores_without(without, few, Path(folder), given.every, given.epochs, seed)
            RESULTS.write_text(json.dumps({**recipe, "scores": results}, indent=1) + "\n", "utf-8")
    print(corpora_table(results), domains_table(results), sep="\n\n")


def _scores_without(
    without: Sequence[str], vectors: Path, folder: Path, every: int, epochs: int, seed: int
) -> dict[str, dict[str, float]]:
    """Train without some corpora, and score the dev sentences of all; those left out also as a whole."""
    english = read(data_folder(), without, silver_dates=True)
    tagger = tagsmith.train(
        [sentences[::every] for sentences in english.train()],
        dev=[sentences[::every] for sentences in english.dev()],
        out=folder / "model",
        recipe={"epochs": epochs, "least_steps": 1, "batch_tokens": 640, "average_epochs": 1.0},
        vectors=vectors,
        seed=seed,
        partial=True,
        layer=(NER, UPOS),
        force=True,
    )
    scores = {name: corpus_scores(tagger, name, parts.dev) for name, parts in english.corpora.items()}
    for name, parts in english.unseen.items():
        scores[name] = corpus_scores(tagger, name, parts.dev)
        scores[f"{name}, whole"] = corpus_scores(tagger, name, [*parts.train, *parts.dev])
    return scores


def corpora_table(results: Mapping[str, Scores]) -> str:
    """Return what the dev scores of the others lose without each corpus, and its own, in Markdown."""
    rows = [
        "| without | its dev F1 | without it | the others' dev F1 | without it | loss |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    again, everything = results[AGAIN], results[ALL]
    rows.append(f"| nothing, another seed |  |  | {_mean(everything)} | {_mean(again)} | {_loss(everything, again)} |")
    for name in everything:
        without = results[name]
        others = {other: scores for other, scores in without.items() if other not in (name, f"{name}, whole")}
        rows.append(
            f"| {name} | {everything[name]['F1']:.1f} | {without[name]['F1']:.1f} "
            f"| {_mean({other: everything[other] for other in others})} | {_mean(others)} "
            f"| {_loss({other: everything[other] for other in others}, others)} |"
        )
    return "\n".join(rows)


def domains_table(results: Mapping[str, Scores]) -> str:
    """Return the scores on each domain, as a whole, of a model that has seen nothing of it, in Markdown.

    Beside the F1 of names is that of spaCy's small pipeline, which has not seen it either.
    """
    spacy: Scores = json.loads(SPACY.read_text("utf-8"))["scores"]
    head = " | ".join(COLUMNS)
    rows = [f"| domain | corpus | names | names, spaCy | {head} |", f"|---|---|{'--:|' * (len(COLUMNS) + 2)}"]
    for domain, corpora in DOMAINS.items():
        for name in corpora:
            scores, whole = results[domain if len(corpora) > 1 else name], f"{name}, whole"
            cells = [scores[whole]["names"], spacy.get(whole, {}).get("names"), *map(scores[whole].get, COLUMNS)]
            rows.append(f"| {domain} | {name} | {' | '.join('' if x is None else f'{x:.1f}' for x in cells)} |")
    return "\n".join(rows)


def _f1(scores: Scores) -> float:
    return sum(each["F1"] for each in scores.values()) / len(scores)


def _mean(scores: Scores) -> str:
    return f"{_f1(scores):.1f}"


def _loss(before: Scores, after: Scores) -> str:
    return f"{_f1(before) - _f1(after):+.1f}"


if __name__ == "__main__":
    main()
