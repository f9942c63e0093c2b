from __future__ import annotations

import io
from dataclasses import replace

import pytest

from format_options import write_options
from tagsmith.corpus.convert import convert
from tagsmith.corpus.sources import read_documents, read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import FORMATS, conllu
from tagsmith.formats.options import read_options
from tagsmith.formats.source import token_line
from tagsmith.text.document import Document, document_from_sentences, sentence_from_words
from tagsmith.text.schemes import Scheme


def row(number, word, upos="X", xpos="_", feats="_", misc="_") -> str:
    return f"{number}\t{word}\t_\t{upos}\t{xpos}\t{feats}\t0\troot\t_\t{misc}\n"


SAMPLE = (
    "# newdoc id = d1\n# sent_id = 1\n# text = I don't  eat.\n"
    + row(1, "I", "PRON", "PRP", "Number=Sing")
    + row("2-3", "don't", "_")
    + row(2, "do", "AUX")
    + row(3, "n't", "PART")
    + row(4, "eat", "VERB", misc="SpaceAfter=No")
    + row("4.1", "what", "PRON")
    + row(5, ".", "PUNCT")
    + "\n# sent_id = 2\n# text = Hi!\n"
    + row(1, "Hi", "INTJ", misc="SpaceAfter=No")
    + row(2, "!", "PUNCT")
    + "\n# newdoc id = d2\n# text = Ho\n"
    + row(1, "Ho", "INTJ")
    + "\n"
)


def read(source, **options) -> list[Document]:
    return list(conllu.read(io.StringIO(source) if isinstance(source, str) else source, read_options(**options)))


def written(documents, **options) -> str:
    stream = io.StringIO()
    conllu.write(documents, stream, write_options(**options))
    return stream.getvalue()


def test_layers_documents_and_offsets():
    first, second = read(SAMPLE)
    assert first.text == "I don't  eat.\nHi!"
    assert second.text == "Ho"
    sentence = first.sentences[0]
    assert sentence.words == ("I", "do", "n't", "eat", ".")
    assert sentence.starts == (0, 2, 4, 9, 12)
    assert sentence.layers["upos"] == ("PRON", "AUX", "PART", "VERB", "PUNCT")
    assert sentence.layers["xpos"][0] == "PRP"
    assert sentence.layers["feats"][0] == "Number=Sing"
    assert first.sentences[1].starts == (14, 16)


def test_it_comes_back_to_the_byte():
    assert written(read(SAMPLE)) == SAMPLE


def test_lines_of_tokens_pass_over_ranges_and_empty_nodes():
    sentence = read(SAMPLE)[0].sentences[0]
    lines = SAMPLE.split("\n")
    for index, word in enumerate(sentence.words):
        assert lines[token_line(sentence, index) - 1].split("\t")[1] == word


def test_without_newdoc_each_sentence_is_a_document():
    text = row(1, "a") + "\n" + row(1, "b") + "\n"
    assert [document.text for document in read(text)] == ["a", "b"]


def test_without_text_spaces_follow_space_after_and_ranges():
    text = (
        row("1-2", "don't", "_", misc="SpaceAfter=No")
        + row(1, "do")
        + row(2, "n't")
        + row(3, "!")
        + row("4-5", "zum", "_")
        + row(4, "zu")
        + row(5, "dem")
        + row(6, "x")
        + "\n"
    )
    (document,) = read(text)
    assert document.text == "don't! zu dem x"
    assert [document.text[token.start : token.end] for token in document.sentences[0].tokens] == list(
        document.sentences[0].words
    )


def test_a_text_that_does_not_hold_the_words_is_not_used():
    (document,) = read("# text = zum Haus\n" + row(1, "zu") + row(2, "dem") + row(3, "Haus") + "\n")
    assert document.text == "zu dem Haus"


def test_words_with_spaces():
    (document,) = read("# text =bắt chuyện với\n" + row(1, "bắt chuyện") + row(2, "với") + "\n")
    assert document.sentences[0].starts == (0, 11)


def test_a_predicted_layer_replaces_its_column_and_nothing_else():
    (document,) = read(row(1, "a", "X", "NN", "_", "Gloss=b") + "\n")
    tagged = Document(document.text, (document.sentences[0].with_layer("upos", ["NOUN"]),))
    assert written([tagged]) == row(1, "a", "NOUN", "NN", "_", "Gloss=b") + "\n"


def test_a_layer_without_a_column_goes_through_misc():
    (document,) = read(row(1, "a", misc="Gloss=b|ner=B-Y") + row(2, "b") + row(3, "c", misc="ner=O") + "\n")
    tagged = Document(document.text, (document.sentences[0].with_layer("ner", ["B-X", "I-X", "O"]),))
    text = written([tagged], layer="ner")
    assert text == row(1, "a", misc="Gloss=b|ner=B-X") + row(2, "b", misc="ner=I-X") + row(3, "c") + "\n"
    assert read(text, layer="ner")[0].sentences[0].layers["ner"] == ("B-X", "I-X", "O")


def test_lemma_and_relation_on_request():
    (document,) = read(row(1, "a") + "\n", layer="deprel")
    assert document.sentences[0].layers["deprel"] == ("root",)


