"""A tagger in a spaCy pipeline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicon_model import lexicon_model

import processes
import tagsmith
from random_model import LAYERS, WORDS, random_layers_model, random_model, random_sentences
from search_budget import examples
from tagsmith import Tagger, read_sentences
from tagsmith.errors import DataError, ModelError
from tagsmith.model.folder import write_model
from tagsmith.text.schemes import Scheme

spacy = pytest.importorskip("spacy")
from spacy.tokens import Doc, DocBin, Span, Token  # noqa: E402
from spacy.training import Example  # noqa: E402

TEXT = "John lives in New York. Paris the Reykjavík, don't."
SENTENCES = random_sentences(60, words=tuple(word for word in WORDS if word != "\ud800"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model of names."""
    folder = tmp_path_factory.mktemp("spacy") / "model"
    write_model(random_model(), folder)
    return folder


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> Path:
    """A model of a plain layer, whose tags are universal parts of speech, and of two layers of spans."""
    folder = tmp_path_factory.mktemp("spacy") / "several"
    write_model(random_layers_model(), folder)
    return folder


@pytest.fixture(autouse=True)
def _attributes():
    """Forget the custom attributes of each test."""
    yield
    for kind, names in ((Span, ("score", "probability")), (Token, ("pos", "third"))):
        for name in names:
            if kind.has_extension(name):
                kind.remove_extension(name)


def pipeline(folder: Path, **config: object) -> spacy.Language:
    nlp = spacy.blank("xx")
    nlp.add_pipe("tagsmith", config={"model": str(folder), **config})
    return nlp


def entities(doc: Doc) -> list[tuple[int, int, str]]:
    return [(span.start_char, span.end_char, span.label_) for span in doc.ents]


def predicted(folder: Path, doc: Doc, *firsts: int, layer: str | None = None) -> list[tuple[int, int, str, float]]:
    """What the tagger finds in the words of a document, cut before these tokens."""
    from tagsmith.text.document import Document, Sentence

    cuts = [0, *firsts, len(doc)]
    parts = [[token for token in doc[a:b] if not token.is_space] for a, b in pairwise(cuts)]
    sentences = tuple(Sentence(tuple(t.text for t in part), tuple(t.idx for t in part)) for part in parts)
    (document,) = tagsmith.load(folder).tag_documents([Document(doc.text, sentences)])
    spans = document.layer_spans[layer] if layer else document.spans
    return [(span.start, span.end, span.label, span.score) for span in spans]


# --- what is written where


def test_entities_and_scores_are_what_the_tagger_finds_in_the_same_words(folder):
    doc = pipeline(folder)(TEXT)
    assert doc.ents
    assert [(*entity, span._.score) for entity, span in zip(entities(doc), doc.ents, strict=True)] == [
        (*span, pytest.approx(score)) for *span, score in predicted(folder, doc)
    ]
    assert doc.has_annotation("ENT_IOB")
    assert doc[0:1]._.score is None or doc[0:1].label_


def test_each_layer_has_its_default_place(several):
    doc = pipeline(several)(TEXT)
    words = [token.text for token in doc]
    tags = tagsmith.load(several).tag_layers([words])
    assert [token.pos_ for token in doc] == tags["pos"][0]
    assert not doc.has_annotation("TAG")
    assert [(*entity, span._.score) for entity, span in zip(entities(doc), doc.ents, strict=True)] == [
        (*span, pytest.approx(score)) for *span, score in predicted(several, doc, layer="ner")
    ]
    chunks = doc.spans["chunk"]
    expected = predicted(several, doc, layer="chunk")
    assert [(span.start_char, span.end_char, span.label_) for span in chunks] == [tuple(one[:3]) for one in expected]
    np.testing.assert_allclose(chunks.attrs["scores"], [score for *_, score in expected], rtol=1e-5)


