"""The evaluation report in a browser, opened from a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from accessibility import assert_accessible
from playwright.sync_api import Locator, Page, expect

from made_report import LABELS, drawn_tags, findings_of, page_of
from tagsmith.scores.counts import SpanCounts
from tagsmith.scores.matching import KINDS
from tagsmith.text.schemes import Scheme

HISTORY = [{"epoch": n, "loss": 1 / n, "dev_loss": 1 / n + 0.1, "dev": 1 - 1 / n} for n in range(1, 6)]
CARD = "# A model\n\n| part | F1 |\n|---|---|\n| dev | 90 |\n\n- one\n\n```python\nload()\n```\n"
OpenReport = Callable[..., Page]

words, gold, predicted, other = drawn_tags(300)
FINDINGS = findings_of(words, gold, predicted, other=other)
ERRORS = FINDINGS.evaluation.errors
FEW = 12  # sentences, where axe looks at everything


@pytest.fixture
def open_html(open_page, tmp_path: Path) -> OpenReport:
    def start(html: str, **options: object) -> Page:
        path = tmp_path / "report.html"
        path.write_text(html, "utf-8")
        return open_page(path.as_uri(), **options)

    return start


@pytest.fixture
def open_report(open_html) -> OpenReport:
    def start(**options: object) -> Page:
        return open_html(page_of(words, FINDINGS, history=HISTORY, card=CARD), **options)

    return start


@pytest.fixture
def open_small_report(open_html) -> OpenReport:
    few = [side[:FEW] for side in (words, gold, predicted, other)]
    findings = findings_of(*few[:3], other=few[3])

    def start(**options: object) -> Page:
        page = open_html(page_of(few[0], findings, history=HISTORY, card=CARD), **options)
        page.get_by_text("Show the card").click()
        return page

    return start


def errors(page: Page) -> Locator:
    return page.locator("#errors")


def status(page: Page) -> Locator:
    return errors(page).get_by_role("status")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(open_small_report, scheme: str):
    assert_accessible(open_small_report(color_scheme=scheme))


def test_a_phone_needs_no_scrolling_sideways(open_small_report):
    page = open_small_report(viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert_accessible(page)


def test_the_slider_shows_the_scores_of_the_spans_that_a_threshold_keeps(open_report):
    page = open_report()
    part = page.locator("#threshold")
    slider = part.get_by_role("slider")
    aligned, scores = FINDINGS.aligned, FINDINGS.predicted_scores
    for label in ("", *LABELS):
        part.get_by_role("combobox").select_option(label=label or "all")
        own = np.array([not label or aligned.labels[n] == label for n in aligned.predicted.label])
        support = sum(not label or aligned.labels[n] == label for n in aligned.gold.label)
        for percent in (0, 1, 37, 50, 99, 100):
            slider.fill(str(percent))
            kept = own & (scores >= percent / 100)
            counts = SpanCounts(support, int(kept.sum()), int((kept & aligned.predicted.correct).sum()))
            shown = dict(
                zip(("precision", "recall", "f1"), (f"{100 * rate:.2f}" for rate in counts.rates()), strict=True)
            )
            if not counts.found:
                shown["precision"] = "–"
            for name, value in {**shown, "found": f"{counts.found:,}"}.items():
                expect(part.locator(f"[data-score={name}]")).to_have_text(value)


def test_the_slider_moves_by_keys_and_says_where_it_rests(open_report):
    page = open_report()
    part = page.locator("#threshold")
    slider, said = part.get_by_role("slider"), part.locator("[aria-live=polite]")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0.03")
    expect(said).to_contain_text("At 0.03: precision")
    slider.evaluate("one => { one.value = 60; one.dispatchEvent(new Event('input', { bubbles: true })); }")
    expect(part.locator("output")).to_have_text("0.60")
    expect(said).to_contain_text("At 0.03")  # while it is dragged nothing is said


def test_errors_are_filtered_by_kind_label_and_text(open_report):
    page = open_report()
    total = sum(ERRORS.overall[kind] for kind in KINDS)
    expect(status(page)).to_contain_text(f"{total} errors in ")
    for kind in KINDS:
        box = errors(page).get_by_role("checkbox", name=f"{kind} ({ERRORS.overall[kind]})")
        box.uncheck()
    expect(status(page)).to_have_text("No error fits.")
    errors(page).get_by_role("checkbox", name="spurious").check()
    expect(status(page)).to_contain_text(f"{ERRORS.overall['spurious']} errors of {total}")
    errors(page).get_by_label("label").select_option(label="PER")
    expect(status(page)).to_contain_text(f"{ERRORS.types['PER']['spurious']} errors of {total}")
    errors(page).get_by_label("text").fill("aCMe IN")
    expect(status(page)).to_contain_text(" of ")
    found = int(status(page).text_content().split()[0])
    expect(errors(page).locator(".told li:not(.quiet)")).to_have_count(found)
    for sentence in errors(page).locator(".sentence").all():
        words_alone = sentence.evaluate(
            "one => { const copy = one.cloneNode(true); copy.querySelectorAll('.strip').forEach((s) => s.remove());"
            " return copy.textContent.split(/\\s+/).join(' '); }"
        )
        assert "Acme in" in words_alone


def test_errors_are_filtered_by_confidence(open_report):
    page = open_report()
    aligned, found = FINDINGS.aligned, FINDINGS.predicted_scores
    for kind in ("missed", "type", "boundary", "both"):
        errors(page).get_by_role("checkbox", name=kind).uncheck()
    spurious = ERRORS.overall["spurious"]
    errors(page).get_by_label("confidence from, %").fill("60")
    errors(page).get_by_label("to, %").last.fill("90")
    shown = page.locator("#errors .told li").all_text_contents()
    assert len(found[~aligned.predicted.correct]) > spurious
    percents = [float(one.rsplit(" ", 2)[-2]) for one in shown if one.startswith("spurious")]
    expect(status(page)).to_contain_text(f"of {sum(ERRORS.overall[kind] for kind in KINDS)}")
    number = int(status(page).text_content().split()[0])
    assert 0 < number < spurious
    assert sum(60 <= one <= 90 for one in percents) >= number


def test_a_cell_of_the_matrix_shows_its_errors_and_they_can_be_left_again(open_report):
    page = open_report()
    gold_label, missed = ERRORS.labels[0], ERRORS.confusion[0][-1]
    button = page.locator(".matrix").get_by_role("button", name=f"{missed} : missed {gold_label}")
    button.focus()
    page.keyboard.press("Enter")
    expect(status(page)).to_contain_text(f"{missed} errors of ")
    chip = errors(page).get_by_role("button", name=f"missed {gold_label}")
    expect(chip).to_be_focused()
    expect(chip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(status(page)).not_to_contain_text(" of ")
    row, column = 0, 1
    count = ERRORS.confusion[row][column]
    name = f"{count} : gold {ERRORS.labels[row]}, predicted {ERRORS.labels[column]}"
    page.locator(".matrix").get_by_role("button", name=name).click()
    expect(status(page)).to_contain_text(f"{count} errors of ")


def test_a_common_error_shows_where_it_stands(open_report):
    page = open_report()
    row = page.locator("#common tbody tr").first
    times = row.locator("td").last.text_content()
    row.get_by_role("link").click()
    expect(status(page)).to_contain_text(f"{times} errors of ")


def test_fifty_sentences_are_drawn_at_a_time_the_worst_first(open_report):
    page = open_report()
    items = errors(page).locator("ol.sentences > li")
    expect(items).to_have_count(50)
    sizes = [one.locator(".told li").count() for one in items.all()]
    assert sizes == sorted(sizes, reverse=True)
    more = errors(page).get_by_role("button", name="Show 50 more")
    more.focus()
    page.keyboard.press("Enter")
    expect(items).to_have_count(100)
    expect(items.nth(50)).to_be_focused()


def test_on_paper_everything_is_there_but_the_controls(open_report):
    page = open_report()
    page.emulate_media(media="print")
    expect(errors(page).locator(".controls")).to_be_hidden()
    expect(page.get_by_role("navigation").first).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(errors(page).locator("ol.sentences > li")).to_have_count(len(FINDINGS.aligned.differing()))
    expect(page.locator("details.card pre")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(errors(page).locator("ol.sentences > li")).to_have_count(50)
    assert page.pdf()[:4] == b"%PDF"


def test_the_sentences_that_changed(open_report):
    page = open_report()
    comparison = FINDINGS.other.comparison
    part = page.locator("#comparison")
    which = part.get_by_label("changed for the")
    for name, numbers in (
        ("better", comparison.better),
        ("worse", comparison.worse),
        ("otherwise", comparison.changed),
    ):
        which.select_option(value=name)
        count = len(numbers)
        text = f"{count} sentence{'' if count == 1 else 's'} changed" if count else "No sentence fits."
        expect(part.get_by_role("status")).to_have_text(text)
        expect(part.locator(f"ol.sentences > li:not([data-change={name}])")).to_have_count(0)
    which.select_option(value="better")
    expect(part.locator(".strip.other").first).to_be_visible()


def test_without_scripts_the_scores_and_settings_are_there(open_report):
    page = open_report(java_script_enabled=False)
    scores = FINDINGS.evaluation
    expect(page.locator("#scores .figure").first).to_contain_text(f"{100 * scores.f1:.2f}")
    expect(page.locator("#scores table")).to_contain_text(f"{100 * scores.types['LOC'].recall:.2f}")
    expect(page.locator("#settings")).to_contain_text("small")
    expect(page.locator("#errors noscript")).to_be_visible()


def test_words_that_are_html_are_shown_as_they_are(open_html):
    strange = ["<script>alert(1)</script>", "</script>", "<!--", "e\u0301\u0301", "👩‍👩‍👧‍👦", "漢字", "a" * 200]
    tags = ["B-<b>&", *["O"] * (len(strange) - 2), "B-X"]
    page = open_html(page_of([strange], findings_of([strange], [tags], [["O"] * len(strange)])))
    page.set_viewport_size({"width": 360, "height": 700})
    expect(errors(page).locator(".sentence")).to_contain_text("<script>alert(1)</script>")
    expect(errors(page).locator(".strip.gold").first).to_have_text("<b>&")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert_accessible(page)


def test_a_sentence_written_from_right_to_left_is_shown_so(open_html):
    hebrew = ["דוד", "גר", "בתל", "אביב"]
    page = open_html(
        page_of([hebrew], findings_of([hebrew], [["B-PER", "O", "B-LOC", "I-LOC"]], [["O", "O", "B-LOC", "O"]]))
    )
    sentence = errors(page).locator(".sentence")
    assert sentence.evaluate("one => getComputedStyle(one).direction") == "rtl"
    first, last = (sentence.locator(".word").nth(n).bounding_box()["x"] for n in (0, -1))
    assert first > last


def test_several_layers_have_a_section_each(open_html):
    few = words[:FEW]
    plain = [["NOUN" if len(word) > 3 else "X" for word in sentence] for sentence in few]
    wrong = [["NOUN" if len(word) > 2 else "X" for word in sentence] for sentence in few]
    pos = findings_of(few, plain, wrong, name="upos", scheme=Scheme.PLAIN)
    page = open_html(page_of(few, findings_of(few, gold[:FEW], predicted[:FEW]), pos))
    expect(page.get_by_role("heading", level=2, name="Layer upos")).to_be_visible()
    tokens = pos.evaluation.errors.overall["type"]
    expect(page.locator("#errors-1").get_by_role("status")).to_contain_text(f"{tokens} errors in ")
    page.locator("#confusion-1 .matrix").get_by_role("button").first.click()
    expect(page.locator("#errors-1 .chosen")).to_contain_text("gold X, predicted NOUN")
    page.locator("#errors-1 .chosen button").click()
    page.locator("#confusion-1 a.confused").click()
    expect(page.locator("#errors-1 .chosen")).to_contain_text("gold X, predicted NOUN")
    expect(page.locator("#threshold-1")).to_have_count(0)
    assert_accessible(page)


def test_ten_thousand_sentences_take_less_than_five_megabytes_and_can_be_filtered(open_html):
    sides = [side * 20 for side in drawn_tags(500, seed=2, length=40)[:3]]
    findings = findings_of(*sides, resamples=0)
    assert len(findings.aligned.differing()) > 7_000
    html = page_of(sides[0], findings)
    assert len(html.encode()) < 5_000_000
    page = open_html(html)
    expect(errors(page).locator("ol.sentences > li")).to_have_count(50)
    errors(page).get_by_label("text").fill("no such words")
    expect(status(page)).to_have_text("No error fits.")
