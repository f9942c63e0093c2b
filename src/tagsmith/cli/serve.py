"""``tagsmith serve``: models over HTTP."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tagsmith.serving.limits import Limits


def serve_command(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="Model folders; NAME=FOLDER gives one a name.", show_default=False),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the API key that clients must send. [default: the variable TAGSMITH_API_KEY]",
            show_default=False,
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(help="Site whose pages may call the server, https://…; may be repeated.", show_default=False),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="NAME=NUMBER changes a limit, see docs/serving.md; may be repeated.", show_default=False),
    ] = None,
) -> None:
    """Serve models over HTTP until Ctrl-C.

    POST /v1/tag tags; /openapi.json describes everything. A new version of a model folder is put in service by itself.
    """
    from importlib.util import find_spec

    from tagsmith.errors import MissingExtraError

    for package in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingExtraError("Serving", "serve")
    from tagsmith.serving.app import create_app
    from tagsmith.serving.models import name_folders
    from tagsmith.serving.server import serve

    limits = chosen_limits(limit or [])
    key = chosen_key(api_key_file)
    app = create_app(name_folders(models), limits, api_key=key, origins=cors or [])
    shown = f"[{host}]" if ":" in host else host
    serve(app, host, port, limits, lambda own: typer.echo(f"serving on http://{shown}:{own}/", err=True))


def chosen_limits(changes: list[str]) -> Limits:
    """Read ``name=number``."""
    from tagsmith.errors import RecipeError
    from tagsmith.serving.limits import Limits

    kinds = {name: type(value) for name, value in asdict(Limits()).items()}
    found: dict[str, Any] = {}
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals or name not in kinds:
            raise RecipeError(f"there is no limit {name!r}.", remedy=f"Limits: {', '.join(kinds)}.")
        try:
            found[name] = kinds[name](value)
        except ValueError:
            raise RecipeError(f"the limit {text} is no number.", remedy=f"Write {name}=NUMBER.") from None
    return Limits(**found)


def chosen_key(path: Path | None) -> str | None:
    """Read the API key from its file, or from the environment: on the command line others could see it."""
    from tagsmith.errors import InputError

    if path is None:
        return os.environ.get("TAGSMITH_API_KEY") or None
    try:
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the API key cannot be read: {error}.", path=path, remedy="Check the file.") from error
    if not key:
        raise InputError("the file of the API key is empty.", path=path, remedy="Write the key into it.")
    return key