@pytest.mark.parametrize(
    ("layers", "targets"),
    [
        ([("upos", Scheme.PLAIN, ("NOUN", "VERB"))], {"upos": ["pos"]}),
        ([("xpos", Scheme.PLAIN, ("NN", "VERB"))], {"xpos": ["tag"]}),
        (
            [(name, Scheme.PLAIN, ("NOUN", "X")) for name in ("a", "b", "third")],
            {"a": ["pos"], "b": ["tag"], "third": ["_.third"]},
        ),
        ([("a", Scheme.IOB2, ("X",)), ("b", Scheme.IO, ("X",))], {"a": ["ents"], "b": ["spans:b"]}),
    ],
)
def test_the_default_place_follows_from_the_layer(layers, targets, tmp_path):
    write_model(random_layers_model(layers=tuple(layers)), tmp_path / "model")
    nlp = pipeline(tmp_path / "model")
    assert sorted(nlp.get_pipe("tagsmith").cfg["targets"].items()) == sorted(targets.items())
    nlp(TEXT)


def test_the_configuration_says_where_layers_go(several):
    layers = {"pos": ["tag", "_.pos"], "chunk": ["ents", "spans:sc"]}
    nlp = pipeline(several, layers=layers, score_attribute="probability")
    doc = nlp(TEXT)
    (tags,) = tagsmith.load(several).tag([[token.text for token in doc]], layer="pos")
    assert [token.tag_ for token in doc] == [token._.pos for token in doc] == tags
    assert not doc.has_annotation("POS")
    expected = predicted(several, doc, layer="chunk")
    assert entities(doc) == [tuple(one[:3]) for one in expected]
    assert [span._.probability for span in doc.spans["sc"]] == pytest.approx([score for *_, score in expected])
    assert set(doc.spans) == {"sc"}
    assert not Span.has_extension("score")


def test_scores_of_other_labels_on_the_same_tokens_are_kept_apart(several):
    doc = pipeline(several)(TEXT)
    one, other = Span(doc, 0, 2, label="X"), Span(doc, 0, 2, label="Y")
    one._.score, other._.score = 0.25, 0.75
    assert (one._.score, other._.score, doc[0:2]._.score) == (0.25, 0.75, None)


def test_no_scores_are_kept_unless_wanted(folder):
    doc = pipeline(folder, score_attribute=None)(TEXT)
    assert doc.ents
    assert not doc.user_data
    assert not Span.has_extension("score")


def test_scores_stay_with_their_spans_in_copies(folder):
    doc = pipeline(folder)(TEXT)
    scores = [span._.score for span in doc.ents]
    copies = (doc.copy(), Doc(doc.vocab).from_bytes(doc.to_bytes()), doc[:].as_doc(copy_user_data=True))
    assert all([span._.score for span in copy.ents] == scores for copy in copies)
    assert [span._.score for span in Doc.from_docs([doc, doc]).ents] == 2 * scores


