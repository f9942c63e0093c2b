"""Checks around the application: API key, host names, other sites' pages, the body's size; security headers.

Plain ASGI, so that it costs little. Starlette's ``TrustedHostMiddleware`` is no substitute for the check of host names:
it answers in plain text and not in the JSON of all other errors.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tagsmith.serving.limits import Limits
from tagsmith.serving.metrics import Metrics
from tagsmith.serving.refusals import Refusal, error_response, log_failure

Headers = dict[bytes, bytes]

OPEN_PATHS = ("/", "/healthz", "/readyz")  # need no key: the page's shell holds no data, probes have no key
OPEN_FOLDER = "/page/"
CLIENT_GONE = 499  # in the metrics, as nginx has it
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
    """ASGI middleware that refuses requests before they reach the application, and counts all of them.

    With ``api_key``, clients must send it. ``origins`` are other sites whose pages may call the server. ``hosts`` are
    the names by which it may be called, without port; empty: any. They stop DNS rebinding: the page of another site,
    whose name is made to lead to this machine, could otherwise read what its visitor may read.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        metrics: Metrics,
        *,
        api_key: str | None = None,
        origins: Iterable[str] = (),
        hosts: Iterable[str] = (),
    ) -> None:
        self.app, self.limits, self.metrics = app, limits, metrics
        self.api_key = api_key.encode() if api_key else None
        self.origins = frozenset(origins)
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
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
            headers: Headers = dict(scope["headers"])
            self._check(scope, headers)
            await self.app(scope, self._limited(headers, receive), send_guarded)
        except ClientDisconnect:
            status = CLIENT_GONE  # there is nobody to answer
        except Exception as error:
            if not isinstance(error, HTTPException):
                log_failure(error)
            if not begun:
                await error_response(error)(scope, receive, send_guarded)
        finally:
            route = getattr(scope.get("route"), "path", "") or "other"
            self.metrics.requests(route, status).inc()
            if not is_stream:  # an event stream stays open as long as there is news
                self.metrics.seconds(route).observe(time.perf_counter() - start)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Refuse requests without the key, for another host, or from another site's page behind a user's back."""
        if self.hosts and _host_name(headers.get(b"host", b"")) not in self.hosts:
            names = ", ".join(sorted(self.hosts))
            raise Refusal(403, "host", f"This server does not go by that name; it answers as {names}.")
        origin = headers.get(b"origin", b"").decode("latin-1")
        changes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if changes and headers.get(b"sec-fetch-site") == b"cross-site" and not self.origins & {origin, "*"}:
            raise Refusal(403, "cross_site", "Pages of other sites may not send this request.")
        path: str = scope["path"]
        if self.api_key is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return
        if scope["method"] == "OPTIONS" and origin in self.origins:  # browsers ask for permission without the key
            return
        key = headers.get(b"x-api-key", b"")
        kind, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() == b"bearer":
            key = bearer.strip()
        if not hmac.compare_digest(key, self.api_key):
            raise Refusal(401, "unauthorized", "Send the API key as 'Authorization: Bearer …' or 'X-API-Key'.")

    def _limited(self, headers: Headers, receive: Receive) -> Receive:
        """Let the body be no larger than the limit. The parser holds a client to the length it states."""
        limit, size = self.limits.body, 0
        if b"transfer-encoding" not in headers:
            if int(headers.get(b"content-length", b"0")) > limit:
                raise _too_large(limit)
            return receive

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise _too_large(limit)
            return message

        return receive_limited


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "body_too_large", f"The body is too large; the limit is {limit:,} bytes.", limit=limit)


def _host_name(header: bytes) -> str:
    """The name in a Host header, without the port: ``[::1]:8000`` is ``::1``."""
    text = header.decode("latin-1").lower()
    return text.partition("]")[0][1:] if text.startswith("[") else text.partition(":")[0]
