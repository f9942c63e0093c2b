"""The Label view: what is done to a sentence, with the mouse and with keys."""

from __future__ import annotations

import pytest
from accessibility import assert_accessible
from playwright.sync_api import expect

SENTENCE = "Anna Maria Schmidt left New York City ."
ANNA = ("Anna Maria", "PERSON")
CITY = ("New York City", "PLACE")
APPEARANCES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "small": {"viewport": {"width": 360, "height": 740}},
    "forced": {"forced_colors": "active"},
}


@pytest.fixture
def label(open_label):
    """A server without a model, with one sentence to label."""
    return open_label(SENTENCE)


@pytest.fixture
def labeled(label):
    """With the spans ANNA and CITY, the first of which is chosen."""
    label.press("Shift+End", "Shift+ArrowLeft")  # Anna … City
    label.press(
        "Home", "Shift+ArrowRight", "1", *["ArrowRight"] * 3, "Shift+ArrowRight", "Shift+ArrowRight", "2", "Home"
    )
    label.shows(ANNA, CITY)
    return label


def accepted(label) -> list[tuple[int, int, str]]:
    """Accept the sentence; return what the server has of it."""
    label.button("Accept").click()
    label.counts(0, accepted=1)
    return label.kept(label.ids[0])


# --- adding


def test_a_run_of_tokens_becomes_a_span_with_keys(label):
    label.press("ArrowRight", "Shift+ArrowRight", "1")
    label.shows(("Maria Schmidt", "PERSON"))
    expect(label.page.locator("#said")).to_have_text("PERSON added: Maria Schmidt")
    label.press("Enter")
    label.counts(0, accepted=1)
    assert label.kept(label.ids[0]) == [(1, 3, "PERSON")]


def test_a_run_of_tokens_becomes_a_span_with_the_mouse(label):
    label.drag(label.token("New"), label.token("City"))
    label.label("PLACE").click()
    label.shows(CITY)
    label.token("Anna").click()
    label.token("Schmidt").click(modifiers=["Shift"])
    label.label("PERSON").click()
    label.shows(("Anna Maria Schmidt", "PERSON"), CITY)
    assert accepted(label) == [(0, 3, "PERSON"), (4, 7, "PLACE")]


def test_a_run_can_be_drawn_backwards(label):
    label.drag(label.token("Schmidt"), label.token("Anna"))
    label.press("3")
    label.shows(("Anna Maria Schmidt", "ORG"))
    label.press("Escape", "End", "Shift+Home", "1")
    label.shows((SENTENCE, "PERSON"))


def test_a_new_span_takes_the_place_of_those_that_it_overlaps(labeled):
    labeled.drag(labeled.token("Maria"), labeled.token("New"))
    labeled.press("3")
    labeled.shows(("Maria Schmidt left New", "ORG"))
    assert accepted(labeled) == [(1, 5, "ORG")]


def test_without_a_selection_there_is_nothing_to_label(label):
    label.press("Escape", "1")
    expect(label.said).to_have_text("Select a token first.")
    expect(label.sentence.locator(".span")).to_have_count(0)
    assert label.sentence.locator("[aria-selected=true]").count() == 0


# --- changing


@pytest.mark.parametrize("way", ["keys", "mouse"])
def test_a_span_is_relabeled(labeled, way):
    if way == "keys":
        labeled.press("3")
    else:
        labeled.token("Maria").click()
        labeled.label("ORG").click()
    labeled.shows(("Anna Maria", "ORG"), CITY)
    assert accepted(labeled) == [(0, 2, "ORG"), (4, 7, "PLACE")]


@pytest.mark.parametrize("way", ["Delete", "Backspace", "mouse"])
def test_a_span_is_removed(labeled, way):
    if way == "mouse":
        labeled.sentence.locator(".chip").first.click()
        labeled.button("Remove span").click()
    else:
        labeled.press(way)
    labeled.shows(CITY)
    assert accepted(labeled) == [(4, 7, "PLACE")]


