"""The HTTP server, which tags. Needs the ``serve`` extra."""

from importlib.util import find_spec

from tagsmith.errors import MissingExtraError

for package in ("fastapi", "filelock", "httptools", "prometheus_client", "sqlalchemy", "uvicorn"):
    if find_spec(package) is None:
        raise MissingExtraError("Serving", "serve")
