"""Whether a new version of the English model may replace the old one.

    TAGSMITH_DATA=… python models/en/may_replace.py OLD NEW [--without CORPUS …] [--reason DOMAIN="…" …]

Scores both packed folders and prints what each gets, and the difference. If a domain loses more than 0.5 points of its
F1 or its parts of speech, or the calibration error of spans grows by more than 0.5 points, or the folder by more than
0.5 MB, and no reason is given, the exit status is 1. Scores by label and region are only shown, as they hang on few
names; so is the speed, which needs an idle machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import regions
import tagsmith
from english_corpora import UNSEEN, English, data_folder, read
from scores import condition_scores, conditions, corpus_scores, scored_spans
from tagsmith.scores.calibration import reliability
from tagsmith.tagging.tagger import Tagger

MOST_LOST = 0.5  # percent points, or MB
GOOD_IF_HIGH = ("F1", "upos")  # of a corpus, or of dev in another case
GOOD_IF_LOW = ("calibration error", "MB")
CASES = ("all, in lower case", "all, in upper case")
ROUNDS = 5  # of measuring the speed

Measured = Mapping[tuple[str, str], float]  # domain and measure → percent, MB or words a second


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("old", type=Path, help="the packed folder of the version that there is")
    parser.add_argument("new", type=Path, help="the packed folder of the version that is to come")
    parser.add_argument(
        "--without",
        nargs="*",
        default=UNSEEN,
        metavar="CORPUS",
        help="corpora that neither was trained on: scored whole",
    )
    parser.add_argument(
        "--reason", action="append", default=[], metavar="DOMAIN=TEXT", help="why a domain may lose; may be repeated"
    )
    given = parser.parse_args()
    folders = (given.old, given.new)
    reasons = dict(map(_reason, given.reason))
    english, taggers = read(data_folder(), given.without), [tagsmith.load(folder) for folder in folders]
    speeds = speeds_of(taggers, [sentence.words for _, sentence in conditions(english)["all"]])
    old, new = (
        measured(tagger, english) | {("folder", "MB"): size_of(folder), ("dev", "words/s"): speed}
        for folder, tagger, speed in zip(folders, taggers, speeds, strict=True)
    )
    print(table(old, new))
    sys.exit(verdict(old, new, reasons))


def _reason(text: str) -> tuple[str, str]:
    domain, _, reason = text.partition("=")
    if not reason.strip():
        raise SystemExit(f'--reason {text}: write the domain and why it may lose, as in --reason re3d="57 sentences".')
    return domain.strip(), reason.strip()


def measured(tagger: Tagger, english: English) -> dict[tuple[str, str], float]:
    """Score a model by corpus, on dev in other cases, by region; and its span scores."""
    dev = {name: parts.dev for name, parts in english.corpora.items()}
    domains = {name: corpus_scores(tagger, name, sentences) for name, sentences in dev.items()}
    for name, parts in english.unseen.items():
        domains[name] = corpus_scores(tagger, name, [*parts.train, *parts.dev])
    cases = {title: some for title, some in conditions(english).items() if title in CASES}
    domains |= {f"dev, {title}": condition_scores(tagger, some) for title, some in cases.items()}
    templates, names = regions.read_regions()
    for region, kinds in names.items():
        found = regions.counts(tagger, list(regions.filled(templates, kinds)))
        domains[f"names of {region}"] = {label or "names": count.f1 for label, count in found.items()}
    p, right = scored_spans(tagger, dev)
    if len(p):
        domains["dev"] = {"calibration error": 100 * reliability(p, right).ece}
    return {(domain, measure): value for domain, scores in domains.items() for measure, value in scores.items()}


def size_of(folder: Path) -> float:
    """Return the size of a folder in MB."""
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


def speeds_of(taggers: Sequence[Tagger], sentences: Sequence[Sequence[str]]) -> list[float]:
    """Return the words a second of each, in turn: the medians of some rounds, after one that does not count."""
    seconds: list[list[float]] = [[] for _ in taggers]
    for _ in range(1 + ROUNDS):
        for tagger, spent in zip(taggers, seconds, strict=True):
            start = time.perf_counter()
            tagger.tag_layers(sentences)
            spent.append(time.perf_counter() - start)
    return [sum(map(len, sentences)) / statistics.median(spent[1:]) for spent in seconds]


def table(old: Measured, new: Measured) -> str:
    """Return every number of both in Markdown, with the difference."""
    rows = ["| domain | measure | old | new | difference |", "|---|---|--:|--:|--:|"]
    for domain, measure in dict.fromkeys([*old, *new]):
        before, after = old.get((domain, measure)), new.get((domain, measure))
        form = ",.0f" if measure == "words/s" else ".1f"
        cells = ["" if value is None else format(value, form) for value in (before, after)]
        cells.append("" if before is None or after is None else format(round(after - before, 1) + 0.0, f"+{form}"))
        rows.append(f"| {domain} | {measure} | {' | '.join(cells)} |")
    return "\n".join(rows)


def lost(old: Measured, new: Measured) -> dict[tuple[str, str], float]:
    """Return what the new version loses by more than ``MOST_LOST``; of a measure that it lacks, it loses all."""
    losses = {}
    for (domain, measure), before in old.items():
        if measure in GOOD_IF_HIGH:
            losses[domain, measure] = before - new.get((domain, measure), 0.0)
        elif measure in GOOD_IF_LOW:
            losses[domain, measure] = new.get((domain, measure), 0.0) - before
    return {place: loss for place, loss in losses.items() if loss > MOST_LOST}


def verdict(old: Measured, new: Measured, reasons: Mapping[str, str]) -> int:
    """Print what is lost and why; return the exit status: 1 if something is lost without a reason."""
    losses, domains = lost(old, new), {domain for domain, _ in old}
    for domain in set(reasons) - domains:
        raise SystemExit(f"--reason {domain}: there is no such domain. They are: {', '.join(sorted(domains))}.")
    without_reason = [place for place in losses if place[0] not in reasons]
    print(f"\nThe new version may {'not ' if without_reason else ''}replace the old one.")
    for (domain, measure), loss in losses.items():
        print(f"- {domain}: {measure} is worse by {loss:.1f}. {reasons.get(domain, 'No reason is given.')}")
    return 1 if without_reason else 0


if __name__ == "__main__":
    main()
