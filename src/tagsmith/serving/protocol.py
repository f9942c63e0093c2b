"""HTTP connections with limits: their number, the size and time of headers, the time of a body."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tagsmith.serving.limits import Limits

TOO_LARGE, TOO_SLOW = b"431 Request Header Fields Too Large", b"408 Request Timeout"
TOO_MANY = b"503 Service Unavailable\r\nretry-after: 1"


class LimitedConfig(Config):
    """uvicorn's configuration with limits for connections."""

    def __init__(self, app: Any, limits: Limits, **options: Any) -> None:
        super().__init__(app, http=LimitedProtocol, **options)
        self.limits = limits


class LimitedProtocol(HttpToolsProtocol):
    """A connection that closes if its headers are too long, or if headers or body take too long to arrive.

    It also closes if there are too many connections: uvicorn's own limit counts requests that are already answered,
    and logs a line for each connection that it refuses.
    """

    config: LimitedConfig

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._in_headers = True
        self._one_too_many = False
        self._sent_bytes = 0  # by the client since the headers began
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for headers, even on one connection too many: its client hears why it is closed."""
        super().connection_made(transport)
        self._one_too_many = len(self.connections) > self.config.limits.connections
        self._start_timer(self.config.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and count the bytes of incomplete headers."""
        if self._in_headers:
            if self._timer is None:  # the first bytes of another request on this connection
                self._start_timer(self.config.limits.header_seconds)
            self._sent_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._sent_bytes > self.config.limits.headers:
            self._refuse(TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the request was refused."""
        self._stop_timer()
        if self._one_too_many:
            self._refuse(TOO_MANY)
        elif sum(len(name) + len(value) for name, value in self.headers) > self.config.limits.headers:
            self._refuse(TOO_LARGE)  # they came so fast that `data_received` counted no incomplete ones
        self._in_headers = False
        if not self.transport.is_closing():
            self._start_timer(self.config.limits.body_seconds)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next request."""
        self._stop_timer()
        self._in_headers, self._sent_bytes = True, 0
        if self.cycle is not None:
            super().on_message_complete()

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._refuse, TOO_SLOW)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_headers or self.cycle is None or not self.cycle.response_started:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()
