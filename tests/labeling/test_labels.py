"""Labels that people add are made of characters that one can see."""

from __future__ import annotations

import httpx
import pytest

from tagsmith.labeling.desk import LabelingProject


@pytest.fixture(scope="module")
def desk(serve, models, tmp_path_factory):
    """A client of a server where one can label."""
    labeling = LabelingProject(folder=tmp_path_factory.mktemp("labels"))
    with httpx.Client(base_url=serve({"ner": models["ner"]}, labeling=labeling), timeout=20) as client:
        yield client


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("PER\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\u2060", "U+2060 WORD JOINER"),
        ("PER\u200d", "U+200D ZERO WIDTH JOINER"),
        ("\u202ePER", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("P\u2067ER\u2069", "U+2067 RIGHT-TO-LEFT ISOLATE"),
        ("\u200fPER", "U+200F RIGHT-TO-LEFT MARK"),
        ("\ufeffPER", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("PER\u00ad", "U+00AD SOFT HYPHEN"),
        ("   ", "U+0020 SPACE"),
        ("\u3000", "U+3000 IDEOGRAPHIC SPACE"),
        ("PER\u2028", "U+2028 LINE SEPARATOR"),
        ("PER\0", "U+0000, a control character"),
        ("PER\x1b", "U+001B, a control character"),
        ("PER\x85", "U+0085, a control character"),
        ("PER\u3164", "U+3164 HANGUL FILLER"),
        ("\u115f", "U+115F HANGUL CHOSEONG FILLER"),
        ("\u2800", "U+2800 BRAILLE PATTERN BLANK"),
        ("PER\ufe0f", "U+FE0F VARIATION SELECTOR-16"),
        ("PER\U000e0101", "U+E0101 VARIATION SELECTOR-18"),
        ("PER\U000e0041", "U+E0041 TAG LATIN CAPITAL LETTER A"),
        ("P\u034fER", "U+034F COMBINING GRAPHEME JOINER"),
        ("\u0301", "U+0301 COMBINING ACUTE ACCENT"),
        ("PER\ue000", "U+E000, a private character"),
        ("PER\u0378", "U+0378, a character that Unicode does not have"),
        ("PER\uffff", "U+FFFF, a character that Unicode does not have"),
    ],
)
def test_a_label_with_a_character_that_nobody_sees_is_refused_naming_it(desk, label, shown):
    before = desk.get("/v1/labeling").json()["labels"]
    answer = desk.post("/v1/labeling/labels", json={"label": label})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert shown in answer.json()["error"]["message"]
    assert desk.get("/v1/labeling").json()["labels"] == before


def test_a_label_of_half_a_character_is_refused(desk):
    body, headers = b'{"label": "PER\\ud800"}', {"content-type": "application/json"}
    assert desk.post("/v1/labeling/labels", content=body, headers=headers).status_code == 422


@pytest.mark.parametrize(
    "label", ["PER", "Änderung", "人名", "اسم", "e\u0301v", "C++", "a-b_c.d/e", "🙂", "B-PER", "नाम"]
)
def test_labels_of_all_scripts_can_be_added(desk, label):
    assert desk.post("/v1/labeling/labels", json={"label": label}).json()["labels"][-1] == label
