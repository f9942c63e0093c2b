"""How many requests a second the server answers, and what it does with three times as many.

    TAGSMITH_DATA=… python benchmarks/serving.py MODEL [--overload 120]

Starts ``tagsmith serve MODEL`` and sends it sentences of about 20 tokens of UD English EWT, one a request, over 64
connections that each wait for their answer; in turn with requests to ``/healthz``, which does nothing: what the web
server alone can do on this machine, whose processors the clients share. Then requests of ten sentences each: as many a
second as it can answer, and for two minutes three times that rate, on a schedule that does not wait for answers. (Of
one sentence each the clients could not send so many.) Writes ``benchmarks/results/serving.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import uvloop

from corpora import from_environment
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences

RESULTS = Path(__file__).parent / "results" / "serving.json"
CLIENTS, SECONDS, ROUNDS = 64, 10.0, 5
OVERLOAD, SENTENCES_EACH, MOST_CONNECTIONS = 3, 10, 2000


class Connection(asyncio.Protocol):
    """One connection: sends a request, gives the status of its answer."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.answer: asyncio.Future[int] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Look for the end of the answer."""
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.received[:end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self.received) >= end + 4 + length:
            self.received.clear()
            if self.answer is not None and not self.answer.done():
                self.answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        """Count as status 0."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(0)
        self.transport = None

    async def ask(self, request: bytes) -> int:
        """Send a request and wait for its answer's status."""
        if self.transport is None:
            return 0
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


def requests(sentences_each: int = 1) -> list[bytes]:
    """Requests of sentences of 18 to 22 tokens."""
    path = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    sentences = [" ".join(s.words) for s in read_sentences(path, layer="upos") if 18 <= len(s.words) <= 22]
    texts = [sentences[place : place + sentences_each] for place in range(0, len(sentences), sentences_each)]
    bodies = [{"text": batch[0]} if sentences_each == 1 else {"texts": batch} for batch in texts]
    return [_request("POST /v1/tag", json.dumps(body).encode()) for body in bodies]


def _request(route: str, body: bytes = b"") -> bytes:
    head = f"{route} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def closed_loop(port: int, asked: Iterator[bytes], seconds: float) -> dict[str, float]:
    """64 clients, each asking again when it has its answer."""
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(CLIENTS)]
    times: list[float] = []
    statuses: Counter[int] = Counter()
    until = time.perf_counter() + seconds

    async def client(connection: Connection) -> None:
        while (start := time.perf_counter()) < until:
            statuses[await connection.ask(next(asked))] += 1
            times.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*map(client, connections))
    passed = time.perf_counter() - start
    for connection in connections:
        if connection.transport:
            connection.transport.close()
    assert set(statuses) == {200}, statuses
    ordered = sorted(times)
    return {
        "requests_per_second": round(len(times) / passed),
        "median_ms": round(1000 * statistics.median(times), 2),
        "p99_ms": round(1000 * ordered[int(0.99 * len(ordered))], 2),
    }


async def overload(port: int, asked: Iterator[bytes], rate: float, seconds: float, process: int) -> dict[str, Any]:
    """Ask at a rate, whatever the answers; a request for which no connection is free is not sent, and counted."""
    loop = asyncio.get_running_loop()
    # The one that was idle longest is next: the server closes those that ask nothing.
    free = deque([(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(MOST_CONNECTIONS)])
    statuses: Counter[int] = Counter()
    times: list[float] = []
    memory: list[int] = []
    running: set[asyncio.Task[None]] = set()

    async def one(connection: Connection, begin: float) -> None:
        status = await connection.ask(next(asked))
        statuses[status] += 1
        if status == 200:
            times.append(time.perf_counter() - begin)
        free.append(connection)

    start, sent, unsent = time.perf_counter(), 0, 0
    while (passed := time.perf_counter() - start) < seconds:
        while sent + unsent < passed * rate:
            if free:
                task = asyncio.create_task(one(free.popleft(), time.perf_counter()))
                running.add(task)
                task.add_done_callback(running.discard)
                sent += 1
            else:
                unsent += 1
        if len(memory) < passed:
            memory.append(_megabytes(process))
        await asyncio.sleep(0.002)
    await asyncio.gather(*running)
    ordered = sorted(times)
    return {
        "offered_per_second": round(rate),
        "sent_per_second": round(sent / seconds),
        "answered_per_second": round(statuses[200] / seconds),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "not_sent_for_want_of_connections": unsent,
        "answered_median_ms": round(1000 * statistics.median(times), 1),
        "answered_p99_ms": round(1000 * ordered[int(0.99 * len(ordered))], 1),
        "memory_mb": {
            "first_ten_seconds": max(memory[:10]),
            "last_ten_seconds": max(memory[-10:]),
            "most": max(memory),
        },
    }


def _megabytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--overload", type=float, default=120.0, help="seconds")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    asked = cycle(requests())
    empty = cycle([_request("GET /healthz")])
    command = [sys.executable, "-m", "tagsmith", "serve", f"model={arguments.model}", "--port", "0"]
    measured: dict[str, list[dict[str, float]]] = {"empty": [], "tag": []}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().rstrip("/\n").rpartition(":")[2])
        uvloop.run(closed_loop(port, asked, 3.0))
        for _ in range(arguments.rounds):
            for name, cycled in (("empty", empty), ("tag", asked)):
                measured[name].append(uvloop.run(closed_loop(port, cycled, SECONDS)))
                print(name, measured[name][-1], flush=True)
        medians = {
            name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
            for name, rounds in measured.items()
        }
        shares = [t["requests_per_second"] / e["requests_per_second"] for e, t in zip(*measured.values(), strict=True)]
        result: dict[str, Any] = {
            "machine": describe_machine(),
            "clients": CLIENTS,
            "medians": medians,
            "share_of_empty": round(statistics.median(shares), 3),
            "rounds": measured,
        }
        if arguments.overload:
            large = cycle(requests(SENTENCES_EACH))
            before = uvloop.run(closed_loop(port, large, SECONDS))
            rate = OVERLOAD * before["requests_per_second"]
            result["overload"] = {
                "sentences_each": SENTENCES_EACH,
                "before": before,
                **uvloop.run(overload(port, large, rate, arguments.overload, process.pid)),
                "after": uvloop.run(closed_loop(port, large, SECONDS)),
            }
        process.terminate()
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "rounds"}, indent=2))


if __name__ == "__main__":
    main()
