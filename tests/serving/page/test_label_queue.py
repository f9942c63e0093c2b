"""The Label view: text comes in, one sentence follows the other, what is accepted is safe."""

from __future__ import annotations

import re

import pytest
from label_page import add
from playwright.sync_api import expect

from conftest import assert_accessible

FIVE = "Anna left. Ben stayed. Cleo slept. Dora sang. Emil ran."
NAMES = ("Anna", "Ben", "Cleo", "Dora", "Emil")
TO_CORRECT = "tagsmith-to-correct"
# Puts files on the view as the mouse would; each is [name, content], the content text or bytes.
DROP = """(files) => {
  const carried = new DataTransfer();
  for (const [name, content] of files) {
    carried.items.add(new File([typeof content === "string" ? content : new Uint8Array(content)], name));
  }
  const view = document.getElementById("view-label");
  for (const name of ["dragover", "drop"]) {
    const event = new DragEvent(name, { dataTransfer: carried, bubbles: true, cancelable: true });
    view.dispatchEvent(event);
    if (!event.defaultPrevented) throw new Error("the browser would open the file");
  }
}"""


def least_sure(api) -> str:
    return api.get("/v1/labelling/next").json()["sentence"]["text"]


# --- one after the other


def test_five_sentences_with_keys_alone(open_label):
    label = open_label(FIVE)
    for left, name in enumerate(NAMES):
        expect(label.token(name)).to_be_focused()
        label.press("1", "Enter")
        label.counts(4 - left, accepted=left + 1)
    expect(label.page.locator("#said")).to_have_text("Accepted, 0 left.")
    assert all(label.kept(number) == [(0, 0, "PERSON")] for number in label.ids)
    expect(label.view.get_by_text("Nothing is left to label.")).to_be_visible()


def test_keys_that_come_before_the_answer_are_not_lost(open_label):
    label = open_label(FIVE)
    label.press(*["1", "Enter"] * 3, "s", "2", "Enter")
    label.counts(0, accepted=4, skipped=1)
    assert [label.status(number) for number in label.ids] == ["accepted"] * 3 + ["skipped", "accepted"]
    assert label.kept(label.ids[4]) == [(0, 0, "PLACE")]


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
    offered = label.api.get(f"/v1/labelling/sentences/{label.ids[0]}").json()["spans"]
    assert offered
    expect(label.view.locator(".meta")).to_contain_text("The model’s suggestion")
    shares = label.sentence.locator(".share").all_inner_texts()
    assert shares == [f"{int(100 * span['score'] + 0.5)}%" for span in offered]
    label.press("Enter")
    label.counts(0, accepted=1)
    assert label.kept(label.ids[0]) == [(span["first"], span["last"], span["label"]) for span in offered]


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
    assert label.api.get(f"/v1/labelling/sentences/{label.ids[0]}").json()["suggested"] is True
    label.button("Undo skip").click()
    label.counts(1)
    expect(label.view.locator(".meta")).to_contain_text("The model’s suggestion")


def test_skipped_ones_are_put_back(open_label):
    label = open_label(FIVE)
    label.press("1", "s", "s")
    label.counts(3, skipped=2)
    label.button("Put 2 skipped back").click()
    label.counts(5)
    assert label.kept(label.ids[0]) == [(0, 0, "PERSON")]
    expect(label.token("Cleo")).to_be_visible()


def test_an_accepted_sentence_is_opened_again(open_label):
    label = open_label(FIVE)
    label.press("1", "Enter", "2", "Enter", "3")
    label.view.get_by_text("Accepted last").click()
    expect(label.view.get_by_role("listitem")).to_have_text(["Ben stayed. PLACE", "Anna left. PERSON"])
    label.view.get_by_role("button", name="Anna left.").click()
    label.shows(("Anna", "PERSON"))
    label.press("2", "Enter")
    label.shows(("Cleo", "ORG"))  # what was begun
    label.counts(3, accepted=2)
    assert label.kept(label.ids[0]) == [(0, 0, "PLACE")]
    label.view.get_by_role("button", name="Ben stayed.").click()
    label.press("Delete")
    label.button("Leave as it was").click()
    label.shows(("Cleo", "ORG"))
    assert label.kept(label.ids[1]) == [(0, 0, "PLACE")]


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


