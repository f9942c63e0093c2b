"""Pages of other sites reach nothing, whatever their browser tells about them; the server's own pages do."""

from __future__ import annotations

import httpx
import pytest

from raw_http import refused, talk
from tagsmith.labeling.desk import LabelingProject

KEY = "secret-ключ"
NAME = "localhost:8000"
POSTS = [
    ("POST", "/v1/tag", {"text": "a"}),
    ("POST", "/v1/labeling/labels", {"label": "EVENT"}),
    ("POST", "/v1/labeling/sentences", {"text": "a"}),
    ("PUT", "/v1/labeling/sentences/1", {"status": "skipped"}),
    ("DELETE", "/v1/labeling/sentences?status=waiting", None),
    ("POST", "/v1/training", {}),
    ("POST", "/v1/training/cancel", {}),
    ("POST", "/v1/versions/0", {}),
    ("DELETE", "/v1/versions/1", None),
]
ROUTES = [
    *POSTS,
    ("GET", "/v1/labeling", None),
    ("GET", "/v1/labeling/export?format=conll", None),
    ("GET", "/v1/training/events", None),
]


@pytest.fixture(scope="module")
def desk(serve, models, tmp_path_factory) -> str:
    """Address of a server where one can label."""
    return serve({"ner": models["ner"]}, labeling=LabelingProject(folder=tmp_path_factory.mktemp("labels")))


CLIENT = httpx.Client(timeout=20)  # making one takes longer than a request


def ask(address: str, route: tuple, headers: dict[str, str], host: str = NAME) -> httpx.Response:
    method, path, body = route
    sent = {"host": host, **headers}
    return CLIENT.request(method, address + path, headers=sent, **({} if body is None else {"json": body}))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
    ids=["origin", "cross-site", "same-site"],
)
def test_no_route_answers_a_page_of_another_site(desk, route, headers):
    refused(ask(desk, route, headers), 403, "cross_site")
    assert CLIENT.get(f"{desk}/v1/labeling").json()["counts"]["waiting"] == 0


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://localhost:8001",
        "http://localhost",
        "https://localhost:8000",
        "ftp://localhost:8000",
        "//localhost:8000",
        "localhost:8000",
        "http://localhost:8000/",
        "http://localhost:8000.evil.example",
        "http://localhost:8000@evil.example",
        "http://evil.example#localhost:8000",
        "http://localhost:08000:8000",
        "http://localhost.:8000",
        "http://127.0.0.1:8000",
        "http://sub.localhost:8000",
        "http://localhost:8000 http://evil.example",
        "http://lоcalhost:8000",  # with a Cyrillic о
        "chrome-extension://localhost:8000",
        "http://localhost:99999999",
    ],
)
def test_an_origin_that_only_resembles_the_servers_own_is_another_site(desk, origin):
    route = ("POST", "/v1/labeling/labels", {"label": "EVENT"})
    headers = {"origin": origin.encode(), "sec-fetch-site": "same-origin"}
    refused(ask(desk, route, headers), 403, "cross_site")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://localhost:8000", "LocalHost:8000"),
        ("HTTP://LOCALHOST:8000", "localhost:8000"),
        ("http://localhost", "localhost"),
        ("http://localhost", "localhost:80"),
        ("http://localhost:80", "localhost"),
        ("http://localhost.:8000", "localhost.:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]:8000", "[0:0::0001]:8000"),
        ("http://tags.example", "tags.example"),
    ],
)
def test_the_servers_own_page_is_answered_however_its_origin_is_spelled(desk, origin, host):
    for route in (("GET", "/v1/labeling", None), ("POST", "/v1/tag", {"text": "a"})):
        assert ask(desk, route, {"origin": origin, "sec-fetch-site": "same-origin"}, host).status_code == 200


def test_a_proxy_says_that_its_clients_speak_https(desk):
    route = ("POST", "/v1/tag", {"text": "a"})
    headers = {"origin": "https://tags.example"}
    error = refused(ask(desk, route, headers, "tags.example"), 403, "cross_site")
    assert "X-Forwarded-Proto" in error["message"]
    assert ask(desk, route, {**headers, "x-forwarded-proto": "https"}, "tags.example").status_code == 200
    refused(ask(desk, route, {**headers, "x-forwarded-proto": "https"}, "tags.example:80"), 403, "cross_site")


