"""What ``tagsmith evaluate --report`` writes: the report, and in it what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tagsmith.cli.compare_input import Tags, open_model, predictions_of_file
from tagsmith.corpus.convert import open_target
from tagsmith.corpus.provenance import file_digest
from tagsmith.errors import place_of
from tagsmith.model.hub import hub_name
from tagsmith.remote import is_file
from tagsmith.scores.evaluation import Evaluation
from tagsmith.scores.scores import Mode
from tagsmith.tagging.labeled import Labeled
from tagsmith.tagging.tagger import Tagger


def write_report(
    target: Path,
    tagger: Tagger,
    labeled: Labeled,
    scores: Evaluation,
    mode: Mode,
    *,
    model: Path,
    data: Sequence[Path],
    files: Sequence[Path],
    against: Path | None,
    reading: Mapping[str, Any],
) -> None:
    """Write the report of a model on labeled data, compared with another model or a file of predictions if wanted.

    ``reading`` are the options that such a file is read with.
    """
    alone = len({file.name for file in files}) == len(files)
    readable = {file.name if alone else place_of(file): file for file in files if is_file(file)}  # again: no streams
    digests = {f"SHA-256 of {name}": file_digest(file) for name, file in readable.items()}
    page = tagger.report(
        labeled,
        scores,
        title=f"{model.name or model} on {', '.join(one.name or str(one) for one in data)}",
        settings={"model": str(hub_name(model) or place_of(model)), "data": ", ".join(map(place_of, data)), **digests},
        mode=mode,
        against=None if against is None else _other(against, labeled, tagger, reading),
        against_name=place_of(against or ""),
        folder=model,
    )
    with open_target(target) as stream:
        stream.write(page)


def _other(source: Path, labeled: Labeled, tagger: Tagger, reading: Mapping[str, Any]) -> Tagger | Mapping[str, Tags]:
    """Return another model, or what a file of predictions says of each layer."""
    if (other := open_model(source)) is not None:
        return other
    names = tuple(labeled.tags)
    several = {"layer": names} if len(names) > 1 else {}
    return {
        name: predictions_of_file(
            source,
            labeled.sentences,
            tagger.layer(name).scheme,
            name if several else None,
            **{**reading, **several},
        )
        for name in names
    }
