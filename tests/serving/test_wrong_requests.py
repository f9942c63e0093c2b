"""The answer to a wrong request names the key that is wrong, and the known key that was meant."""

from __future__ import annotations

import httpx
import pytest

from raw_http import refused
from tagsmith.labeling.desk import LabelingProject

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def desk(serve, models, tmp_path_factory):
    """A client of a server where one can label."""
    labeling = LabelingProject(folder=tmp_path_factory.mktemp("labels"))
    with httpx.Client(base_url=serve({"ner": models["ner"]}, labeling=labeling), timeout=20) as client:
        client.post("/v1/labeling/sentences", json={"text": "Anna left."}).raise_for_status()
        yield client


SENTENCE = "/v1/labeling/sentences/1"
TAG = "/v1/tag"


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", TAG, {"text": 3}, "text: "),
        ("POST", TAG, {"texts": ["a", "b", 3]}, "texts.2: "),
        ("POST", TAG, {"tokens": [["a"], ["b", 3]]}, "tokens.1.1: "),
        ("POST", TAG, {"tokens": [["a"], "b"]}, "tokens.1: "),
        ("POST", TAG, {"tokens": [["a", ""]]}, "tokens.0.1: "),
        ("POST", TAG, {"text": "a", "threshold": 2}, "threshold: Input should be less than or equal to 1"),
        ("POST", TAG, {"text": "a", "threshold": "high"}, "threshold: give a number"),
        ("POST", TAG, {"text": "a", "threshold": {"PER": 2}}, "threshold: Input should be less than or equal to 1"),
        ("POST", TAG, {"text": "a", "threshold": [1]}, "threshold: Input should be a valid number, or: "),
        ("POST", TAG, {"text": "a", "k_best": 2.5}, "k_best: "),
        ("POST", TAG, {"text": "a", "k_best": 21}, "k_best: 21 tag sequences; the limit is 20"),
        ("POST", TAG, {"text": "a", "marginals": "yes"}, "marginals: "),
        ("POST", TAG, {"text": "a", "model": 3}, "model: "),
        ("POST", TAG, {"text": "a" * 100_001}, "text: 100,001 characters; the limit is 100,000"),
        ("POST", TAG, {"texts": ["a", "a" * 100_001]}, "texts.1: 100,001 characters"),
        ("POST", TAG, {"tokens": [["a"], ["a" * 60_000] * 2]}, "tokens.1: 120,002 characters"),
        ("POST", TAG, {"texts": ["a"] * 257}, "texts: 257 texts; the limit is 256"),
        ("POST", TAG, {"text": "a", "treshold": 1}, "treshold: there is no such key; did you mean threshold?"),
        ("POST", TAG, {"text": "a", "Marginal": True}, "Marginal: there is no such key; did you mean marginals?"),
        ("POST", TAG, {"text": "a", "zzz": 1}, "body: there is a key that is not known; there are: text, texts, "),
        ("POST", "/v1/labeling/labels", {}, "label: Field required"),
        ("POST", "/v1/labeling/labels", {"lable": "A"}, "did you mean label?"),
        ("POST", "/v1/labeling/labels", {"label": 3}, "label: "),
        (
            "POST",
            "/v1/labeling/sentences",
            {"text": "a", "sorce": "b"},
            "sorce: there is no such key; did you mean source?",
        ),
        ("POST", "/v1/labeling/sentences", {"text": "a", "source": "b" * 501}, "source: "),
        ("PUT", SENTENCE, {"status": "accept"}, "status: "),
        ("PUT", SENTENCE, {"status": "accepted", "spans": [{"start": 0, "end": 1}]}, "spans.0.label: Field required"),
        (
            "PUT",
            SENTENCE,
            {
                "status": "accepted",
                "spans": [{"start": 0, "end": 1, "label": "PER"}, {"start": "0", "end": 1, "label": "A"}],
            },
            "spans.1.start: give a number",
        ),
        (
            "PUT",
            SENTENCE,
            {"status": "accepted", "spans": [{"start": 0, "end": 1, "label": "PER", "lable": "PER"}]},
            "spans.0.lable: there is no such key; did you mean label?",
        ),
        ("PUT", "/v1/labeling/sentences/one", {"status": "accepted"}, "number: "),
        ("POST", "/v1/training", {"epochs": 0}, "epochs: "),
        ("POST", "/v1/training", {"epoch": 1}, "epoch: there is no such key; did you mean epochs?"),
        ("POST", "/v1/training/cancel", {"now": True}, "body: no keys are known here"),
        ("POST", "/v1/versions/one", {}, "number: "),
        ("GET", "/v1/labeling/sentences?status=wait", None, "status: "),
        ("GET", "/v1/labeling/sentences?status=waiting&limit=0", None, "limit: "),
        (
            "GET",
            "/v1/labeling/sentences?status=waiting&limti=5",
            None,
            "limti: there is no such key; did you mean limit?",
        ),
        ("GET", "/v1/labeling/next?skip=a", None, "skip: "),
        ("GET", "/v1/labeling/export?fromat=csv", None, "fromat: there is no such key; did you mean format?"),
        ("GET", "/v1/labeling/export?format=xml", None, "format: there is no such format"),
        ("DELETE", "/v1/labeling/sentences?status=accepted", None, "status: "),
    ],
)
def test_the_wrong_key_is_named(desk, method, path, body, message):
    answer = desk.request(method, path, **({} if body is None else {"json": body}))
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", [TAG, "/v1/labeling/labels", "/v1/labeling/sentences", "/v1/training"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"text": ' + b"9" * 100_000 + b"}",
        b'{"text": "\xff"}',
        b'{"text": "a"} {}',
        b'{"text": "a", "label": "a", "epochs": NaN, "threshold": Infinity}',
        b"null",
        b"[]",
        b'"a"',
    ],
    ids=range(12),
)
def test_what_is_no_json_or_no_object_is_refused_on_every_route(desk, path, body):
    answer = desk.post(path, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b'{"texts": [' + b"1," * 1_000_000 + b"1]}",
        b'{"tokens": [[' + b"1," * 1_000_000 + b"1]]}",
        b"{" + b",".join(b'"%d":1' % number for number in range(200_000)) + b"}",
        b'{"text": "a", "threshold": {' + b",".join(b'"%d":"x"' % number for number in range(200_000)) + b"}}",
        b'{"text": "a", "threshold": {' + b",".join(b'"%d":0.5' % number for number in range(200_000)) + b"}}",
    ],
    ids=["texts", "tokens", "keys", "labels", "thresholds"],
)
def test_a_million_mistakes_are_one(desk, body):
    answer = desk.post(TAG, content=body, headers=JSON)  # within the client's 20 seconds; it was minutes
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert len(answer.content) < 1000
    spans = body.replace(b'"texts"', b'"status": "accepted", "spans"')
    answer = desk.put(SENTENCE, content=spans, headers=JSON)
    assert answer.status_code == 422
    assert len(answer.content) < 1000


def test_the_answer_repeats_nothing_that_resembles_no_key(desk):
    for path in (TAG, "/v1/labeling/labels", "/v1/training", "/v1/training/cancel"):
        answer = desk.post(path, json={"secret": "secret", "label": ["secret"], "text": {"secret": "secret"}})
        refused(answer, 422, "invalid")
        assert b"secret" not in answer.content
