"""POST /v1/tag gives what the tagger gives."""

from __future__ import annotations

import asyncio
import json

import httpx
import numpy as np
import pytest

import tagsmith
from random_model import LAYERS
from tagsmith.serving.schema import EXAMPLES, TagAnswer

TEXT = "John lives in New York.  Paris, too!\nЖёлтый café 北京 🙂 don't"


@pytest.fixture(scope="module")
def tagger(models):
    return tagsmith.load(models["ner"])


def tag(client: httpx.Client, **request: object) -> dict:
    answer = client.post("/v1/tag", json=request)
    assert answer.status_code == 200, answer.text
    TagAnswer.model_validate(answer.json())
    return answer.json()


def test_a_text_comes_back_with_sentences_tokens_offsets_spans_and_scores(client, tagger):
    (document,) = tag(client, text=TEXT)["documents"]
    expected = tagger(TEXT)
    assert document["text"] == TEXT
    assert [[token["text"] for token in own["tokens"]] for own in document["sentences"]] == [
        list(own.words) for own in expected.sentences
    ]
    for own in document["sentences"]:
        assert all(TEXT[token["start"] : token["end"]] == token["text"] for token in own["tokens"])
        assert (own["start"], own["end"]) == (own["tokens"][0]["start"], own["tokens"][-1]["end"])
    assert [own["tags"] for own in document["sentences"]] == [
        {"ner": list(own.layers["ner"])} for own in expected.sentences
    ]
    found = [(own["start"], own["end"], own["label"], own["text"], own["layer"]) for own in document["spans"]]
    assert found == [(own.start, own.end, own.label, own.text, "ner") for own in expected.spans]
    assert found
    np.testing.assert_allclose([s["score"] for s in document["spans"]], [s.score for s in expected.spans], atol=1e-6)


def test_several_texts_come_back_in_their_order(client):
    texts = ["Paris.", "", " \n", "John", "New York"]
    documents = tag(client, texts=texts)["documents"]
    assert [own["text"] for own in documents] == texts
    assert documents[1]["sentences"] == documents[2]["sentences"] == []
    assert tag(client, texts=[])["documents"] == []


def test_tokens_stay_as_they_are(client, tagger):
    sentences = [["John", "lives"], [], ["New York", "a b"], []]
    (document,) = tag(client, tokens=sentences)["documents"]
    assert document["text"] == "John lives\n\nNew York a b\n"
    assert [[token["text"] for token in own["tokens"]] for own in document["sentences"]] == sentences
    assert [own["tags"]["ner"] for own in document["sentences"]] == tagger.tag(sentences)


@pytest.mark.parametrize("threshold", [0.9, {"PER": 0.9}, {"PER": 1, "LOC": 0.0}])
def test_improbable_spans_are_left_out_on_demand(client, tagger, threshold):
    (document,) = tag(client, text=TEXT, threshold=threshold)["documents"]
    expected = tagger(TEXT, threshold=threshold)
    assert [(own["start"], own["label"]) for own in document["spans"]] == [(s.start, s.label) for s in expected.spans]
    assert [tuple(own["tags"]["ner"]) for own in document["sentences"]] == [
        own.layers["ner"] for own in expected.sentences
    ]
    assert len(document["spans"]) < len(tagger(TEXT).spans)


def test_k_best_sequences_and_marginals_are_given_on_demand(client, tagger):
    words = [["John", "lives"], ["Paris"]]
    (document,) = tag(client, tokens=words, k_best=3, marginals=True)["documents"]
    best, marginals = tagger.tag_k_best(words, 3), tagger.tag_marginals(words)
    for own, sequences, expected in zip(document["sentences"], best, marginals, strict=True):
        assert [one["tags"] for one in own["k_best"]["ner"]] == [tags for tags, _ in sequences]
        found = [one["probability"] for one in own["k_best"]["ner"]]
        np.testing.assert_allclose(found, [share for _, share in sequences], atol=1e-6)
        assert own["marginals"]["ner"]["tags"] == list(tagger.layer().tags)
        np.testing.assert_allclose(own["marginals"]["ner"]["probabilities"], expected, atol=1e-5)


def test_a_model_is_chosen_by_its_name_and_gives_its_layers(client, models):
    answer = tag(client, text="John lives in Paris.", model="all")
    assert answer["model"]["name"] == "all"
    (document,) = answer["documents"]
    assert list(document["sentences"][0]["tags"]) == [name for name, _, _ in LAYERS]
    expected = tagsmith.load(models["all"])("John lives in Paris.")
    found = {(own["layer"], own["start"], own["label"]) for own in document["spans"]}
    assert found == {(layer, own.start, own.label) for layer, spans in expected.layer_spans.items() for own in spans}
    assert tag(client, text="Paris", model="pos")["documents"][0]["spans"] == []
    assert tag(client, text="Paris")["model"]["name"] == "ner"


def test_the_models_are_listed(client, models):
    listed = client.get("/v1/models").json()["models"]
    assert [own["name"] for own in listed] == list(models)
    assert listed[0]["layers"] == [{"name": "ner", "scheme": "IOB2", "labels": ["LOC", "PER"], "gives_spans": True}]
    assert not listed[1]["layers"][0]["gives_spans"]
    assert listed[0]["version"] == tag(client, text="x")["model"]["version"]


def test_requests_at_the_same_time_are_answered_as_if_alone_and_share_batches(address, tagger):
    texts = [f"John lives in {place}." for place in ("Paris", "London", "New York", "北京")] * 30
    options = [{}, {"threshold": 0.9}, {"k_best": 2}]

    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=30) as client:
            asked = [client.post("/v1/tag", json={"text": t, **options[n % 3]}) for n, t in enumerate(texts)]
            return await asyncio.gather(*asked)

    for number, (text, answer) in enumerate(zip(texts, asyncio.run(ask()), strict=True)):
        assert answer.status_code == 200
        (document,) = answer.json()["documents"]
        expected = tagger(text, threshold=0.9 if number % 3 == 1 else None)
        assert [own["label"] for own in document["spans"]] == [own.label for own in expected.spans]
        assert ("k_best" in document["sentences"][0]) == (number % 3 == 2)
    metrics = httpx.get(f"{address}/metrics").text
    numbers = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    batches = float(numbers['tagsmith_batch_requests_count{model="ner"}'])
    assert batches < float(numbers['tagsmith_batch_requests_sum{model="ner"}'])
    assert float(numbers['tagsmith_requests_total{route="/v1/tag",status="200"}']) >= len(texts)
    assert float(numbers['tagsmith_tokens_total{model="ner"}']) > len(texts)
    assert float(numbers['tagsmith_waiting_requests{model="ner"}']) == 0


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_of_the_description_work(client, example):
    assert tag(client, **example["value"])["documents"]


def test_the_description_names_every_route_and_its_limits(client):
    found = client.get("/openapi.json").json()
    assert {"/v1/tag", "/v1/models", "/healthz", "/readyz", "/metrics"} <= found["paths"].keys()
    body = found["paths"]["/v1/tag"]["post"]["requestBody"]["content"]["application/json"]
    assert body["examples"].keys() == EXAMPLES.keys()
    assert body["schema"]["properties"]["texts"]["anyOf"][0]["maxItems"] == 256
    assert "TagAnswer" in json.dumps(found["paths"]["/v1/tag"]["post"]["responses"]["200"])


def test_alive_and_ready(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
