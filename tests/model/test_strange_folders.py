"""Whatever a model folder holds, it tags legally or is a ModelError that names the file, in bounded memory and time."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mutated_folders as mutated
import processes
from mutated_folders import KINDS, NUMBERS, STRANGE, outcome, sealed, valid_files, written
from random_model import VOCABULARY, every_architecture, random_model, weight_shapes
from search_budget import examples
from tagsmith.errors import DataError, ModelError, RecipeError
from tagsmith.model.architecture import SIZES, Architecture
from tagsmith.model.configuration import Scaling
from tagsmith.model.folder import read_model, write_model
from tagsmith.model.weights import is_sound, weight_kinds
from tagsmith.tagging.batching import MOST_PAIRS
from tagsmith.tagging.tagger import Tagger
from tagsmith.text.layer import MOST_TAGS, Layer, layers_problem
from tagsmith.text.schemes import Scheme
from tagsmith.training.task import prepare

NAMES = ("config.json", "vocabulary.json", "weights.safetensors", "README.md")
MODELS = range(6)


def changed(number: int = 0, seal: bool = True, **contents) -> mutated.Files:
    """A valid folder's files, some of them replaced; the names have ``_`` for a dot."""
    files: mutated.Files = {**valid_files(number)}
    files |= {name.replace("_", "."): content for name, content in contents.items()}
    return sealed(files) if seal else files


def refused(files: mutated.Files, tmp_path: Path, name: str) -> ModelError:
    error = outcome(written(files, tmp_path / "model"))
    assert isinstance(error, ModelError)
    assert name in str(error)
    return error


def config_with(path: tuple, raw: str | None, number: int = 0, key: str | None = None) -> bytes:
    return mutated.json_with(json.loads(valid_files(number)["config.json"]), path, raw, key)


@pytest.mark.parametrize("number", MODELS)
def test_the_valid_folders_load_and_tag(tmp_path, number):
    assert outcome(written(valid_files(number), tmp_path / "model")) is None
    assert outcome(written(sealed(valid_files(number)), tmp_path / "again")) is None  # the seal below is right


# --------------------------------------------------------------------------------------------------- kinds of files


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_regular_file_is_refused_by_name(tmp_path, name, kind):
    refused({**valid_files(0), name: KINDS[kind]}, tmp_path, name)


def test_links_to_regular_files_are_followed(tmp_path):
    """A cache of a model hub keeps the files elsewhere and links to them."""
    folder = written(valid_files(0), tmp_path / "blobs")
    (tmp_path / "model").mkdir()
    for path in folder.iterdir():
        (tmp_path / "model" / path.name).symlink_to(Path("..") / "blobs" / path.name)
    assert outcome(tmp_path / "model") is None


def test_the_card_shows_no_file_of_the_user(tmp_path):
    """It has no digest, so that it can be edited: a link in a stranger's folder must not make a card of any file."""
    (tmp_path / "secret").write_text("mine", "utf-8")
    folder = written(valid_files(0), tmp_path / "model")
    for target in ("../secret", tmp_path / "secret", "config.json"):
        (folder / "README.md").unlink()
        (folder / "README.md").symlink_to(target)
        with pytest.raises(ModelError, match=r"README\.md: .* It is a link to a file elsewhere"):
            read_model(folder)


def test_a_file_that_becomes_a_pipe_after_it_was_looked_at_is_refused(tmp_path, monkeypatch):
    folder = written(valid_files(0), tmp_path / "model")
    look = os.stat

    def stat(path, **options):
        state = look(path, **options)
        if path == "vocabulary.json":
            (folder / path).unlink()
            os.mkfifo(folder / path)
        return state

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(ModelError, match=r"vocabulary\.json.*pipe"):
        read_model(folder)


def test_graphs_are_neither_read_nor_welcome(tmp_path):
    """ONNX files beside a model do nothing; a configuration that lists them is refused."""
    graph = b"\x08\x08"
    assert outcome(written({**valid_files(0), "words.onnx": graph}, tmp_path / "beside")) is None
    config = config_with(("sha256", "README.md"), f'"{"0" * 64}"', key="words.onnx")
    refused(sealed({**valid_files(0), "config.json": config, "words.onnx": graph}), tmp_path, "config.json")


@pytest.mark.parametrize(("name", "size"), [("config.json", 2**23), ("vocabulary.json", 2**28), ("README.md", 2**23)])
def test_a_file_that_is_too_large_is_not_read(tmp_path, name, size):
    folder = written(valid_files(0), tmp_path / "model")
    os.truncate(folder / name, size + 1)  # a sparse file: it takes no room on the disk
    error = outcome(folder)
    assert error is not None
    assert f"{name}: this file of the model cannot be read: It has more than" in str(error)


