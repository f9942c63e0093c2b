"""What ``tagsmith inspect`` says of a model: what it is, from what it was made, how good, how large and how fast."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagsmith.cli.inspect_view import Section, View
from tagsmith.cli.options import counted
from tagsmith.errors import place_of

if TYPE_CHECKING:
    from tagsmith.model.folder import Model

SHOWN_DIGITS = 16  # of a digest
SPEED_SENTENCES, SPEED_TOKENS, SPEED_ROUNDS = 1000, 20, 3


def model_report(folder: Path, *, speed: bool = False) -> dict[str, Any]:
    """Describe a model folder; every file of it is verified. ``speed`` also tags for about a second."""
    from tagsmith.model.folder import ModelFile, config_digest, local_folder, read_config, read_history, read_model
    from tagsmith.model.hub import hub_name

    model = read_model(folder)
    local = local_folder(folder)
    layers = [{"layer": layer.name, "scheme": layer.scheme, "labels": list(layer.labels)} for layer in model.layers]
    card = model.extras.get(ModelFile.CARD, b"").decode("utf-8", "replace")
    return {
        "path": str(hub_name(folder) or place_of(folder)),
        "kind": "model",
        "format_version": read_config(local)["format_version"],
        "digest": config_digest(local),
        **layers[0],
        **({"layers": layers} if len(layers) > 1 else {}),
        "words": len(model.vocabulary.words),
        "pretrained_words": len(model.vocabulary.pretrained),
        "characters": len(model.vocabulary.characters),
        **({"ngrams": len(model.vocabulary.ngrams.known)} if model.vocabulary.ngrams else {}),
        "parameters": sum(int(array.size) for name, array in model.weights.items() if array.dtype != "int8"),
        "precision": model.precision,
        **({"calibration": {name: asdict(one) for name, one in model.scalings.items()}} if model.scalings else {}),
        "architecture": model.architecture.as_dict(),
        "recipe": dict(model.recipe),
        "trained": next((line for line in card.splitlines() if line.startswith("Trained with tagsmith ")), ""),
        "history": read_history(local),
        "scores": dict(model.scores),
        **({"data": dict(model.data)} if model.data else {}),
        "files": {path.name: path.stat().st_size for path in sorted(local.iterdir()) if path.is_file()},
        **({"speed": _speed(model)} if speed else {}),
    }


def _speed(model: Model) -> dict[str, Any]:
    """Tag sentences of the model's own words; the fastest of a few rounds counts."""
    from tagsmith.tagging.tagger import Tagger

    words = model.vocabulary.words or ("word",)
    draw = random.Random(0)
    sentences = [draw.choices(words, k=SPEED_TOKENS) for _ in range(SPEED_SENTENCES)]
    start = time.perf_counter()
    tagger = Tagger(model)
    loaded = time.perf_counter() - start
    tag = tagger.tag if len(tagger.layers) == 1 else tagger.tag_layers
    tag(sentences)
    seconds = []
    for _ in range(SPEED_ROUNDS):
        start = time.perf_counter()
        tag(sentences)
        seconds.append(time.perf_counter() - start)
    return {
        "tokens": SPEED_SENTENCES * SPEED_TOKENS,
        "threads": tagger.threads,
        "tokens_per_second": round(SPEED_SENTENCES * SPEED_TOKENS / min(seconds)),
        "seconds_to_open": round(loaded, 3),
    }


