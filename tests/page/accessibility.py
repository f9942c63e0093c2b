"""Accessibility of the page, checked by axe-core."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing to complain of in the page as it stands."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
