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


@pytest.fixture
def start_from_en(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return benchmark("start_from_en")


def test_the_published_learning_curves_are_those_of_their_runs(start_from_en):
    runs = json.loads(start_from_en.RESULTS.read_text("utf-8"))
    assert start_from_en.table(runs) in (ROOT / "docs" / "training.md").read_text("utf-8")


def test_a_smaller_sample_is_part_of_a_larger_one_and_has_every_label_that_fits(start_from_en):
    rare = [((f"rare{n}", "word"), (f"B-R{n}", "O")) for n in range(8)]
    sentences = [*(((f"word{n}",), ("B-OFTEN" if n % 2 else "O",)) for n in range(300)), *rare]
    small, dev_of_small = start_from_en.draw(sentences, 10, 1)
    large, dev = start_from_en.draw(sentences, 40, 1)
    assert (len(small), len(dev_of_small), len(large), len(dev)) == (10, 2, 40, 8)
    assert large[:10] == small
    assert len({label for one in small for label in start_from_en.labels_of(one)}) == 9
    assert not {words for words, _ in large} & {words for words, _ in dev}
    assert start_from_en.draw(sentences, 10, 2)[0] != small
    few, dev_of_few = start_from_en.draw(sentences, 5, 1)
    known = {label for one in few for label in start_from_en.labels_of(one)}
    assert {label for one in dev_of_few for label in start_from_en.labels_of(one)} <= known


def test_a_run_is_done_again_only_if_its_recipe_or_en_is_another(start_from_en, monkeypatch, tmp_path, capsys):
    done: list[tuple[int, str]] = []

    def run(files, size, seed, way, recipe, folder):
        done.append((size, way))
        return {"dev_sentences": 2, "test_sentences": 9, "dev": 1.0, "test": 60.0 + size / 10, "processor_seconds": 9}

    monkeypatch.setattr(start_from_en, "run", run)
    monkeypatch.setattr(start_from_en, "corpora", lambda folder: dict.fromkeys(start_from_en.CORPORA))
    monkeypatch.setattr(start_from_en, "read_model", lambda name: name)
    monkeypatch.setattr(start_from_en, "model_digest", lambda model: "first")
    results, plot = tmp_path / "results.json", tmp_path / "plot.png"

    def call(*arguments: str) -> list[tuple[int, str]]:
        done.clear()
        given = ("--results", str(results), "--plot", str(plot), "--seeds", "1", "--corpora", "snips")
        monkeypatch.setattr("sys.argv", ["start_from_en.py", *given, *arguments])
        start_from_en.main()
        return done

    with monkeypatch.context() as quick:
        quick.setattr(start_from_en, "draw_curves", lambda runs, path: None)
        assert call("--runs", "4") == [(50, "en"), (50, "vectors"), (50, "nothing"), (100, "en")]
        assert call() == [(100, "vectors"), (100, "nothing"), (200, "en"), (200, "vectors"), (200, "nothing")]
        assert call() == []
        assert call("--epochs", "10", "--sizes", "50") == [(50, "vectors"), (50, "nothing")]
        quick.setattr(start_from_en, "model_digest", lambda model: "second")
        assert call("--sizes", "50", "200", "--runs", "1") == [(50, "en")]
    assert call("--runs", "0") == []
    assert len(json.loads(results.read_text("utf-8"))) == 9
    assert "| snips | 50 | 65.0 | 65.0 | 65.0 |" in capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")
