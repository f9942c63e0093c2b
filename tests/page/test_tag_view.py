"""The view Tag, in a browser: what it shows is what the API says."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from accessibility import assert_accessible
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from random_model import random_model
from tagsmith.cli.app import app
from tagsmith.model.folder import write_model
from tagsmith.scores.scores import Scores
from tagsmith.serving.limits import Limits
from tagsmith.text.schemes import Scheme

TEXT = "John lives in New York. Paris, too! Жёлтый café 北京 don't"
EMOJI = "👩🏽‍🍳 John 🎉🎉 lives in New York 🇵🇹 with Paris."
ARABIC = "يعيش John في New York.\nPlain English in Paris."
NBSP = "\u00a0"
READ_MARKS = """marks => marks.map(mark => {
    const label = mark.querySelector(".mark-label");
    const text = mark.textContent;
    if (!label) return [text, null];
    return [text.slice(0, text.length - label.textContent.length), label.querySelector("bdi").textContent];
})"""


def api(address: str, text: str, **options: object) -> dict:
    answer = httpx.post(f"{address}/v1/tag", json={"text": text, **options}, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def api_spans(address: str, text: str, **options: object) -> list[dict]:
    """The spans in the text's order; there are some, or the test would test nothing."""
    spans = sorted(api(address, text, **options)["documents"][0]["spans"], key=lambda own: own["start"])
    assert spans
    return spans


def wait_for_result(page: Page) -> None:
    expect(page.locator(".result:not(.stale) .marked")).to_be_visible()


def type_text(page: Page, text: str) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    wait_for_result(page)


def marks(page: Page) -> list[list[str]]:
    """Text and label of what is marked."""
    return page.locator(".marked mark").evaluate_all(READ_MARKS)


def pairs(spans: list[dict]) -> list[list[str]]:
    return [[own["text"], own["label"]] for own in spans]


def percent(share: float) -> str:
    if 0.9995 <= share < 1:
        return f">{NBSP}99.9{NBSP}%"
    if 0 < share < 0.0005:
        return f"<{NBSP}0.1{NBSP}%"
    return f"{100 * share:.1f}{NBSP}%"


def shown_text(page: Page) -> str:
    """The running text without labels."""
    return page.locator(".marked").evaluate(
        """marked => [...marked.children].map(line => {
            const copy = line.cloneNode(true);
            copy.querySelectorAll(".mark-label, rt").forEach(own => own.remove());
            return copy.textContent;
        }).join("\\n")"""
    )


def drop(page: Page, name: str, content: bytes) -> None:
    transfer = page.evaluate_handle(
        """([name, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name));
            return transfer;
        }""",
        [name, list(content)],
    )
    field = page.get_by_label("Text", exact=True)
    field.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(page.locator(".input")).to_have_class("input dropping")
    field.dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator(".input")).to_have_class("input")


# ------------------------------------------------------------------------------------------------- highlighting


def test_typing_marks_what_the_api_says(open_page, address):
    page = open_page(address)
    page.get_by_label("Text", exact=True).press_sequentially(TEXT)
    wait_for_result(page)
    spans = api_spans(address, TEXT)
    assert marks(page) == pairs(spans)
    assert shown_text(page) == TEXT
    expect(page.locator(".status")).to_have_text(f"{len(spans)} spans found")


@pytest.mark.parametrize("text", [EMOJI, "𝒜" * 3 + " Paris", "北京 Paris 東京", " \t John\n\n  New\nYork  \n"])
def test_marks_are_where_they_belong(open_page, address, text):
    """After characters of two UTF-16 units, across lines, with white space kept."""
    page = open_page(address)
    type_text(page, text)
    assert shown_text(page) == text
    expected = [part for span in api_spans(address, text) for part in span["text"].split("\n") if part]
    assert [part for part, _ in marks(page)] == expected


