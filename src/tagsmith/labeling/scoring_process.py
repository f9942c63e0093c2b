"""The process that scores versions: ``python -m tagsmith.labeling.scoring_process``.

It reads its job, one line of JSON, from standard input, and writes one JSON object: ``report``, an HTML page; or the
fields of a :class:`tagsmith.labeling.schema.VersionsComparedAnswer`; or a ``problem`` in words with its ``code``. When
its standard input closes, nobody waits for that any more: it ends.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import tagsmith
from tagsmith import Tagger
from tagsmith.errors import TagsmithError
from tagsmith.labeling.comparing import LabeledWords, compare, layer_in, seen_in, unseen
from tagsmith.labeling.training_process import NICENESS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringJob:
    """What to score."""

    folder: str  # the version's
    name: str  # what it is called
    against: str | None = None  # the folder of an older one
    against_name: str = ""
    report: bool  # write a report; else compare the two
    dev: list[LabeledWords]
    dev_files: list[str] = field(default_factory=list)  # labeled files to score on as well
    corpus: list[str] = field(default_factory=list)  # labeled files that the versions were trained on
    seen: list[str] = field(default_factory=list)  # digests of the sentences that one of the versions was trained on
    layer: str

    def as_line(self) -> bytes:
        """Return the line that the process reads."""
        return json.dumps(asdict(self)).encode() + b"\n"


def run(job: ScoringJob) -> dict[str, Any]:
    """Do the job; return what the process writes."""
    try:
        tagger = tagsmith.load(job.folder)
        against = tagsmith.load(job.against) if job.against else None
    except TagsmithError as error:
        return {"code": "damaged", "problem": str(error)}
    try:
        seen = {*job.seen, *seen_in(job.corpus, job.layer)}
        dev: list[LabeledWords | str] = [*job.dev, *job.dev_files]
        if job.report:
            return _report(job, tagger, against, dev, seen)
        assert against is not None
        return compare(against, tagger, dev, seen, job.layer) or _nothing(len(job.dev), job.dev_files)
    except TagsmithError as error:
        return {"code": "not_scored", "problem": str(error)}


def _report(
    job: ScoringJob, tagger: Tagger, against: Tagger | None, dev: list[LabeledWords | str], seen: set[str]
) -> dict[str, Any]:
    labeled = tagger.labeled(dev, layer=layer_in(tagger, job.layer))
    fair = labeled.only(unseen(labeled.words, seen))
    (tags,) = fair.tags.values()
    if not any(tag != "O" for own in tags for tag in own):
        return _nothing(len(job.dev), job.dev_files)
    sources = [f"{len(job.dev):,} held-out accepted sentences" if job.dev else "", *job.dev_files]
    settings = {"model": job.name, "data": ", ".join(filter(None, sources))}
    if left_out := len(labeled.words) - len(fair.words):
        settings["left out"] = f"{left_out:,} of these sentences, which a version was trained on"
    name = f"{job.name} compared with {job.against_name}" if against else job.name
    page = tagger.report(
        fair,
        title=name[0].upper() + name[1:],
        settings=settings,
        against=against,
        against_name=job.against_name,
        folder=job.folder,
    )
    return {"report": page}


def _nothing(held_out: int, files: list[str]) -> dict[str, Any]:
    where = "the held-out sentences" + (" and the dev files" if files else "")
    what = where if held_out else "the dev files"
    problem = f"There is nothing to score on: no sentence of {what} has a label and was not trained on."
    return {"code": "no_dev", "problem": f"{problem} Accept more sentences: each fifth is held out."}


def _wait_for_the_end() -> None:
    while os.read(0, 1 << 16):
        pass
    os._exit(0)


def main() -> int:
    """Run the job on standard input."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):  # the end came before the job
        return 0
    threading.Thread(target=_wait_for_the_end, daemon=True).start()
    if hasattr(os, "nice"):  # on Windows the server starts the process with low priority
        os.nice(NICENESS)
    try:
        answer = run(ScoringJob(**json.loads(line)))
    except Exception as error:
        traceback.print_tb(error.__traceback__)  # without its message, which may contain text
        return 1
    with suppress(OSError), answers:  # nobody may read it any more
        json.dump(answer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
