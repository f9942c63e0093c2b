"""The search over recipes, which needs the ``tune`` and the ``train`` extra."""

from importlib.util import find_spec

from tagsmith.errors import MissingExtraError

for package, extra in {"optuna": "tune", "filelock": "tune", "keras": "train"}.items():
    if find_spec(package) is None:
        raise MissingExtraError("Tuning", extra)
