"""Two versions compared on sentences that neither was trained on, and the outcome in words.

Both processes of the Train view use this: the one that trains, and the one that scores versions.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from typing import Any

import tagsmith
from tagsmith import Tagger
from tagsmith.files import digest

LabeledWords = tuple[Sequence[str], Sequence[str]]  # words, tags
SCORES = ("precision", "recall", "f1", "accuracy", "support")


def words_digest(words: Sequence[str]) -> str:
    """Return what stands for a sentence, wherever it comes from."""
    return digest("\x1f".join(words).encode("utf-8", "surrogatepass"))


def seen_in(files: Iterable[str], layer: str) -> set[str]:
    """Return the sentences of labeled files, which every version is trained on."""
    paths = list(files)
    return {words_digest(own.words) for own in tagsmith.read_sentences(paths, layer=layer)} if paths else set()


def unseen(sentences: Sequence[Sequence[str]], seen: Container[str]) -> list[int]:
    """Return the numbers of the sentences that no version was trained on."""
    return [number for number, words in enumerate(sentences) if words_digest(words) not in seen]


def layer_in(tagger: Tagger, layer: str) -> str | None:
    """Name the labeled layer for a model that has others too; one that is alone may be called otherwise."""
    return layer if len(tagger.layers) > 1 else None


def compare(
    old: Tagger, new: Tagger, dev: Sequence[LabeledWords | str], seen: Container[str], layer: str
) -> dict[str, Any] | None:
    """Compare two versions on the unseen sentences of a dev set; None if there are none, or nothing is labeled in them.

    Returns the fields ``before``, ``after`` and ``comparison`` of :class:`tagsmith.labeling.schema.RunAnswer`.
    """
    labeled = old.labeled(dev, layer=layer_in(old, layer))
    fair = labeled.only(unseen(labeled.words, seen))
    if not fair.words:
        return None
    found = old.compare(new, fair)
    before, after = found.a.scores, found.b.scores
    if not before.support:
        return None
    key, measure = ("f1", "F1") if old.layer(layer_in(old, layer)).gives_spans else ("accuracy", "Accuracy")
    main = found.differences[key]

    def written(differences: Any) -> dict[str, Any]:
        return {
            name: {
                "value": one.value,
                "low": one.interval[0],
                "high": one.interval[1],
                "p": one.p,
                "clear": one.is_clear,
            }
            for name, one in differences.items()
        }

    return {
        **{
            name: {**one.scores.as_dict(), "intervals": one.intervals.as_dict() if found.units > 1 else None}
            for name, one in (("before", found.a), ("after", found.b))
        },
        "comparison": {
            "measure": key,
            "sentences": len(fair.words),
            "left_out": len(labeled.words) - len(fair.words),
            "outcome": ("better" if main.value > 0 else "worse") if main.is_clear else "unclear",
            "told": told(measure, (getattr(before, key), getattr(after, key)), main, len(fair.words)),
            "differences": written(found.differences),
            "types": {label: written(differences) for label, differences in found.types.items()},
        },
    }


def told(measure: str, scores: tuple[float, float], difference: Any, sentences: int) -> str:
    """Say in words what became of a score, as "F1 better by 1.2 points (95 % interval 0.3 to 2.1)".

    ``difference`` is a :class:`~tagsmith.scores.comparison.Difference`. The points are those between the two scores as
    they are shown, so that a reader can check them.
    """
    low, high = difference.interval
    before, after = (math.floor(1000 * score + 0.5) / 10 for score in scores)
    points = after - before
    if difference.is_clear:
        size = abs(points) if round(points, 1) else abs(100 * difference.value)
        ends = (low, high) if difference.value > 0 else (-high, -low)
        kind = "better" if difference.value > 0 else "worse"
        digits = 1 if size >= 0.05 else 2
        interval = " to ".join(f"{100 * end:.{digits}f}" for end in ends)
        return f"{measure} {kind} by {size:.{digits}f} points (95 % interval {interval})"
    counted = "1 sentence" if sentences == 1 else f"{sentences:,} sentences"
    problem = f"No difference can be told from {counted}"
    what = f"{measure} {_signed(points)} points" if round(points, 1) else f"{measure} is the same"
    if low == high == difference.value == 0:
        return f"{problem}: {what}"
    if low <= 0 <= high:
        why = f"95 % interval {_signed(100 * low)} to {_signed(100 * high)}"
    else:
        why = f"p = {difference.p:.2f}"
    return f"{problem}: {what} ({why})"


def _signed(points: float) -> str:
    """Write points with their sign; 0.0 has none."""
    text = f"{points:+.1f}"
    return text.replace("-", "−") if float(text) else "0.0"