# ---------------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("raw", STRANGE, ids=lambda raw: raw[:20])
@pytest.mark.parametrize("field", ["units", "word_dim", "head", "cell"])
def test_strange_sizes_and_choices_are_refused(tmp_path, field, raw):
    """A size within its bounds is another one than that of the weights."""
    named = "weights.safetensors" if field in ("units", "word_dim") and raw in ("1", "2") else "config.json"
    refused(changed(config_json=config_with(("architecture", field), raw)), tmp_path, named)


@pytest.mark.parametrize("depth", range(900, 1000, 9))
@pytest.mark.parametrize(
    "path", [("format_version",), ("recipe",), ("recipe", "seed"), ("layers",), ("sha256",)], ids=str
)
def test_values_nested_as_deeply_as_python_can_are_refused(tmp_path, path, depth):
    """At some depth Python can parse them but no longer print, write or compare them."""
    refused(changed(config_json=config_with(path, "[" * depth + "]" * depth)), tmp_path, "config.json")


@pytest.mark.parametrize("name", SIZES)
def test_every_size_has_a_least_and_a_most(name):
    least, most = SIZES[name]
    for value in (least, most):
        assert getattr(Architecture(**{name: value}), name) == value
    for value in (least - 1, most + 1, -(10**9), 10**9, True, float(least), "5", None):
        with pytest.raises(RecipeError, match=name):
            Architecture(**{name: value})


def layer(**changes) -> dict:
    return {"name": "ner", "scheme": "IOB2", "labels": ["LOC", "PER"], **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None}, {"name": ""}, {"name": "a" * 1001}, {"name": "a\x1b[2J"}, {"scheme": "iob2"}, {"scheme": []},
        {"more": 1}, {"labels": ["PER", "LOC"]}, {"labels": ["LOC", "LOC"]}, {"labels": ["LOC", 1]}, {"labels": "LP"},
        {"labels": [["LOC"], "PER"]}, {"labels": ["LOC", "P\u200bER"]}, {"labels": ["LOC", "P\u202eER"]},
        {"labels": ["LOC", "P\nER"]}, {"labels": ["LOC", "\ud800"]}, {"labels": ["LOC", "O"]},
        {"labels": ["", "LOC"], "scheme": "bare"}, {"labels": ["", "LOC"], "scheme": "plain"},
        {"labels": [], "scheme": "plain"}, {"labels": ["LOC", "P\u2028"]},
        *({"calibration": scaling} for scaling in (
            None, 1.5, [1.5, 0], {}, {"temperature": 1.5}, {"temperature": 1.5, "outside": 0, "bias": 0},
            {"temperature": 0, "outside": 0}, {"temperature": -1.5, "outside": 0}, {"temperature": 11, "outside": 0},
            {"temperature": math.nan, "outside": 0}, {"temperature": 1.5, "outside": math.inf},
            {"temperature": 1.5, "outside": 21}, {"temperature": "1.5", "outside": 0},
            {"temperature": True, "outside": 0},
        )),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_strange_layer_is_refused(tmp_path, changes):
    refused(changed(config_json=config_with(("layers",), json.dumps([layer(**changes)]))), tmp_path, "config.json")


def test_a_layer_may_be_calibrated_or_not(tmp_path):
    for calibration in ({}, {"calibration": {"temperature": 1.5, "outside": -2}}):
        files = changed(config_json=config_with(("layers",), json.dumps([layer(**calibration)])))
        scaling = read_model(written(files, tmp_path / str(len(calibration)))).scalings.get("ner")
        assert scaling == (Scaling(1.5, -2.0) if calibration else None)


@pytest.mark.parametrize(
    "layers", [[], {}, [1], None, [layer(), layer()], [layer(name=str(number)) for number in range(3000)]]
)
def test_strange_lists_of_layers_are_refused(tmp_path, layers):
    refused(changed(config_json=config_with(("layers",), json.dumps(layers))), tmp_path, "config.json")


def test_a_model_has_a_bounded_number_of_tags():
    labels = tuple(f"L{number:05}" for number in range(MOST_TAGS))
    assert layers_problem([Layer("pos", Scheme.PLAIN, labels)]) == ""
    assert "4,097 tags" in layers_problem([Layer("pos", Scheme.PLAIN, labels), Layer("ner", Scheme.IOB2)])


def test_the_more_tags_a_model_has_the_fewer_sentences_are_decoded_at_once(monkeypatch):
    """Decoding takes memory for each pair of tags in each sentence."""
    tagger = Tagger(random_model(scheme=Scheme.PLAIN, labels=[f"L{number:04}" for number in range(1500)]), threads=1)
    sizes, emissions = [], tagger._network.emissions
    monkeypatch.setattr(
        tagger._network, "emissions", lambda *inputs: sizes.append(len(inputs[2])) or emissions(*inputs)
    )
    sentences = [["John", "lives"]] * 20
    assert len(tagger.tag(sentences)) == 20
    assert sum(sizes) == 20
    assert max(sizes) * 1500**2 <= MOST_PAIRS