def test_offsets_become_utf_16(open_page, address):
    page = open_page(address)
    read = """text => import("/page/tag/offsets.js").then(({ unitsOf }) => {
        const unit = unitsOf(text);
        return [...text, ""].map((_, point) => unit(point));
    })"""
    for text in ("", "plain é 北京", "a👩🏽‍🍳b🎉", "🇵🇹"):
        expected = [len(text[:point].encode("utf-16-le")) // 2 for point in range(len(text) + 1)]
        assert page.evaluate(read, text) == expected


def test_a_span_across_lines_has_its_label_once(open_page, address):
    page = open_page(address)
    page.route("**/v1/tag", lambda route: route.fulfill(json=crafted("New\nYork, 🎉 Rome", [(0, 8), (12, 16)])))
    type_text(page, "whatever")
    assert marks(page) == [["New", None], ["York", "LOC"], ["Rome", "LOC"]]
    assert page.locator(".marked p").count() == 2


def crafted(text: str, places: list[tuple[int, int]], **more: object) -> dict:
    """An answer as the server's, whatever the model thinks."""
    spans = [
        {"start": start, "end": end, "text": text[start:end], "label": "LOC", "score": 0.9, "layer": "ner"}
        for start, end in places
    ]
    sentence = {"start": 0, "end": len(text), "tokens": [], "tags": {"ner": []}, **more}
    return {
        "model": {"name": "ner", "version": "x"},
        "documents": [{"text": text, "sentences": [sentence], "spans": spans}],
    }


def test_each_line_has_its_own_direction(open_page, address):
    page = open_page(address)
    type_text(page, ARABIC)
    read = "lines => lines.map(line => [line.dir, getComputedStyle(line).direction])"
    assert page.locator(".marked p").evaluate_all(read) == [["auto", "rtl"], ["auto", "ltr"]]
    assert page.get_by_label("Text", exact=True).get_attribute("dir") == "auto"
    assert marks(page) == pairs(api_spans(address, ARABIC))


def test_markup_in_a_text_stays_text(open_page, address):
    page = open_page(address)
    text = "<img src=x onerror=alert(1)> John <script>alert(2)</script> & Paris"
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for model in ("ner", "pos"):
        page.get_by_label("Model").select_option(model)
        type_text(page, text)
        assert shown_text(page) == text
        assert page.locator("main img, main script").count() == 0


def test_an_outdated_answer_is_never_shown(open_page, address):
    page = open_page(address)
    type_text(page, "Paris.")
    before = marks(page)
    held = []
    page.route("**/v1/tag", lambda route: held.append(route), times=1)
    with page.expect_request("**/v1/tag"):
        page.get_by_label("Text", exact=True).fill("John.")
    expect(page.locator(".result")).to_have_attribute("aria-busy", "true")
    assert (shown_text(page), marks(page)) == ("Paris.", before)  # dimmed, until the next comes
    page.evaluate(
        """() => { window.seen = []; const place = document.querySelector(".marked");
            new MutationObserver(() => seen.push(place.textContent)).observe(place, { childList: true }); }"""
    )
    type_text(page, TEXT)
    held[0].continue_()
    page.evaluate("fetch('v1/models').then(answer => answer.text())")  # by now the first would have come
    assert shown_text(page) == TEXT
    assert not any(own.startswith("John.") for own in page.evaluate("seen"))
    assert page.evaluate("seen.length") == 1


def test_keystrokes_are_tagged_together(open_page, address):
    page = open_page(address)
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_json) if "v1/tag" in request.url else None)
    page.get_by_label("Text", exact=True).press_sequentially("John lives", delay=10)
    wait_for_result(page)
    assert sent[-1] == {"text": "John lives", "model": "ner"}
    assert len(sent) <= 2


def test_results_are_announced_once_after_typing(open_page, address):
    page = open_page(address)
    page.evaluate(
        """() => { window.said = []; const place = document.getElementById("said");
            new MutationObserver(() => said.push(place.textContent)).observe(place, { childList: true }); }"""
    )
    for end in range(5, len(TEXT), 5):
        type_text(page, TEXT[:end])
    type_text(page, TEXT)
    count = len(api_spans(address, TEXT))
    expect(page.locator("#said")).to_have_text(f"{count} spans found.")
    assert page.evaluate("said.length") <= 2


# --------------------------------------------------------------------------------------------- legend and slider


