"""Build the packages of a release in ``dist``, and try them in clean environments.

    make release                         # all of it
    python release/check.py lowest 3.12  # only the lowest versions, and Python 3.12

In ``dist``: the sdist, the wheel that is built from it, and their bill of materials (CycloneDX), which lists
what an installation for tagging consists of. ``twine check`` looks at the first two. Then, each in an environment of
its own under ``.venv/release``:

- ``sdist``: the sdist with ``[train]`` trains a model
- ``wheel``: the wheel alone, as for tagging, gives the same tags as that model, and the English model tags with it
- ``lowest``: the fast tests of what uses other packages, without those of hypothesis, with the lowest versions that
  ``pyproject.toml`` allows
- a Python version: the fast tests on that Python, if there is one on this machine, at the versions in
  ``constraints.txt``
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DIST, ENVIRONMENTS = ROOT / "dist", ROOT / ".venv" / "release"
CONSTRAINTS, LOWEST = ROOT / "constraints.txt", ROOT / "release" / "lowest.txt"
PYTHONS = ("3.12", "3.13", "3.14")  # beside the one that everything else runs on
EXTRAS = "train,serve,tune,vectors,arrow,hf,sklearn,spacy"  # of the environments that tests run in
TEST_TOOLS = ("httpx", "hypothesis", "onnx", "pytest", "pytest-timeout", "pytest-xdist")
# Tests that are about a clone, or that do not depend on versions.
LEFT_OUT = (
    "corpus",
    "fuzz",
    "page",
    "redaction",
    "scores",
    "serving/test_description.py",
    "test_dependencies.py",
    "test_docs.py",
    "test_errors.py",
    "test_processes.py",
    "test_readme.py",
    "test_results.py",
)
# What these test uses no other package than NumPy and regex, or uses it as tests that stay do.
LEFT_OUT_WITH_LOWEST = (
    "cli/test_bad_model.py",
    "cli/test_bad_training_data.py",
    "cli/test_calibration_page.py",
    "cli/test_convert_and_inspect.py",
    "cli/test_data_quality_page.py",
    "cli/test_partial_training.py",
    "cli/test_redact_command.py",
    "cli/test_score_command.py",
    "cli/test_streams.py",
    "cli/test_tag_folder.py",
    "cli/test_tag_input.py",
    "formats/test_alignment.py",
    "formats/test_brat.py",
    "formats/test_columns.py",
    "formats/test_conll.py",
    "formats/test_conllu.py",
    "formats/test_csv.py",
    "formats/test_foreign.py",
    "formats/test_inline.py",
    "formats/test_jsonl.py",
    "formats/test_parallel.py",
    "integrations/test_evaluation_page.py",
    "integrations/test_pages.py",
    "labeling/test_labels.py",
    "model/test_replacing.py",
    "model/test_strange_folders.py",
    "network/test_batches.py",
    "serving/test_foreign_pages.py",
    "test_english_corpora.py",
    "test_english_model.py",
    "test_files.py",
    "test_import_order.py",
    "test_interrupts.py",
    "training/test_distillation.py",
    "training/test_label_errors.py",
    "training/test_multitask.py",
    "training/test_recipe.py",
    "training/test_target.py",
    "training/test_unknown_labels.py",
)
ENGLISH = """Ada B-PERSON PROPN Lovelace I-PERSON PROPN was O AUX born O VERB in O ADP London B-LOCATION PROPN
. O PUNCT"""
TOOLS = Path(sys.executable).parent
LEFT_UNSET = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")  # with the last, each program compiles all anew
MOST_SECONDS = 1800  # of one command: none hangs for ever


def run(*command: str | Path, cwd: Path = ROOT, **more: Any) -> str:
    """Run a command with what is installed, not with what PYTHONPATH names; return its standard output."""
    settings = {name: value for name, value in os.environ.items() if name not in LEFT_UNSET}
    words = [str(part) for part in command]
    more |= {"env": settings, "cwd": cwd, "timeout": MOST_SECONDS}
    done = subprocess.run(words, check=False, text=True, stdout=subprocess.PIPE, **more)
    told = str(done.stdout)
    if done.returncode:
        raise SystemExit(f"{told}\nfailed: {' '.join(words)}")
    return told


# ---------------------------------------------------------------------------------------------------- the packages


def build() -> tuple[Path, Path]:
    """Build the sdist, and from it the wheel; return their paths."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    print(run(TOOLS / "twine", "check", "--strict", sdist, wheel), end="")
    with tarfile.open(sdist) as packed, zipfile.ZipFile(wheel) as zipped:
        check_model([name.partition("/src/")[2] for name in packed.getnames()], sdist)
        check_model(zipped.namelist(), wheel)
    return sdist, wheel