def test_the_threshold_drops_spans(folder):
    doc = pipeline(folder)(TEXT)
    middle = sorted(span._.score for span in doc.ents)[len(doc.ents) // 2]
    above = [entity for entity, span in zip(entities(doc), doc.ents, strict=True) if span._.score >= middle]
    assert entities(pipeline(folder, threshold=middle)(TEXT)) == above
    assert {label for *_, label in entities(pipeline(folder, threshold={"PER": 1.0})(TEXT))} == {"LOC"}


# --- what the model reads


def test_white_space_is_no_word(several):
    nlp = pipeline(several, layers={"ner": "ents", "pos": ["pos", "tag", "_.pos"]})
    plain, spaced = nlp("John lives in New York."), nlp(" John  lives in\n\nNew \t York.\n")
    words = [token for token in spaced if not token.is_space]
    assert [token.text for token in words] == [token.text for token in plain]
    assert [token.pos_ for token in words] == [token.pos_ for token in plain]
    assert {(token.pos_, token.tag_, token._.pos) for token in spaced if token.is_space} == {("SPACE", "_SP", None)}
    assert [span.text.split() for span in spaced.ents] == [span.text.split() for span in plain.ents]


@pytest.mark.parametrize("text", ["", " ", "\n\n\t ", "\u200b", "\ufeff \u200b", "北京🙂" * 50, "a" * 5000])
@pytest.mark.parametrize("tokens", ["spacy", "tagsmith"])
def test_odd_texts_are_tagged(several, text, tokens):
    nlp = pipeline(several, layers={"ner": "ents", "pos": ["pos", "_.pos"]}, tokens=tokens)
    for doc in (nlp(text), *nlp.pipe([text, text])):
        assert doc.text == text
        assert all((token.pos_ == "SPACE") == token.is_space for token in doc)


def test_boundaries_of_sentences_are_used(folder):
    nlp = pipeline(folder)
    doc = Doc(nlp.vocab, words=[word for sentence in SENTENCES for word in sentence])
    firsts = list(np.cumsum([len(sentence) for sentence in SENTENCES])[:-1])
    for number, token in enumerate(doc):
        token.is_sent_start = number in (0, *firsts)
    nlp(doc)
    assert entities(doc) == [tuple(one[:3]) for one in predicted(folder, doc, *firsts)]
    assert entities(doc) != [tuple(one[:3]) for one in predicted(folder, doc)]


@pytest.mark.parametrize(("option", "cut"), [({}, False), ({"split_above": 10}, True), ({"split_above": None}, False)])
def test_a_text_without_boundaries_is_cut_if_it_is_long(folder, option, cut):
    nlp = pipeline(folder, **option)
    doc = nlp("John lives in New York. The London don't. Paris the Reykjavík.")
    firsts = [token.i + 1 for token in doc[:-1] if token.text == "."]
    assert len(firsts) == 2
    assert entities(doc) == [tuple(one[:3]) for one in predicted(folder, doc, *(firsts if cut else ()))]
    assert not doc.has_annotation("SENT_START")


def test_a_long_text_is_cut_by_default(folder):
    doc = pipeline(folder)("John lives in New York. " * 50)
    assert entities(doc) == [tuple(one[:3]) for one in predicted(folder, doc, *range(6, 300, 6))]


def test_a_document_of_many_tokens(folder):
    nlp = pipeline(folder)
    whole = pipeline(folder, split_above=None)
    text = " ".join(word for sentence in SENTENCES for word in sentence) + " "
    doc = nlp(text * 40)
    assert len(doc) > 10_000
    assert doc.ents[-1].end > 9_900
    assert whole(text * 40).ents[-1].end > 9_900


@pytest.mark.parametrize("tokens", ["spacy", "tagsmith"])
def test_tokens_are_those_of_the_configuration(several, tokens):
    nlp = pipeline(several, tokens=tokens)
    doc = nlp("New-York the in-in-Paris")  # spaCy cuts at hyphens
    (document,) = tagsmith.load(several).tag_texts([doc.text])
    words = [token.text for token in doc] if tokens == "spacy" else document.sentences[0].words
    (tags,) = tagsmith.load(several).tag([words], layer="pos")
    assert len(doc) == 9
    if tokens == "spacy":
        assert [token.pos_ for token in doc] == tags
    else:
        assert [token.pos_ for token in doc] == [tags[0]] * 3 + [tags[1]] + [tags[2]] * 5


@st.composite
def coarse(draw: st.DrawFn) -> list[str]:
    """Tokens that hold several of tagsmith's words, or parts of them."""
    text = " ".join(draw(st.sampled_from(SENTENCES)))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=6)))
    return [part for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) if (part := text[a:b])]


@cache
def aligning(folder: Path, alignment: str) -> spacy.Language:
    return pipeline(folder, tokens="tagsmith", split_above=0, alignment=alignment, precision="float32")


