"""The page's frame: its files and its three views."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tagsmith.labeling.extension import VIEWS
from tagsmith.serving.app import PAGE, create_app
from tagsmith.serving.limits import Limits
from tagsmith.serving.models import Models

FOLDERS = {"/page": PAGE} | {f"/page/{name}": folder for name, folder in VIEWS.items()}
FILES = {
    f"{path}/{file.relative_to(folder).as_posix()}": file
    for path, folder in FOLDERS.items()
    for file in folder.rglob("*")
    if file.is_file()
}
SVG = "http://www.w3.org/2000/svg"  # what its elements are called: nobody fetches it


def test_files_are_served_with_a_strict_policy(client: httpx.Client):
    assert len(FILES) > 40
    for path in ("/", *FILES):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


def test_nothing_outside_the_folder_is_served(client: httpx.Client):
    for path in ("/page/", "/page/tag/", "/page/%2e%2e/app.py", "/page/../app.py", "/page//etc/passwd"):
        assert client.get(path).status_code == 404


def test_no_file_can_be_told_to_run_text(client: httpx.Client):
    for path in (path for path in FILES if path.endswith(".js")):
        text = FILES[path].read_text("utf-8").replace(f'const NAMESPACE = "{SVG}";', "")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "https://"):
            assert word not in text, (path, word)
    assert "style=" not in (PAGE / "index.html").read_text("utf-8")


def test_a_file_that_misses_its_place_is_not_opened(open_page, address):
    page = open_page(address)
    drop = """() => ["dragover", "drop"].map((name) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["text"], "a.txt"));
        const event = new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true });
        document.querySelector("header").dispatchEvent(event);
        return event.defaultPrevented;
    })"""
    assert page.evaluate(drop) == [True, True]


def test_views_are_links(open_page, address):
    page = open_page(address, expected=("409",))  # this server has no labeling
    for name in ("Label", "Train", "Tag"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        page.locator(f"#view-{name.lower()}").wait_for(state="visible")
        assert page.get_by_role("link", name=name).get_attribute("aria-current") == "page"
        assert page.locator("main > section:visible").count() == 1


def test_a_server_without_the_labeling_package_still_has_the_tag_view(open_page, serve, models):
    page = open_page(serve.run(create_app(Models(models)), Limits()), expected=("404",))
    page.get_by_label("Text", exact=True).fill("John lives in Paris.")
    page.locator("mark").first.wait_for()
    page.get_by_role("link", name="Label").click()
    expect(page.get_by_role("alert").filter(has_text="the server only tags")).to_be_visible()
    page.get_by_role("link", name="Tag", exact=True).click()
    expect(page.locator("mark").first).to_be_visible()
