"""A client that sends too much is told so, whichever client it is and however it sends."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

import processes
from raw_http import talk
from tagsmith.serving import protocol
from tagsmith.serving.limits import Limits

JSON = {"content-type": "application/json"}
HEAD = b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
SIZES = [5 << 20, 30 << 20]


def too_large(status: int, body: bytes) -> None:
    assert (status, json.loads(body)["error"]["code"]) == (413, "body_too_large")


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b"a" * 65536


def connect(address: str) -> socket.socket:
    url = urlsplit(address)
    return socket.create_connection((url.hostname, url.port), timeout=20)


@pytest.fixture(params=["with its length", "in chunks"])
def is_chunked(request) -> bool:
    return request.param == "in chunks"


@pytest.mark.parametrize("size", SIZES)
def test_httpx_is_told(address, size, is_chunked):
    content = chunks(size) if is_chunked else b"a" * size
    answer = httpx.post(f"{address}/v1/tag", content=content, headers=JSON, timeout=20)
    too_large(answer.status_code, answer.content)


@pytest.mark.parametrize("size", SIZES)
def test_a_client_that_sends_everything_before_it_reads_is_told(address, size, is_chunked):
    url = urlsplit(address)
    client = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    client.request("POST", "/v1/tag", chunks(size) if is_chunked else b"a" * size, JSON, encode_chunked=is_chunked)
    answer = client.getresponse()
    too_large(answer.status, answer.read())
    client.close()


def test_urllib_is_told(address):
    with pytest.raises(urllib.error.HTTPError) as found:
        urllib.request.urlopen(urllib.request.Request(f"{address}/v1/tag", b"a" * SIZES[1], JSON), timeout=20)
    too_large(found.value.code, found.value.read())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
def test_curl_is_told(address, tmp_path, expect, is_chunked):
    (tmp_path / "body").write_bytes(b"a" * SIZES[1])
    options = ["-H", "Transfer-Encoding: chunked"] if is_chunked else []
    command = ["curl", "-sS", "-w", "%{http_code}", "-H", "content-type: application/json", "-H", expect, *options]
    done = processes.run(
        [*command, "--data-binary", f"@{tmp_path / 'body'}", f"{address}/v1/tag"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    too_large(int(done.stdout[-3:]), done.stdout[:-3])


def test_a_slow_client_is_told_at_the_end_too(address):
    with connect(address) as client:
        client.sendall(HEAD + b"content-length: 8000000\r\n\r\n")
        for _ in range(8):
            client.sendall(b"a" * 1_000_000)
            time.sleep(0.05)
        assert client.recv(20).startswith(b"HTTP/1.1 413 ")


def test_one_that_asks_first_is_told_at_once_and_need_not_send_it(address):
    asked = HEAD + b"content-length: 8000000\r\nexpect: 100-continue\r\n\r\n"
    with connect(address) as client:
        client.sendall(asked)
        answer = b""
        while part := client.recv(65536):  # ends: the server does not wait for the body
            answer += part
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
    with connect(address) as client:  # asks, but does not wait
        client.sendall(asked + b"a" * 8_000_000)
        assert client.recv(20).startswith(b"HTTP/1.1 413 ")


def test_an_announced_body_that_is_welcome_is_asked_for(address):
    with connect(address) as client:
        client.sendall(HEAD + b"content-length: 13\r\nexpect: 100-continue\r\n\r\n")
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b'{"text": "a"}')
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_after_another_refusal_the_request_that_follows_is_not_taken_for_the_body(address):
    refused = b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\nexpect: 100-continue\r\n\r\n"
    answer = talk(address, refused + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1") == 1


def test_a_connection_goes_on_after_a_small_body_that_nobody_read(serve):
    address = serve(limits=Limits(body_seconds=30))
    with connect(address) as client:
        for _ in range(3):
            client.sendall(b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 415 ")
            client.sendall(b"a" * 20000)
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_headers_that_are_too_large_are_refused_while_they_are_sent(address):
    with connect(address) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx: ")
        for _ in range(8):
            client.sendall(b"a" * 1_000_000)
        assert client.recv(20).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "head", [HEAD + b"content-length: 1000000000\r\n\r\n", HEAD + b"transfer-encoding: chunked\r\n\r\n3b9aca00\r\n"]
)
def test_what_never_ends_is_not_read_for_ever(address, monkeypatch, head):
    monkeypatch.setattr(protocol, "DISCARDED", 1 << 20)
    with connect(address) as client:
        client.sendall(head)
        with pytest.raises(ConnectionError):
            client.sendall(b"a" * 300_000_000)


def test_all_bodies_together_have_a_limit(serve):
    address = serve(limits=Limits(bodies=3_000_000))
    body = json.dumps({"texts": ["a"], "model": "x" * 2_000_000}).encode()
    head = HEAD + b"content-length: %d\r\n\r\n" % len(body)
    with connect(address) as first:
        first.sendall(head + body[:-1])
        time.sleep(0.3)  # until the server has it
        answer = talk(address, head.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + body)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
        first.sendall(body[-1:])
        assert first.recv(20).startswith(b"HTTP/1.1 404 ")
    answer = httpx.post(f"{address}/v1/tag", content=body, headers=JSON)
    assert answer.status_code == 404  # there is room again