@given(words=coarse(), alignment=st.sampled_from(["expand", "contract", "strict"]))
@settings(max_examples=examples(40))
def test_spans_that_do_not_align_are_expanded_contracted_or_dropped(folder, words, alignment):
    nlp = aligning(folder, alignment)
    doc = Doc(nlp.vocab, words=words, spaces=[False] * len(words))
    (document,) = nlp.get_pipe("tagsmith").tagger.tag_texts([doc.text])
    fitted = []
    for span in document.spans:
        touched = [token for token in doc if token.idx < span.end and span.start < token.idx + len(token)]
        inside = [t for t in touched if span.start <= t.idx and t.idx + len(t) <= span.end]
        exact = inside == touched and inside[0].idx == span.start and inside[-1].idx + len(inside[-1]) == span.end
        taken = touched if alignment == "expand" else inside if alignment == "contract" or exact else []
        if taken:
            fitted.append((-span.score, taken[0].i, -taken[-1].i, span.label))
    expected, used = set(), set()
    for _, first, last, label in sorted(fitted):  # the more probable first
        if used.isdisjoint(range(first, 1 - last)):
            used.update(range(first, 1 - last))
            expected.add((first, 1 - last, label))
    assert {(span.start, span.end, span.label_) for span in nlp(doc).ents} == expected


# --- what is there already


def test_entities_that_are_there_stay_unless_overwrite_is_set(folder):
    for overwrite in (False, True):
        nlp = pipeline(folder, overwrite=overwrite)
        own = nlp(TEXT).ents
        first = next(span for span in own if span.start > 0)
        doc = nlp.make_doc(TEXT)
        doc.ents = [Span(doc, first.start - 1, first.end, label="MINE")]
        nlp(doc)
        if overwrite:
            assert [(span.text, span.label_) for span in doc.ents] == [(span.text, span.label_) for span in own]
        else:
            before = (first.start - 1, first.end)
            rest = {(s.start, s.end, s.label_) for s in own if s.end <= before[0] or s.start >= before[1]}
            assert {(s.start, s.end, s.label_) for s in doc.ents} == rest | {(*before, "MINE")}
            assert doc.ents[[s.label_ for s in doc.ents].index("MINE")]._.score is None


def test_tags_that_are_there_stay_unless_overwrite_is_set(several):
    for overwrite in (False, True):
        nlp = pipeline(several, layers={"pos": "tag"}, overwrite=overwrite)
        doc = nlp.make_doc("John lives in Paris")
        doc[1].tag_ = "MINE"
        nlp(doc)
        assert (doc[1].tag_ == "MINE") is not overwrite
        assert all(token.tag_ in LAYERS[0][2] for token in doc if token.i != 1)


def test_a_rule_based_component_before_is_respected(folder):
    nlp = pipeline(folder)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "CITY", "pattern": "New York"}])
    assert ("New York", "CITY") in [(span.text, span.label_) for span in nlp(TEXT).ents]


def test_another_custom_attribute_of_the_name_is_not_touched(folder):
    Span.set_extension("score", getter=len)
    with pytest.raises(DataError, match=r"another custom attribute 'score' of Span objects.*score_attribute"):
        pipeline(folder)
    assert Span.get_extension("score")[2] is len
    doc = pipeline(folder, score_attribute="probability")(TEXT)
    assert all(span._.score == len(span) and 0 < span._.probability <= 1 for span in doc.ents)


# --- streams


def test_documents_are_tagged_in_batches_and_in_order(folder, monkeypatch):
    texts = [" ".join(sentence) for sentence in SENTENCES]
    nlp = pipeline(folder, precision="float32")
    one_by_one = [entities(nlp(text)) for text in texts]
    batches: list[int] = []
    tag = tagsmith.Tagger.tag_documents

    def counted(self, documents, **options):
        batches.append(len(documents))
        return tag(self, documents, **options)

    monkeypatch.setattr(tagsmith.Tagger, "tag_documents", counted)
    docs = list(nlp.pipe([(text, number) for number, text in enumerate(texts)], as_tuples=True, batch_size=25))
    assert [entities(doc) for doc, _ in docs] == one_by_one
    assert [number for _, number in docs] == list(range(60))
    assert batches == [25, 25, 10]
    batches.clear()
    list(nlp.pipe(texts, batch_size=25, component_cfg={"tagsmith": {"batch_size": 40}}))
    assert batches == [40, 20]
    nlp = pipeline(folder, batch_size=30)
    batches.clear()
    list(nlp.pipe(texts))
    assert batches == [30, 30]


