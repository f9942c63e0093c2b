"""Files elsewhere: read, listed and written at URLs, in fsspec's memory file system."""

from __future__ import annotations

import gzip
import io
import re
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

import tagsmith
from random_model import random_model
from tagsmith.cli.serve import labeling_folder
from tagsmith.corpus.convert import convert, open_target
from tagsmith.corpus.corpus import read_corpus
from tagsmith.corpus.folders import files_of_folder
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError, InputError, ModelError, VectorsError, place_of
from tagsmith.files import new_folder, open_atomically
from tagsmith.formats.source import open_bytes
from tagsmith.model.folder import ModelFile, write_model
from tagsmith.model.frozen_vectors import frozen_vectors
from tagsmith.model.vectors import load_vectors
from tagsmith.remote import entries, exists, files_below, is_file, is_folder, local_path, url_of
from tagsmith.tagging.tagger import Tagger
from tagsmith.training.display import Silent
from tagsmith.training.target import check_new_run

CONLL = "John B-PER\nlives O\nin O\nYork B-LOC\n\nMary B-PER\nleft O\n"


@pytest.fixture
def memory():
    """An empty memory file system; yields its files, name → content."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]

    def put(**files):
        for name, content in files.items():
            system.pipe_file("/" + name, content.encode() if isinstance(content, str) else content)

    yield put
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def stored() -> dict[str, bytes]:
    return {name: file.getvalue() for name, file in fsspec.filesystem("memory").store.items()}


# ------------------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize("path", ["s3://bucket/a b/train.conll", Path("s3://bucket/a b/train.conll")])
def test_a_url_is_one_as_a_string_and_as_a_path(path):
    assert url_of(path) == place_of(path) == "s3://bucket/a b/train.conll"


@pytest.mark.parametrize("path", ["train.conll", "/data/s3/x", "C:/data", "hf://owner/name", "file:///x", "-", "a:b"])
def test_other_paths_are_none(path):
    assert url_of(path) is url_of(Path(path)) is None


@pytest.mark.parametrize(
    "url", ["github://org:repo@main/x", "zip://x.zip", "reference://x", "dask://x", "nonsense://x"]
)
def test_only_known_kinds_of_urls_are_opened(url):
    for path in (url, Path(url)):
        with pytest.raises(InputError, match=r"is no place that is read or written. Use one of s3://"):
            read_sentences(path)


def test_a_chain_of_urls_is_not_opened():
    with pytest.raises(InputError, match="chain"):
        read_sentences("https://host/a.zip::memory://x")


def test_a_local_folder_may_be_called_like_a_scheme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data:").mkdir()
    Path("data:/train.conll").write_text(CONLL, "utf-8")
    assert len(read_sentences(Path("data:/train.conll"))) == 2


def test_messages_do_not_tell_what_gives_access():
    assert place_of("sftp://me:secret@host/a") == "sftp://…@host/a"
    assert (
        place_of("abfs://container@account.dfs.core.windows.net/a") == "abfs://container@account.dfs.core.windows.net/a"
    )
    assert place_of(Path("https://host/train.conll?sig=secret")) == "https://host/train.conll?…"
    assert "secret" not in str(DataError("Wrong.", path="https://host/a?token=secret"))


def test_file_urls_are_paths_of_this_machine(tmp_path):
    path = tmp_path / "a file.conll"
    path.write_text(CONLL, "utf-8")
    assert local_path(path.as_uri()) == local_path(Path(path.as_uri())) == path
    assert read_sentences(path.as_uri()) == read_sentences(path)
    with pytest.raises(InputError, match="file:///"):
        local_path("file://data/train.conll")


# ---------------------------------------------------------------------------------------------------------- reading


def test_what_is_elsewhere_is_read_as_what_is_here(memory, tmp_path):
    memory(**{"data/train.conll": CONLL})
    (tmp_path / "train.conll").write_text(CONLL, "utf-8")
    here = read_sentences(tmp_path / "train.conll")
    assert read_sentences("memory://data/train.conll") == here
    assert read_sentences(Path("memory://data/train.conll")) == here


def test_compressed_files_are_unpacked(memory):
    memory(**{"train.conll.gz": gzip.compress(CONLL.encode())})
    assert len(read_sentences("memory://train.conll.gz")) == 2


def test_a_large_file_is_read_in_pieces(memory):
    memory(large=b"0123456789" * (1 << 20))
    with open_bytes("memory://large") as stream:
        assert stream.read(10) == b"0123456789"
        assert stream.seek(5_000_001)
        assert stream.read(3) == b"123"


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_tables_are_read_and_written(memory, suffix):
    memory(**{"train.conll": CONLL})
    convert("memory://train.conll", f"memory://out/train.{suffix}")
    read, given = (read_sentences(source) for source in (f"memory://out/train.{suffix}", io.StringIO(CONLL)))
    assert [(one.words, one.layers) for one in read] == [(one.words, one.layers) for one in given]


def test_two_files_that_belong_together_are_found(memory):
    memory(
        **{"d/a.txt": "Ada left", "d/a.ann": "T1\tPER 0 3\tAda\n", "d/seq.in": "Ada left\n", "d/seq.out": "B-PER O\n"}
    )
    tags = [("B-PER", "O")]
    assert [s.layers["tags"] for s in read_sentences("memory://d/a.txt")] == tags
    assert [s.layers["tags"] for s in read_sentences("memory://d/seq.in")] == tags


def test_a_missing_file_is_an_error_that_names_it(memory):
    with pytest.raises(DataError, match=r"^memory://data/none.conll: There is no such file"):
        read_sentences("memory://data/none.conll")


def test_a_folder_is_no_file(memory):
    memory(**{"data/train.conll": CONLL})
    with pytest.raises(DataError, match="directory"):
        read_sentences("memory://data", format="conll")


# ---------------------------------------------------------------------------------------------------------- folders


def test_folders_are_listed(memory):
    memory(**{"d/b.conll": CONLL, "d/a.txt": "x", "d/in/c.conll": CONLL, "other/d.conll": CONLL})
    assert [(one.path.name, one.is_folder, one.is_file) for one in entries("memory://d")] == [
        ("a.txt", False, True),
        ("b.conll", False, True),
        ("in", True, False),
    ]
    assert [url_of(path) for path in files_below(Path("memory://d"))] == [
        f"memory://d/{name}" for name in ("a.txt", "b.conll", "in/c.conll")
    ]
    assert is_folder("memory://d")
    assert is_file("memory://d/a.txt")
    assert exists("memory://d/in")
    assert not exists("memory://d/none")


def test_a_folder_of_data_has_its_parts(memory):
    memory(**{"d/train.conll": CONLL, "d/dev.conll": CONLL, "d/README.md": "# data"})
    parts = files_of_folder("memory://d").parts
    assert [list(map(place_of, parts[part])) for part in ("train", "dev")] == [
        ["memory://d/train.conll"],
        ["memory://d/dev.conll"],
    ]


def test_a_corpus_knows_the_files_that_it_was_read_from(memory, tmp_path):
    memory(**{"d/train.conll": CONLL})
    (tmp_path / "train.conll").write_text(CONLL, "utf-8")
    there, here = (
        read_corpus(str(path), dev=[(["Ada"], ["B-PER"])])
        for path in ("memory://d/train.conll", tmp_path / "train.conll")
    )
    assert there.sources == here.sources


# ---------------------------------------------------------------------------------------------------------- writing


def test_a_file_appears_when_it_is_complete(memory):
    with open_target("memory://out/a.txt") as stream:
        stream.write("half")
        assert "/out/a.txt" not in stored()
        stream.write(" and half")
    assert stored() == {"/out/a.txt": b"half and half"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("the disk is full"), ValueError])
def test_an_interrupted_file_never_appears_and_the_old_one_stays(memory, error):
    memory(**{"old.txt": "old"})
    for name in ("old.txt", "new.txt"):
        with pytest.raises(BaseException), open_atomically(Path(f"memory://{name}")) as stream:  # noqa: B017, PT012
            stream.write(b"half")
            raise error
    assert stored() == {"/old.txt": b"old"}


def test_a_folder_is_written_when_it_is_complete(memory):
    with new_folder(Path("memory://m")) as made:
        (made / "config.json").write_text("{}", "utf-8")
        (made / "weights").write_bytes(b"1")
        assert stored() == {}
    assert stored() == {"/m/config.json": b"{}", "/m/weights": b"1"}
    with pytest.raises(KeyboardInterrupt), new_folder(Path("memory://m")) as made:  # noqa: PT012
        (made / "config.json").write_text("new", "utf-8")
        raise KeyboardInterrupt
    assert stored() == {"/m/config.json": b"{}", "/m/weights": b"1"}


# ----------------------------------------------------------------------------------------------------------- models


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tagsmith"


def test_a_model_is_written_and_loaded_elsewhere(memory, cache):
    tagger = Tagger(random_model())
    tagger.save("memory://models/m")
    assert {"/models/m/config.json", "/models/m/weights.safetensors"} <= stored().keys()
    words = [["John", "lives", "in", "York"]]
    assert tagsmith.load("memory://models/m").tag(words) == tagger.tag(words)
    assert tagsmith.load(Path("memory://models/m")).tag(words) == tagger.tag(words)


def test_a_model_is_copied_again_only_when_it_has_changed(memory, cache):
    Tagger(random_model()).save("memory://m")
    tagsmith.load("memory://m")
    (folder,) = (cache / "elsewhere").iterdir()
    before = folder.stat().st_ino
    tagsmith.load("memory://m")
    assert folder.stat().st_ino == before
    Tagger(random_model(seed=1)).save("memory://m")
    assert tagsmith.load("memory://m").model.recipe == {"seed": 1}
    assert [one.name for one in (cache / "elsewhere").iterdir()] == [folder.name]


def test_a_file_of_an_older_model_does_not_stay(memory, cache):
    write_model(replace(random_model(), extras={"learning_curve.png": b"old"}), Path("memory://m"))
    write_model(random_model(), Path("memory://m"))
    assert "/m/learning_curve.png" not in stored()


def test_what_is_no_model_is_not_replaced(memory, cache):
    memory(**{"data/train.conll": CONLL})
    for place, problem in (("data", "is not empty and holds no model"), ("data/train.conll", "this is a file")):
        with pytest.raises(ModelError, match=rf"^memory://{place}: .*{problem}"):
            Tagger(random_model()).save(f"memory://{place}")
    assert stored() == {"/data/train.conll": CONLL.encode()}


def test_an_altered_or_missing_model_is_an_error_that_names_it(memory, cache):
    with pytest.raises(ModelError, match=r"^memory://none: there is no such model folder"):
        tagsmith.load("memory://none")
    Tagger(random_model()).save("memory://m")
    memory(**{"m/vocabulary.json": b"{}"})
    with pytest.raises(ModelError, match=r"^memory://m, vocabulary.json: .* has to upload it again"):
        tagsmith.load("memory://m")


def test_a_file_that_is_too_large_for_a_model_is_not_copied(memory, cache, monkeypatch):
    Tagger(random_model()).save("memory://m")
    monkeypatch.setitem(tagsmith.model.folder.MOST, ModelFile.WEIGHTS, 100)
    with pytest.raises(ModelError, match=r"weights.safetensors: it cannot be copied: It has more than 100 bytes"):
        tagsmith.load("memory://m")
    assert not list((cache / "elsewhere").glob("*"))


def test_vectors_are_copied_to_the_cache(memory, cache):
    memory(**{"v/glove.txt": "the 0.5 1\nof 1 2\n"})
    assert load_vectors("memory://v/glove.txt").words == ("the", "of")
    assert frozen_vectors("memory://v/glove.txt").words == ("the", "of")
    with pytest.raises(VectorsError, match=r"^memory://v/none.txt: There is no such file"):
        load_vectors("memory://v/none.txt")


TINY = {"units": 8, "characters": "none", "average_epochs": 0, "batch_tokens": 128, "least_steps": 1, "epochs": 2}


@pytest.mark.slow
def test_a_model_is_trained_here_and_sent_there(memory, cache, capfd):
    memory(**{"data/train.conll": CONLL * 20, "data/dev.conll": CONLL})
    tagger = tagsmith.train("memory://data", out="memory://m", preset="fast", recipe=TINY)
    assert tagsmith.load("memory://m").tag([["Mary"]]) == tagger.tag([["Mary"]])
    assert "model sent to memory://m" in capfd.readouterr().err
    assert not [path for path in (cache / "training").rglob("*") if path.is_file()]
    with pytest.raises(ModelError, match=r"^memory://m: this folder holds a model. .*--force"):
        tagsmith.train("memory://data", out="memory://m", preset="fast", recipe=TINY)


class Stopping(Silent):
    """Interrupts training after its first epoch."""

    def epoch(self, entry):
        raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_is_sent(memory, cache):
    data = [(["Ada", "left"], ["B-PER", "O"])] * 20
    how = {"out": "memory://m", "preset": "fast", "recipe": TINY}
    with pytest.raises(KeyboardInterrupt, match="--resume"):
        tagsmith.train(data, **how, display=Stopping())
    assert stored() == {}
    with pytest.raises(ModelError, match=r"^memory://m: an unfinished run .* --resume"):
        tagsmith.train(data, **how)
    tagger = tagsmith.train(data, **how, resume=True)
    assert tagsmith.load("memory://m").tag([["Ada"]]) == tagger.tag([["Ada"]])


@pytest.mark.slow
def test_a_model_that_cannot_be_sent_is_kept(memory, cache, monkeypatch, capfd):
    monkeypatch.setattr("tagsmith.files.upload_folder", lost)
    with pytest.raises(OSError, match="The connection is lost"):
        tagsmith.train([(["Ada", "left"], ["B-PER", "O"])] * 20, out="memory://m", preset="fast", recipe=TINY)
    kept = re.search(r"the model was finished, and is in (\S+);", capfd.readouterr().err)
    assert tagsmith.load(kept[1]).tag([["Ada"]])
    assert "/m/config.json" not in stored()


def lost(*arguments, **options):
    raise OSError(5, "The connection is lost")


def test_nothing_is_trained_for_a_place_that_cannot_be_written(memory, cache):
    memory(file="x")
    with pytest.raises(ModelError, match=r"^memory://file/m: no model can be written here"):
        check_new_run(Path("memory://file/m"), resume=False, force=False)


def test_a_search_and_labels_are_kept_on_this_machine():
    from tagsmith.tuning.tune import tune  # imports Keras

    with pytest.raises(InputError, match="cannot be elsewhere"):
        tune([(["Ada"], ["B-PER"])], out="memory://search")
    with pytest.raises(InputError, match="cannot be elsewhere"):
        labeling_folder({}, Path("memory://labels"))
