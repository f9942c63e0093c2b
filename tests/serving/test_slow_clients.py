"""Clients that do not read, do not send or send too much at once take neither memory nor places from the others."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import APIRouter, Response

from raw_http import talk
from tagsmith.serving import protocol
from tagsmith.serving.app import Extension, create_app
from tagsmith.serving.limits import Limits
from tagsmith.serving.models import Models
from tagsmith.serving.server import allow_connections

GET = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
PROBE = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def connect(address: str, buffer: int | None = None) -> socket.socket:
    """Open a connection, for a client that takes in only ``buffer`` bytes without reading."""
    url = urlsplit(address)
    client = socket.socket()
    client.settimeout(20)
    if buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.connect((url.hostname, url.port))
    return client


def post(request: dict) -> bytes:
    body = json.dumps(request).encode()
    head = b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def unread(serve, address: str) -> int:
    """The bytes of answers that wait for the clients of a server."""
    server, _ = serve.running[address]
    return sum(one.transport.get_write_buffer_size() for one in list(server.server_state.connections))


SIZE = 6_000_000  # bytes of a large answer: more than the system buffers
LARGE = GET.replace(b"/v1/models", b"/large")


@pytest.fixture
def serve_large(serve, models):
    """Start a server with these limits that has large answers, and slow ones."""
    router = APIRouter()

    @router.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(2)
        return "slow"

    @router.get("/large")
    async def large() -> Response:
        return Response(b"a" * SIZE)

    def start(limits: Limits) -> str:
        extension = Extension(routers=(router,))
        return serve.run(create_app(Models({"ner": models["ner"]}, limits), extension=extension), limits)

    return start


def read(client: socket.socket) -> bytes:
    """Read until the server closes."""
    found = b""
    while part := client.recv(1 << 20):
        found += part
    return found


def test_clients_that_never_read_are_cut_off(serve, serve_large):
    address = serve_large(Limits(answer_seconds=1))
    server, _ = serve.running[address]
    with ExitStack() as opened:
        clients = [opened.enter_context(connect(address, 4096)) for _ in range(20)]
        for client in clients:
            client.sendall(LARGE * 3)
        wait_until(lambda: unread(serve, address) > 20 * SIZE / 3, "nothing is answered")
        assert unread(serve, address) <= 20 * SIZE  # the second answer of a connection waits for the first
        wait_until(lambda: not server.server_state.connections, "clients that never read keep their connections")
        wait_until(lambda: not server.server_state.tasks, "answers to nobody stay")
        assert httpx.get(f"{address}/healthz").status_code == 200
        for client in clients:
            with suppress(ConnectionError):
                assert len(read(client)) < SIZE


def test_a_client_that_reads_slowly_but_steadily_gets_all_of_its_answer(serve_large):
    address = serve_large(Limits(answer_seconds=2))
    with connect(address, 65536) as client:
        client.sendall(LARGE.replace(b"host: x", b"host: x\r\nconnection: close"))
        start, size = time.monotonic(), 0
        while time.monotonic() - start < 5:
            size += len(client.recv(131_072, socket.MSG_WAITALL))
            time.sleep(0.2)
        assert size + len(read(client)) > SIZE


def test_all_unread_answers_together_have_a_limit(serve, serve_large):
    address = serve_large(Limits(answers=2 * SIZE, answer_seconds=1000))
    server, _ = serve.running[address]
    with ExitStack() as opened:
        for _ in range(6):
            opened.enter_context(connect(address, 4096)).sendall(LARGE)
        wait_until(lambda: server.server_state.total_requests == 6, "not all are answered")
        wait_until(lambda: unread(serve, address) <= 2 * SIZE, "too much waits for the clients")
        assert server.server_state.connections


# -------------------------------------------------------------------------------------------------- places


@pytest.mark.parametrize("beginning", [b"", b"GET /v1/mo", GET], ids=["silent", "in the headers", "idle"])
def test_probes_are_answered_however_many_connections_are_open(serve, beginning):
    address = serve(limits=Limits(connections=50, header_seconds=60))
    server, _ = serve.running[address]
    with ExitStack() as opened:
        for _ in range(50 + 3 * protocol.RESERVE):
            opened.enter_context(connect(address)).sendall(beginning)
        for path in (b"/healthz", b"/readyz"):
            assert b" 200 " in talk(address, PROBE.replace(b"/healthz", path))
        assert b" 503 " in talk(address, GET)
        assert len(server.server_state.connections) <= 50 + protocol.RESERVE + 2
    wait_until(lambda: b" 200 " in talk(address, GET.replace(b"x\r\n", b"x\r\nconnection: close\r\n")), "no place")


@pytest.mark.skipif(sys.platform == "win32", reason="files are counted in another way there")
def test_as_many_connections_are_open_as_the_system_allows(monkeypatch, caplog):
    import resource

    limits = Limits(connections=1000)
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2000, 5000))
    assert allow_connections(limits) == limits
    assert asked == []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 5000))
    assert allow_connections(limits) == limits
    assert asked.pop()[0] > 1000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 600))
    assert allow_connections(limits).connections == 600 - 256
    assert "the system allows 600 open files" in caplog.text


# -------------------------------------------------------------------------------------------------- pipelines


def test_requests_sent_in_one_go_are_answered_in_order(address):
    texts = [f"Text {number}." for number in range(20)]
    requests = [post({"text": text}) for text in texts]
    requests[-1] = requests[-1].replace(b"host: x", b"host: x\r\nconnection: close")
    answer = talk(address, b"".join(requests))
    assert [own.decode() for own in re.findall(rb'"documents":\[\{"text":"(Text \d+\.)"', answer)] == texts


def test_a_flood_of_requests_in_one_go_is_answered_up_to_a_number(serve):
    address = serve()
    server, _ = serve.running[address]
    answer = talk(address, GET * 5000)
    assert 1 <= answer.count(b" 200 OK") <= protocol.PIPELINED + 1
    wait_until(lambda: not (server.server_state.connections or server.server_state.tasks), "something is left")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET /healthz HTT",
        b"\0\1\2",
        b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 200_000,
        b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
    ],
    ids=["headers that do not end", "no HTTP", "headers that are too large", "a body that does not come"],
)
def test_what_follows_a_request_that_is_being_answered_does_not_get_into_its_answer(serve_large, nonsense):
    address = serve_large(Limits(header_seconds=0.5, body_seconds=0.5))
    with connect(address) as client:
        client.sendall(GET.replace(b"/v1/models", b"/slow") + nonsense)
        answer = read(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'"slow"')


@pytest.mark.parametrize("path", [b"/v1/models", b"/nothing"])
def test_headers_that_begin_with_the_request_before_them_have_a_time_too(serve, path):
    address = serve(limits=Limits(header_seconds=0.5))
    answer = talk(address, GET.replace(b"/v1/models", path) + b"GET /healthz HTT", seconds=15)
    assert b" 408 " in answer
