"""What a careful colleague asks of a corpus: lengths, odd tokens, uneven labels, and what training and test share."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from tagsmith.corpus.sentences import Sentences
from tagsmith.text.layer import JOINERS
from tagsmith.text.schemes import Scheme, TokenSpan, tags_to_spans

LENGTHS = (5, 10, 20, 40, 80)  # upper ends of the groups of sentences by length, in tokens
FEW = 10  # spans of a label, or tokens in a plain scheme: fewer can hardly be learned, nor a score on them trusted
UNLABELED = ""  # stands for "no span" among labels
_LONG_TOKEN = 60  # characters
_EXAMPLES = 5
_COMMON_SHARE = 0.01  # of tokens: white space inside more of them is meant, as in Vietnamese
_EMOJI_TAGS = range(0xE0020, 0xE0080)
_LONGEST_MENTION = 12  # tokens; longer ones do not recur without a label

Mention = tuple[str, ...]


def lengths_of(sentences: Sentences) -> dict[str, float]:
    """Return mean, median, 90th and 99th percentile and maximum of the sentences' lengths in tokens."""
    lengths = sentences.lengths
    if not len(lengths):
        return dict.fromkeys(("mean", "median", "p90", "p99", "longest"), 0)
    median, p90, p99 = map(int, np.percentile(lengths, (50, 90, 99), method="higher"))
    return {
        "mean": round(float(lengths.mean()), 1),
        "median": median,
        "p90": p90,
        "p99": p99,
        "longest": int(lengths.max()),
    }


def sentences_by_length(sentences: Sentences) -> dict[str, int]:
    """Count the sentences of each group of lengths: ``{"1–5": 12, "6–10": 30, …, "81 or more": 2}``."""
    names = [f"{low + 1}–{high}" for low, high in zip((0, *LENGTHS), LENGTHS, strict=False)]
    names.append(f"{LENGTHS[-1] + 1} or more")
    groups = np.bincount(np.searchsorted(LENGTHS, sentences.lengths), minlength=len(names))
    return dict(zip(names, groups.tolist(), strict=True))


# ------------------------------------------------------------------------------------------------- odd tokens


@dataclass(frozen=True, slots=True)
class OddTokens:
    """Tokens that seem to be damaged in one way."""

    what: str
    count: int  # tokens
    examples: tuple[str, ...]
    path: str
    line: int  # of the first
    remedy: str


_REMEDIES = {
    "with nothing to see in them": "take them out",
    "with control or invisible characters": "take these characters out",
    "with U+FFFD, which stands for a character that could not be read": "read the original with the right encoding",
    "of UTF-8 that was read in another encoding": "read the original as UTF-8",
    "with white space inside": "check the separator of the columns",
    f"of more than {_LONG_TOKEN} characters": "check how the text was cut into tokens",
}


def odd_tokens(sentences: Sentences) -> list[OddTokens]:
    """Find tokens that seem to be damaged, in each way that occurs.

    >>> from tagsmith.corpus.sentences import hold_sentences
    >>> from tagsmith.text.document import sentence_from_words
    >>> odd_tokens(hold_sentences([sentence_from_words(["CafÃ©", "Müller"], {"tags": ["O", "O"]})]))[0].examples
    ('CafÃ©',)
    """
    store = sentences.store
    rows = store.word_rows[sentences.token_places()]
    counts = np.bincount(rows, minlength=len(store.words))
    kinds: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(counts).tolist():
        if kind := _oddity(store.words[row]):
            kinds[kind].append(row)
    found = []
    for kind, remedy in _REMEDIES.items():
        odd = kinds.get(kind, [])
        count = int(counts[odd].sum())
        if not odd or (kind == "with white space inside" and count > _COMMON_SHARE * len(rows)):
            continue
        index, token = _first(sentences, rows, odd)
        examples = tuple(store.words[row] for row in sorted(odd, key=lambda row: -counts[row])[:_EXAMPLES])
        found.append(
            OddTokens(kind, count, examples, sentences.path_of(index), sentences.line_of(index, token), remedy)
        )
    return found


def _oddity(word: str) -> str:
    if word.isascii() and word.isprintable() and " " not in word and 0 < len(word) <= _LONG_TOKEN:
        return ""
    nothing, invisible, unread, mojibake, space, long = _REMEDIES
    if not any(map(_is_visible, word)):
        return nothing
    if "\ufffd" in word:
        return unread
    if _is_mojibake(word):
        return mojibake
    if any(_is_invisible(character) for character in word):
        return invisible
    if any(map(str.isspace, word)):
        return space
    is_address = "://" in word or word.startswith("www.") or "@" in word
    return long if len(word) > _LONG_TOKEN and not is_address else ""


def _is_visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Cn")


def _is_invisible(character: str) -> bool:
    if character in JOINERS or ord(character) in _EMOJI_TAGS or character.isspace():
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _is_mojibake(word: str) -> bool:
    """Whether the characters are the bytes of UTF-8 as Windows-1252 or Latin-1 shows them."""
    if word.isascii():
        return False
    for encoding in ("cp1252", "latin-1"):
        try:
            return not word.encode(encoding).decode("utf-8").isascii()
        except UnicodeError:
            continue
    return False


def _first(sentences: Sentences, rows: np.ndarray, wanted: Sequence[int]) -> tuple[int, int]:
    """Return the sentence, and the token in it, of the first token with one of these words."""
    token = int(np.argmax(np.isin(rows, wanted)))
    ends = np.cumsum(sentences.lengths)
    index = int(np.searchsorted(ends, token, side="right"))
    return index, token - int(ends[index] - sentences.lengths[index])


# ----------------------------------------------------------------------------------------------- uneven labels


