"""Models on the Hugging Face Hub: pushed, loaded, cached and refused, through ``huggingface_hub`` and a stand-in."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

import processes

pytest.importorskip("huggingface_hub")

import huggingface_hub
import yaml
from huggingface_hub import ModelCard, constants, metadata_load
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stand_in_hub import TOKEN, Hub, Repository, environment, problems_of, stand_in_hub

import tagsmith
from random_model import LAYERS, random_layers_model, random_model, random_sentences
from search_budget import examples
from tagsmith.cli.app import run
from tagsmith.cli.serve import labeling_folder, name_folders
from tagsmith.errors import MissingExtraError, ModelError
from tagsmith.model.card import quoted, without_metadata, write_card
from tagsmith.model.folder import model_files, read_config
from tagsmith.model.hub import HubName, hub_name
from tagsmith.scores.aligned import align_tags
from tagsmith.scores.intervals import interval_text, score_intervals
from tagsmith.scores.scores import score_tags
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme

# Its own upload of a large file warns that its own client should be called otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

TAGS = [["B-PER", "O"], ["B-LOC"]], [["B-PER", "B-LOC"], ["O"]]
SCORES = replace(score_tags(*TAGS), intervals=score_intervals(align_tags(*TAGS), resamples=9))
MODEL = replace(
    random_model(seed=3),
    scores={"dev": SCORES.as_dict(), "test": SCORES.as_dict()},
    extras={"history.jsonl": b'{"epoch": 1}\n', "learning_curve.png": b"\x89PNG\r\n\x1a\n"},
)
SENTENCES = random_sentences(30)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in that the client in this process uses, with an empty cache and a token."""
    if not hasattr(huggingface_hub, "close_session"):
        pytest.skip("the modules of this old client have copies of its constants")
    with stand_in_hub() as served:
        use(monkeypatch, served.address, tmp_path / "home")
        yield served
        huggingface_hub.close_session()


