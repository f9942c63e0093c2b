"""Run the application in uvicorn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import uvicorn

from tagsmith.serving.limits import Limits
from tagsmith.serving.protocol import LimitedConfig

SHUTDOWN_SECONDS = 30  # for requests that were accepted


class Server(uvicorn.Server):
    """uvicorn, telling when it is ready: ``told`` gets the port, also one that the system chose."""

    def __init__(self, config: uvicorn.Config, told: Callable[[int], None]) -> None:
        super().__init__(config)
        self.told = told

    async def startup(self, sockets: Any = None) -> None:
        """Start, and tell the port."""
        await super().startup(sockets)
        for server in self.servers:
            for socket in server.sockets:
                self.told(socket.getsockname()[1])
                return

    async def shutdown(self, sockets: Any = None) -> None:
        """End streams that would go on, then finish what was accepted."""
        for close in self.lifespan.state.get("closing", ()):
            close()
        await super().shutdown(sockets)


def configure(app: Any, host: str, port: int, limits: Limits) -> LimitedConfig:
    """How uvicorn runs the application. Text never reaches a log: the access log is off."""
    return LimitedConfig(
        app,
        limits,
        host=host,
        port=port,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        backlog=2048,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def serve(app: Any, host: str, port: int, limits: Limits, told: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was accepted."""
    Server(configure(app, host, port, limits), told).run()
