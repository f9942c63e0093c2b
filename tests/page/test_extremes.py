"""Both views with what is unusual: text of two directions, many and long labels, long sentences, small windows."""

from __future__ import annotations

import re

import httpx
import pytest
from accessibility import assert_accessible
from playwright.sync_api import Page, expect

WINDOWS = {"laptop": (1280, 720), "phone": (360, 740), "200 %": (640, 360)}
HEBREW = "ולדימיר ביקר ב-New York City Hall בשנת 2023 עם John Smith מ-Apple Inc. ברחוב Main Street 42 תל אביב."
ENGLISH = "John met ולדימיר פוטין בתל אביב 1948 and ליאת from شركة Apple at 5 PM on 12/05/2023."
# Stretches of the texts, among them some that begin or end amid words of the other direction.
STRETCHES = {
    HEBREW: ["ביקר ב-New", "York City", "בשנת 2023 עם John", "Apple Inc", "42 תל"],
    ENGLISH: ["met ולדימיר", "בתל", "1948 and ליאת", "Apple at 5", "12/05"],
}
SENTENCE = "Anna Maria Schmidt left New York City on Monday with her brother John and his dog ."
# For each box, how many pieces it has, and on how many lines: more pieces than lines means that it is torn.
PIECES = """boxes => boxes.map(box => {
    const pieces = [...box.getClientRects()].filter(piece => piece.width > 0);
    return [box.textContent, pieces.length, new Set(pieces.map(piece => Math.round(piece.top / 8))).size];
})"""


def spans_of(text: str) -> list[dict]:
    places = sorted((text.index(own), text.index(own) + len(own)) for own in STRETCHES[text])
    spans = []
    for number, (start, end) in enumerate(places):
        score = 0.5 + 0.1 * number
        own = {"start": start, "end": end, "text": text[start:end], "label": "PERSON", "score": score, "layer": "ner"}
        spans.append(own)
    return spans


def show_in_tag_view(page: Page, text: str) -> None:
    sentence = {"start": 0, "end": len(text), "tokens": [], "tags": {"ner": []}}
    document = {"text": text, "sentences": [sentence], "spans": spans_of(text)}
    answer = {"model": {"name": "ner", "version": "x"}, "documents": [document]}
    page.route("**/v1/tag", lambda route: route.fulfill(json=answer))
    page.get_by_label("Text", exact=True).fill("whatever")
    expect(page.locator(".marked mark")).to_have_count(len(document["spans"]))


def in_tokens(tokens: list[dict], spans: list[dict]) -> list[dict]:
    """Character spans as token spans; where they end within a token they take it whole."""
    found = []
    for span in spans:
        inside = [n for n, own in enumerate(tokens) if own["start"] < span["end"] and span["start"] < own["end"]]
        found.append({"start": inside[0], "end": inside[-1] + 1, "label": "PERSON"})
    return found


def draft(api: httpx.Client, number: int, spans: list[dict]) -> None:
    sent = {"status": "waiting", "spans": spans}
    api.put(f"/v1/labeling/sentences/{number}", json=sent).raise_for_status()


@pytest.mark.parametrize("text", STRETCHES, ids=["Hebrew", "English"])
@pytest.mark.parametrize("width", [1600, 360])
def test_boxes_do_not_tear_in_text_of_two_directions(open_page, open_label, address, text, width):
    page = open_page(address, viewport={"width": width, "height": 800})
    show_in_tag_view(page, text)
    for content, pieces, lines in page.locator(".marked mark").evaluate_all(PIECES):
        assert pieces == lines, content
    label = open_label(text, viewport={"width": width, "height": 800})
    tokens = label.api.get(f"/v1/labeling/sentences/{label.ids[0]}").json()["tokens"]
    draft(label.api, label.ids[0], in_tokens(tokens, spans_of(text)))
    label.page.reload()
    expect(label.sentence.locator(".span")).to_have_count(len(STRETCHES[text]))
    for content, pieces, lines in label.sentence.locator(".span").evaluate_all(PIECES):
        assert pieces == lines, content
    assert label.text() == text


def test_a_span_at_the_beginning_counts_for_the_direction_of_the_sentence(open_label):
    label = open_label("ולדימיר ביקר ב-New York and in London and in Berlin.")
    label.press("1")
    label.shows(("ולדימיר", "PERSON"))
    assert label.sentence.evaluate("box => getComputedStyle(box).direction") == "rtl"
    chip, token = label.sentence.locator(".chip").bounding_box(), label.token("ולדימיר").bounding_box()
    assert chip["x"] + chip["width"] < token["x"]


def test_plain_tags_leave_a_foreign_name_in_its_order(open_label, models):
    label = open_label("ביקר ב New York", folder=models["pos"])
    label.page.wait_for_selector(".sentence .span")
    new, york = (label.token(word).bounding_box() for word in ("New", "York"))
    assert new["x"] < york["x"]


def test_scores_show_without_hovering(open_page, address):
    page = open_page(address)
    show_in_tag_view(page, ENGLISH)
    shares = page.locator(".marked .share")
    assert shares.all_inner_texts() == ["50%", "60%", "70%", "80%", "90%"]
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        for share in shares.all():
            expect(share).to_be_visible()
    expect(page.get_by_label("Text", exact=True)).to_be_hidden()
    # What a screen reader meets is the text of the box.
    assert "1948 and ליאתPERSON 70%" in page.locator(".marked").inner_text()


