"""What 8-bit kernels cost: the scores of each model in float32 and in int8.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/precision.py MODELS

MODELS is the folder that ``benchmarks/accuracy.py --models MODELS`` filled: a model for each corpus, by its name.
Writes ``benchmarks/results/precision.json``, in per cent.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import tagsmith
from corpora import corpora
from tagsmith.runtime.model_folder import Precision

RESULTS = Path(__file__).parent / "results" / "precision.json"
PRECISIONS: tuple[Precision, ...] = ("float32", "int8")


def main() -> None:
    """Score every model that is there, on dev and test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    arguments = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, files in corpora(Path(temporary)).items():
            folder = arguments.models / name.replace("/", "-")
            if not folder.is_dir():
                continue
            for part, path in (("dev", files.dev), ("test", files.test)):
                own: dict[str, float] = {}
                for precision in PRECISIONS:
                    tagger = tagsmith.load(folder, precision=precision)
                    scores = tagger.evaluate(path, **files.options)
                    own[precision] = round(100 * (scores.f1 if tagger.gives_spans else scores.accuracy), 2)
                own["lost"] = round(own["float32"] - own["int8"], 2)
                found.setdefault(name, {})[part] = own
            print(name, json.dumps(found[name]), flush=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
