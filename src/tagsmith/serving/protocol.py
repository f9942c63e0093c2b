"""HTTP connections with limits: their number, size and time of headers and bodies, and answers that nobody reads."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Iterable
from typing import Any

from starlette.requests import ClientDisconnect
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tagsmith.serving.limits import Limits

PROBES = (b"/healthz", b"/readyz")
RESERVE = 128  # connections above the limit, for probes and for those that hear that there are too many
PIPELINED = 32  # requests that may wait on a connection
DISCARDED = 64 << 20  # bytes of a refused request that are read before its connection is closed
UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
SLOWEST = 65536  # bytes of its answer that a client must take in ``answer_seconds``


def _error(status: str, code: str, message: str, header: str = "") -> bytes:
    """A whole answer, for requests that never reach the application."""
    body = json.dumps({"error": {"code": code, "message": message}})
    kind = "content-type: application/json\r\nx-content-type-options: nosniff\r\n"
    return f"HTTP/1.1 {status}\r\n{header}connection: close\r\n{kind}content-length: {len(body)}\r\n\r\n{body}".encode()


INVALID = _error("400 Bad Request", "invalid_http", "This is not valid HTTP.")
TOO_LARGE = _error("431 Request Header Fields Too Large", "headers_too_large", "The headers are too large.")
TOO_SLOW = _error("408 Request Timeout", "too_slow", "The request took too long to arrive.")
TOO_MANY = _error(
    "503 Service Unavailable", "too_many_connections", "Too many connections are open.", "retry-after: 1\r\n"
)


class LimitedConfig(Config):
    """uvicorn's configuration with limits for connections."""

    def __init__(self, app: Any, limits: Limits, **options: Any) -> None:
        super().__init__(app, http=LimitedProtocol, **options)
        self.limits = limits
        self.reserve: dict[LimitedProtocol, None] = {}  # the connections above the limit, the oldest first