def test_the_slider_hides_less_sure_spans_at_once(open_page, address):
    page = open_page(address)
    type_text(page, TEXT)
    spans = api_spans(address, TEXT)
    scores = sorted(own["score"] for own in spans)
    least = int(100 * scores[len(scores) // 2])
    sure = [own for own in spans if own["score"] >= least / 100]
    assert 0 < len(sure) < len(spans)
    page.route("**/v1/tag", lambda route: pytest.fail("nothing is asked for"))
    slider = page.get_by_role("slider", name="Hide spans below")
    slider.fill(str(least))
    assert slider.get_attribute("aria-valuetext") == f"{least} percent"
    expect(page.locator(".status")).to_have_text(f"{len(sure)} of {len(spans)} spans shown")
    assert marks(page) == pairs(sure)
    assert shown_text(page) == TEXT
    slider.fill("0")
    expect(page.locator(".status")).to_have_text(f"{len(spans)} spans found")
    assert marks(page) == pairs(spans)


def test_labels_are_counted_and_can_be_hidden(open_page, address):
    page = open_page(address)
    type_text(page, TEXT)
    spans = api_spans(address, TEXT)
    legend = page.get_by_role("group", name="Labels")
    counts = {label: sum(own["label"] == label for own in spans) for label in ("LOC", "PER")}
    assert min(counts.values()) > 0
    assert legend.get_by_role("button").all_inner_texts() == [f"{label} {n}" for label, n in counts.items()]
    button = legend.get_by_role("button", name="PER")
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert marks(page) == [own for own in pairs(spans) if own[1] != "PER"]
    type_text(page, TEXT + " John")  # it stays hidden
    assert not any(label == "PER" for _, label in marks(page))
    page.keyboard.press("Space")
    page.get_by_role("button", name="PER").click()
    assert button.get_attribute("aria-pressed") == "true"
    assert marks(page) == pairs(api_spans(address, TEXT + " John"))


# ------------------------------------------------------------------------------------------------------ the tip


def test_the_keyboard_goes_from_span_to_span_and_shows_how_sure(open_page, address):
    page = open_page(address)
    type_text(page, TEXT)
    spans = api_spans(address, TEXT)
    assert len(spans) > 2
    tip = page.get_by_role("tooltip")
    page.get_by_role("slider").focus()

    def expect_at(number):
        mark = page.locator(".marked mark").nth(number)
        expect(mark).to_be_focused()
        expect(tip).to_have_text(f"{spans[number]['label']}, {percent(spans[number]['score'])} sure")
        assert mark.get_attribute("aria-describedby") == tip.get_attribute("id")

    page.keyboard.press("Tab")
    expect_at(0)
    for key, number in (("ArrowRight", 1), ("ArrowDown", 2), ("ArrowLeft", 1), ("End", len(spans) - 1), ("Home", 0)):
        page.keyboard.press(key)
        expect_at(number)
    page.keyboard.press("ArrowUp")
    expect_at(0)
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect_at(1)
    page.keyboard.press("Tab")  # one stop for all of them
    expect(page.get_by_role("button", name="Copy JSON")).to_be_focused()
    expect(tip).to_be_hidden()


def test_in_right_to_left_text_left_is_forward(open_page, address):
    page = open_page(address)
    page.route("**/v1/tag", lambda route: route.fulfill(json=crafted("سافرت ليلى حداد من بيروت", [(0, 5), (6, 10)])))
    type_text(page, "whatever")
    page.locator(".marked mark").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".marked mark").nth(1)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".marked mark").first).to_be_focused()


def test_the_tip_comes_with_the_pointer_and_stays_under_it(open_page, address):
    page = open_page(address)
    type_text(page, TEXT)
    tip = page.get_by_role("tooltip")
    page.locator(".marked mark").first.hover()
    expect(tip).to_have_text(
        f"{api_spans(address, TEXT)[0]['label']}, {percent(api_spans(address, TEXT)[0]['score'])} sure"
    )
    tip.hover()
    expect(tip).to_be_visible()
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1200])
def test_tips_stay_inside_the_page(open_page, address, width):
    page = open_page(address, viewport={"width": width, "height": 700})
    type_text(page, TEXT)
    for mark in page.locator(".marked mark").all():
        mark.focus()
        box = page.get_by_role("tooltip").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


