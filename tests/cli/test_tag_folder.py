"""A folder of texts in, a folder of results out; and the scheme that tags come out in."""

from __future__ import annotations

from pathlib import Path

import pytest

import tagsmith as package
from tagsmith.errors import DataError
from tagsmith.text.schemes import Scheme, convert_tags

TEXT = "John lives in New York.\n"


@pytest.fixture
def texts(tmp_path: Path, monkeypatch) -> Path:
    """A folder of three texts, of which one is inside a folder, and of what is no text."""
    monkeypatch.chdir(tmp_path)
    folder = Path("texts")
    for name in ("a.txt", "inner/b.txt", "note", ".hidden.txt", ".git/c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(TEXT, "utf-8")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def names(folder: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("out", ["out/", "out"])
def test_each_text_gets_a_result_of_its_name(run_here, model, texts, out):
    status, printed, err = run_here("tag", model, texts, "-o", out)
    assert (status, printed) == (0, "")
    assert err == "texts: 3 files (left out: picture.png; --input-format takes all)\n"
    assert names("out") == {"a.conll", "inner/b.conll", "note.conll"}
    alone = run_here("tag", model, texts / "a.txt")[1]
    assert all((Path("out") / name).read_text("utf-8") == alone for name in names("out"))


def test_the_format_is_that_of_the_option_or_of_each_input(run_here, model, texts):
    (texts / "c.conll").write_text("John\tB-PERSON\n\n", "utf-8")
    (texts / "d.jsonl").write_text('{"text": "John left."}\n', "utf-8")
    run_here("tag", model, texts, "-o", "out/")
    assert names("out") == {"a.conll", "inner/b.conll", "note.conll", "c.conll", "d.jsonl"}
    run_here("tag", model, texts, "-o", "records/", "--output-format", "jsonl")
    assert {Path(name).suffix for name in names("records")} == {".jsonl"}


def test_inputs_that_differ_in_their_suffix_alone_keep_it(run_here, model, texts):
    (texts / "a.tokens").write_text(TEXT, "utf-8")
    run_here("tag", model, texts, "-o", "out/")
    assert names("out") == {"a.txt.conll", "a.tokens.conll", "inner/b.txt.conll", "note.conll"}


def test_single_files_go_to_a_folder_too_and_a_folder_to_a_single_file(run_here, model, texts):
    run_here("tag", model, texts / "a.txt", texts / "note", "-o", "out/")
    assert names("out") == {"a.conll", "note.conll"}
    assert run_here("tag", model, texts, "-o", "all.jsonl")[0] == 0
    assert Path("all.jsonl").read_text("utf-8").count('"source": "texts/') == 3


def test_results_inside_the_folder_are_no_inputs_of_the_next_run(run_here, model, texts):
    for _ in range(2):
        assert run_here("tag", model, texts, "-o", "texts/results/")[0] == 0
    assert names("texts/results") == {"a.conll", "inner/b.conll", "note.conll"}


def test_with_a_format_given_every_file_is_read(run_here, model, texts):
    (texts / "picture.png").write_text(TEXT, "utf-8")
    _, _, err = run_here("tag", model, texts, "-o", "out/", "--input-format", "text")
    assert err == "texts: 4 files\n"
    assert "picture.png.conll" in names("out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["texts", "-o", "texts/"], "This is an input too."),
        (["texts", "-o", "texts/a.txt"], "This is an input too."),
        (["texts/note", "texts", "-o", "texts/"], "This is an input too."),
        (["-", "-o", "out/"], "Standard input has no name in a folder."),
        (["texts/.git", "-o", "out/", "--input-format", "nonsense"], "There is no input format 'nonsense'."),
        (["empty", "-o", "out/"], "There is no text in this folder."),
        (["texts", "other", "-o", "out/"], "Two inputs have the same name."),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(run_here, model, texts, arguments, message):
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/a.txt").write_text(TEXT, "utf-8")
    before = {name: (texts / name).read_bytes() for name in names("texts")}
    status, out, err = run_here("tag", model, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert not Path("out").exists()
    assert {name: (texts / name).read_bytes() for name in names("texts")} == before


@pytest.mark.parametrize("scheme", [scheme for scheme in Scheme if scheme is not Scheme.PLAIN])
def test_tags_come_out_in_the_scheme_asked_for(model, scheme):
    sentences = [["John", "lives", "in", "New", "York"], ["Mary", "Smith", "left", "Rome"]]
    expected = [convert_tags(tags, "IOB2", scheme) for tags in package.load(model).tag(sentences)]
    assert package.load(model, scheme=scheme.value.lower()).tag(sentences) == expected


def test_the_command_prints_bare_labels(run_here, model, texts):
    prefixed = run_here("tag", model, texts / "a.txt")[1]
    assert "B-" in prefixed
    assert run_here("tag", model, texts / "a.txt", "--scheme", "bare")[1] == prefixed.replace("B-", "").replace(
        "I-", ""
    )


@pytest.mark.parametrize("scheme", ["nonsense", "plain"])
def test_a_scheme_that_cannot_be_is_refused(run_here, model, texts, scheme):
    status, _, err = run_here("tag", model, texts / "a.txt", "--scheme", scheme)
    assert status == 2
    assert "bare" in err


def test_a_model_of_plain_tags_has_no_other_scheme(tmp_path):
    from random_model import random_model
    from tagsmith.model.folder import write_model

    write_model(random_model(scheme=Scheme.PLAIN), tmp_path / "model")
    with pytest.raises(DataError, match="plain tags, which have no other scheme"):
        package.load(tmp_path / "model", scheme="bare")
