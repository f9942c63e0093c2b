"""The Label view: text comes in, from files, from the clipboard and from the Tag view."""

from __future__ import annotations

from playwright.sync_api import expect

FIVE = "Anna left. Ben stayed. Cleo slept. Dora sang. Emil ran."
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
