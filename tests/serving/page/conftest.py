"""The page in real Chromium (Debian's), driven by Playwright; whatever the browser complains of fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

OpenPage = Callable[..., Page]
CHROMIUM = os.environ.get("TAGSMITH_CHROMIUM") or shutil.which("chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser, which takes seconds."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
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
        page.on("pageerror", lambda error: complaints.append(f"{error}"))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(address)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert [said for said in complaints if not any(own in said for own in forgiven)] == []


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing to complain of in the page as it stands."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
