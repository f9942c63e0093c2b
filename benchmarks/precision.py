"""The cost of 8-bit kernels: the scores of each model in float32 and in int8.

    TAGSMITH_DATA=… TAGSMITH_VECTORS=… python benchmarks/precision.py MODELS

MODELS is the folder that ``benchmarks/accuracy.py --models MODELS`` filled, with a model for each corpus. Writes
``benchmarks/results/precision.json``: scores in percent, and how many tags depend on the other sentences of a call.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import tagsmith
from corpora import Files, corpora
from tagsmith.corpus.sources import read_sentences
from tagsmith.model.configuration import Precision

RESULTS = Path(__file__).parent / "results" / "precision.json"
PRECISIONS: tuple[Precision, ...] = ("float32", "int8")


def _unlike_alone(folder: Path, path: Path, files: Files) -> int:
    """Count the tags of a file that change if each sentence is tagged in its own call."""
    tagger = tagsmith.load(folder, precision="int8")
    sentences = [sentence.words for sentence in read_sentences(path, **{"layer": None, **files.options})]
    together, alone = tagger.tag(sentences), [tagger.tag([words])[0] for words in sentences]
    return sum(a != b for one, other in zip(together, alone, strict=True) for a, b in zip(one, other, strict=True))


def main() -> None:
    """Score every model in the folder, on dev and test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    arguments = parser.parse_args()
    results: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, files in corpora(Path(temporary)).items():
            folder = arguments.models / name.replace("/", "-")
            if not folder.is_dir():
                continue
            for part, path in (("dev", files.dev), ("test", files.test)):
                scored: dict[str, float] = {}
                for precision in PRECISIONS:
                    tagger = tagsmith.load(folder, precision=precision)
                    scores = tagger.evaluate(path, **files.options)
                    scored[precision] = round(100 * (scores.f1 if tagger.gives_spans else scores.accuracy), 2)
                scored["lost"] = round(scored["float32"] - scored["int8"], 2)
                scored["tokens"] = scores.tokens
                scored["int8_tags_that_differ_when_alone"] = _unlike_alone(folder, path, files)
                results.setdefault(name, {})[part] = scored
            print(name, json.dumps(results[name]), flush=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