# --------------------------------------------------------------------------------------- parts of speech, layers


def read_rows(page: Page) -> list[list[str]]:
    return page.locator(".tokens tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.textContent))"
    )


def expected_rows(answer: dict, layer: str) -> list[list[str]]:
    rows = []
    for sentence in answer["documents"][0]["sentences"]:
        names = sentence["marginals"][layer]["tags"]
        probabilities = sentence["marginals"][layer]["probabilities"]
        for token, tag, shares in zip(sentence["tokens"], sentence["tags"][layer], probabilities, strict=True):
            share = dict(zip(names, shares, strict=True))
            own = share.pop(tag)
            other = max(share, key=share.get)
            rows.append([token["text"], tag, percent(own), other, percent(share[other])])
    assert rows
    return rows


def test_parts_of_speech_have_a_table_and_tags_below_the_text(open_page, address):
    page = open_page(address)
    page.get_by_label("Model").select_option("pos")
    type_text(page, TEXT)
    rows = expected_rows(api(address, TEXT, model="pos", marginals=True), "ner")
    assert read_rows(page) == rows
    assert shown_text(page) == TEXT
    tokens = page.locator(".marked ruby")
    assert [own.replace("\n", "") for own in tokens.all_text_contents()] == [text + tag for text, tag, *_ in rows]
    expect(page.locator(".status")).to_have_text(f"{len(rows)} tokens tagged")
    tokens.nth(1).focus()
    _, tag, share, other, next_share = rows[1]
    expect(page.get_by_role("tooltip")).to_have_text(f"{tag}, {share}; else {other}, {next_share}")


