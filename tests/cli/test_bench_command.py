"""``tagsmith bench``: every number is there, for people and as JSON. (How large they are is not a test's business.)"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ONCE = ("--rounds", "1", "--threads", "1")


@pytest.mark.slow
def test_the_json_holds_every_measure(tagsmith, model: Path, corpus: Path):
    done = tagsmith("bench", model, corpus / "dev.conll", "--json", "--new-words", "4000", *ONCE)
    assert (done.returncode, done.stderr) == (0, b"")
    speed = json.loads(done.stdout)
    sentences = (corpus / "dev.conll").read_text("utf-8").strip().split("\n\n")
    assert speed["sentences"] == len(sentences)
    assert speed["tokens"] == sum(sentence.count("\n") + 1 for sentence in sentences)
    assert set(speed["throughput"]) == {
        "words to tags, int8",
        "words to tags, float32",
        "words to tags, int8, cold",
        "words to tags and tag probabilities, int8",
        "words to tags and span probabilities, int8",
        "text to spans, int8",
    }
    for rate in speed["throughput"].values():
        assert 0 < rate["min"] <= rate["median"] <= rate["max"]
        assert rate["share_of_ceiling"] > 0
    assert set(speed["ceiling"]) == {"int8", "float32"}
    assert 0 < speed["latency"]["median_ms"] <= speed["latency"]["p99_ms"]
    assert speed["start"]["seconds"] > 0
    assert 0 < speed["start"]["memory_after_first_tag_mb"] <= speed["start"]["memory_after_data_mb"]
    assert speed["new_words"]["tokens"] == 4000
    assert 0 < speed["new_words"]["least_mb"] <= speed["new_words"]["most_mb"]
    assert speed["vocabulary"] > 100
    assert speed["machine"]["processor"]
    assert (speed["threads"], speed["rounds"]) == (1, 1)


@pytest.mark.slow
def test_the_table_names_machine_measures_and_units(run_here, model: Path, corpus: Path):
    status, out, err = run_here("bench", model, corpus / "dev.conll", *ONCE)
    assert (status, err) == (0, "")
    for part in ("onnxruntime", "tokens/s", "words to tags, int8, cold", "ceiling", "latency", "median", "start", "MB"):
        assert part in out


@pytest.mark.parametrize(("model_name", "data"), [("nothing", "dev.conll"), (None, "nothing.conll")])
def test_what_is_missing_is_one_clear_error(run_here, model: Path, corpus: Path, model_name, data):
    status, out, err = run_here("bench", model_name or model, corpus / data, *ONCE)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert "nothing" in err
