"""The lowest versions that are tested are those that ``pyproject.toml`` allows."""

from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# The extras that `make release` installs at their lowest versions.
TRIED = ("train", "serve", "tune", "vectors", "arrow", "hf", "remote", "sklearn", "spacy")


def pinned(path: Path) -> dict[str, Version]:
    lines = (line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return {
        canonicalize_name(name): Version(version)
        for name, _, version in (line.partition(";")[0].strip().partition("==") for line in lines)
    }


@pytest.mark.parametrize("extra", ["", *TRIED])
def test_the_lowest_versions_are_tried(extra):
    lowest = pinned(ROOT / "release" / "lowest.txt")
    for line in PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]:
        requirement = Requirement(line)
        (bound,) = requirement.specifier
        assert (bound.operator, lowest[canonicalize_name(requirement.name)]) == (">=", Version(bound.version)), line


def test_every_package_that_ci_installs_is_pinned():
    constraints = pinned(ROOT / "constraints.txt")
    lines = [*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())]
    for requirement in map(Requirement, lines):
        if requirement.name not in ("torch", "tensorflow"):  # not on the machine of CI
            assert constraints[canonicalize_name(requirement.name)] in requirement.specifier


def test_no_file_names_a_package_index():
    for path in (ROOT / "constraints.txt", ROOT / "release" / "lowest.txt"):
        assert "://" not in path.read_text("utf-8"), path