def test_a_click_on_a_span_selects_it_whole(labeled):
    labeled.token("York").click()
    assert labeled.sentence.locator("[aria-selected=true]").all_inner_texts() == ["New", "York", "City"]
    expect(labeled.label("PLACE")).to_have_attribute("aria-current", "true")


def test_both_ends_of_a_span_move_with_keys(labeled):
    labeled.press(".", "Alt+ArrowRight")
    labeled.shows(ANNA, ("New York City .", "PLACE"))
    labeled.press("Alt+ArrowRight")  # there is no more
    labeled.press("Alt+ArrowLeft", "Alt+ArrowLeft", "Shift+Alt+ArrowLeft")
    labeled.shows(ANNA, ("left New York", "PLACE"))
    labeled.press("Shift+Alt+ArrowRight", "Shift+Alt+ArrowRight", "Shift+Alt+ArrowRight")
    labeled.shows(ANNA, ("York", "PLACE"))
    assert accepted(labeled) == [(0, 2, "PERSON"), (5, 6, "PLACE")]


def test_both_ends_of_a_span_can_be_dragged(labeled):
    labeled.token("York").click()
    start, end = (labeled.sentence.locator(f".chosen .handle[data-end={end}]") for end in ("start", "end"))
    labeled.drag(start, labeled.token("left"))
    labeled.shows(ANNA, ("left New York City", "PLACE"))
    labeled.drag(end, labeled.token("New"))
    labeled.shows(ANNA, ("left New", "PLACE"))
    labeled.press("Control+z")  # a drag is one step, however many tokens it went over
    labeled.shows(ANNA, ("left New York City", "PLACE"))
    assert accepted(labeled) == [(0, 2, "PERSON"), (3, 7, "PLACE")]


def test_a_span_that_grows_takes_tokens_from_its_neighbor(labeled):
    labeled.press(*["Alt+ArrowRight"] * 3)
    labeled.shows(("Anna Maria Schmidt left New", "PERSON"), ("York City", "PLACE"))
    labeled.press(*["Alt+ArrowRight"] * 2)
    labeled.shows(("Anna Maria Schmidt left New York City", "PERSON"))


def test_ends_move_only_of_a_span(label):
    label.press("Alt+ArrowRight")
    expect(label.said).to_have_text("Select a span first.")


# --- undoing


def test_undo_and_redo_go_over_every_step(labeled):
    labeled.press("3", "Delete", "Control+z", "Control+z")
    labeled.shows(ANNA, CITY)
    labeled.press("Control+z")
    labeled.shows(ANNA)
    labeled.button("Redo").click()
    labeled.shows(ANNA, CITY)
    labeled.press("Control+y", "Control+Shift+z")
    labeled.shows(CITY)
    expect(labeled.button("Redo")).to_be_disabled()
    labeled.button("Undo").click()
    labeled.press("2")  # what was undone is forgotten
    expect(labeled.button("Redo")).to_be_disabled()


def test_the_next_key_is_for_the_span_that_undo_brought_back(labeled):
    labeled.press(".", "Shift+Alt+ArrowLeft", "Shift+Alt+ArrowLeft")  # it takes a token of nobody, and one of none
    labeled.shows(ANNA, ("Schmidt left New York City", "PLACE"))
    labeled.press("Control+z", "Alt+ArrowRight")
    labeled.shows(ANNA, ("left New York City .", "PLACE"))
    labeled.press("Control+z", "Control+z")
    labeled.shows(ANNA, CITY)
    labeled.press("Shift+Alt+ArrowLeft", "Shift+Alt+ArrowLeft", "Shift+Alt+ArrowLeft")  # over Anna Maria's end
    labeled.shows(("Anna", "PERSON"), ("Maria Schmidt left New York City", "PLACE"))
    labeled.press("Control+z", "Control+Shift+z", "3")
    labeled.shows(("Anna", "PERSON"), ("Maria Schmidt left New York City", "ORG"))
    labeled.press("Delete", "Control+z", "Control+z", "Control+z", "Delete")
    labeled.shows(ANNA)


