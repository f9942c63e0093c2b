"""The data and the HTML of the evaluation report; tests/page/test_report_page.py opens it in a browser."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from made_report import drawn_tags, findings_of, page_of
from tagsmith.scores.matching import KINDS
from tagsmith.scores.report.findings import AROUND, LONG, commonest, curve_data, layer_data
from tagsmith.scores.report.frame import page
from tagsmith.scores.report.markdown import from_markdown
from tagsmith.text.schemes import Scheme

MIB = 2**20
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(2)>",
    "&lt;",
    "]]>",
    "\u2028",
)


class Parsed(HTMLParser):
    """The elements of a page, and what its scripts hold."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data
        else:
            self.text += data

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0])


def test_each_error_is_in_the_data_once_under_its_kind_with_its_spans():
    words, gold, predicted, _ = drawn_tags(200)
    findings = findings_of(words, gold, predicted)
    data = layer_data(findings, words, [(0, n) for n in range(len(words))], MIB)
    counts = dict.fromkeys(KINDS, 0)
    confused = np.zeros((len(findings.labels) + 1,) * 2, int)
    for one in data["sentences"]:
        assert one["w"] == list(words[one["n"] - 1])
        assert one["e"]
        for kind, at, guess in one["e"]:
            counts[KINDS[kind]] += 1
            row, column = (-1 if place < 0 else one[side][place][2] for side, place in (("g", at), ("p", guess)))
            confused[row, column] += 1
    assert counts == {kind: findings.evaluation.errors.overall[kind] for kind in KINDS}
    assert min(counts.values()) > 0
    expected = np.array(findings.evaluation.errors.confusion)
    right = findings.evaluation.errors
    for number, label in enumerate(right.labels):
        expected[number, number] -= right.types[label]["correct"]
    assert (confused == expected).all()
    assert data["leftOut"] == 0
    sizes = [len(one["e"]) for one in data["sentences"]]
    assert sizes == sorted(sizes, reverse=True)


def test_the_thresholds_of_whole_hundredths_keep_the_same_spans_as_the_probabilities():
    words, gold, predicted, _ = drawn_tags(100)
    found = len(findings_of(words, gold, predicted).predicted_scores)
    rng = np.random.default_rng(1)
    scores = np.where(rng.random(found) < 0.5, rng.integers(0, 101, found) / 100, rng.random(found))
    findings = findings_of(words, gold, predicted, scores=scores)
    curves = curve_data(findings)
    right = findings.aligned.predicted.correct
    for percent in range(101):
        kept = scores >= percent / 100
        for side, chosen in (("right", kept & right), ("wrong", kept & ~right)):
            assert sum(one >= percent * 100 for curve in curves.values() for one in curve[side]) == chosen.sum()
    assert sum(curve["support"] for curve in curves.values()) == findings.evaluation.support


def test_words_and_labels_that_are_html_stay_text():
    words = [[*HOSTILE, "\ud800x", "\x00", "a"]]
    length = len(words[0])
    gold = [["B-<script>alert(3)</script>", *["O"] * (length - 1)]]
    predicted = [[*["O"] * (length - 1), 'B-"><b>']]
    card = "# <script>alert(4)</script>\n\n[x](javascript:alert(5)) `</details>`"
    html = page_of(words, findings_of(words, gold, predicted), title="<script>alert(6)</script>", card=card)
    html.encode("utf-8")
    parsed = Parsed(html)
    assert parsed.tags.count("script") == 2
    assert not {"img", "b>", "iframe", "link"} & set(parsed.tags)
    assert not [value for name, value in parsed.attributes if name.startswith("on") or "javascript:" in (value or "")]
    assert parsed.data["layers"][0]["sentences"][0]["w"] == words[0]
    assert "<" not in parsed.scripts[0]


def test_the_page_asks_for_nothing_from_elsewhere():
    words, gold, predicted, other = drawn_tags(20)
    parsed = Parsed(page_of(words, findings_of(words, gold, predicted, other=other)))
    assert not {"src", "srcset", "data"} & {name for name, _ in parsed.attributes}
    assert all(value.startswith("#") for name, value in parsed.attributes if name == "href" and value)
    policy = next(value for name, value in parsed.attributes if name == "content" and value and "default-src" in value)
    assert "default-src 'none'" in policy


def test_of_a_very_long_sentence_only_what_is_around_the_errors_is_kept():
    length, at = 10_000, 7_000
    words = [[f"w{number}" for number in range(length)]]
    gold, predicted = [["O"] * length], [["O"] * length]
    for tags in (gold, predicted):
        tags[0][10] = "B-PER"
    gold[0][at : at + 2] = "B-LOC", "I-LOC"
    predicted[0][at] = "B-LOC"
    findings = findings_of(words, gold, predicted)
    (one,) = layer_data(findings, words, [(0, 1)], MIB)["sentences"]
    assert len(one["w"]) < LONG
    assert one["w"][0] == at - AROUND
    assert one["w"][-1] == length - at - 2 - AROUND
    assert sum(1 if isinstance(word, str) else word for word in one["w"]) == length
    ((start, end, *_),) = one["g"]
    assert one["w"][start:end] == [f"w{at}", f"w{at + 1}"]
    assert one["e"] == [[KINDS.index("boundary"), 0, 0]]


