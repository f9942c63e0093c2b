"""Tagging through the command line: every input with every output, and what must survive the way."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

import tagsmith as package
from tagsmith.formats import FORMATS
from tagsmith.formats.format import Format
from tagsmith.formats.source import open_source
from tagsmith.text.document import Document, sentence_from_words

TEXT = "John lives in New York. He moved\r\nthere last May.\r\n\r\n\tMary 🙂 didn't, said the U.N.\n"
TOKENS = [["John", "lives", "in", "New", "York", "."], ["Mary", "left"]]


@pytest.fixture(scope="module")
def tagger(model: Path) -> package.Tagger:
    return package.load(model)


def _sentences(conll: bytes) -> list[list[tuple[str, ...]]]:
    blocks = conll.decode().split("\n\n")
    return [[tuple(line.split("\t")) for line in block.split("\n")] for block in blocks if block]


def _records(out: bytes) -> list[dict]:
    return [json.loads(line) for line in out.decode().split("\n") if line]


def test_text_from_standard_input_to_columns(tagsmith, model: Path, tagger):
    done = tagsmith("tag", model, stdin=TEXT.encode())
    assert (done.returncode, done.stderr) == (0, b"")
    rows = _sentences(done.stdout)
    words = [sentence.words for sentence in tagger(TEXT).sentences]
    assert [tuple(word for word, _ in sentence) for sentence in rows] == words
    assert [[tag for _, tag in sentence] for sentence in rows] == tagger.tag(words)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_text_to_records_whose_offsets_index_their_own_text(tagsmith, model: Path, mark: str):
    done = tagsmith("tag", model, "--output-format", "jsonl", stdin=(mark + TEXT).encode())
    records = _records(done.stdout)
    assert [record["text"] for record in records] == [
        "John lives in New York. He moved\r\nthere last May.",
        "\tMary 🙂 didn't, said the U.N.",
    ]
    for record in records:
        assert TEXT[record["offset"] :].startswith(record["text"])
        for piece in record["tokens"] + record["spans"]:
            assert record["text"][piece["start"] : piece["end"]] == piece["text"]
        assert all(0 < span["score"] <= 1 for span in record["spans"])
    assert any(record["spans"] for record in records)


@pytest.mark.parametrize("form", ["conll", "jsonl"])
def test_tokens_are_kept_as_they_are(tagsmith, model: Path, tagger, form: str):
    lines = "\n".join(" ".join(words) for words in TOKENS).replace("\n", "\n\n")
    done = tagsmith("tag", model, "--input-format", "tokens", "--output-format", form, stdin=lines.encode())
    if form == "conll":
        rows = [list(zip(words, tags, strict=True)) for words, tags in zip(TOKENS, tagger.tag(TOKENS), strict=True)]
        assert _sentences(done.stdout) == rows
    else:
        records = _records(done.stdout)
        assert [record["text"] for record in records] == [" ".join(TOKENS[0]), "", "Mary left"]  # a record a line
        assert [[token["text"] for token in record["tokens"]] for record in records] == [TOKENS[0], [], TOKENS[1]]


def test_columns_stay_and_the_prediction_is_one_more(tagsmith, model: Path, tagger, tmp_path: Path):
    source = tmp_path / "data.conll"
    source.write_text("# id = 1\nJohn NNP B-PERSON\nleft VBD O\n\nRome NNP B-LOCATION\n", "utf-8")
    done = tagsmith("tag", model, source)
    (john, left), (rome,) = tagger.tag([["John", "left"], ["Rome"]])
    assert done.stdout.decode() == (
        f"# id = 1\nJohn NNP B-PERSON {john}\nleft VBD O {left}\n\nRome NNP B-LOCATION {rome}\n\n"
    )


TREE = (
    "# newdoc\n# sent_id = 1\n# text = John didn't leave.\n"
    "1\tJohn\tJohn\tPROPN\tNNP\t_\t4\tnsubj\t_\t_\n"
    "2-3\tdidn't\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "2\tdid\tdo\tAUX\tVBD\t_\t4\taux\t_\t_\n"
    "3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_\n"
    "4\tleave\tleave\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No\n"
    "5\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_\n\n"
    "# text = Rome\n1\tRome\tRome\tPROPN\tNNP\t_\t0\troot\t_\tGloss=R\n\n"
)


def test_conllu_comes_back_with_the_tags_in_its_last_column(tagsmith, model: Path, tagger, tmp_path: Path):
    source = tmp_path / "data.conllu"
    source.write_text(TREE, "utf-8")
    done = tagsmith("tag", model, source)
    assert (done.returncode, done.stderr) == (0, b"")
    lines, expected = done.stdout.decode().split("\n"), TREE.split("\n")
    words = [["John", "did", "n't", "leave", "."], ["Rome"]]
    tags = iter([tag for sentence in tagger.tag(words) for tag in sentence])
    for number, line in enumerate(expected):
        cells = line.split("\t")
        if cells[0].isdecimal() and (tag := next(tags)) != "O":
            cells[-1] = f"tags={tag}" if cells[-1] == "_" else f"{cells[-1]}|tags={tag}"
            expected[number] = "\t".join(cells)
    assert lines == expected
    assert any("tags=B-" in line for line in lines)
    (record,) = _records(tagsmith("tag", model, source, "--output-format", "jsonl").stdout)
    assert record["text"] == "John didn't leave.\nRome"


CSV = "Sentence #;Word;POS;Tag\n1;John;NNP;B-PERSON\n;left;VBD;O\n2;Rome;NNP;B-LOCATION\n"


def test_csv_keeps_its_sentences_and_columns(tagsmith, model: Path, tagger, tmp_path: Path):
    source = tmp_path / "data.csv"
    source.write_text(CSV, "utf-8")
    (john, left), (rome,) = tagger.tag([["John", "left"], ["Rome"]])
    assert tagsmith("tag", model, source).stdout.decode() == (
        "Sentence #,Word,pos,gold_tags,Tag\n"
        f"Sentence: 1,John,NNP,B-PERSON,{john}\nSentence: 1,left,VBD,O,{left}\nSentence: 2,Rome,NNP,B-LOCATION,{rome}\n"
    )
    assert tagsmith("tag", model, source, "--output-format", "conll").stdout.decode() == (
        f"John\tNNP\tB-PERSON\t{john}\nleft\tVBD\tO\t{left}\n\nRome\tNNP\tB-LOCATION\t{rome}\n\n"
    )


def test_a_tagged_csv_can_be_tagged_again(run_here, model: Path, tmp_path: Path):
    (tmp_path / "a.csv").write_text(CSV, "utf-8")
    assert run_here("tag", model, tmp_path / "a.csv", "-o", tmp_path / "b.csv")[0] == 0
    status, out, _ = run_here("tag", model, tmp_path / "b.csv")
    assert status == 0
    assert out.split("\n")[0] == "Sentence #,Word,pos,gold_tags,gold_gold_tags,Tag"


def test_sentences_of_different_columns_are_not_written_below_one_header(run_here, model: Path, tmp_path: Path):
    (tmp_path / "a.csv").write_text(CSV, "utf-8")
    (tmp_path / "b.txt").write_text("Ann left.", "utf-8")
    status, out, err = run_here("tag", model, tmp_path / "a.csv", tmp_path / "b.txt", "-o", tmp_path / "out.csv")
    assert (status, out) == (2, "")
    assert "Some sentences do not have the layers gold_tags, pos, so that one header does not fit all." in err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("inputs", "output", "begins"),
    [
        (["a.csv"], "-", "Sentence #,"),
        (["a.csv"], "out.conllu", "# text = "),
        (["a.csv"], "out", "Sentence #,"),
        (["a.csv", "a.csv"], "-", "Sentence #,"),
        (["a.csv", "b.jsonl"], "-", "John\t"),
        (["b.jsonl"], "-", "{"),
        (["b.jsonl"], "out.conll", "Ann\t"),
        (["c.tokens"], "-", "Ann\t"),
    ],
)
def test_the_output_format_goes_by_suffix_and_then_by_the_inputs(
    run_here, model: Path, tmp_path: Path, monkeypatch, inputs: list[str], output: str, begins: str
):
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.csv", CSV), ("b.jsonl", '{"text": "Ann left."}'), ("c.tokens", "Ann left")):
        Path(name).write_text(text, encoding="utf-8")
    status, out, _ = run_here("tag", model, *inputs, "-o", output)
    assert status == 0
    assert (out if output == "-" else Path(output).read_text(encoding="utf-8")).startswith(begins)


@pytest.mark.parametrize(
    ("option", "known"),
    [("--input-format", f"text, tokens, {', '.join(FORMATS)}."), ("--output-format", f"{', '.join(FORMATS)}.")],
)
def test_an_unknown_format_lists_those_there_are(run_here, model: Path, tmp_path: Path, option: str, known: str):
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    status, out, err = run_here("tag", model, tmp_path / "a.txt", option, "xml")
    assert (status, out) == (2, "")
    assert "format 'xml'" in err
    assert err.rstrip().endswith(f"Choose one of {known}")


def test_a_new_format_is_read_and_written(run_here, model: Path, tagger, tmp_path: Path, monkeypatch):
    def read(source, options):
        with open_source(source, options.encoding) as stream:
            for line in stream:
                yield Document(line.strip(), (sentence_from_words(line.strip().split("_")),))

    def write(documents, stream, options):
        for document in documents:
            for sentence in document.sentences:
                stream.write("_".join(sentence.layers[options.layer]) + "\n")

    monkeypatch.setitem(FORMATS, "snake", Format("snake", read, write, suffixes=(".snake",)))
    source = tmp_path / "a.snake"
    source.write_text("John_left\nRome\n", "utf-8")
    expected = "".join("_".join(tags) + "\n" for tags in tagger.tag([["John", "left"], ["Rome"]]))
    assert run_here("tag", model, source) == (0, expected, "")
    source.rename(tmp_path / "a")
    status, out, _ = run_here("tag", model, tmp_path / "a", "--input-format", "snake", "--output-format", "snake")
    assert (status, out) == (0, expected)


def test_tagging_a_labeled_file_and_scoring_it_gives_what_evaluate_gives(tagsmith, model: Path, corpus: Path):
    tagged = tagsmith("tag", model, corpus / "dev.conll").stdout
    report = tagsmith("score", stdin=tagged).stdout.decode()
    scores = json.loads(tagsmith("evaluate", model, corpus / "dev.conll", "--json", "-").stdout)
    assert f"FB1: {100 * scores['f1']:6.2f}\n" in report
    assert f"accuracy: {100 * scores['accuracy']:6.2f}%" in report


def test_spans_below_a_threshold_are_dropped(tagsmith, run_here, model: Path, tagger, tmp_path: Path):
    source = tmp_path / "a.txt"
    source.write_text(TEXT, "utf-8")
    scores = sorted(span.score for span in tagger(TEXT).spans)
    assert len(scores) > 2
    least = (scores[0] + scores[1]) / 2
    _, out, _ = run_here("tag", model, source, "--output-format", "jsonl", "--threshold", least)
    assert sorted(s["score"] for record in _records(out.encode()) for s in record["spans"]) == pytest.approx(
        scores[1:], abs=1e-5
    )
    _, out, _ = run_here("tag", model, source, "--threshold", 1, *(f"--threshold={label}=0" for label in tagger.labels))
    assert out == run_here("tag", model, source)[1]
    _, out, _ = run_here("tag", model, source, "--threshold", 1)
    assert all(line.endswith("\tO") for line in out.split("\n") if line)


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("high", "'high' is not a number"),
        ("1.5", "between 0 and 1"),
        ("CITY=0.5", "no label 'CITY'"),
        ("PERSON=", "number"),
    ],
)
def test_an_impossible_threshold_is_one_clear_error(
    run_here, model: Path, tmp_path: Path, threshold: str, message: str
):
    source = tmp_path / "a.txt"
    source.write_text(TEXT, "utf-8")
    status, out, err = run_here("tag", model, source, "--threshold", threshold)
    assert (status, out) == (2, "")
    assert message in err


def test_a_column_of_words_alone_needs_no_labels(tagsmith, model: Path, tagger):
    done = tagsmith("tag", model, "--input-format", "conll", stdin=b"John\nleft\n\nRome\n")
    (john, left), (rome,) = tagger.tag([["John", "left"], ["Rome"]])
    assert done.stdout.decode() == f"John {john}\nleft {left}\n\nRome {rome}\n\n"


def test_records_keep_their_other_keys(tagsmith, model: Path, tmp_path: Path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"id": 7, "text": "Ann lives in Rome.", "label": [[0, 3, "PERSON"]], "spans": "old"}\n\n'
        '{"tokens": ["Ann", "left"], "source": null}\n{"text": ""}\n{"text": "odd \\ud83d half"}\n',
        "utf-8",
    )
    done = tagsmith("tag", model, source, "-o", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    first, second, third, fourth = _records(target.read_bytes())
    assert (first["id"], first["text"], first["label"]) == (7, "Ann lives in Rome.", [[0, 3, "PERSON"]])
    assert isinstance(first["spans"], list)
    assert (second["text"], second["source"]) == ("Ann left", None)
    assert (third["text"], third["spans"]) == ("", [])
    assert fourth["text"] == "odd \ud83d half"


def test_several_inputs_become_one_output_in_their_order(tagsmith, model: Path, tmp_path: Path):
    for name, text in (("a.txt", "Ann left."), ("b.tokens", "Bob stayed"), ("c.conll", "Cy\tO\n")):
        (tmp_path / name).write_text(text, "utf-8")
    done = tagsmith("tag", model, "a.txt", "b.tokens", "c.conll", cwd=tmp_path)
    assert [row[0] for sentence in _sentences(done.stdout) for row in sentence] == [
        "Ann",
        "left",
        ".",
        "Bob",
        "stayed",
        "Cy",
    ]
    records = _records(
        tagsmith("tag", model, "a.txt", "a.txt", "-o", "-", "--output-format", "jsonl", cwd=tmp_path).stdout
    )
    assert [(record["source"], record["offset"]) for record in records] == [("a.txt", 0)] * 2


@pytest.mark.parametrize("form", ["text", "tokens", "conll", "conllu", "csv", "jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_nothing_in_is_nothing_out(run_here, model: Path, tmp_path: Path, form: str, content: bytes):
    source = tmp_path / "empty"
    source.write_bytes(content)
    status, out, err = run_here("tag", model, source, "--input-format", form, "--output-format", "conll")
    assert (status, out, err) == (0, "", "")


def test_control_characters_do_no_harm(tagsmith, model: Path):
    done = tagsmith(
        "tag", model, "--output-format", "jsonl", stdin=b"Ann\0 li\x01ves\x85.".replace(b"\x85", b"\xc2\x85")
    )
    (record,) = _records(done.stdout)
    assert record["text"] == "Ann\0 li\x01ves\x85."
    assert all(record["text"][t["start"] : t["end"]] == t["text"] for t in record["tokens"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"fine\nAnn \xff left", "a.txt:2: The byte 0xff (byte offset 9) is not utf-8 text."),
        ("a.jsonl", b'{"text": "x"}\n{"text": 3}\n', "a.jsonl:2: This object has no text."),
        ("a.jsonl", b'{"text": "x"}\n["x"]\n', "a.jsonl:2:"),
        ("a.jsonl", b'{"text": "x"\n', "a.jsonl:1: This is not JSON"),
        ("a.conll", b"Ann O\nleft\n", "a.conll:2: This line has too few columns"),
        ("a.csv", b"x", "a.csv:1: No column numbers the sentences"),
        ("a.conllu", b"1\tAnn\n", "a.conllu:1: This line has too few columns: 2"),
        ("a", None, "a: There is no such file."),
        (".", None, ".: There is no text in this folder."),
    ],
)
def test_bad_input_is_one_clear_error_and_no_output(
    run_here, model: Path, tmp_path: Path, monkeypatch, name: str, content: bytes | None, message: str
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    status, out, err = run_here("tag", model, name, "-o", "out.conll")
    assert status == 2
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} <= {name}


def test_an_encoding_can_be_named(run_here, model: Path, tmp_path: Path):
    source = tmp_path / "a.txt"
    source.write_bytes("José left".encode("latin-1"))
    status, out, _ = run_here("tag", model, source, "--encoding", "latin-1")
    assert status == 0
    assert out.startswith("José\t")


def test_python_collects_garbage_as_often_as_before(run_here, model: Path, tmp_path: Path):
    before = gc.get_threshold()
    (tmp_path / "a.txt").write_text(TEXT, "utf-8")
    assert run_here("tag", model, tmp_path / "a.txt")[0] == 0
    assert gc.get_threshold() == before
