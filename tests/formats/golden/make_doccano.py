"""Send ``doccano-import.jsonl`` through doccano: write ``doccano*.jsonl``.

Run it by hand, in an environment of doccano 1.8.4 with Playwright (and, today, with ``"marshmallow<4"``,
``"setuptools<80"``, ``"numpy<2"``):

    tagsmith convert tests/formats/golden/texts.jsonl doccano-import.jsonl --to doccano
    python tests/formats/golden/make_doccano.py doccano-import.jsonl

The first two files are exports of the import, by a project without and with relations. Those named ``page`` hold what
a mouse has selected in doccano's page, which counts UTF-16 units, or grapheme clusters if the project says so.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

GOLDEN, FOLDER, PORT = Path(__file__).parent, tempfile.mkdtemp(), 8097
(BACKEND,) = importlib.util.find_spec("backend").submodule_search_locations
sys.path.insert(0, BACKEND)
os.environ.update(
    DJANGO_SETTINGS_MODULE="config.settings.development",
    DATABASE_URL=f"sqlite:///{FOLDER}/db.sqlite3",
    DJANGO_ALLOW_ASYNC_UNSAFE="1",
)
import django  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

django.setup()
settings.MEDIA_ROOT = FOLDER
call_command("migrate", verbosity=0)
call_command("create_roles", verbosity=0)
from data_export.celery_tasks import export_dataset  # noqa: E402
from data_import.datasets import load_dataset  # noqa: E402
from data_import.pipeline.catalog import create_file_format  # noqa: E402
from data_import.pipeline.readers import FileName  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402
from projects.models import ProjectType, SequenceLabelingProject  # noqa: E402

USER = get_user_model().objects.create_superuser("anna", password="secret-123")
TEXT = "\U0001f600 e\u0301 Anna left Berlin.\r\nBob stayed."
PLACE_OF_WORD = """word => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode()); ) {
        const start = text.textContent.indexOf(word);
        if (start < 0) continue;
        const range = document.createRange();
        range.setStart(text, start);
        range.setEnd(text, start + word.length);
        const {left, right, top, bottom, width} = range.getBoundingClientRect();
        if (width) return [left + 0.5, right - 0.5, (top + bottom) / 2];
    }
}"""


def project_of(path: str, **options: bool) -> int:
    project = SequenceLabelingProject.objects.create(
        name="x", description="x", guideline="x", project_type=ProjectType.SEQUENCE_LABELING, created_by=USER,
        collaborative_annotation=True, **options,
    )  # fmt: skip
    project.add_admin()
    name = FileName(full_path=path, generated_name="x", upload_name="x")
    dataset = load_dataset("SequenceLabeling", create_file_format("JSONL"), [name], project)
    dataset.save(USER)
    assert not dataset.errors, dataset.errors
    return project.id


def export(project: int, name: str) -> None:
    with zipfile.ZipFile(export_dataset(project, "JSONL")) as packed:
        (GOLDEN / name).write_bytes(packed.read("all.jsonl"))


def label(page: Page, project: int) -> None:
    page.goto(f"http://127.0.0.1:{PORT}/")
    page.wait_for_timeout(3000)
    page.evaluate("id => window.$nuxt.$router.push(`/projects/${id}/sequence-labeling?page=1`)", project)
    page.wait_for_timeout(6000)
    for word in ("Berlin", "Bob"):
        left, right, height = page.evaluate(PLACE_OF_WORD, word)
        page.mouse.move(left, height)
        page.mouse.down()
        page.mouse.move((left + right) / 2, height)
        page.mouse.move(right, height)
        page.mouse.up()
        page.wait_for_timeout(1000)
        page.keyboard.type("PER")
        page.wait_for_timeout(500)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_timeout(1500)


def main() -> None:
    export(project_of(sys.argv[1]), "doccano.jsonl")
    export(project_of(sys.argv[1], use_relation=True), "doccano-relation.jsonl")
    path = Path(FOLDER) / "page.jsonl"
    path.write_text(json.dumps({"text": TEXT, "label": [[0, 2, "PER"]]}), "utf-8")
    projects = {"doccano-page.jsonl": project_of(str(path))}
    path.write_text(json.dumps({"text": TEXT, "label": [[0, 1, "PER"]]}), "utf-8")
    projects["doccano-page-graphemes.jsonl"] = project_of(str(path), grapheme_mode=True)
    server = ("runserver", f"127.0.0.1:{PORT}", "--noreload", "--insecure")
    threading.Thread(target=call_command, args=server, daemon=True).start()
    with sync_playwright() as playwright, playwright.chromium.launch() as browser:
        page = browser.new_page()
        page.wait_for_timeout(5000)
        page.goto(f"http://127.0.0.1:{PORT}/auth")
        page.fill("input[name=username]", USER.username)
        page.fill("input[name=password]", "secret-123")
        page.keyboard.press("Enter")
        page.wait_for_timeout(3000)
        for name, project in projects.items():
            label(page, project)
            export(project, name)


if __name__ == "__main__":
    main()