class LimitedProtocol(HttpToolsProtocol):
    """A connection that closes if its headers are too long, or if headers or body take too long to arrive.

    It also closes if there are too many connections: uvicorn's own limit counts requests that are already answered,
    and logs a line for each connection that it refuses. Even then probes are answered.

    After a refusal it reads on for a while what its client still sends, and discards it. If it closed at once, the
    system would tell the client that the connection is broken, and the client would not see the answer.
    """

    config: LimitedConfig

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._one_too_many = False
        self._in_headers = True  # of the next request; else in the body of the last one
        self._bytes = 0  # that the client has sent since the headers began
        self._silent = 0  # bytes since the last part of the body: trailers, extensions of chunks
        self._answering: deque[RequestResponseCycle] = deque()  # requests whose answers are not complete
        self._deaf = False  # what the client still sends is discarded
        self._ended = False  # and there are no further answers
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: set[asyncio.Future[Any]] = set()
        self._unsent, self._unsent_since = 0, 0.0  # bytes of answers that the client did not read, as last seen

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for headers, even on one connection too many: its client hears why it is closed."""
        super().connection_made(transport)
        if len(self.connections) > self.config.limits.connections:
            self._one_too_many = True
            self.config.reserve[self] = None
            if len(self.config.reserve) > RESERVE:  # the newest may be a probe
                oldest = next(iter(self.config.reserve))
                del self.config.reserve[oldest]
                oldest.transport.abort()
        self._start_timer(self.config.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer; nobody waits for the answers any more."""
        self._stop_timer()
        self.config.reserve.pop(self, None)
        for answer in self._awaited:
            if not answer.done():
                answer.set_exception(ClientDisconnect())
        for cycle in self._answering:  # uvicorn tells only the last one
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count the bytes of incomplete headers."""
        self._bytes += len(data)
        if self._deaf:
            if self._bytes > DISCARDED:
                self.transport.abort()
            return
        if not self._in_headers:
            self._silent += len(data)
        else:
            if self._timer is None:  # the first bytes of another request on this connection
                self._start_timer(self.config.limits.header_seconds)
            if b"pgrade:" in data or b"PGRADE:" in data:
                data = _without_upgrade(data)
        super().data_received(data)
        if (self._bytes if self._in_headers else self._silent) > self.config.limits.headers:
            self._refuse(TOO_LARGE)

    # --- its requests

    def on_message_begin(self) -> None:
        """Expect the headers; let the application know which answers end with this connection."""
        super().on_message_begin()
        self.scope["state"]["awaited"] = self._awaited
        if self._timer is None:  # it came together with the request before it
            self._start_timer(self.config.limits.header_seconds)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the request is refused."""
        if self._deaf:
            return
        self._stop_timer()
        if self._one_too_many and len(self.connections) <= self.config.limits.connections:
            self._one_too_many = False  # others have closed meanwhile
            self.config.reserve.pop(self, None)
        if self._one_too_many and self.url not in PROBES:
            self._refuse(TOO_MANY)
        elif sum(len(name) + len(value) for name, value in self.headers) > self.config.limits.headers:
            self._refuse(TOO_LARGE)  # they came so fast that `data_received` counted no incomplete ones
        elif len(self._answering) > PIPELINED:
            self._deaf = True  # what came before is answered
        else:
            self._start_timer(self.config.limits.body_seconds)
            super().on_headers_complete()
            self.cycle.transport = _GentleTransport(self, self.cycle)  # type: ignore[assignment]
            self._in_headers, self._silent = False, 0
            self.headers = []  # trailers are no headers
            if self._one_too_many:
                self.cycle.keep_alive = False
            if not self._answering:
                self._unsent = 0
            self._answering.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; after the answer, discard it."""
        if not self._deaf:
            self._silent = 0
            super().on_body(body)
            if self.cycle.response_complete and self._bytes > DISCARDED:
                self.transport.abort()

    def on_message_complete(self) -> None:
        """Expect the next request."""
        if not self._deaf:
            self._stop_timer()
            self._in_headers, self._bytes = True, 0
            super().on_message_complete()
            if not self._answering:  # the answer came first, and uvicorn's timer ended with the rest of the body
                self._wait_for_request()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless the client is not heard any more."""
        if self._answering:
            self._answering.popleft()
        if self._deaf and not self._answering:
            self.end(at_once=False)
        elif not self._ended:
            super().on_response_complete()

    def _wait_for_request(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    # --- its end

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the form of all refusals."""
        self._refuse(INVALID)

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._ended:
            self.transport.abort()
        else:
            self._refuse(TOO_SLOW)

    def _refuse(self, answer: bytes) -> None:
        """Answer what the client is sending, if everything before it is answered; then close."""
        if self._deaf or self.transport.is_closing():
            return
        if not self._in_headers:  # nobody needs the body any more
            if self.cycle.response_started:
                self.transport.close()
                return
            self._answering.pop()
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self._answering:
                self.pipeline.popleft()
        self._deaf = True
        self._stop_timer()
        if not self._answering:
            self.transport.write(answer)
            self.end(at_once=False)

    def end(self, *, at_once: bool) -> None:
        """Answer nothing more, and close; if not at once, when the client has closed or sent too much for too long."""
        if self._ended or self.transport.is_closing():
            return
        self._deaf = self._ended = True
        self._stop_timer()
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        if at_once:
            self.transport.close()
            return
        self._start_timer(self.config.limits.body_seconds)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def unread(self, now: float) -> int:
        """How many bytes of answers the client has not read; break off if it has not taken enough of them for long."""
        unsent = self.transport.get_write_buffer_size()
        if not self._unsent or unsent <= self._unsent - SLOWEST:
            self._unsent, self._unsent_since = unsent, now
        elif not unsent:
            self._unsent = 0
        elif now - self._unsent_since > self.config.limits.answer_seconds:
            self.transport.abort()
            return 0
        return unsent

    @property
    def is_between_requests(self) -> bool:
        """Whether the client has sent all of its last request."""
        return self._in_headers

    @property
    def unread_since(self) -> float:
        """When the client last took something of its answers."""
        return self._unsent_since


def _without_upgrade(data: bytes) -> bytes:
    """Rename the header Upgrade: where there is one, the parser takes the body for another protocol.

    Java's client sends it with each first request.
    """
    head, separator, rest = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"\r\nx-grade:", head) + separator + rest


class _GentleTransport:
    """What the answer to a request is written to; closing it leaves the client time to read the answer."""

    def __init__(self, protocol: LimitedProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol, self._cycle = protocol, cycle
        self.is_closing = protocol.transport.is_closing

    def write(self, data: bytes) -> None:
        if not self.is_closing():
            self._protocol.transport.write(data)

    def close(self) -> None:
        if self._cycle.response_complete:
            self._protocol.end(at_once=self._protocol.is_between_requests)
        else:  # the application failed
            self._protocol.transport.close()


def drop_slow_readers(connections: Iterable[Any], limits: Limits, now: float) -> None:
    """Break off connections whose clients read their answers too slowly, or all together hold too many bytes."""
    unread = [(one.unread_since, one, size) for one in list(connections) if (size := one.unread(now))]
    total = sum(size for *_, size in unread)
    for _, connection, size in sorted(unread, key=lambda own: own[0]):
        if total <= limits.answers:
            break
        connection.transport.abort()
        total -= size