# --- text comes in


def test_a_file_is_dropped(open_label):
    label = open_label()
    label.page.evaluate(DROP, [["news.txt", f"{FIVE}\n\nAnna left."]])
    expect(label.view.locator(".told")).to_have_text("news.txt: 5 sentences added, 1 known already.")
    label.counts(5)
    expect(label.token("Anna")).to_be_focused()
    assert label.api.get("/v1/labelling/next").json()["sentence"]["source"] == "news.txt"


def test_files_are_chosen(open_label, tmp_path):
    (tmp_path / "a.txt").write_bytes("Anna left.".encode("utf-16"))
    (tmp_path / "b.txt").write_text("Ben stayed.\n")
    label = open_label()
    label.view.get_by_label("Choose files…").set_input_files([tmp_path / "a.txt", tmp_path / "b.txt"])
    label.counts(2)
    expect(label.token("Anna")).to_be_visible()


def test_a_long_file_goes_in_pieces(open_label):
    label = open_label()
    sizes = []
    label.page.on("request", lambda sent: sizes.append(len(sent.post_data)) if sent.method == "POST" else None)
    blank = f"{' ' * 999}\n" * 1_200  # long, and yet quick to read
    label.page.evaluate(DROP, [["long.txt", f"Anna left.\n{blank}Ben stayed.\n{blank}Cleo slept."]])
    expect(label.view.locator(".told")).to_have_text("long.txt: 3 sentences added.")
    label.counts(3)
    assert len(sizes) == 3
    assert max(sizes) < 1_100_000