def use(monkeypatch, address: str, home: Path) -> None:
    """The client has read its variables by now."""
    template = "/{repo_id}/resolve/{revision}/{filename}"
    for name, value in {
        "ENDPOINT": address,
        "HUGGINGFACE_CO_URL_TEMPLATE": address + template,
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture
def pushed(hub: Hub) -> Hub:
    Tagger(MODEL).push_to_hub("ada/names")
    hub.asked.clear()
    return hub


# -------------------------------------------------------------------------------------------------- there and back


def test_what_is_pushed_is_what_is_loaded(hub: Hub):
    tagger = Tagger(MODEL)
    address = tagger.push_to_hub("ada/names", private=True, commit_message="The first")
    assert address == f"{hub.address}/ada/names"
    repository = hub.repositories["ada/names"]
    assert repository.private
    assert repository.messages == ["initial commit", "The first"]  # one commit
    files = hub.files("ada/names")
    kept = {name: content for name, content in files.items() if name not in (".gitattributes", "README.md")}
    assert kept == model_files(MODEL)
    assert not any(content.startswith((b"\x80", b"PK")) for content in files.values())  # pickle; zip
    loaded = tagsmith.load("hf://ada/names")
    assert loaded.tag(SENTENCES) == tagger.tag(SENTENCES)
    assert loaded.model.scores == MODEL.scores
    assert all(agent.startswith(f"tagsmith/{tagsmith.__version__}; hf_hub/") for agent in hub.agents if "hf_" in agent)


def test_a_folder_is_downloaded_once_and_then_read_from_the_cache(pushed: Hub, monkeypatch):
    tags = tagsmith.load("hf://ada/names").tag(SENTENCES)
    assert any("/resolve/" in one for one in pushed.asked)
    pushed.asked.clear()
    assert tagsmith.load("hf://ada/names").tag(SENTENCES) == tags
    assert pushed.asked == ["GET /api/models/ada/names/revision/main"]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    pushed.asked.clear()
    assert tagsmith.load("hf://ada/names").tag(SENTENCES) == tags
    assert pushed.asked == []


def test_a_new_version_is_loaded_and_an_old_one_by_its_revision(pushed: Hub):
    first = pushed.repositories["ada/names"].branches["main"]
    before = tagsmith.load("hf://ada/names").tag(SENTENCES)
    other = Tagger(random_model(seed=8))
    other.push_to_hub("ada/names")
    assert tagsmith.load("hf://ada/names").tag(SENTENCES) == other.tag(SENTENCES)
    assert tagsmith.load(f"hf://ada/names@{first}").tag(SENTENCES) == before


@pytest.mark.parametrize(("branch", "written"), [("v2", "v2"), ("try/new", "try%2Fnew")])
def test_a_branch_is_made_and_main_is_left_alone(pushed: Hub, branch: str, written: str):
    other = Tagger(random_model(seed=8))
    for _ in range(2):
        other.push_to_hub("ada/names", revision=branch)
    assert tagsmith.load(f"hf://ada/names@{written}").tag(SENTENCES) == other.tag(SENTENCES)
    assert tagsmith.load("hf://ada/names").tag(SENTENCES) == Tagger(MODEL).tag(SENTENCES)
    assert f'tagsmith.load("hf://ada/names@{written}")' in pushed.files("ada/names", branch)["README.md"].decode()


def test_a_folder_in_a_repository_is_loaded_and_nothing_else_downloaded(hub: Hub, tmp_path: Path):
    other = random_model(seed=9)
    files = {f"models/small/{name}": content for name, content in model_files(other).items()}
    repository = hub.repositories["ada/many"] = Repository()
    repository.commit("main", {**files, "notes.txt": b"x", "models/large.bin": b"y"}, "by hand")
    assert tagsmith.load("hf://ada/many/models/small").tag(SENTENCES) == Tagger(other).tag(SENTENCES)
    assert not [one for one in hub.asked if "notes" in one or "large.bin" in one]
    with pytest.raises(ModelError, match=r"^hf://ada/many: there is no tagsmith model: config\.json, vocabulary\.json"):
        tagsmith.load("hf://ada/many")


def test_a_path_object_and_one_of_the_own_repositories_will_do(hub: Hub):
    assert Tagger(MODEL).push_to_hub("names") == f"{hub.address}/ada/names"
    assert tagsmith.load(Path("hf://ada/names")).tag(SENTENCES) == Tagger(MODEL).tag(SENTENCES)


# ------------------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("hf://ada/names", HubName("ada/names")),
        ("hf://ada/names/", HubName("ada/names")),
        ("hf://models/ada/names", HubName("ada/names")),
        ("hf://Ada-1/n.a_m-es@v1.0", HubName("Ada-1/n.a_m-es", "v1.0")),
        ("hf://ada/names@try%2Fnew/a/b", HubName("ada/names", "try/new", "a/b")),
        ("hf://ada/names@refs/pr/3/a", HubName("ada/names", "refs/pr/3", "a")),
        ("model/", None),
        ("hf", None),
        ("./hf/ada/names", None),
    ],
)
def test_names_are_read(written: str, name: HubName | None):
    assert hub_name(written) == name
    if name:
        assert hub_name(str(name)) == name


@pytest.mark.parametrize(
    "written",
    [
        "hf://", "hf://ada", "hf://ada/", "hf:///", "hf://ada/names@", "hf://ada/names@v1@v2", "hf://ada/na mes",
        "hf://datasets/ada/news", "hf://ada/names/../other", "hf://../names", "hf://a\x1b[31m/b", "hf://-a/b",
        "hf://é/b", "hf://ada/names@..%2Fx", "hf://ada/names@a%0Ab", "hf://ada/names@a b",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(written: str):
    with pytest.raises(ModelError, match=r"this is no name of a model on the Hub\. Write hf://OWNER/NAME") as caught:
        tagsmith.load(written)
    assert str(caught.value).isprintable()


@settings(max_examples=examples(300))
@given(st.text("aZ9-_.@/%:*[\x00\x1b 2fF0é\\") | st.text(), st.sampled_from(["", "ada/n", "ada/n@", "ada/n/"]))
@example("%40%2f%ff", "ada/n@")
def test_any_text_is_a_name_or_refused(text: str, before: str):
    try:
        name = hub_name(f"hf://{before}{text}")
    except ModelError:
        return
    assert name is not None
    assert hub_name(str(name)) == name
    assert ".." not in (name.revision or "")
    assert ".." not in PurePosixPath(name.subfolder).parts


# ---------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        ("ada/nothing", TOKEN, r"no such repository on the Hub, or you may not read it\. Check the name"),
        ("ada/nothing", None, r"no such repository .* log in with 'hf auth login', or set HF_TOKEN"),
        ("ada/secret", None, r"no such repository .* log in with 'hf auth login', or set HF_TOKEN"),
        ("ada/gated", None, r"its owner has to let you in first\. Ask for access"),
        ("ada/names", "hf_wrong", r"the Hub refuses that to you: .*credentials.* Log in"),
        ("ada/names@v9", TOKEN, r"the repository has no revision v9\. Name a branch"),
        ("ada/names/none", TOKEN, r"there is no tagsmith model: .* are missing\. Name a repository that"),
        ("ada/bert", TOKEN, r"there is no tagsmith model: vocabulary\.json, weights\.safetensors are missing"),
        ("ada/a--b", TOKEN, r"this is no name of a repository\. Write OWNER/NAME"),
    ],
)
def test_a_repository_that_cannot_be_loaded_is_named(pushed: Hub, monkeypatch, name, token, message):
    pushed.repositories["ada/secret"] = Repository(private=True)
    pushed.repositories["ada/gated"] = Repository(gated=True)
    pushed.repositories["ada/bert"] = Repository()
    pushed.repositories["ada/bert"].commit("main", {"config.json": b'{"model_type": "bert"}'}, "not ours")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere")
    monkeypatch.setenv("HF_TOKEN", token) if token else monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ModelError, match=rf"^hf://{name}: .*{message}"):
        tagsmith.load(f"hf://{name}")