def test_legend_and_slider_of_parts_of_speech(open_page, address):
    page = open_page(address)
    page.get_by_label("Model").select_option("pos")
    type_text(page, TEXT)
    rows = read_rows(page)
    answer = api(address, TEXT, model="pos", marginals=True)
    shares = [
        dict(zip(own["marginals"]["ner"]["tags"], row, strict=True))[tag]
        for own in answer["documents"][0]["sentences"]
        for row, tag in zip(own["marginals"]["ner"]["probabilities"], own["tags"]["ner"], strict=True)
    ]
    least = int(100 * sorted(shares)[len(shares) // 2])
    unsure = [own < least / 100 for own in shares]
    assert 0 < sum(unsure) < len(unsure)
    page.get_by_role("slider", name="Unsure below").fill(str(least))
    expect(page.locator(".status")).to_have_text(f"{len(rows)} tokens tagged, {sum(unsure)} unsure")
    is_unsure = "tokens => tokens.map(token => token.classList.contains('unsure'))"
    assert page.locator(".marked ruby").evaluate_all(is_unsure) == unsure
    assert ["unsure" in row[2] for row in read_rows(page)] == unsure  # in words, not only in color
    page.get_by_role("slider").fill("0")
    page.get_by_role("group", name="Labels").get_by_role("button", name="NOUN").click()
    assert read_rows(page) == [row for row in rows if row[1] != "NOUN"]
    assert set(page.locator(".marked rt").all_text_contents()) == {"VERB"}
    assert shown_text(page) == TEXT


def test_a_long_table_is_cut_until_asked_for(open_page, address):
    page = open_page(address)
    page.get_by_label("Model").select_option("pos")
    type_text(page, "John lives in New York. " * 60)
    assert len(read_rows(page)) == 300
    page.get_by_role("button", name="Show all 360 tokens").click()
    assert len(read_rows(page)) == 360
    assert page.get_by_role("button", name="Show all").count() == 0


def test_a_very_long_text_has_its_tags_in_colors_and_tips_only(open_page, address):
    page = open_page(address)
    page.get_by_label("Model").select_option("pos")
    text = "John lives in New York. " * 501
    type_text(page, text)
    assert page.locator(".marked ruby").count() == 0
    assert page.locator(".marked span.token").count() == 6 * 501
    assert shown_text(page) == text
    page.locator(".marked .token").first.hover()
    expect(page.get_by_role("tooltip")).to_have_text(re.compile("^(NOUN|VERB), "))


def test_layers_of_a_model_are_chosen_and_shown_by_their_kind(open_page, address):
    page = open_page(address)
    expect(page.get_by_label("Layer")).to_be_hidden()
    page.get_by_label("Model").select_option("all")
    assert page.get_by_label("Layer").locator("option").all_text_contents() == ["pos", "ner", "chunk"]
    type_text(page, TEXT)
    assert read_rows(page) == expected_rows(api(address, TEXT, model="all", marginals=True), "pos")
    for layer, labels in (("ner", ["X"]), ("chunk", ["Y", "X"])):
        page.get_by_label("Layer").select_option(layer)
        wait_for_result(page)
        expect(page.get_by_role("slider", name="Hide spans below")).to_be_visible()
        spans = [own for own in api_spans(address, TEXT, model="all") if own["layer"] == layer]
        assert marks(page) == pairs(spans)
        names = page.get_by_role("group", name="Labels").get_by_role("button").all_inner_texts()
        assert sorted(name.split()[0] for name in names) == sorted(labels)
        expect(page.locator(".tokens")).to_be_hidden()


def test_one_model_of_one_layer_leaves_nothing_to_choose(open_page, serve, models):
    page = open_page(serve({"only": models["ner"]}))
    type_text(page, TEXT)
    expect(page.get_by_label("Model", exact=True)).to_be_hidden()
    expect(page.get_by_label("Layer", exact=True)).to_be_hidden()


def test_a_model_that_is_replaced_shows_its_new_labels(open_page, serve, tmp_path):
    write_model(random_model(labels=("LOC", "PER")), tmp_path / "m")
    address = serve({"m": tmp_path / "m"})
    page = open_page(address)
    type_text(page, TEXT)
    before = httpx.get(f"{address}/v1/models").json()
    write_model(random_model(labels=("GOD", "SHIP"), seed=1), tmp_path / "m")
    deadline = time.monotonic() + 20
    while httpx.get(f"{address}/v1/models").json() == before:
        assert time.monotonic() < deadline, "the new version is not loaded"
        time.sleep(0.05)
    page.get_by_label("Text", exact=True).fill(TEXT + " Paris")
    legend = page.get_by_role("group", name="Labels")
    expect(legend.get_by_role("button", name="SHIP")).to_be_visible()
    wait_for_result(page)
    assert marks(page) == pairs(api_spans(address, TEXT + " Paris"))


# ---------------------------------------------------------------------------------------- files, examples, exports


def test_files_are_dropped_and_chosen(open_page, address, tmp_path):
    page = open_page(address)
    drop(page, "a.txt", f"\ufeff{EMOJI}".encode())
    wait_for_result(page)
    assert shown_text(page) == EMOJI
    (tmp_path / "b.txt").write_text(ARABIC, encoding="utf-8")
    for _ in range(2):  # the same file can be chosen again
        with page.expect_file_chooser() as chosen:
            page.get_by_role("button", name="Choose a file").click()
        chosen.value.set_files(tmp_path / "b.txt")
        expect(page.get_by_label("Text", exact=True)).to_have_value(ARABIC)
        wait_for_result(page)
        assert shown_text(page) == ARABIC
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_label("Text", exact=True)).to_have_value("")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00caf\xe9", "“x.bin” is no text in UTF-8."),
        (b"a\0b", "“x.bin” is no text: it holds zero bytes."),
        (b"a" * (4 * 2**20 + 1), "“x.bin” is too large: 4.0 MiB; the limit is 4 MiB."),
    ],
)
def test_what_is_no_text_is_refused(open_page, address, tmp_path, content, said):
    page = open_page(address)
    type_text(page, TEXT)
    (tmp_path / "x.bin").write_bytes(content)
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Choose a file").click()
    chosen.value.set_files(tmp_path / "x.bin")
    expect(page.get_by_role("alert")).to_contain_text(said)
    assert shown_text(page) == TEXT
    type_text(page, "Paris")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_limit_is_told(open_page, serve):
    page = open_page(serve(limits=Limits(characters=50)), expected=("422",))
    drop(page, "long.txt", b"Paris " * 20)
    expect(page.get_by_role("alert")).to_contain_text("text: 120 characters; the limit is 50.")
    type_text(page, "Paris")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_examples_are_tagged(open_page, address):
    page = open_page(address)
    examples = page.get_by_role("group", name="Examples").get_by_role("button")
    examples.first.wait_for()
    assert 4 <= examples.count() <= 6
    texts = []
    for button in examples.all():
        button.click()
        wait_for_result(page)
        texts.append(page.get_by_label("Text", exact=True).input_value())
        assert shown_text(page) == texts[-1]
        assert [part for part, _ in marks(page)] == [
            part for span in api(address, texts[-1])["documents"][0]["spans"] for part in span["text"].split("\n")
        ]
    assert texts[0] == "John lives in New York."
    assert len(set(texts)) == len(texts)


