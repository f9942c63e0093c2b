"""What opens how: every folder of the real corpora, with no option."""

from __future__ import annotations

import pytest

from tagsmith.corpus.folders import files_of_folder
from tagsmith.corpus.sources import read_sentences
from tagsmith.errors import DataError
from tagsmith.formats import detect_format
from tagsmith.formats.options import Problem
from tagsmith.text.schemes import detect_scheme

pytestmark = pytest.mark.slow

# Folder → format, files of train, dev and test, layer, scheme, sentences, what the reader reports.
OPENED = {
    "absa/e2e_tbsa_conll": ("conll", (1, 1, 1), "tags", "BIOES", 3845, 0),
    "absa/laptop14": ("inline", (1, 1, 1), "tags", "bare", 3845, 0),
    "absa/rest14": ("inline", (1, 1, 1), "tags", "bare", 3840, 0),
    "bc5cdr": ("conll", (1, 1, 1), "tags", "IOB2", 13938, 0),
    "english/btc": ("conll", (6, 0, 0), "tags", "IOB2", 9339, 9),  # empty words are left out
    "english/crossner": ("conll", (1, 1, 1), "tags", "IOB2", 1392, 0),
    "english/gum": ("conllu", (169, 0, 0), "upos", "plain", 9490, 0),
    "english/multiner": ("conll", (1, 0, 0), "tags", "IOB2", 3836, 0),
    "english/redocred": ("jsonl", (0, 1, 1), "tags", "IOB2", 8076, 58),  # mentions inside others
    "english/tweebank": ("conll", (1, 1, 1), "tags", "IOB2", 3550, 0),
    "english/uner_ewt": ("conll", (1, 1, 1), "tags", "IOB2", 16621, 1),  # rows that end after the tag
    "fewnerd": ("conll", (0, 1, 2), "tags", "IOB2", 38728, 0),
    "jnlpba_brat": ("brat", (100, 0, 0), "tags", "IOB2", 847, 46),  # spans inside others or inside tokens
    "known_scores": ("conll", (7, 0, 0), "tags", "IOB2", 9009, 0),
    "presidio_pii": ("jsonl", (1, 0, 0), "tags", "IOB2", 2133, 15),
    "sec_filings": ("conll", (2, 0, 0), "tags", "IO", 1467, 0),
    "snips": ("parallel", (1, 1, 1), "tags", "IOB2", 14484, 0),
    "stackoverflow_ner": ("conll", (1, 1, 1), "tags", "IOB2", 24092, 3),
    "ud_english_ewt": ("conllu", (1, 1, 1), "upos", "plain", 16622, 0),
    "ud_uyghur_udt": ("conllu", (1, 1, 1), "upos", "plain", 3456, 0),
    "ud_vietnamese_vtb": ("conllu", (1, 1, 1), "upos", "plain", 3323, 0),
    "uner_chinese_gsdsimp": ("conll", (1, 1, 1), "tags", "IOB2", 4997, 0),
    "uner_swedish_talbanken": ("conll", (1, 1, 1), "tags", "IOB2", 6026, 2),
    "weibo_zh": ("conll", (1, 1, 1), "tags", "IOB2", 1890, 0),
    "wikigold": ("conll", (1, 0, 0), "tags", "IO", 1696, 0),
    "wnut17": ("conll", (1, 1, 1), "tags", "IOB2", 5690, 0),
}
# Folder → why it is not opened, and what to name instead.
NOT_OPENED = {
    "absa": "There is no labeled file in this folder, but in e2e_tbsa_conll, laptop14, rest14. Name one of them.",
    "english": "no labeled file in this folder, but in btc, crossner, gum, multiner, redocred and 2 more. Name one",
    "english/re3d": "There is no labeled file in this folder, but in Australian_Department_of_Foreign_Affairs, CENTCOM",
    "english/re3d/CENTCOM": "it may be re3d's, whose labels are in entities.json",
}


@pytest.mark.parametrize("name", OPENED)
def test_a_folder_opens_with_no_option(corpora, name: str):
    folder = files_of_folder(corpora / name)
    files = [path for part in folder.parts.values() for path in part]
    problems: list[Problem] = []
    sentences = [sentence for path in files for sentence in read_sentences(path, problems=problems)]
    (layer,) = sentences[0].layers
    scheme = detect_scheme(sentence.layers[layer] for sentence in sentences)
    (format,) = {detect_format(path) for path in files}
    counts = tuple(len(paths) for paths in folder.parts.values())
    assert (format, counts, layer, str(scheme), len(sentences), len(problems)) == OPENED[name]


@pytest.mark.parametrize("name", NOT_OPENED)
def test_a_folder_says_in_one_line_why_it_does_not_open(corpora, name: str):
    with pytest.raises(DataError) as caught:
        read_sentences([path for part in files_of_folder(corpora / name).parts.values() for path in part])
    assert NOT_OPENED[name] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder_is_forgotten(corpora):
    inner = [path for folder in ("absa", "english") for path in (corpora / folder).iterdir()]
    names = {str(path.relative_to(corpora)) for path in [*corpora.iterdir(), *inner] if path.is_dir()}
    assert names <= {*OPENED, *NOT_OPENED}
