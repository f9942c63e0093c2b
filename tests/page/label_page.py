"""The Label view as a test drives it, and its server as the API shows it."""

from __future__ import annotations

import time

import httpx
from playwright.sync_api import Locator, Page, expect


class LabelPage:
    """A page at its Label view."""

    def __init__(self, page: Page, api: httpx.Client, ids: list[int]) -> None:
        self.page, self.api, self.ids = page, api, ids
        self.view = page.locator("#view-label")
        self.sentence = page.get_by_role("listbox", name="Sentence")
        self.said = self.view.locator(".said")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def token(self, text: str) -> Locator:
        return self.sentence.locator(".token").get_by_text(text, exact=True)

    def button(self, name: str) -> Locator:
        return self.view.get_by_role("button", name=name, exact=True)

    def label(self, name: str) -> Locator:
        return self.view.get_by_role("group", name="Labels").get_by_role("button", name=name, exact=True)

    def shows(self, *spans: tuple[str, str]) -> None:
        """Wait until the spans on screen are these, as (text, label)."""
        expected = [f"{text}|{label}" for text, label in spans]
        script = """(all) => all.map((span) => {
            const label = span.querySelector(".chip").firstChild.textContent;
            const parts = [...span.childNodes].filter((part) => part.className !== "chip");
            return `${parts.map((part) => part.textContent).join("")}|${label}`;
        })"""
        self.waits(lambda: self.sentence.locator(".span").evaluate_all(script), expected)

    def text(self) -> str:
        """The sentence on screen, without its labels."""
        script = """(box) => {
            const own = box.cloneNode(true);
            for (const chip of own.querySelectorAll(".chip")) chip.remove();
            return own.textContent;
        }"""
        return self.sentence.evaluate(script)

    def counts(self, waiting: int, accepted: int = 0, skipped: int = 0) -> None:
        """Wait until the page shows these counts, and check that the server says so too."""
        text = f"{waiting} waiting{accepted} accepted{skipped} skipped"
        expect(self.view.locator(".counts")).to_contain_text(text)
        known = self.api.get("/v1/labeling").json()["counts"]
        assert (known["waiting"], known["accepted"], known["skipped"]) == (waiting, accepted, skipped)

    def kept(self, number: int) -> list[tuple[int, int, str]]:
        """The spans that the server has of a sentence that a person labeled."""
        found = self.api.get(f"/v1/labeling/sentences/{number}").json()
        assert found["suggested"] is False
        return [(span["start"], span["end"], span["label"]) for span in found["spans"]]

    def status(self, number: int) -> str:
        return self.api.get(f"/v1/labeling/sentences/{number}").json()["status"]

    def waits(self, read, expected) -> None:
        """Wait until what is read is what is expected."""
        deadline = time.monotonic() + 10
        while (found := read()) != expected:
            assert time.monotonic() < deadline, f"{found!r} is not {expected!r}"
            self.page.wait_for_timeout(20)

    def drag(self, start: Locator, end: Locator) -> None:
        start.hover()
        self.page.mouse.down()
        end.hover()
        self.page.mouse.up()


def add(api: httpx.Client, text: str, source: str = "news.txt") -> list[int]:
    """Add a text to the queue; return the sentences' ids once the model, if there is one, has scored them."""
    answer = api.post("/v1/labeling/sentences", json={"text": text, "source": source})
    assert answer.status_code == 200
    deadline = time.monotonic() + 10
    while (state := api.get("/v1/labeling").json())["model"] and state["scored"] < state["counts"]["waiting"]:
        assert time.monotonic() < deadline, "the sentences are not scored"
        time.sleep(0.02)
    return answer.json()["ids"]