def check_model(names: Sequence[str], package: Path) -> None:
    """Stop unless the English model is among the files of a package, whole and in one version, with its license."""
    model = {name.rpartition("/")[2] for name in names if name.startswith("tagsmith/packaged/en-")}
    expected = {"config.json", "vocabulary.json", "weights.safetensors", "README.md"}
    if model - {""} < expected or "tagsmith/packaged/LICENSE-en.txt" not in names:
        raise SystemExit(f"{package}: the English model is not whole: {sorted(names)}")


def write_bill_of_materials(python: Path, wheel: Path) -> Path:
    """List what is installed beside a Python, as CycloneDX; without web addresses, which nobody checks."""
    path = DIST / f"{'-'.join(wheel.name.split('-')[:2])}.cdx.json"
    about = ("--pyproject", ROOT / "pyproject.toml", "--mc-type", "library", "--output-reproducible", "--validate")
    run(TOOLS / "cyclonedx-py", "environment", *about, "--output-file", path, python)
    bill = json.loads(path.read_text("utf-8"))
    for component in (bill["metadata"]["component"], *bill["components"], *bill["metadata"]["tools"]["components"]):
        component.pop("externalReferences", None)
    path.write_text(json.dumps(bill, indent=1) + "\n", "utf-8")
    return path


# ---------------------------------------------------------------------------------------------------- environments


def environment(name: str, python: str | Path, constraints: Path, *packages: str | Path) -> Path:
    """Make a new environment with these packages; return its Python."""
    folder = ENVIRONMENTS / name
    run(TOOLS / "uv", "venv", "--quiet", "--clear", "--python", python, folder)
    python_inside = python_in(folder)
    run(TOOLS / "uv", "pip", "install", "--quiet", "--python", python_inside, "--constraint", constraints, *packages)
    return python_inside


