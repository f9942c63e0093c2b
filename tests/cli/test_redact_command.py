"""Redacting through the command line: text and records in, the same without names out, and a map of what moved."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tagsmith as package
from tagsmith.cli import redact_input
from tagsmith.cli.redact_input import read_parts

TEXT = (
    "John Smith lives in New York.\r\nHe moved 🙂 e\u0301 there\tlast May.\n\n\n  Mary, said JOHN SMITH "
    "\u05e9\u05dc\u05d5\u05dd"
)
KEY = b"0123456789abcdef\n"
VARIABLE = "TAGSMITH_REDACTION_KEY"


@pytest.fixture(scope="module")
def tagger(model: Path) -> package.Tagger:
    return package.load(model)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_bytes(TEXT.encode())
    return path


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def without(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + "\0" + text[end:]
    return text


def test_a_text_comes_back_without_what_was_found(tagsmith, model: Path, tagger):
    done = tagsmith("redact", model, "--threshold", "0.3", stdin=TEXT.encode())
    expected = package.Redactor(tagger, threshold=0.3)(TEXT)
    assert done.returncode == 0
    assert done.stdout.decode() == expected.text
    assert expected.replacements
    assert re.fullmatch(r"1 document, \d+ replacements?: [A-Z]+ \d+(, [A-Z]+ \d+)*\n", done.stderr.decode())


@pytest.mark.parametrize("way", ["placeholder", "label", "surrogate", "hash"])
def test_the_map_leads_from_one_text_to_the_other(run_here, model: Path, tmp_path: Path, source: Path, way: str):
    out, key, offsets = tmp_path / "out.txt", tmp_path / "key", tmp_path / "map.jsonl"
    key.write_bytes(KEY)
    options = ("--with", way, "--key-file", key, "--threshold", 0.2, "--map", offsets)
    assert run_here("redact", model, source, "-o", out, *options)[:2] == (0, "")
    (record,) = records(offsets)
    found = record["replacements"]
    assert found
    assert set(found[0]) == {"start", "end", "redacted_start", "redacted_end", "label", "score"}
    new = out.read_bytes().decode()
    assert without(TEXT, [(one["start"], one["end"]) for one in found]) == without(
        new, [(one["redacted_start"], one["redacted_end"]) for one in found]
    )
    redacted = package.Redacted(new, tuple(package.Replacement(**one) for one in found))
    assert redacted.to_original(len(new)) == len(TEXT)
    # With the originals the text can be put together again.
    assert run_here("redact", model, source, "-o", out, *options, "--map-originals")[0] == 0
    for one in reversed(records(offsets)[0]["replacements"]):
        new = new[: one["redacted_start"]] + one["original"] + new[one["redacted_end"] :]
    assert new == TEXT


def test_records_keep_what_is_no_text(run_here, model: Path, tagger, tmp_path: Path):
    source, out, offsets = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "map.jsonl"
    source.write_text(
        '{"id": 7, "text": "John Smith left.", "spans": [[0, 4, "PERSON"]], "label": "spam", "n": null}\n\n'
        '{"text": ""}\n{"text": "odd \\ud83d half"}\n',
        "utf-8",
    )
    status, _, err = run_here("redact", model, source, "-o", out, "--map", offsets, "--with", "label")
    assert status == 0
    first, second, third = records(out)
    redactor = package.Redactor(tagger, replacement="label")
    assert first == {"id": 7, "text": redactor("John Smith left.").text, "label": "spam", "n": None}
    assert (second, third) == ({"text": ""}, {"text": redactor("odd \ud83d half").text})
    assert [(one["line"], one["field"]) for one in records(offsets)] == [(1, "text"), (3, "text"), (4, "text")]
    assert "keys left out, as they repeat the text: spans\n1 other key copied unseen" in err


def test_several_fields_are_one_document(run_here, model: Path, tagger, tmp_path: Path):
    source = tmp_path / "in.jsonl"
    titles = ["John Smith lives in New York", "In Paris"]
    source.write_text(
        "".join(json.dumps({"title": one, "body": f"So {one}.", "n": 1}) + "\n" for one in titles), "utf-8"
    )
    status, out, _ = run_here("redact", model, source, "--field", "title", "--field", "body", "--threshold", 0.2)
    assert status == 0
    redactor = package.Redactor(tagger, threshold=0.2)
    for line, title in zip(out.splitlines(), titles, strict=True):
        title_and_body = [one.text for one in redactor.redact_texts([title, f"So {title}."], together=True)]
        assert json.loads(line) == {"title": title_and_body[0], "body": title_and_body[1], "n": 1}


def test_several_files_become_one_output_and_the_map_names_them(run_here, model: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt"):
        Path(name).write_text(f"{name}: New York.\n", encoding="utf-8")
    status, out, err = run_here("redact", model, "a.txt", "b.txt", "--map", "map.jsonl", "--labels", "PERSON,DATE")
    assert status == 0
    assert "a.txt: New York.\nb.txt" in out or "[" in out
    assert err.startswith("2 documents")
    assert [one["source"] for one in records(Path("map.jsonl"))] == ["a.txt", "b.txt"]
    assert {one["label"] for record in records(Path("map.jsonl")) for one in record["replacements"]} <= {
        "PERSON",
        "DATE",
    }


def test_the_key_is_read_from_a_file_or_the_environment(
    run_here, model: Path, source: Path, tmp_path: Path, monkeypatch
):
    key = tmp_path / "key"
    options = ("redact", model, source, "--threshold", 0.2, "--with")
    key.write_bytes(KEY)
    status, hashed, _ = run_here(*options, "hash", "--key-file", key)
    assert status == 0
    assert re.search(r"[A-Z]+-[0-9a-f]{16}", hashed)
    monkeypatch.setenv(VARIABLE, KEY.decode().strip())
    assert run_here(*options, "hash")[:2] == (0, hashed)
    surrogates = run_here(*options, "surrogate")[1]
    assert run_here(*options, "surrogate")[1] == surrogates
    assert surrogates.count("\n") == TEXT.count("\n")
    key.write_bytes(b"fifteen bytes..\r\n")
    status, out, err = run_here(*options, "hash", "--key-file", key)
    assert (status, out) == (2, "")
    assert "the key has 15 bytes" in err
    status, out, err = run_here(*options, "hash", "--key-file", "/dev/zero")
    assert (status, out) == (2, "")
    assert "/dev/zero: the key has more than 65536 bytes" in err


def test_dev_data_choose_the_threshold(run_here, model: Path, tagger, corpus: Path, source: Path):
    dev = corpus / "dev.conll"
    threshold = package.Redactor(tagger).threshold_for(dev, 0.9)
    status, out, err = run_here("redact", model, source, "--dev", dev, "--recall", 0.9)
    assert (status, out) == (0, package.Redactor(tagger, threshold=threshold)(TEXT).text)
    assert err.startswith(f"threshold {threshold!r}\n")


def test_a_long_text_is_redacted_in_parts_that_lose_nothing(run_here, model: Path, tmp_path: Path, monkeypatch):
    source, out, offsets = tmp_path / "in.txt", tmp_path / "out.txt", tmp_path / "map.jsonl"
    text = "".join(
        f"{number}. John Smith lives in New York.\r\n{'' if number % 5 else chr(10)}" for number in range(60)
    )
    source.write_bytes(text.encode())
    whole = run_here("redact", model, source, "--threshold", 0.2)[1]
    monkeypatch.setattr(redact_input, "PART", 200)
    parts = list(read_parts(str(source), "utf-8"))
    assert "".join(parts) == text
    assert len(parts) > 5
    assert all(len(part) <= 400 for part in parts)
    assert all(part.endswith("\n") for part in parts)
    assert run_here("redact", model, source, "-o", out, "--map", offsets, "--threshold", 0.2)[0] == 0
    found = [one for record in records(offsets) for one in record["replacements"]]
    new = out.read_bytes().decode()
    assert without(text, [(one["start"], one["end"]) for one in found]) == without(
        new, [(one["redacted_start"], one["redacted_end"]) for one in found]
    )
    assert set(re.findall(r"\[\w+\]", new)) <= set(re.findall(r"\[\w+\]", whole))  # numbered throughout


@pytest.mark.parametrize("text", ["a" * 900, "a " * 450, "。" * 900, "a.\n\n" + "b" * 899, "\r\n" * 450, ""])
def test_a_text_is_cut_whatever_is_in_it(tmp_path: Path, monkeypatch, text: str):
    monkeypatch.setattr(redact_input, "PART", 100)
    source = tmp_path / "in.txt"
    source.write_bytes(text.encode())
    parts = list(read_parts(str(source), "utf-8"))
    assert "".join(parts) == text
    assert all(0 < len(part) <= 200 for part in parts)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_nothing_in_is_the_same_out(run_here, model: Path, tmp_path: Path, content: bytes):
    (tmp_path / "a.txt").write_bytes(content)
    (tmp_path / "a.jsonl").write_bytes(content)
    assert run_here("redact", model, tmp_path / "a.txt") == (0, content.decode(), "1 document, 0 replacements\n")
    assert run_here("redact", model, tmp_path / "a.jsonl") == (0, "", "0 documents, 0 replacements\n")


SECRET = "Anna Geheim"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", f"{SECRET}\n".encode() + b"\xff", "a.txt:2: The byte 0xff"),
        ("a.jsonl", b'{"text": "x"}\n{"text": ["Anna Geheim"]}\n', "a.jsonl:2: The value of 'text' is no text."),
        ("a.jsonl", b'{"text": "x"}\n{"body": "Anna Geheim"}\n', "a.jsonl:2: This object has no 'text'. Name the key"),
        ("a.jsonl", b'{"text": "x"}\n{"text": null}\n', "a.jsonl:2: This object has no 'text'."),
        ("a.jsonl", b'{"text": "x"}\n"Anna Geheim"\n', "a.jsonl:2: This is not a JSON object."),
        ("a.jsonl", b'{"text": "x"}\n{"text": "Anna Geheim\n', "a.jsonl:2: This is not JSON"),
        ("a.txt", b'{"text": "Anna Geheim"}\n', "a.txt: This seems to be jsonl, not running text."),
        ("a.txt", b"%PDF-1.7 Anna Geheim", "PDF"),
        ("a.conll", b"Anna O\n", "a.conll: A conll file holds words, not texts."),
        ("a", None, "a: There is no such file."),
        (".", None, "This is a directory"),
    ],
)
def test_bad_input_is_one_error_without_texts_and_leaves_no_output(
    run_here, model: Path, tmp_path: Path, monkeypatch, name: str, content: bytes | None, message: str
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    Path("out").write_text("old", encoding="utf-8")
    status, out, err = run_here("redact", model, name, "-o", "out", "--map", "map", "--map-originals")
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not {"Anna", "Geheim"} & set(re.findall(r"\w+", err))
    assert {path.name for path in tmp_path.iterdir()} <= {name, "out"}
    assert Path("out").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "out.csv"], "out.csv: The output is plain text"),
        (["-o", "out.jsonl"], "out.jsonl: The output is plain text"),
        (["-o", "out.docx"], "out.docx: The output is plain text"),
        (["-o", "out.gz", "--input-format", "text"], "out.gz: The output is plain text"),
        (["-o", "out.txt", "--input-format", "jsonl"], "out.txt: The output is JSON lines"),
        (["--with", "stars"], "no replacement 'stars'"),
        (["--with", "hash"], "a hash needs a key"),
        (["--key-file", "nowhere"], "nowhere: the key cannot be read"),
        (["--labels", "PERSON,CITY"], "no label 'CITY'"),
        (["--layer", "upos"], "no layer 'upos'"),
        (["--threshold", "0"], "threshold is 0"),
        (["--threshold", "nan"], "threshold is nan"),
        (["--recall", "0.9"], "--recall needs --dev"),
        (["--dev", "in.txt", "--threshold", "0.5"], "--dev chooses the threshold"),
        (["--map-originals"], "--map-originals needs --map"),
        (["--map", "in.txt"], "The map would replace an input"),
        (["--map", "out", "-o", "./out"], "The map would replace"),
        (["--map", "-"], "The map would replace"),
        (["--input-format", "conll"], "no input format 'conll'"),
        (["in.jsonl"], "Text and JSON lines cannot become one output"),
        (["-", "-"], "Standard input can be read once"),
        (["--repeats", "-2"], "repeats is -2"),
    ],
)
def test_an_impossible_choice_is_one_clear_error(
    run_here, model: Path, source: Path, monkeypatch, options: list[str], message: str
):
    monkeypatch.chdir(source.parent)
    Path("in.jsonl").touch()
    status, out, err = run_here("redact", model, "in.txt", *options)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert source.read_bytes().decode() == TEXT
    assert {path.name for path in source.parent.iterdir()} == {"in.txt", "in.jsonl"}


def test_an_interruption_leaves_nothing(run_here, model: Path, source: Path, tmp_path: Path, monkeypatch):
    def interrupt(self, parts):
        yield from [next(original(self, parts))]
        raise KeyboardInterrupt

    original = package.Redactor.redact_parts
    monkeypatch.setattr(package.Redactor, "redact_parts", interrupt)
    out, offsets = tmp_path / "out.txt", tmp_path / "map"
    status, shown, err = run_here("redact", model, source, "-o", out, "--map", offsets)
    assert (status, shown, err) == (130, "", "interrupted\n")
    assert list(tmp_path.iterdir()) == [source]


def test_a_text_may_be_redacted_in_place(run_here, model: Path, source: Path, tagger):
    assert run_here("redact", model, source, "-o", source)[0] == 0
    assert source.read_bytes().decode() == package.Redactor(tagger)(TEXT).text