def test_labels_of_any_script_are_welcome():
    labels = ("", "LOC", "creative work", "می‌شود", "名詞", "👩‍🔬")
    assert layers_problem([Layer("ner", Scheme.BMES, labels)]) == ""


def test_what_no_model_can_hold_is_refused_before_training(tmp_path):
    from tagsmith.corpus.corpus import read_corpus
    from tagsmith.training.recipe import make_recipe

    corpus = read_corpus([(["John"], ["S-P\u200bER"])] * 20)
    with pytest.raises(DataError, match="invisible"):
        prepare(corpus, make_recipe("fast"), None, 0)
    broken = replace(random_model(), layers=corpus.layers)
    with pytest.raises(ModelError, match="invisible"):
        write_model(broken, tmp_path / "model")
    weights = {**random_model().weights, "crf/0/end": np.full(9, np.nan, np.float32)}
    with pytest.raises(ModelError, match="crf/0/end"):
        write_model(replace(random_model(), weights=weights), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("field", ["\u202e", "\x1b[2J", "x" * 100_000])
def test_a_message_repeats_nothing_that_a_terminal_would_obey(tmp_path, field):
    """Found by the mutations below: the names of unknown fields were printed as they were."""
    refused(changed(config_json=config_with(("architecture", "units"), "1", key=field)), tmp_path, "config.json")


# ---------------------------------------------------------------------------------------------------------- weights


def test_the_weights_that_a_file_must_hold_are_those_of_the_network():
    for a in every_architecture(word_dim=5, character_dim=3, character_units=4, units=4):
        for pretrained in (True, False):
            kinds = weight_kinds(a, VOCABULARY, [5], pretrained)
            shapes = {name: kind.shape for name, kind in kinds.items()}
            assert shapes == weight_shapes(a, VOCABULARY, 5, pretrained)


@given(st.lists(st.floats(width=32), min_size=1, max_size=5), st.sampled_from([np.float16, np.float32]))
@example([np.nan], np.float16)
@example([1e6], np.float32)
def test_sound_weights_are_finite_and_not_too_large(numbers, kind):
    with np.errstate(over="ignore"):
        array = np.array(numbers, np.float32).astype(kind)
    assert is_sound(array) == all(np.isfinite(one) and abs(float(one)) <= 1e6 for one in array)
    assert is_sound(np.zeros((0, 3), kind))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1.1e6])
@pytest.mark.parametrize("choose", range(30))
def test_a_weight_that_is_not_a_usual_number_is_refused_by_name(tmp_path, choose, number):
    weights = mutated.with_number(valid_files(0)["weights.safetensors"], choose, number)
    error = refused(changed(weights_safetensors=weights), tmp_path, "weights.safetensors")
    assert "the weight " in str(error)


@pytest.mark.parametrize("number", MODELS)
@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_largest_weights_still_give_numbers(tmp_path, number, precision):
    """Products of weights that are as large as they may be stay finite everywhere, half precision included."""
    weights = mutated.scaled(valid_files(number)["weights.safetensors"], 1e6)
    config = config_with(("precision",), f'"{precision}"', number)
    assert (
        outcome(written(changed(number, weights_safetensors=weights, config_json=config), tmp_path / "model")) is None
    )


def test_a_header_with_other_shapes_is_refused_before_anything_is_read(tmp_path):
    """It is the header that is refused: the file holds not one number."""
    header, _ = mutated.header_of(valid_files(0)["weights.safetensors"])
    one = next(name for name in header if name != "__metadata__")
    header[one]["shape"] = [10**9, 10**9]
    weights = mutated.with_header(json.dumps(header).encode(), b"")
    assert f"the weight {one} is not" in str(refused(changed(weights_safetensors=weights), tmp_path, "weights"))


@pytest.mark.parametrize("length", [0, 1, 2**22 + 1, 2**63, 2**64 - 1])
def test_an_impossible_length_of_the_header_is_refused(tmp_path, length):
    weights = length.to_bytes(8, "little") + valid_files(0)["weights.safetensors"][8:]
    refused(changed(weights_safetensors=weights), tmp_path, "weights.safetensors")


# ------------------------------------------------------------------------------------------------------- mutations