def python_in(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / ("Scripts" if os.name == "nt" else "bin") / "python"


def try_sdist(sdist: Path, wheel: Path) -> None:
    """Train with the sdist as a user would install it."""
    del wheel
    python = environment("sdist", sys.executable, CONSTRAINTS, f"{sdist}[train]")
    model = ENVIRONMENTS / "model"
    sample = Path(run(python, "-c", "import tagsmith.sample; print(tagsmith.sample.sample_path('train'))").strip())
    files = (sample, "--dev", sample.with_name("dev.conll"), "--out", model, "--force")
    run(python, "-m", "tagsmith", "train", *files, "--preset", "fast", cwd=ENVIRONMENTS, stderr=subprocess.DEVNULL)
    print(f"sdist: trained; {tag(python)}")


def try_wheel(sdist: Path, wheel: Path) -> None:
    """Tag with the wheel alone; write the bill of materials of that."""
    if not (trainer := python_in(ENVIRONMENTS / "sdist")).exists():
        try_sdist(sdist, wheel)
    python = environment("wheel", sys.executable, CONSTRAINTS, wheel)
    if (tags := tag(python)) != (expected := tag(trainer)):
        raise SystemExit(f"the wheel tags: {tags}, and the sdist, which trained: {expected}")
    print(f"wheel: {tags}")
    print(f"wheel: {tag_english(python)}")
    print(write_bill_of_materials(python, wheel).relative_to(ROOT))


def tag(python: Path) -> str:
    """Tag the tutorial's sentence."""
    command = (python, "-m", "tagsmith", "tag", "model", "--scheme", "bare", "-")
    return " ".join(run(*command, input="John lives in New York\n", cwd=ENVIRONMENTS).split())


def tag_english(python: Path) -> str:
    """Tag with the model that comes along, in an empty folder; nothing may be written there or to the package."""
    folder = ENVIRONMENTS / "empty"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    packaged = Path(
        run(python, "-c", "from tagsmith.model import packaged; print(packaged.FOLDER)", cwd=folder).strip()
    )
    before = sorted((path, path.stat().st_mtime_ns) for path in packaged.rglob("*"))
    told = run(python, "-m", "tagsmith", "tag", "en", input="Ada Lovelace was born in London.\n", cwd=folder)
    if told.split() != ENGLISH.split():
        raise SystemExit(f"the English model tags: {told}")
    if [*folder.iterdir()] or before != sorted((path, path.stat().st_mtime_ns) for path in packaged.rglob("*")):
        raise SystemExit("tagging with the English model has written something")
    return " ".join(told.split())


def try_lowest(sdist: Path, wheel: Path) -> None:
    """Run the fast tests with the lowest versions."""
    del sdist
    python = environment("lowest", sys.executable, LOWEST, f"{wheel}[{EXTRAS}]", *TEST_TOOLS)
    test("lowest", python, (*LEFT_OUT, *LEFT_OUT_WITH_LOWEST))


def try_python(version: str, sdist: Path, wheel: Path) -> None:
    """Run the fast tests on another Python; hypothesis has drawn its examples on this one."""
    del sdist
    interpreter = find_python(version)
    if interpreter is None:
        print(f"Python {version}: there is none on this machine")
        return
    name = f"python{version}"
    python = environment(name, interpreter, CONSTRAINTS, f"{wheel}[{EXTRAS}]", *TEST_TOOLS)
    test(name, python, LEFT_OUT)


def find_python(version: str) -> Path | None:
    """Find a Python that runs: on the PATH, or among those of pyenv."""
    on_path = shutil.which(f"python{version}")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for path in candidates:
        told = subprocess.run([path, "--version"], check=False, text=True, capture_output=True).stdout
        if told.startswith(f"Python {version}."):
            return path
    return None


def test(name: str, python: Path, without: tuple[str, ...]) -> None:
    """Run the fast tests against what is installed beside a Python."""
    which = ("-m", "not slow and not hypothesis")
    options = ("-n", "2", "--dist", "worksteal", "-q", "-p", "no:cacheprovider", "-W", "default", *which)
    left_out = [f"--ignore={ROOT / 'tests' / part}" for part in without]
    where = (ROOT / "tests", f"--rootdir={ROOT}")  # warnings that old and new packages have of each other are theirs
    told = run(python, "-m", "pytest", *options, *left_out, *where, cwd=ENVIRONMENTS / name)
    version = run(python, "-c", "import platform; print(platform.python_version())").strip()
    print(f"{name} (Python {version}): {told.splitlines()[-1]}")


# ------------------------------------------------------------------------------------------------------------ main

STEPS: dict[str, Callable[[Path, Path], None]] = {
    "sdist": try_sdist,
    "wheel": try_wheel,
    "lowest": try_lowest,
    **{version: partial(try_python, version) for version in PYTHONS},
}


def main() -> None:
    """Build, then take the steps that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)} (default: all)")
    steps = parser.parse_args().steps
    if unknown := set(steps) - STEPS.keys():
        raise SystemExit(f"there is no step {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}.")
    sdist, wheel = build()
    for step in steps or STEPS:
        STEPS[step](sdist, wheel)


if __name__ == "__main__":
    main()
