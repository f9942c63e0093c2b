"""How well an English model does on each corpus, and on those that it has not seen.

TAGSMITH_DATA=… python models/en/scores.py MODEL [--without CORPUS …] [--tests]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tagsmith
from english_corpora import NAMES, NER, SOURCES, UNSEEN, UPOS, English, data_folder, read
from layouts import UNKNOWN, Labeled
from tagsmith.scores.calibration import reliability
from tagsmith.scores.scores import Scores, score_tags
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import document_from_sentences, sentence_from_words
from tagsmith.text.schemes import Scheme, tags_to_spans
from tagsmith.training.measure import only_known

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
LABELS = ("PERSON", "LOCATION", "ORGANIZATION", "DATE")
COLUMNS = ("F1", *LABELS, "upos")
HEAD = (f"| corpus | {' | '.join(COLUMNS)} |", "|---|--:|--:|--:|--:|--:|--:|")
LENGTHS = (11, 26, 51, math.inf)  # tokens of a sentence at which a row of the table by length ends
BINS = 10  # of the table of span scores


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--without", nargs="*", default=UNSEEN, metavar="CORPUS", help="corpora that it has not seen")
    parser.add_argument("--tests", action="store_true", help="score the official tests: once, of a finished model")
    given = parser.parse_args()
    english, tagger = read(data_folder(), given.without), tagsmith.load(given.model)
    tables = (scores_of_tests,) if given.tests else (scores_by_corpus, scores_by_condition, calibration_table)
    print("\n\n".join(table(tagger, english) for table in tables))


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


def scores_by_condition(tagger: Tagger, english: English) -> str:
    """Return a table in Markdown: F1 by label on all dev sentences, on copies in other cases, and by length."""
    rows = [f"| dev sentences | number | F1 | {' | '.join(LABELS)} |", "|---|--:|--:|--:|--:|--:|--:|"]
    for title, sentences in conditions(english).items():
        scores = condition_scores(tagger, sentences)
        cells = (f"{scores[column]:.1f}" if column in scores else "" for column in ("F1", *LABELS))
        rows.append(f"| {title} | {len(sentences):,} | {' | '.join(cells)} |")
    return "\n".join(rows)


def conditions(english: English) -> dict[str, list[tuple[str, Labeled]]]:
    """Return dev sentences, each with the name of its corpus: all, copies of them in other cases, those of a length."""
    dev = [(name, sentence) for name, parts in english.corpora.items() for sentence in parts.dev]
    found: dict[str, list[tuple[str, Labeled]]] = {
        "all": dev,
        "all, in lower case": [(name, _with_words(one, [word.lower() for word in one.words])) for name, one in dev],
        "all, in upper case": [(name, _with_words(one, [word.upper() for word in one.words])) for name, one in dev],
    }
    for least, most in pairwise((1, *LENGTHS)):
        title = f"{least} to {most - 1} tokens" if math.isfinite(most) else f"{least} tokens and more"
        found[title] = [(name, one) for name, one in dev if least <= len(one.words) < most]
    return found


def condition_scores(tagger: Tagger, sentences: Sequence[tuple[str, Labeled]]) -> dict[str, float]:
    """Return the F1 of all spans and of each label, in percent, of sentences with the names of their corpora."""
    predicted = tagger.tag([one.words for _, one in sentences], layer=NER)
    pairs = [_known(one, tags, SOURCES[name].knows) for (name, one), tags in zip(sentences, predicted, strict=True)]
    scores = score_tags([gold for gold, _ in pairs], [found for _, found in pairs], scheme=Scheme.IOB2)
    types = {label: 100 * scores.types[label].f1 for label in LABELS if label in scores.types}
    return {"F1": 100 * scores.f1} | types


def _with_words(sentence: Labeled, words: Sequence[str]) -> Labeled:
    return replace(sentence, words=tuple(words))


def _known(sentence: Labeled, tags: Sequence[str], knows: Collection[str]) -> tuple[list[str], list[str]]:
    """The gold and the predicted tags that count: spans of other labels, or with an unknown token, do not."""
    ner = sentence.ner or ()
    unknown = [i for i, tag in enumerate(ner) if tag == UNKNOWN]
    gold = only_known(["O" if tag == UNKNOWN else tag for tag in ner], knows, Scheme.IOB2)
    return gold, only_known(tags, knows, Scheme.IOB2, unknown)


def corpus_scores(tagger: Tagger, name: str, sentences: Sequence[Labeled]) -> dict[str, float]:
    """Return :func:`scores_of_tags` of what a tagger says."""
    return scores_of_tags(tagger.tag_layers([sentence.words for sentence in sentences]), name, sentences)


def scores_of_tags(
    predicted: Mapping[str, Sequence[Sequence[str]]], name: str, sentences: Sequence[Labeled]
) -> dict[str, float]:
    """Return the ``COLUMNS`` in percent of sentences of a corpus, without those that it does not know or have.

    ``predicted`` has the tags of each sentence by layer. ``names`` is the F1 of persons, places and organizations.
    """
    source = SOURCES[name]
    scores = _spans_scores(predicted[NER], source.knows, sentences)
    found = {"F1": scores.f1, "names": _spans_scores(predicted[NER], NAMES, sentences).f1} | {
        label: scores.types[label].f1 for label in LABELS if label in source.knows and label in scores.types
    }
    if source.has_upos:
        right = sum(
            a == b
            for s, tags in zip(sentences, predicted[UPOS], strict=True)
            for a, b in zip(s.upos or (), tags, strict=True)
        )
        found["upos"] = right / sum(len(sentence.words) for sentence in sentences)
    return {column: 100 * score for column, score in found.items()}


def _spans_scores(predicted: Sequence[Sequence[str]], labels: Collection[str], sentences: Sequence[Labeled]) -> Scores:
    pairs = [_known(sentence, tags, labels) for sentence, tags in zip(sentences, predicted, strict=True)]
    return score_tags([gold for gold, _ in pairs], [found for _, found in pairs], scheme=Scheme.IOB2)


def _row(tagger: Tagger, name: str, sentences: Sequence[Labeled]) -> str:
    scores = corpus_scores(tagger, name.partition(",")[0], sentences)
    return f"| {name} | {' | '.join(f'{scores[column]:.1f}' if column in scores else '' for column in COLUMNS)} |"


# ----------------------------------------------------------------------------------------------- calibration


def calibration_table(tagger: Tagger, english: English) -> str:
    """Return a table in Markdown: of the spans with scores in a range, the mean score and how many are right.

    Columns are dev as a whole, and each corpus that is left out.
    """
    groups = {"dev": scored_spans(tagger, {name: parts.dev for name, parts in english.corpora.items()})}
    groups |= {
        f"{name}, left out": scored_spans(tagger, {name: [*parts.train, *parts.dev]})
        for name, parts in english.unseen.items()
    }
    head = " | ".join(f"{name}: spans | mean score | right" for name in groups)
    rows = [f"| score | {head} |", f"|---|{'--:|' * (3 * len(groups))}"]
    for number in range(BINS):
        inside = [(p[own], right[own]) for p, right in groups.values() for own in [_bin_of(p) == number]]
        title = f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}"
        rows.append(f"| {title} | {' | '.join(_in_bin(p, right) for p, right in inside)} |")
    rows.append(f"| all | {' | '.join(_in_bin(p, right) for p, right in groups.values())} |")
    errors = [
        f"{of.ece:.3f} on {name} (by chance {of.chance:.3f})"
        for name, (p, right) in groups.items()
        if len(p)
        for of in [reliability(p, right)]
    ]
    return "\n".join([*rows, "", f"Expected calibration error: {', '.join(errors)}."])


def scored_spans(tagger: Tagger, corpora: Mapping[str, Sequence[Labeled]]) -> tuple[Doubles, Bools]:
    """Return of each predicted span that counts, see :func:`_known`, its score and whether it is right, (n,) each."""
    scores, right = list[float](), list[bool]()
    for name, sentences in corpora.items():
        documents = [document_from_sentences([sentence_from_words(sentence.words)]) for sentence in sentences]
        for sentence, document in zip(sentences, tagger.tag_documents(documents), strict=True):
            tags = document.sentences[0].layers[NER]
            gold, found = (tags_to_spans(each, Scheme.IOB2) for each in _known(sentence, tags, SOURCES[name].knows))
            for span, scored in zip(tags_to_spans(tags, Scheme.IOB2), document.spans, strict=True):
                if span in found:
                    scores.append(scored.score or 0.0)
                    right.append(span in gold)
    return np.array(scores), np.array(right, bool)


def _bin_of(scores: Doubles) -> npt.NDArray[np.int64]:
    return np.minimum(scores * BINS, BINS - 1).astype(np.int64)


def _in_bin(scores: Doubles, right: Bools) -> str:
    means = f"{scores.mean():.2f} | {right.mean():.2f}" if len(scores) else " | "
    return f"{len(scores):,} | {means}"


if __name__ == "__main__":
    main()