def exported(page: Page, name: str) -> tuple[str, str, str]:
    """What is copied, what is downloaded, and the file's name."""
    page.get_by_role("button", name=f"Copy {name}").click()
    expect(page.locator("#said")).to_have_text(f"{name} copied.")
    expect(page.locator(".told")).to_have_text(f"{name} copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download {name}").click()
    expect(page.locator("#said")).to_contain_text(f"{name} downloaded")
    content = Path(download.value.path()).read_text(encoding="utf-8")
    return copied, content, download.value.suggested_filename


@pytest.mark.parametrize("model", ["ner", "pos", "all"])
def test_json_is_the_servers_answer(open_page, address, model):
    page = open_page(address)
    page.get_by_label("Model").select_option(model)
    type_text(page, EMOJI)
    page.get_by_role("slider").fill("99")  # what is hidden is exported all the same
    copied, content, file = exported(page, "JSON")
    assert file == "tagged.json"
    assert content == copied
    assert json.loads(content) == api(address, EMOJI, model=model, **({} if model == "ner" else {"marginals": True}))


@pytest.mark.parametrize("model", ["ner", "pos", "all"])
def test_conll_is_what_tagsmith_writes(open_page, address, models, tmp_path, model):
    text = "John lives in New York. Paris, too! Reykjavík 🙂 # café"
    page = open_page(address)
    page.get_by_label("Model").select_option(model)
    type_text(page, text)
    copied, content, file = exported(page, "CoNLL")
    assert file == "tagged.conll"
    assert content == copied
    (tmp_path / "in.txt").write_text(text, encoding="utf-8")
    arguments = ["tag", str(models[model]), str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.conll")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert content == (tmp_path / "out.conll").read_text(encoding="utf-8")


def test_copying_works_where_the_browser_has_no_clipboard_for_pages(open_page, address):
    page = open_page(address)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    type_text(page, TEXT)
    button = page.get_by_role("button", name="Copy CoNLL")
    button.click()
    expect(page.locator("#said")).to_have_text("CoNLL copied.")
    expect(button).to_be_focused()
    page.evaluate("delete navigator.clipboard")
    assert page.evaluate("navigator.clipboard.readText()").startswith("John\t")


def test_a_text_can_be_taken_to_the_label_view(open_page, address):
    page = open_page(address, expected=("409",))  # this server has no labeling
    button = page.get_by_role("button", name="Correct this text")
    expect(button).to_be_disabled()
    type_text(page, EMOJI)
    button.click()
    page.wait_for_url("**/#label")
    assert page.evaluate("sessionStorage.getItem('tagsmith-to-correct')") in (EMOJI, None)  # taken by then, perhaps
    page.get_by_role("link", name="Tag").click()
    assert shown_text(page) == EMOJI  # all is as it was


# ---------------------------------------------------------------------------------------------------- the card


def test_the_model_card_is_readable(open_page, serve, tmp_path):
    card = "\n".join(
        [
            "---", "license: mit", "---", "",
            "# A **fine** model", "", "Of `code`,", "two lines and <b>no markup</b>.", "", "## Table", "",
            "| part | F1 |", "|---|---|", "| dev | 90.00 |", "| <i>x</i> | 1 |",
            r"| \*a\*\|\`b\`\[c\](d)\\ | 2 |", "", "- one", "- *two*", "  goes on",
            "",            "1. first", "", "```toml", "units = 100", "# no heading", "```",
            "[bad](javascript:alert(1)) [good](https://example.org/)",
        ]
    )  # fmt: skip
    scores = {"dev": Scores(0.8125, 0.75, 0.9, 8, 8, 6, 0.8, 0.7, 0.75, 0.96875, 40, {}).as_dict()}
    model = replace(
        random_model(), extras={"README.md": card.encode()}, scores=scores, recipe={"units": 100, "cell": "gru"}
    )
    write_model(model, tmp_path / "m")
    address = serve({"m": tmp_path / "m"})
    page = open_page(address)
    (known,) = httpx.get(f"{address}/v1/models").json()["models"]
    panel = page.locator(".model-card")
    panel.locator("summary").first.click()
    for text in ("m", known["version"], known["precision"]):
        expect(panel.locator("dd").filter(has_text=text).first).to_be_visible()
    assert panel.locator(".labels .tag").all_text_contents() == known["layers"][0]["labels"]
    assert panel.get_by_role("region", name="Scores").locator("tr").all_inner_texts() == [
        "Scores\tPrecision\tRecall\tF1\tAccuracy",
        f"dev\t81.3{NBSP}%\t75.0{NBSP}%\t90.0{NBSP}%\t96.9{NBSP}%",
    ]
    panel.get_by_text("Recipe", exact=True).click()
    assert panel.locator(".recipe dt").all_text_contents() == ["units", "cell"]
    assert panel.locator(".recipe dd").all_text_contents() == ["100", "gru"]
    text = panel.locator(".card-text")
    expect(text.get_by_role("heading", name="A fine model", level=3)).to_be_visible()
    expect(text.get_by_role("heading", name="Table", level=4)).to_be_visible()
    assert text.locator("p").first.inner_text() == "Of code, two lines and <b>no markup</b>."
    assert text.locator("tr").all_inner_texts() == ["part\tF1", "dev\t90.00", "<i>x</i>\t1", "*a*|`b`[c](d)\\\t2"]
    assert text.locator("ul li").all_text_contents() == ["one", "two goes on"]
    assert text.locator("ol li").all_text_contents() == ["first"]
    assert text.locator("pre").inner_text() == "units = 100\n# no heading"
    assert text.locator("a").evaluate_all("links => links.map(link => link.href)") == ["https://example.org/"]
    assert text.locator("b, i").count() == 0
    assert_accessible(page)


# ----------------------------------------------------------------------------------------------------- trouble


def test_without_a_model_the_way_to_one_is_shown(open_page, serve):
    page = open_page(serve({}), expected=("409",))  # nobody labels on this server
    expect(page.locator(".result")).to_contain_text("There is no model yet.")
    page.get_by_label("Text", exact=True).fill(TEXT)
    expect(page.locator(".result")).to_contain_text("There is no model yet.")
    assert_accessible(page)
    page.get_by_role("link", name="Label view").click()
    expect(page.locator("#view-label")).to_be_visible()


def test_a_model_that_came_meanwhile_is_found(open_page, address):
    page = open_page("about:blank", expected=("409",))
    page.route("**/v1/models", lambda route: route.fulfill(json={"models": []}), times=1)
    page.goto(address)
    page.get_by_label("Text", exact=True).fill(TEXT)
    expect(page.locator(".result")).to_contain_text("There is no model yet.")
    page.get_by_role("link", name="Train").click()
    page.get_by_role("link", name="Tag").click()
    wait_for_result(page)
    assert marks(page) == pairs(api_spans(address, TEXT))


def test_the_key_is_asked_for_and_then_the_text_is_tagged(open_page, serve):
    address = serve(api_key="secret")
    page = open_page(address, expected=("401",))
    page.get_by_label("This server needs an API key.").fill("secret")
    page.get_by_role("button", name="Use it").click()
    type_text(page, TEXT)
    assert marks(page)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_key_comes_after_the_text(open_page, serve):
    page = open_page(serve(api_key="secret"), expected=("401",))
    page.get_by_label("Text", exact=True).fill(TEXT)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.get_by_label("This server needs an API key.").fill("secret")
    page.get_by_role("button", name="Use it").click()
    wait_for_result(page)
    assert shown_text(page) == TEXT


def test_a_server_that_is_gone_is_told_of_and_recovered_from(open_page, address):
    page = open_page(address, expected=("ERR_INTERNET_DISCONNECTED",))
    type_text(page, "Paris.")
    page.context.set_offline(True)
    page.get_by_label("Text", exact=True).fill(TEXT)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(page.locator(".status")).to_have_text("Not up to date")
    expect(page.get_by_role("button", name="Download")).to_have_count(0)
    assert shown_text(page) == "Paris."
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    wait_for_result(page)
    assert marks(page) == pairs(api_spans(address, TEXT))
    expect(page.get_by_role("button", name="Download")).to_have_count(2)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    page.context.set_offline(True)
    page.get_by_label("Text", exact=True).fill("John")
    expect(page.get_by_role("alert")).to_be_visible()
    page.context.set_offline(False)
    type_text(page, EMOJI)  # typing on is enough
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_server_that_did_not_answer_at_first_is_asked_again(open_page, address):
    page = open_page("about:blank", expected=("500",))
    failed = {"error": {"code": "internal", "message": "The server failed; its log says where."}}
    page.route("**/v1/models", lambda route: route.fulfill(status=500, json=failed), times=1)
    page.goto(address)
    expect(page.get_by_role("alert")).to_contain_text("The server failed")
    type_text(page, TEXT)
    assert marks(page) == pairs(api_spans(address, TEXT))
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_busy_server_is_asked_once_more(open_page, address):
    page = open_page(address, expected=("503",))
    busy = {"error": {"code": "overloaded", "message": "Too many requests are waiting; the limit is 1."}}
    answer = {"status": 503, "json": busy, "headers": {"retry-after": "0"}}
    page.route("**/v1/tag", lambda route: route.fulfill(**answer), times=1)
    type_text(page, TEXT)
    assert marks(page) == pairs(api_spans(address, TEXT))
    expect(page.get_by_role("alert")).to_be_hidden()
    page.route("**/v1/tag", lambda route: route.fulfill(**answer), times=2)
    page.get_by_label("Text", exact=True).fill("Paris")
    expect(page.get_by_role("alert")).to_contain_text("Too many requests")
    page.get_by_role("button", name="Try again").click()
    wait_for_result(page)
    assert shown_text(page) == "Paris"


# ------------------------------------------------------------------------------------------------ for everybody


@pytest.mark.parametrize("model", ["ner", "pos"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_view_is_accessible(open_page, address, model, scheme, width):
    page = open_page(address, color_scheme=scheme, viewport={"width": width, "height": 740})
    assert_accessible(page)
    page.get_by_label("Model").select_option(model)
    type_text(page, f"{TEXT}\n{EMOJI}\n{ARABIC}\n{'long' * 100}")
    page.get_by_role("slider").fill("60")
    page.get_by_role("group", name="Labels").get_by_role("button").first.click()
    page.locator(".model-card summary").first.click()
    page.locator("[data-tip]").first.focus()
    expect(page.get_by_role("tooltip")).to_be_visible()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overflowing = """[...document.querySelectorAll("#view-tag .marked, #view-tag .controls, #view-tag .exports")]
        .filter(own => own.scrollWidth > own.clientWidth).map(own => own.className)"""
    assert page.evaluate(overflowing) == []


def test_every_label_of_many_is_legible(open_page, serve, tmp_path):
    """All twelve colors in both schemes."""
    labels = tuple(f"L{number}" for number in range(12))
    write_model(random_model(scheme=Scheme.PLAIN, labels=labels), tmp_path / "m")
    address = serve({"m": tmp_path / "m"})
    for scheme in ("light", "dark"):
        page = open_page(address, color_scheme=scheme)
        type_text(page, TEXT)
        page.locator(".model-card summary").first.click()  # all labels are there
        assert page.locator(".labels .tag").count() == 12
        assert_accessible(page)