def test_without_the_network_the_error_says_so(hub: Hub, monkeypatch, tmp_path: Path):
    hub.answers["/api/models/ada/names"] = 503
    with pytest.raises(ModelError, match=r"^hf://ada/names: the Hub answers 503: .* Try again later"):
        tagsmith.load("hf://ada/names")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"^hf://ada/names: it is not in the cache, and HF_HUB_OFFLINE"):
        tagsmith.load("hf://ada/names")
    with pytest.raises(ModelError, match=r"^ada/names: .* HF_HUB_OFFLINE"):
        Tagger(MODEL).push_to_hub("ada/names")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    use(monkeypatch, "http://127.0.0.1:9", tmp_path / "other")
    with pytest.raises(ModelError, match=r"^hf://ada/names: the Hub cannot be reached: .* Check the network"):
        tagsmith.load("hf://ada/names")


def test_a_cache_that_cannot_be_written_is_named(pushed: Hub, monkeypatch, tmp_path: Path):
    (tmp_path / "file").write_text("x", "utf-8")
    use(monkeypatch, pushed.address, tmp_path / "file" / "home")
    with pytest.raises(ModelError, match=r"^hf://ada/names: it cannot be kept in the cache: .* HF_HOME"):
        tagsmith.load("hf://ada/names")


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json", "weights.safetensors", "learning_curve.png"])
def test_a_truncated_file_is_named_with_its_repository(pushed: Hub, name: str):
    content = pushed.files("ada/names")[name]
    pushed.repositories["ada/names"].commit("main", {name: content[:-5]}, "cut")
    with pytest.raises(ModelError, match=rf"^hf://ada/names, {name}: .* Delete .*models--ada--names.* push it again"):
        tagsmith.load("hf://ada/names")
    if name == "config.json":
        with pytest.raises(ModelError, match=r"^hf://ada/names, config\.json"):
            read_config("hf://ada/names")


def test_a_card_that_was_edited_on_the_hub_is_read(pushed: Hub):
    pushed.repositories["ada/names"].commit("main", {"README.md": b"# Ours\n"}, "edited")
    assert tagsmith.load("hf://ada/names").model.extras["README.md"] == b"# Ours\n"