def test_what_somebody_else_did_meanwhile_is_shown_and_ones_own_is_an_undo_away(open_label):
    label = open_label(SENTENCE, expected=("409",))
    (number,) = label.ids
    label.press("Shift+ArrowRight", "1")
    label.shows(ANNA)
    others = {"status": "accepted", "spans": [{"start": 2, "end": 3, "label": "ORG"}]}
    label.api.put(f"/v1/labeling/sentences/{number}", json=others).raise_for_status()
    label.press("Enter")
    expect(label.page.get_by_role("alert")).to_contain_text("Someone else changed this sentence in the meantime")
    label.shows(("Schmidt", "ORG"))
    assert label.kept(number) == [(2, 3, "ORG")]
    label.press("Control+z")
    label.shows(ANNA)
    label.press("Enter")
    label.counts(0, accepted=1)
    assert label.kept(number) == [(0, 2, "PERSON")]


def test_undo_brings_an_accepted_sentence_back_for_more(labeled):
    labeled.press("Enter")
    labeled.counts(0, accepted=1)
    labeled.press("Control+z")
    labeled.counts(1)
    labeled.shows(ANNA, CITY)
    labeled.press("Control+z")  # and into what was done before
    labeled.shows(ANNA)
    assert accepted(labeled) == [(0, 2, "PERSON")]


def test_undo_accept_keeps_what_was_begun_on_the_next(open_label):
    label = open_label("Anna left. Ben stayed.")
    label.press("1", "Enter")
    label.counts(1, accepted=1)
    label.press("2")
    label.shows(("Ben", "PLACE"))
    label.button("Undo accept").click()
    label.shows(("Anna", "PERSON"))
    label.counts(2)
    assert label.kept(label.ids[1]) == [(0, 1, "PLACE")]  # a draft
    label.press("Enter")
    label.shows(("Ben", "PLACE"))
    label.press("Control+z")
    expect(label.sentence.locator(".span")).to_have_count(0)


def test_there_may_be_nothing_to_undo(label):
    label.press("Control+z")
    expect(label.said).to_have_text("Nothing to undo.")


# --- keys


def test_keys_are_for_fields_when_one_is_typed_in(label):
    label.view.get_by_label("Add text").click()
    label.press("1", "s", "?", "Enter")
    expect(label.view.get_by_label("Add text")).to_have_value("1s?\n")
    label.view.get_by_label("New label").fill("X")
    label.press("Control+z", "2")
    label.counts(1)
    expect(label.sentence.locator(".span")).to_have_count(0)


def test_keys_with_other_modifiers_are_the_browsers(label):
    label.press("Control+1", "Alt+1", "Control+Enter", "Alt+s", "Shift+S", "Meta+s")
    label.press("ArrowRight", "1")  # so that all before has been heard
    label.shows(("Maria", "PERSON"))
    label.counts(1)


def test_the_help_shows_all_keys(label):
    label.press("?")
    dialog = label.page.get_by_role("dialog", name="Keys")
    expect(dialog.get_by_role("row").filter(has_text="Accept, and go on")).to_contain_text("Enter")
    assert_accessible(label.page)
    label.press("1", "Escape")
    expect(dialog).to_have_count(0)
    expect(label.sentence.locator(".span")).to_have_count(0)
    expect(label.token("Anna")).to_be_focused()


def test_arrows_go_to_the_lines_above_and_below(open_label):
    label = open_label("word " * 60, viewport={"width": 500, "height": 700})
    first = label.sentence.locator(".token").first.bounding_box()
    label.press("ArrowDown", "ArrowDown")
    second = label.sentence.locator(".token:focus").bounding_box()
    assert second["y"] > first["y"] + 1.5 * first["height"]
    assert abs(second["x"] - first["x"]) < first["width"]
    label.press("ArrowUp", "ArrowUp")
    expect(label.sentence.locator(".token").first).to_be_focused()


def test_more_labels_than_digits_have_letters(open_label):
    label = open_label(SENTENCE, labels=tuple(f"L{number}" for number in range(40)))
    label.press("0")
    label.shows(("Anna", "L9"))
    label.press("ArrowRight", "q")
    label.shows(("Anna", "L9"), ("Maria", "L10"))
    label.label("L39").click()
    label.shows(("Anna", "L9"), ("Maria", "L39"))