def test_the_error_handler_decides_about_a_batch_that_fails(folder, monkeypatch):
    nlp = pipeline(folder)
    tag = tagsmith.Tagger.tag_documents

    def failing(self, documents, **options):
        if any("Paris" in document.text for document in documents):
            raise RuntimeError("no Paris")
        return tag(self, documents, **options)

    monkeypatch.setattr(tagsmith.Tagger, "tag_documents", failing)
    texts = ["John lives", "Paris", "New York"]
    with pytest.raises(RuntimeError, match="no Paris"):
        list(nlp.pipe(texts))
    with pytest.raises(RuntimeError, match="no Paris"):
        nlp("Paris")
    failed = []
    nlp.set_error_handler(lambda name, component, docs, error: failed.append((name, len(docs), str(error))))
    assert [doc.text for doc in nlp.pipe(texts, batch_size=1)] == ["John lives", "New York"]
    assert failed == [("tagsmith", 1, "no Paris")]


PROCESSES = """
import multiprocessing, sys
import spacy
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    nlp = spacy.blank("en")
    nlp.add_pipe("tagsmith", config={"model": sys.argv[1], "precision": "float32"})
    texts = ["John lives in New York.", "", "Paris the Reykjavík", " "] * 5
    alone, together = list(nlp.pipe(texts)), list(nlp.pipe(texts, n_process=2, batch_size=3))
    one, other = [[span for doc in docs for span in doc.ents] for docs in (alone, together)]
    assert [(span.text, span.label_) for span in one] == [(span.text, span.label_) for span in other]
    assert all(abs(span._.score - twin._.score) < 1e-4 for span, twin in zip(one, other, strict=True))
    print(len(other))
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_two_processes_find_the_same(folder, start, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PROCESSES, "utf-8")
    command = [sys.executable, str(script), str(folder), start]
    done = processes.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


# --- saving and loading


def test_a_saved_pipeline_holds_the_model(several, tmp_path, recwarn):
    shutil.copytree(several, tmp_path / "model")
    nlp = pipeline(tmp_path / "model", threshold=0.4, layers={"ner": ["ents", "spans:sc"], "pos": "pos"})
    doc = nlp(TEXT)
    nlp.to_disk(tmp_path / "pipeline")
    shutil.rmtree(tmp_path / "model")
    again = spacy.load(tmp_path / "pipeline")
    assert not recwarn.list
    assert again.config == nlp.config
    other = again(TEXT)
    assert (entities(other), [t.pos_ for t in other]) == (entities(doc), [t.pos_ for t in doc])
    assert [span._.score for span in other.spans["sc"]] == [span._.score for span in doc.spans["sc"]]
    names = {path.name for path in (tmp_path / "pipeline" / "tagsmith").iterdir()}
    assert names == {path.name for path in several.iterdir()}
    assert tagsmith.load(tmp_path / "pipeline" / "tagsmith").layers == ("pos", "ner", "chunk")
    again.to_disk(tmp_path / "pipeline")  # over itself
    changed = spacy.load(tmp_path / "pipeline", config={"components.tagsmith.threshold": 1.0})
    assert not changed(TEXT).ents
    assert not spacy.load(tmp_path / "pipeline", exclude=["tagsmith"]).pipe_names


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # spaCy's
def test_a_package_of_the_pipeline_requires_tagsmith(folder, tmp_path):
    from spacy.cli.package import package

    nlp = pipeline(folder)
    nlp.add_pipe("tagsmith", name="second", config={"model": str(folder), "layers": {}})
    nlp.to_disk(tmp_path / "pipeline")
    spacy.load(tmp_path / "pipeline").to_disk(tmp_path / "again")
    package(tmp_path / "again", tmp_path, create_sdist=False)
    (meta,) = tmp_path.glob("xx_pipeline-*/meta.json")
    requirements = json.loads(meta.read_text("utf-8"))["requirements"]
    assert [one for one in requirements if one.startswith("tagsmith")] == [f"tagsmith>={tagsmith.__version__}"]


def test_a_pipeline_becomes_bytes(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    nlp = pipeline(tmp_path / "model")
    config, content, expected = nlp.config, nlp.to_bytes(), entities(nlp(TEXT))
    shutil.rmtree(tmp_path / "model")
    empty = spacy.blank("xx")
    empty.add_pipe("tagsmith", config={"model": None})
    assert entities(empty.from_bytes(content)(TEXT)) == expected
    with pytest.warns(UserWarning, match="no such model folder"):
        other = spacy.blank("xx").from_config(config)
    assert entities(other.from_bytes(content)(TEXT)) == expected
    damaged = content.replace(b'"format_version"', b'"format_versiom"')
    with pytest.raises(ModelError):
        other.from_bytes(damaged)


def test_the_configuration_goes_through_text(several):
    nlp = pipeline(several, layers={"ner": ["ents", "spans:sc"]}, threshold={"X": 0.5}, threads=1, precision="float32")
    config = spacy.util.load_config_from_str(nlp.config.to_str())
    again = spacy.util.load_model_from_config(config)
    assert again.config == nlp.config
    assert json.loads(json.dumps(again.config))["components"]["tagsmith"]["threshold"] == {"X": 0.5}
    tagger = again.get_pipe("tagsmith").tagger
    assert (tagger.threads, tagger.precision) == (1, "float32")
    assert entities(again(TEXT)) == entities(nlp(TEXT))


def test_a_missing_model_is_told_at_once_and_when_it_is_needed(tmp_path):
    with pytest.warns(UserWarning, match=r"nowhere: there is no such model folder\. Check the path"):
        nlp = pipeline(tmp_path / "nowhere")
    for use in (lambda: nlp(TEXT), lambda: list(nlp.pipe([TEXT])), lambda: nlp.to_disk(tmp_path / "pipeline")):
        with pytest.raises(ModelError, match="nowhere: there is no such model folder"):
            use()
    nlp = spacy.blank("xx")
    nlp.add_pipe("tagsmith", config={"model": None})
    with pytest.raises(ModelError, match=r"the component 'tagsmith' has no model\. Name a model folder"):
        nlp(TEXT)


def test_a_damaged_model_is_an_error_at_once(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        pipeline(tmp_path / "model")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"layers": {"nothing": "ents"}}, "gives no layer 'nothing'. Its layers: pos, ner, chunk"),
        ({"layers": {"pos": "ents"}}, "'pos' has plain tags, which cannot go to 'ents'"),
        ({"layers": {"ner": "tag"}}, "'ner' has spans, which cannot go to 'tag'"),
        ({"layers": {"ner": "spans:"}}, "cannot go to 'spans:'"),
        ({"layers": {"ner": "ents", "chunk": "ents"}}, "two layers go to 'ents'"),
        ({"threshold": {"Z": 0.5}}, "there is no label 'Z'"),
        ({"threshold": 2.0}, "between 0 and 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"tokens": "mine"}, "tokens"),
        ({"alignment": "mine"}, "alignment"),
        ({"precision": "int4"}, "precision"),
        ({"nothing": 1}, "nothing"),
    ],
)
def test_what_is_wrong_with_the_configuration_is_said_when_the_component_is_added(several, config, message):
    with pytest.raises(ValueError, match=message):  # tagsmith's errors and spaCy's are ValueErrors
        pipeline(several, **config)


def test_only_universal_parts_of_speech_are_parts_of_speech(tmp_path):
    write_model(random_layers_model(layers=(("xpos", Scheme.PLAIN, ("NN", "VERB")),)), tmp_path / "model")
    with pytest.raises(DataError, match="the tag 'NN' of the layer 'xpos' is no universal part of speech"):
        pipeline(tmp_path / "model", layers={"xpos": "pos"})


# --- the rest of spaCy


def gold_examples(nlp, sentences, tags) -> list[Example]:
    examples_ = []
    for words, names in zip(sentences, tags, strict=True):
        gold = Doc(nlp.vocab, words=words)
        gold.ents = [Span(gold, span.start, span.end, label=span.label) for span in tagsmith_spans(names) if span.label]
        examples_.append(Example(Doc(nlp.vocab, words=words), gold))
    return examples_


def tagsmith_spans(tags):
    from tagsmith.text.schemes import tags_to_spans

    return tags_to_spans(tags, Scheme.IOB2)


def test_spacy_scores_as_tagsmith_does(folder, several):
    tagger = tagsmith.load(folder, precision="float32")
    gold = tagsmith.load(folder, precision="int8").tag(SENTENCES)
    gold[::3] = [["O"] * len(tags) for tags in gold[::3]]
    scores = tagger.evaluate(list(zip(SENTENCES, gold, strict=True)))
    nlp = pipeline(folder, precision="float32")
    found = nlp.evaluate(gold_examples(nlp, SENTENCES, gold))
    assert 0 < scores.f1 < 1
    assert (found["ents_p"], found["ents_r"], found["ents_f"]) == pytest.approx(
        (scores.precision, scores.recall, scores.f1)
    )
    assert {label: one["f"] for label, one in found["ents_per_type"].items()} == pytest.approx(
        {label: one.f1 for label, one in scores.types.items()}
    )


@pytest.mark.slow
def test_spacys_command_scores_a_real_test_set_as_tagsmith_does(corpora, tmp_path):
    from spacy.cli.evaluate import evaluate

    train, test = (corpora / "english" / "uner_ewt" / f"en_ewt-ud-{part}.iob2" for part in ("dev", "test"))
    words_and_tags = chain.from_iterable(zip(s.words, s.layers["tags"], strict=True) for s in read_sentences(train))
    names = {word.lower(): f"S-{tag[2:]}" for word, tag in words_and_tags if tag in ("B-PER", "B-LOC", "B-ORG")}
    model = Tagger(lexicon_model(names))
    model.save(tmp_path / "model")
    pipeline(tmp_path / "model").to_disk(tmp_path / "pipeline")
    gold = [(sentence.words, sentence.layers["tags"]) for sentence in read_sentences(test)]
    nlp = spacy.blank("xx")
    DocBin(docs=[eg.reference for eg in gold_examples(nlp, *zip(*gold, strict=True))]).to_disk(tmp_path / "test.spacy")
    scores = model.evaluate(test)
    found = evaluate(str(tmp_path / "pipeline"), tmp_path / "test.spacy", gold_preproc=True)
    assert 0.2 < scores.f1 < 0.9
    assert (found["ents_p"], found["ents_r"], found["ents_f"]) == pytest.approx(
        (scores.precision, scores.recall, scores.f1), abs=1e-9
    )


def test_spacy_scores_tags_and_span_groups(several):
    layers = {"pos": ["tag", "pos"], "chunk": "spans:sc"}
    nlp = pipeline(several, layers=layers, precision="float32")
    examples_ = []
    for words in SENTENCES:
        gold = nlp(Doc(nlp.vocab, words=words))
        gold.spans["sc"] = [span for number, span in enumerate(gold.spans["sc"]) if number % 2]
        gold[0].pos_, gold[0].tag_ = "X", "X"
        examples_.append(Example(Doc(nlp.vocab, words=words), gold))
    found = nlp.evaluate(examples_)
    right = 1 - len(SENTENCES) / sum(map(len, SENTENCES))
    assert (found["tag_acc"], found["pos_acc"]) == pytest.approx((right, right))
    assert found["spans_sc_r"] == 1.0
    assert 0 < found["spans_sc_p"] < 1
    assert "ents_f" not in found


def test_the_pipeline_can_be_analyzed_initialized_and_rearranged(folder, several):
    nlp = pipeline(folder)
    nlp.add_pipe("tagsmith", name="second", config={"model": str(several), "layers": {"chunk": "spans:chunks"}})
    nlp.initialize()
    analysis = nlp.analyze_pipes()
    assert {"doc.ents", "doc.spans", "token.tag", "token.pos"} <= set(analysis["summary"]["tagsmith"]["assigns"])
    assert not any(analysis["problems"].values())
    assert nlp.pipe_labels == {"tagsmith": ["LOC", "PER"], "second": ["DET", "NOUN", "VERB", "X", "X", "Y"]}
    doc = nlp(TEXT)
    assert doc.ents
    assert doc.spans["chunks"]
    with nlp.select_pipes(disable="tagsmith"):
        assert not nlp(TEXT).ents
    nlp.rename_pipe("second", "chunker")
    copy = spacy.blank("xx")
    copy.add_pipe("chunker", source=nlp)
    assert len(copy(TEXT).spans["chunks"]) == len(doc.spans["chunks"])


def test_two_models_are_saved_apart(folder, several, tmp_path):
    nlp = pipeline(folder)
    nlp.add_pipe("tagsmith", name="second", config={"model": str(several), "layers": {"chunk": "spans:chunks"}})
    nlp.rename_pipe("second", "chunker")
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert again.pipe_names == ["tagsmith", "chunker"]
    assert entities(again(TEXT)) == entities(nlp(TEXT))
    assert len(again(TEXT).spans["chunks"]) == len(nlp(TEXT).spans["chunks"])


def test_training_another_component_is_not_disturbed(folder):
    nlp = spacy.blank("xx")
    nlp.add_pipe("ner")
    nlp.add_pipe("tagger")
    before = nlp.config["training"]["score_weights"]
    nlp.add_pipe("tagsmith", config={"model": str(folder)})
    assert nlp.config["training"]["score_weights"] == before


def test_displacy_shows_entities_and_span_groups(several):
    from spacy import displacy

    doc = pipeline(several)(TEXT)
    assert '<mark class="entity"' in displacy.render(doc, style="ent", jupyter=False)
    assert "Reykjavík" in displacy.render(doc, style="span", options={"spans_key": "chunk"}, jupyter=False)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_pipeline_without_the_component_loads_nothing_for_it():
    done = run("import sys, spacy; spacy.blank('en'); print(*sys.modules, sep='\\n')")
    modules = set(done.stdout.split())
    assert "tagsmith.integrations.spacy" in modules, done.stderr
    assert not modules & {"onnxruntime", "keras", "jax", "safetensors", "tagsmith.tagging.tagger"}


def test_without_spacy_the_error_names_the_extra():
    done = run(
        "import sys; sys.modules['spacy'] = None\n"
        "from tagsmith.errors import MissingExtraError\n"
        "try:\n    import tagsmith.integrations.spacy\n"
        "except MissingExtraError as error:\n    print(error)"
    )
    assert "The spaCy component needs the 'spacy' extra." in done.stdout, done.stderr
    assert "[spacy]" in done.stdout


def test_a_pipeline_with_the_model_that_comes_with_tagsmith_is_whole_on_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagsmith", config={"model": "en"})
    nlp.to_disk("pipeline")
    monkeypatch.setattr("tagsmith.model.packaged.FOLDER", tmp_path / "nothing")
    text = "Ada Lovelace was born in London."
    for one in (nlp, spacy.load("pipeline")):
        assert [(span.text, span.label_) for span in one(text).ents] == [
            ("Ada Lovelace", "PERSON"),
            ("London", "LOCATION"),
        ]
        assert [token.pos_ for token in one(text)] == ["PROPN", "PROPN", "AUX", "VERB", "ADP", "PROPN", "PUNCT"]