def test_clients_that_are_no_browsers_are_answered(desk):
    for route in (("GET", "/v1/labeling", None), ("POST", "/v1/tag", {"text": "a"})):
        assert ask(desk, route, {}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/label/view.js"])
def test_a_link_on_another_site_leads_to_the_page(desk, path):
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert CLIENT.get(desk + path, headers=headers).status_code == 200


def test_pages_of_other_sites_may_call_only_if_they_are_named(serve, address):
    other = {"origin": "https://other.example", "sec-fetch-site": "cross-site"}
    refused(CLIENT.post(f"{address}/v1/tag", json={"text": "a"}, headers=other), 403, "cross_site")
    assert "access-control-allow-origin" not in CLIENT.get(f"{address}/v1/models", headers=other).headers
    friendly = serve(origins=["https://other.example"], api_key=KEY)
    asked = {**other, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    assert CLIENT.options(f"{friendly}/v1/tag", headers=asked).status_code == 200
    answer = CLIENT.post(f"{friendly}/v1/tag", json={"text": "a"}, headers={**other, "x-api-key": KEY.encode()})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://other.example"
    stranger = {**other, "origin": "https://stranger.example", "x-api-key": KEY.encode()}
    refused(CLIENT.post(f"{friendly}/v1/tag", json={"text": "a"}, headers=stranger), 403, "cross_site")


def test_two_origins_are_refused(desk):
    head = b"POST /v1/labeling/labels HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n"
    for twice in (b"origin: http://x\r\norigin: http://evil", b"host: y", b"content-type: text/plain"):
        assert b" 400 " in talk(desk, head + twice + b"\r\nconnection: close\r\n\r\n{}")


# -------------------------------------------------------------------------------------------------- what they send


@pytest.mark.parametrize("route", POSTS, ids=lambda route: f"{route[0]} {route[1]}")
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "text/plain; application/json",
        "application/json-patch+json",
        "application/json, text/plain",
        "application/vnd.api+json",
        "",
    ],
)
def test_what_changes_something_must_be_json(desk, route, kind):
    method, path, _ = route
    answer = CLIENT.request(method, desk + path, headers={"content-type": kind}, content=b"{}")
    refused(answer, 415, "not_json")


def test_a_post_without_a_type_is_refused_even_without_a_body(desk):
    for path in ("/v1/training/cancel", "/v1/versions/0", "/v1/labeling/labels"):
        refused(CLIENT.post(desk + path), 415, "not_json")
    refused(CLIENT.post(f"{desk}/v1/labeling/labels", content=b'{"label": "EVENT"}'), 415, "not_json")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;charset=UTF-8"]
)
def test_json_may_name_its_charset(desk, kind):
    for path, body in (("/v1/tag", b'{"text": "a"}'), ("/v1/labeling/sentences", b'{"text": ""}')):
        assert CLIENT.post(desk + path, content=body, headers={"content-type": kind}).status_code == 200


def test_a_compressed_body_is_refused_as_such(desk):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    refused(CLIENT.post(f"{desk}/v1/tag", content=b"\x1f\x8b", headers=headers), 415, "compressed")


# -------------------------------------------------------------------------------------------------- DNS rebinding


def test_a_server_answers_only_to_its_names(serve):
    address = serve(hosts=("localhost", "127.0.0.1", "::1"))
    port = address.rpartition(":")[2]
    for host, status in (
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        (f"[::1]:{port}", 200),
        ("evil.example", 403),
        ("", 403),
    ):
        assert CLIENT.get(f"{address}/v1/models", headers={"host": host}).status_code == status
    assert CLIENT.get(f"{address}/v1/models").status_code == 200
    assert CLIENT.get(f"{serve()}/v1/models", headers={"host": "any.example"}).status_code == 200


def test_a_server_of_other_machines_answers_to_addresses_and_its_names(serve):
    address = serve(hosts=("localhost", "tags.example."), addresses=True)
    for host, status in (
        ("192.168.1.5:8000", 200),
        ("[fe80::1]:8000", 200),
        ("localhost.", 200),
        ("tags.example", 200),
        ("evil.example", 403),
        ("192.168.1.5.evil.example", 403),
        ("1.2.3", 403),
    ):
        assert CLIENT.get(f"{address}/v1/models", headers={"host": host}).status_code == status, host
    error = refused(CLIENT.get(f"{address}/v1/models", headers={"host": "evil.example"}), 403, "host")
    assert "--allow-host" in error["message"]
