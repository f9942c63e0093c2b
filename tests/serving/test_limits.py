"""What is too much, too slow, from the wrong people or no HTTP at all is refused, and the server goes on."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import APIRouter

from raw_http import refused, talk
from tagsmith.serving.app import Extension, create_app
from tagsmith.serving.limits import Limits
from tagsmith.serving.models import Models

SMALL = Limits(
    body=4096, texts=3, characters=50, k_best=2, headers=2000, header_seconds=0.5, body_seconds=0.5, deadline=5
)
JSON = {"content-type": "application/json"}
KEY = "secret-ключ"


@pytest.fixture(scope="module")
def strict(serve):
    """Address of a server with low limits."""
    return serve(limits=SMALL)


@pytest.fixture(scope="module")
def locked(serve):
    """Address of a server that wants a key."""
    return serve(api_key=KEY)


@pytest.mark.parametrize(
    ("request_", "code", "limit"),
    [
        ({"texts": ["a"] * 4}, "too_many_texts", 3),
        ({"tokens": [["a"]] * 4}, "too_many_texts", 3),
        ({"text": "a" * 51}, "text_too_long", 50),
        ({"texts": ["a", "ж" * 51]}, "text_too_long", 50),
        ({"tokens": [["aaaa"] * 11]}, "text_too_long", 50),
        ({"text": "a", "k_best": 3}, "k_best_too_large", 2),
    ],
)
def test_more_than_the_limits_is_refused_saying_the_limit(strict, request_, code, limit):
    error = refused(httpx.post(f"{strict}/v1/tag", json=request_), 422, code)
    assert error["limit"] == limit
    assert f"the limit is {limit}" in error["message"]


def test_just_within_the_limits_is_not_refused(strict):
    for request in ({"texts": ["a" * 50] * 3}, {"tokens": [["aaaa"] * 10] * 3}, {"text": "a", "k_best": 2}):
        assert httpx.post(f"{strict}/v1/tag", json=request).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid"),
        (b"{", "invalid"),
        (b"[1]", "invalid"),
        (b'"secret"', "invalid"),
        (b"{}", "invalid"),
        (b'{"text": "a", "texts": []}', "invalid"),
        (b'{"text": 3}', "invalid"),
        (b'{"text": "secret", "secret": "secret"}', "invalid"),
        (b'{"text": "a", "threshold": {"secret": "secret"}}', "invalid"),
        (b'{"text": "a", "threshold": 1.5}', "invalid"),
        (b'{"text": "a", "threshold": true}', "invalid"),
        (b'{"text": "a", "threshold": {"PER": "0.5"}}', "invalid"),
        (b'{"text": "a", "k_best": "2"}', "invalid"),
        (b'{"text": "a", "marginals": 1}', "invalid"),
        (b'{"text": "a", "threshold": NaN}', "invalid"),
        (b'{"text": "a", "k_best": -1}', "invalid"),
        (b'{"text": "\xff\xfe"}', "invalid"),
        (b'{"text": "\\ud800"}', "invalid"),
        (b"[" * 3000, "invalid"),
    ],
)
def test_a_body_that_cannot_be_understood_is_refused_without_being_repeated(strict, body, code):
    answer = httpx.post(f"{strict}/v1/tag", content=body, headers=JSON)
    refused(answer, 422, code)
    assert b"secret" not in answer.content


def test_control_characters_are_text_like_any_other(strict):
    text = "a\0b \x1b[31m \x7f\u2028"
    answer = httpx.post(f"{strict}/v1/tag", json={"text": text})
    assert answer.json()["documents"][0]["text"] == text


def test_other_mistakes_have_their_own_answers(strict):
    refused(httpx.post(f"{strict}/v1/tag", content=b"a", headers={"content-type": "text/plain"}), 415, "not_json")
    refused(httpx.post(f"{strict}/v1/tag", content=b"a"), 415, "not_json")
    refused(httpx.post(f"{strict}/v1/tag", json={"text": "a", "model": "secret"}), 404, "no_such_model")
    request = {"text": "a", "threshold": {"secret": 0.5}}
    error = refused(httpx.post(f"{strict}/v1/tag", json=request), 404, "no_such_label")
    assert "it has: " in error["message"]
    assert "secret" not in error["message"]
    request = {"text": "a", "model": "pos", "threshold": 0.5}
    refused(httpx.post(f"{strict}/v1/tag", json=request), 422, "no_threshold")
    error = refused(httpx.post(f"{strict}/v1/tag", json={"tokens": [["a", ""]]}), 422, "invalid")
    assert error["message"].startswith("tokens.0.1: ")
    error = refused(httpx.post(f"{strict}/v1/tag", json={}), 422, "invalid")
    assert error["message"] == "body: give exactly one of text, texts and tokens"
    refused(httpx.get(f"{strict}/v1/tag"), 405, "http")
    refused(httpx.get(f"{strict}/nothing"), 404, "http")


# -------------------------------------------------------------------------------------------------- bodies


def test_a_large_body_is_refused_whether_or_not_it_says_its_size(strict):
    refused(httpx.post(f"{strict}/v1/tag", content=b"a" * 4097, headers=JSON), 413, "body_too_large")

    def chunks():
        for _ in range(3):
            yield b"a" * 2000

    assert (
        refused(httpx.post(f"{strict}/v1/tag", content=chunks(), headers=JSON), 413, "body_too_large")["limit"] == 4096
    )


HEAD = b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def test_a_body_that_does_not_come_is_given_up(strict):
    start = time.monotonic()
    assert b" 408 " in talk(strict, HEAD + b"content-length: 100\r\n\r\n{")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b" 408 "),
        (b"GET /hea", b" 408 "),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ", b" 408 "),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 3000, b" 431 "),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 3000 + b"\r\n\r\n", b" 431 "),
        (b"GET /" + b"a" * 3000, b" 431 "),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"x: aaaa\r\n" * 500 + b"\r\n", b" 431 "),
        (b"\0\1\2\3 nonsense\r\n\r\n", b" 400 "),
        (b"GET / HTTP/9.9\r\n\r\n", b" 400 "),
    ],
)
def test_headers_that_do_not_end_or_are_none_close_the_connection(strict, sent, status):
    assert status in talk(strict, sent)
    assert httpx.get(f"{strict}/healthz").status_code == 200


def test_a_connection_may_be_used_again_and_again(strict):
    request = HEAD + b'content-length: 13\r\n\r\n{"text": "a"}'
    pause = 2 * SMALL.header_seconds
    url = urlsplit(strict)
    with closing(socket.create_connection((url.hostname, url.port), timeout=10)) as connection:
        for wait in (0, pause, 0):  # the time for headers begins with their first byte
            time.sleep(wait)
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"]}"):  # headers and body may come apart
                answer += connection.recv(65536)
            assert b" 200 " in answer


def test_one_connection_too_many_is_refused_and_the_others_go_on(serve):
    small = serve(limits=Limits(connections=2))
    url, request = urlsplit(small), b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    with ExitStack() as opened:
        first, second = (
            opened.enter_context(socket.create_connection((url.hostname, url.port), timeout=10)) for _ in range(2)
        )
        for connection in (first, second):
            connection.sendall(request)
            assert b" 200 " in connection.recv(65536)
        answer = talk(small, request)
        assert b" 503 " in answer
        assert b"retry-after: 1" in answer
        for probe in (b"/healthz", b"/readyz"):
            assert b" 200 " in talk(small, request.replace(b"/v1/models", probe))
        first.sendall(request)
        assert b" 200 " in first.recv(65536)
    deadline = time.monotonic() + 10
    while b" 200 " not in talk(small, request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")):
        assert time.monotonic() < deadline, "places are not free again"


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"content-length: 100\r\n\r\n{",  # a body that breaks off
        HEAD + b"content-length: 5\r\n\r\n\xff\xff\xff\xff\xff",
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"content-length: -5\r\n\r\n",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        HEAD[:30],
        b"\0" * 1000,
        os.urandom(4000),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_connections_that_break_off_leave_it_serving(address, sent, reset):
    url = urlsplit(address)
    for _ in range(5):
        with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
            if reset:  # closing sends RST instead of FIN
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(sent)
    answer = httpx.post(f"{address}/v1/tag", json={"text": "Paris"}, timeout=10)
    assert answer.status_code == 200


def test_a_hundred_megabytes_are_refused_at_their_beginning(address):
    url = urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(HEAD + b"content-length: 100000000\r\n\r\n")
        sent = 0
        try:
            while sent < 100_000_000:
                sent += connection.send(b"a" * 65536)
        except ConnectionError:
            pass
        assert sent < 100_000_000
    assert httpx.get(f"{address}/healthz", timeout=10).status_code == 200


# -------------------------------------------------------------------------------------------------- odd requests


@pytest.mark.parametrize("target", [b"/v1/models%0a", b"/v1/labeling/a%0Ab", b"/page/%00", b"*", b"/page/..%2fapp.py"])
def test_odd_paths_lead_nowhere(address, target):
    method = b"OPTIONS " if target == b"*" else b"GET "
    answer = talk(address, method + target + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "http"


@pytest.mark.parametrize("wanted", [b"h2c", b"websocket"])
def test_a_client_that_would_rather_speak_another_protocol_is_answered(address, wanted):
    head = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + wanted + b"\r\nHTTP2-Settings: AAAA\r\n"
    request = head + b'content-length: 13\r\n\r\n{"text": "a"}'
    answer = talk(address, request + request.replace(b"Upgrade, ", b"close, "))
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.count(b'"documents"') == 2


def test_headers_after_the_body_are_none(locked):
    head = HEAD + b'transfer-encoding: chunked\r\nconnection: close\r\n\r\nd\r\n{"text": "a"}\r\n0\r\n'
    assert b" 401 " in talk(locked, head + b"x-api-key: " + KEY.encode() + b"\r\n\r\n")


@pytest.mark.parametrize("trailer", [b"x: " + b"a" * 300_000, b"x: y\r\n" * 50_000, b"x: " + b"a" * 10_000_000])
def test_headers_after_the_body_have_a_limit_too(address, trailer):
    head = HEAD + b'transfer-encoding: chunked\r\n\r\nd\r\n{"text": "a"}\r\n0\r\n'
    assert b" 431 " in talk(address, head + trailer)


@pytest.mark.parametrize("sent", [b"\0\1\2 nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000])
def test_what_never_becomes_a_request_is_refused_in_the_form_of_all_errors(address, sent):
    answer = talk(address, sent)
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]) == {"code", "message"}


# -------------------------------------------------------------------------------------------------- who


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"}, {"x-api-key": KEY}],
    ids=["bearer", "bearer in small letters", "header"],
)
def test_the_right_key_opens(locked, headers):
    encoded = {name: value.encode() for name, value in headers.items()}
    assert httpx.post(f"{locked}/v1/tag", json={"text": "a"}, headers=encoded).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/openapi.json", "/nothing"])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Basic secret"}, {"x-api-key": ""}])
def test_without_the_key_everything_but_health_is_shut(locked, path, headers):
    refused(httpx.get(locked + path, headers=headers), 401, "unauthorized")
    refused(httpx.post(f"{locked}/v1/tag", json={"text": "a"}, headers=headers), 401, "unauthorized")
    assert httpx.get(f"{locked}/healthz").status_code == httpx.get(f"{locked}/readyz").status_code == 200


def test_every_answer_has_the_security_headers_and_none_names_the_server(address):
    for answer in (httpx.get(f"{address}/healthz"), httpx.get(f"{address}/no"), httpx.post(f"{address}/v1/tag")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
        assert json.loads(answer.content)


def test_a_failure_is_answered_like_any_error_and_logged_without_its_message(serve, models, caplog):
    router = APIRouter()

    @router.get("/broken")
    async def broken() -> None:
        raise ValueError("".join(("geh", "eim")))

    address = serve.run(create_app(Models({"ner": models["ner"]}), extension=Extension(routers=(router,))), Limits())
    refused(httpx.get(f"{address}/broken"), 500, "internal")
    deadline = time.monotonic() + 10  # it is logged after the answer
    while "ValueError (message withheld)" not in caplog.text:
        assert time.monotonic() < deadline, "it is not logged"
        time.sleep(0.01)
    assert "geheim" not in caplog.text
    httpx.get(f"{address}/nothing")
    metrics = httpx.get(f"{address}/metrics").text
    assert 'tagsmith_requests_total{route="/broken",status="500"} 1.0' in metrics
    assert 'tagsmith_requests_total{route="other",status="404"} 1.0' in metrics
