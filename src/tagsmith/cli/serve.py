"""``tagsmith serve``: models over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tagsmith.serving.limits import Limits

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve_command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Model folders; NAME=FOLDER gives one a name. With --new: labels to begin with.",
            show_default=False,
        ),
    ],
    new: Annotated[bool, typer.Option("--new", help="Begin without a model: label sentences, train one.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    labeling: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what is labeled on the page and the models trained from it. "
            "[default: MODEL.labeling, with --new new.labeling]",
            show_default=False,
        ),
    ] = None,
    no_labeling: Annotated[bool, typer.Option("--no-labeling", help="Only tag: no labeling, no training.")] = False,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(help="Labeled file to train on beside what is labeled; may be repeated.", show_default=False),
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option(help="Labeled file to compare models on; may be repeated.", show_default=False),
    ] = None,
    vectors: Annotated[
        str | None,
        typer.Option(help="Pretrained vectors for --new: a file, or a package's name.", show_default=False),
    ] = None,
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
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name by which a proxy calls the server. Without a key, a server that listens to this machine alone "
            "answers only as localhost; may be repeated.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="NAME=NUMBER changes a limit, see docs/serving.md; may be repeated.", show_default=False),
    ] = None,
) -> None:
    """Serve models over HTTP, with a page to tag, label and train on, until Ctrl-C.

    POST /v1/tag tags; /openapi.json describes everything. A new version of a model folder is put in service by itself.
    """
    from importlib.util import find_spec

    from tagsmith.errors import MissingExtraError

    for package in ("fastapi", "filelock", "uvicorn", "prometheus_client", "sqlalchemy"):
        if find_spec(package) is None:
            raise MissingExtraError("Serving", "serve")
    from tagsmith.labeling.desk import Workplace
    from tagsmith.serving.app import create_app
    from tagsmith.serving.models import name_folders
    from tagsmith.serving.server import serve

    limits = chosen_limits(limit or [])
    key = chosen_key(api_key_file)
    folders = {} if new else name_folders(models)
    labels = tuple(check_labels(models)) if new else ()
    check_files((*(corpus or ()), *(dev or ())))
    workplace = None
    if not no_labeling:
        folder = labeling or default_folder(next(iter(folders.values()), None))
        workplace = Workplace(
            folder=folder,
            labels=labels,
            corpus=tuple(corpus or ()),
            dev=tuple(dev or ()),
            vectors=chosen_vectors(vectors),
        )
    elif new:
        raise typer.BadParameter("with --new there is nothing but labeling.", param_hint="--no-labeling")
    hosts = (*LOOPBACK, *(allow_host or ())) if key is None and host in LOOPBACK else ()
    app = create_app(folders, limits, labeling=workplace, api_key=key, origins=cors or [], hosts=hosts)
    if key is None and host not in LOOPBACK:
        what = "tag" if no_labeling else "tag, label and train"
        typer.echo(f"warning: without an API key, all who can reach {host} can {what} here.", err=True)
    shown = f"[{host}]" if ":" in host else host
    serve(app, host, port, limits, lambda own: typer.echo(f"serving on http://{shown}:{own}/", err=True))


def default_folder(model: Path | None) -> Path:
    """The folder for what is labeled: beside the model."""
    return Path("new.labeling") if model is None else model.with_name(f"{model.resolve().name}.labeling")


def chosen_vectors(wanted: str | None) -> str | None:
    """The vectors that were asked for, or the installed package of them, as ``tagsmith demo`` takes."""
    from importlib.util import find_spec

    from tagsmith.cli.demo import VECTORS, VECTORS_PACKAGE

    if wanted:
        from tagsmith.model.vectors import load_vectors

        load_vectors(wanted, limit=1)  # says at once, and not when training begins, that they are none
    return wanted or (VECTORS if find_spec(VECTORS_PACKAGE) else None)


def check_labels(labels: list[str]) -> list[str]:
    """Check the labels of ``--new``; commas may stand between them."""
    from tagsmith.errors import RecipeError
    from tagsmith.labeling.schema import is_label

    found = [label for text in labels for label in text.split(",") if label]
    for label in found:
        if not is_label(label):
            raise RecipeError(f"{label!r} is no label.", remedy="A label has no spaces, and is not O or _.")
    if not found:
        raise RecipeError("--new needs labels.", remedy="Write: tagsmith serve --new PERSON LOCATION")
    return list(dict.fromkeys(found))


def check_files(paths: Iterable[Path]) -> None:
    """Say at once, and not when training begins, that a file is missing."""
    from tagsmith.errors import DataError

    for path in paths:
        if not path.is_file():
            raise DataError("there is no such file.", path=path, remedy="Check the path.")


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
