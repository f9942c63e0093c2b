from __future__ import annotations

import json
from pathlib import Path

import pytest

from random_model import LAYERS, random_layers_model
from tagsmith.cli.compare_input import in_scheme
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.schemes import Scheme

GOLD = [["B-PERSON", "O", "B-LOCATION", "I-LOCATION"], ["O", "B-PERSON"]] * 6
WORDS = [["Ann", "left", "New", "York"], ["then", "Ben"]] * 6
POOR = [["B-PERSON", "O", "O", "B-LOCATION"], ["O", "O"]] * 6


def conll(tags, words=WORDS, gold=None) -> str:
    """Sentences in columns: word, gold tag if wanted, tag."""
    columns = [words, *([gold] if gold else []), tags]
    return "\n".join(
        "".join(f"{' '.join(row)}\n" for row in zip(*one, strict=True)) for one in zip(*columns, strict=True)
    )


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {"gold": conll(GOLD), "poor": conll(POOR, gold=GOLD), "good": conll(GOLD)}
    paths = {name: tmp_path / f"{name}.conll" for name in texts}
    for name, text in texts.items():
        paths[name].write_text(text, "utf-8")
    return paths


def test_the_better_file_is_named_with_its_interval_and_p_value(run_here, files):
    status, out, err = run_here("compare", files["poor"], files["good"], files["gold"], "--show", "1")
    assert (status, err) == (0, "")
    assert "B is better than A by 60.00 points of F1" in out
    assert "B has fewer errors in 12 sentences, more in 0, and as many but other tags in 0." in out
    shown = out[out.index("better:") :].splitlines()
    assert shown[1:] == [
        f"{files['gold']}:1: A has 2 errors, B has 0",
        "  Ann left New York",
        "  gold  [New York] LOCATION",
        "  A     [York] LOCATION",
        "  B     [New York] LOCATION",
    ]


def test_the_same_predictions_do_not_differ(run_here, files):
    status, out, _ = run_here(
        "compare", files["poor"], files["poor"], files["gold"], "--fail-if-worse", "0", "--p", "1"
    )
    assert status == 0
    assert "No difference can be told from 12 sentences: B − A is 0.00 points of F1 (0.0 to 0.0; p = 1.0000)." in out


def test_the_exit_status_is_for_ci(run_here, files):
    worse = ("compare", files["good"], files["poor"], files["gold"])
    status, out, err = run_here(*worse)
    assert (status, err) == (0, "")
    assert "B is worse than A by 60.00 points of F1" in out
    status, _, err = run_here(*worse, "--fail-if-worse", "10")
    assert status == 1
    assert err.startswith("B is worse than A by 60.00 points of F1 (p = 0.000")
    for options in (("--fail-if-worse", "60"), ("--fail-if-worse", "10", "--p", "0.0001")):
        assert run_here(*worse, *options)[0] == 0
    assert run_here("compare", files["poor"], files["good"], files["gold"], "--fail-if-worse", "0")[0] == 0


def test_the_json_says_all_of_it(run_here, files):
    options = ("--json", "-", "--shuffles", "99", "--resamples", "50")
    status, out, err = run_here("compare", files["poor"], files["good"], files["gold"], *options)
    assert (status, err) == (0, "")
    values = json.loads(out)
    assert values["names"]["a"] == str(files["poor"])
    assert (values["shuffles"], values["resamples"], values["unit"], values["units"]) == (99, 50, "sentences", 12)
    assert values["difference"]["f1"]["value"] == pytest.approx(values["b"]["f1"] - values["a"]["f1"])
    assert set(values["difference"]["types"]) == {"LOCATION", "PERSON"}
    assert values["sentences"]["better"] == list(range(1, 13))


def test_documents_are_drawn_and_swapped_if_asked(run_here, files, tmp_path: Path):
    data = tmp_path / "documents.conll"
    sentences = conll(GOLD).split("\n\n")
    data.write_text("".join(f"-DOCSTART- O\n\n{one}\n\n" for one in sentences), "utf-8")
    options = ("--documents", "--resamples", "9", "--shuffles", "9", "--json", "-")
    status, out, err = run_here("compare", files["poor"], files["good"], data, *options)
    assert (status, err) == (0, "")
    assert (json.loads(out)["unit"], json.loads(out)["units"]) == ("documents", len(sentences))


