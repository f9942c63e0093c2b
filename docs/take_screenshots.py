"""Screenshots of the page for docs/images, taken with Debian's chromium.

python docs/take_screenshots.py MODEL

MODEL is the model of ``tagsmith demo``. The script serves it, tags a text, labels sentences of the sample's test set
with their gold labels, and trains on them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tagsmith import sample
from tagsmith.corpus.sources import read_sentences
from tagsmith.text.schemes import detect_scheme, tags_to_spans

IMAGES = Path(__file__).with_name("images")
SIZE = {"width": 1000, "height": 640}
LABELED = 120  # of the sample's test sentences
TEXT = """Anna Schmidt moved from Berlin to New York in May 2024 and works for the World Bank there.
Last Tuesday Amina Diallo flew from Dakar to Oslo to meet the board of Norsk Hydro.
The University of Nairobi will open a second library next to the old post office, said Peter Otieno."""
NEWS = """The match between Leeds and Porto was called off because of snow.
Doctors at the Royal Infirmary in Glasgow thanked Mrs Campbell for her gift.
According to Reuters, Jordan beat Chad two to one.
Virginia Lake wrote to the council of Madison about the bridge."""


def main() -> None:
    """Serve the model and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tagsmith", "serve", f"names={sys.argv[1]}", "--port", "0"]
        with subprocess.Popen([*command, "--labeling", folder], stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            address = server.stderr.readline().rpartition(" ")[2].strip().rstrip("/")
            try:
                take_all(address)
            finally:
                server.terminate()


def take_all(address: str) -> None:
    """Take one picture of each view."""
    with sync_playwright() as playwright, httpx.Client(base_url=address, timeout=600) as client:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(address)
        page.get_by_label("Text", exact=True).fill(TEXT)
        page.locator("mark").first.hover()
        page.get_by_role("tooltip").wait_for()
        take(page, "tag")

        label_the_sample(client)
        client.post("/v1/labeling/sentences", json={"text": NEWS, "source": "news.txt"}).raise_for_status()
        page.goto(f"{address}/#label")
        page.reload()
        token = page.locator(".sentence .token").first
        token.click()
        page.keyboard.press("Shift+ArrowRight")
        take(page, "label")

        page.goto(f"{address}/#train")
        page.get_by_role("button", name="Train", exact=True).click()
        page.get_by_role("button", name="Put it in service").wait_for(timeout=600_000)
        page.evaluate("scrollTo(0, 0)")
        take(page, "train", full_page=True)
        browser.close()


def label_the_sample(client: httpx.Client) -> None:
    """Accept sentences with the labels that the sample gives them."""
    sentences = read_sentences(Path(sample.__file__).with_name("test.conll"))
    layer = next(iter(sentences[0].layers))
    scheme = detect_scheme(sentence.layers[layer] for sentence in sentences)
    accepted = 0
    for sentence in sentences:
        ids = client.post("/v1/labeling/sentences", json={"text": " ".join(sentence.words)}).json()["ids"]
        shown = client.get(f"/v1/labeling/sentences/{ids[0]}").json()
        if len(ids) > 1 or [token["text"] for token in shown["tokens"]] != list(sentence.words):
            continue  # tokenized differently from the sample
        spans = [
            {"start": span.start, "end": span.end, "label": span.label}
            for span in tags_to_spans(sentence.layers[layer], scheme)
        ]
        saved = client.put(f"/v1/labeling/sentences/{ids[0]}", json={"status": "accepted", "spans": spans})
        saved.raise_for_status()
        accepted += 1
        if accepted == LABELED:
            break
    client.delete("/v1/labeling/sentences?status=waiting").raise_for_status()


def take(page: Page, name: str, *, full_page: bool = False) -> None:
    """Take a picture."""
    page.wait_for_timeout(500)  # until nothing moves
    picture = Image.open(BytesIO(page.screenshot(full_page=full_page)))
    picture.quantize(128).save(IMAGES / f"{name}.png", optimize=True)  # a third of the size


if __name__ == "__main__":
    main()
