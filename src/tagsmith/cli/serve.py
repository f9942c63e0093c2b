"""``tagsmith serve``: models over HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.errors import DataError, InputError, ModelError, RecipeError, VectorsError, visible

if TYPE_CHECKING:
    from tagsmith.serving.limits import Limits

NOTHING = "none"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve_command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Model folders, en, or hf://OWNER/NAME; NAME=FOLDER names one. With --new: labels to begin with.",
        ),
    ],
    new: Annotated[bool, typer.Option("--new", help="Begin without a model: label sentences, train one.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    labeling: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the labels and the models trained on them. "
            "[default: MODEL.labeling, with --new new.labeling]"
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(help="The layer to label of a model that has several. [default: the first that gives spans]"),
    ] = None,
    no_labeling: Annotated[bool, typer.Option("--no-labeling", help="Only tag: no labeling, no training.")] = False,
    corpus: Annotated[
        list[Path] | None, typer.Option(help="Labeled file to train on besides the labels; may be repeated.")
    ] = None,
    dev: Annotated[list[Path] | None, typer.Option(help="Labeled file to compare models on; may be repeated.")] = None,
    vectors: Annotated[
        str | None, typer.Option(help="Pretrained vectors for --new: a file, or the name of a package.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="The model whose network training begins with for --new; none: it begins with nothing. [default: en; "
            "with --vectors none]",
        ),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="File with the API key that clients must send. [default: the variable TAGSMITH_API_KEY]"),
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option(help="Site whose pages may call the server, https://…; may be repeated.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name by which a proxy or a browser calls the server; may be repeated. Without a key, the server "
            "answers only as localhost and, if it listens to other machines, by this machine's name and addresses."
        ),
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER changes a limit, see docs/serving.md; may be repeated.")
    ] = None,
) -> None:
    """Serve models over HTTP, with a page to tag, label and train on, until Ctrl-C.

    POST /v1/tag tags; /openapi.json describes everything. A new version of a model folder is put in service by itself.
    """
    from tagsmith.labeling.desk import LabelingProject
    from tagsmith.labeling.extension import open_labeling, without_labeling
    from tagsmith.model.folder import local_folder
    from tagsmith.serving.app import create_app
    from tagsmith.serving.models import Models
    from tagsmith.serving.server import serve

    if new and no_labeling:
        raise typer.BadParameter("with --new there is nothing but labeling.", param_hint="--no-labeling")
    if layer is not None and (new or no_labeling):
        raise typer.BadParameter("it chooses what is labeled of a model that is served.", param_hint="--layer")
    if start is not None and not new:
        raise typer.BadParameter("it is for --new; else training goes on from the model served.", param_hint="--from")
    limits, key = chosen_limits(limit or []), chosen_key(api_key_file)
    folders = {} if new else name_folders(models)
    local = {name: local_folder(folder) for name, folder in folders.items()}
    if no_labeling:
        served, extension = Models(local, limits), without_labeling()
    else:
        begun = chosen_start(start, vectors) if new else None
        project = LabelingProject(
            folder=labeling_folder(folders, labeling),
            layer=layer,
            labels=check_labels(models) if new else (),
            start=begun,
            corpus=existing(corpus or []),
            dev=existing(dev or []),
            vectors=None if begun else chosen_vectors(vectors),
        )
        served, extension = open_labeling(local, project, limits)
    is_local = host in LOOPBACK
    app = create_app(
        served,
        extension=extension,
        api_key=key,
        origins=chosen_origins(cors or []),
        hosts=(*LOOPBACK, *(() if is_local else (gethostname(),)), *(allow_host or ())) if key is None else (),
        addresses=not is_local,
    )
    if key is None and not is_local:
        what = "tag" if no_labeling else "tag, label and train"
        typer.echo(f"warning: without an API key, all who can reach {host} can {what} here.", err=True)
    shown = f"[{host}]" if ":" in host else host

    def ready(port: int) -> None:
        for line in (f"serving on http://{shown}:{port}/", *extension.notes):
            typer.echo(visible(line), err=True)

    serve(app, host, port, limits, ready)


def name_folders(models: Sequence[str]) -> dict[str, Path]:
    """Read ``FOLDER`` and ``NAME=FOLDER``; two models must not have the same name."""
    from tagsmith.model.hub import hub_name
    from tagsmith.model.packaged import packaged_name
    from tagsmith.remote import whole

    folders: dict[str, Path] = {}
    for text in models:
        name, equals, folder = text.partition("=")
        path = Path(folder if equals else text)
        if not equals:
            on_hub = hub_name(path)
            name = on_hub.name if on_hub else packaged_name(path) or whole(path).name
        if name in folders:
            raise ModelError(f"two models are named {name!r}.", remedy="Write NAME=FOLDER to name them.")
        folders[name] = path
    return folders


def labeling_folder(models: Mapping[str, Path], wanted: Path | None = None) -> Path:
    """The folder for the labels: the one wanted or, where none is named, one beside the model, or here."""
    from tagsmith.model.folder import names_model
    from tagsmith.remote import local_path, url_of

    if wanted is not None:
        if url_of(wanted):
            remedy = "Name a folder of this machine with --labeling."
            raise InputError("labels are in a database, which cannot be elsewhere.", path=wanted, remedy=remedy)
        return local_path(wanted)
    name, model = next(iter(models.items()), ("new", None))
    if model is None or names_model(model) or url_of(model):
        return Path(f"{name}.labeling")
    return model.with_name(f"{model.resolve().name}.labeling")


def existing(files: Sequence[Path]) -> tuple[Path, ...]:
    """Check labeled files, so that an error comes now and not when training begins."""
    from tagsmith.remote import is_file

    for path in files:
        if not is_file(path):
            raise DataError("there is no such file.", path=path, remedy="Check the path.")
    return tuple(files)


def chosen_start(wanted: str | None, vectors: str | None) -> Path | None:
    """The model that training begins with, which can be read; None: it begins with nothing.

    Raises ModelError: it cannot be read. VectorsError: it has vectors of its own, and others are given.
    """
    from tagsmith.cli.demo import READY
    from tagsmith.model.folder import read_model
    from tagsmith.model.packaged import packaged_models

    if wanted == NOTHING or (wanted is None and (vectors or READY not in packaged_models())):
        return None
    if vectors:
        remedy = f"Leave --vectors out, or say --from {NOTHING}."
        raise VectorsError("A model that training begins with keeps the vectors that it has.", remedy=remedy)
    start = Path(wanted or READY)
    read_model(start)
    return start


def chosen_vectors(wanted: str | None) -> str | None:
    """The vectors that were asked for, or those of the installed package, which ``tagsmith demo`` uses too."""
    from tagsmith.cli.demo import VECTORS, VECTORS_PACKAGE

    if wanted:
        from tagsmith.model.vectors import load_vectors

        load_vectors(wanted, limit=1)
    return wanted or (VECTORS if find_spec(VECTORS_PACKAGE) else None)


def check_labels(texts: Sequence[str]) -> tuple[str, ...]:
    """Check the labels of ``--new``; commas may stand between them."""
    from tagsmith.labeling.schema import label_problem

    labels = [label for text in texts for label in text.split(",") if label]
    for label in labels:
        if problem := label_problem(label):
            remedy = "A label has no spaces or other invisible characters, and is not O or _."
            raise RecipeError(f"{label!a} cannot be a label: {problem}.", remedy=remedy)
    if not labels:
        raise RecipeError("--new needs labels.", remedy="Write: tagsmith serve --new PERSON LOCATION")
    return tuple(dict.fromkeys(labels))


def chosen_limits(changes: list[str]) -> Limits:
    """Read ``name=number``."""
    from tagsmith.serving.limits import Limits

    kinds = {name: type(value) for name, value in asdict(Limits()).items()}
    values: dict[str, Any] = {}
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals or name not in kinds:
            raise RecipeError(f"there is no limit {name!r}.", remedy=f"Limits: {', '.join(kinds)}.")
        try:
            values[name] = kinds[name](value)
        except ValueError:
            raise RecipeError(f"the limit {text} is not a number.", remedy=f"Write {name}=NUMBER.") from None
    return Limits(**values)


def chosen_origins(sites: Sequence[str]) -> list[str]:
    """Write the sites of ``--cors`` as browsers do."""
    from tagsmith.serving.guards import PORTS, read_origin

    origins = []
    for site in sites:
        origin = read_origin(site.removesuffix("/")) if site.isascii() else None
        if site != "*" and origin is None:
            raise RecipeError(f"--cors {site!r} is not a site.", remedy="Write https://NAME, without a path, or '*'.")
        if origin is None:
            origins.append(site)
            continue
        scheme, host, port = origin
        shown = f"[{host}]" if ":" in host else host
        origins.append(f"{scheme}://{shown}{'' if port == PORTS[scheme] else f':{port}'}")
    return origins


def chosen_key(path: Path | None) -> str | None:
    """Read the API key from its file or the environment: on the command line, other users could see it."""
    if path is None:
        return os.environ.get("TAGSMITH_API_KEY") or None
    try:
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the API key cannot be read: {error}.", path=path, remedy="Check the file.") from error
    if not key:
        raise InputError("the API key's file is empty.", path=path, remedy="Write the key into it.")
    return key
