"""The Label view: one sentence follows the other, and what is accepted is safe."""

from __future__ import annotations

import re

import pytest
from accessibility import assert_accessible
from label_page import add
from playwright.sync_api import expect

FIVE = "Anna left. Ben stayed. Cleo slept. Dora sang. Emil ran."
NAMES = ("Anna", "Ben", "Cleo", "Dora", "Emil")


def least_sure(api) -> str:
    return api.get("/v1/labeling/next").json()["sentence"]["text"]


# --- one after the other


def test_five_sentences_with_keys_alone(open_label):
    label = open_label(FIVE)
    for left, name in enumerate(NAMES):
        expect(label.token(name)).to_be_focused()
        label.press("1", "Enter")
        label.counts(4 - left, accepted=left + 1)
    expect(label.page.locator("#said")).to_have_text("Accepted, 0 left.")
    assert all(label.kept(number) == [(0, 1, "PERSON")] for number in label.ids)
    expect(label.view.get_by_text("Nothing is left to label.")).to_be_visible()


def test_keys_that_come_before_the_answer_are_not_lost(open_label):
    label = open_label(FIVE)
    label.press(*["1", "Enter"] * 3, "s", "2", "Enter")
    label.counts(0, accepted=4, skipped=1)
    assert [label.status(number) for number in label.ids] == ["accepted"] * 3 + ["skipped", "accepted"]
    assert label.kept(label.ids[4]) == [(0, 1, "PLACE")]


def test_the_least_sure_comes_next(open_label, models):
    label = open_label(f"{FIVE} The John lives in New York.", folder=models["ner"])
    certainties = []
    for left in range(5, 0, -1):
        expected = least_sure(label.api)
        label.waits(label.text, expected)
        shown = label.view.locator(".meta").inner_text()
        certainties.append(float(re.search(r"\((.*)\)", shown)[1]))
        label.press("Enter")
        label.counts(left, accepted=6 - left)
    assert certainties == sorted(certainties)


def test_suggestions_are_accepted_as_they_are(open_label, models):
    label = open_label("The John lives in New York.", folder=models["ner"])
    offered = label.api.get(f"/v1/labeling/sentences/{label.ids[0]}").json()["spans"]
    assert offered
    expect(label.view.locator(".meta")).to_contain_text("The model’s suggestion")
    shares = label.sentence.locator(".share").all_inner_texts()
    assert shares == [f"{int(100 * span['score'] + 0.5)}%" for span in offered]
    label.press("Enter")
    label.counts(0, accepted=1)
    assert label.kept(label.ids[0]) == [(span["start"], span["end"], span["label"]) for span in offered]


def test_what_is_changed_is_a_draft(open_label, models):
    label = open_label("The John lives in New York.", folder=models["ner"])
    label.press("Shift+End", "1")
    expect(label.view.locator(".meta")).to_contain_text("Your draft")
    label.press("Control+z")
    expect(label.view.locator(".meta")).to_contain_text("The model’s suggestion")


def test_a_skipped_sentence_keeps_the_models_word(open_label, models):
    label = open_label("The John lives in New York.", folder=models["ner"])
    label.button("Skip").click()
    label.counts(0, skipped=1)
    assert label.api.get(f"/v1/labeling/sentences/{label.ids[0]}").json()["suggested"] is True
    label.button("Undo skip").click()
    label.counts(1)
    expect(label.view.locator(".meta")).to_contain_text("The model’s suggestion")


def test_skipped_ones_are_put_back(open_label):
    label = open_label(FIVE)
    label.press("1", "s", "s")
    label.counts(3, skipped=2)
    label.button("Put 2 skipped back").click()
    label.counts(5)
    assert label.kept(label.ids[0]) == [(0, 1, "PERSON")]
    expect(label.token("Cleo")).to_be_visible()


def test_an_accepted_sentence_is_opened_again(open_label):
    label = open_label(FIVE)
    label.press("1", "Enter", "2", "Enter", "3")
    label.view.get_by_text("Recently accepted").click()
    expect(label.view.get_by_role("listitem")).to_have_text(["Ben stayed. PLACE", "Anna left. PERSON"])
    label.view.get_by_role("button", name="Anna left.").click()
    label.shows(("Anna", "PERSON"))
    label.press("2", "Enter")
    label.shows(("Cleo", "ORG"))  # what was begun
    label.counts(3, accepted=2)
    assert label.kept(label.ids[0]) == [(0, 1, "PLACE")]
    label.view.get_by_role("button", name="Ben stayed.").click()
    label.press("Delete")
    label.button("Keep it as it was").click()
    label.shows(("Cleo", "ORG"))
    assert label.kept(label.ids[1]) == [(0, 1, "PLACE")]