@pytest.mark.parametrize(
    ("repository", "options", "message"),
    [
        ("ada/names", {"token": "hf_wrong"}, r"^ada/names: .* you: Invalid username or password\. Log in"),
        ("bob/names", {}, r"^bob/names: the Hub refuses that to you: .* namespace 'bob'\. Log in .* may write"),
        ("ada/a/b", {}, r"^ada/a/b: this is no name of a repository"),
        (None, {}, r'^the repository is None\. Write push_to_hub\("owner/name"\)'),
        ("hf://ada/names", {}, r"^hf://ada/names: this is no name of a repository"),
        ("", {}, r"this is no name of a repository"),
        ("ada/na mes", {}, r"^ada/na mes: this is no name of a repository"),
        ("ada/names", {"license": "mine"}, r'^ada/names: the Hub refuses the model card: .*"license" must be one of'),
        ("ada/names", {"language": "English"}, r'refuses the model card: .*"language" must'),
        ("ada/names", {"datasets": ["/home/x.conll"]}, r'refuses the model card: .*"datasets\[0\]" with value'),
        ("ada/names", {"language": 3}, r"^language is 3\. Give a text or texts"),
        ("ada/names", {"license": ["mit"]}, r"^license is \['mit'\]\. Give a text\."),
        ("ada/names", {"datasets": []}, r"^datasets is \[\]\. Give"),
    ],
)
def test_a_push_that_is_refused_says_why(hub: Hub, repository: str, options: dict, message: str):
    with pytest.raises(ModelError, match=message):
        Tagger(MODEL).push_to_hub(repository, **options)
    assert not [name for name in hub.repositories if "config.json" in hub.files(name)]
    if message.startswith(("^language", "^license", "^datasets")):
        assert not hub.asked  # the arguments are looked at first


def test_a_push_with_metadata_of_the_user_that_is_no_yaml_says_where(hub: Hub):
    tagger = Tagger(replace(MODEL, extras={"README.md": b"---\nlicense: [\n---\n"}))
    with pytest.raises(ModelError, match=r"^README\.md: the metadata of the model card cannot be read: .* Mend"):
        tagger.push_to_hub("ada/names", license="mit")
    assert not hub.asked


def test_a_model_that_could_not_be_loaded_is_not_pushed(hub: Hub):
    weights = {**MODEL.weights, "output/bias": MODEL.weights["output/bias"] * float("nan")}
    tagger = Tagger(MODEL)
    tagger.model = replace(MODEL, weights=weights)
    with pytest.raises(ModelError, match=r"^ada/names: the weight output/bias has a number that is not finite"):
        tagger.push_to_hub("ada/names")
    assert not hub.asked


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"Loading hf://ada/names needs the 'hf' extra"):
        tagsmith.load("hf://ada/names")
    with pytest.raises(MissingExtraError, match=r"Pushing to ada/names needs the 'hf' extra"):
        Tagger(MODEL).push_to_hub("ada/names")


# ------------------------------------------------------------------------------------------------------------ cards


def test_the_card_is_one_for_the_hub(hub: Hub, tmp_path: Path):
    said = {"license": "cc-by-4.0", "language": ["en", "de"], "datasets": "ada/news"}
    Tagger(MODEL).push_to_hub("ada/names", **said)
    (tmp_path / "README.md").write_bytes(hub.files("ada/names")["README.md"])
    assert "POST /api/validate-yaml" in hub.asked
    card = ModelCard.load(tmp_path / "README.md")
    data = card.data.to_dict()
    assert {name: data[name] for name in said} == said
    assert (data["pipeline_tag"], data["library_name"]) == ("token-classification", "tagsmith")
    assert "tagsmith" in data["tags"]
    results = {(one.dataset_split, one.metric_type): one for one in card.data.eval_results}
    assert {part for part, _ in results} == {"dev", "test"}
    for (_, metric), result in results.items():
        assert result.metric_value == pytest.approx(getattr(SCORES, metric), abs=5e-5)
        assert (result.task_type, result.verified) == ("token-classification", None)
        assert (result.dataset_name, result.dataset_type) == ("ada/news", "ada/news")
    assert 'tagsmith.load("hf://ada/names")' in card.text
    index = metadata_load(tmp_path / "README.md")["model-index"]
    assert eval_results_to_model_index(*model_index_to_eval_results(index)) == index


def test_what_the_user_wrote_in_the_card_stays(hub: Hub):
    written = "---\n# mine\nlicense: mit\nmine: [1, 2]\n---\n\nBy *hand*.\n"
    Tagger(replace(MODEL, extras={"README.md": written.encode()})).push_to_hub("ada/names")
    assert hub.files("ada/names")["README.md"].decode() == written
    loaded = tagsmith.load("hf://ada/names")
    loaded.push_to_hub("ada/names", language="en")
    card = ModelCard(hub.files("ada/names")["README.md"].decode())
    assert card.data.to_dict() == {"license": "mit", "mine": [1, 2], "language": "en"}
    assert card.text == "\nBy *hand*.\n"