def model_section(report: Mapping[str, Any]) -> Section:
    """Show a model."""
    from tagsmith.scores.intervals import interval_text

    tables = []
    for part, scores in report["scores"].items():
        for layer, values in scores.get("layers", {"": scores}).items():
            known = values.get("intervals", {}).get("types", {})
            rows = [
                (
                    label, *(f"{100 * one[name]:.2f}" for name in ("precision", "recall", "f1")),
                    interval_text(known[label]["f1"]) if label in known else "", f"{one['support']:,}",
                )
                for label, one in values.get("types", {}).items()
            ]  # fmt: skip
            title = f"{part}, {layer}" if layer else part
            columns = ("label", "precision", "recall", "F1", "95 % interval", "in the data")
            tables.append(View(columns, rows, title=title, on_terminal=False))
    epochs = [
        (str(one["epoch"]), f"{one['loss']:.4f}", f"{one['dev_loss']:.4f}", f"{100 * one['dev']:.2f}")
        for one in report["history"]
    ]
    headings = ("epoch", "training loss", "dev loss", "dev score")
    tables.append(View(headings, epochs, title="training", on_terminal=False))
    recipe = [(name, str(value)) for name, value in report["recipe"].items()]
    tables.append(View(("recipe", "value"), recipe, on_terminal=False))
    return Section(report["path"], _facts(report), tables)


def _scaling(values: Mapping[str, float]) -> str:
    bias = f", O {values['outside']:+.2f}" if values["outside"] else ""
    return f"calibrated: temperature {values['temperature']:.2f}{bias}"


def _data(data: Mapping[str, Any]) -> dict[str, str]:
    """Say what the model was trained and scored on."""
    facts = {}
    for part, values in data.items():
        sources = values if part == "before" else values["sources"]
        told = []
        for one in sources:
            units = [name for name in ("sentences", "tokens", "documents") if name in one]
            counts = ", ".join(counted(one[name], name.removesuffix("s")) for name in units)
            told.append(f"{one['name'] or 'no file'} ({counts}; SHA-256 {one['sha256'][:SHOWN_DIGITS]})")
        if not sources:
            told.append(f"{counted(values['sentences'], 'sentence')} held out of the training data")
        facts["data of earlier training" if part == "before" else f"data ({part})"] = ", ".join(told)
    return facts


def _score(values: Mapping[str, Any], name: str) -> str:
    """Write a score in percent, with its interval if it has one."""
    from tagsmith.scores.intervals import interval_text

    pair = values.get("intervals", {}).get(name)
    return f"{100 * values[name]:.2f}" + (f" ({interval_text(pair)})" if pair else "")


def _facts(report: Mapping[str, Any]) -> dict[str, str]:
    if "layers" in report:
        layers = {
            f"layer {layer['layer']}": f"scheme {layer['scheme']}, labels {', '.join(layer['labels'])}"
            for layer in report["layers"]
        }
    else:
        layers = {"layer": report["layer"], "scheme": report["scheme"], "labels": ", ".join(report["labels"])}
    scores = {
        f"scores ({part}, {layer})" if layer else f"scores ({part})": (
            f"F1 {_score(values, 'f1')}, token accuracy {_score(values, 'accuracy')}"
        )
        for part, every in report["scores"].items()
        for layer, values in every.get("layers", {"": every}).items()
    }
    sizes, seed = report["files"], report["recipe"].get("seed")
    trained = {"trained": report["trained"].removeprefix("Trained ")} if report["trained"] else {}
    if trained and seed is not None:
        trained["trained"] += f" Seed {seed}."
    speed = {}
    if measured := report.get("speed"):
        threads = "1 thread" if measured["threads"] == 1 else f"{measured['threads']} threads"
        speed["speed here"] = f"{measured['tokens_per_second']:,} words to tags a second, {threads}"
    return {
        "format version": str(report["format_version"]),
        **layers,
        "words": f"{report['words']:,} of training, {report['pretrained_words']:,} with pretrained vectors",
        **({"n-grams": f"{report['ngrams']:,}, for the vectors of other words"} if "ngrams" in report else {}),
        "parameters": f"{report['parameters']:,}",
        "network": ", ".join(f"{name} {value}" for name, value in report["architecture"].items()),
        "runs in": report["precision"],
        **{f"probabilities of {layer}": _scaling(one) for layer, one in report.get("calibration", {}).items()},
        **trained,
        **_data(report.get("data", {})),
        **scores,
        "size": f"{sum(sizes.values()) / 1e6:.1f} MB in {len(sizes)} files, none missing or altered",
        "digest": str(report["digest"])[:SHOWN_DIGITS],
        **speed,
    }