def test_emptying_the_queue_asks_first(open_label):
    label = open_label(FIVE)
    label.press("1", "Enter", "1", "s", "1")
    label.shows(("Cleo", "PERSON"))
    for answer, waiting in (("Cancel", 3), ("Empty the queue", 0)):
        label.button("Empty the queue…").click()
        dialog = label.page.get_by_role("dialog")
        expect(dialog).to_contain_text("all 3 waiting sentences")
        assert_accessible(label.page)
        dialog.get_by_role("button", name=answer).click()
        expect(dialog).to_have_count(0)
        label.counts(waiting, accepted=1, skipped=1)
    expect(label.view.get_by_text("Nothing is left to label.")).to_be_visible()
    add(label.api, "Fritz came.")
    label.page.goto(f"{label.api.base_url}/#tag")
    label.page.goto(f"{label.api.base_url}/#label")
    expect(label.token("Fritz")).to_be_visible()


# --- labels and models


def test_a_label_is_added(open_label):
    label = open_label(FIVE, expected=("422",))
    field = label.view.get_by_label("New label")
    field.fill("two words")
    label.button("Add label").click()
    expect(label.page.get_by_role("alert")).to_contain_text("a space (character 4 of the label)")
    expect(field).to_have_value("two words")
    field.fill("EVENT")
    label.press("Enter")
    expect(label.label("EVENT")).to_be_visible()
    assert label.api.get("/v1/labeling").json()["labels"][-1] == "EVENT"
    label.token("left").click()
    label.press("4", "Enter")
    label.counts(4, accepted=1)
    assert label.kept(label.ids[0]) == [(1, 2, "EVENT")]


def test_without_a_model_the_way_to_training_is_shown(open_label):
    label = open_label(" ".join(f"{name}{number} left." for number in "12" for name in NAMES))
    note = label.view.locator(".note")
    expect(note).to_contain_text("There is no model yet")
    expect(note.get_by_role("link")).to_have_count(0)
    expect(label.view.locator(".meta")).to_contain_text("Not labeled yet")
    label.press(*["Enter"] * 10)
    label.counts(0, accepted=10)
    note.get_by_role("link", name="train").click()
    expect(label.page.locator("#view-train")).to_be_visible()


def test_with_a_model_there_is_no_such_note(open_label, models):
    label = open_label(FIVE, folder=models["ner"])
    expect(label.view.locator(".note")).to_be_hidden()
    expect(label.view.locator(".counts")).to_contain_text("all scored")


def test_a_server_without_labeling_says_so(open_page, serve):
    page = open_page(f"{serve()}/#label", expected=("409",))
    expect(page.locator("#view-label")).to_contain_text("--no-labeling")


# --- what goes wrong


@pytest.mark.parametrize("failure", ["gone", "busy"])
def test_a_failed_save_keeps_the_edit(open_label, failure):
    label = open_label(FIVE, expected=("Failed to load resource",))
    held = []

    def fail(route):
        if failure == "gone":
            route.abort()
        else:
            error = {"code": "busy", "message": "Too much waits already."}
            route.fulfill(status=503, json={"error": error}, headers={"retry-after": "0"})

    label.page.route("**/v1/labeling/sentences/*", lambda route: held.append(route))
    label.page.reload()  # a page that is open already may still send a request past the route
    expect(label.sentence.locator(".token:focus")).to_be_visible()
    label.press("1", "Enter", "2", "s")  # what comes before the failure is known was meant for the next sentence
    label.waits(lambda: len(held), 1)
    label.page.route("**/v1/labeling/sentences/*", fail)
    fail(held[0])
    problem = label.page.get_by_role("alert")
    expect(problem).to_contain_text("does not answer" if failure == "gone" else "Too much waits already.")
    label.shows(("Anna", "PERSON"))
    expect(label.said).not_to_contain_text("Accepted")
    label.counts(5)
    label.page.unroute("**/v1/labeling/sentences/*")
    label.press("Enter")
    label.counts(4, accepted=1)
    expect(problem).to_be_hidden()
    assert label.kept(label.ids[0]) == [(0, 1, "PERSON")]


def test_a_save_is_not_claimed_before_the_answer(open_label):
    label = open_label(FIVE)
    held = []
    label.page.route("**/v1/labeling/sentences/*", lambda route: held.append(route))
    label.press("1", "Enter")
    expect(label.said).to_have_text("Saving…")
    expect(label.token("Anna")).to_be_visible()
    label.drag(label.token("left"), label.token("."))  # it is leaving: nothing may be drawn on it
    assert label.sentence.locator("[aria-selected=true]").all_inner_texts() == ["Anna"]
    label.counts(5)
    held[0].continue_()
    label.counts(4, accepted=1)
    expect(label.token("Ben")).to_be_focused()


def test_leaving_warns_of_unsaved_edits(open_label):
    label = open_label(FIVE)
    asked = []
    label.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    label.press("1", "Enter")
    label.counts(4, accepted=1)
    label.page.reload()
    expect(label.token("Ben")).to_be_focused()
    assert asked == []
    label.press("1")
    label.shows(("Ben", "PERSON"))
    label.page.reload()
    expect(label.token("Ben")).to_be_focused()
    assert asked == ["beforeunload"]