def test_pieces_end_with_lines_or_words_and_make_up_the_text(open_page, address):
    page = open_page(address)
    cut = "async ([text, size]) => (await import('/page/intake.js')).cutIntoPieces(text, size)"
    for text, size, pieces in (
        ("thirteen\n\ntwo\nfour", 14, ["thirteen\n\n", "two\nfour"]),
        ("one two\nthree", 10, ["one two\n", "three"]),
        ("one two three", 10, ["one two ", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("🙂🙂🙂", 3, ["🙂", "🙂", "🙂"]),
        ("short", 10, ["short"]),
        (" \n ", 2, []),
    ):
        assert page.evaluate(cut, [text, size]) == pieces


def test_what_is_no_text_is_refused(open_label):
    label = open_label()
    files = [["photo.png", [0x89, 0x50, 0x4E, 0x47, 0xFF]], ["zeros.bin", [65, 0, 66]], ["a.txt", "Anna left."]]
    for name, content in files[:2]:
        label.page.evaluate(DROP, [[name, content]])
        expect(label.page.get_by_role("alert")).to_contain_text(f"{name} is no text in UTF-8")
    label.page.evaluate(DROP, files)
    label.counts(1)  # the others are taken, and the refusal still stands
    expect(label.page.get_by_role("alert")).to_contain_text("zeros.bin is no text")


def test_text_is_pasted(open_label):
    label = open_label()
    label.page.evaluate("(text) => navigator.clipboard.writeText(text)", FIVE)
    field = label.view.get_by_label("Add text")
    field.click()
    label.press("Control+v")
    label.button("Add").click()
    label.counts(5)
    expect(field).to_have_value("")
    expect(label.page.locator("#said")).to_have_text("Your text: 5 sentences added.")


def test_a_text_of_the_tag_view_comes_first(open_label):
    label = open_label(FIVE)
    label.press("2")
    label.page.goto(f"{label.api.base_url}/#tag")
    text = "Fritz came. Emil ran. Gina won."
    label.page.evaluate("([name, text]) => sessionStorage.setItem(name, text)", [TO_CORRECT, text])
    label.page.goto(f"{label.api.base_url}/#label")
    for name in ("Fritz", "Emil", "Gina"):  # Emil waited already
        expect(label.token(name)).to_be_focused()
        label.press("1", "Enter")
    label.shows(("Anna", "PLACE"))  # what was begun before
    label.counts(4, accepted=3)
    assert label.page.evaluate("(name) => sessionStorage.getItem(name)", TO_CORRECT) is None
    sources = [own["source"] for own in label.api.get("/v1/labelling/sentences?status=accepted").json()["sentences"]]
    assert sources == ["page", "news.txt", "page"]


def test_a_text_of_the_tag_view_comes_first_from_the_start(open_label):
    label = open_label(FIVE)
    label.page.evaluate("([name, text]) => sessionStorage.setItem(name, text)", [TO_CORRECT, "Fritz came."])
    label.page.reload()
    expect(label.token("Fritz")).to_be_visible()
    label.counts(6)


# --- labels and models


def test_a_label_is_added(open_label):
    label = open_label(FIVE, expected=("422",))
    field = label.view.get_by_label("New label")
    field.fill("two words")
    label.button("Add label").click()
    expect(label.page.get_by_role("alert")).to_contain_text("no spaces")
    expect(field).to_have_value("two words")
    field.fill("EVENT")
    label.press("Enter")
    expect(label.label("EVENT")).to_be_visible()
    assert label.api.get("/v1/labelling").json()["labels"][-1] == "EVENT"
    label.token("left").click()
    label.press("4", "Enter")
    label.counts(4, accepted=1)
    assert label.kept(label.ids[0]) == [(1, 1, "EVENT")]


def test_without_a_model_the_way_to_training_is_shown(open_label):
    label = open_label(" ".join(f"{name}{number} left." for number in "12" for name in NAMES))
    note = label.view.locator(".note")
    expect(note).to_contain_text("There is no model yet")
    expect(note.get_by_role("link")).to_have_count(0)
    expect(label.view.locator(".meta")).to_contain_text("Not labelled yet")
    label.press(*["Enter"] * 10)
    label.counts(0, accepted=10)
    note.get_by_role("link", name="train").click()
    expect(label.page.locator("#view-train")).to_be_visible()


def test_with_a_model_there_is_no_such_note(open_label, models):
    label = open_label(FIVE, folder=models["ner"])
    expect(label.view.locator(".note")).to_be_hidden()
    expect(label.view.locator(".counts")).to_contain_text("all scored")


def test_a_server_without_labelling_says_so(open_page, serve):
    page = open_page(f"{serve()}/#label", expected=("409",))
    expect(page.locator("#view-label")).to_contain_text("--no-labelling")


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

    label.page.route("**/v1/labelling/sentences/*", lambda route: held.append(route))
    label.press("1", "Enter", "2", "s")  # what comes before the failure is known was meant for the next sentence
    label.waits(lambda: len(held), 1)
    label.page.route("**/v1/labelling/sentences/*", fail)
    fail(held[0])
    problem = label.page.get_by_role("alert")
    expect(problem).to_contain_text("does not answer" if failure == "gone" else "Too much waits already.")
    label.shows(("Anna", "PERSON"))
    expect(label.said).not_to_contain_text("Accepted")
    label.counts(5)
    label.page.unroute("**/v1/labelling/sentences/*")
    label.press("Enter")
    label.counts(4, accepted=1)
    expect(problem).to_be_hidden()
    assert label.kept(label.ids[0]) == [(0, 0, "PERSON")]


def test_a_save_is_not_claimed_before_the_answer(open_label):
    label = open_label(FIVE)
    held = []
    label.page.route("**/v1/labelling/sentences/*", lambda route: held.append(route))
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


def test_a_text_that_cannot_be_added_stays_in_its_field(open_label):
    label = open_label(expected=("Failed to load resource",))
    label.page.route("**/v1/labelling/sentences", lambda route: route.abort())
    field = label.view.get_by_label("Add text")
    field.fill(FIVE)
    label.button("Add").click()
    expect(label.page.get_by_role("alert")).to_contain_text("does not answer")
    expect(field).to_have_value(FIVE)
    label.page.unroute("**/v1/labelling/sentences")
    label.button("Add").click()
    label.counts(5)
    expect(label.page.get_by_role("alert")).to_be_hidden()
