"""spaCy's DocBin: what spaCy writes is read, and what is written spaCy reads."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from format_options import write_options
from search_budget import examples
from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError, MissingExtraError
from tagsmith.formats import FORMATS, detect_format
from tagsmith.formats.options import WriteOptions, read_options
from tagsmith.text.document import Document, Sentence, Span
from tagsmith.text.layer import Layer
from tagsmith.text.schemes import Scheme
from tagsmith.text.tokenizer import words_and_starts

pytest.importorskip("spacy")
from spacy.tokens import Doc, DocBin
from spacy.tokens import Span as SpacySpan
from spacy.vocab import Vocab

FORMAT = FORMATS["spacy"]


def read(*docs: Doc, **options) -> list[Document]:
    return list(FORMAT.read(io.BytesIO(DocBin(docs=docs).to_bytes()), read_options(**options)))


def written(*documents: Document, options: WriteOptions | None = None) -> list[Doc]:
    stream = io.BytesIO()
    FORMAT.write_bytes(documents, stream, options or write_options("tags"))
    return list(DocBin().from_bytes(stream.getvalue()).get_docs(Vocab()))


def document(text: str, *spans: Span) -> Document:
    sentences = tuple(Sentence(tuple(words), tuple(starts)) for words, starts in words_and_starts(text))
    return Document(text, sentences, spans)


def doc(*ents: tuple[int, int, str], words=("Ann", "Lee", "left", "\n", "東京", "."), **more) -> Doc:
    made = Doc(Vocab(), words=list(words), spaces=[True, True, False, False, False, False], **more)
    made.set_ents([SpacySpan(made, *ent) for ent in ents], default="outside")
    return made


def test_entities_tags_and_sentences_are_read():
    made = doc((0, 2, "PER"), (4, 5, "LOC"), sent_starts=[True, False, False, False, True, False])
    for token, pos in zip(made, ("PROPN", "PROPN", "VERB", "SPACE", "PROPN", "PUNCT"), strict=True):
        token.pos_ = pos
    made[0].tag_ = "NNP"
    (found,) = read(made)
    assert found.text == "Ann Lee left\n東京."
    assert [sentence.words for sentence in found.sentences] == [("Ann", "Lee", "left"), ("東京", ".")]
    assert found.spans == (Span(0, 7, "PER", "Ann Lee"), Span(13, 15, "LOC", "東京"))
    assert found.sentences[0].layers == {
        "tags": ("B-PER", "I-PER", "O"), "upos": ("PROPN", "PROPN", "VERB"), "xpos": ("NNP", "_", "_"),
    }  # fmt: skip


def test_without_sentences_the_text_is_cut_as_any_text():
    words = ["Ann", "left", ".", "Lee", "went", "."]
    (found,) = read(Doc(Vocab(), words=words, ents=["B-PER", "O", "O", "B-PER", "O", "O"]))
    assert [sentence.words for sentence in found.sentences] == [("Ann", "left", "."), ("Lee", "went", ".")]


def test_a_group_of_spans_is_a_layer_under_its_key():
    made = doc((0, 2, "PER"), sent_starts=[True, False, False, False, True, False])
    made.spans["other"] = [SpacySpan(made, 4, 5, "LOC")]
    assert read(made, layer="other")[0].sentences[1].layers["other"] == ("B-LOC", "O")
    assert "other" not in read(made)[0].sentences[1].layers


def test_spans_inside_others_are_kept_both_ways():
    nested = document("Ann Lee left.", Span(0, 7, "PER", "Ann Lee"), Span(4, 7, "LAST", "Lee"))
    (made,) = written(nested)
    assert [(ent.text, ent.label_) for ent in made.ents] == [("Ann Lee", "PER")]
    assert [(span.text, span.label_) for span in made.spans["sc"]] == [("Ann Lee", "PER"), ("Lee", "LAST")]
    assert read(made)[0].spans == nested.spans


def test_plain_layers_are_parts_of_speech_and_tags():
    layers = {"upos": ("PROPN", "VERB"), "xpos": ("NNP", "VBD"), "mine": ("a", "b")}
    sentence = Sentence(("Ann", "left"), (0, 4), layers)
    (made,) = written(Document("Ann left", (sentence,)), options=WriteOptions())
    assert [(token.pos_, token.tag_) for token in made] == [("PROPN", "NNP"), ("VERB", "VBD")]
    (made,) = written(Document("Ann left", (sentence,)), options=WriteOptions(layers=(Layer("mine", Scheme.PLAIN),)))
    assert [token.tag_ for token in made] == ["a", "b"]
    assert not made.ents


TEXTS = st.text(st.sampled_from("a.B \n\t\u3000\u00a0東\U0001f600'-"), max_size=30)


@given(text=TEXTS)
@settings(max_examples=examples(60))
def test_any_text_comes_back_with_its_tokens(text: str):
    one = document(text)
    (made,) = written(one)
    assert made.text == text
    starts = [(token.idx, token.text) for token in made if not token.text.isspace()]
    assert starts == [(token.start, token.text) for sentence in one.sentences for token in sentence.tokens]
    if one.sentences:
        assert [sentence.words for sentence in read(made)[0].sentences] == [
            sentence.words for sentence in one.sentences
        ]


def test_a_file_is_converted_and_found_by_content(tmp_path: Path, file):
    source = file("Ann\tB-PER\nleft\tO\n\nOslo\tB-LOC\n", "a.conll")
    convert(source, tmp_path / "a.spacy")
    (tmp_path / "b").write_bytes((tmp_path / "a.spacy").read_bytes())
    assert detect_format(tmp_path / "b") == "spacy"
    for path in (tmp_path / "a.spacy", tmp_path / "b"):
        assert [sentence.layers["tags"] for sentence in read_sentences(path)] == [("B-PER", "O"), ("B-LOC",)]


def test_what_is_no_docbin_is_an_error_that_names_it(file):
    whole = DocBin(docs=[doc((0, 2, "PER"))]).to_bytes()
    for content in (b"", b"x", whole[:40], zlib.compress(b"\x80"), zlib.compress(b"\x81\xa1a\xa1b")):
        with pytest.raises(DataError, match=r"a.spacy: This is no DocBin of spaCy's, or it is damaged"):
            read_sentences(file(content, "a.spacy"), format="spacy")
    with pytest.raises(DataError, match="holds no documents with tokens"):
        read_sentences(file(DocBin().to_bytes(), "a.spacy"))
    with pytest.raises(DataError, match="There are no labels here"):
        read_sentences(file(DocBin(docs=[Doc(Vocab(), words=["a"])]).to_bytes(), "a.spacy"))


def test_without_spacy_the_extra_is_named(monkeypatch, file):
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    with pytest.raises(MissingExtraError, match="needs the 'spacy' extra"):
        read_sentences(file(b"", "a.spacy"), format="spacy")
