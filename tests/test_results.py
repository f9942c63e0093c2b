"""The table of results that the README shows is the one that its runs make."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def benchmark(name: str) -> ModuleType:
    """Load a script."""
    spec = spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


results_table = benchmark("results_table")


def run(seed: int, test: float, **more) -> str:
    numbers = {
        "machine": "x86_64, 2 processors",
        "minutes": 1.5,
        "training_tokens_per_second_after_first_epoch": 20_000,
        "tagging_words_per_second": 300_000,
        "model_megabytes": 20.0,
    }
    own = {"corpus": "c", "preset": "fast", "seed": seed, "changes": {}, "measure": "f1", "dev": 50.0, "test": test}
    return json.dumps({**own, **numbers, **more}) + "\n"


def test_seeds_are_summed_up_and_the_last_run_of_a_seed_counts():
    rows = results_table.table(run(1, 0.0) + run(1, 40.0) + run(2, 44.0)).splitlines()
    assert rows[2] == "| c | fast | 1, 2 | F1 | 50.00 ± 0.00 | 42.00 ± 2.83 | 1.5 | 20,000 | 300,000 | 20.0 |"


def test_times_are_those_of_two_processors_if_there_are_any():
    alone = {"minutes": 9.0, "machine": "x86_64, 1 processors"}
    assert "| 1.5 | 20,000 |" in results_table.table(run(1, 0.0) + run(2, 0.0, **alone))
    assert "| 9.0 ¹ | 20,000 ¹ | 300,000 ¹ | 20.0 |" in results_table.table(run(1, 0.0, **alone))


def test_experiments_are_dev_scores_by_corpus():
    own = [{"tried": "a", "corpus": "x", "dev": 1.0}, {"tried": "a", "corpus": "x", "dev": 2.0}]
    other = {"tried": "b", "corpus": "y", "dev": 3.0}
    rows = results_table.experiments_table("".join(json.dumps(one) + "\n" for one in (*own, other))).splitlines()
    assert rows[0] == "| tried | x | y |"
    assert rows[2:] == ["| a | 1.50 ± 0.71 (2) |  |", "| b |  | 3.00 (1) |"]


def test_runs_with_changed_recipes_are_left_out():
    assert len(results_table.table(run(1, 40.0, changes={"units": 3})).splitlines()) == 2


def test_the_published_tables_are_those_of_the_runs():
    made = results_table.table((ROOT / "results" / "runs.jsonl").read_text("utf-8"))
    assert made in (ROOT / "README.md").read_text("utf-8")
    page = (ROOT / "results" / "README.md").read_text("utf-8")
    assert made in page
    assert results_table.experiments_tables((ROOT / "results" / "experiments.jsonl").read_text("utf-8")) in page


def test_the_published_shares_of_what_redaction_leaves_are_those_of_its_runs(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    redaction = benchmark("redaction")
    results = json.loads(redaction.RESULTS.read_text("utf-8"))
    assert redaction.tables(results) in (ROOT / "docs" / "redaction.md").read_text("utf-8")


def test_what_the_english_page_says_of_speed_is_what_was_measured(monkeypatch):
    pytest.importorskip("spacy")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    speed = benchmark("spacy_speed")
    result = json.loads(speed.RESULTS.read_text("utf-8")) if speed.RESULTS.exists() else None
    page = (ROOT / "docs" / "english.md").read_text("utf-8")
    assert page.partition(speed.BEGIN)[2].partition(speed.END)[0] == speed.section(result)


def test_spans_are_compared_without_the_article_and_with_one_name_for_a_label(monkeypatch):
    pytest.importorskip("spacy")
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    speed = benchmark("spacy_speed")
    words = [["The", "United", "States", "left"], ["the"]]
    ontonotes = speed._spans(words, [[(0, 3, "GPE"), (3, 4, "CARDINAL")], [(0, 1, "ORG")]])
    assert ontonotes == {(0, 1, 3, "LOCATION"), (1, 0, 1, "ORGANIZATION")}
    assert speed._f1(ontonotes, speed._spans(words, [[(1, 3, "LOC")], []])) == "66.7"
