"""What ``tagsmith inspect`` says of labeled files: each by itself, and what training shares with the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagsmith.cli.inspect_view import Section, View
from tagsmith.cli.options import counted
from tagsmith.errors import place_of

if TYPE_CHECKING:
    from tagsmith.corpus.quality import Uneven
    from tagsmith.corpus.sentences import Sentences
    from tagsmith.text.schemes import Scheme, TokenSpan

SHOWN = 5  # examples of each kind of problem
MOST_LABELS = 30  # rows of the table of labels
LEAKED = 0.01  # the share of a part's sentences in training from which on it is worth a warning


@dataclass(frozen=True)
class DataFile:
    """A labeled file that was read."""

    path: Path
    sentences: Sentences
    spans: Sequence[Sequence[TokenSpan]]
    scheme: Scheme
    counts: Mapping[str, int]  # of word forms
    report: dict[str, Any]


def read_data(path: Path, format: str, options: dict[str, Any]) -> DataFile:
    """Read a labeled file, and count and check what is in it."""
    from tagsmith.corpus.doubts import doubt_of_offsets, doubt_of_sentences, doubts_of_labels
    from tagsmith.corpus.quality import (
        FEW,
        labeled_differently,
        lengths_of,
        odd_tokens,
        sentences_by_length,
        spans_of,
        word_counts,
    )
    from tagsmith.corpus.sentences import hold_sentences
    from tagsmith.corpus.sources import read_sentences
    from tagsmith.corpus.statistics import statistics
    from tagsmith.formats import detect_format

    if format == "auto":
        format = detect_format(path, options.get("encoding", "utf-8"))
    problems = options.setdefault("problems", [])
    read = read_sentences(path, format=format, **options)
    layer = next(iter(read[0].layers)) if read else ""
    counts = statistics(read, layer, path=place_of(path))
    held = hold_sentences(read, place_of(path))
    doubts = [
        doubt_of_sentences(held),
        doubt_of_offsets(problems, sum(counts.labels.values())),
        *doubts_of_labels(held, layer, counts.scheme),
    ]
    spans = spans_of(held, layer, counts.scheme)
    uneven = labeled_differently(held.words(), spans)
    report = {
        "path": place_of(path),
        "kind": "corpus",
        "format": format,
        "layer": layer,
        **asdict(counts),
        "lengths": lengths_of(held),
        "sentences_by_length": sentences_by_length(held),
        "characters": len(set().union(*word_counts(held))),
        "rare_labels": {label: count for label, count in counts.labels.items() if count < FEW},
        "labeled_differently": [_uneven(one) for one in uneven],
        "odd_tokens": [asdict(odd) for odd in odd_tokens(held)],
        "repairs": [str(repair) for repair in counts.repairs],
        "warnings": [str(doubt) for doubt in doubts if doubt],
        "problems": [str(problem) for problem in problems],
    }
    return DataFile(path, held, spans, counts.scheme, word_counts(held), report)


def _uneven(one: Uneven) -> dict[str, Any]:
    labels = {label: count for label, count in one.labels.items() if label}
    return {"words": " ".join(one.words), "labels": labels, "unlabeled": one.labels.get("", 0)}


def cover(files: Sequence[DataFile], vectors: str) -> None:
    """Add to the reports how many words pretrained vectors know; the vectors are read once."""
    from tagsmith.model.coverage import coverage, words_with_vectors

    known = words_with_vectors(vectors, {word: 1 for file in files for word in file.counts})
    for file in files:
        found = coverage(file.counts, known)
        shares = {"token_share": round(found.token_share, 4), "form_share": round(found.form_share, 4)}
        file.report["vectors"] = {"source": vectors, **shares, **asdict(found)}


def data_section(report: Mapping[str, Any]) -> Section:
    """Show a labeled file: facts, labels, words labeled in several ways, and problems with what to do about them."""
    from tagsmith.text.schemes import Scheme

    labels, total = report["labels"], sum(report["labels"].values())
    rows = [(label, f"{100 * count / total:.1f} %", f"{count:,}") for label, count in labels.items()]
    uneven = [(one["words"], _labelings(one)) for one in report["labeled_differently"]]
    title = f"the same words, labeled differently ({len(uneven):,}):"
    plain = report["scheme"] == Scheme.PLAIN  # most frequent words have several parts of speech
    by_length = [(name, f"{count:,}") for name, count in report["sentences_by_length"].items()]
    return Section(
        report["path"],
        _facts(report),
        [
            View(("label", "share", "count"), rows, MOST_LABELS),
            View(("words", "labelings"), uneven, SHOWN, 2, title, on_terminal=not plain),
            View(("tokens", "sentences"), by_length, title="lengths of the sentences", on_terminal=False),
        ],
        _problems(report),
    )


def _facts(report: Mapping[str, Any]) -> dict[str, str]:
    longest, lengths = report["longest"], report["lengths"]
    facts = {
        "format": report["format"],
        "layer": report["layer"],
        "scheme": report["scheme"],
        "sentences": f"{report['sentences']:,}",
        "tokens": f"{report['tokens']:,}",
        "different words": f"{report['vocabulary']:,}",
        "different characters": f"{report['characters']:,}",
        "sentence lengths": f"half have at most {counted(lengths['median'], 'token')}, 99 % at most {lengths['p99']:,}",
        "longest sentence": f"{counted(longest['tokens'], 'token')} (line {longest['line']:,})",
        "sentences without a span": f"{report['unlabeled_sentences']:,}",
    }
    if vectors := report.get("vectors"):
        facts["words with a vector"] = (
            f"{_percent(vectors['token_share'])} of the tokens, {_percent(vectors['form_share'])} of the words"
            f" ({vectors['exact_forms']:,} as written, {vectors['lowercased_forms']:,} lowercased)"
        )
        facts["without a vector"] = ", ".join(f"{word} ({count:,})" for word, count in vectors["missing"].items())
    return facts


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _labelings(one: Mapping[str, Any]) -> str:
    none = [f"no label {one['unlabeled']:,}"] if one["unlabeled"] else []
    return ", ".join([*(f"{label} {count:,}" for label, count in one["labels"].items()), *none])


def _problems(report: Mapping[str, Any]) -> list[str]:
    lines = [f"warning: {warning}" for warning in report["warnings"]]
    for name, what in (("repairs", "illegal tag"), ("problems", "reading problem")):
        if examples := report[name]:
            lines += [f"{counted(len(examples), what)}:", *(f"  {example}" for example in examples[:SHOWN])]
            if len(examples) > SHOWN:
                lines.append(f"  … and {len(examples) - SHOWN:,} more; --json lists them all")
    for odd in report["odd_tokens"]:
        examples = ", ".join(repr(example)[:40] for example in odd["examples"])
        where = f"{odd['path']}:{odd['line']}" if odd["line"] else odd["path"]
        lines.append(f"{counted(odd['count'], 'token')} {odd['what']}, such as {examples} ({where}): {odd['remedy']}")
    if rare := report["rare_labels"]:
        listed = ", ".join(f"{label} {count:,}" for label, count in list(rare.items())[:SHOWN])
        more = f" and {len(rare) - SHOWN:,} more" if len(rare) > SHOWN else ""
        remedy = "a model hardly learns them, and their scores say little; label more, or merge them"
        lines.append(f"rare labels ({listed}{more}): {remedy}")
    if count := report["duplicates"]:
        remedy = "such sentences count twice, and those that a split tears apart make its scores too high"
        lines.append(f"{counted(count, 'sentence')} repeated in this file: {remedy}")
    if not report["labels"]:
        lines.append("no labels: there is nothing to learn here")
    return lines


# ------------------------------------------------------------------------------------------------ several files


def splits_report(files: Sequence[DataFile]) -> dict[str, Any]:
    """Compare training with the other parts, by the names of the files; or the first file with each of the others."""
    from tagsmith.corpus.quality import labeled_differently, shared_with

    parts = _parts(files)
    words = {name: [one for file in own for one in file.sentences.words()] for name, own in parts.items()}
    spans = {name: [one for file in own for one in file.spans] for name, own in parts.items()}
    first = next(iter(parts))
    report: dict[str, Any] = {"kind": "splits", "first": first, "parts": {}}
    for name, own in parts.items():
        labels: Counter[str] = Counter()
        for file in own:
            labels.update(file.report["labels"])
        report["parts"][name] = {
            "files": [str(file.path) for file in own],
            "sentences": len(words[name]),
            "tokens": sum(map(len, words[name])),
            "mentions": sum(map(len, spans[name])),
            "labels": dict(labels.most_common()),
        }
        if name != first:
            shared = shared_with(words[first], spans[first], words[name], spans[name])
            report["parts"][name]["in_first"] = asdict(shared)
    uneven = labeled_differently([*chain(*words.values())], [*chain(*spans.values())])
    report["labeled_differently"] = [_uneven(one) for one in uneven]
    return report


def _parts(files: Sequence[DataFile]) -> dict[str, list[DataFile]]:
    """Return the files of each part, training first; if no name says what is for training, each file is a part."""
    from tagsmith.corpus.folders import PARTS, part_of_name

    named = [part_of_name(file.path.name) or part_of_name(file.path.parent.name) or "" for file in files]
    if "train" in named and len(set(named)) > 1:
        by_name = {part: [file for file, own in zip(files, named, strict=True) if own == part] for part in (*PARTS, "")}
        return {part or "others": own for part, own in by_name.items() if own}
    parts: dict[str, list[DataFile]] = {}
    for number, file in enumerate(files, 1):
        name = str(file.path)
        parts[f"{name} (file {number})" if name in parts else name] = [file]
    return parts


def splits_section(report: Mapping[str, Any]) -> Section:
    """Show the parts side by side, and what of each is in the first."""
    first, parts = report["first"], report["parts"]
    columns = ("part", "sentences", "tokens", "mentions", *(f"{what} in {_short(first)}" for what in _SHARED))
    rows = []
    for name, part in parts.items():
        shared = part.get("in_first")
        sizes = {"sentences": part["sentences"], "mentions": part["mentions"], "tokens": part["tokens"]}
        cells = [_share(shared[key], sizes[of]) for key, of in _SHARED.values()] if shared else [""] * len(_SHARED)
        rows.append((_short(name), *(f"{part[size]:,}" for size in ("sentences", "tokens", "mentions")), *cells))
    labels = dict.fromkeys(label for part in parts.values() for label in part["labels"])
    by_label = [
        (label, *(_share(part["labels"].get(label, 0), part["mentions"]) for part in parts.values()))
        for label in labels
    ]
    uneven = [(one["words"], _labelings(one)) for one in report["labeled_differently"]]
    title = f"the same words, labeled differently in all parts together ({len(uneven):,}):"
    return Section(
        f"{', '.join(map(_short, parts))} compared",
        {},
        [
            View(columns, rows),
            View(("label", *map(_short, parts)), by_label, MOST_LABELS),
            View(("words", "labelings"), uneven, text_columns=2, title=title, on_terminal=False),
        ],
        _problems_of_splits(report),
    )


_SHARED = {"sentences": ("sentences", "sentences"), "mentions": ("mentions", "mentions"), "words": ("words", "tokens")}


def _short(name: str) -> str:
    """The name of a part: of a file, without its folder."""
    return Path(name).name or name


def _share(count: int, of: int) -> str:
    return f"{count:,} ({_percent(count / of)})" if of else "0"


def _problems_of_splits(report: Mapping[str, Any]) -> list[str]:
    from tagsmith.corpus.folders import PARTS

    lines = []
    first = report["first"]
    where = "training" if first in PARTS else "the first file"
    for name, part in report["parts"].items():
        if not (shared := part.get("in_first")):
            continue
        short, count, sentences = _short(name), shared["sentences"], part["sentences"]
        if count:
            every = "all " if 1 < count == sentences else ""
            what = f"{short}: {every}{counted(count, 'sentence')} also in {where}"
            remedy = f": scores on {short} are too high; take these sentences out of one of them"
            lines.append(f"{what} ({_percent(count / sentences)}){remedy if count >= LEAKED * sentences else ''}")
        if relabeled := shared["relabeled"]:
            one = "1 mention has" if len(relabeled) == 1 else f"{len(relabeled):,} mentions have"
            examples = Counter(
                f"{one['words']} ({one['label']}, there {'/'.join(one['in_train'])})" for one in relabeled
            )
            listed = ", ".join(example for example, _ in examples.most_common(SHOWN))
            lines.append(f"{short}: {one} only other labels in {where}, such as {listed}: correct what is not meant")
        if labels := shared["labels"]:
            listed = ", ".join(f"{label} ({count:,})" for label, count in list(labels.items())[:SHOWN])
            lines.append(f"{short}: labels that {where} lacks: {listed}; a model cannot learn them")
        if characters := shared["characters"]:
            listed = " ".join(list(characters)[: 4 * SHOWN])
            tokens = f"{counted(len(characters), 'character')} that {where} lacks: {listed}"
            lines.append(f"{short}: {tokens}; a model reads them all alike")
    return lines
