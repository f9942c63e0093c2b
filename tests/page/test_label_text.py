"""The Label view: text comes in, from files, from the clipboard and from the Tag view."""

from __future__ import annotations

import pytest
from accessibility import assert_accessible
from playwright.sync_api import expect

FIVE = "Anna left. Ben stayed. Cleo slept. Dora sang. Emil ran."
PLAIN_TAGS = (
    "The tags of this file label single tokens, as parts of speech do; here spans are labeled. "
    "Its labels may be in another column."
)
TO_CORRECT = "tagsmith-to-correct"
# Puts files on the view as the mouse would; each is [name, content], the content text or bytes.
DROP = """(files) => {
  const carried = new DataTransfer();
  for (const [name, content] of files) {
    carried.items.add(new File([typeof content === "string" ? content : new Uint8Array(content)], name));
  }
  const view = document.getElementById("view-label");
  for (const name of ["dragover", "drop"]) {
    view.dispatchEvent(new DragEvent(name, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


def test_a_file_is_dropped(open_label):
    label = open_label()
    label.page.evaluate(DROP, [["news.txt", f"{FIVE}\n\nAnna left."]])
    expect(label.view.locator(".told")).to_have_text("news.txt: 5 sentences added, 1 known already.")
    label.counts(5)
    expect(label.token("Anna")).to_be_focused()
    assert label.api.get("/v1/labeling/next").json()["sentence"]["source"] == "news.txt"


def test_files_are_chosen(open_label, tmp_path):
    (tmp_path / "a.txt").write_bytes("Anna left.".encode("utf-16"))
    (tmp_path / "b.txt").write_text("Ben stayed.\n", "utf-8")
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
    cut = "async ([text, size]) => (await import('/page/label/intake.js')).cutIntoPieces(text, size)"
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
        expect(label.page.get_by_role("alert")).to_contain_text(f"“{name}” is no text")
    label.page.evaluate(DROP, files)
    label.counts(1)  # the others are taken, and the refusal still stands
    expect(label.page.get_by_role("alert")).to_contain_text("“zeros.bin” is no text")


def told(label) -> str:
    """What the page says of files, once it is done with them."""
    expect(label.view.locator(".told")).not_to_contain_text("Adding")
    return label.view.locator(".told").inner_text()


def test_a_labeled_file_comes_in_with_its_labels(open_label):
    label = open_label(labels=("PERSON", "PLACE"))
    lines = [
        '{"text": "Anna left Berlin.", "label": [[0, 4, "PERSON"], [10, 16, "PLACE"]]}',
        "no JSON",
        '{"text": "The Rome Open began.", "label": [[4, 13, "EVENT"], [4, 8, "PLACE"]]}',
        '{"text": "Nobody labeled this."}',
    ]
    label.page.evaluate(DROP, [["people.jsonl", "\n".join(lines)]])
    expect(label.view.locator(".report p").first).to_have_text(
        "people.jsonl: 1 labeled sentence accepted, 1 to check, 1 sentence added without labels, 1 refused; "
        "new labels: EVENT."
    )
    assert "Line 2 This is not JSON" in told(label)
    assert "Line 3 The span 4–8 'Rome' [PLACE] overlaps" in told(label)
    expect(label.page.locator("#said")).to_contain_text("1 labeled sentence accepted")
    label.counts(2, accepted=1)
    label.shows(("Rome Open", "EVENT"))  # what is to be checked comes first
    expect(label.label("EVENT")).to_be_visible()
    assert_accessible(label.page)


def test_predictions_of_a_program_are_suggestions(open_label):
    label = open_label(labels=("PERSON", "PLACE"))
    line = (
        '{"text": "Anna left Berlin.", "spans": [{"start": 0, "end": 4, "label": "PERSON", "score": 0.9}, '
        '{"start": 10, "end": 16, "label": "PLACE", "score": 0.4}]}'
    )
    label.page.evaluate(DROP, [["said.jsonl", line]])
    expect(label.view.locator(".report p").first).to_have_text(
        "said.jsonl: 1 sentence with predictions, waiting as suggestions."
    )
    label.counts(1)
    label.shows(("Anna", "PERSON"), ("Berlin", "PLACE"))
    expect(label.view.locator(".meta")).to_contain_text("Predicted by said.jsonl")
    assert_accessible(label.page)
    label.press("Enter")
    label.counts(0, accepted=1)


def test_labels_that_contradict_those_that_are_there_are_shown_and_nothing_is_lost(open_label):
    label = open_label("Anna left. Ben stayed. Cleo slept.")
    for span in ("1", "2"):
        label.press(span, "Enter")
    label.counts(1, accepted=2)
    other = "Anna\tB-ORG\nleft\tO\n.\tO\n\nBen\tB-PLACE\nstayed\tO\n.\tO\n\nCleo\tB-PERSON\nslept\tO\n.\tO\n"
    label.page.evaluate(DROP, [["other.conll", other]])
    expect(label.view.locator(".report p").first).to_have_text(
        "other.conll: 1 labeled sentence accepted, 1 labeled differently before, 1 known already."
    )
    label.counts(0, accepted=3)  # Cleo, on screen until then, is accepted
    label.shows(("Anna", "ORG"))
    expect(label.view.locator(".meta")).to_contain_text("labels of other.conll; undo brings back the old ones")
    assert label.kept(label.ids[0]) == [(0, 1, "PERSON")]
    label.press("Control+z")
    label.shows(("Anna", "PERSON"))
    label.press("Control+y", "Enter")
    expect(label.view.locator(".nothing")).to_be_visible()
    assert label.kept(label.ids[0]) == [(0, 1, "ORG")]


def test_several_files_are_told_of_one_by_one(open_label):
    label = open_label(expected=("409",))
    files = [
        ["a.conll", "Anna\tB-PERSON\nleft\tO\n"],
        ["latin.conll", [65, 9, 79, 10, 10, 0xE9, 9, 79, 10]],
        ["pos.conll", "dog\tNOUN\nbarks\tVERB\n"],
        ["empty.jsonl", ""],
        ["news.txt", FIVE],
    ]
    label.page.evaluate(DROP, files)
    expect(label.view.locator(".report")).to_have_count(5)
    reports = label.view.locator(".report").all_inner_texts()
    assert reports == [
        "a.conll: 1 labeled sentence accepted.",
        "latin.conll: not added. “latin.conll” is no text in UTF-8. See line 3, and save it as UTF-8.",
        f"pos.conll: not added. {PLAIN_TAGS}",
        "empty.jsonl: there is nothing in it.",
        "news.txt: 5 sentences added.",
    ]
    expect(label.page.get_by_role("alert")).to_contain_text("“pos.conll”: The tags of this file")
    label.counts(5, accepted=1)
    assert_accessible(label.page)


@pytest.mark.parametrize("format", ["conll", "jsonl", "crlf"])
def test_a_long_labeled_file_goes_in_pieces_and_its_lines_are_counted_on(open_label, format):
    label = open_label()
    records = {
        "conll": [f"word{number}\tB-PERSON\nnext\tO\n\n" for number in range(500)],
        "jsonl": [f'{{"text": "word{number}, next", "label": [[0, 4, "PERSON"]]}}\n' for number in range(500)],
    }
    records["crlf"] = [own.replace("\n", "\r\n") for own in records["conll"]]
    records = records[format]
    records[400] = "bad\n" if format == "jsonl" else records[400].replace("\tO", "")
    send = "async ([text, size]) => (await import('/page/label/intake.js')).sendFile(text, 'a', () => {}, size)"
    sent = []
    label.page.on("request", lambda own: sent.append(own.post_data_json) if own.method == "POST" else None)
    answer = label.page.evaluate(send, ["".join(records), 3000])
    assert len(sent) > 3
    assert "".join(own["content"] for own in sent) == "".join(records)
    assert [own["format"] for own in sent] == [None] + [answer["format"]] * (len(sent) - 1)
    assert len(answer["ids"]) == 499
    assert [own["line"] for own in answer["refused"]] == [401 if format == "jsonl" else 3 * 400 + 2]


def test_what_cannot_be_cut_goes_whole(open_label):
    label = open_label()
    send = "async ([text, size]) => (await import('/page/label/intake.js')).sendFile(text, 'a', () => {}, size)"
    table = "Sentence #,Word,Tag\n" + "".join(f"{number},word{number},B-PERSON\n" for number in range(200))
    array = "[" + ",\n".join(f'{{"text": "text{number}", "label": []}}' for number in range(200)) + "]"
    for text in (table, array):
        assert len(label.page.evaluate(send, [text, 1000])["ids"]) == 200


def test_of_a_file_of_which_a_part_is_refused_the_part_before_is_in(open_label):
    label = open_label(expected=("409",))
    refusal = {"error": {"code": "unreadable", "message": "Line 77: this cannot be."}}
    answers = iter([None, {"status": 409, "json": refusal}])

    def answer(route) -> None:
        given = next(answers)
        route.fulfill(**given) if given else route.continue_()

    label.page.route("**/v1/labeling/files", answer)
    send = "async ([text, size]) => (await import('/page/label/intake.js')).sendFile(text, 'a.conll', () => {}, size)"
    text = "".join(f"Anna{number}\tB-PERSON\nleft\tO\n\n" for number in range(200))
    known = label.page.evaluate(send, [text, 1000])
    assert 0 < known["accepted"] == len(known["ids"]) < 200
    assert known["problem"] is not None
    assert label.api.get("/v1/labeling").json()["counts"]["accepted"] == known["accepted"]


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
    sources = [own["source"] for own in label.api.get("/v1/labeling/sentences?status=accepted").json()["sentences"]]
    assert sources == ["page", "news.txt", "page"]


def test_a_text_of_the_tag_view_comes_first_from_the_start(open_label):
    label = open_label(FIVE)
    label.page.evaluate("([name, text]) => sessionStorage.setItem(name, text)", [TO_CORRECT, "Fritz came."])
    label.page.reload()
    expect(label.token("Fritz")).to_be_visible()
    label.counts(6)


def test_the_tag_view_hands_its_text_over(open_label, models):
    label = open_label(FIVE, folder=models["ner"])
    label.page.get_by_role("link", name="Tag").click()
    label.page.locator("#view-tag textarea").fill("Fritz came.")
    label.page.get_by_role("button", name="Correct this text").click()
    label.waits(label.text, "Fritz came.")
    label.counts(6)


def test_a_text_that_cannot_be_added_stays_in_its_field(open_label):
    label = open_label(expected=("Failed to load resource",))
    label.page.route("**/v1/labeling/sentences", lambda route: route.abort())
    field = label.view.get_by_label("Add text")
    field.fill(FIVE)
    label.button("Add").click()
    expect(label.page.get_by_role("alert")).to_contain_text("does not answer")
    expect(field).to_have_value(FIVE)
    label.page.unroute("**/v1/labeling/sentences")
    label.button("Add").click()
    label.counts(5)
    expect(label.page.get_by_role("alert")).to_be_hidden()