@settings(max_examples=examples(40))
@given(st.lists(st.text(min_size=1), min_size=2, max_size=3, unique=True), st.text())
@example(["a: 'b' \"c\"\\", "\x00\x85\u2028\ufeff\uffff\U0010ffff"], "- [x]\n---\n")
def test_names_and_labels_of_any_kind_make_a_valid_card(names: list[str], value: str):
    layers = [Layer(name, Scheme.IOB2, tuple(sorted(names))) for name in names]
    each = replace(SCORES, types=dict.fromkeys(names, SCORES.types["PER"]))
    card = write_card(layers, {"test": replace(each, layers=dict.fromkeys(names, each))}, {"field": value})
    data = ModelCard(card).data
    assert not problems_of(card)
    assert data.pipeline_tag == "token-classification"
    assert [one.metric_name for one in data.eval_results[::4]] == [f"precision of {name}" for name in names]
    index = data.to_dict()["model-index"]
    assert eval_results_to_model_index(*model_index_to_eval_results(index)) == index
    assert "pipeline_tag" not in without_metadata(card)


@settings(max_examples=examples(200))
@given(st.text())
@example("\x00\x1f\x7f\x85\x9f\u2028\u2029\ufeff\uffff\U0010ffff")
def test_any_text_is_quoted_for_yaml_and_toml(text: str):
    assert yaml.safe_load(quoted(text)) == text
    assert tomllib.loads(f"x = {quoted(text)}")["x"] == text
    assert yaml.safe_load(quoted(f"{text}\ud800")) == f"{text}\ufffd"  # UTF-8 cannot hold half of a surrogate pair


def test_labels_do_not_break_the_tables_of_a_card():
    labels = ("<b>", "A|B", "`x`", "[y](z)")
    types = dict.fromkeys(labels, SCORES.types["PER"])
    card = write_card([Layer("ner", Scheme.IOB2, labels)], {"dev": replace(SCORES, types=types)}, {})
    assert r"labels: \<b>, A\|B, \`x\`, \[y\](z)." in card
    assert r"| A\|B | 100.00 |" in card


def test_the_card_has_intervals_in_its_tables_and_in_words():
    card = write_card(MODEL.layers, {"dev": SCORES}, MODEL.recipe)
    f1, accuracy = (interval_text(SCORES.intervals.scores[name]) for name in ("f1", "accuracy"))
    assert f"| dev | 50.00 | 50.00 | 50.00 | {f1} | 33.33 | {accuracy} |" in card
    assert "| PER | 100.00 | 100.00 | 100.00 | 0.0–100.0 | 1 |" in card
    assert "The F1 on dev is 50.00; of 100 draws of as many sentences of the same kind, 95 would give 0.0 to " in card
    assert "(9 bootstrap resamples of 2 sentences)" in card
    bare = write_card(MODEL.layers, {"dev": replace(SCORES, intervals=None)}, MODEL.recipe)
    assert "| dev | 50.00 | 50.00 | 50.00 |  | 33.33 |  |" in bare
    assert "chance" not in bare


def test_without_metadata_is_what_people_read():
    card = write_card(MODEL.layers, {"dev": SCORES}, MODEL.recipe)
    assert without_metadata(card).startswith("# A tagsmith model\n")
    for plain in ("# Mine\n\n---\n\nx\n\n---\n", "", "---", "text\n---\nx\n---\n"):
        assert without_metadata(plain) == plain


def test_a_model_of_several_layers_has_the_scores_of_each(hub: Hub):
    scores = replace(SCORES, layers={name: SCORES for name, _, _ in LAYERS}).as_dict()
    Tagger(replace(random_layers_model(), scores={"dev": scores})).push_to_hub("ada/layers")
    results = ModelCard(hub.files("ada/layers")["README.md"].decode()).data.eval_results
    assert [one.metric_name for one in results if one.metric_type == "f1"] == [f"f1 of {name}" for name, _, _ in LAYERS]


# ------------------------------------------------------------------------------------------------------ command line


