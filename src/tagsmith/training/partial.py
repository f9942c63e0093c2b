"""Training on corpora whose label sets differ: what is unknown is summed over, and is not scored.

Take two corpora, one with dates labeled and one without. Merged as they are, the second teaches that dates are ``O``.
Here an ``O`` token of the second stands for ``O`` *or any tag of a date*, and the likelihood of its sentences is that
of all tag sequences that agree with what is labeled (Tsuboi et al. 2008, *Training conditional random fields using
incomplete annotations*; Greenberg et al. 2018, *Marginal likelihood training of BiLSTM-CRF for biomedical named entity
recognition from disjoint label sets*). A labeled span stays exactly what it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Unpack, cast

import numpy as np
import numpy.typing as npt

from tagsmith.corpus.corpus import Corpus, Knowledge, Sources, load_corpus
from tagsmith.corpus.partly_labeled import Before, load_partly_labeled
from tagsmith.corpus.several_layers import single_options
from tagsmith.errors import DataError
from tagsmith.formats.options import LayersKeywords
from tagsmith.formats.source import Source
from tagsmith.scores.scores import Scores, score_tags
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.document import Sentence
from tagsmith.text.schemes import OUTSIDE, Scheme, spans_to_tags, split_tag, tags_to_spans

Groups = Source | Sequence[Source | Sequence[Source]]  # a list within the list: several files of one corpus
Partial = bool | Mapping[str, Collection[str]]


def load(
    train: Groups,
    dev: Groups | None,
    test: Groups | None,
    *,
    partial: Partial | None = None,
    before: Before | None = None,
    format: str,
    seed: int,
    **options: Unpack[LayersKeywords],
) -> Corpus:
    """Read the corpus of a run: ordinary, labeled in part, or for a model that learns on.

    ``partial`` is True, or maps files to the labels they know: each item of ``train`` is then a corpus with labels of
    its own. Without it all files are one corpus. A model that learns on (``before``) may have labels that the files
    lack: these count as unknown there, unless ``partial`` is False.

    Raises
    ------
    DataError
        As :func:`tagsmith.corpus.partly_labeled.load_partly_labeled`, and if ``partial`` is asked for where every
        corpus has every label.
    """
    if not partial and before is None:
        return load_corpus(
            cast(Sources, train), cast(Sources | None, dev), cast(Sources | None, test),
            format=format, seed=seed, **options,
        )  # fmt: skip
    if len(single_options(options)) > 1:
        raise DataError(
            "Unknown labels, and training that goes on from a model, are for one layer only.",
            remedy="Name one layer with --layer, or one column with --column.",
        )
    corpus = load_partly_labeled(
        _groups(train, partial),
        None if dev is None else _groups(dev, partial),
        None if test is None else _groups(test, partial),
        knows=partial if isinstance(partial, Mapping) else None,
        before=before,
        format=format,
        seed=seed,
        **options,
    )
    knowledge = corpus.knowledge
    if partial and knowledge and all(knowledge.sets[known] == set(corpus.labels) for known in set(knowledge.train)):
        raise DataError(
            f"All training files know the same labels: {', '.join(corpus.labels)}.",
            remedy="Train without --partial, or state with --knows what each file knows.",
        )
    return replace(corpus, knowledge=None) if partial is False else corpus


def _groups(sources: Groups, partial: Partial | None) -> list[Sources]:
    """Each item by itself if label sets may differ, else all as one corpus."""
    if not partial:
        return [cast(Sources, sources)]
    return cast(list[Sources], list(sources) if isinstance(sources, list | tuple) else [sources])


def open_tags(
    gold: list[list[str]], knowledge: Knowledge | None, tags: Sequence[str]
) -> tuple[list[list[str]], dict[str, int], npt.NDArray[np.bool_] | None]:
    """Let each ``O`` of the training sentences stand for ``O`` and every tag of a label that its corpus does not know.

    Parameters
    ----------
    gold
        The BIOES tags of each training sentence.
    knowledge, tags
        Which sentence knows which labels; the L tags of the network.

    Returns
    -------
    tuple
        The tags, some of them now names of sets; the row of each tag and set; and (K, L) which tags each row stands
        for: rows 0 to L - 1 for one tag each. None in its place, and nothing changed, where K would be L.
    """
    rows = {tag: row for row, tag in enumerate(tags)}
    if knowledge is None:
        return gold, rows, None
    outside: dict[int, str] = {}  # for each set of labels, what an O stands for: "O" itself, or tags joined by |
    table = [np.eye(len(tags), dtype=bool)]
    for number in sorted(set(knowledge.train)):
        possible = [tag == OUTSIDE or split_tag(tag)[1] not in knowledge.sets[number] for tag in tags]
        name = outside[number] = "|".join(tag for tag, may_be in zip(tags, possible, strict=True) if may_be)
        if name not in rows:
            rows[name] = len(rows)
            table.append(np.array([possible]))
    if len(rows) == len(tags):
        return gold, rows, None
    opened = [
        [outside[own] if tag == OUTSIDE else tag for tag in sentence]
        for sentence, own in zip(gold, knowledge.train, strict=True)
    ]
    return opened, rows, np.concatenate(table)  # (K, L)


def evaluate(
    tagger: Tagger, sentences: Sequence[Sentence], knowledge: Knowledge | None, members: Sequence[int]
) -> Scores:
    """Score a tagger on sentences, each only on the labels that it knows: predicted spans of others are left out.

    ``members`` are the sentences' own sets of labels, numbers into ``knowledge.sets``.
    """
    if knowledge is None:
        return tagger.evaluate_sentences(sentences)
    gold = [next(iter(sentence.layers.values())) for sentence in sentences]
    predicted = tagger.tag([sentence.words for sentence in sentences])
    kept = [only_known(tags, knowledge.sets[own], tagger.scheme) for tags, own in zip(predicted, members, strict=True)]
    return score_tags(gold, kept, scheme=tagger.scheme)


def only_known(tags: Sequence[str], known: Collection[str], scheme: Scheme) -> list[str]:
    """Return the tags without the spans of labels that are not ``known``.

    >>> only_known(["B-PER", "O", "B-DATE"], {"PER"}, Scheme.IOB2)
    ['B-PER', 'O', 'O']
    """
    spans = tags_to_spans(tags, scheme)
    kept = [span for span in spans if span.label in known]
    return list(tags) if len(kept) == len(spans) else spans_to_tags(kept, len(tags), scheme)


def described(corpus: Corpus, *, own_labels: bool = False) -> list[str]:
    """Say, a line for each set of labels, what is unknown in how many training sentences.

    With ``own_labels`` what was unknown has come from a model.
    """
    if corpus.knowledge is None:
        return []
    lines = []
    for number, known in enumerate(corpus.knowledge.sets):
        count, unknown = corpus.knowledge.train.count(number), sorted(set(corpus.labels) - known)
        if count and unknown:
            lines.append(f"{count:,} train sentences know {', '.join(sorted(known))}, not {', '.join(unknown)}")
    if own_labels and not lines and (lacking := sorted(set(corpus.labels) - corpus.knowledge.sets[0])):
        lines.append(
            f"train sentences know {', '.join(sorted(corpus.knowledge.sets[0]))}; the model adds {', '.join(lacking)}"
        )
    return lines
