"""One layer of a model of several is labeled, trained and compared; over a real socket."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from random_model import random_layers_model, single_layer
from tagsmith import load
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import InputError
from tagsmith.labeling.desk import LabelingProject
from tagsmith.labeling.extension import open_labeling
from tagsmith.labeling.store import Store, VersionRow
from tagsmith.model.folder import write_model
from tagsmith.text.schemes import Scheme, tags_to_spans

WORDS = ("John", "Paris", "London", "York", "Reykjavík", "1984", "café", "New")
TEXTS = [f"{one} lives in {other} ." for one in WORDS for other in WORDS[:3] if one != other]


@pytest.fixture
def open_client(serve, models, tmp_path: Path):
    """A client of a server of a model with the layers pos (plain), ner and chunk, in a folder for labels."""
    clients = []

    def start(folders=None, **options) -> httpx.Client:
        project = LabelingProject(folder=tmp_path / "all.labeling", **options)
        served = {"all": models["all"]} if folders is None else folders
        clients.append(httpx.Client(base_url=serve(served, labeling=project), timeout=60))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


def add(client: httpx.Client, texts=TEXTS) -> list[int]:
    answer = client.post("/v1/labeling/sentences", json={"text": "\n\n".join(texts)})
    assert answer.status_code == 200
    return answer.json()["ids"]


def accept(client: httpx.Client, numbers: list[int], label: str) -> None:
    """Say of each sentence that its first token alone is a span."""
    for number in numbers:
        sent = {"status": "accepted", "spans": [{"start": 0, "end": 1, "label": label}]}
        assert client.put(f"/v1/labeling/sentences/{number}", json=sent).status_code == 200


def trained(client: httpx.Client, **options) -> dict:
    """Train, and return the state at the end."""
    assert client.post("/v1/training", json=options).status_code == 202
    with client.stream("GET", "/v1/training/events") as stream:
        *_, last = (line for line in stream.iter_lines() if line.startswith("data: "))
    return json.loads(last[6:])


@pytest.mark.parametrize(
    ("layer", "labels", "others"),
    [
        (None, ["X"], ["pos", "chunk"]),  # the first that gives spans
        ("chunk", ["X", "Y"], ["pos", "ner"]),
        ("pos", ["DET", "NOUN", "VERB"], ["ner", "chunk"]),
    ],
)
def test_a_layer_is_suggested_corrected_and_exported(open_client, models, tmp_path, layer, labels, others):
    client = open_client(layer=layer)
    state = client.get("/v1/labeling").json()
    assert (state["labels"], state["layer"], state["other_layers"]) == (labels, layer or "ner", others)
    assert state["gives_spans"] == (layer != "pos")
    first, *_ = add(client)
    shown = client.get(f"/v1/labeling/sentences/{first}").json()
    words = [token["text"] for token in shown["tokens"]]
    tagger = load(models["all"])
    (expected,) = tagger.tag([words], layer=layer or "ner")
    tagged = client.post("/v1/tag", json={"tokens": [words]}).json()["documents"][0]["sentences"][0]["tags"]
    assert tagged.keys() == {"pos", "ner", "chunk"}  # tagging shows all layers
    assert tagged[layer or "ner"] == expected
    assert client.put(f"/v1/labeling/sentences/{first}", json={"status": "accepted"}).status_code == 200  # as it stands
    exported = tmp_path / "labels.conll"
    exported.write_bytes(client.get("/v1/labeling/export", params={"format": "conll"}).content)
    (read,) = read_sentences(exported)
    assert list(read.words) == words
    assert list(*read.layers.values()) == expected
    best, second = tagger.tag_k_best([words], 2, layer=layer or "ner")[0]
    assert shown["certainty"] == pytest.approx(best[1] - second[1], abs=1e-3)


def test_a_file_of_all_layers_gives_the_labeled_one(open_client):
    client = open_client(layer="chunk")
    layers = {"pos": ["NOUN", "VERB"], "ner": ["B-X", "O"], "chunk": ["O", "I-Y"]}
    content = json.dumps({"tokens": ["John", "lives"], "layers": layers})
    answer = client.post("/v1/labeling/files", json={"name": "all.jsonl", "content": content})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
    (kept,) = client.get("/v1/labeling/sentences", params={"status": "accepted"}).json()["sentences"]
    assert [(own["start"], own["end"], own["label"]) for own in kept["spans"]] == [(1, 2, "Y")]


def test_a_layer_that_the_model_lacks_is_said_at_the_start(models, tmp_path):
    project = LabelingProject(folder=tmp_path / "x.labeling", layer="upos")
    with pytest.raises(InputError, match="no layer 'upos'; it has: pos, ner, chunk"):
        open_labeling({"all": models["all"]}, project)
    assert not project.folder.exists()


def test_the_layer_is_remembered_and_labels_of_two_layers_are_not_mixed(serve, open_client):
    client = open_client(layer="chunk")
    assert client.get("/v1/labeling").status_code == 200
    serve.stop(str(client.base_url).rstrip("/"))
    client = open_client()
    assert client.get("/v1/labeling").json()["layer"] == "chunk"
    serve.stop(str(client.base_url).rstrip("/"))
    refused = open_client(layer="ner").get("/v1/labeling")
    assert refused.status_code == 409
    assert "holds labels of the layer chunk. Choose it with --layer" in refused.json()["error"]["message"]


def test_a_model_of_plain_layers_alone_is_labeled_in_the_first(open_client, tmp_path):
    plain = (("upos", Scheme.PLAIN, ("N", "V")), ("xpos", Scheme.PLAIN, ("NN", "VB")))
    write_model(random_layers_model(layers=plain), tmp_path / "plain")
    state = open_client({"plain": tmp_path / "plain"}).get("/v1/labeling").json()
    assert (state["layer"], state["gives_spans"], state["other_layers"]) == ("upos", False, ["xpos"])


def test_a_folder_whose_new_model_lacks_the_layer_says_so(open_client, models, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(models["all"], own)
    client = open_client({"own": own}, layer="chunk")
    add(client)
    write_model(single_layer(random_layers_model(), 1), own)
    deadline = time.monotonic() + 30
    while len(client.get("/v1/models").json()["models"][0]["layers"]) > 1:
        assert time.monotonic() < deadline, "the new version is not in service"
        time.sleep(0.05)
    refused = client.get("/v1/labeling/next")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_labeling")
    assert "no layer 'chunk'; it has: ner" in refused.json()["error"]["message"]
    assert client.post("/v1/tag", json={"text": "John lives."}).status_code == 200


def test_the_model_that_training_begins_with_suggests_the_labels_that_it_knows(open_client, models):
    client = open_client({}, labels=("X", "PLANT"), start=models["all"])
    first, *_ = add(client)
    state = client.get("/v1/labeling").json()
    assert (state["model"]["name"], state["borrowed"]) == (str(models["all"]), ["X"])
    assert (state["labels"], state["other_layers"]) == (["X", "PLANT"], [])
    shown = client.get(f"/v1/labeling/sentences/{first}").json()
    tagger = load(models["all"])
    (tags,) = tagger.tag([[token["text"] for token in shown["tokens"]]], layer="ner")
    assert [(own["start"], own["end"], own["label"]) for own in shown["spans"]] == tags_to_spans(tags, "IOB2") != []
    assert client.get("/v1/training").json()["in_service"] is None
    assert client.post("/v1/tag", json={"text": "John"}).status_code == 404  # it only suggests


def test_a_model_that_knows_no_label_suggests_nothing(open_client, models):
    client = open_client({}, labels=("PLANT",), start=models["all"])
    first, *_ = add(client)
    state = client.get("/v1/labeling").json()
    assert (state["model"], state["borrowed"]) == (None, [])
    assert client.get(f"/v1/labeling/sentences/{first}").json()["spans"] == []


@pytest.mark.slow
def test_versions_of_one_layer_are_compared_with_the_model_of_several(open_client, tmp_path):
    client = open_client(layer="chunk")
    accept(client, add(client), "Y")
    folder = tmp_path / "all.labeling"
    write_model(single_layer(random_layers_model(seed=1), 2), folder / "versions" / "1")
    store = Store(folder)
    store.add_version(VersionRow(number=1, created=datetime.now(UTC), sentences=9, dev=2, scores={"f1": 0.5}))
    store.close()
    there, back = (
        client.get("/v1/training/comparison", params={"old": old, "new": new}).json() for old, new in ((0, 1), (1, 0))
    )
    assert there["before"] == back["after"]
    assert there["before"]["types"].keys() <= {"X", "Y"}
    report = client.get("/v1/training/versions/0/report", params={"against": 1})
    assert report.status_code == 200, report.text
    assert "chunk, scheme IOB1" in report.text
    assert client.get("/v1/training/versions/1/report").status_code == 200


@pytest.mark.slow
def test_a_version_that_is_trained_has_the_labeled_layer_alone(open_client, models, tmp_path):
    client = open_client()
    accept(client, add(client, TEXTS[:12]), "X")
    predicted = [
        {"text": text, "spans": [{"start": 0, "end": text.index(" "), "label": "X", "score": 0.9}]}
        for text in TEXTS[12:]
    ]
    content = "".join(json.dumps(one) + "\n" for one in predicted)
    assert client.post("/v1/labeling/files", json={"name": "said.jsonl", "content": content}).json()["predicted"]
    done = trained(client, epochs=1, predictions=True)
    assert done["run"]["state"] == "done", done["run"]
    assert done["run"]["before"]["support"] == done["run"]["after"]["support"] == 2
    assert client.post("/v1/versions/1", json={}).json()["in_service"] == 1
    (layer,) = client.get("/v1/models").json()["models"][0]["layers"]
    assert (layer["name"], layer["labels"]) == ("ner", ["X"])
    state = client.get("/v1/labeling").json()
    assert (state["layer"], state["other_layers"]) == ("ner", [])
    assert client.post("/v1/versions/0", json={}).json()["in_service"] == 0
    assert client.get("/v1/labeling").json()["other_layers"] == ["pos", "chunk"]
    assert load(tmp_path / "all.labeling" / "versions" / "1").layers == ("ner",)


@pytest.mark.slow
def test_a_new_model_begins_with_the_network_of_another_and_has_its_own_labels_alone(open_client, models, tmp_path):
    client = open_client({}, labels=("X", "PLANT"), start=models["all"])
    assert client.get("/v1/training").json()["start"] == str(models["all"])
    numbers = add(client, TEXTS[:12])
    accept(client, numbers[:6], "PLANT")
    accept(client, numbers[6:], "X")
    done = trained(client, epochs=1)
    assert (done["run"]["state"], done["run"]["before"]) == ("done", None), done["run"]
    own, other = (load(folder).model for folder in (tmp_path / "all.labeling" / "versions" / "1", models["all"]))
    ((name, labels),) = [(layer.name, layer.labels) for layer in own.layers]
    assert (name, labels) == ("tags", ("PLANT", "X"))
    assert own.architecture == other.architecture
    assert own.vocabulary.pretrained == other.vocabulary.pretrained
    assert own.vocabulary.words[: len(other.vocabulary.words)] == other.vocabulary.words


@pytest.mark.slow
def test_a_start_that_is_damaged_meanwhile_is_said(open_client, models, tmp_path):
    start = tmp_path / "start"
    shutil.copytree(models["all"], start)
    client = open_client({}, labels=("X",), start=start)
    accept(client, add(client, TEXTS[:12]), "X")
    weights = start / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    run = trained(client, epochs=1)["run"]
    assert run["state"] == "failed"
    assert "weights.safetensors" in run["problem"]
    assert client.get("/v1/training").json()["ready"]
