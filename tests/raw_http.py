"""What comes back over a plain socket, and answers that refuse."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx


def refused(answer: httpx.Response, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    return error


def talk(address: str, sent: bytes, seconds: float = 10.0) -> bytes:
    """Send bytes and return everything that comes back until the server closes or ``seconds`` pass."""
    url = urlsplit(address)
    found = b""
    with socket.create_connection((url.hostname, url.port), timeout=seconds) as connection:
        connection.sendall(sent)
        try:
            while part := connection.recv(65536):
                found += part
        except (TimeoutError, ConnectionError):
            pass
    return found
