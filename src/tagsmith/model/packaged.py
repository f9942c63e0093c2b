"""Models that come with tagsmith: ``en``, or ``en@1`` for that version of it and no other.

What is called ``en`` in the working directory has priority, as everywhere that a path is taken. Nothing is ever written
to the package, whose folder may be read-only.
"""

from __future__ import annotations

import re
from pathlib import Path

from tagsmith.errors import ModelError

FOLDER = Path(__file__).parents[1] / "packaged"  # holds a folder for each model: en-1
NAME = re.compile(r"(?P<name>[a-z]+)(?:@(?P<version>\d{1,9}))?", re.ASCII)


def packaged_models() -> dict[str, int]:
    """Return the names of the models that are here, and their versions."""
    found = (one.name.rpartition("-") for one in FOLDER.glob("*-*") if one.is_dir())
    return {name: int(version) for name, _, version in sorted(found) if version.isdecimal()}


def packaged_name(model: str | Path) -> str | None:
    """Read ``en`` or ``en@1`` → ``en``; None if it is another name, or something of that name is in this folder.

    Raises ModelError: the model is here in another version.
    """
    asked, models = NAME.fullmatch(str(model)), packaged_models()
    if not asked or asked["name"] not in models or Path(model).exists():
        return None
    name, version = asked["name"], models[asked["name"]]
    if asked["version"] and int(asked["version"]) != version:
        raise ModelError(
            f"this tagsmith has {name}@{version}.",
            path=str(model),
            remedy=f"Install the tagsmith that has this version; CHANGELOG.md says which. Or take {name}@{version}.",
        )
    return name


def packaged_folder(model: str | Path) -> Path | None:
    """Return the folder of the model with this name; None, and ModelError, as :func:`packaged_name`."""
    name = packaged_name(model)
    return None if name is None else FOLDER / f"{name}-{packaged_models()[name]}"


def packaged_remedy(model: str | Path = "") -> str:
    """What to do if there is no model of this name, or something else than a model in the working directory has it."""
    models = packaged_models()
    if str(model) in models:
        return (
            f"The model that comes with tagsmith is {model}@{models[str(model)]} too, where {model} is something else."
        )
    names = ", ".join(models)
    return f"Models that come with tagsmith: {names}. Train one of your own with 'tagsmith train'." if names else ""
