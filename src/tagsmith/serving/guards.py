"""Checks around the application: API key, host names, other sites' pages, the body's type and size; security headers.

Plain ASGI, so that it costs little. Starlette's ``TrustedHostMiddleware`` is no substitute for the check of host names:
it answers in plain text and not in the JSON of all other errors.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tagsmith.serving.limits import Limits
from tagsmith.serving.metrics import Metrics
from tagsmith.serving.refusals import Refusal, error_response, log_failure

Headers = dict[bytes, bytes]
Origin = tuple[str, str, int]  # scheme, host, port

READING = ("GET", "HEAD", "OPTIONS")  # methods that change nothing
JSON = b"application/json"
SINGLE = (b"host", b"origin", b"content-type", b"content-encoding")  # headers that two checks could read differently
SMALL_BODY = 65536  # bytes
PORTS = {"http": 80, "https": 443}
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

    With ``api_key``, clients must send it. ``origins`` are other sites whose pages may call the server; ``"*"`` stands
    for all. ``hosts`` are the names by which it may be called, without port; empty: any. They stop DNS rebinding: the
    page of another site, whose name is made to lead to this machine, could otherwise read what its visitor may read.
    With ``addresses``, IP addresses may be called too: no name server decides where they lead.
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
        addresses: bool = False,
    ) -> None:
        self.app, self.limits, self.metrics = app, limits, metrics
        self.api_key = api_key.encode() if api_key else None
        self.origins = frozenset(origin.encode() for origin in origins)
        self.held = 0  # bytes of large bodies in memory
        self.any_origin = b"*" in self.origins
        self.hosts, self.addresses = frozenset(_plain_name(host) for host in hosts), addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500
        begun, is_stream = False, False
        headers: Headers = dict(scope["headers"])
        body: _Body | None = None

        async def send_guarded(message: Message) -> None:
            nonlocal status, begun, is_stream
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                answered: Headers = dict(message.get("headers", ()))
                is_stream = answered.get(b"content-type", b"").startswith(b"text/event-stream")
                # A page with a policy of its own has that one: of two, a browser obeys both.
                security = SECURITY_HEADERS[1:] if SECURITY_HEADERS[0][0] in answered else SECURITY_HEADERS
                # A client that announced its body may now send it, or the next request; so there is none.
                end = ((b"connection", b"close"),) if b"expect" in headers else ()
                message["headers"] = [*message.get("headers", ()), *security, *end]
            await send(message)

        try:
            self._check(scope, headers)
            body = self._limited(headers, receive)
            await self.app(scope, body or receive, send_guarded)
        except ClientDisconnect:
            status = CLIENT_GONE  # there is nobody to answer
        except Exception as error:
            if not isinstance(error, HTTPException):
                log_failure(error)
            if not begun:
                await error_response(error)(scope, receive, send_guarded)
        finally:
            if body is not None:
                self.held -= body.size
            route = getattr(scope.get("route"), "path", "") or "other"
            self.metrics.requests(route, status).inc()
            if not is_stream:  # an event stream stays open as long as there is news
                self.metrics.seconds(route).observe(time.perf_counter() - start)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Refuse requests without the key, for another host, from another site's page, or with a body but no JSON."""
        if len(headers) < len(scope["headers"]):
            _check_single(scope["headers"])
        host = headers.get(b"host", b"")
        if self.hosts and (name := _host_name(host)) not in self.hosts and not (self.addresses and _is_address(name)):
            names = ", ".join(sorted(self.hosts))
            message = f"This server does not go by that name; it answers as {names}. --allow-host adds a name."
            raise Refusal(403, "host", message)
        path: str = scope["path"]
        if not path.isprintable():  # the routes' patterns let a line break at the end pass
            raise HTTPException(404)
        self._check_site(scope, path, headers, host)
        if self.api_key is not None and not (path in OPEN_PATHS or path.startswith(OPEN_FOLDER)):
            self._check_key(scope, headers)
        if scope["method"] not in READING and path.startswith("/v1/"):
            _check_type(scope["method"], headers)

    def _check_site(self, scope: Scope, path: str, headers: Headers, host: bytes) -> None:
        """Refuse what another site's page sends behind a user's back, be it only to make the server work.

        A browser names the page's origin in each request that changes something, and in each whose answer a page of
        another origin could read. What else it sends for such a page, such as the address of an image, has
        ``Sec-Fetch-Site`` if the server's address is https or localhost.
        """
        origin = headers.get(b"origin")
        if origin is None:
            foreign = headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and path.startswith("/v1/")
        else:
            foreign = not (self.any_origin or origin in self.origins or _is_own(origin, scope["scheme"], host))
        if foreign:
            remedy = "--cors allows another site; a proxy must pass on Host, and X-Forwarded-Proto if it speaks https."
            raise Refusal(403, "cross_site", f"Pages of other sites may not send this request. {remedy}")

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        if scope["method"] == "OPTIONS" and headers.get(b"origin") in self.origins:
            return  # browsers ask for permission without the key
        key = headers.get(b"x-api-key", b"")
        kind, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() == b"bearer":
            key = bearer.strip()
        if self.api_key is None or not hmac.compare_digest(key, self.api_key):
            raise Refusal(401, "unauthorized", "Send the API key as 'Authorization: Bearer …' or 'X-API-Key'.")

    def _limited(self, headers: Headers, receive: Receive) -> _Body | None:
        """The body of a request, if it is so large that it must be measured; refuse one that is too large."""
        length = int(headers.get(b"content-length", b"0"))  # the parser holds a client to it
        if length > self.limits.body:
            raise _too_large(self.limits.body)
        return _Body(self, receive) if length > SMALL_BODY or b"transfer-encoding" in headers else None


