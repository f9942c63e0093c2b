"""Send ``texts.jsonl`` through Label Studio: write ``label-studio*.json``.

Run it by hand, with tagsmith and Playwright installed, beside a server that holds nothing else:

    LABEL_STUDIO_BASE_DATA_DIR=data label-studio start --init --no-browser --port 8095 --username a@example.com \\
        --password secret-123 --enable-legacy-api-token --user-token 0123456789abcdef0123456789abcdef01234567
    python tests/formats/golden/make_label_studio.py

What ``tagsmith convert --to label-studio`` wrote is imported, its predictions are accepted, and the project is exported
as JSON and JSON_MIN. ``label-studio-page.json`` is the export of what a mouse has selected in Label Studio's page.
"""

from __future__ import annotations

import json
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tagsmith.corpus.convert import convert

SERVER, TOKEN = "http://127.0.0.1:8095", "0123456789abcdef0123456789abcdef01234567"
GOLDEN = Path(__file__).parent
LABELS = (
    '<View><Labels name="label" toName="text"><Label value="PER"/><Label value="LOC"/></Labels>'
    '<Text name="text" value="$text"/></View>'
)
TEXT = "\U0001f600 e\u0301 Anna left Berlin.\r\nBob stayed \U0001f1e9\U0001f1ea in K\u00f6ln."
PLACE_OF_WORD = """word => {
    const texts = document.createTreeWalker(document.querySelector("[class*=richtext]"), NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode()); ) {
        const start = text.textContent.indexOf(word);
        if (start < 0) continue;
        const range = document.createRange();
        range.setStart(text, start);
        range.setEnd(text, start + word.length);
        const {left, right, top, bottom} = range.getBoundingClientRect();
        return [left + 0.5, right - 0.5, (top + bottom) / 2];
    }
}"""


def call(path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(SERVER + path, data, headers)) as answer:
        return json.load(answer)


def project_of(tasks: list[Any]) -> tuple[int, list[int]]:
    project = call("/api/projects", {"title": "tagsmith", "label_config": LABELS})["id"]
    return project, call(f"/api/projects/{project}/import?return_task_ids=true", tasks)["task_ids"]


def export(project: int, kind: str, name: str) -> None:
    exported = call(f"/api/projects/{project}/export?exportType={kind}&download_all_tasks=true")
    (GOLDEN / name).write_text(json.dumps(exported, ensure_ascii=False) + "\n", "utf-8")


def accept_predictions() -> None:
    with tempfile.TemporaryDirectory() as folder:
        convert(GOLDEN / "texts.jsonl", Path(folder) / "tasks.json", target_format="label-studio")
        project, _ = project_of(json.loads((Path(folder) / "tasks.json").read_text("utf-8")))
    call(f"/api/dm/actions?id=predictions_to_annotations&project={project}",
         {"selectedItems": {"all": True, "excluded": []}, "model_version": "tagsmith"})  # fmt: skip
    export(project, "JSON", "label-studio.json")
    export(project, "JSON_MIN", "label-studio-min.json")


def label_in_the_page() -> None:
    project, (task,) = project_of([{"data": {"text": TEXT}}])
    with sync_playwright() as playwright, playwright.chromium.launch() as browser:
        page = browser.new_page()
        page.goto(SERVER + "/user/login")
        page.fill("input[name=email]", "a@example.com")
        page.fill("input[name=password]", "secret-123")
        page.keyboard.press("Enter")
        page.wait_for_timeout(4000)
        page.goto(f"{SERVER}/projects/{project}/data?task={task}")
        page.wait_for_timeout(8000)
        for key, word in (("1", "Anna"), ("2", "Berlin"), ("1", "Bob"), ("2", "Köln")):
            page.keyboard.press(key)
            left, right, height = page.evaluate(PLACE_OF_WORD, word)
            page.mouse.move(left, height)
            page.mouse.down()
            page.mouse.move((left + right) / 2, height)
            page.mouse.move(right, height)
            page.mouse.up()
            page.wait_for_timeout(700)
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(3000)
    export(project, "JSON", "label-studio-page.json")


if __name__ == "__main__":
    accept_predictions()
    label_in_the_page()
