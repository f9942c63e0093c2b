"""Where a run writes: its model goes to ``out``, and ``out.training`` keeps what an interrupted run leaves.

That folder holds the checkpoint, ``best``, the model of the best epoch so far, and a lock: one run at a time. A model
that goes elsewhere, to a URL, is trained in a folder of the cache.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tagsmith.errors import InputError, ModelError, RecipeError, place_of
from tagsmith.files import cache_folder, digest, lock_file, put_back, remove_abandoned
from tagsmith.model.folder import ModelFile, check_target, read_config
from tagsmith.remote import check_writable, is_file, url_of
from tagsmith.training.checkpoint import FILE, read_progress

BEST, LOCK = "best", "lock"
RESUME, FORCE = "--resume (in Python: resume=True)", "--force (in Python: force=True)"


def training_folder(out: Path) -> Path:
    """Return the folder for the state of a run: beside ``out``, or beside the folder that a link leads to."""
    if out.is_symlink() or out.name in ("", ".."):
        out = out.resolve()
    return out.with_name(f"{out.name}.training")


def folder_to_send(out: Path) -> Path:
    """Return the folder of this machine where a model is trained that is to be sent elsewhere in the end."""
    return cache_folder("training") / digest(str(url_of(out)).encode())[:16] / out.name


def check_new_run(out: Path, *, resume: bool, force: bool) -> None:
    """Raise unless a run may write its model to ``out``.

    Raises RecipeError: it is to resume and to begin anew; ModelError: the place cannot hold a model, or there is
    a model or an unfinished run, and the user has not said what is to become of it.
    """
    if resume and force:
        raise RecipeError("a run cannot both go on and begin anew.", remedy="Leave out --resume or --force.")
    check_target(out)
    if url := url_of(out):
        with _writing(out):
            check_writable(url)
    here = folder_to_send(out) if url else out
    put_back(here)
    model, run = describe_model(out), describe_run(training_folder(here))
    if force or (resume and run):
        return
    if run:
        problem = f"{run} is in {training_folder(here)}" + (f", and {place_of(out)} holds {model}" if model else "")
        remedy = f"{RESUME} goes on with it, and {FORCE} begins anew."
    elif model:
        problem, remedy = f"this folder holds {model}", f"Name another folder, or replace the model with {FORCE}."
    else:
        return
    if resume:
        problem = f"there is no run to resume here; {problem}"
    raise ModelError(f"{problem}.", path=out, remedy=remedy)


@contextmanager
def reserved(out: Path) -> Iterator[Path]:
    """Keep other runs out while the context lasts; yield the folder for the state of this one.

    Raises ModelError: another run has it; nothing can be written there.
    """
    folder = training_folder(out)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with ExitStack() as opened:
        opened.callback(_remove_empty, folder, *made)
        with _writing(out):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(out.parent, os.W_OK):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
            alone = opened.enter_context(lock_file(folder / LOCK))
        if not alone:
            remedy = "Wait for it, stop it, or name another folder."
            raise ModelError("another run is training a model for this folder now.", path=out, remedy=remedy)
        for path in (out, folder / BEST, folder / FILE):
            remove_abandoned(path.resolve())
        yield folder


def _remove_empty(*folders: Path) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "Check its permissions, or name another folder."
        raise ModelError(f"no model can be written here: {error.strerror}.", path=out, remedy=remedy) from error


def check_space(out: Path, needed: int) -> None:
    """Raise ModelError if the disk has fewer bytes than a run will write."""
    free = shutil.disk_usage(out.parent).free
    if free < needed:
        raise ModelError(
            f"the disk is too full: training writes about {_megabytes(needed)}, and {_megabytes(free)} are free.",
            path=out,
            remedy="Make room, or name a folder on another disk.",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def discard_run(folder: Path) -> None:
    """Delete the state of a finished run, but nothing else that may be in its folder."""
    with suppress(OSError):
        (folder / FILE).unlink(missing_ok=True)
    shutil.rmtree(folder / BEST, ignore_errors=True)


# ------------------------------------------------------------------------------------------------- what is there


def describe_model(folder: Path) -> str:
    """Say which model a folder holds, as in "a model (dev F1 81.20, 2026-05-01 12:30)"; nothing if there is none."""
    if not is_file(folder / ModelFile.CONFIG):
        return ""
    if url_of(folder):
        return "a model"
    try:
        score, when = _dev_score(read_config(folder)), _changed(folder / ModelFile.CONFIG)
    except (InputError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return "a model that cannot be read"
    return f"a model ({score}{when})"


def _dev_score(config: dict[str, Any]) -> str:
    dev = config["scores"].get("dev")
    if not dev:
        return ""
    plain = {layer["name"]: layer["scheme"] == "plain" for layer in config["layers"]}
    if len(plain) == 1:
        name, measure = ("accuracy", "accuracy") if all(plain.values()) else ("F1", "f1")
        return f"dev {name} {100 * dev[measure]:.2f}, "
    each = [one["accuracy" if plain[name] else "f1"] for name, one in dev["layers"].items()]
    return f"dev mean {100 * sum(each) / len(each):.2f}, "


def describe_run(folder: Path) -> str:
    """Say which unfinished run a folder keeps; nothing if there is none."""
    if not (folder / FILE).is_file():
        return ""
    try:
        progress, when = read_progress(folder), _changed(folder / FILE)
        best = progress.history[progress.best_epoch - 1]
        score = f"best dev {best['measure']} {100 * best['dev']:.2f}"
    except (InputError, OSError, KeyError, TypeError, ValueError, IndexError):
        return "an unfinished run that cannot be read"
    return f"an unfinished run ({progress.epoch} epoch{'s' * (progress.epoch > 1)}, {score}, {when})"


def _changed(path: Path) -> str:
    return f"{datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M}"  # in the user's time zone


def what_is_kept(out: Path) -> str:
    """Say what a run that ended early has left."""
    folder = training_folder(out)
    best, run = describe_model(folder / BEST), describe_run(folder)
    if not run:
        return "no epoch had been saved, so nothing is kept"
    kept = f"{run} is kept in {folder}: {RESUME} goes on with it"
    return f"{kept}; its best model so far is in {folder / BEST}: use it there, or move it" if best else kept
