"""Versions scored over a real socket: reports and comparisons. The versions have random weights; nothing is trained."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

import processes
from random_model import random_model
from running_servers import Servers
from tagsmith import load
from tagsmith.labeling import version_scores
from tagsmith.labeling.comparing import told
from tagsmith.labeling.desk import Desk, LabelingProject
from tagsmith.labeling.retraining import Retraining
from tagsmith.labeling.schema import NewFile, TrainingOptions
from tagsmith.labeling.store import Store, VersionRow
from tagsmith.model.folder import write_model
from tagsmith.scores.comparison import Difference, compare_tags
from tagsmith.serving.models import Models
from tagsmith.text.schemes import tags_to_spans

pytestmark = pytest.mark.slow
HOSTILE = "<script>alert(1)</script>"
NAMES = ("John", "Paris", "London", "York", "Reykjavík", "1984", "café", "New")
UNCLEAR, SAME = "No difference can be told from", "(95 % interval"
INTERVAL = f"points {SAME}"
HTML = {"accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True)
class Desktop:
    """A server with versions, and what is labeled there."""

    client: httpx.Client
    project: LabelingProject
    store: Store

    def compare(self, old: int, new: int) -> httpx.Response:
        return self.client.get("/v1/training/comparison", params={"old": old, "new": new})

    def refused(self, path: str, status: int = 409) -> tuple[str, str]:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        error = answer.json()["error"]
        return error["code"], error["message"]


def add_version(project: LabelingProject, store: Store, number: int, seed: int, learned=()) -> Path:
    folder = project.folder / "versions" / str(number)
    write_model(replace(random_model(seed=seed), precision="float32"), folder)
    row = VersionRow(
        number=number, created=datetime.now(UTC), sentences=48, dev=12, scores={"f1": 0.5, "accuracy": 0.5}
    )
    store.add_version(row, learned)
    return folder


@pytest.fixture(scope="module")
def desktop(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """The original model and version 1, which is always right: sixty sentences are accepted as it labels them.

    Version 2 is the original again, and was trained on three of the eleven held-out sentences.
    """
    folder = tmp_path_factory.mktemp("versions")
    project = LabelingProject(folder=folder / "x.labeling")
    servers = Servers({})
    address = servers({"ner": models["ner"]}, labeling=project)
    with httpx.Client(base_url=address, timeout=60) as client:
        texts = [f"{name} lives in {other} with {HOSTILE} ." for name in NAMES for other in NAMES if name != other]
        ids = client.post("/v1/labeling/sentences", json={"text": "\n\n".join([*texts, "John .", "Paris ."])}).json()[
            "ids"
        ]
        store = Store(project.folder)
        right = load(add_version(project, store, 1, seed=1))
        for number in ids:
            (tags,) = right.tag([store.sentence(number).words])
            spans = [span._asdict() for span in tags_to_spans(tags, right.layer().scheme)]
            body = {"status": "accepted", "spans": spans}
            assert client.put(f"/v1/labeling/sentences/{number}", json=body).status_code == 200
        held_out = [row.words for row in store.accepted() if row.held_out]
        add_version(project, store, 2, seed=0, learned=held_out[:3])
        yield Desktop(client, project, store)
        store.close()
    servers.stop(address)


def test_two_versions_are_compared_on_what_is_held_out(desktop: Desktop, models: dict[str, Path]):
    found = desktop.compare(0, 1).json()
    rows = [row for row in desktop.store.accepted() if row.held_out]
    words = [row.words for row in rows]
    taggers = load(models["ner"]), load(desktop.project.folder / "versions" / "1")
    gold = taggers[1].tag(words)
    expected = compare_tags(gold, taggers[0].tag(words), gold, scheme="IOB2")
    f1 = expected.differences["f1"]
    comparison = found["comparison"]
    assert (found["old"], found["new"], found["after"]["f1"]) == (0, 1, 1.0)
    assert found["before"]["f1"] == expected.a.scores.f1 < 0.5
    assert (comparison["sentences"], comparison["left_out"], comparison["outcome"]) == (len(rows), 0, "better")
    assert comparison["differences"]["f1"] == {
        "value": f1.value, "low": f1.interval[0], "high": f1.interval[1], "p": f1.p, "clear": True
    }  # fmt: skip
    assert comparison["types"].keys() == expected.types.keys()
    assert re.fullmatch(r"F1 better by \d+\.\d points \(95 % interval \d+\.\d to \d+\.\d\)", comparison["told"])

    back = desktop.compare(1, 0).json()
    assert back["before"] == found["after"]
    assert back["comparison"]["told"] == comparison["told"].replace("better", "worse")


def test_what_a_version_was_trained_on_is_left_out(desktop: Desktop):
    rows = [row for row in desktop.store.accepted() if row.held_out]
    found = desktop.compare(0, 2).json()
    comparison = found["comparison"]
    assert (comparison["sentences"], comparison["left_out"]) == (len(rows) - 3, 3)
    assert comparison["outcome"] == "unclear"
    assert comparison["told"] == f"No difference can be told from {len(rows) - 3} sentences: F1 is the same"
    assert found["before"] == found["after"]


def test_a_report_is_a_page_of_its_own(desktop: Desktop):
    answer = desktop.client.get("/v1/training/versions/1/report?against=0", headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    (policy,) = answer.headers.get_list("content-security-policy")
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("; sandbox allow-scripts")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<h1>Version 1 compared with the original model</h1>" in answer.text
    assert "<dd>11 held-out accepted sentences</dd>" in answer.text
    assert HOSTILE not in answer.text
    (ordinary,) = desktop.client.get("/v1/training").headers.get_list("content-security-policy")
    assert "script-src 'self'" in ordinary


def test_why_nothing_can_be_scored_is_said(desktop: Desktop, tmp_path: Path):
    assert desktop.refused("/v1/training/comparison?old=0&new=7", 404)[1] == "There is no such version."
    assert desktop.refused("/v1/training/versions/7/report", 404)[0] == "no_such_version"
    assert desktop.refused("/v1/training/comparison?old=1&new=1")[1] == "Choose two different versions."
    assert desktop.refused("/v1/training/versions/1/report?against=1")[0] == "same_version"
    assert desktop.refused("/v1/training/comparison?old=1&neu=2", 422)[1].endswith("did you mean new?")
    assert desktop.refused("/v1/training/versions/-1/report", 422)[0] == "invalid"

    held_out = [row.words for row in desktop.store.accepted() if row.held_out]
    folder = add_version(desktop.project, desktop.store, 3, seed=3, learned=held_out)
    code, message = desktop.refused("/v1/training/versions/3/report")
    assert code == "no_dev"
    assert message.startswith("There is nothing to score on: no sentence of the held-out sentences has a label and was")
    page = desktop.client.get("/v1/training/versions/3/report", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (409, "text/html; charset=utf-8")
    assert message in page.text

    (folder / "weights.safetensors").write_bytes(b"no weights")
    code, message = desktop.refused("/v1/training/comparison?old=3&new=0")
    assert code == "damaged"
    assert "weights.safetensors: this file of the model is damaged" in message
    desktop.store.remove_version(3)


def test_a_project_with_nothing_held_out_and_one_version(serve, models: dict[str, Path], tmp_path: Path):
    with httpx.Client(
        base_url=serve({"ner": models["ner"]}, labeling=LabelingProject(folder=tmp_path / "y")), timeout=60
    ) as client:
        report = client.get("/v1/training/versions/0/report").json()["error"]
        assert report["code"] == "no_dev"
        assert report["message"].endswith("no accepted sentence is held out yet; each fifth is.")
        alone = client.get("/v1/training/comparison?old=0&new=0").json()["error"]
        assert alone["message"] == "There is only one version: train another one to compare it with."


def test_one_at_a_time_and_tagging_goes_on(desktop: Desktop, monkeypatch: pytest.MonkeyPatch):
    begun, go = threading.Event(), threading.Event()
    ask = version_scores._ask

    async def ask_later(*arguments):
        begun.set()
        await asyncio.to_thread(go.wait, 20)
        return await ask(*arguments)

    monkeypatch.setattr(version_scores, "_ask", ask_later)
    with ThreadPoolExecutor(1) as pool:
        try:
            first = pool.submit(desktop.compare, 0, 1)
            assert begun.wait(20)
            code, message = desktop.refused("/v1/training/versions/1/report")
            assert (code, message[:37]) == ("busy", "Another report or comparison is being")
            assert desktop.client.post("/v1/tag", json={"text": "John lives in Paris."}).status_code == 200
        finally:
            go.set()
        assert first.result(60).status_code == 200


def test_what_takes_too_long_is_given_up(desktop: Desktop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(version_scores, "MOST_SECONDS", 0.01)
    assert desktop.refused("/v1/training/comparison?old=0&new=1", 504)[0] == "deadline"


def test_what_nobody_waits_for_is_given_up(desktop: Desktop, monkeypatch: pytest.MonkeyPatch):
    ask, processes = version_scores._ask, []

    async def never_ask(process, _):
        processes.append(process)
        return await process.stdout.read()

    monkeypatch.setattr(version_scores, "_ask", never_ask)
    with pytest.raises(httpx.ReadTimeout):
        desktop.client.get("/v1/training/versions/1/report", timeout=1)
    monkeypatch.setattr(version_scores, "_ask", ask)
    deadline = time.monotonic() + 30
    while (answer := desktop.compare(0, 1)).status_code == 409:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    assert answer.status_code == 200
    assert [own.returncode for own in processes] == [-9]


def test_a_report_does_not_keep_the_server_from_stopping(serve, desktop: Desktop, tmp_path, monkeypatch):
    shutil.copytree(desktop.project.folder, tmp_path / "copy")
    address = serve(
        {"ner": desktop.project.folder / "versions" / "1"}, labeling=LabelingProject(folder=tmp_path / "copy")
    )
    begun = threading.Event()

    async def never_ask(process, _):
        begun.set()
        return await process.stdout.read()

    monkeypatch.setattr(version_scores, "_ask", never_ask)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.get, f"{address}/v1/training/versions/1/report", timeout=60)
        assert begun.wait(20)
        serve.stop(address)
        assert waiting.result(60).status_code == 503


def test_the_scoring_process_tells_no_text_when_it_fails():
    command = [sys.executable, "-m", "tagsmith.labeling.scoring_process"]
    with processes.started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b'{"Anna": 1}\n')
        process.stdin.flush()
        assert process.wait(60) == 1
        told = process.stderr.read()
    assert b"scoring_process.py" in told
    assert b"Anna" not in told


def test_the_scoring_process_ends_with_the_server():
    command = [sys.executable, "-m", "tagsmith.labeling.scoring_process"]
    done = processes.run(command, input=b'{"folder": ', capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_held_out_sentence_that_a_model_has_learned_moves_to_training(tmp_path: Path):
    desk = Desk(LabelingProject(folder=tmp_path, labels=("X",)), Models({}))
    content = "".join(f"word{number}\tB-X\nis\tO\n\n" for number in range(20))
    desk.add_file(NewFile(content=content, name="x.conll"))
    retraining = Retraining(desk, None)
    train, dev = retraining._split()
    assert (len(train), len(dev)) == (16, 4)
    desk.store.set("last_run", 1)
    row = VersionRow(number=1, created=datetime.now(UTC), sentences=16, dev=4, scores={})
    desk.store.add_version(row, learned=[dev[0].words, *(own.words for own in train)])
    assert desk.store.learned(0) == set()
    again, left = retraining._split()
    assert [own.id for own in left] == [own.id for own in dev[1:]]
    assert dev[0].id in {own.id for own in again}
    desk.add_file(NewFile(content="".join(f"fresh{number}\tB-X\nis\tO\n\n" for number in range(3)), name="y.conll"))
    desk.store.add_version(VersionRow(number=2, created=row.created, sentences=17, dev=3, scores={}), [dev[1].words])
    desk.store.set("last_run", 2)
    assert [own.words[0] for own in retraining._split()[1]] == [*(own.words[0] for own in dev[2:]), "fresh2"]
    desk.close()


def test_a_fifth_of_the_predicted_sentences_is_kept_from_training(tmp_path: Path):
    desk = Desk(LabelingProject(folder=tmp_path, labels=("X",)), Models({}))
    span = '{"start": 0, "end": 4, "label": "X", "score": 0.9}'
    lines = "".join(f'{{"text": "Anna saw {number}.", "spans": [{span}]}}\n' for number in range(200))
    desk.add_file(NewFile(content=lines, name="said.jsonl"))
    content = "".join(f"word{number}\tB-X\nis\tO\n\n" for number in range(10))
    desk.add_file(NewFile(content=content, name="x.conll"))
    retraining = Retraining(desk, None)
    job = retraining._prepare(TrainingOptions(predictions=True)).job
    learned = {tuple(words) for words, _ in job.predicted}
    kept = [row for row, _ in desk.store.predicted() if tuple(row.words) not in learned]
    assert 25 < len(kept) < 55
    assert all(row.is_kept for row in kept)
    assert retraining._prepare(TrainingOptions()).job.predicted == []
    desk.close()


@pytest.mark.parametrize(
    ("scores", "difference", "sentences", "words"),
    [
        ((0.8, 0.812), (0.012, (0.003, 0.021), 0.01), 900, "F1 better by 1.2 points (95 % interval 0.3 to 2.1)"),
        ((0.812, 0.8), (-0.012, (-0.021, -0.003), 0.01), 900, "F1 worse by 1.2 points (95 % interval 0.3 to 2.1)"),
        ((0.8, 0.8003), (3e-4, (1e-4, 5e-4), 0.01), 9999, "F1 better by 0.03 points (95 % interval 0.01 to 0.05)"),
        ((0.5, 0.5625), (0.0625, (-0.02, 0.1), 0.2), 24, f"{UNCLEAR} 24 sentences: F1 +6.3 {INTERVAL} −2.0 to +10.0)"),
        ((0.6, 0.5), (-0.1, (-0.2, 0.0), 0.04), 1200, f"{UNCLEAR} 1,200 sentences: F1 −10.0 {INTERVAL} −20.0 to 0.0)"),
        ((0.0, 1.0), (1.0, (1.0, 1.0), 0.13), 4, f"{UNCLEAR} 4 sentences: F1 +100.0 points (p = 0.13)"),
        ((0.5, 0.5), (0.0, (-0.034, 0.038), 0.9), 24, f"{UNCLEAR} 24 sentences: F1 is the same {SAME} −3.4 to +3.8)"),
        ((0.5, 0.5), (0.0, (0.0, 0.0), 1.0), 1, f"{UNCLEAR} 1 sentence: F1 is the same"),
    ],
)
def test_the_outcome_in_words(scores, difference, sentences, words):
    assert told("F1", scores, Difference(*difference), sentences) == words