def test_a_model_and_its_own_predictions_in_any_format_are_alike(run_here, model: Path, corpus: Path, tmp_path: Path):
    data, tagged = corpus / "dev.conll", tmp_path / "tagged.conll"
    assert run_here("tag", model, data, "-o", tagged)[0] == 0  # the gold tags, then the predicted ones
    places: list[Path] = [tagged]
    for name in ("tagged.jsonl", "tagged.conllu", "bioes.conll"):
        places.append(tmp_path / name)
        scheme = ("--scheme", "BIOES") if name == "bioes.conll" else ()
        assert run_here("convert", tagged, places[-1], *scheme)[0] == 0
    for place in places:
        options = ("--json", "-", "--resamples", "9", "--shuffles", "9", "--layer", "tags")
        status, out, err = run_here("compare", model, place, data, *options)
        assert (status, err) == (0, "")
        values = json.loads(out)
        assert values["difference"]["f1"] == {"value": 0.0, "interval": [0.0, 0.0], "p": 1.0}
        assert values["difference"]["accuracy"]["value"] == 0.0
        assert values["sentences"] == {"better": [], "worse": [], "changed": []}


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        ([*WORDS[:3], ["then", "Bob"]], GOLD[:4], "Sentence 4 differs: here is 'then Bob', in the data 'then Ben'."),
        (WORDS[:3], GOLD[:3], "Sentence 4 differs: here is no such sentence, in the data 'then Ben'."),
        ([*WORDS, ["x"]], [*GOLD, ["O"]], "Sentence 13 differs: here is 'x', in the data no such sentence."),
    ],
)
def test_other_sentences_are_named(run_here, files, tmp_path: Path, words, tags, message: str):
    other = tmp_path / "other.conll"
    other.write_text(conll(tags, words), "utf-8")
    status, out, err = run_here("compare", files["poor"], other, files["gold"])
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {other}")
    assert message in err


def test_predictions_of_another_kind_and_missing_files(run_here, files, tmp_path: Path):
    plain = tmp_path / "plain.conll"
    plain.write_text(conll([["NOUN", "VERB", "X", "X"], ["ADV", "NOUN"]] * 6), "utf-8")
    status, _, err = run_here("compare", plain, files["good"], files["gold"])
    assert status == 2
    assert f"error: {plain}: These predictions label tokens, the data spans." in err
    status, _, err = run_here("compare", tmp_path / "none.conll", files["good"], files["gold"])
    assert status == 2
    assert "none.conll" in err


def test_data_without_labels_and_models_that_are_not_there(run_here, files, tmp_path: Path):
    outside = tmp_path / "outside.conll"
    outside.write_text(conll([["O"] * len(one) for one in GOLD]), "utf-8")
    status, out, err = run_here("compare", files["poor"], files["good"], outside)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {outside}: The file has no labels")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{", "utf-8")
    assert run_here("compare", tmp_path / "broken", files["good"], files["gold"])[0] == 2


def test_the_layer_of_a_model_of_several_is_that_of_the_labels(run_here, tmp_path: Path):
    tagger = Tagger(random_layers_model(layers=LAYERS[::-1]))
    assert tagger.layers[0] != "pos"
    tagger.save(tmp_path / "model")
    words = [["the", "lives", "John"], ["in", "York", "."]]
    data = tmp_path / "pos.conll"
    data.write_text(conll(tagger.tag(words, layer="pos"), words), "utf-8")
    options = ("--layer", "pos", "--resamples", "5", "--shuffles", "5", "--json", "-")
    status, out, err = run_here("compare", tmp_path / "model", data, data, *options)
    assert (status, err) == (0, "")
    assert json.loads(out)["a"]["accuracy"] == json.loads(out)["b"]["accuracy"] == 1.0


def test_published_systems_have_their_published_scores(run_here, corpora: Path):
    folder = corpora / "known_scores"
    a, b = (folder / f"wnut17_{name}.conlleval_in" for name in ("mic-cis", "uh_ritual"))
    options = ("--column", "2", "--resamples", "99", "--shuffles", "999", "--json", "-")
    status, out, err = run_here("compare", a, b, a, *options)
    assert (status, err) == (0, "")
    values = json.loads(out)
    for name, path in (("a", a), ("b", b)):
        printed = path.with_suffix(".conlleval_out").read_text("utf-8")
        assert f"FB1: {100 * values[name]['f1']:6.2f}\n" in printed
    assert values["difference"]["f1"]["p"] < 0.05 < values["difference"]["recall"]["p"]


def test_plain_tags_can_be_compared(run_here, tmp_path: Path):
    gold, a = [["DET", "NOUN"], ["VERB"]] * 9, [["DET", "VERB"], ["VERB"]] * 9
    words = [["the", "cat"], ["runs"]] * 9
    for name, tags in (("gold", gold), ("a", a)):
        (tmp_path / name).write_text(conll(tags, words), "utf-8")
    status, out, _ = run_here("compare", tmp_path / "a", tmp_path / "gold", tmp_path / "gold", "--show", "1")
    assert status == 0
    assert "  gold  [cat] NOUN\n  A     [cat] VERB\n  B     [cat] NOUN\n" in out


def test_predictions_with_strays_are_read_as_conlleval_reads_them():
    stray = [["O", "I-X"], ["B-X", "I-X"]] * 20
    assert in_scheme(stray, Scheme.IOB2, Path("a")) is stray
    assert in_scheme([["S-X", "O"]], Scheme.IOB2, Path("a")) == [["B-X", "O"]]
    assert in_scheme([["O", "X", "X"]], Scheme.IOB2, Path("a")) == [["O", "B-X", "I-X"]]