@pytest.fixture
def here(monkeypatch, capsys, tmp_path):
    """Run the command line in this process and return what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["tagsmith", *map(str, arguments)])
        status, (out, err) = run(), capsys.readouterr()
        assert status == 0, err
        return out

    return run_it


def test_every_command_that_takes_a_model_takes_one_on_the_hub(pushed: Hub, here, tmp_path: Path):
    (tmp_path / "text.txt").write_text("John lives in New York.\n", "utf-8")
    (tmp_path / "dev.conll").write_text("John\tB-PER\nlives\tO\n\n", "utf-8")
    assert here("tag", "hf://ada/names", "text.txt").startswith("John\t")
    assert here("redact", "hf://ada/names", "text.txt")
    here("evaluate", "hf://ada/names", "dev.conll", "--json", "scores.json", "--report", "report.html")
    assert json.loads((tmp_path / "scores.json").read_text("utf-8"))["support"] == 1
    assert "hf://ada/names" in (tmp_path / "report.html").read_text("utf-8")
    report = json.loads(here("inspect", "hf://ada/names", "--json"))
    assert (report["path"], report["kind"]) == ("hf://ada/names", "model")
    assert {"config.json", "weights.safetensors", "README.md"} <= report["files"].keys()


def test_a_server_calls_a_model_by_its_name_and_keeps_labels_here(hub: Hub, tmp_path: Path, monkeypatch):
    folders = name_folders(["hf://ada/names@v1", "old=hf://ada/names@v0", "hf://ada/many/small"])
    assert list(folders) == ["names", "old", "small"]
    monkeypatch.chdir(tmp_path)
    assert labeling_folder(folders) == Path("names.labeling")
    assert not hub.asked


def test_nothing_is_written_to_a_folder_with_a_name_of_the_hub(here, tmp_path: Path):
    from tagsmith.training.target import check_new_run

    for write in (Tagger(MODEL).save, lambda name: check_new_run(Path(name), resume=False, force=True)):
        with pytest.raises(ModelError, match=r"^hf://ada/names: a model is written to this machine first.*push_to_hub"):
            write("hf://ada/names")
    assert not list(tmp_path.iterdir())


def test_training_goes_on_from_a_model_on_the_hub_and_learns_from_it(pushed: Hub, tmp_path: Path):
    from tagsmith.cli.train import chosen_recipe
    from tagsmith.training.distillation import _read_teachers
    from tagsmith.training.fine_tuning import read_start

    recipe = chosen_recipe("fast", None, [], with_vectors=False, start=Path("hf://ada/names"))
    assert recipe.architecture == MODEL.architecture
    assert read_start(Path("hf://ada/names"), tmp_path / "out", None).layers == MODEL.layers
    (teacher,), _ = _read_teachers([Path("hf://ada/names")], tmp_path / "out")
    assert teacher.tag(SENTENCES) == Tagger(MODEL).tag(SENTENCES)


def test_a_pipeline_of_spacy_takes_a_model_on_the_hub(pushed: Hub):
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    nlp.add_pipe("tagsmith", config={"model": "hf://ada/names"})
    words = ["John", "lives", "in", "New", "York", "."]
    doc = nlp(spacy.tokens.Doc(nlp.vocab, words))
    tags = ["O" if not token.ent_iob_.strip("O") else f"{token.ent_iob_}-{token.ent_type_}" for token in doc]
    assert tags == Tagger(MODEL).tag([words])[0]


def test_a_model_folder_is_loaded_without_the_package(tmp_path: Path):
    Tagger(MODEL).save(tmp_path / "model")
    code = "import sys, tagsmith; tagsmith.load('model'); assert 'huggingface_hub' not in sys.modules"
    processes.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_the_variables_of_the_client_apply(tmp_path: Path):
    """In processes of their own, as a user sets them."""
    Tagger(MODEL).save(tmp_path / "model")
    push = "import tagsmith; print(tagsmith.load('model').push_to_hub('ada/names', private=True, license='mit'))"
    load = "import tagsmith; print(tagsmith.load('hf://ada/names').tag([['John', 'lives']]))"

    def printed(code: str, hub: Hub | None, **changed: str) -> str:
        variables = {**os.environ, **environment(hub, tmp_path / "home"), **changed}
        done = processes.run([sys.executable, "-c", code], cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    tags = f"{Tagger(MODEL).tag([['John', 'lives']])}\n"
    with stand_in_hub() as hub:
        assert printed(push, hub) == f"{hub.address}/ada/names\n"
        assert hub.repositories["ada/names"].private
        assert "license: mit\n" in hub.files("ada/names")["README.md"].decode()
        assert printed(load, hub) == tags
    assert printed(load, None, HF_HUB_OFFLINE="1", HF_TOKEN="") == tags
    assert printed(load, None) == tags  # nobody answers
