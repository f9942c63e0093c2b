"""Seconds from the command to the first training step, on a new machine and again.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/start_of_training.py

Runs ``tagsmith train`` on UD English EWT (balanced preset, GloVe vectors) until it reports that the step is ready, then
kills it. The first run of a pair has an empty cache; the second uses the cache of the first. Three pairs. Writes
``benchmarks/results/start_of_training.json``.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from corpora import corpora, vectors
from tagsmith.cli.speed import describe_machine

RESULTS = Path(__file__).parent / "results" / "start_of_training.json"


def seconds(command: list[str], cache: Path) -> float:
    """Run until the step is ready; return the seconds that took."""
    start = time.perf_counter()
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step ready"):
                break
        else:
            sys.exit("the command ended before its first step")
        passed = time.perf_counter() - start
        process.send_signal(signal.SIGKILL)
    return passed


def main() -> None:
    """Measure and write the results."""
    times: dict[str, list[float]] = {"new": [], "again": []}
    for _ in range(3):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            files = corpora(folder)["ud_english_ewt"]
            command = [sys.executable, "-m", "tagsmith", "train", str(files.train), "--dev", str(files.dev)]
            command += ["--out", str(folder / "model"), "--vectors", str(vectors()), "--layer", "upos"]
            for name, measured in times.items():
                measured.append(round(seconds(command, folder / "cache"), 2))
                print(name, measured[-1], flush=True)
    medians = {name: statistics.median(measured) for name, measured in times.items()}
    RESULTS.write_text(
        json.dumps({"machine": describe_machine(), "seconds": times, **medians}, indent=2) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()
