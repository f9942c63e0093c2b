"""Labeling from nothing: what a model has learned after so many sentences, by the order in which they are labeled.

    TAGSMITH_DATA=… python benchmarks/labeling.py [--corpora bc5cdr snips] [--seeds 1 2 3] [--rounds 10]

Plays a person at ``tagsmith serve --new``, over HTTP: adds 2,000 training sentences, accepts 20 with their gold labels,
trains, puts the new version in service, and so on. "queue" takes the sentences that the server offers, those that the
model is least sure of; "random" takes any. Each version is scored on the first 1,500 dev sentences, which the server
does not know. GloVe 6B 50d, as ``serve`` takes them. Writes ``benchmarks/results/labeling.json``: F1 after 20, 40, …
sentences, and the seconds that each training took.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from corpora import corpora
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences
from tagsmith.labeling.desk import LabelingProject
from tagsmith.labeling.extension import open_labeling
from tagsmith.labeling.store import Store
from tagsmith.serving.app import create_app
from tagsmith.serving.limits import Limits
from tagsmith.serving.server import Server, configure
from tagsmith.tagging.tagger import load
from tagsmith.text.document import Sentence, document_from_sentences, sentence_from_words
from tagsmith.text.schemes import OUTSIDE, detect_scheme, split_label, tags_to_spans

RESULTS = Path(__file__).parent / "results" / "labeling.json"
POOL, SCORED, A_ROUND = 2000, 1500, 20
ORDERS = ("queue", "random")


@contextmanager
def serving(folder: Path, labels: Sequence[str]) -> Iterator[httpx.Client]:
    """A server that begins from nothing."""
    ports: list[int] = []
    project = LabelingProject(folder=folder, labels=tuple(labels), vectors="glove-6b-50d")
    models, extension = open_labeling({}, project)
    server = Server(configure(create_app(models, extension=extension), "127.0.0.1", 0, Limits()), ports.append)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not ports:
        thread.join(0.05)
    with httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}", timeout=600) as client:
        yield client
    server.should_exit = True
    thread.join()


def learned(
    pool: Sequence[Sentence], dev: Sequence[Sentence], order: str, rounds: int, seed: int
) -> list[dict[str, float]]:
    """F1 on dev and seconds of training, after each round."""
    layer = next(iter(pool[0].layers))
    scheme = detect_scheme(sentence.layers[layer] for sentence in pool)
    tags = {tag for sentence in pool for tag in sentence.layers[layer]} - {OUTSIDE}
    labels = sorted({split_label(tag, scheme) for tag in tags})
    drawn = random.Random(seed).sample(range(len(pool)), len(pool))
    versions: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), labels) as client:
        store = Store(Path(folder))  # sentences come cut into tokens, which the HTTP interface does not take
        new = [document_from_sentences([sentence_from_words(pool[place].words)]) for place in drawn]
        ids, _ = store.add(new, "pool")
        store.close()
        places = dict(zip(ids, drawn, strict=True))
        waiting = list(dict.fromkeys(ids))
        for _ in range(rounds):
            for _ in range(A_ROUND):
                if order == "queue" and versions:
                    number = client.get("/v1/labeling/next").json()["sentence"]["id"]
                else:
                    number = waiting[0]
                waiting.remove(number)
                spans = tags_to_spans(pool[places[number]].layers[layer], scheme)
                sent = [{"start": span.start, "end": span.end, "label": span.label} for span in spans]
                saved = client.put(f"/v1/labeling/sentences/{number}", json={"status": "accepted", "spans": sent})
                saved.raise_for_status()
            run = _train(client)
            version = load(Path(folder, "versions", str(run["number"])))
            client.post(f"/v1/versions/{run['number']}", json={}).raise_for_status()
            while client.get("/v1/labeling").json()["scored"] < len(waiting):
                pass
            versions.append({"f1": 100 * version.evaluate(dev).f1, "seconds": run["seconds"]})
    return versions


def _train(client: httpx.Client) -> dict[str, Any]:
    client.post("/v1/training", json={}).raise_for_status()
    with client.stream("GET", "/v1/training/events") as stream:
        for _ in stream.iter_lines():
            pass
    run: dict[str, Any] = client.get("/v1/training").json()["run"]
    if run["state"] != "done":
        raise SystemExit(run["problem"])
    return run


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", default=["bc5cdr", "snips"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": describe_machine(), "seeds": options.seeds, "f1": {}, "runs": {}}
    with tempfile.TemporaryDirectory() as folder:
        files = corpora(Path(folder))
        for name in options.corpora:
            pool, dev = read_sentences(files[name].train), read_sentences(files[name].dev)[:SCORED]
            for order in ORDERS:
                runs = []
                for seed in options.seeds:
                    drawn = random.Random(seed).sample(range(len(pool)), min(POOL, len(pool)))
                    runs.append(learned([pool[place] for place in drawn], dev, order, options.rounds, seed))
                    print(name, order, seed, [round(version["f1"], 1) for version in runs[-1]], flush=True)
                results["runs"][f"{name} {order}"] = runs
                results["f1"][f"{name} {order}"] = {
                    str(A_ROUND * (number + 1)): round(statistics.mean(run[number]["f1"] for run in runs), 2)
                    for number in range(options.rounds)
                }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results["f1"], indent=1))


if __name__ == "__main__":
    main()
