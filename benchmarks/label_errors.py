"""Likely label errors: how many of those that were put into the data `tagsmith inspect --find-errors` finds.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/label_errors.py --corrupt bc5cdr --sentences 4560
    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/label_errors.py --corrupt snips --seed 7
    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/label_errors.py --corrupt wikigold --seed 8
    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/label_errors.py --as-is bc5cdr
    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/label_errors.py --as-is wnut17 --sentences 3394

Takes training sentences, drawn by a seed, and corrupts 2 % of their spans: drops a span, changes its label, moves one
of its boundaries by a token, or adds a span of one token beside it, each a quarter of the time. Then it counts how many
of the corrupted places are among the most suspicious n, 2n and 3n of n corrupted ones. The ranking was chosen on snips
and wikigold. With ``--as-is`` it lists the most suspicious places of the data as they are. Writes
``benchmarks/results/label_errors.json``, and keeps what is there of other corpora.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from corpora import Files, corpora, vectors
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import Scheme, TokenSpan, detect_scheme, repair_tags, spans_to_tags, tags_to_spans
from tagsmith.training.label_errors import LabelErrors, find_label_errors

RESULTS = Path(__file__).parent / "results" / "label_errors.json"
KINDS = ("drop", "label", "boundary", "spurious")
LISTED = 60  # most suspicious places of data as they are
Spans = list[TokenSpan]


class Corrupted(NamedTuple):
    """Tokens of a sentence that were given another labeling."""

    sentence: int
    start: int
    end: int
    kind: str


def corrupt(words: Sequence[Sequence[str]], spans: Sequence[Spans], share: float, seed: int) -> list[Corrupted]:
    """Change a share of the spans in place, at most one a sentence; return where."""
    rng = random.Random(seed)
    labels = sorted({span.label for own in spans for span in own})
    every = [(sentence, number) for sentence, own in enumerate(spans) for number in range(len(own))]
    wanted, done = round(share * len(every)), dict[int, Corrupted]()
    rng.shuffle(every)
    for sentence, number in every:
        if len(done) == wanted:
            break
        kind = KINDS[len(done) % len(KINDS)]
        if sentence in done or not (place := _change(spans[sentence], number, kind, len(words[sentence]), labels, rng)):
            continue
        done[sentence] = Corrupted(sentence, *place, kind)
    return list(done.values())


def _change(
    own: Spans, number: int, kind: str, length: int, labels: Sequence[str], rng: random.Random
) -> tuple[int, int] | None:
    """Change one span of a sentence; return the tokens at which its labeling differs now, or None: not possible."""
    start, end, label = span = own[number]
    taken = {token for other in own if other != span for token in range(other.start, other.end)}
    if kind == "drop":
        del own[number]
        return start, end
    if kind == "label":
        own[number] = TokenSpan(start, end, rng.choice([other for other in labels if other != label]))
        return start, end
    if kind == "boundary":
        moved = [(start + a, end + b) for a, b in ((-1, 0), (1, 0), (0, -1), (0, 1))]
        moved = [(a, b) for a, b in moved if 0 <= a < b <= length and not taken & set(range(a, b))]
        if not moved:
            return None
        own[number] = TokenSpan(*(new := rng.choice(moved)), label)
        return min(start, new[0]), max(end, new[1])
    free = [token for token in range(length) if token not in taken and not start <= token < end]
    if not free:
        return None
    token = rng.choice(free)
    own.append(TokenSpan(token, token + 1, rng.choice(labels)))
    own.sort()
    return token, token + 1


def subset(files: Files, count: int) -> tuple[list[Sentence], list[Spans]]:
    """Draw training sentences; return them with their spans."""
    sentences = read_sentences(files.train, **files.options)
    layer = next(iter(sentences[0].layers))
    random.Random(0).shuffle(sentences)
    sentences = sentences[:count]
    tags = [one.layers[layer] for one in sentences]
    scheme = detect_scheme(tags)
    return sentences, [tags_to_spans(repair_tags(own, scheme)[0], scheme) for own in tags]


def find(sentences: Sequence[Sentence], spans: Sequence[Spans], arguments: argparse.Namespace) -> LabelErrors:
    """Look for errors in sentences with these spans."""
    pairs = [
        (list(one.words), spans_to_tags(own, len(one.words), Scheme.IOB2))
        for one, own in zip(sentences, spans, strict=True)
    ]
    return find_label_errors(
        pairs, vectors=vectors(), folds=arguments.folds, seed=arguments.seed, tell=lambda line: print(line, flush=True)
    )


def score(errors: LabelErrors, corrupted: Sequence[Corrupted]) -> dict[str, Any]:
    """Count the corrupted places among the most suspicious ones."""
    n = len(corrupted)

    def found(top: int) -> set[Corrupted]:
        listed = errors.found[:top]
        return {
            one
            for one in corrupted
            if any(one.sentence == e.sentence and one.start < e.end and e.start < one.end for e in listed)
        }

    twice = found(2 * n)
    return {
        "corrupted": n,
        "disagreements": len(errors.found),
        "share_in_top": {f"{times}n": round(len(found(times * n)) / n, 3) for times in (1, 2, 3)},
        "share_of_kind_in_2n": {
            kind: round(sum(one.kind == kind for one in twice) / sum(one.kind == kind for one in corrupted), 3)
            for kind in KINDS
        },
    }


def listed(errors: LabelErrors, sentences: Sequence[Sentence]) -> list[dict[str, Any]]:
    """Return the most suspicious places by line, with their labels and probabilities."""
    return [
        {
            "line": sentences[error.sentence].line + error.start,
            "kind": error.kind,
            "given": [[" ".join(sentences[error.sentence].words[a:b]), label] for a, b, label in error.given],
            "suggested": [[" ".join(sentences[error.sentence].words[a:b]), label] for a, b, label in error.suggested],
            "p_given": round(error.p_given, 6),
            "p_suggested": round(error.p_suggested, 4),
        }
        for error in errors.found[:LISTED]
    ]


def main() -> None:
    """Run the corpora that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--corrupt", nargs="*", default=[])
    parser.add_argument("--as-is", nargs="*", default=[])
    parser.add_argument("--sentences", type=int, default=2500)
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"corrupted": {}, "as_is": {}}
    with tempfile.TemporaryDirectory() as folder:
        files = corpora(Path(folder))
        for part, names in (("corrupted", arguments.corrupt), ("as_is", arguments.as_is)):
            for name in names:
                sentences, spans = subset(files[name], arguments.sentences)
                words = [one.words for one in sentences]
                corrupted = corrupt(words, spans, arguments.share, arguments.seed) if part == "corrupted" else []
                start, processor = time.perf_counter(), time.process_time()
                errors = find(sentences, spans, arguments)
                results[part][name] = {
                    "sentences": len(sentences),
                    "tokens": sum(map(len, words)),
                    "spans": errors.spans,
                    "agreed": errors.agreed,
                    "folds": arguments.folds,
                    "seed": arguments.seed,
                    "minutes": round((time.perf_counter() - start) / 60, 1),
                    "processor_minutes": round((time.process_time() - processor) / 60, 1),
                    **(score(errors, corrupted) if corrupted else {"found": listed(errors, sentences)}),
                }
                print(name, {key: value for key, value in results[part][name].items() if key != "found"}, flush=True)
                results["machine"] = describe_machine()
                RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
