"""tagsmith: the balanced preset with pretrained vectors; the option is the precision, int8 or float32."""

from __future__ import annotations

import json
from typing import Literal

from worker import Arguments, System, serve

import tagsmith


def start(arguments: Arguments) -> System:
    """Train or load the model."""
    config = arguments.folder / "config.json"
    if not config.exists():
        train, dev = (arguments.corpus / f"{part}.conll" for part in ("train", "dev"))
        tagsmith.train(train, dev=dev, out=arguments.folder, preset="balanced", vectors=arguments.vectors, seed=0)
    saved = json.loads(config.read_text("utf-8"))
    training = {**saved["architecture"], **saved["recipe"]}
    precision: Literal["int8", "float32"] = "int8" if "int8" in arguments.options else "float32"
    tagger = tagsmith.load(arguments.folder, precision=precision, threads=arguments.threads)
    return System(tagger.tag, ("tagsmith", "onnxruntime", "numpy"), training)


if __name__ == "__main__":
    serve(start)