@dataclass(frozen=True, slots=True)
class Uneven:
    """Words that are labeled in several ways: how often in each; ``""`` counts where they are no part of a span."""

    words: Mention
    labels: Mapping[str, int]

    @property
    def minority(self) -> int:
        """How often they are labeled otherwise than they mostly are."""
        return sum(self.labels.values()) - max(self.labels.values())


def spans_of(sentences: Sentences, layer: str, scheme: Scheme) -> list[list[TokenSpan]]:
    """Return the spans of each sentence; in a plain scheme, each token is one."""
    if scheme is Scheme.PLAIN:
        return [[TokenSpan(at, at + 1, tag) for at, tag in enumerate(tags)] for tags in sentences.tags(layer)]
    return [tags_to_spans(tags, scheme) for tags in sentences.tags(layer)]


def labeled_differently(words: Sequence[Mention], spans: Sequence[Sequence[TokenSpan]]) -> list[Uneven]:
    """Find words with several labels, or with a label here and none there; the most often uneven ones come first.

    >>> found = labeled_differently([("in", "May"), ("May", "left")], [[TokenSpan(1, 2, "DATE")], []])
    >>> found[0].words, dict(found[0].labels)
    (('May',), {'DATE': 1, '': 1})
    """
    counts = mention_counts(words, spans)
    uneven = [Uneven(mention, dict(labels.most_common())) for mention, labels in counts.items() if len(labels) > 1]
    return sorted(uneven, key=lambda one: (-one.minority, -sum(one.labels.values()), one.words))


def mention_counts(
    words: Sequence[Mention], spans: Sequence[Sequence[TokenSpan]]
) -> defaultdict[Mention, Counter[str]]:
    """Count, for the words of each span, how often they have which label; ``""`` where no span overlaps them."""
    counts: defaultdict[Mention, Counter[str]] = defaultdict(Counter)
    for own, sentence in zip(spans, words, strict=True):
        for start, end, label in own:
            counts[sentence[start:end]][label] += 1
    lengths: dict[str, list[int]] = defaultdict(list)  # first word → the lengths of mentions that begin with it
    for mention in counts:
        if len(mention) <= _LONGEST_MENTION and len(mention) not in lengths[mention[0]]:
            lengths[mention[0]].append(len(mention))
    for own, sentence in zip(spans, words, strict=True):
        for mention in _unlabeled(sentence, own, lengths, counts):
            counts[mention][UNLABELED] += 1
    return counts


def _unlabeled(
    sentence: Mention, spans: Sequence[TokenSpan], lengths: Mapping[str, Sequence[int]], known: Mapping[Mention, object]
) -> Iterator[Mention]:
    """Yield the words of known mentions where no span overlaps them."""
    free = [True] * len(sentence)
    for start, end, _ in spans:
        free[start:end] = [False] * (end - start)
    for start, word in enumerate(sentence):
        if free[start]:
            for length in lengths.get(word, ()):
                words = sentence[start : start + length]
                if len(words) == length and words in known and all(free[start : start + length]):
                    yield words


# -------------------------------------------------------------------------------------- what two parts share


@dataclass(frozen=True, slots=True)
class Relabeled:
    """A span of a part whose words have only other labels in training."""

    words: str
    label: str
    in_train: Sequence[str]


@dataclass(frozen=True, slots=True)
class Shared:
    """What a part, such as the test set, has in common with training."""

    sentences: int  # of the part that are training sentences, word for word
    mentions: int  # spans of the part whose words have the same label in training
    relabeled: Sequence[Relabeled]  # spans whose words are spans in training, but only with other labels
    words: int  # tokens of the part whose form is in training
    characters: Mapping[str, int]  # of the part that training lacks, the most frequent first
    labels: Mapping[str, int]  # spans of the part with labels that training lacks


def shared_with(
    train_words: Sequence[Mention],
    train_spans: Sequence[Sequence[TokenSpan]],
    part_words: Sequence[Mention],
    part_spans: Sequence[Sequence[TokenSpan]],
) -> Shared:
    """Compare a part with training; both are given as the words and the spans of each sentence.

    >>> shared_with([("in", "Rome")], [[TokenSpan(1, 2, "LOC")]], [("Rome",)], [[TokenSpan(0, 1, "LOC")]]).mentions
    1
    """
    known_sentences = set(train_words)
    known: dict[Mention, set[str]] = defaultdict(set)
    for own, sentence in zip(train_spans, train_words, strict=True):
        for start, end, label in own:
            known[sentence[start:end]].add(label)
    known_labels = {label for labels in known.values() for label in labels}
    same, relabeled = 0, list[Relabeled]()
    new_labels: Counter[str] = Counter()
    for own, sentence in zip(part_spans, part_words, strict=True):
        for start, end, label in own:
            labels = known.get(sentence[start:end], set())
            same += label in labels
            if labels and label not in labels:
                relabeled.append(Relabeled(" ".join(sentence[start:end]), label, sorted(labels)))
            new_labels[label] += label not in known_labels
    known_forms = set(chain.from_iterable(train_words))
    known_characters = set(chain.from_iterable(known_forms))
    counts = Counter(chain.from_iterable(part_words))
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            if character not in known_characters:
                characters[character] += count
    return Shared(
        sentences=sum(sentence in known_sentences for sentence in part_words),
        mentions=same,
        relabeled=relabeled,
        words=sum(count for word, count in counts.items() if word in known_forms),
        characters=dict(characters.most_common()),
        labels={label: count for label, count in new_labels.most_common() if count},
    )


def word_counts(sentences: Sentences) -> dict[str, int]:
    """Return how often each word form occurs."""
    words = sentences.store.words
    counts = np.bincount(sentences.store.word_rows[sentences.token_places()], minlength=len(words))
    return {words[row]: int(counts[row]) for row in np.flatnonzero(counts).tolist()}
