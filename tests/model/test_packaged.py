"""Models that come with tagsmith: found by name, read like any other, and never written to."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import processes
import tagsmith
from random_model import random_model
from tagsmith.model import packaged
from tagsmith.model.folder import ModelFile, local_folder, names_model, read_model, write_model
from tagsmith.scores.scores import scores_from_dict
from tagsmith.tagging.tagger import Tagger

TEXT = "Ada Lovelace was born in London on 10 December 1815."
PACKAGE = packaged.FOLDER
VERSION = f"en@{packaged.packaged_models()['en']}"
SPANS = [("Ada Lovelace", "PERSON"), ("London", "LOCATION"), ("10 December 1815", "DATE")]
MOST_BYTES = 10_000_000  # of the folder
MOST_MEGABYTES = 200  # of a process that has loaded it, and tagged
TAG = """
import sys
import tagsmith
tagger = tagsmith.load("en")
for text in sys.argv[1:]:
    print([(span.text, span.label) for span in tagger(text).spans])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"keras", "jax", "pyarrow", "spacy", "sklearn"}))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def files_in_package() -> dict[Path, tuple[int, int]]:
    """Every file beside the model, with its size and when it was written."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in PACKAGE.rglob("*")}


@pytest.fixture(scope="module")
def en() -> Tagger:
    return tagsmith.load("en")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Iterator[None]:
    """Work in a folder where nothing is called ``en``, and leave the package as it is."""
    monkeypatch.chdir(tmp_path)
    before = files_in_package()
    yield
    assert files_in_package() == before


@pytest.fixture
def other(tmp_path, monkeypatch) -> Path:
    """Put a small model in the place of those that come with tagsmith: ``xx``, version 3."""
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "site" / "packaged")
    packaged.FOLDER.mkdir(parents=True)
    write_model(random_model(), packaged.FOLDER / "xx-3")
    return packaged.FOLDER / "xx-3"


# -------------------------------------------------------------------------------------------------- what it gives


def test_it_gives_names_dates_and_parts_of_speech(en):
    document = en(TEXT)
    assert [(span.text, span.label) for span in document.spans] == SPANS
    assert all(0.5 < span.score <= 1 for span in document.spans)
    (sentence,) = document.sentences
    assert " ".join(sentence.layers["upos"]) == "PROPN PROPN AUX VERB ADP PROPN ADP NUM PROPN NUM PUNCT"
    assert en.layers == ("ner", "upos")
    assert set(en.layer("ner").labels) >= {"PERSON", "LOCATION", "ORGANIZATION", "DATE"}
    assert len(en.layer("upos").labels) == 17


def test_it_is_calibrated_and_says_how_it_was_trained_and_how_well_it_does(en):
    assert en.model.scalings.keys() == {"ner", "upos"}
    assert en.model.recipe
    dev = scores_from_dict(en.model.scores["dev"])
    assert dev.layers["ner"].f1 > 0.75
    assert dev.layers["upos"].accuracy > 0.94


def test_it_is_small():
    folder = local_folder("en")
    assert {path.name for path in folder.iterdir()} <= {*ModelFile}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MOST_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_new_process_needs_little_memory_and_only_the_core_dependencies():
    done = processes.run([sys.executable, "-c", TAG, TEXT, "", "北京 🙂"], capture_output=True, text=True, check=True)
    first, *_, modules, kilobytes = done.stdout.splitlines()
    assert first == str(SPANS)
    assert modules == "[]"
    assert int(kilobytes) / 1024 < MOST_MEGABYTES


# ---------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["xx", "xx@3", Path("xx"), Path("xx@3")])
def test_a_name_is_that_of_the_folder_in_the_package(other, name):
    assert local_folder(name) == other
    assert names_model(name)
    assert packaged.packaged_models() == {"xx": 3}
    assert tagsmith.load(name).model.layers == random_model().layers


def test_a_version_is_the_one_that_is_here_or_an_error(other):
    for name in ("xx@2", "xx@0", "xx@999999999"):
        with pytest.raises(tagsmith.ModelError, match=rf"{name}: this tagsmith has xx@3\. .* Or take xx@3"):
            tagsmith.load(name)


@pytest.mark.parametrize("name", ["yy", "XX", "xx@", "xx@a", "xx-3", "x x", "yy@3", " xx", "xx\n"])
def test_another_name_lists_the_models_there_are_and_says_how_to_train_one(other, name):
    with pytest.raises(tagsmith.ModelError, match=r"Models that come with tagsmith: xx\. .*'tagsmith train'"):
        tagsmith.load(name)


@pytest.mark.parametrize("name", ["xx@" + "9" * 5000, "x" * 5000])
def test_a_name_that_no_file_can_have_is_an_error(other, name):
    with pytest.raises(tagsmith.ModelError, match="cannot be read"):
        tagsmith.load(name)


def test_without_models_in_the_package_the_message_names_none(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "nothing")
    with pytest.raises(tagsmith.ModelError) as caught:
        tagsmith.load("xx")
    assert "come with" not in str(caught.value)
    assert caught.value.remedy


def test_what_has_the_name_in_the_working_directory_has_priority(other):
    write_model(random_model(labels=("MINE",)), Path("xx"))
    assert tagsmith.load("xx").labels == ("MINE",)
    assert tagsmith.load("xx@3").labels == ("LOC", "PER")
    assert not names_model("xx")


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch], ids=["a folder", "a file"])
def test_if_that_is_no_model_the_message_says_how_to_name_the_one_in_the_package(other, make):
    make(Path("xx"))
    with pytest.raises(tagsmith.ModelError, match=r"xx: this is not a model folder: .* is xx@3 too"):
        tagsmith.load("xx")


# ------------------------------------------------------------------------------------------------- as any model


@pytest.mark.parametrize("name", [ModelFile.CONFIG, ModelFile.VOCABULARY, ModelFile.WEIGHTS])
def test_a_damaged_package_is_the_error_of_any_damaged_model(other, name):
    content = (other / name).read_bytes()
    copy = shutil.copytree(other, Path("copy"))
    for damaged in (content[:-9], content[:40] + b"x" + content[41:], b""):
        (other / name).write_bytes(damaged)
        (copy / name).write_bytes(damaged)
        with pytest.raises(tagsmith.ModelError, match=name) as of_any:
            tagsmith.load(copy)
        with pytest.raises(tagsmith.ModelError, match=f"xx-3/{name}.* Install tagsmith again") as of_package:
            tagsmith.load("xx")
        assert of_package.value.problem == of_any.value.problem
    (other / name).unlink()
    with pytest.raises(tagsmith.ModelError, match=r"xx-3.* Install tagsmith again"):
        tagsmith.load("xx")


def test_a_saved_copy_tags_the_same(en):
    en.save("en")  # a folder of the user's
    copy = tagsmith.load("en")
    assert copy(TEXT) == en(TEXT)
    assert Path("en", ModelFile.CONFIG).is_file()
    assert read_model(VERSION).weights["word/trained"].tobytes() == copy.model.weights["word/trained"].tobytes()


def test_the_card_is_one_of_the_hub(en):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(en.model.extras[ModelFile.CARD].decode())
    assert card.data.license == "cc-by-sa-4.0"
    assert card.data.language == "en"
    assert card.data.eval_results
    for label in (*en.layer("ner").labels, *en.layer("upos").labels):
        assert label in card.text


def test_the_card_is_made_of_the_scores_that_are_committed(en, monkeypatch):
    """``models/en/card.py`` makes it."""
    models = Path(__file__).parents[2] / "models" / "en"
    monkeypatch.syspath_prepend(models)
    from card import english_card

    version = VERSION.partition("@")[2]
    scores = (models / "results" / f"en-{version}.md").read_text("utf-8")
    assert en.model.extras[ModelFile.CARD].decode() == english_card(en.model, version, scores)


def test_the_license_and_the_sources_come_with_it():
    text = (packaged.FOLDER / "LICENSE-en.txt").read_text("utf-8")
    assert "Attribution-ShareAlike 4.0 International" in text
    assert "https://creativecommons.org/licenses/by-sa/4.0/" in text
    corpora = (Path(__file__).parents[2] / "models" / "en" / "README.md").read_text("utf-8")
    table = corpora.partition("\n## Corpora\n")[2].partition("\n## ")[0]
    names = re.findall(r"^\| (\w+) \|", table, re.MULTILINE)
    assert len(names) >= 13  # the heading too
    attributions = (local_folder("en") / ModelFile.CARD).read_text("utf-8")
    results = (Path(__file__).parents[2] / "models" / "en" / "results" / f"{local_folder('en').name}.md").read_text(
        "utf-8"
    )
    left_out = re.findall(r"^\| (\w+), left out", results, re.MULTILINE)
    assert {name for name in names if f"| {name} |" not in attributions} <= {*left_out}
