"""Whether the server stays well for an hour of everything at once, on two cores.

    python benchmarks/mixed_load.py [--minutes 60] [--result FILE]

Starts ``tagsmith serve`` with two models and a labeling folder. Six clients tag: short texts and long ones, tokens,
all options, and now and then a request that must be refused. Two people label, add sentences and export. Meanwhile the
model is retrained twice and put in service, and the folder of the other model is replaced ten times. Every five
seconds, the server's memory, threads, open files and child processes are read from ``/proc`` (Linux only).

It fails unless every answer has a status that its request may get, every acknowledged label is in the export, memory
stays within a bound (and, in a run of 20 minutes or more, does not grow), and no thread, file, process or temporary
file is left over.
Writes ``benchmarks/results/mixed_load.json``, or FILE.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences
from tagsmith.model.folder import read_model, write_model
from tagsmith.sample import sample_path
from tagsmith.text.schemes import Scheme, tags_to_spans

RESULTS = Path(__file__).parent / "results" / "mixed_load.json"
TAGGERS, LABELERS, RETRAININGS, SWAPS = 6, 2, 2, 10
LEAST_LABELED = 20  # sentences, before the first retraining of a short run
EVERY = 5.0  # seconds between two looks at the process
MOST_MEGABYTES = 600
MOST_GROWTH = 1.1  # of the memory: the last fifth of the time by the second fifth, when all models have been loaded
LONG = 20  # minutes
BUSY = {503, 504}  # what any request may get when there is too much to do


@dataclass
class Run:
    """What happened so far."""

    address: str
    until: float
    statuses: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    accepted: dict[str, list[list[Any]]] = field(default_factory=dict)  # text → the spans that the server acknowledged
    looks: list[dict[str, int]] = field(default_factory=list)

    def going(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self.until

    def note(self, what: str, status: int, expected: set[int]) -> None:
        """Count an answer; keep what must not be."""
        self.statuses[f"{what} {status}"] += 1
        if status not in expected | BUSY:
            self.unexpected.append(f"{what}: status {status}")


def tagging_request(rng: random.Random, texts: list[str]) -> tuple[str, dict[str, Any], set[int]]:
    """A request, and the statuses that it may get."""
    some = rng.choices(texts, k=rng.randint(1, 20))
    name = rng.choice(["names", "other"])
    kind = rng.choice(["text", "texts", "long", "tokens", "k_best", "marginals", "threshold", "wrong", "too many"])
    bodies: dict[str, dict[str, Any]] = {
        "text": {"text": some[0]},
        "texts": {"texts": some},
        "long": {"text": " ".join(rng.choices(texts, k=300))},
        "tokens": {"tokens": [text.split() for text in some]},
        "k_best": {"text": some[0], "k_best": rng.randint(2, 20)},
        "marginals": {"texts": some, "marginals": True},
        "threshold": {"texts": some, "threshold": rng.random()},
        "wrong": {"text": some[0], "threshold": "high"},
        "too many": {"texts": some * 300},
    }
    expected = {200} if kind not in ("wrong", "too many") else {422}
    return kind, {"model": name, **bodies[kind]}, expected


async def tag(run: Run, seed: int, texts: list[str]) -> None:
    """Tag until the end; wait a little between requests, as clients do."""
    rng = random.Random(seed)
    async with httpx.AsyncClient(base_url=run.address, timeout=60) as client:
        while run.going():
            kind, body, expected = tagging_request(rng, texts)
            answer = await client.post("/v1/tag", json=body)
            run.note(f"tag {kind}", answer.status_code, expected)
            await asyncio.sleep(rng.random() * 0.05)


async def label(run: Run, seed: int, gold: dict[str, list[list[Any]]]) -> None:
    """Label the sentence that is next, again and again; add sentences, list them, export them."""
    rng = random.Random(seed)
    async with httpx.AsyncClient(base_url=run.address, timeout=60) as client:
        while run.going():
            answer = await client.get("/v1/labeling/next")
            run.note("next", answer.status_code, {200})
            sentence = answer.json()["sentence"] if answer.status_code == 200 else None
            if sentence is None:
                added = await client.post(
                    "/v1/labeling/sentences", json={"text": "\n\n".join(rng.sample(list(gold), 20))}
                )
                run.note("add", added.status_code, {200, 201})
            else:
                spans = gold.get(sentence["text"], [])
                sent = [{"start": start, "end": end, "label": name} for start, end, name in spans]
                edit = {"status": "accepted", "spans": sent, "revision": sentence.get("revision")}
                saved = await client.put(f"/v1/labeling/sentences/{sentence['id']}", json=edit)
                run.note("save", saved.status_code, {200, 409})  # 409: the other person was faster
                if saved.status_code == 200:
                    run.accepted[sentence["text"]] = spans
            for path in ("/v1/labeling/sentences?status=accepted&limit=20", "/v1/labeling/export?format=jsonl"):
                if rng.random() < 0.05:
                    run.note(path.partition("?")[0], (await client.get(path)).status_code, {200})
            await asyncio.sleep(0.2 + rng.random() * 0.3)


async def retrain(run: Run, seconds: float) -> None:
    """Train twice, a quarter and half of the way, and put the new model in service."""
    async with httpx.AsyncClient(base_url=run.address, timeout=60) as client:
        for number in range(RETRAININGS):
            await asyncio.sleep(max(0.0, run.until - time.monotonic() - seconds * (0.75 - 0.25 * number)))
            while run.going() and len(run.accepted) < LEAST_LABELED:
                await asyncio.sleep(0.1)
            started = await client.post("/v1/training", json={"epochs": 10})
            run.note("train", started.status_code, {202})
            state: dict[str, Any] = {"state": "running"}
            while state["state"] == "running":
                await asyncio.sleep(1)
                state = (await client.get("/v1/training")).json()["run"]
            if state["state"] != "done":
                run.unexpected.append(f"training: {state['state']}: {state['problem']}")
                continue
            served = await client.post(f"/v1/versions/{state['number']}", json={})
            run.note("put in service", served.status_code, {200})


async def swap(run: Run, seconds: float, folder: Path, sources: list[Path]) -> None:
    """Replace the other model's folder ten times; the server must come to serve each."""
    async with httpx.AsyncClient(base_url=run.address, timeout=60) as client:
        for number in range(SWAPS):
            await asyncio.sleep(seconds / (SWAPS + 2))
            before = await version(client)
            await asyncio.to_thread(write_model, read_model(sources[number % len(sources)]), folder)
            for _ in range(100):
                await asyncio.sleep(0.2)
                if await version(client) != before:
                    break
            else:
                run.unexpected.append("swap: the new model was not served within 20 seconds")


