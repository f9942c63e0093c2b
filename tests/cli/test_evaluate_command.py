from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tagsmith.model.folder import config_digest
from tagsmith.sample import sample_path

KEYS = {"precision", "recall", "f1", "accuracy", "support", "types"}


def test_json_on_standard_output_is_the_contract_and_nothing_else(tagsmith, model: Path, corpus: Path):
    done = tagsmith("evaluate", model, corpus / "dev.conll", "--json", "-")
    assert done.returncode == 0
    scores = json.loads(done.stdout)
    assert set(scores) >= KEYS
    assert all(0 <= scores[key] <= 1 for key in ("precision", "recall", "f1", "accuracy"))
    assert scores["support"] == sum(one["support"] for one in scores["types"].values()) > 0
    assert set(scores["types"]) <= {"DATE", "LOCATION", "ORGANIZATION", "PERSON"}
    for one in scores["types"].values():
        assert set(one) >= {"precision", "recall", "f1", "support"}


def test_the_scores_in_the_model_folder_are_those_that_evaluate_finds(tagsmith, model: Path, corpus: Path):
    done = tagsmith("evaluate", model, corpus / "dev.conll", "--json", "-")
    found, stored = json.loads(done.stdout), json.loads((model / "config.json").read_bytes())["scores"]["dev"]
    del found["intervals"]["buckets"]
    assert {key: found[key] for key in stored} == stored
    assert set(found) - set(stored) == {"matching", "errors", "confusion", "buckets", "calibration"}
    assert "| 95 % interval |" in (model / "README.md").read_text("utf-8")


def test_a_file_that_the_model_was_trained_on_is_said(run_here, model: Path, corpus: Path, tmp_path: Path):
    copied = tmp_path / "copied.conll"
    copied.write_bytes((corpus / "train.conll").read_bytes())
    status, _, err = run_here("evaluate", model, corpus / "dev.conll", copied, "--json", "-")
    assert status == 0
    assert err == f"warning: {copied}: this file is what the model was trained on; new text will score lower\n"