class _Body:
    """A large body: refused if it, or all that are in memory at this time, become too large."""

    def __init__(self, guards: Guards, receive: Receive) -> None:
        self._guards, self._receive = guards, receive
        self.size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        size, guards = len(message.get("body", b"")), self._guards
        self.size += size
        guards.held += size
        if self.size > guards.limits.body:
            raise _too_large(guards.limits.body)
        if guards.held > guards.limits.bodies:
            problem = f"All bodies together are too large; the limit is {guards.limits.bodies:,} bytes."
            raise Refusal(503, "overloaded", problem, limit=guards.limits.bodies, retry_after=1)
        return message


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "body_too_large", f"The body is too large; the limit is {limit:,} bytes.", limit=limit)


def _check_single(headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse a request with two of a header of which there can be one."""
    names = [name for name, _ in headers]
    for name in SINGLE:
        if names.count(name) > 1:
            raise Refusal(400, "two_headers", f"The request has two headers {name.decode()!r}.")


def _check_type(method: str, headers: Headers) -> None:
    """Refuse a body that is not JSON: forms and scripts of other sites' pages can send plain text without asking.

    A POST must say that it is JSON even if it has no body; browsers ask the server before other methods.
    """
    kind = headers.get(b"content-type", b"")
    if kind != JSON and kind.partition(b";")[0].strip().lower() != JSON:
        has_body = headers.get(b"content-length", b"0").strip(b"0") or b"transfer-encoding" in headers
        if method == "POST" or kind or has_body:
            raise Refusal(415, "not_json", "Send the body as application/json ('{}' if there is nothing to say).")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "compressed", "Send the body as it is, without content-encoding.")


def _host_name(header: bytes) -> str:
    """The name in a Host header, without the port: ``[::1]:8000`` is ``::1``."""
    text = header.decode("latin-1")
    return _plain_name(text.partition("]")[0][1:] if text.startswith("[") else text.partition(":")[0])


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _plain_name(host: str) -> str:
    return host.lower().removesuffix(".")


def _is_own(origin: bytes, scheme: str, host: bytes) -> bool:
    """Whether an Origin header is that of the server's own page, given the request's scheme and Host header."""
    if host and origin == scheme.encode() + b"://" + host:  # as browsers write both
        return True
    own = read_origin(f"{scheme}://{host.decode('latin-1')}")
    return own is not None and read_origin(origin.decode("latin-1")) == own


def read_origin(text: str) -> Origin | None:
    """Read ``https://name:port``, in which the port may be missing; None if it is no origin, as ``null``."""
    match = re.fullmatch(
        r"(https?)://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]\\]+)(?::([0-9]{1,5}))?", text, re.ASCII | re.IGNORECASE
    )
    if match is None:
        return None
    scheme, host = match[1].lower(), match[2].lower()
    with suppress(ValueError):
        host = str(ip_address(host.strip("[]")))  # ::1 has other spellings
    return scheme, host, int(match[3]) if match[3] else PORTS[scheme]
