"""The model card, ``README.md``: metadata for the Hugging Face Hub in YAML, then a page in Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagsmith.scores.intervals import Interval, interval_text
from tagsmith.scores.scores import Scores
from tagsmith.text.layer import Layer

METADATA = re.compile(r"\A\s*---[ \t]*\r?\n.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
THIS_FOLDER = "this folder"  # stands in the card for the place of the model, until it has one
UNNAMED = "unnamed"  # the data that the scores are of: only the user knows whether they have a name on the Hub
LICENSE = re.compile(r"^license: ([\w.-]+)\r?$|whose license is ([\w.-]+):", re.MULTILINE)
METRICS = ("precision", "recall", "f1", "accuracy")


def write_card(
    layers: Sequence[Layer],
    scores: Mapping[str, Scores],
    recipe: Mapping[str, Any],
    trained: str = "",
    data: Mapping[str, Any] | None = None,
) -> str:
    """Write a model's card.

    Parameters
    ----------
    scores
        ``"dev"`` and ``"test"`` → scores, or less.
    recipe
        How the model was trained: fields with JSON values.
    trained
        On what and where it was trained, in a sentence.
    data
        On what it was trained and scored, as ``config.json`` has it.
    """
    lines = [*_metadata(scores), "", "# A tagsmith model", ""]
    for layer in layers:
        labels = ", ".join(map(_plain, layer.labels))
        lines += [f"Layer `{layer.name}`, scheme {layer.scheme.value}, labels: {labels}.", ""]
    lines += [trained, ""] if trained else []
    lines += [
        "## Use",
        "",
        "```python",
        "import tagsmith",
        "",
        f'tagger = tagsmith.load("{THIS_FOLDER}")',
        'tagger("Some text.").spans' if any(one.gives_spans for one in layers) else 'tagger.tag([["Some", "text"]])',
        "```",
        "",
        *_scores(scores),
        *_data(data or {}),
    ]
    if recipe:
        fields = (f"{name} = {quoted(value)}" for name, value in recipe.items())
        lines += ["## Recipe", "", "```toml", *fields, "```", ""]
    return "\n".join(lines)


def without_metadata(card: str) -> str:
    """Return what people read of a card."""
    return METADATA.sub("", card, count=1).lstrip("\n")


def license_of(card: str) -> str | None:
    """Return the license that a card names, of its model or of the one that its training began with."""
    found = LICENSE.search(card)
    return found and (found[1] or found[2])


def begun_under(license: str) -> str:
    """Say in a card that training began with a model under a license; :func:`license_of` reads it."""
    return f"Training began with a model whose license is {license}: see what it asks of models that you publish."


def quoted(value: Any) -> str:
    """Write a text, a number or a truth value so that JSON, YAML and TOML all read it."""
    return "".join(one if one.isprintable() else _escape(one) for one in json.dumps(value, ensure_ascii=False))


def _escape(character: str) -> str:
    """YAML knows more ends of lines than JSON, and allows fewer characters; half a surrogate pair is none."""
    code = ord(character)
    if 0xD800 <= code < 0xE000:
        return "\\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _metadata(scores: Mapping[str, Scores]) -> Iterator[str]:
    """The fields that the Hub knows, without those that only the user can know, such as the license.

    https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    yield from ("---", "pipeline_tag: token-classification", "library_name: tagsmith")
    yield from ("tags:", "- tagsmith", "- token-classification", "- sequence-labeling")
    if scores:
        yield from ("metrics:", *(f"- {metric}" for metric in METRICS))
        yield from ("model-index:", "- name: tagsmith model", "  results:")
    for part, whole in scores.items():
        yield from ("  - task:", "      type: token-classification")
        yield from ("    dataset:", f"      name: {UNNAMED}", f"      type: {UNNAMED}", f"      split: {part}")
        yield "    metrics:"
        for name, layer in (whole.layers or {"": whole}).items():
            for metric in METRICS:
                yield f"    - type: {metric}"
                yield f"      value: {round(getattr(layer, metric), 4)}"
                if name:
                    yield f"      name: {quoted(f'{metric} of {name}')}"
    yield "---"


def _scores(scores: Mapping[str, Scores]) -> Iterator[str]:
    """Tables of the scores: of each part and layer, and of each label in the last part."""
    if not scores:
        return
    columns = "precision | recall | F1 | 95 % interval | token accuracy | 95 % interval"
    yield from ("## Scores", "", f"| part | {columns} |", "|---|---|---|---|---|---|---|")
    for part, whole in scores.items():
        for name, layer in (whole.layers or {"": whole}).items():
            of = layer.intervals.scores if layer.intervals else {}
            f1, accuracy = (_between(of.get(one)) for one in ("f1", "accuracy"))
            row = _row(f"{part}, {_plain(name)}" if name else part, layer.precision, layer.recall, layer.f1)
            yield f"{row} | {f1} | {100 * layer.accuracy:.2f} | {accuracy} |"
    yield ""
    part, whole = list(scores.items())[-1]
    yield from _interval_in_words(part, whole)
    for name, layer in (whole.layers or {"": whole}).items():
        yield f"## Labels of `{name}`" if name else "## Labels"
        columns = "| label | precision | recall | F1 | 95 % interval | support |"
        yield from ("", f"On {part}:", "", columns, "|---|---|---|---|---|---|")
        types = layer.intervals.types if layer.intervals else {}
        for label, one in layer.types.items():
            row = _row(_plain(label), one.precision, one.recall, one.f1)
            yield f"{row} | {_between(types.get(label, {}).get('f1'))} | {one.support} |"
        yield ""


def _interval_in_words(part: str, scores: Scores) -> Iterator[str]:
    """Say what the intervals mean, with that of F1 as the example."""
    if found := scores.intervals:
        low, high = (f"{100 * end:.1f}" for end in found.scores["f1"])
        yield (
            f"The intervals say how far chance goes. The F1 on {part} is {100 * scores.f1:.2f}; of 100 draws of as "
            f"many {found.unit} of the same kind, 95 would give {low} to {high} ({found.resamples:,} bootstrap "
            f"resamples of {found.units:,} {found.unit}). They say nothing of other kinds of text, nor of a training "
            "run with another seed."
        )
        yield ""


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    """A table of what the model was trained and scored on."""
    if not data:
        return
    columns = "| part | data | sentences | tokens | documents | SHA-256 |"
    yield from ("## Data", "", columns, "|---|---|---|---|---|---|")
    for part, values in data.items():
        sources = values if part == "before" else values["sources"]
        title = "earlier training" if part == "before" else part
        if not sources:
            yield f"| {title} | held out of train | {values['sentences']:,} | {values['tokens']:,} | | |"
        for one in sources:
            name = _plain(quoted(one["name"])[1:-1]) if one["name"] else "no file"
            documents = f"{one['documents']:,}" if "documents" in one else ""
            counts = f"{one['sentences']:,} | {one['tokens']:,} | {documents}"
            yield f"| {title} | {name} | {counts} | `{one['sha256']}` |"
    yield ""


def _between(pair: Interval | None) -> str:
    return interval_text(pair) if pair else ""


def _plain(text: str) -> str:
    """Write what means something in Markdown as a mere character."""
    return re.sub(r"([\\`*\[\]<|])", r"\\\1", text)


def _row(title: str, *fractions: float) -> str:
    """The beginning of a row of a table, in percent."""
    return f"| {title} | " + " | ".join(f"{100 * fraction:.2f}" for fraction in fractions)