class _Page(HTMLParser):
    """Collects the tags that are used and checks that they are nested well."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.used.add(tag)
        given = dict(attrs)
        assert "src" not in given
        assert given.get("href", "#").startswith("#")
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_table_json_file_and_page_agree(run_here, model: Path, corpus: Path, tmp_path: Path):
    data = tmp_path / "<b>&'.conll"
    data.write_bytes((corpus / "dev.conll").read_bytes())
    numbers, report = tmp_path / "scores.json", tmp_path / "report.html"
    status, out, err = run_here("evaluate", model, data, "--json", numbers, "--report", report)
    assert (status, err) == (0, "")
    scores = json.loads(numbers.read_bytes())
    assert f"{100 * scores['f1']:.2f}" in out
    page = _Page()
    page.feed(report.read_text("utf-8"))
    assert page.open == []
    assert not page.used & {"link", "img", "b>&'.conll"}
    assert f"{100 * scores['f1']:.2f}" in page.text
    assert str(data) in page.text  # escaped, so that it reads as it is
    assert all(label in page.text for label in scores["types"])


def test_a_file_in_another_scheme_gives_the_same_scores(run_here, model: Path, corpus: Path, tmp_path: Path):
    scores = []
    run_here("convert", corpus / "dev.conll", tmp_path / "bioes.conll", "--scheme", "BIOES")
    for data in (corpus / "dev.conll", tmp_path / "bioes.conll"):
        status, out, _ = run_here("evaluate", model, data, "--json", "-")
        assert status == 0
        scores.append(json.loads(out))
    assert scores[0] == scores[1]


def test_strict_and_conlleval_agree_on_well_formed_tags(run_here, model: Path, corpus: Path):
    data = corpus / "dev.conll"
    strict, usual = (run_here("evaluate", model, data, "--json", "-", "--mode", m)[1] for m in ("strict", "conlleval"))
    assert json.loads(strict) == json.loads(usual)


def test_the_column_of_the_labels_can_be_chosen(run_here, model: Path, tmp_path: Path):
    data = tmp_path / "data.txt"
    data.write_text("B-PERSON|x|Ann\nO|y|left\n", "utf-8")
    options = ("--column", "1", "--word-column", "3", "--separator", "|")
    status, out, err = run_here("evaluate", model, data, "--json", "-", *options)
    assert (status, err) == (0, "")
    assert json.loads(out)["types"]["PERSON"]["support"] == 1


def test_labels_the_model_does_not_know_are_told(run_here, model: Path, tmp_path: Path):
    data = tmp_path / "data.conll"
    data.write_text("Ann B-PERSON\nin O\nRome B-CITY\n", "utf-8")
    status, _, err = run_here("evaluate", model, data)
    assert status == 0
    assert err == "note: the model does not know 1 label(s) of this file: CITY\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file holds no tokens."),
        (b"Ann\nleft\n", "The file has no labels"),
        (b"Ann O\nleft O\n", "The file has no labels"),
        (b"Ann O\nleft\n", ":2: This line has too few columns"),
        (b"Ann O\n\nleft x O\n", ":3: This line has too many columns"),
        (b"Ann\xff O\n", ":1: The byte 0xff"),
    ],
)
def test_bad_data_is_one_clear_error_and_nothing_is_written(
    run_here, model: Path, tmp_path: Path, content: bytes, message: str
):
    data = tmp_path / "data.conll"
    data.write_bytes(content)
    outputs = ("--json", tmp_path / "scores.json", "--report", tmp_path / "report.html")
    status, out, err = run_here("evaluate", model, data, *outputs)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {data}")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["data.conll"]


def test_the_sample_corpus_can_be_evaluated_too(tagsmith, model: Path):
    done = tagsmith("evaluate", model, sample_path("test"))
    assert done.returncode == 0
    assert "token accuracy" in done.stdout.decode()


def test_mixed_tabs_and_spaces_are_said_with_the_line(run_here, model, tmp_path):
    data = tmp_path / "mixed.conll"
    data.write_text("John B-PERSON\nleft O\n\nRome\tB-LOCATION\n", "utf-8")
    for arguments in (("evaluate", model, data), ("tag", model, data)):
        status, out, err = run_here(*arguments)
        assert (status, bool(out)) == (0, True)
        assert err == f"note: {data}:4: There is a tab here, where line 1 has spaces; both separate columns.\n"


def test_an_output_whose_suffix_stands_for_another_format_is_refused(
    run_here, model: Path, corpus: Path, tmp_path: Path
):
    for option, name, better in (("--json", "scores.csv", "scores.json"), ("--report", "report.pdf", "report.html")):
        status, out, err = run_here("evaluate", model, corpus / "dev.conll", option, tmp_path / name)
        assert (status, out) == (2, "")
        assert err.endswith(f"does not fit what is written. Call the file {better}.\n")
    assert not list(tmp_path.glob("[sr]*.*"))


def test_json_and_page_do_not_replace_each_other(run_here, model: Path, corpus: Path, tmp_path: Path):
    both = tmp_path / "scores"
    status, out, err = run_here("evaluate", model, corpus / "dev.conll", "--json", both, "--report", both)
    assert (status, out) == (2, "")
    assert "name the same file" in err
    assert not both.exists()


def test_a_label_in_another_case_is_named_with_the_one_that_the_model_knows(run_here, model, tmp_path):
    data = tmp_path / "case.conll"
    data.write_text("John B-Person\nleft O\n", "utf-8")
    _, _, err = run_here("evaluate", model, data)
    assert "Person (it knows PERSON)" in err


def test_the_table_shows_intervals_and_details_only_if_asked(run_here, model: Path, corpus: Path):
    status, out, _ = run_here("evaluate", model, corpus / "dev.conll")
    assert status == 0
    assert "95 % interval" in out
    assert "spurious" not in out
    status, out, _ = run_here("evaluate", model, corpus / "dev.conll", "--details", "--resamples", "0")
    assert status == 0
    assert "interval" not in out
    assert all(name in out for name in ("spurious", "boundary", "partial", "sentences of", "mentions of"))


def test_seen_and_unseen_mentions(run_here, model: Path, tmp_path: Path):
    train, data = tmp_path / "train.conll", tmp_path / "data.conll"
    train.write_text("Ann B-PERSON\nleft O\n", "utf-8")
    data.write_text("Ann B-PERSON\nleft O\n\nCleo B-PERSON\nleft O\n", "utf-8")
    status, out, _ = run_here("evaluate", model, data, "--train", train, "--json", "-")
    buckets = json.loads(out)["buckets"]
    assert status == 0
    assert {name: one["support"] for name, one in buckets["seen"].items() if one["support"]} == {"seen": 1, "unseen": 1}
    assert buckets["label_frequency"]["1–9"]["support"] == 2


def test_scores_by_the_keys_of_records_by_comments_and_by_file(run_here, model: Path, tmp_path: Path):
    records, commented = tmp_path / "a.jsonl", tmp_path / "b.conll"
    one = {"tokens": ["Ann", "left"], "tags": ["B-PERSON", "O"]}
    lines = [{**one, "domain": "news"}, {**one, "meta": {"domain": "web"}}, one]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    commented.write_text("# domain = news\nBen B-PERSON\nleft O\n", "utf-8")
    options = ("--by", "domain", "--by", "source", "--json", "-")
    status, out, err = run_here("evaluate", model, records, commented, *options)
    assert (status, err) == (0, "")
    buckets = json.loads(out)["buckets"]
    support = {by: {name: one["support"] for name, one in buckets[by].items()} for by in ("domain", "source")}
    assert support["domain"] == {"(none)": 1, "news": 2, "web": 1}
    assert support["source"] == {str(records): 3, str(commented): 1}
    status, out, err = run_here("evaluate", model, records, "--by", "genre")
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {records}: No sentence has the key 'genre'. The keys are: domain, meta, source.")


@pytest.mark.parametrize(
    ("name", "content", "key", "line"),
    [
        (
            "a.csv",
            "Sentence #,Word,Pos,Domain,Tag\n1,Ann,N,news,B-PERSON\n,left,V,,O\n2,Ben,N,web,B-PERSON\n",
            "Domain",
            2,
        ),
        (
            "b.tsv",
            "word\tPos\tDomain\ttag\nAnn\tN\tnews\tB-PERSON\nleft\tV\tnews\tO\n\nBen\tN\tweb\tB-PERSON\n",
            "Domain",
            2,
        ),
        ("c.conll", "Ann N news B-PERSON\nleft V news O\n\nBen N web B-PERSON\n", "3", 1),
    ],
)
def test_scores_by_a_column(run_here, model: Path, tmp_path: Path, name: str, content: str, key: str, line: int):
    data = tmp_path / name
    data.write_text(content, "utf-8")
    status, out, _ = run_here("evaluate", model, data, "--by", key, "--json", "-")
    assert status == 0
    support = {value: one["support"] for value, one in json.loads(out)["buckets"][key].items()}
    assert support == {"news": 1, "web": 1}
    other = "Pos" if key == "Domain" else "2"
    status, out, err = run_here("evaluate", model, data, "--by", other)
    assert (status, out) == (2, "")
    assert f"{data}:{line}: The column {other!r} has several values in this sentence." in err
    assert f"The keys are: {key}, source." in err


def test_intervals_over_documents(run_here, model: Path, tmp_path: Path):
    data = tmp_path / "data.conll"
    document = "-DOCSTART- O\n\n" + "Ann B-PERSON\nleft O\n\n" * 3
    data.write_text(document * 4, "utf-8")
    for option, unit, units in (("--documents", "documents", 4), ("--resamples=7", "sentences", 12)):
        _, out, _ = run_here("evaluate", model, data, option, "--json", "-")
        intervals = json.loads(out)["intervals"]
        assert (intervals["unit"], intervals["units"]) == (unit, units)
    assert intervals["resamples"] == 7


def test_the_report_compares_with_a_file_of_predictions_and_has_the_digests(
    run_here, model: Path, corpus: Path, tmp_path
):
    data, report = corpus / "dev.conll", tmp_path / "report.html"
    status, _, err = run_here("evaluate", model, data, "--report", report, "--against", data, "--resamples", "10")
    assert (status, err) == (0, "")
    page = report.read_text("utf-8")
    assert hashlib.sha256(data.read_bytes()).hexdigest() in page
    assert config_digest(model) in page
    assert f"Before: <bdi>{data}</bdi>" in page
    assert "Learning curve" in page
    assert "Show the card" in page
    layer = json.loads(page.partition(' id="data">')[2].partition("</script>")[0])["layers"][0]
    assert all(one["d"][0] == 0 for one in layer["sentences"] if "d" in one)


def test_a_comparison_needs_a_report_and_the_same_sentences(run_here, model: Path, corpus: Path, tmp_path: Path):
    data, report = corpus / "dev.conll", tmp_path / "report.html"
    status, out, err = run_here("evaluate", model, data, "--against", data)
    assert (status, out) == (2, "")
    assert "--against is for the report, and there is none. Name its file with --report" in err
    other = tmp_path / "other.conll"
    other.write_text("Ann B-PERSON\n", "utf-8")
    status, out, err = run_here("evaluate", model, data, "--report", report, "--against", other)
    assert (status, out) == (2, "")
    assert "Sentence 1 differs" in err
    assert not report.exists()
    status, _, err = run_here("evaluate", model, data, "--report", report, "--against", tmp_path / "none")
    assert status == 2
    assert "none" in err
