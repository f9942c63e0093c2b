"""Work that nobody waits for stops, and work that would be too much does not begin."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest

import tagsmith
from raw_http import refused
from tagsmith.serving import answers
from tagsmith.serving.answers import answer_requests
from tagsmith.serving.limits import Limits
from tagsmith.serving.schema import TagRequest
from tagsmith.tagging.tagger import Tagger

MODEL = {"name": "m", "version": "1"}
CALLS = ("tag_texts", "tag_documents", "tag_k_best", "tag_marginals")


@pytest.fixture(scope="module")
def tagger(models):
    return tagsmith.load(models["ner"])


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """The calls of any tagger, while a test runs."""
    found: list[str] = []

    def counted(name):
        method = getattr(Tagger, name)

        def call(*arguments, **options):
            found.append(name)
            return method(*arguments, **options)

        return call

    for name in CALLS:
        monkeypatch.setattr(Tagger, name, counted(name))
    return found


class Waiting:
    """Waits for an answer until it was asked ``times``."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, place: int) -> bool:
        self.times -= 1
        return self.times >= 0


@pytest.mark.parametrize(
    ("request_", "all_calls"),
    [
        ({"texts": ["Anna left. " * 30] * 8}, 8),
        ({"tokens": [["Anna", "left"] * 100] * 8}, 8),
        ({"texts": ["Anna left. " * 30] * 8, "k_best": 2}, 16),
        ({"texts": ["Anna left. " * 30] * 8, "k_best": 2, "marginals": True}, 24),
        ({"text": "Anna left. " * 30, "marginals": True}, 31),
    ],
)
def test_a_request_stops_when_nobody_waits_for_it_any_more(tagger, calls, monkeypatch, request_, all_calls):
    monkeypatch.setattr(answers, "PORTION_CHARACTERS", 400)
    monkeypatch.setattr(answers, "PORTION_TOKENS", 100 if "texts" in request_ else 3)
    request = TagRequest(**request_)
    (whole,) = answer_requests(tagger, [request], MODEL, Waiting(10**6))
    assert len(calls) == all_calls
    calls.clear()
    assert answer_requests(tagger, [request], MODEL, Waiting(3)) == [b""]
    assert 0 < len(calls) <= 3
    monkeypatch.undo()
    assert answer_requests(tagger, [request], MODEL, Waiting(10**6)) == [whole]  # portions change nothing


def test_one_of_several_requests_that_is_given_up_does_not_stop_the_others(tagger):
    requests = [TagRequest(text="Anna left.", k_best=2), TagRequest(text="So did Ben."), TagRequest(tokens=[["Ben"]])]
    first, second, third = answer_requests(tagger, requests, MODEL, lambda place: place != 1)
    assert json.loads(first)["documents"][0]["text"] == "Anna left."
    assert second == b""
    assert json.loads(third)["documents"][0]["text"] == "Ben"


def busy_tagger(monkeypatch, seconds: float) -> list[int]:
    """Let taggers take this long for each call; return where the calls are counted."""
    calls: list[int] = []
    tag_texts = Tagger.tag_texts

    def slow(self, texts, **options):
        calls.append(len(texts))
        time.sleep(seconds)
        return tag_texts(self, texts, **options)

    monkeypatch.setattr(Tagger, "tag_texts", slow)
    monkeypatch.setattr(answers, "PORTION_CHARACTERS", 10)
    return calls


def test_after_the_deadline_nothing_more_is_tagged(serve, monkeypatch):
    address = serve(limits=Limits(deadline=0.5))
    calls = busy_tagger(monkeypatch, 0.2)
    refused(httpx.post(f"{address}/v1/tag", json={"texts": ["Anna left."] * 100}), 504, "deadline")
    time.sleep(0.5)  # the call that was running ends
    count = len(calls)
    assert count < 50
    time.sleep(1)
    assert len(calls) == count


def test_when_the_client_is_gone_nothing_more_is_tagged(serve, monkeypatch):
    address = serve()
    calls = busy_tagger(monkeypatch, 0.2)
    body = json.dumps({"texts": ["Anna left."] * 100}).encode()
    head = b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    url = urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=10) as client:
        client.sendall(head + body)
        deadline = time.monotonic() + 20
        while not calls:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    time.sleep(0.5)
    count = len(calls)
    assert count < 50
    time.sleep(1)
    assert len(calls) == count
    assert 'tagsmith_requests_total{route="/v1/tag",status="499"} 1.0' in httpx.get(f"{address}/metrics").text


# -------------------------------------------------------------------------------------------------- too much


@pytest.mark.parametrize(
    ("request_", "keys"),
    [
        ({"text": "a " * 57, "k_best": 2}, "k_best"),
        ({"tokens": [["a"] * 30, ["a"] * 27], "k_best": 2}, "k_best"),
        ({"texts": ["a " * 30] * 4, "marginals": True}, "marginals"),
        ({"text": "a " * 38, "k_best": 2, "marginals": True}, "k_best and marginals"),
        ({"text": "。" * 112, "marginals": True}, "marginals"),
        ({"text": "a " * 200, "marginals": True, "model": "pos"}, "marginals"),
    ],
)
def test_too_many_probabilities_or_sequences_are_refused_before_any_work(serve, calls, request_, keys):
    address = serve(limits=Limits(numbers=1000))  # of 9 tags: 111 tokens; of 2 tags: 500
    calls.clear()
    if request_.get("model") == "pos":
        assert httpx.post(f"{address}/v1/tag", json=request_).status_code == 200
        request_ = {**request_, "text": "a " * 501}
        calls.clear()
    error = refused(httpx.post(f"{address}/v1/tag", json=request_), 422, "too_many_numbers")
    assert error["limit"] == 1000
    assert error["message"].startswith(f"{keys}: ")
    assert "the limit is 1,000" in error["message"]
    assert calls == []


@pytest.mark.parametrize(
    "request_",
    [
        {"text": "a " * 55, "k_best": 2},
        {"tokens": [["a" * 400] * 55], "k_best": 2},
        {"text": "a" * 5000 + " b" * 100, "marginals": True},
        {"text": "a " * 5000},
        {"text": "", "k_best": 20, "marginals": True},
    ],
)
def test_as_many_as_the_limit_are_computed(serve, request_):
    address = serve(limits=Limits(numbers=1000))
    assert httpx.post(f"{address}/v1/tag", json=request_).status_code == 200