def test_what_the_budget_does_not_hold_is_counted():
    words, gold, predicted, _ = drawn_tags(100)
    findings = findings_of(words, gold, predicted)
    places = [(0, 0)] * len(words)
    whole = layer_data(findings, words, places, MIB)
    part = layer_data(findings, words, places, 2_000)
    assert part["sentences"] == whole["sentences"][: len(part["sentences"])]
    assert part["leftOut"] == len(whole["sentences"]) - len(part["sentences"]) > 0


def test_the_commonest_errors_are_counted_by_text_and_label():
    words = [["Paris", "New", "York"]] * 3
    gold = [["B-LOC", "O", "O"], ["B-LOC", "B-LOC", "I-LOC"], ["B-PER", "O", "O"]]
    predicted = [["O", "B-PER", "I-PER"], ["O", "B-PER", "I-PER"], ["B-PER", "O", "O"]]
    findings = findings_of(words, gold, predicted)
    loc, per = map(findings.labels.index, ("LOC", "PER"))
    found = commonest(findings, words)
    assert found == {"predicted": [("New York", per, 2)], "gold": [("Paris", loc, 2), ("New York", loc, 1)]}


def test_the_sentences_that_changed_are_there_with_both_tags():
    words, gold, predicted, other = drawn_tags(100)
    findings = findings_of(words, gold, predicted, other=other)
    comparison = findings.other.comparison
    changed = {*comparison.better, *comparison.worse, *comparison.changed}
    sentences = layer_data(findings, words, [(0, 0)] * len(words), MIB)["sentences"]
    assert {one["n"] - 1 for one in sentences if "d" in one} == changed
    for one in sentences:
        if "d" in one:
            assert one["d"] == comparison.errors[one["n"] - 1]
            sides = [{tuple(span[:3]) for span in one[side]} for side in ("g", "o", "p")]
            assert (len(sides[0] ^ sides[1]), len(sides[0] ^ sides[2])) == one["d"]


def test_many_labels_have_a_list_of_pairs_in_place_of_a_matrix():
    labels = [f"L{number:02}" for number in range(70)]
    words, gold, predicted, _ = drawn_tags(400, labels=labels)
    findings = findings_of(words, gold, predicted, resamples=0)
    parsed = Parsed(page_of(words, findings))
    assert ("class", "matrix") not in parsed.attributes
    assert ("class", "confused") in parsed.attributes
    assert "Labels that are confused most" in parsed.text


def test_plain_tags_keep_only_the_tokens_that_are_wrong():
    words = [["a", "b", "c"], ["d", "e"]]
    gold, predicted = [["X", "Y", "X"], ["Y", "Y"]], [["X", "X", "X"], ["Y", "Y"]]
    findings = findings_of(words, gold, predicted, scheme=Scheme.PLAIN)
    (one,) = layer_data(findings, words, [(0, 1), (0, 2)], MIB)["sentences"]
    assert [span[:3] for span in one["g"]] == [[1, 2, findings.labels.index("Y")]]
    assert one["e"] == [[KINDS.index("type"), 0, 0]]
    html = page_of(words, findings)
    assert "spurious" not in Parsed(html).text
    assert "token accuracy" in html


def test_nothing_predicted_and_nothing_wrong_are_pages_too():
    words, tags = [["a", "b"], ["c"]], [["B-X", "O"], ["O"]]
    right = Parsed(page_of(words, findings_of(words, tags, tags)))
    assert "Every span is right." in right.text
    assert ("data-part", "errors") not in right.attributes
    nothing = Parsed(page_of(words, findings_of(words, tags, [["O", "O"], ["O"]])))
    assert ("data-part", "errors") in nothing.attributes
    assert ("data-part", "threshold") not in nothing.attributes


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("## Two\n\nOne\nparagraph", "<h4>Two</h4>\n<p>One paragraph</p>"),
        ("1. a\n2. **b**\n   more", "<ol><li>a</li><li><strong>b</strong> more</li></ol>"),
        ("```\n<b>\n", '<pre tabindex="0"><code>&lt;b&gt;</code></pre>'),
        ("[a](https://x.org/)", '<p><a href="https://x.org/" rel="noopener noreferrer">a</a></p>'),
        ("[a](javascript:b)", "<p>[a](javascript:b)</p>"),
        ("a \\< b & c", "<p>a &lt; b &amp; c</p>"),
        ("| no table", "<p>| no table</p>"),
    ],
)
def test_the_markdown_of_cards(markdown: str, html: str):
    assert from_markdown(markdown, 3) == html


def test_a_table_of_markdown_has_its_cells():
    html = from_markdown("| a | b |\n|---|---|\n| 1 | x \\| y |\n| 2 |", 3)
    assert "<td>x | y</td>" in html
    assert html.count("<tr>") == 3


def test_a_page_without_scripts_lets_none_run():
    assert "script-src 'none'" in page("t", "<p>x</p>")
