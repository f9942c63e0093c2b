"""How well an English model finds names of each region of the world, in sentences that are otherwise the same.

    python models/en/regions.py MODEL

``regions.toml`` holds the names and the sentences. Each sentence is filled with names of one region at a time, so that
regions differ in nothing but their names. The text is cut by tagsmith's own tokenizer.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import tagsmith
from tagsmith.tagging.tagger import Tagger

LABELS = ("PERSON", "LOCATION", "ORGANIZATION")
SLOT = re.compile(r"\[(PERSON|FAMILY|PLACE|ORGANIZATION)\]")
SLOTS = {  # what stands in a slot, and its label
    "PERSON": ("people", "PERSON"),
    "FAMILY": ("people", "PERSON"),
    "PLACE": ("places", "LOCATION"),
    "ORGANIZATION": ("organizations", "ORGANIZATION"),
}
FILLS = 40  # of each sentence with the names of a region, which has as many people
ARTICLE = "the "

Region = Mapping[str, Sequence[str]]  # people, places, organizations → names
Found = tuple[int, int, str]  # first character, character after the last, label


@dataclass(frozen=True)
class Text:
    """A sentence, and the names in it."""

    text: str
    names: frozenset[Found]


class Counts(NamedTuple):
    """Names in some sentences, names found, and those found with their limits and label."""

    gold: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        """In percent."""
        return 100 * self.right / max(1, self.gold)

    @property
    def f1(self) -> float:
        """In percent."""
        return 200 * self.right / max(1, self.gold + self.found)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path)
    print(table(tagsmith.load(parser.parse_args().model)))


def read_regions(path: Path = Path(__file__).parent / "regions.toml") -> tuple[list[str], dict[str, Region]]:
    """Return the sentences with slots, and the names of each region."""
    read = tomllib.loads(path.read_text("utf-8"))
    templates = read.pop("templates").strip().split("\n")
    return templates, {
        region: {kind: [" ".join(name.split()) for name in names.split(";")] for kind, names in kinds.items()}
        for region, kinds in read.items()
    }


def filled(templates: Sequence[str], region: Region, change: Callable[[str], str] = str) -> Iterator[Text]:
    """Yield each sentence ``FILLS`` times, with the names of a region in turn; ``change`` is done to all text."""
    for number, template in enumerate(templates):
        for fill in range(FILLS):
            yield _text(template, region, fill + number, change)


def _text(template: str, region: Region, first: int, change: Callable[[str], str]) -> Text:
    """Fill the slots with the ``first`` name of their kinds and the next ones."""
    text, names = "", set[Found]()
    for place, part in enumerate(SLOT.split(template)):
        if place % 2 == 0:  # between slots
            text += change(part)
            continue
        kind, label = SLOTS[part]
        whole, _, short = region[kind][(first + place // 2) % len(region[kind])].partition("|")
        name = (short or whole.rpartition(" ")[2]) if part == "FAMILY" else whole
        if name.startswith(ARTICLE):
            text += change(ARTICLE if text else ARTICLE.capitalize())
        start = len(text)
        text += change(name.removeprefix(ARTICLE))
        names.add((start, len(text), label))
    return Text(text, frozenset(names))


def counts(tagger: Tagger, texts: Sequence[Text]) -> dict[str, Counts]:
    """Tag sentences and count by label; ``""`` is all of them."""
    totals = {label: Counter[str]() for label in ("", *LABELS)}
    for text, document in zip(texts, tagger.tag_texts([text.text for text in texts]), strict=True):
        found = {(span.start, span.end, span.label) for span in document.spans if span.label in LABELS}
        for name, spans in (("gold", text.names), ("found", found), ("right", text.names & found)):
            for _, _, label in spans:
                totals[label][name] += 1
                totals[""][name] += 1
    return {label: Counts(total["gold"], total["found"], total["right"]) for label, total in totals.items()}


def table(tagger: Tagger) -> str:
    """Return a table in Markdown, in percent: recall and F1 by region and label, and F1 in lower case."""
    columns = " | ".join(f"{label}: recall | F1" for label in LABELS)
    rows = [f"| names of | all: F1 | {columns} | all, in lower case: F1 |", f"|---|{'--:|' * (2 + 2 * len(LABELS))}"]
    templates, regions = read_regions()
    for name, region in regions.items():
        usual, lower = (counts(tagger, list(filled(templates, region, change))) for change in (str, str.lower))
        cells = [f"{usual[''].f1:.1f}"]
        cells += [f"{usual[label].recall:.1f} | {usual[label].f1:.1f}" for label in LABELS]
        rows.append(f"| {name} | {' | '.join(cells)} | {lower[''].f1:.1f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
