"""Around the application: the API key, the body's size and pace, other sites' pages, and headers of every answer.

Plain ASGI, so that it costs little and sees each request before anything else does.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from tagsmith.serving.limits import FAILED, Limits, Refusal
from tagsmith.serving.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = dict[bytes, bytes]
Direct = Callable[[Headers, bytes], Awaitable[bytes]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

logger = logging.getLogger("tagsmith.serving")
OPEN_ROUTES = ("/healthz", "/readyz")  # without a key: who runs the server asks these
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class Guards:
    """An ASGI application around another.

    Parameters
    ----------
    app
        The application.
    limits, metrics
        Of the server.
    api_key
        What clients must send, as ``Authorization: Bearer …`` or ``X-API-Key``; None: nothing.
    origins
        Other sites whose pages may call the server.
    hosts
        Names by which the server may be called, without port; empty: any. Without this, the page of another site whose
        name is made to lead to this machine (DNS rebinding) could ask what its visitor may.
    page
        Paths, and beginnings of paths with ``/`` at their end, that need no key: they hold no data.
    direct
        Method and path → a function from headers and body to a JSON answer, which is called without the application:
        for what is asked thousands of times a second.
    """

    def __init__(
        self,
        app: Application,
        limits: Limits,
        metrics: Metrics,
        *,
        api_key: str | None = None,
        origins: Iterable[str] = (),
        hosts: Iterable[str] = (),
        page: Iterable[str] = (),
        direct: Mapping[tuple[str, str], Direct] | None = None,
    ) -> None:
        self.app, self.limits, self.metrics = app, limits, metrics
        self.api_key = api_key.encode() if api_key else None
        self.origins = frozenset(origins)
        self.hosts = frozenset(own.lower() for own in hosts)
        self.open_paths = frozenset((*OPEN_ROUTES, *(path for path in page if not path.endswith("/") or path == "/")))
        self.open_folders = tuple(path for path in page if path.endswith("/") and path != "/")
        self.direct = dict(direct or {})
        self.reading = 0  # requests whose body is being read

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        start, status = time.perf_counter(), 500
        begun, is_stream = False, False

        async def send_guarded(message: Message) -> None:
            nonlocal status, begun, is_stream
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                is_stream = any(value.startswith(b"text/event-stream") for _, value in message.get("headers", ()))
                message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
            await send(message)

        try:
            self._check(scope, headers)
            body = await self._read(headers, receive)
            if direct := self.direct.get((scope["method"], scope["path"])):
                await send_json(send_guarded, 200, await direct(headers, body or b""))
            else:
                await self.app(scope, receive if body is None else _again(body, receive), send_guarded)
        except Refusal as refusal:
            await send_json(send_guarded, refusal.status, json.dumps(refusal.body()).encode(), refusal.headers())
        except ConnectionError:
            return  # the client has gone: there is nobody to answer
        except Exception as error:
            log_failure(error)
            if not begun:
                await send_json(send_guarded, 500, json.dumps(FAILED.body()).encode())
        finally:
            path = scope["path"]
            route = path if (scope["method"], path) in self.direct else getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, status).inc()
            if not is_stream:  # which is open for as long as there is news
                self.metrics.seconds.labels(route).observe(time.perf_counter() - start)

    def _check(self, scope: Message, headers: Headers) -> None:
        """Refuse who has no key, and what another site's page asks for behind a user's back."""
        path: str = scope["path"]
        if self.hosts and _host_name(headers.get(b"host", b"")) not in self.hosts:
            raise Refusal(
                403, "host", f"This server does not go by that name; it answers as {', '.join(sorted(self.hosts))}."
            )
        origin = headers.get(b"origin", b"").decode("latin-1")
        changes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if changes and headers.get(b"sec-fetch-site") == b"cross-site" and not self.origins & {origin, "*"}:
            raise Refusal(403, "cross_site", "Pages of other sites may not ask for this.")
        if self.api_key is None or path in self.open_paths or path.startswith(self.open_folders):
            return
        if scope["method"] == "OPTIONS" and origin in self.origins:  # browsers ask without the key whether they may
            return
        given = headers.get(b"x-api-key", b"")
        kind, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() == b"bearer":
            given = bearer.strip()
        if not hmac.compare_digest(given, self.api_key):
            raise Refusal(401, "unauthorized", "Send the API key as 'Authorization: Bearer …' or 'X-API-Key'.")

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """Read the body, no longer and no slower than allowed; None if the request has none."""
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            return None
        if int(headers.get(b"content-length", b"0")) > self.limits.body:
            raise self._too_large()
        body = bytearray()
        self.reading += 1
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ConnectionResetError
                    body += message.get("body", b"")
                    if len(body) > self.limits.body:
                        raise self._too_large()
                    if not message.get("more_body"):
                        return bytes(body)
        except TimeoutError:
            limit = self.limits.body_seconds
            raise Refusal(408, "slow", f"The body took more than {limit:g} seconds.", limit=limit) from None
        finally:
            self.reading -= 1

    def _too_large(self) -> Refusal:
        limit = self.limits.body
        return Refusal(413, "body_too_large", f"The body is too large; the limit is {limit:,} bytes.", limit=limit)


def _host_name(header: bytes) -> str:
    """The name in a Host header, without the port: ``[::1]:8000`` is ``::1``."""
    text = header.decode("latin-1").lower()
    return text.partition("]")[0][1:] if text.startswith("[") else text.partition(":")[0]


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to whoever wants to read it."""
    given = False

    async def receive_whole() -> Message:
        nonlocal given
        if given:
            return await receive()  # waits for the client to go
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_whole


async def send_json(send: Send, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Send a JSON answer. After a body that was not read to its end the connection cannot be used again."""
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    fields += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    if status in (408, 413):
        fields.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": content})


def log_failure(error: BaseException) -> None:
    """Log where an error came from, without its message, which may hold a client's text."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s (message withheld)\n%s", type(error).__name__, places)
