"""Labeling over a real socket."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tagsmith.corpus.sources import read_sentences
from tagsmith.labeling.desk import LabelingProject
from tagsmith.tagging.tagger import load

TEXT = "Anna left 🙂 Berlin. So did Ben!\n\nВсе остались. 他们住在北京。"


@pytest.fixture
def stop_server(serve):
    """Stop the server of a client."""
    return lambda client: serve.stop(str(client.base_url).rstrip("/"))


@pytest.fixture
def open_client(serve, tmp_path: Path):
    """A client of a server where one can label; ``folders`` as of ``serve``."""
    clients = []

    def start(folders=None, folder=None, labels=(), **options) -> httpx.Client:
        project = LabelingProject(folder=folder or tmp_path / "people.labeling", labels=labels)
        clients.append(httpx.Client(base_url=serve(folders, labeling=project, **options), timeout=20))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def client(open_client, models) -> httpx.Client:
    return open_client({"ner": models["ner"]})


def add(client: httpx.Client, text: str = TEXT) -> list[int]:
    answer = client.post("/v1/labeling/sentences", json={"text": text, "source": "page"})
    assert answer.status_code == 200
    return answer.json()["ids"]


def put(client: httpx.Client, number: int, status: str, spans=None) -> httpx.Response:
    sent = {"status": status} | ({} if spans is None else {"spans": spans})
    return client.put(f"/v1/labeling/sentences/{number}", json=sent)


def span(start: int, end: int, label: str) -> dict[str, object]:
    return {"start": start, "end": end, "label": label}


def test_a_text_becomes_sentences_with_offsets(client):
    answer = client.post("/v1/labeling/sentences", json={"text": TEXT, "source": "a.txt"}).json()
    assert answer["added"] == len(answer["ids"]) == 4
    for number in answer["ids"]:
        found = client.get(f"/v1/labeling/sentences/{number}").json()
        assert found["text"] in TEXT
        assert found["source"] == "a.txt"
        assert all(found["text"][own["start"] : own["end"]] == own["text"] for own in found["tokens"])
    again = client.post("/v1/labeling/sentences", json={"text": TEXT}).json()
    assert again == {"ids": answer["ids"], "added": 0, "known": 4}


@pytest.mark.parametrize("body", [b'{"text": "\\ud800"}', b'{"text": "a b\\udc00 c"}'])
def test_half_a_character_is_refused(client, body):
    answer = client.post("/v1/labeling/sentences", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    message = "text: the text holds half of a character (a lone surrogate)"
    assert answer.json()["error"] == {"code": "invalid", "message": message}
    body = body.replace(b"text", b"content")
    answer = client.post("/v1/labeling/files", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_a_sentence_without_an_end_is_not_taken_in(client):
    answer = client.post("/v1/labeling/sentences", json={"text": "It rains. " + "A " * 50_000 + "b"})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "text_too_long"
    assert "a sentence has 100,001 characters; the limit is 100,000" in answer.json()["error"]["message"]
    assert client.get("/v1/labeling").json()["counts"]["waiting"] == 0
    assert len(add(client, "It rains. " + "A " * 49_999 + "b")) == 2


def test_suggestions_are_the_models(client, models):
    tagger = load(models["ner"])
    for number in add(client):
        found = client.get(f"/v1/labeling/sentences/{number}").json()
        assert found["suggested"] is True
        document = tagger(found["text"])
        starts = [token["start"] for token in found["tokens"]]
        expected = [(starts.index(own.start), own.label) for own in document.spans]
        assert [(own["start"], own["label"]) for own in found["spans"]] == expected
        assert [own["score"] for own in found["spans"]] == pytest.approx(
            [own.score for own in document.spans], abs=1e-4
        )


def test_next_is_the_one_the_model_is_least_sure_of(client):
    ids = add(client)
    for _ in range(200):
        if client.get("/v1/labeling").json()["scored"] == len(ids):
            break
    skip, found = [], []
    while True:
        answer = client.get("/v1/labeling/next", params={"skip": ",".join(map(str, skip))}).json()
        assert answer["left"] == len(ids)
        if answer["sentence"] is None:
            break
        found.append(answer["sentence"]["certainty"])
        skip.append(answer["sentence"]["id"])
    assert sorted(skip) == sorted(ids)
    assert found == sorted(found)


def test_accept_skip_and_put_back(client):
    first, second, *_ = add(client)
    label = client.get("/v1/labeling").json()["labels"][0]
    answer = put(client, first, "accepted", [span(0, 1, label)]).json()
    assert answer["counts"] == {"waiting": 3, "accepted": 1, "skipped": 0, "held_out": 0, "predicted": 0}
    assert answer["sentence"]["spans"] == [{**span(0, 1, label), "score": None}]
    assert answer["sentence"]["suggested"] is False
    assert put(client, second, "skipped").json()["counts"]["skipped"] == 1
    assert client.get("/v1/labeling/next").json()["left"] == 2
    accepted = client.get("/v1/labeling/sentences", params={"status": "accepted"}).json()["sentences"]
    assert [own["id"] for own in accepted] == [first]
    back = put(client, first, "waiting").json()["sentence"]
    assert (back["status"], back["spans"][0]["label"]) == ("waiting", label)
    assert client.delete("/v1/labeling/sentences", params={"status": "skipped"}).json() == {"removed": 1}


def test_accepting_without_spans_accepts_what_is_suggested(client):
    number = add(client)[0]
    suggested = client.get(f"/v1/labeling/sentences/{number}").json()["spans"]
    kept = put(client, number, "accepted").json()["sentence"]["spans"]
    assert [{**own, "score": None} for own in suggested] == kept


@pytest.mark.parametrize(
    ("spans", "status", "code"),
    [
        ([span(0, 2, "PER"), span(1, 3, "PER")], 409, "bad_span"),
        ([span(1, 1, "PER")], 409, "bad_span"),
        ([span(0, 100, "PER")], 409, "bad_span"),
        ([span(0, 1, "NONE")], 404, "no_such_label"),
        ([span(-1, 1, "PER")], 422, "invalid"),
        ([{"start": 0, "end": 1}], 422, "invalid"),
    ],
)
def test_spans_that_cannot_be_change_nothing(client, spans, status, code):
    number = add(client)[0]
    answer = put(client, number, "accepted", spans)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert client.get(f"/v1/labeling/sentences/{number}").json()["status"] == "waiting"


def test_a_full_disk_is_said_and_costs_only_what_came_meanwhile(client):
    kept = add(client)

    def full(connection, cursor, statement, parameters, context, executemany):
        if not statement.lstrip().upper().startswith("SELECT"):
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(Engine, "before_cursor_execute", full)
    try:
        for answer in (
            client.post("/v1/labeling/sentences", json={"text": "Mia left.", "source": "page"}),
            put(client, kept[0], "accepted"),
            client.post("/v1/labeling/labels", json={"label": "EVENT"}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (507, "not_kept")
            assert "disk is full" in answer.json()["error"]["message"]
    finally:
        event.remove(Engine, "before_cursor_execute", full)
    assert client.get("/v1/labeling").json()["counts"]["waiting"] == len(kept)
    assert put(client, kept[0], "accepted").status_code == 200


def test_labels_can_be_added(client):
    number = add(client)[0]
    state = client.post("/v1/labeling/labels", json={"label": "EVENT"}).json()
    assert state["labels"][-1] == "EVENT"
    assert client.post("/v1/labeling/labels", json={"label": "EVENT"}).json()["labels"] == state["labels"]
    assert put(client, number, "accepted", [span(0, 1, "EVENT")]).status_code == 200
    for bad in ("", "two words", "O", "_", "a\tb", "x" * 101):
        assert client.post("/v1/labeling/labels", json={"label": bad}).status_code == 422


def test_labels_stay_though_the_model_or_a_restart_does_not_name_them(open_client, stop_server, models, tmp_path: Path):
    folder = tmp_path / "kept"
    client = open_client({"ner": models["ner"]}, folder, labels=("RARE",))
    known = client.get("/v1/labeling").json()["labels"]
    assert known == ["RARE", *load(models["ner"]).labels]
    client.post("/v1/labeling/labels", json={"label": "EVENT"})
    stop_server(client)
    again = open_client({"ner": models["ner"]}, folder)
    assert again.get("/v1/labeling").json()["labels"] == [*known, "EVENT"]


def test_plain_tags_need_one_for_each_token(open_client, models):
    client = open_client({"pos": models["pos"]})
    number = add(client)[0]
    assert client.get("/v1/labeling").json()["gives_spans"] is False
    found = client.get(f"/v1/labeling/sentences/{number}").json()
    assert [own["start"] for own in found["spans"]] == list(range(len(found["tokens"])))
    assert put(client, number, "accepted", [span(0, 1, "NOUN")]).json()["error"]["code"] == "tokens_without_label"
    assert put(client, number, "accepted", [span(0, 2, "NOUN")]).json()["error"]["code"] == "bad_span"
    every = [span(place, place + 1, "NOUN") for place in range(len(found["tokens"]))]
    assert put(client, number, "accepted", every).status_code == 200
    assert client.post("/v1/labeling/labels", json={"label": "X"}).status_code == 409


def test_without_a_model_sentences_come_in_their_order(open_client):
    client = open_client({}, labels=("PERSON", "LOCATION"))
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/models").json() == {"models": []}
    refused = client.post("/v1/tag", json={"text": "Anna"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "no_model")
    state = client.get("/v1/labeling").json()
    assert (state["labels"], state["model"], state["scored"]) == (["PERSON", "LOCATION"], None, 0)
    ids = add(client)
    found = client.get("/v1/labeling/next").json()["sentence"]
    assert (found["id"], found["spans"], found["certainty"]) == (ids[0], [], None)


def test_export_can_be_read_again(client, tmp_path: Path):
    first, second, *_ = add(client)
    labels = client.get("/v1/labeling").json()["labels"]
    put(client, first, "accepted", [span(0, 1, labels[0]), span(1, 3, labels[1])])
    put(client, second, "accepted", [])
    tokens = [client.get(f"/v1/labeling/sentences/{number}").json()["tokens"] for number in (first, second)]
    for format in ("conll", "jsonl", "csv"):
        answer = client.get("/v1/labeling/export", params={"format": format})
        assert f'filename="labels.{format}"' in answer.headers["content-disposition"]
        path = tmp_path / f"labels.{format}"
        path.write_bytes(answer.content)
        read = read_sentences(path)
        assert [list(own.words) for own in read] == [[token["text"] for token in own] for own in tokens]
        (tags,) = read[0].layers.values()
        assert list(tags[:4]) == [f"B-{labels[0]}", f"B-{labels[1]}", f"I-{labels[1]}", "O"]
    assert client.get("/v1/labeling/export", params={"format": "xml"}).status_code == 422


def test_what_is_accepted_is_there_after_a_restart(open_client, stop_server, models, tmp_path: Path):
    folder = tmp_path / "kept"
    client = open_client({"ner": models["ner"]}, folder)
    number = add(client)[0]
    put(client, number, "accepted", [])
    stop_server(client)
    again = open_client({"ner": models["ner"]}, folder)
    assert again.get("/v1/labeling").json()["counts"]["accepted"] == 1


def test_where_nobody_can_label_it_says_why(serve, models, open_client, stop_server, tmp_path: Path):
    def why(client: httpx.Client) -> str:
        answer = client.get("/v1/labeling")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_labeling")
        return answer.json()["error"]["message"]

    with httpx.Client(base_url=serve()) as client:
        assert "--no-labeling" in why(client)
    for name, can in (("pos", True), ("ner", False), ("pos", True)):  # one that cannot does not keep others out
        client = open_client({name: models[name]}, tmp_path / "shared")
        if can:
            assert client.get("/v1/labeling").status_code == 200
            stop_server(client)
        else:
            assert "plain tags" in why(client)
    (tmp_path / "file").write_text("", "utf-8")
    assert "cannot be kept" in why(open_client({"ner": models["ner"]}, tmp_path / "file"))


def test_the_api_key_guards_it(open_client, models):
    client = open_client({"ner": models["ner"]}, api_key="secret")
    for path in ("/v1/labeling", "/v1/labeling/next", "/v1/labeling/export?format=csv", "/v1/training"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"x-api-key": "secret"}).status_code == 200
    assert client.get("/").status_code == 200


def test_one_server_at_a_time_uses_a_folder(open_client, models, tmp_path):
    first, second = (open_client({"ner": models["ner"]}, tmp_path / "shared.labeling") for _ in range(2))
    assert first.get("/v1/labeling").status_code == 200
    for path in ("/v1/labeling", "/v1/training"):
        answer = second.get(path)
        assert answer.status_code == 409
        assert "another server is using it" in answer.json()["error"]["message"]
    assert second.post("/v1/tag", json={"text": "Anna left."}).status_code == 200


def test_what_somebody_else_changed_meanwhile_is_not_lost(client):
    number = add(client)[0]
    seen = client.get(f"/v1/labeling/sentences/{number}").json()["revision"]

    def save(revision, spans) -> httpx.Response:
        sent = {"status": "accepted", "spans": spans, "revision": revision}
        return client.put(f"/v1/labeling/sentences/{number}", json=sent)

    first = save(seen, [span(0, 1, "PER")])
    assert first.status_code == 200
    late = save(seen, [])
    assert (late.status_code, late.json()["error"]["code"]) == (409, "changed_meanwhile")
    found = client.get(f"/v1/labeling/sentences/{number}").json()
    assert found["revision"] == first.json()["sentence"]["revision"] != seen
    assert [own["label"] for own in found["spans"]] == ["PER"]
    assert save(found["revision"], []).status_code == 200
    assert put(client, number, "accepted", []).status_code == 200  # who does not ask is not told


def test_labels_keep_their_places_when_a_model_comes(open_client, stop_server, models, tmp_path):
    folder = tmp_path / "kept"
    of_model = load(models["ner"]).labels
    given = ("ZEBRA", *reversed(of_model))
    client = open_client({}, folder, labels=given)
    assert client.get("/v1/labeling").json()["labels"] == list(given)
    stop_server(client)
    client = open_client({"ner": models["ner"]}, folder, labels=("NEW",))
    assert client.get("/v1/labeling").json()["labels"] == [*given, "NEW"]