@st.composite
def mutants(draw) -> mutated.Files:
    """A valid folder with one to three changes; mostly with the right digests."""
    files: mutated.Files = {**valid_files(draw(st.sampled_from(MODELS)))}
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([name for name in NAMES if name in files]))
        content = files[name]
        if not isinstance(content, bytes):
            continue
        change = draw(st.sampled_from(["bytes", "cut", "json", "json", "json", "number", "kind", "gone"]))
        if change == "kind":
            files[name] = KINDS[draw(st.sampled_from(sorted(KINDS)))]
        elif change == "gone":
            del files[name]
        elif change == "cut":
            files[name] = content[: draw(st.integers(0, len(content)))]
        elif change == "number" and name == "weights.safetensors":
            choose, number = draw(st.integers(0, 500)), draw(st.sampled_from(NUMBERS))
            files[name] = _unless_broken(lambda c=content, i=choose, n=number: mutated.with_number(c, i, n), content)
        elif change == "json" and name != "README.md":
            files[name] = _unless_broken(lambda n=name, c=content: _json_mutant(draw, n, c), content)
        else:
            place = draw(st.integers(0, max(0, len(content) - 1)))
            cut = draw(st.integers(0, 3))
            files[name] = content[:place] + draw(st.binary(max_size=4)) + content[place + cut :]
    return sealed(files) if draw(st.integers(0, 9)) else files


def _unless_broken(make, content: bytes) -> bytes:
    """What ``make`` makes of a file, unless an earlier change left nothing to work on."""
    try:
        return make()
    except (ValueError, KeyError, TypeError, IndexError, ZeroDivisionError, AttributeError, RecursionError):
        return content


def _json_mutant(draw, name: str, content: bytes) -> bytes:
    numbers = b""
    if name == "weights.safetensors":
        value, numbers = mutated.header_of(content)
    else:
        value = json.loads(content)
    path = draw(st.sampled_from([place for place in mutated.places(value) if place]))
    raw = draw(st.none() | st.sampled_from(STRANGE))
    key = draw(st.none() | st.sampled_from(["", "more", "x" * 3000, "__metadata__", "\u202e", "words.onnx"]))
    text = mutated.json_with(value, path, raw, key)
    return mutated.with_header(text, numbers) if name == "weights.safetensors" else text


@settings(max_examples=examples(150))
@given(mutants())
def test_a_mutated_folder_tags_legally_or_is_refused(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("mutant")
    try:
        outcome(written(files, folder / "model"))
    finally:
        shutil.rmtree(folder)


# ----------------------------------------------------------------------------------------------- memory and time

BOUNDED = """
import json, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from mutated_folders import outcome, valid_files, written
import tempfile
with tempfile.TemporaryDirectory() as folder:
    outcome(written(valid_files(0), Path(folder, "model")))  # imports and allocates what every model needs
pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (pages + 1_000_000_000,) * 2)
for path in sys.argv[2:]:
    signal.alarm(20)  # ends the process: nothing may take so long
    error = outcome(Path(path))
    signal.alarm(0)
    print(json.dumps(error is not None), flush=True)
"""


def _hostile() -> dict[str, mutated.Files]:
    files = valid_files(0)
    config = files["config.json"]
    _, numbers = mutated.header_of(files["weights.safetensors"])
    words = b'{"words": [' + b"{}," * 14_000_000 + b'{}], "pretrained": [], "characters": []}'
    strings = b'{"words": [' + b'"",' * 16_000_000 + b'""], "pretrained": [], "characters": []}'
    sparse = Path.write_bytes

    def endless(path: Path) -> None:
        sparse(path, files["weights.safetensors"])
        os.truncate(path, 2**31)

    return {
        "values": changed(vocabulary_json=words),
        "strings": changed(vocabulary_json=strings),
        "brackets": changed(seal=False, config_json=b"[" * 8_000_000),
        "objects": changed(seal=False, config_json=b'{"format_version": 6, "x": [' + b"{}," * 2_700_000 + b"{}]}"),
        "digits": changed(seal=False, config_json=config.replace(b'"units": 7', b'"units": ' + b"7" * 8_000_000)),
        "header": changed(weights_safetensors=mutated.with_header(b"[" * 4_000_000, numbers)),
        "sparse": {**files, "weights.safetensors": endless},
        "units": changed(config_json=config.replace(b'"units": 7', b'"units": 1000000000')),
        "layers": changed(config_json=config.replace(b'"layers": 1', b'"layers": 1000000000')),
        **{kind: {**files, "vocabulary.json": make} for kind, make in KINDS.items()},
    }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
def test_hostile_folders_are_refused_in_bounded_memory_and_time(tmp_path):
    """None takes a gigabyte more than a small model does, or hangs."""
    folders = [str(written(files, tmp_path / name.replace(" ", "-"))) for name, files in _hostile().items()]
    command = [sys.executable, "-c", BOUNDED, str(Path(mutated.__file__).parent), *folders]
    done = processes.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["true"] * len(folders)
