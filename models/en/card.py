"""Write the model card of a packed English model: what it is, its labels, scores, sources and licenses.

    python models/en/card.py MODEL --scores models/en/results/en-1.md

The prose is that of ``card.md``, the scores are those in ``results``, the sources the table of ``README.md``, without
the corpora that this model was not trained on.
The card is ``README.md`` in the model's folder, the one file there without a digest.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection
from pathlib import Path

from tagsmith.model.card import METADATA, write_card
from tagsmith.model.folder import Model, ModelFile, read_model
from tagsmith.scores.scores import scores_from_dict

HERE = Path(__file__).parent
KNOWN_TO_THE_HUB = """---
license: cc-by-sa-4.0
language: en
"""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path, help="the folder, whose name ends with the version: en-1")
    parser.add_argument("--scores", type=Path, required=True, help="its page of results")
    given = parser.parse_args()
    version = given.model.resolve().name.rpartition("-")[2]
    card = english_card(read_model(given.model), version, given.scores.read_text("utf-8"))
    (given.model / ModelFile.CARD).write_text(card, "utf-8")
    print(given.model / ModelFile.CARD)


def english_card(model: Model, version: str, scores: str) -> str:
    """Return the card of a model; ``scores`` is its page of results."""
    parts = {part: scores_from_dict(one) for part, one in model.scores.items()}
    usual = write_card(model.layers, parts, {}, data=model.data)
    metadata = METADATA.match(usual)
    curve = _section(scores, "Calibration")
    filled = {
        "version": version,
        "scores": scores.replace(curve, "").partition("\n")[2].strip().replace("\n## ", "\n### "),
        "calibration": f"{_calibration(model)}\n\n{curve.partition('## Calibration')[2].strip()}".strip(),
        "by label": "## Scores in training" + usual.partition("## Scores")[2].rstrip(),
        "sources": sources(left_out(scores)),
    }
    prose = (HERE / "card.md").read_text("utf-8")
    for name, text in filled.items():
        prose = prose.replace(f"{{{name}}}", text)
    head = metadata.group().replace("---\n", KNOWN_TO_THE_HUB, 1) if metadata else f"{KNOWN_TO_THE_HUB}---\n"
    return f"{head.replace('tagsmith model', f'tagsmith en@{version}')}\n{prose}"


def left_out(scores: str) -> set[str]:
    """The corpora that the model was not trained on, as the first part of its page of results says."""
    return set(re.findall(r"^\| (\w+), left out", scores.partition("\n## ")[0], re.MULTILINE))


def sources(without: Collection[str]) -> str:
    """Return the table of the corpora: name, license, attribution."""
    section = (HERE / "README.md").read_text("utf-8").partition("\n## Corpora\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    if not rows or rows[0] != ["corpus", "knows", "what becomes of its labels", "license", "attribution"]:
        raise SystemExit(f"{HERE / 'README.md'}: the table of corpora has other columns.")
    return "\n".join(f"| {row[0]} | {row[3]} | {row[4]} |" for row in rows if row[0] not in without).replace(
        "| --- | --- | --- |", "|---|---|---|"
    )


def _section(page: str, title: str) -> str:
    """Return a section of a page with its heading and the line before, or nothing if it has none."""
    found = re.search(rf"\n## {title}\n.*?(?=\n## |\Z)", page, re.DOTALL)
    return found.group() if found else ""


def _calibration(model: Model) -> str:
    """What calibration did on dev, as the usual card says it."""
    card = model.extras.get(ModelFile.CARD, b"").decode()
    return "\n\n".join(re.findall(r"^\w+ calibrated on dev: .*$", card, re.MULTILINE))


if __name__ == "__main__":
    main()
