"""The view "train": first beside a server that does what a test tells it, then beside the real one, training."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from accessibility import assert_accessible
from fake_training import COMPARISON, SCORES, TYPES, UNCLEAR, FakeTraining, epoch, version
from playwright.sync_api import Page, expect

from tagsmith.corpus.sources import read_sentences
from tagsmith.labeling.desk import LabelingProject
from tagsmith.labeling.schema import FILE_FORMATS

APPEARANCES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "small": {"viewport": {"width": 360, "height": 740}},
    "forced": {"forced_colors": "active"},
}
GONE = ("net::ERR_", "Failed to load resource")
TRAINING_SECONDS = 240_000  # milliseconds that a real run may take on a busy machine


@pytest.fixture
def fake() -> Iterator[FakeTraining]:
    fake = FakeTraining()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def open_view(fake, open_page):  # in this order: the page is closed before its server
    return lambda **options: open_page(f"{fake.address}#train", **options)


def run_card(page: Page):
    return page.get_by_role("region", name=re.compile(r"^Run \d+"))


def versions(page: Page):
    return page.get_by_role("region", name="Versions", exact=True)


def fact(page: Page, name: str):
    return page.locator("dl div").filter(has=page.locator("dt", has_text=re.compile(f"^{name}$"))).locator("dd")


def curve(page: Page, name: str):
    return page.get_by_role("img", name=re.compile(f"^{name}"))


def points(page: Page, name: str, kind: str = ":not(.second)") -> int:
    """How many points a line of a chart has."""
    return len(curve(page, name).locator(f"polyline{kind}").get_attribute("points").split())


def assert_sound(page: Page) -> None:
    """Accessible, and no wider than the window."""
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- what there is


def test_what_there_is_to_train_on(open_view):
    page = open_view()
    expect(fact(page, "Accepted")).to_have_text("20 sentences")
    expect(fact(page, "Of these")).to_have_text("16 to train on, 4 held out as the dev set")
    expect(fact(page, "Labels").locator("span")).to_have_text(["LOCATION", "PERSON"])
    expect(fact(page, "Starts from")).to_have_text("the original model, which is in service")
    expect(page.get_by_role("button", name="Train")).to_be_enabled()
    assert page.get_by_role("region", name=re.compile("^Run")).count() == 0


def test_too_few_sentences(open_view, fake):
    fake.ready, fake.hint = False, "Accept at least 10 sentences; there are 3."
    fake.labeling["counts"] = {"waiting": 2, "accepted": 0, "skipped": 0, "held_out": 0, "predicted": 0}
    fake.versions = []
    page = open_view(expected=("404",))  # the fake knows nothing of the view Label
    expect(page.get_by_role("button", name="Train")).to_be_disabled()
    expect(page.get_by_role("button", name="Train")).to_have_accessible_description(re.compile(re.escape(fake.hint)))
    expect(fact(page, "Starts from")).to_contain_text("nothing")
    expect(versions(page)).to_contain_text("No model is in service yet.")
    for name in ("CoNLL", "CoNLL-U", "CSV", "JSONL"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    assert_sound(page)
    page.get_by_role("link", name="Label sentences").click()
    expect(page.locator("#view-label")).to_be_visible()


def test_counts_are_asked_for_each_time(open_view, fake):
    page = open_view(expected=("404",))  # the fake has no models for the view Tag
    expect(fact(page, "Accepted")).to_have_text("20 sentences")
    page.get_by_role("link", name="Tag", exact=True).click()
    fake.labeling["counts"]["accepted"] = 21
    page.get_by_role("link", name="Train", exact=True).click()
    expect(fact(page, "Accepted")).to_have_text("21 sentences")


def test_no_labeling(open_view, fake):
    fake.labeling = None
    page = open_view(expected=GONE)
    expect(page.locator("#view-train")).to_contain_text("This model has several layers; labeling needs one.")
    assert page.locator("#view-train button").count() == 0
    expect(page.locator("#problem")).to_be_hidden()
    assert_sound(page)


# --- a run


def test_epochs_are_passed_on(open_view, fake):
    page = open_view()
    page.get_by_text("Options").click()
    field = page.get_by_role("spinbutton", name="Maximum epochs")
    field.fill("201")
    page.get_by_text("Options").click()  # closed, the browser could not tell what is wrong
    page.get_by_role("button", name="Train").click()
    expect(field).to_be_focused()
    assert fake.asked == []
    field.fill("3")
    page.get_by_role("button", name="Train").click()
    expect(run_card(page)).to_be_visible()
    assert fake.asked == [("train", {"epochs": 3})]


def test_predictions_are_learned_unless_the_user_says_no(open_view, fake):
    page = open_view()
    assert page.get_by_role("checkbox").count() == 0  # there are none
    fake.labeling["counts"]["predicted"] = 1200
    page = open_view(viewport={"width": 360, "height": 740})
    box = page.get_by_role(
        "checkbox", name="Learn from 1,200 waiting sentences as files of predictions label them, too"
    )
    expect(box).to_be_checked()
    assert_sound(page)
    page.get_by_role("button", name="Train").click()
    expect(run_card(page)).to_be_visible()
    fake.end("done", train=16, predicted=1200)
    expect(run_card(page)).to_contain_text("Trained on 16 corrected sentences and 1,200 predicted ones")
    box.uncheck()
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_role("heading", name="Run 2 running")).to_be_visible()
    assert fake.asked == [("train", {"predictions": True}), ("train", {"predictions": False})]


@pytest.mark.parametrize("appearance", APPEARANCES)
def test_a_run_from_the_button_to_the_decision(open_view, fake, appearance):
    page = open_view(**APPEARANCES[appearance])
    page.get_by_role("button", name="Train").click()
    fake.wait_for_streams(1)
    assert fake.asked == [("train", {})]
    expect(page.get_by_role("heading", name="Run 1 running")).to_be_focused()
    expect(page.get_by_role("button", name="Train")).to_be_disabled()
    expect(fact(page, "Epoch")).to_have_text("preparing")
    assert page.get_by_role("progressbar").get_attribute("value") is None
    expect(curve(page, "Loss")).to_contain_text("begins after the first epoch")
    assert_sound(page)

    fake.tell("message", {"text": "212 tokens in 16 sentences"})
    fake.tell("progress", {"progress": 0.05, "epoch": 1, "loss": 1.9, "tokens_per_second": 9123.4})
    expect(fact(page, "Epoch")).to_have_text("1 of 8")
    expect(fact(page, "Loss")).to_have_text("1.90")
    expect(fact(page, "Speed")).to_have_text("9,123 tokens/s")
    for number in range(1, 6):
        fake.tell("epoch", epoch(number))
        fake.tell("progress", {"progress": number / 8, "epoch": number})
    expect(fact(page, "Epoch")).to_have_text("5 of 8")
    expect(page.get_by_role("list", name="Messages")).to_have_text("212 tokens in 16 sentences")
    assert float(page.get_by_role("progressbar").get_attribute("value")) == 5 / 8
    assert points(page, "Loss") == points(page, "Loss", ".second") == points(page, "F1") == 5
    expect(curve(page, "Loss")).to_have_accessible_name(
        "Loss: 1.80 after epoch 1, 0.570 after epoch 5; dev: 1.60 after epoch 1, 0.655 after epoch 5"
    )
    expect(page.locator(".curve-now").first).to_have_text("training 0.570 dev 0.655")
    expect(curve(page, "F1")).to_have_accessible_name(re.compile("best 75.3 after epoch 5$"))
    expect(curve(page, "F1").locator(".curve-told")).to_have_text("best 75.3")
    assert_sound(page)

    for number in (6, 7):
        fake.tell("epoch", epoch(number))
    expect(curve(page, "F1")).to_have_accessible_name(re.compile("best 77.2 after epoch 6$"))
    fake.end("done", comparison=UNCLEAR)
    expect(page.get_by_role("heading", name="Run 1 done")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.locator("#said")).to_have_text(
        f"The training is done: F1 80.0 percent on the dev set. {UNCLEAR['told']}."
    )
    expect(run_card(page)).to_contain_text("Trained on 16 corrected sentences: 7 epochs in 12 s.")
    expect(run_card(page).locator(".verdict.unclear")).to_have_text(f"{UNCLEAR['told']}.")
    expect(run_card(page).locator(".figure").first).to_contain_text("+24.4 unclear")
    assert_sound(page)
    page.get_by_text("The curves as numbers").click()
    rows = run_card(page).get_by_role("region", name="Epochs").get_by_role("row")
    expect(rows).to_have_count(8)
    expect(rows.nth(6)).to_have_text("6 (best)0.4270.52477.21.2")
    assert_sound(page)


def test_before_and_after(open_view, fake):
    fake.begin(dev=25, epochs=[epoch(1)], corpus=1200)
    fake.end("done")
    page = open_view()
    figures = run_card(page).locator(".figure")
    expect(figures).to_have_text(
        [
            "F155.6 before,  → 80.0 after+24.4 better 95 % interval +3.1 to +45.0",
            "Precision50.0 before,  → 85.7 after+35.7 better 95 % interval +5.2 to +60.1",
            "Recall62.5 before,  → 75.0 after+12.5 unclear 95 % interval −10.0 to +35.0",
        ]
    )
    cells = [
        [*row.get_by_role("rowheader").all_text_contents(), *row.get_by_role("cell").all_text_contents()]
        for row in run_card(page).get_by_role("region", name="Scores by label").get_by_role("row").all()[2:]
    ]
    assert cells == [
        ["LOCATION", "5", "75.0", "100.0", "+25.0 unclear", "60.0", "80.0", "+20.0 unclear",
         "66.7", "88.9", "+22.2 unclear"],
        ["PERSON", "3", "50.0", "50.0", "±0.0 the same", "66.7", "33.3", "−33.4 worse", "57.1", "40.0", "−17.1 worse"],
        ["All", "8", "50.0", "85.7", "+35.7 better", "62.5", "75.0", "+12.5 unclear", "55.6", "80.0", "+24.4 better"],
    ]  # fmt: skip
    expect(run_card(page)).to_contain_text("16 corrected sentences and 1,200 of the original corpus")
    expect(run_card(page).locator(".verdict.better")).to_have_text(f"{COMPARISON['told']}.")
    expect(run_card(page)).to_contain_text("In percent, on the 25 sentences of the dev set. Before is the model")
    expect(run_card(page)).to_contain_text("A difference is unclear where it may be chance")
    expect(run_card(page).locator(".caution")).to_have_count(0)


def test_sentences_that_were_trained_on_are_counted_and_cannot_tell(open_view, fake):
    fake.begin(epochs=[epoch(1)])
    fake.end("done", comparison=COMPARISON | {"left_out": 1})
    page = open_view()
    expect(run_card(page)).to_contain_text(
        "24 sentences of the dev set that no model was trained on; one is left out, as a model was trained on it."
    )
    fake.end("done", comparison=None)
    page.reload()
    expect(run_card(page).locator(".caution")).to_contain_text("These sentences cannot tell which model is better")
    expect(run_card(page).locator(".figure").first).to_have_text("F155.6 before,  → 80.0 after+24.4 better")
    expect(run_card(page).locator(".verdict")).to_have_count(0)


def test_first_model_of_all(open_view, fake):
    fake.versions = []
    fake.begin()
    page = open_view()
    fake.wait_for_streams(1)
    fake.tell("epoch", epoch(1))
    intervals = {"f1": [0.551, 0.923], "precision": [0.5, 1.0], "recall": [0.75, 0.75], "accuracy": [0.8, 1.0]}
    fake.end("done", after=SCORES["after"] | {"types": TYPES["after"], "intervals": intervals})
    expect(page.locator("#said")).to_have_text(
        "The training is done: F1 80.0 percent on the dev set (95 % interval 55.1 to 92.3)."
    )
    expect(run_card(page).locator(".figure")).to_have_text(
        ["F180.0 95 % interval 55.1 to 92.3", "Precision85.7 95 % interval 50.0 to 100.0", "Recall75.0"]
    )
    expect(run_card(page)).to_contain_text("There are only 4 sentences in the dev set: the scores are a hint only.")
    expect(run_card(page)).not_to_contain_text("before")
    table = run_card(page).get_by_role("region", name="Scores by label")
    expect(table.get_by_role("row").nth(1)).to_have_text("LOCATION5100.080.088.9")
    assert_sound(page)


def test_plain_tags_are_compared_by_accuracy(open_view, fake):
    fake.labeling |= {"labels": ["NOUN", "VERB"], "gives_spans": False}
    fake.begin(measure="accuracy", epochs=[epoch(1)])
    fake.end("done")
    page = open_view()
    expect(run_card(page).locator(".figure")).to_have_text(
        ["Accuracy81.0 before,  → 92.0 after+11.0 better 95 % interval +2.0 to +20.0"]
    )
    expect(curve(page, "Accuracy on the dev set")).to_be_visible()
    expect(versions(page).get_by_role("columnheader", name="Accuracy")).to_be_visible()
    expect(versions(page).get_by_role("row").nth(2)).to_contain_text("81.0")


def test_reload_shows_the_whole_curve(open_view, fake):
    fake.begin()
    page = open_view()
    fake.wait_for_streams(1)
    for number in (1, 2, 3):
        fake.tell("epoch", epoch(number))
    expect(fact(page, "Epoch")).to_have_text("3 of 8")
    page.reload()
    fake.wait_for_streams(2)
    assert points(page, "Loss") == 3
    fake.tell("epoch", epoch(4))
    expect(fact(page, "Epoch")).to_have_text("4 of 8")
    assert points(page, "Loss") == 4


def test_number_of_epochs_is_learnt_later(open_view, fake):
    fake.begin(of_epochs=0)
    page = open_view()
    fake.wait_for_streams(1)
    fake.run["of_epochs"] = 40  # its process has begun
    fake.tell("epoch", epoch(1))
    expect(fact(page, "Epoch")).to_have_text("1 of 40")
    assert points(page, "Loss") == 1


def test_cancel(open_view, fake):
    page = open_view()
    page.get_by_role("button", name="Train").click()
    fake.wait_for_streams(1)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Run 1 canceled")).to_be_focused()  # its button is gone
    expect(run_card(page)).to_contain_text("The run was canceled, and nothing of it was kept.")
    expect(page.locator("#said")).to_have_text("The training was canceled.")
    expect(page.get_by_role("button", name="Train")).to_be_enabled()
    assert fake.asked == [("train", {}), ("cancel", None)]
    assert_sound(page)


def test_failed_run_says_why(open_view, fake):
    fake.begin()
    page = open_view()
    fake.wait_for_streams(1)
    fake.tell("message", {"text": "reading the corpus"})
    fake.end("failed", problem="corpus.conll:3: a line without a tag")
    expect(run_card(page).locator("p.problem")).to_have_text("corpus.conll:3: a line without a tag")
    expect(run_card(page).get_by_role("listitem")).to_have_text("reading the corpus")
    expect(page.locator("#said")).to_contain_text("The training failed. corpus.conll:3")
    expect(page.get_by_role("button", name="Put it in service")).to_have_count(0)
    assert_sound(page)


def test_refused_start(open_view, fake):
    page = open_view(expected=("409",))
    expect(page.get_by_role("button", name="Train")).to_be_enabled()
    fake.begin()  # from elsewhere
    page.get_by_role("button", name="Train").click()
    expect(page.locator("#problem")).to_contain_text("A run is under way already.")
    expect(page.get_by_role("heading", name="Run 1 running")).to_be_visible()
    expect(page.get_by_role("button", name="Train")).to_be_disabled()


# --- the stream


def test_broken_stream_is_opened_again(open_view, fake):
    fake.begin()
    page = open_view()
    fake.wait_for_streams(1)
    fake.tell("epoch", epoch(1))
    expect(fact(page, "Epoch")).to_have_text("1 of 8")
    fake.break_streams()
    fake.run["epochs"].append(epoch(2))  # nobody heard of it
    fake.wait_for_streams(2)
    expect(fact(page, "Epoch")).to_have_text("2 of 8")
    fake.tell("epoch", epoch(3))
    expect(fact(page, "Epoch")).to_have_text("3 of 8")
    assert points(page, "Loss") == 3


def test_server_that_is_gone_and_comes_back(open_view, fake):
    fake.begin()
    page = open_view(expected=GONE)
    fake.wait_for_streams(1)
    fake.stop()
    problem = run_card(page).get_by_role("alert")
    expect(problem).to_contain_text("The server does not answer")
    assert_sound(page)
    fake.start()
    expect(problem).to_be_hidden()
    fake.wait_for_streams(2)
    fake.end("done")
    expect(page.get_by_role("heading", name="Run 1 done")).to_be_visible()


def test_run_that_a_restart_has_lost(open_view, fake):
    fake.begin()
    page = open_view(expected=GONE)
    fake.wait_for_streams(1)
    fake.stop()
    expect(run_card(page).get_by_role("alert")).to_be_visible()
    fake.run = None
    fake.start()
    expect(page.locator("#problem")).to_contain_text("the run in progress was lost")
    expect(page.get_by_role("heading", name=re.compile("^Run"))).to_have_count(0)
    expect(page.get_by_role("button", name="Train")).to_be_enabled()


def test_silent_connection_is_given_up(open_view, fake):
    fake.begin()
    page = open_view()
    fake.wait_for_streams(1)
    page.clock.install()
    page.reload()  # with that clock from the beginning
    fake.wait_for_streams(2)
    expect(fact(page, "Epoch")).to_have_text("preparing")
    page.clock.fast_forward(31_000)
    page.clock.fast_forward(1_000)
    fake.wait_for_streams(3)
    fake.tell("epoch", epoch(1))
    expect(fact(page, "Epoch")).to_have_text("1 of 8")
    expect(run_card(page).get_by_role("alert")).to_have_count(0)


def test_epochs_are_not_announced_too_often(open_view, fake):
    fake.begin()
    page = open_view()
    page.evaluate(
        """window.heard = [];
        new MutationObserver(() => heard.push(document.getElementById("said").textContent))
          .observe(document.getElementById("said"), { childList: true });"""
    )
    fake.wait_for_streams(1)
    fake.tell("epoch", epoch(1))
    expect(page.locator("#said")).to_contain_text("Epoch 1")
    for number in range(2, 8):
        fake.tell("epoch", epoch(number))
        expect(fact(page, "Epoch")).to_have_text(f"{number} of 8")
    fake.end("done")
    expect(page.locator("#said")).to_contain_text("The training is done")
    epochs = [said for said in page.evaluate("heard") if said.startswith("Epoch")]
    assert epochs == [f"Epoch 1 of 8: F1 {100 * epoch(1)['dev']:.1f} percent."]


# --- versions


def test_accept_and_bring_back(open_view, fake):
    fake.begin()
    fake.end("done")
    page = open_view()
    page.get_by_role("button", name="Put it in service").click()
    expect(page.locator("#said")).to_have_text("Now in service: version 1.")
    expect(page.get_by_role("heading", name="Versions")).to_be_focused()
    expect(run_card(page)).to_contain_text("Version 1 is in service.")
    expect(versions(page)).to_contain_text("In service: version 1.")
    expect(fact(page, "Starts from")).to_have_text("version 1, which is in service")
    rows = versions(page).get_by_role("row")
    expect(rows.nth(1)).to_contain_text("in service")
    expect(rows.nth(2)).to_contain_text("0 original")
    versions(page).get_by_role("button", name="Bring back the original model").click()
    expect(versions(page)).to_contain_text("In service: the original model.")
    expect(versions(page).get_by_role("button", name="Put in service: version 1")).to_be_visible()
    assert fake.asked == [("serve", 1), ("serve", 0)]


def test_scores_of_different_dev_sets_are_said_to_be_no_comparison(open_view, fake):
    fake.versions[:] = [version(1, dev=4), version(2, dev=4)]
    page = open_view()
    expect(versions(page).get_by_role("row")).to_have_count(3)
    expect(versions(page)).not_to_contain_text("different dev sets")
    fake.versions.append(version(3, dev=5))
    page.reload()
    expect(versions(page)).to_contain_text("Each F1 is for the dev set of its time")


def test_throwing_away_asks_first_and_works_by_keyboard(open_view, fake):
    fake.begin()
    fake.end("done")
    fake.versions.append(version(2))
    page = open_view()
    button = versions(page).get_by_role("button", name="Delete version 2")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Delete version 2? This cannot be undone.")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    assert_sound(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    assert fake.asked == []
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(button).to_have_count(0)
    expect(page.get_by_role("heading", name="Versions")).to_be_focused()
    run_card(page).get_by_role("button", name="Delete it").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(run_card(page)).to_contain_text("Version 1 was deleted.")
    assert fake.asked == [("throw away", 2), ("throw away", 1)]


def test_original_and_current_versions_cannot_be_thrown_away(open_view, fake):
    fake.versions.append(version(1))
    fake.serve_version(1)
    page = open_view()
    expect(versions(page).get_by_role("button")).to_have_text(["Compare with…", "Bring back", "Compare with…"])


@pytest.mark.parametrize("appearance", ["dark", "small"])
def test_any_two_versions_are_compared_by_keyboard(open_view, fake, appearance):
    fake.versions += [version(1), version(2)]
    page = open_view(**APPEARANCES[appearance])
    button = versions(page).get_by_role("button", name="Compare version 1 with…")
    button.focus()
    page.keyboard.press("Enter")
    place = page.get_by_role("region", name="Compare version 1")
    choice = place.get_by_role("combobox", name="with")
    expect(choice).to_be_focused()
    expect(choice.locator("option")).to_have_text(["version 2", "the original model"])
    expect(choice).to_have_value("0")  # in service
    page.keyboard.press("Enter")  # not yet: it opens the list, or does nothing
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(place.get_by_role("heading", name="Version 1 compared with the original model")).to_be_visible()
    expect(page.locator("#said")).to_have_text(f"Version 1 compared with the original model: {COMPARISON['told']}.")
    expect(place.locator(".verdict.better")).to_have_text(f"{COMPARISON['told']}.")
    expect(place).to_contain_text("In percent, on the 24 sentences of the dev set.")
    expect(place.locator(".figure").first).to_contain_text("55.6 original,  → 80.0 version 1+24.4 better")
    expect(place.get_by_role("columnheader", name="version 1")).to_have_count(3)
    report = place.get_by_role("link", name=re.compile("^Report of the difference"))
    assert report.get_attribute("href") == "v1/training/versions/1/report?against=0"
    assert fake.asked == [("compare", (0, 1))]
    assert_sound(page)

    choice.select_option("version 2")
    expect(place.locator(".verdict")).to_have_count(0)  # it was another comparison
    fake.comparison = UNCLEAR | {"left_out": 2}
    place.get_by_role("button", name="Compare", exact=True).click()
    expect(place.locator(".verdict.unclear")).to_have_text(f"{UNCLEAR['told']}.")
    expect(place).to_contain_text("2 sentences are left out, as a model was trained on them.")
    assert fake.asked[1:] == [("compare", (2, 1))]
    place.get_by_role("button", name="Close").press("Enter")
    expect(place).to_be_hidden()
    expect(button).to_be_focused()


def test_why_versions_are_not_compared_is_said_where_it_was_asked(open_view, fake):
    fake.versions.append(version(1))
    fake.refused = "Another report or comparison is being made. Try again when it is done."
    page = open_view(expected=("409",))
    versions(page).get_by_role("button", name="Compare the original model with…").click()
    place = page.get_by_role("region", name="Compare the original model")
    place.get_by_role("button", name="Compare", exact=True).click()
    expect(place.get_by_role("alert")).to_have_text(fake.refused)
    expect(place.get_by_role("button", name="Compare", exact=True)).to_be_enabled()
    assert_sound(page)
    fake.refused = ""
    place.get_by_role("button", name="Compare", exact=True).click()
    expect(place.get_by_role("alert")).to_be_hidden()
    expect(place.locator(".verdict")).to_be_visible()
    versions(page).get_by_role("button", name="Delete version 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(place).to_be_hidden()  # there is nothing to compare with
    expect(versions(page).get_by_role("button")).to_have_count(0)


def test_a_report_opens_in_a_tab_of_its_own(open_view, fake):
    fake.versions.append(version(1))
    page = open_view()
    with page.context.expect_page() as opened:
        versions(page).get_by_role("link", name="Report of version 1, in a new tab").press("Enter")
    expect(opened.value).to_have_title("Version 1")
    assert opened.value.evaluate("opener") is None
    assert fake.asked == [("report", (1, None))]


def test_with_an_api_key_a_report_is_downloaded(open_view, fake):
    page = open_view(expected=("409",))
    page.evaluate("sessionStorage.setItem('tagsmith-api-key', 'secret')")
    link = versions(page).get_by_role("link", name=re.compile("^Report of the original model"))
    with page.expect_request("**/report") as asked, page.expect_download() as offered:
        link.click()
    assert asked.value.headers["x-api-key"] == "secret"
    assert offered.value.suggested_filename == "version-0.html"
    expect(page.locator("#said")).to_have_text("The report is downloaded, as the file version-0.html.")
    fake.refused = "There is nothing to score on."
    link.click()
    expect(page.locator("#problem")).to_contain_text(fake.refused)


# --- the API key, and files


def test_files_are_fetched_with_the_key(open_view, fake):
    page = open_view()
    page.evaluate("sessionStorage.setItem('tagsmith-api-key', 'secret')")
    with page.expect_request("**/export?format=jsonl") as asked, page.expect_download() as offered:
        page.get_by_role("button", name="JSONL").click()
    assert asked.value.headers["x-api-key"] == "secret"
    assert offered.value.suggested_filename == "accepted.jsonl"
    assert offered.value.path().read_text("utf-8") == "in jsonl\n"


# --- the real server

TEXTS = """
[Anna] lives in (Berlin) . | [Paul] left (London) early . | Rain fell on (Rome) all day .
[Maria] met [Anna] in (Paris) . | The train to (Oslo) was late . | [Peter] wrote to [Paul] .
In (Madrid) [Maria] was happy . | [Anna] and [Peter] know (Rome) . | Nobody came .
[Paul] flew from (Oslo) to (Berlin) . | (London) is large . | [Peter] loves (Paris) .
[Maria] sings . | They say that [Anna] moved to (Madrid) .
"""
KINDS = {"[": "PERSON", "(": "LOCATION"}


def accept_sentences(client: httpx.Client) -> None:
    """Put the sentences above into the queue and accept them as they are marked."""
    for marked in re.split(r"[|\n]", TEXTS.strip()):
        words = marked.split()
        text = " ".join(word.strip("[]()") for word in words)
        (number,) = client.post("/v1/labeling/sentences", json={"text": text, "source": "test"}).json()["ids"]
        spans = [
            {"start": place, "end": place + 1, "label": KINDS[word[0]]}
            for place, word in enumerate(words)
            if word[0] in KINDS
        ]
        answer = client.put(f"/v1/labeling/sentences/{number}", json={"status": "accepted", "spans": spans})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def new(serve, tmp_path) -> Iterator[httpx.Client]:
    """A server that began without a model; fourteen sentences are accepted."""
    labeling = LabelingProject(folder=tmp_path / "people.labeling", labels=("LOCATION", "PERSON"))
    with httpx.Client(base_url=serve({}, labeling=labeling), timeout=60) as client:
        accept_sentences(client)
        yield client


def train(page: Page, epochs: int, run: int) -> None:
    """Click, and see it through."""
    if not page.get_by_label("Maximum epochs").is_visible():
        page.get_by_text("Options").click()
    page.get_by_label("Maximum epochs").fill(f"{epochs}")
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_role("heading", name=f"Run {run} running")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Run {run} done")).to_be_visible(timeout=TRAINING_SECONDS)


def test_real_training_from_nothing_until_the_first_version_is_back(new, open_page):
    page = open_page(f"{new.base_url}/#train")
    train(page, epochs=2, run=1)
    assert points(page, "Loss") == points(page, "F1") == 2
    expect(run_card(page)).not_to_contain_text("Before and after")  # there was none
    assert new.get("/v1/training").json()["in_service"] is None  # not before someone accepts it
    page.get_by_role("button", name="Put it in service").click()
    expect(versions(page)).to_contain_text("In service: version 1.")

    train(page, epochs=2, run=2)
    expect(run_card(page)).to_contain_text("Before and after")
    run = new.get("/v1/training").json()["run"]
    shown = [f"{100 * run[name]['f1']:.1f}" for name in ("before", "after")]
    expect(run_card(page).locator(".figure").first).to_contain_text(f"{shown[0]} before,  → {shown[1]} after")
    assert_sound(page)
    page.get_by_role("button", name="Put it in service").click()
    expect(versions(page)).to_contain_text("In service: version 2.")
    page.get_by_role("button", name="Bring back version 1").click()
    expect(versions(page)).to_contain_text("In service: version 1.")
    assert new.get("/v1/training").json()["in_service"] == 1
    assert new.post("/v1/tag", json={"text": "Anna lives in Rome."}).status_code == 200


def test_real_report_runs_its_own_script_and_no_other(serve, models, open_page, tmp_path):
    project = LabelingProject(folder=tmp_path / "names.labeling")
    address = serve({"ner": models["ner"]}, labeling=project)
    hostile = "<script>document.title='hacked'</script><img src=x onerror=document.title='hacked'>"
    lines = "".join(f"{word}\t{tag}\n" for word, tag in (("John", "B-PER"), *((own, "O") for own in hostile.split())))
    content = "".join(f"{lines}{number}\tO\n\n" for number in range(10))
    httpx.post(f"{address}/v1/labeling/files", json={"name": "x.conll", "content": content}).raise_for_status()
    page = open_page(f"{address}/v1/training/versions/0/report", expected=("Content Security Policy",))
    expect(page.get_by_role("heading", name="The original model")).to_be_visible()
    expect(page.get_by_text(hostile.split()[0]).first).to_be_visible()  # its script has written the errors
    expect(page).to_have_title("The original model")
    assert page.evaluate("origin") == "null"
    assert page.evaluate("fetch('/v1/models').then(() => 'read', () => 'refused')") == "refused"
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'hacked = 1'}))")
    assert page.evaluate("typeof hacked") == "undefined"


def test_real_run_is_canceled(new, open_page):
    page = open_page(f"{new.base_url}/#train")
    page.get_by_role("button", name="Train").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Run 1 canceled")).to_be_visible(timeout=30_000)
    training = new.get("/v1/training").json()
    assert (training["run"]["state"], training["versions"]) == ("canceled", [])
    expect(page.get_by_role("button", name="Train")).to_be_enabled()


def test_real_files_are_those_of_the_api(new, open_page, tmp_path):
    page = open_page(f"{new.base_url}/#train")
    formats = new.get("/v1/labeling").json()["formats"]
    assert formats == list(FILE_FORMATS)
    for format in formats:
        with page.expect_download() as offered:
            name = {"conll": "CoNLL", "conllu": "CoNLL-U"}.get(format, format.upper())
            page.get_by_role("button", name=name, exact=True).click()
        path = tmp_path / offered.value.suggested_filename
        offered.value.save_as(path)
        assert path.suffix == f".{format}"
        assert path.read_bytes() == new.get("/v1/labeling/export", params={"format": format}).content
        if format == "conllu":  # read_sentences reads its columns, but the labels are in MISC
            assert "tags=B-PERSON" in path.read_text("utf-8")
            continue
        sentences = read_sentences(path)
        assert len(sentences) == 14
        assert sentences[0].words == ("Anna", "lives", "in", "Berlin", ".")
