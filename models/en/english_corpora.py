"""One training corpus out of many: the English corpora of ``TAGSMITH_DATA`` in one set of labels.

    TAGSMITH_DATA=… python models/en/english_corpora.py      # the table in README.md

:func:`read` returns what :func:`tagsmith.train` takes. Two layers: ``ner`` with PERSON, LOCATION, ORGANIZATION and
DATE, and ``upos`` with the 17 universal tags. What a corpus does not know is left to the partly labeled CRF: a layer
that it lacks, a label that its annotators did not look for (DATE in most), and single tokens, whose tag is ``?``.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import layouts
import mentions
from layouts import UNKNOWN, Document, Labeled
from newswire import newswire
from other_names import names_of, with_other_names
from retokenized import split
from silver_dates import with_dates
from tagsmith.text.document import Sentence, sentence_from_words
from unlabeled import surely_named, with_doubts, without_slips

NER, UPOS = "ner", "upos"
NAMES = ("LOCATION", "ORGANIZATION", "PERSON")
ALL = ("DATE", *NAMES)
DEV_PLACE = 9  # of ten documents, the one that is held out
UNSEEN = ("multiner",)  # not trained on: a test of an unseen domain
NEWSWIRE = 4000  # sentences made of patterns
OTHER_NAMES = 20  # percent of the training sentences with names that are there with other names too
COPIES = {str.lower: 4, str.upper: 4, str.title: 2}  # percent of the training sentences that are there so too


@dataclass(frozen=True)
class Source:
    """A corpus: what it knows, and how to read its parts; without official dev documents a tenth is held out."""

    knows: tuple[str, ...]
    train: Callable[[Path], list[Document]]
    dev: Callable[[Path], list[Document]] | None = None
    tests: tuple[Callable[[Path], list[Document]], ...] = ()  # never trained on
    has_upos: bool = False


SOURCES: Mapping[str, Source] = {
    "uner_ewt": Source(
        NAMES,
        partial(layouts.uner_ewt, part="train"),
        partial(layouts.uner_ewt, part="dev"),
        (partial(layouts.uner_ewt, part="test"),),
        has_upos=True,
    ),
    "gum": Source(ALL, mentions.gum, has_upos=True),
    "redocred": Source(ALL, mentions.redocred),
    "re3d": Source(ALL, mentions.re3d),
    "wikigold": Source(NAMES, layouts.wikigold),
    "crossner": Source(NAMES, layouts.crossner),
    "multiner": Source(NAMES, layouts.multiner),
    "btc": Source(NAMES, layouts.btc),
    "tweebank": Source(
        NAMES,
        partial(layouts.tweebank, part="train"),
        partial(layouts.tweebank, part="dev"),
        (partial(layouts.tweebank, part="test"),),
    ),
    "wnut17": Source(
        NAMES,
        partial(layouts.wnut17, name="wnut17train.conll"),
        partial(layouts.wnut17, name="emerging.dev.conll"),
        (partial(layouts.wnut17, name="emerging.test.annotated"),),
    ),
    "sec_filings": Source(
        NAMES,
        partial(layouts.sec_filings, name="FIN5.txt"),
        tests=(partial(layouts.sec_filings, name="FIN3.txt"),),
    ),
    "sample": Source(
        ALL,
        lambda _: layouts.sample("train"),
        lambda _: layouts.sample("dev"),
        (lambda _: layouts.sample("test"),),
    ),
    "fewnerd": Source(NAMES, layouts.fewnerd),
}


@dataclass(frozen=True)
class Parts:
    """The sentences of a corpus by part; ``test`` is only there to be scored."""

    train: list[Labeled]
    dev: list[Labeled]
    test: list[Labeled]


@dataclass(frozen=True)
class English:
    """The corpora by name, without those left out, which are in ``unseen``."""

    corpora: Mapping[str, Parts]
    unseen: Mapping[str, Parts]
    other_names: Mapping[str, list[Labeled]] = field(default_factory=dict)  # copies of training sentences, by corpus

    def train(self) -> list[list[Sentence]]:
        """Return the training sentences for ``tagsmith.train(…, partial=True)``.

        That is a list for each corpus, then one with other names for each, which have no parts of speech.
        """
        lists = [*(parts.train for parts in self.corpora.values()), *self.other_names.values()]
        return [_sentences(sentences) for sentences in lists]

    def dev(self) -> list[list[Sentence]]:
        """Return the development sentences of each corpus."""
        return [_sentences(parts.dev) for parts in self.corpora.values()]


def read(
    data: Path,
    without: Collection[str] = (),
    *,
    cased_copies: bool = True,
    silver_dates: bool = False,
    made_sentences: bool = True,
) -> English:
    """Read the corpora.

    Parameters
    ----------
    data
        The folder of the corpora, ``TAGSMITH_DATA``.
    without
        Corpora that are not trained on: their ``dev`` is a test on a domain that the model has not seen.
    cased_copies
        Whether some training sentences are there in other cases too.
    silver_dates
        Whether the training and dev sentences of corpora without dates get them by rule, see :mod:`silver_dates`.
    made_sentences
        Whether there are copies with other names, see :mod:`other_names`, and sentences made of patterns, in the corpus
        ``sample``, see :mod:`newswire`.

    A training sentence that is also in a dev or test part, of whatever corpus, is left out. Names that have no label
    in one sentence, but nearly always elsewhere, are unknown in that sentence.
    """
    if unknown := sorted(set(without) - set(SOURCES)):
        raise SystemExit(f"There is no corpus {unknown[0]!r}. The corpora are: {', '.join(SOURCES)}.")
    parts = _every_part(data, silver_dates)
    held_out = {
        _key(sentence)
        for name, each in parts.items()
        for sentence in (*each.dev, *each.test, *(each.train if name in without else ()))
    }
    names = surely_named(sentence for name, each in parts.items() if name not in without for sentence in each.train)
    corpora, unseen = dict[str, Parts](), dict[str, Parts]()
    for name, each in parts.items():
        if name in without:
            unseen[name] = each
        else:
            train = [sentence for sentence in each.train if _key(sentence) not in held_out]
            train = [without_slips(sentence, names) for sentence in train]
            copies = [copy for sentence in train for copy in _cased(sentence)] if cased_copies else []
            corpora[name] = Parts([*train, *copies], each.dev, each.test)
    if not made_sentences:
        return English(corpora, unseen)
    in_training = names_of(sentence for each in corpora.values() for sentence in each.train)
    other_names = {
        name: with_other_names(each.train, in_training, OTHER_NAMES, seed)
        for seed, (name, each) in enumerate(corpora.items())
    }
    if sample := corpora.get("sample"):
        made = map(split, newswire(in_training, NEWSWIRE))
        corpora["sample"] = replace(sample, train=[*sample.train, *made])
    return English(corpora, unseen, other_names)


def _every_part(data: Path, silver_dates: bool) -> Mapping[str, Parts]:
    parts = {name: _parts(name, source, data) for name, source in SOURCES.items()}
    if silver_dates:
        for name, each in parts.items():
            if "DATE" not in SOURCES[name].knows:
                parts[name] = Parts(list(map(with_dates, each.train)), list(map(with_dates, each.dev)), each.test)
    return parts


def _parts(name: str, source: Source, data: Path) -> Parts:
    documents = source.train(data)
    tests = [document for test in source.tests for document in test(data)]
    if name == "wikigold":  # the split of the benchmarks: of ten sentences, the ninth is dev and the tenth test
        tests, dev = documents[9::10], documents[8::10]
        documents = [document for place, document in enumerate(documents) if place % 10 < 8]
    elif source.dev:
        dev = source.dev(data)
    else:
        dev = documents[DEV_PLACE::10]
        documents = [document for place, document in enumerate(documents) if place % 10 != DEV_PLACE]
    return Parts(*(_joined(each, source) for each in (documents, dev, tests)))


def _joined(documents: Iterable[Document], source: Source) -> list[Labeled]:
    sentences = (sentence for document in documents for sentence in document if sentence.words)
    cut = (sentence if source.has_upos else split(sentence) for sentence in sentences)
    return [with_doubts(sentence, "DATE" in source.knows) for sentence in cut]


def _key(sentence: Labeled) -> str:
    """What sentences share that are the same text, however tokenized."""
    return "".join(sentence.words).lower()


def _cased(sentence: Labeled) -> list[Labeled]:
    """Return a sentence in another case, if its text is among the few that are drawn for one."""
    drawn = zlib.crc32(" ".join(sentence.words).encode()) % 100
    for change, percent in COPIES.items():
        if 0 <= drawn < percent:
            words = tuple(map(change, sentence.words))
            return [Labeled(words, sentence.ner, sentence.upos)] if words != sentence.words else []
        drawn -= percent
    return []


def _sentences(labeled: Sequence[Labeled]) -> list[Sentence]:
    return [sentence_from_words(each.words, _layers(each)) for each in labeled]


def _layers(labeled: Labeled) -> dict[str, tuple[str, ...]]:
    layers = {NER: labeled.ner, UPOS: labeled.upos}
    return {name: tags for name, tags in layers.items() if tags is not None}


# -------------------------------------------------------------------------------------------------- the table


def table(english: English) -> str:
    """Return sentences, tokens, unknown tokens and spans of each part of each corpus, in Markdown."""
    rows = [
        "| corpus | part | sentences | tokens | unknown tokens | PERSON | LOCATION | ORGANIZATION | DATE | upos |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for name, parts in english.corpora.items():
        for part in ("train", "dev", "test"):
            sentences: list[Labeled] = getattr(parts, part)
            if sentences:
                rows.append(f"| {name} | {part} | {_counts(SOURCES[name], sentences)} |")
    return "\n".join(rows)


def _counts(source: Source, sentences: Sequence[Labeled]) -> str:
    tags = Counter(tag for sentence in sentences for tag in sentence.ner or ())
    spans = [f"{tags[f'B-{label}']:,}" if label in source.knows else "?" for label in (*reversed(NAMES), "DATE")]
    tokens = sum(len(sentence.words) for sentence in sentences)
    cells = [f"{len(sentences):,}", f"{tokens:,}", f"{tags[UNKNOWN]:,}", spans[0], spans[2], spans[1], spans[3]]
    return " | ".join([*cells, "yes" if source.has_upos else ""])


def word_counts(english: English) -> Counter[str]:
    """Count the words of the training sentences, in lower case."""
    return Counter(word.lower() for sentences in english.train() for sentence in sentences for word in sentence.words)


def data_folder() -> Path:
    """Return the folder of the corpora, or stop with a message."""
    if not os.environ.get("TAGSMITH_DATA"):
        sys.exit("Set TAGSMITH_DATA to the folder that holds the corpora.")
    return Path(os.environ["TAGSMITH_DATA"])


if __name__ == "__main__":
    print(table(read(data_folder(), cased_copies=False)))