def test_a_score_never_says_100_where_it_is_not(open_page, address):
    page = open_page(address)
    write = "all => import('/page/share.js').then(({ share }) => all.map(share))"
    assert page.evaluate(write, [0, 0.004, 0.005, 0.994, 0.996, 1]) == ["0%", "<1%", "1%", "99%", ">99%", "100%"]


def test_the_label_view_says_the_scores_of_suggestions(open_label, models):
    label = open_label("John lives in New York .", folder=models["ner"])
    label.page.wait_for_selector(".sentence .span")
    (known,) = (label.api.get(f"/v1/labeling/sentences/{number}").json() for number in label.ids)
    first = label.sentence.locator(".span").first
    share = first.locator(".share").inner_text()
    assert re.fullmatch(r"[<>]?\d+%", share)
    name = first.locator(".token").first.get_attribute("aria-label")
    assert name.endswith(f", {known['spans'][0]['label']}, {share}")


@pytest.mark.parametrize("window", WINDOWS)
def test_many_labels_leave_the_sentence_and_accept_on_screen(open_label, window):
    width, height = WINDOWS[window]
    names = tuple(f"LABEL_{number}" for number in range(28))
    label = open_label(f"{SENTENCE}\n\nBen stayed.", labels=names, viewport={"width": width, "height": height})
    for first in ("Anna", "Ben"):
        expect(label.token(first)).to_be_focused()
        assert_on_screen(label, first)
        label.button("Accept").click()
    label.counts(0, accepted=2)


def assert_on_screen(label, word: str) -> None:
    """The buttons and the word are in the window, and nothing lies over the word."""
    height = label.page.viewport_size["height"]
    for name in ("Accept", "Skip"):
        box = label.button(name).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
    box = label.token(word).bounding_box()
    point = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    found = "([x, y]) => document.elementFromPoint(x, y)?.closest('.token')?.textContent"
    assert label.page.evaluate(found, point) == word
    assert label.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("window", WINDOWS)
def test_the_last_of_many_labels_can_be_reached_with_mouse_and_keys(open_label, window):
    width, height = WINDOWS[window]
    names = tuple(f"LABEL_{number}" for number in range(200))
    label = open_label(SENTENCE, labels=names, viewport={"width": width, "height": height})
    label.label("LABEL_199").click()
    label.shows(("Anna", "LABEL_199"))
    assert_on_screen(label, "Anna")
    label.label("LABEL_198").focus()
    label.press("Enter")
    label.shows(("Anna", "LABEL_198"))
    assert_accessible(label.page)


@pytest.mark.parametrize("window", ["laptop", "200 %"])
def test_a_sentence_of_2000_tokens_can_be_labeled_to_its_end(open_label, window):
    width, height = WINDOWS[window]
    label = open_label("word " * 1999 + "end", viewport={"width": width, "height": height})
    assert_on_screen_first(label)
    label.press("End", "2")
    label.shows(("end", "PLACE"))
    assert_on_screen(label, "end")
    label.press("Home")
    assert_on_screen_first(label)
    label.press("Shift+End", "1")
    label.shows(("word " * 1999 + "end", "PERSON"))
    label.button("Accept").click()
    label.counts(0, accepted=1)


def assert_on_screen_first(label) -> None:
    focused = label.sentence.locator(".token").first
    expect(focused).to_be_focused()
    box = focused.bounding_box()
    under = "([x, y]) => document.elementFromPoint(x, y)?.dataset.token"
    assert label.page.evaluate(under, [box["x"] + 5, box["y"] + box["height"] / 2]) == "0"


LONG = ("A" * 60, "very-long-" * 6, "אדם", "(مكان)", "<script>alert(1)</script>")


@pytest.mark.parametrize("window", WINDOWS)
def test_long_and_strange_labels_fit(open_label, window):
    width, height = WINDOWS[window]
    label = open_label(SENTENCE, labels=LONG, viewport={"width": width, "height": height})
    draft(label.api, label.ids[0], [{"start": 3 * n, "end": 3 * n + 2, "label": own} for n, own in enumerate(LONG)])
    label.page.reload()
    expect(label.sentence.locator(".span")).to_have_count(5)
    assert label.sentence.locator(".chip bdi").all_inner_texts() == list(LONG)
    assert label.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = "boxes => boxes.filter(box => box.getBoundingClientRect().right > innerWidth).length"
    assert label.sentence.locator(".span, .chip").evaluate_all(outside) == 0
    assert label.page.locator("main script").count() == 0
    assert_accessible(label.page)


@pytest.mark.parametrize("text", ["Hi", "🙂👩‍👩‍👧🎉🇵🇹", "x" * 3000, "٣", "!"])
def test_short_and_strange_sentences_can_be_labeled(open_label, text):
    label = open_label(text, viewport={"width": 360, "height": 740})
    label.waits(label.text, text)
    label.press("Home", "Shift+End", "1")
    label.shows((text, "PERSON"))
    assert label.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert_accessible(label.page)
    label.press("Enter")
    label.counts(0, accepted=1)
