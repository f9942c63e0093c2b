"""The page in real Chromium (Debian's), driven by Playwright; whatever the browser complains of fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from label_page import LabelPage, add
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tagsmith.labeling.desk import LabelingProject

OpenPage = Callable[..., Page]
CHROMIUM = os.environ.get("TAGSMITH_CHROMIUM") or shutil.which("chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser, which takes seconds."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium on the PATH")
        pytest.skip("there is no chromium on the PATH, nor in TAGSMITH_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open an address in a fresh profile; ``options`` are those of the browser's context.

    At the end no error may have been in the console, but those whose text holds one of ``expected``.
    """
    contexts, complaints, forgiven = [], [], []

    def open_address(address: str, *, expected: tuple[str, ...] = (), **options: object) -> Page:
        context = browser.new_context(accept_downloads=True, **options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(10_000)
        forgiven.extend(expected)
        page = context.new_page()
        # Chromium asks about requests from the start on; otherwise it may miss the first after a test's own route.
        page.route("**/asked-by-no-page", lambda route: route.abort())
        page.on("pageerror", lambda error: complaints.append(f"{error}"))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(address)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert [said for said in complaints if not any(own in said for own in forgiven)] == []


@pytest.fixture
def open_desk(serve, tmp_path: Path) -> Iterator[Callable[..., httpx.Client]]:
    """Start a server where one can label: with a model, or without one, with these labels. Return a client of it.

    ``options`` are further ones of the project.
    """
    clients: list[httpx.Client] = []

    def start(folder: Path | None = None, labels: tuple[str, ...] = (), **options: object) -> httpx.Client:
        project = LabelingProject(folder=tmp_path / "people.labeling", labels=labels, **options)
        address = serve({} if folder is None else {"model": folder}, labeling=project)
        clients.append(httpx.Client(base_url=address, timeout=20))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def open_label(open_desk, open_page) -> Callable[..., LabelPage]:
    """Open the Label view beside a server as of ``open_desk`` with the sentences of a text in its queue."""

    def start(text: str = "", folder: Path | None = None, labels: tuple[str, ...] = (), **options) -> LabelPage:
        api = open_desk(folder, labels or (() if folder else ("PERSON", "PLACE", "ORG")))
        ids = add(api, text) if text else []
        own = LabelPage(open_page(f"{api.base_url}/#label", **options), api, ids)
        expect(own.sentence.locator(".token:focus") if ids else own.view.locator(".nothing")).to_be_visible()
        return own

    return start
