"""Training from labeled sentences over a real socket, in the process that does it for users."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import processes
from tagsmith.labeling.desk import LabelingProject
from tagsmith.labeling.training_process import TrainingJob

pytestmark = pytest.mark.slow
PEOPLE = ("Anna", "Omar", "Li Wei", "Maria", "John Smith", "Petra Novak", "Sofia")
PLACES = ("Berlin", "New York", "Oslo", "Lagos", "Kyoto")
PATTERNS = ("{} lives in {}.", "Yesterday {} flew to {} with friends.", "The weather was bad, said {} from {}.")


@pytest.fixture
def stop_server(serve):
    """Stop the server of a client."""
    return lambda client: serve.stop(str(client.base_url).rstrip("/"))


@pytest.fixture
def open_client(serve, tmp_path: Path):
    """A client of a server that begins from nothing, in a folder."""
    clients = []

    def start(folder: Path | None = None, folders=None, **options) -> httpx.Client:
        project = LabelingProject(folder=folder or tmp_path / "people.labeling", labels=("PERSON", "PLACE"), **options)
        clients.append(httpx.Client(base_url=serve(folders or {}, labeling=project), timeout=60))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


def accept(client: httpx.Client, count: int, first: int = 0) -> None:
    """Label sentences about people and places as a person would."""
    for number in range(first, first + count):
        names = PEOPLE[number % len(PEOPLE)], PLACES[number % len(PLACES)]
        text = PATTERNS[number % len(PATTERNS)].format(*names)
        (added,) = client.post("/v1/labeling/sentences", json={"text": text}).json()["ids"]
        tokens = client.get(f"/v1/labeling/sentences/{added}").json()["tokens"]
        spans = []
        for name, label in zip(names, ("PERSON", "PLACE"), strict=True):
            start = text.index(name)
            inside = [place for place, own in enumerate(tokens) if start <= own["start"] < start + len(name)]
            spans.append({"start": inside[0], "end": inside[-1] + 1, "label": label})
        answer = client.put(f"/v1/labeling/sentences/{added}", json={"status": "accepted", "spans": spans})
        assert answer.status_code == 200


def events(client: httpx.Client) -> list[tuple[str, dict]]:
    """Follow the run to its end."""
    found = []
    with client.stream("GET", "/v1/training/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("event: "):
                found.append([line[7:]])
            elif line.startswith("data: "):
                found[-1].append(json.loads(line[6:]))
    return [tuple(own) for own in found]


def train(client: httpx.Client, **options) -> dict:
    answer = client.post("/v1/training", json=options)
    assert answer.status_code == 202
    assert answer.json()["run"]["state"] == "running"
    return events(client)[-1][1]


def test_from_nothing_to_a_model_in_service_and_back(stop_server, open_client, tmp_path: Path):
    client = open_client()
    accept(client, 15)
    state = client.post("/v1/training", json={"epochs": 15}).json()
    assert (state["run"]["train"], state["run"]["dev"], state["ready"]) == (12, 3, False)
    assert client.post("/v1/training", json={}).status_code == 409
    told = events(client)
    assert told[0][0] == "state"
    assert told[-1][0] == "end"
    assert {"progress", "epoch", "message"} <= {name for name, _ in told}
    done = told[-1][1]
    run = done["run"]
    assert run["state"] == "done"
    every = [*told[0][1]["run"]["epochs"], *(data for name, data in told if name == "epoch")]
    assert every == run["epochs"]
    assert [own["epoch"] for own in every] == list(range(1, len(every) + 1))
    assert run["before"] is run["comparison"] is None
    assert run["after"]["types"].keys() <= {"PERSON", "PLACE"}
    assert done["in_service"] is None
    assert client.get("/v1/models").json() == {"models": []}  # nobody has accepted it

    served = client.post("/v1/versions/1", json={}).json()
    assert served["in_service"] == 1
    (model,) = client.get("/v1/models").json()["models"]
    assert model["name"] == "people"
    assert client.post("/v1/tag", json={"text": "Anna lives in Berlin."}).status_code == 200
    assert client.get("/metrics").text.count('model="people"')

    accept(client, 5, first=15)
    second = train(client, epochs=3)
    assert second["run"]["before"]["support"] == second["run"]["after"]["support"] > 0
    assert second["run"]["comparison"]["sentences"] == 4
    stop, failed = threading.Event(), []

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, timeout=20) as own:
            while not stop.is_set():
                if own.post("/v1/tag", json={"text": "Anna lives in Berlin."}).status_code != 200:
                    failed.append(1)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert client.post("/v1/versions/2", json={}).json()["in_service"] == 2
    newer = client.get("/v1/models").json()["models"][0]["version"]
    assert client.post("/v1/versions/1", json={}).json()["in_service"] == 1
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert failed == []
    assert client.get("/v1/models").json()["models"][0]["version"] == model["version"] != newer

    assert client.delete("/v1/versions/1").status_code == 409
    left = client.delete("/v1/versions/2").json()
    assert [own["number"] for own in left["versions"]] == [1]
    assert client.post("/v1/versions/2", json={}).status_code == 404
    folder = tmp_path / "people.labeling"
    assert sorted(own.name for own in (folder / "versions").iterdir()) == ["1"]
    assert list((folder / "runs").iterdir()) == []

    stop_server(client)
    again = open_client(folder)
    assert again.get("/v1/models").json()["models"][0]["version"] == model["version"]
    assert again.get("/v1/training").json()["in_service"] == 1


def predictions(first: int, count: int) -> str:
    """What a program says of such sentences, as a file."""
    lines = []
    for number in range(first, first + count):
        names = PEOPLE[number % len(PEOPLE)], PLACES[number % len(PLACES)]
        text = PATTERNS[number % len(PATTERNS)].format(*names)
        text = text.replace(".", f" on day {number}.")
        found = [(text.index(name), name, label) for name, label in zip(names, ("PERSON", "PLACE"), strict=True)]
        spans = [{"start": at, "end": at + len(name), "label": label, "score": 0.9} for at, name, label in found]
        lines.append(json.dumps({"text": text, "spans": spans}) + "\n")
    return "".join(lines)


def test_a_model_learns_from_predictions_and_the_next_goes_on_from_it(open_client):
    client = open_client()
    accept(client, 10)
    told = client.post("/v1/labeling/files", json={"name": "said.jsonl", "content": predictions(0, 120)}).json()
    assert told["predicted"] == 120
    without = train(client, epochs=1)
    assert without["run"]["predicted"] == 0
    run = train(client, predictions=True, epochs=12)["run"]
    assert (run["state"], run["train"], run["dev"], run["predicted"]) == ("done", 8, 2, 101)  # others are kept
    assert run["after"]["f1"] == 1
    assert any("learning from predictions: 8 labeled, 101 predicted sentences" in own for own in run["messages"])
    assert client.post("/v1/versions/2", json={}).json()["in_service"] == 2
    (found,) = client.post("/v1/tag", json={"text": "Omar lives in Kyoto."}).json()["documents"][:1]
    assert [own["label"] for own in found["spans"]] == ["PERSON", "PLACE"]

    run = train(client, predictions=True, epochs=2)["run"]
    assert (run["state"], run["before"]["f1"], run["after"]["f1"]) == ("done", 1, 1)


def test_going_on_from_a_model_with_its_corpus(open_client, models, tmp_path: Path):
    corpus, dev = tmp_path / "corpus.conll", tmp_path / "dev.conll"
    corpus.write_text("Rita\tS-PER\nleft\tO\nRome\tS-LOC\n\n" * 20, "utf-8")  # in another scheme than the model's
    dev.write_text("Rita\tS-PER\nsaw\tO\nRome\tS-LOC\n\n" * 5, "utf-8")
    client = open_client(folders={"ner": models["ner"]}, corpus=(corpus,), dev=(dev,))
    text = " ".join(f"Word{number} came." for number in range(10))
    for number in client.post("/v1/labeling/sentences", json={"text": text}).json()["ids"]:
        spans = [{"start": 0, "end": 1, "label": "PER"}]
        client.put(f"/v1/labeling/sentences/{number}", json={"status": "accepted", "spans": spans})
    done = train(client, epochs=2)
    run = done["run"]
    assert (run["state"], run["corpus"], run["train"], run["dev"]) == ("done", 20, 8, 7)
    assert run["before"]["support"] == run["after"]["support"] == 12
    assert (run["comparison"]["sentences"], run["comparison"]["left_out"]) == (7, 0)
    again = client.get("/v1/training/comparison", params={"old": 0, "new": 1}).json()
    assert again["comparison"] == run["comparison"]
    assert (again["before"], again["after"]) == (run["before"], run["after"])
    first, second = done["versions"]
    assert (first["number"], first["original"], first["in_service"]) == (0, True, True)
    assert first["f1"] == pytest.approx(run["before"]["f1"])
    assert second["f1"] == pytest.approx(run["after"]["f1"])
    assert client.post("/v1/versions/1", json={}).json()["in_service"] == 1
    assert client.post("/v1/versions/0", json={}).json()["in_service"] == 0
    assert client.delete("/v1/versions/0").status_code == 409
    assert (models["ner"] / "config.json").exists()


def test_a_canceled_run_leaves_nothing_and_the_next_may_begin(open_client, tmp_path: Path):
    client = open_client()
    accept(client, 12)
    assert client.post("/v1/training", json={"epochs": 200}).status_code == 202
    with client.stream("GET", "/v1/training/events") as stream:
        for line in stream.iter_lines():
            if line == "event: message":  # it is under way
                break
    canceled = client.post("/v1/training/cancel", json={}).json()
    assert (canceled["run"]["state"], canceled["versions"], canceled["ready"]) == ("canceled", [], True)
    folder = tmp_path / "people.labeling"
    assert [own for part in ("versions", "runs") for own in (folder / part).iterdir()] == []
    assert client.post("/v1/training/cancel", json={}).json()["run"]["state"] == "canceled"
    assert [name for name, _ in events(client)] == ["state"]
    assert train(client, epochs=1)["run"]["number"] == 2
    metrics = client.get("/metrics").text
    assert 'tagsmith_requests_total{route="/v1/training/events",status="200"}' in metrics
    assert 'tagsmith_request_seconds_count{route="/v1/training/cancel"} 2.0' in metrics
    assert 'tagsmith_request_seconds_count{route="/v1/training/events"}' not in metrics  # open as long as there is news


def test_what_cannot_be_trained_on_is_said(open_client, tmp_path: Path):
    corpus = tmp_path / "broken.conll"
    corpus.write_text("one\tO\ntwo\n\n", "utf-8")
    client = open_client(corpus=(corpus,))
    accept(client, 12)
    run = train(client)["run"]
    assert run["state"] == "failed"
    assert f"{corpus}:2" in run["problem"]
    assert "see " not in run["problem"]
    assert list((tmp_path / "people.labeling" / "versions").iterdir()) == []


def test_too_little_to_train_on_is_said(open_client):
    client = open_client()
    assert "10 sentences; there are 0" in client.get("/v1/training").json()["hint"]
    text = " ".join(f"Word{number} came." for number in range(12))
    for number in client.post("/v1/labeling/sentences", json={"text": text}).json()["ids"]:
        client.put(f"/v1/labeling/sentences/{number}", json={"status": "accepted", "spans": []})
    refused = client.post("/v1/training", json={})
    assert refused.status_code == 409
    assert "at least two sentences" in refused.json()["error"]["message"]


@contextmanager
def started_process(folder: Path, sentences: int, epochs: int) -> Iterator[subprocess.Popen]:
    """Start a training process without a server; its standard input stays open."""
    folder.mkdir()
    sentence = (["a", "b"], ["B-X", "O"])
    job = TrainingJob(
        train=[sentence] * sentences,
        dev=[sentence],
        folder=str(folder),
        start=None,
        layer="tags",
        gives_spans=True,
        epochs=epochs,
    )
    command = [sys.executable, "-m", "tagsmith.labeling.training_process"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with processes.started(command, **pipes) as process:
        process.stdin.write(job.as_line())
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"event": "state", "train": sentences, "dev": 1, "corpus": 0}
        yield process


def test_the_training_process_ends_with_the_server(tmp_path: Path):
    with started_process(tmp_path / "1", sentences=2000, epochs=200) as process:
        process.stdin.close()  # as when the server is killed
        assert process.wait(timeout=60) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_training_process_that_is_done_ends_with_status_0(tmp_path: Path):
    with started_process(tmp_path / "1", sentences=12, epochs=1) as process:
        told = [json.loads(line) for line in process.stdout]
        assert process.wait(timeout=60) == 0
        assert b"Fatal" not in process.stderr.read()
    assert "after" in told[-1]
    assert (tmp_path / "1" / "scratch" / "model" / "config.json").exists()
    assert not any(str(tmp_path) in own.get("text", "") for own in told)  # the server moves the model elsewhere


def test_a_stream_of_events_does_not_keep_the_server_from_stopping(tmp_path: Path):
    command = [sys.executable, "-m", "tagsmith", "serve", "--new", "PERSON,PLACE", "--port", "0"]
    options = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    with processes.started([*command, "--labeling", str(tmp_path / "x")], **options) as process:
        address = process.stderr.readline().split()[-1]
        with httpx.Client(base_url=address, timeout=60) as client:
            accept(client, 12)
            client.post("/v1/training", json={"epochs": 200})
            with client.stream("GET", "/v1/training/events") as stream:
                lines = stream.iter_lines()
                assert next(lines) == "event: state"
                process.terminate()
                assert "event: end" not in list(lines)
        assert process.wait(timeout=25) == 143  # ended by SIGTERM; the wait for requests alone would be 30 seconds
    assert list((tmp_path / "x" / "versions").iterdir()) == []