async def version(client: httpx.AsyncClient) -> str:
    """Which version of the other model is served."""
    models = (await client.get("/v1/models")).json()["models"]
    return next(str(model["version"]) for model in models if model["name"] == "other")


async def watch(run: Run, process: int) -> None:
    """Look at the process every few seconds."""
    while run.going():
        run.looks.append(look(process))
        await asyncio.sleep(EVERY)


def look(process: int) -> dict[str, int]:
    """The memory (MB), threads, open files and child processes of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines())
    children = sum(len(path.read_text("ascii").split()) for path in Path(f"/proc/{process}/task").glob("*/children"))
    return {
        "megabytes": round(int(status["VmRSS"].split()[0]) / 1024),
        "threads": int(status["Threads"]),
        "files": len(list(Path(f"/proc/{process}/fd").iterdir())),
        "children": children,
    }


async def everything(run: Run, seconds: float, process: int, swapped: Path, sources: list[Path]) -> dict[str, int]:
    """Do it all at once; return the last look, a few seconds after the last request."""
    sentences = read_sentences(sample_path("train"))
    gold = {
        " ".join(sentence.words): [
            [span.start, span.end, span.label]
            for span in tags_to_spans(next(iter(sentence.layers.values())), Scheme.IOB2)
        ]
        for sentence in sentences
    }
    texts = list(gold)
    await asyncio.gather(
        *(tag(run, seed, texts) for seed in range(TAGGERS)),
        *(label(run, 100 + seed, gold) for seed in range(LABELERS)),
        retrain(run, seconds),
        swap(run, seconds, swapped, sources),
        watch(run, process),
    )
    await asyncio.sleep(10)  # idle connections and workers end
    async with httpx.AsyncClient(base_url=run.address, timeout=60) as client:
        exported = (await client.get("/v1/labeling/export", params={"format": "jsonl"})).text
        lost = run.accepted.keys() - {json.loads(line)["text"] for line in exported.splitlines()}
        run.unexpected.extend(f"lost: {text}" for text in sorted(lost))
    await asyncio.sleep(1)
    return look(process)


def judge(run: Run, last: dict[str, int], folder: Path, status: int, minutes: float) -> dict[str, Any]:
    """Sum the run up; what is wrong with it goes into ``unexpected``."""
    fifth = max(1, len(run.looks) // 5)
    early, late = run.looks[fifth : 2 * fifth] or run.looks, run.looks[-fifth:]
    megabytes = [statistics.median(one["megabytes"] for one in part) for part in (early, late)]
    most = max(one["megabytes"] for one in run.looks)
    if most > MOST_MEGABYTES or (minutes >= LONG and megabytes[1] > MOST_GROWTH * megabytes[0]):
        run.unexpected.append(f"memory: {megabytes[0]} MB early, {megabytes[1]} late, {most} at most")
    busy = {name: max(one[name] for one in run.looks) for name in ("threads", "files")}
    run.unexpected.extend(
        f"{name}: {last[name]} at last, {most} at most before" for name, most in busy.items() if last[name] > most
    )
    if last["children"]:
        run.unexpected.append(f"{last['children']} processes are left")
    left = [str(path.relative_to(folder)) for path in folder.rglob(".*") if path.name != ".lock"]
    left += [str(path.relative_to(folder)) for path in folder.rglob("*.partial")]
    if left:
        run.unexpected.append(f"left over: {left}")
    if status not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
        run.unexpected.append(f"the server ended with status {status}")
    return {
        "machine": describe_machine(),
        "requests": dict(sorted(run.statuses.items())),
        "sentences_labeled": len(run.accepted),
        "megabytes": {"early": megabytes[0], "late": megabytes[1], "most": most},
        "most_before_the_end": busy,
        "last": last,
        "unexpected": run.unexpected,
    }


def main() -> None:
    """Run the load."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--result", type=Path, default=RESULTS)
    options = parser.parse_args()
    seconds = 60 * options.minutes
    tagsmith = [sys.executable, "-m", "tagsmith"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = [folder / "first", folder / "second"]
        for seed, source in enumerate(sources):
            files = [sample_path("train"), "--dev", sample_path("dev"), "--out", source]
            command = [
                *tagsmith,
                "train",
                *map(str, files),
                "--preset",
                "fast",
                "--set",
                "epochs=3",
                "--seed",
                str(seed),
            ]
            subprocess.run(command, check=True, capture_output=True)
        names, swapped = folder / "names", folder / "swapped"
        shutil.copytree(sources[0], names)
        shutil.copytree(sources[1], swapped)
        served = [f"names={names}", f"other={swapped}", "--labeling", str(folder / "labels"), "--port", "0"]
        log = (folder / "log").open("w+", encoding="utf-8")
        with log, subprocess.Popen([*tagsmith, "serve", *served], stderr=log, text=True) as process:
            while "serving on " not in (written := (folder / "log").read_text("utf-8")):
                if process.poll() is not None:
                    raise SystemExit(written)
                time.sleep(0.1)
            address = written.partition("serving on ")[2].split()[0].rstrip("/")
            run = Run(address, time.monotonic() + seconds)
            try:
                last = asyncio.run(everything(run, seconds, process.pid, swapped, sources))
                process.send_signal(signal.SIGTERM)
                process.wait(60)
            finally:  # whatever failed, the server is not waited for
                process.kill()
        result = {"minutes": options.minutes, **judge(run, last, folder, process.returncode, options.minutes)}
    options.result.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))
    if run.unexpected:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
