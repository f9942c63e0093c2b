"""Who may import whom, and what must not be imported at all where speed or a small installation depends on it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import processes
import tagsmith
from random_model import random_model
from tagsmith.model.folder import write_model

SOURCE = Path(tagsmith.__file__).parent
ORDER = (
    "text",
    "formats",
    "sample",
    "corpus",
    "scores",
    "model",
    "graphs",
    "tagging",
    "redaction",
    "scale",
    "network",
    "training",
    "tuning",
    "integrations",
    "serving",
    "labeling",
    "cli",
)
FILES = sorted(SOURCE.rglob("*.py"))
BELOW = {"errors", "remote", "downloads", "files", "interrupts", "streams"}  # modules that every package may import
TOP = {"__init__", "__main__", *BELOW}  # modules outside any package
USES_PUBLIC_API = ("labeling",)  # imports tagsmith's public names from the top, where other packages need modules
HEAVY = {"keras", "jax", "tensorflow", "torch"}


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _package(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def test_every_package_has_its_place_in_the_order():
    assert {_package(path) for path in FILES} == {*ORDER, *TOP}


@pytest.mark.parametrize("package", ORDER)
def test_packages_import_only_to_the_left(package: str):
    allowed = {*BELOW, "__version__", *ORDER[: ORDER.index(package) + 1]}
    allowed |= set(tagsmith.__all__) if package in USES_PUBLIC_API else set()
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in FILES
        if _package(path) == package
        for line, name in _imports(path)
        if name.startswith("tagsmith.") and name.split(".")[1] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("package", USES_PUBLIC_API)
def test_packages_of_the_public_api_import_nothing_else(package: str):
    allowed = {*BELOW, "serving", package, *tagsmith.__all__}
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in FILES
        if _package(path) == package
        for line, name in _imports(path)
        if name.startswith("tagsmith.") and name.split(".")[1] not in allowed
    ]
    assert not wrong


def test_only_network_and_training_import_keras_or_a_backend():
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in FILES
        if _package(path) not in ("network", "training", "tuning")
        for line, name in _imports(path)
        if name.split(".")[0] in HEAVY
    ]
    assert not wrong


TAG_WITHOUT_EXTRAS = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "jax", "tensorflow", "torch", "onnx", "matplotlib", "pyarrow"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocked())
import tagsmith
tagger = tagsmith.load(sys.argv[1])
(tags,) = tagger.tag([["John", "lives", "in", "New", "York"]])
assert len(tags) == 5, tags
text = "John lives in New York. Who does not?"
document = tagger(text)
assert all(document.text[span.start : span.end] == span.text for span in document.spans)
print(sum(map(len, document.sentences)))
"""


def test_tagging_needs_none_of_the_packages_of_training(tmp_path: Path):
    folder = tmp_path / "model"
    write_model(random_model(), folder)
    done = processes.run(
        [sys.executable, "-c", TAG_WITHOUT_EXTRAS, str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")


def test_help_imports_nothing_heavy():
    done = processes.run(
        [sys.executable, "-X", "importtime", "-m", "tagsmith", "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert {"typer", "tagsmith"} <= imported
    assert not imported & {*HEAVY, "numpy", "onnxruntime", "safetensors", "onnx", "matplotlib", "regex"}
    assert "evaluate" in done.stdout