# --- text


def test_text_of_any_script_is_as_it_was(open_label):
    texts = ["🙂 Ann-Marie’s  “naïve” 👩‍👩‍👧 café", "王小明在北京大学。", "ולדימיר ביקר ב-New York בשנת 2023."]
    label = open_label("\n\n".join(texts))
    for text in texts:
        label.waits(label.text, text)
        label.press("End", "Shift+ArrowLeft" if text[0] != "ו" else "Shift+ArrowRight", "1", "Enter")
    label.counts(0, accepted=3)
    for number, text in zip(label.ids, texts, strict=True):
        found = label.api.get(f"/v1/labeling/sentences/{number}").json()
        assert found["text"] == text
        end = len(found["tokens"])
        assert label.kept(number) == [(end - 2, end, "PERSON")]


def test_arrows_follow_the_direction_of_the_text(open_label):
    label = open_label("ולדימיר ביקר כאן")
    label.press("ArrowLeft")
    expect(label.token("ביקר")).to_be_focused()
    label.press("Shift+ArrowLeft", "1", "Alt+ArrowRight", "Shift+Alt+ArrowRight")
    label.shows(("ולדימיר ביקר", "PERSON"))


def test_text_that_looks_like_a_script_is_text(open_label):
    text = "<img src=x onerror=alert(1)> <b>Anna</b> &amp;"
    label = open_label(text, labels=("<i>PERSON</i>",))
    label.waits(label.text, text)
    label.press("1", "Enter")
    label.view.get_by_text("Recently accepted").click()
    expect(label.view.get_by_role("list")).to_contain_text(text)
    assert label.view.locator("img, b:not(.counts b), i").count() == 0


# --- plain tags


@pytest.fixture
def plain(open_label, models):
    """A model of plain tags, which knows NOUN and VERB."""
    return open_label("The dog barks loudly .", folder=models["pos"])


def test_plain_tags_go_from_token_to_token(plain):
    plain.press("1", "2", "1", "Shift+ArrowRight", "2", "Enter")
    plain.counts(0, accepted=1)
    labels = [label for _, _, label in plain.kept(plain.ids[0])]
    assert labels == ["NOUN", "VERB", "NOUN", "VERB", "VERB"]


def test_plain_tags_cannot_be_removed(plain):
    expect(plain.button("Remove span")).to_be_hidden()
    expect(plain.view.get_by_label("New label")).to_be_hidden()
    plain.press("Delete")
    expect(plain.said).to_have_text("Each token needs a label.")
    expect(plain.sentence.locator(".span")).to_have_count(5)


def test_tokens_without_a_tag_are_named(open_label, models):
    label = open_label("The dog barks .", folder=models["pos"])
    draft = {"status": "waiting", "spans": [{"start": 1, "end": 2, "label": "NOUN"}]}
    label.api.put(f"/v1/labeling/sentences/{label.ids[0]}", json=draft).raise_for_status()
    label.page.reload()
    label.shows(("dog", "NOUN"))
    label.press("Enter")
    expect(label.said).to_have_text("Not labeled yet: The barks .")
    expect(label.token("The")).to_be_focused()
    label.counts(1)
    label.press("1", "ArrowRight", "2", "2", "Enter")
    label.counts(0, accepted=1)


# --- everyone


@pytest.mark.parametrize("look", APPEARANCES)
@pytest.mark.parametrize("model", [None, "ner", "pos"])
def test_all_can_use_it(open_label, models, look, model):
    text = f"{SENTENCE} {'Donaudampfschifffahrt' * 6} https://example.org/{'a' * 80}\n\nBen stayed."
    label = open_label(text, folder=models.get(model), **APPEARANCES[look])
    for keys in (["Shift+ArrowRight", "1"], ["Enter"], ["1", "Enter"]):
        assert_accessible(label.page)
        assert label.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        label.press(*keys)
    label.view.get_by_text("Recently accepted").click()
    expect(label.view.get_by_role("listitem")).to_have_count(2)
    assert_accessible(label.page)
    assert label.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