def test_documents_from_elsewhere_get_text_and_spacing():
    sentence = sentence_from_words(["New York", "is"], {"upos": ["PROPN", "AUX"]})
    (back,) = read(written([document_from_sentences([sentence])]))
    assert back.sentences[0].layers["upos"] == ("PROPN", "AUX")
    glued = Document("Hi!", (sentence_from_words(["Hi"]).__class__(("Hi", "!"), (0, 2)),))
    assert written([glued]).startswith("# text = Hi!\n1\tHi\t")
    assert "SpaceAfter=No" in written([glued])
    assert read(written([glued]))[0].text == "Hi!"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("", "no tokens", None),
        ("\n\n", "no tokens", None),
        (row(1, "a") + "2\tb\tX\n", "too few columns: 3", 2),
        (row(1, "a") + "2 b _ X _ _ 0 root _ _\n", "too few columns: 1", 2),
        (row(1, "a") + row(2, "b").replace("\n", "\tx\n"), "too many columns: 11", 2),
        (row(1, "a") + row("b", "c"), "first column is 'b'", 2),
        (row(1, ""), "word is empty", 1),
        ("# text = a\n\n" + row(1, "a"), "comments but no tokens", 2),
    ],
)
def test_faults_name_file_line_and_remedy(file, text, message, line):
    path = file(text, "x.conllu")
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert caught.value.path == str(path)
    assert caught.value.line == line
    assert caught.value.remedy


@pytest.mark.parametrize("folder", ["ud_english_ewt", "ud_vietnamese_vtb", "ud_uyghur_udt"])
def test_real_treebanks_come_back_to_the_byte_with_exact_offsets(corpora, folder):
    for path in sorted((corpora / folder).glob("*.conllu")):
        if "ewt-ud-train" in path.name:
            continue  # as the others, but slow
        documents = read(path)
        assert written(documents).encode() == path.read_bytes(), path.name
        for document in documents:
            for sentence in document.sentences:
                assert all(
                    document.text.startswith(word, start)
                    for word, start in zip(sentence.words, sentence.starts, strict=True)
                )
                text = next(line for _, line in sentence.meta["extra"] if line.startswith("# text ="))
                assert document.text[sentence.start : sentence.end] == text[8:].strip()


def test_a_layer_that_is_nowhere_is_an_error_that_lists_the_nearest_first():
    text = row(1, "a", misc="ner=B-X|SpaceAfter=No") + row(2, "b") + "\n"
    with pytest.raises(DataError, match=r"There is no layer 'upso' here.*The layers are: upos, xpos, .*ner") as caught:
        read(text, layer="upso")
    assert "SpaceAfter" not in caught.value.remedy
    with pytest.raises(DataError, match="The layers are: ner, "):
        read(text, layer="NER")
    assert read(text + row(1, "c") + "\n", layer="ner")[1].sentences[0].layers["ner"] == ("O",)


PLUS = (
    "# global.columns = ID FORM UPOS PARSEME:MWE NER\n# text = Ann can't.\n1\tAnn\tPROPN\t*\tB-PER\n"
    "2-3\tcan't\t_\t*\t_\n2\tca\tAUX\t1:X\tO\n3\tn't\tPART\t1\tO\n4\t.\tPUNCT\t*\tO\n\n"
)


def test_conllu_plus_has_the_columns_that_its_first_line_names(file, tmp_path):
    path = file(PLUS, "a.conllup")
    (sentence,) = read_sentences(path, layer="ner")
    assert (sentence.words, sentence.starts) == (("Ann", "ca", "n't", "."), (0, 4, 6, 9))
    assert sentence.layers == {"ner": ("B-PER", "O", "O", "O")}
    assert read_sentences(path)[0].layers == {"upos": ("PROPN", "AUX", "PART", "PUNCT")}
    assert read_sentences(file(PLUS, "a"), layer="parseme:mwe")[0].layers == {"parseme:mwe": ("*", "1:X", "1", "*")}
    convert(path, tmp_path / "b.conllup")
    assert (tmp_path / "b.conllup").read_text("utf-8") == PLUS
    convert(path, tmp_path / "c.conllu", layer="ner", scheme="BIOES")
    assert (tmp_path / "c.conllu").read_text("utf-8") == PLUS.replace("B-PER", "S-PER")


def test_conllu_plus_needs_no_numbers_and_may_have_a_blank_line_first(file):
    path = file("# global.columns = FORM NER\n\nAnn\tB-PER\nleft\tO\n\nShe\tO\n", "a.conllup")
    assert [sentence.layers["ner"] for sentence in read_sentences(path)] == [("B-PER", "O"), ("O",)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# global.columns = ID UPOS\n1\tX\n", r":1: .*have no FORM, or one name twice"),
        ("# global.columns = FORM NER NER\na\tO\tO\n", r":1: .*have no FORM, or one name twice"),
        (
            "# global.columns = ID FORM NER\n1\ta\n",
            r":2: .*too few columns: 2, separated by tabs, where the first line",
        ),
        ("# global.columns = FORM ID NER\na\tx\tO\n", r":2: The ID column is 'x', not the number of a token"),
        ("# global.columns = ID FORM NER\n1\t\tO\n", r":2: The word is empty"),
    ],
)
def test_errors_of_conllu_plus_name_the_line(file, content: str, message: str):
    with pytest.raises(DataError, match=message):
        read_sentences(file(content, "a.conllup"))


def test_a_layer_without_a_column_cannot_be_added_to_conllu_plus(file):
    (document,) = read_documents(file(PLUS, "a.conllup"), layer="ner")
    changed = replace(document, sentences=tuple(s.with_layer("new", ("O",) * len(s)) for s in document.sentences))
    with pytest.raises(DataError, match="no column for the layer 'new'"):
        FORMATS["conllu"].write([changed], io.StringIO(), write_options("new", Scheme.PLAIN))


def test_columns_of_another_format_are_not_those_of_conllu(file, tmp_path):
    convert(file("Ann NNP B-PER\nleft VBD O\n", "a.conll"), tmp_path / "a.conllu", column=2)
    (sentence,) = read_sentences(tmp_path / "a.conllu", layer="tags")
    assert sentence.layers == {"tags": ("NNP", "VBD")}
