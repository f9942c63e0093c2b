from __future__ import annotations

import io
import json

import pytest

from tagsmith.corpus.convert import convert, open_target
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.text.schemes import Scheme

TEXT = "John\tB-PER\nSmith\tI-PER\nlives\tO\n\nHi\tO\n\n"


def test_from_one_scheme_to_another(file, tmp_path):
    out = tmp_path / "out.conll"
    done = convert(file(TEXT), out, scheme=Scheme.BIOES)
    assert out.read_text("utf-8") == "John\tB-PER\nSmith\tE-PER\nlives\tO\n\nHi\tO\n\n"
    assert (done.documents, done.sentences, done.tokens) == (2, 2, 4)
    assert (done.layer, done.source_scheme, done.scheme) == ("tags", Scheme.IOB2, Scheme.BIOES)
    assert (done.repairs, done.problems) == ((), ())


@pytest.mark.parametrize("name", ["x.conll", "x.conllu", "x.csv", "x.jsonl"])
def test_through_every_format_and_back(file, tmp_path, name):
    convert(file(TEXT), tmp_path / name)
    layer = "tags"
    convert(tmp_path / name, tmp_path / "back.conll", layer=layer)
    first, second = (read_sentences(path) for path in (file(TEXT), tmp_path / "back.conll"))
    assert [(s.words, s.layers) for s in first] == [(s.words, s.layers) for s in second]


def test_streams(file):
    out = io.StringIO()
    convert(io.StringIO(TEXT), out, target_format="jsonl")
    first = json.loads(out.getvalue().splitlines()[0])
    assert first["spans"] == [{"start": 0, "end": 10, "label": "PER", "text": "John Smith"}]


def test_plain_tags_pass_but_take_no_other_scheme(file, tmp_path):
    conllu = file("1\ta\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n", "a.conllu")
    assert convert(conllu, tmp_path / "a.conll").scheme is Scheme.PLAIN
    assert (tmp_path / "a.conll").read_text("utf-8") == "a\tNOUN\n\n"
    with pytest.raises(DataError, match="plain tags label tokens"):
        convert(conllu, tmp_path / "b.conll", scheme=Scheme.IOB2)
    assert not (tmp_path / "b.conll").exists()


def test_unlabeled_data_is_converted_too(file, tmp_path):
    done = convert(file("John\nlives\n"), tmp_path / "out.jsonl")
    assert done.layer is None
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8"))["text"] == "John lives"


ILLEGAL = TEXT * 20 + "# c\nb\tO\nc\tI-X\n\n"


def test_illegal_tags_are_an_error_that_names_the_line_and_leaves_nothing(file, tmp_path):
    out = tmp_path / "out.conll"
    out.write_text("before", "utf-8")
    with pytest.raises(DataError, match="'I-X' on 'c' is not legal in IOB2: it cannot follow O") as caught:
        convert(file(ILLEGAL), out)
    assert caught.value.line == 123
    assert "--repair" in caught.value.remedy
    assert out.read_text("utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.conll", "out.conll"]


def test_illegal_tags_are_repaired_on_request(file, tmp_path):
    done = convert(file(ILLEGAL), tmp_path / "out.conll", repair=True)
    assert [(repair.line, repair.becomes) for repair in done.repairs] == [(123, "B-X")]
    assert (tmp_path / "out.conll").read_text("utf-8").endswith("# c\nb\tO\nc\tB-X\n\n")


def test_problems_are_reported_once(file, tmp_path):
    path = file('{"text": "Johnny", "label": [[0, 4, "X"]]}\n', "a.jsonl")
    assert len(convert(path, tmp_path / "out.conll").problems) == 1


def test_a_file_can_be_converted_in_place(file):
    path = file(TEXT)
    convert(path, path, scheme=Scheme.BILOU)
    assert path.read_text("utf-8").startswith("John\tB-PER\nSmith\tL-PER\n")


def test_targets_that_cannot_be_written(tmp_path):
    for target, message in [
        (tmp_path, "is a directory"),
        (tmp_path / "no" / "x", "No file can be written here"),
    ]:
        with pytest.raises(DataError, match=message), open_target(target):
            pass


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    def interrupted():
        with open_target(tmp_path / "x") as stream:
            stream.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_layer_is_named(file, tmp_path):
    path = file("Sentence #,Word,POS,Tag\n1,a,N,O\n", "a.csv")
    with pytest.raises(DataError, match="no layer 'upos' here") as caught:
        convert(path, tmp_path / "x.conllu", layer="upos", target_format="conllu", repair=True)
    assert "pos" in caught.value.remedy
