"""Every command takes ``en``, the model that comes with tagsmith, where it takes a model folder."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import processes
from tagsmith.cli.serve import chosen_start, labeling_folder, name_folders
from tagsmith.errors import ModelError, VectorsError
from tagsmith.model import packaged
from tagsmith.sample import sample_path

PACKAGE = packaged.FOLDER
VERSION = f"en@{packaged.packaged_models()['en']}"
TEXT = "Ada Lovelace was born in London on 10 December 1815.\n"
TAGGED = """\
Ada B-PERSON PROPN
Lovelace I-PERSON PROPN
was O AUX
born O VERB
in O ADP
London B-LOCATION PROPN
on O ADP
10 B-DATE NUM
December I-DATE PROPN
1815 I-DATE NUM
. O PUNCT
"""
# Modules that only extras install.
EXTRAS = (
    "jax", "keras", "tensorflow", "torch", "matplotlib", "fastapi", "uvicorn", "sqlalchemy", "pyarrow", "spacy",
    "sklearn", "datasets", "huggingface_hub", "pandas", "polars", "optuna", "filelock",
)  # fmt: skip
WITHOUT_EXTRAS = f"""
import sys
sys.modules.update(dict.fromkeys({EXTRAS}))  # importing them fails
from tagsmith.cli.app import main
main()
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Iterator[None]:
    """Work in a folder where nothing is called ``en``, and leave the package as it is."""
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in PACKAGE.rglob("*")}
    yield
    assert {path: path.stat().st_mtime_ns for path in PACKAGE.rglob("*")} == before


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text(TEXT, "utf-8")
    return path


@pytest.fixture
def names(tmp_path) -> Path:
    """A few sentences of the sample corpus with names and dates."""
    path = tmp_path / "names.conll"
    path.write_text("\n\n".join(sample_path("test").read_text("utf-8").split("\n\n")[:25]) + "\n", "utf-8")
    return path


def test_tag_reads_standard_input_in_a_new_process_with_the_core_dependencies_alone(tmp_path):
    done = processes.run([sys.executable, "-c", WITHOUT_EXTRAS, "tag", "en"], input=TEXT.encode(), capture_output=True)
    assert done.stderr == b""
    assert done.stdout.decode().replace("\t", " ").strip() == TAGGED.strip()
    assert [*tmp_path.iterdir()] == []


def test_tag_without_a_model_says_that_there_is_one(run_here):
    status, out, err = run_here("tag")
    assert (status, out) == (2, "")
    assert "Name one: tagsmith tag MODEL. Models that come with tagsmith: en." in err


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("fr", "fr: there is no such model folder. .* come with tagsmith: en. Train one .* 'tagsmith train'"),
        ("en@999", "en@999: this tagsmith has en@"),
    ],
)
@pytest.mark.parametrize("command", ["tag", "inspect", "serve", "redact"])
def test_another_name_or_version_is_an_error(run_here, text, command, model, message):
    if command == "inspect" and model == "fr":
        message = "fr: "  # it may be a file of labels as well
    status, _, err = run_here(command, model, *([text] if command in ("tag", "redact") else []))
    assert status == 2
    assert re.search(message, err), err


def test_inspect(run_here):
    _, out, _ = run_here("inspect", "en", "--json")
    report = json.loads(out)
    assert report["path"] == "en"
    assert [one["layer"] for one in report["layers"]] == ["ner", "upos"]


def test_evaluate_and_compare(run_here, names):
    status, out, err = run_here("evaluate", "en", names, "--layer", "ner", "--json", "-")
    assert status == 0, err
    assert json.loads(out)["f1"] > 0.8
    status, out, err = run_here("compare", "en", VERSION, names)
    assert status == 0, err
    assert "0.0 to 0.0" in out
    status, _, err = run_here("evaluate", "en", names)
    assert status == 2
    assert "or --layer for the one that there is" in err


def test_redact(run_here, text):
    status, out, _ = run_here("redact", "en", text)
    assert (status, out) == (0, "[PERSON_1] was born in [LOCATION_1] on [DATE_1].\n")


def test_bench_measures_the_folder_in_the_package(run_here, names, monkeypatch):
    monkeypatch.setattr("tagsmith.cli.speed.measure_speed", lambda folder, *_, **__: {"folder": folder.name})
    status, out, _ = run_here("bench", "en", names, "--json")
    assert (status, json.loads(out)) == (0, {"folder": "en-1"})


def test_a_file_that_has_its_name_is_data(run_here, names):
    names.rename("en")
    status, out, _ = run_here("inspect", "en")
    assert status == 0
    assert "sentences 25 " in " ".join(out.split())
    status, _, err = run_here("tag", "en")
    assert status == 2
    assert f"{VERSION} too" in err


# ------------------------------------------------------------------------------------------------------- serving


def test_labels_go_to_the_working_directory_and_not_beside_the_model(tmp_path):
    folders = name_folders(["en", f"mine={VERSION}"])
    assert folders == {"en": Path("en"), "mine": Path(VERSION)}
    assert labeling_folder(folders) == Path("en.labeling")
    assert labeling_folder(name_folders([VERSION])) == Path("en.labeling")
    assert labeling_folder(name_folders(["mine=en"])) == Path("mine.labeling")


def test_a_new_model_begins_with_it_unless_vectors_or_another_start_are_named(tmp_path):
    assert chosen_start(None, None) == Path("en")
    assert chosen_start(None, "vectors.txt") is chosen_start("none", None) is chosen_start("none", "a.txt") is None
    with pytest.raises(
        VectorsError, match=r"keeps the vectors that it has\. Leave --vectors out, or say --from none\."
    ):
        chosen_start("en", "vectors.txt")
    with pytest.raises(ModelError, match="there is no such model folder"):
        chosen_start("missing", None)
    shutil.copytree(PACKAGE / VERSION.replace("@", "-"), tmp_path / "damaged")
    (tmp_path / "damaged" / "config.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match=r"config\.json"):
        chosen_start("damaged", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["en", "--layer", "nope"], "The model has no layer 'nope'; it has: ner, upos."),
        (["--new", "X", "--layer", "ner"], "--layer"),
        (["en", "--layer", "ner", "--no-labeling"], "--layer"),
        (["en", "--from", "en"], "it is for --new"),
    ],
)
def test_a_layer_or_a_start_where_there_is_none_is_said(run_here, tmp_path, arguments, said):
    pytest.importorskip("fastapi")
    status, _, err = run_here("serve", *arguments, "--port", "0")
    assert status == 2
    assert said in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_serve_tags_and_writes_nothing_but_labels_here(tmp_path):
    httpx = pytest.importorskip("httpx")
    command = [sys.executable, "-m", "tagsmith", "serve", "en", "--port", "0"]
    with processes.started(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, seconds=60) as process:
        address = process.stderr.readline().split()[-1]
        told = "labeling is for the layer ner; a version trained on the page does not have upos\n"
        assert process.stderr.readline() == told
        with httpx.Client(base_url=address, timeout=20) as client:
            (answer,) = client.post("/v1/tag", json={"text": TEXT}).json()["documents"]
            assert [span["label"] for span in answer["spans"]] == ["PERSON", "LOCATION", "DATE"]
            assert [*tmp_path.iterdir()] == []
            (number,) = client.post("/v1/labeling/sentences", json={"text": TEXT}).json()["ids"]
            suggested = client.get(f"/v1/labeling/sentences/{number}").json()["spans"]
            assert [span["label"] for span in suggested] == ["PERSON", "LOCATION", "DATE"]
        assert [path.name for path in tmp_path.iterdir()] == ["en.labeling"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
