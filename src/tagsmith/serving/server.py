"""Run the application in uvicorn."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import uvicorn

from tagsmith.errors import InputError
from tagsmith.serving.limits import Limits
from tagsmith.serving.protocol import RESERVE, LimitedConfig, drop_slow_readers

logger = logging.getLogger("tagsmith.serving")
OTHER_FILES = 128  # that the process may open: models, the database, pipes
# Bytes that the system keeps for each client. Without this limit Linux takes megabytes, and reports that a slow client
# has read something only when it has read a third of them.
SEND_BUFFER = 128 << 10
BACKLOG = 2048  # connections that wait to be accepted
LARGE = 4 << 20  # bytes: blocks of memory that go back to the system at once when they are free
SHUTDOWN_SECONDS = 30  # for accepted requests


class Server(uvicorn.Server):
    """uvicorn that reports when it is ready: ``ready`` gets the port, even one that the system chose."""

    def __init__(self, config: LimitedConfig, ready: Callable[[int], None]) -> None:
        super().__init__(config)
        self.limits, self.ready = config.limits, ready

    async def startup(self, sockets: Any = None) -> None:
        """Start, and report the port."""
        await super().startup(sockets)
        if self.servers:
            self.ready(self.servers[0].sockets[0].getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        """Each second, break off connections whose clients do not read their answers."""
        if counter % 10 == 0:
            drop_slow_readers(self.server_state.connections, self.limits, time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """End streams that would last for ever, then finish the accepted requests."""
        self.lifespan.state.get("close_streams", lambda: None)()
        await super().shutdown(sockets)


def configure(app: Any, host: str, port: int, limits: Limits) -> LimitedConfig:
    """Configure uvicorn. Text never reaches a log: the access log is off."""
    return LimitedConfig(
        app,
        limits,
        host=host,
        port=port,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="error",  # no line for each request that is no HTTP
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def serve(app: Any, host: str, port: int, limits: Limits, ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM, then finish the accepted requests; see :func:`listen` for its errors."""
    give_back_large_blocks()
    sockets = listen(host, port)
    limits = allow_connections(limits)
    Server(configure(app, host, port, limits), ready).run(sockets)


def give_back_large_blocks() -> None:
    """Let glibc return large blocks to the system as soon as they are free.

    By itself, it begins to keep them (up to 32 MB each) once one has been freed. Then each model that replaces another
    leaves some of its memory behind. Elsewhere, nothing happens.
    Source: M_MMAP_THRESHOLD in mallopt(3).
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(-3, LARGE)  # -3: M_MMAP_THRESHOLD


def allow_connections(limits: Limits) -> Limits:
    """Let the process open as many files as there may be connections; lower the limit if the system does not allow it.

    Without this, a server that reaches the system's limit can accept no connection at all, not even a probe's.
    """
    if sys.platform == "win32":
        return limits
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + RESERVE + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):  # some systems allow less than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft >= wanted:
        return limits
    connections = max(1, soft - RESERVE - OTHER_FILES)
    logger.warning("the system allows %d open files; so there are at most %d connections", soft, connections)
    return replace(limits, connections=connections)


def listen(host: str, port: int) -> list[socket.socket]:
    """Open a socket for each address of a host; port 0 takes a free one for all of them.

    Raises
    ------
    InputError
        There is no such host, or the port is taken or not allowed.
    """
    opened: list[socket.socket] = []
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(addresses):
            local_address = (address[0], opened[0].getsockname()[1] if opened else port)
            try:
                opened.append(socket.create_server(local_address, family=family, backlog=BACKLOG))
            except OSError as error:
                # localhost may be written down as ::1 on a machine without IPv6; another address will do.
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
        for listening in opened:  # and so for the connections that it accepts
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if not opened:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    except OSError as error:
        for listening in opened:
            listening.close()
        raise InputError(
            f"cannot listen on {host}, port {port}: {error.strerror}.",
            remedy="Choose another --port (0 takes a free one), or check --host.",
        ) from error
    return opened
