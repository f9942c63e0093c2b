"""``tagsmith serve`` in a process of its own: it starts, answers, finishes what it accepted, and logs no text."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from random_model import random_model
from tagsmith.runtime.model_folder import write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "names"
    write_model(random_model(), folder)
    return folder


@contextmanager
def serving(*arguments: object, **options: object):
    """Run the command on a free port; yields the process and the address."""
    command = [sys.executable, "-m", "tagsmith", "serve", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        try:
            assert said.startswith("serving on http://127.0.0.1:"), said + process.stderr.read()
            yield process, said.split()[-1].rstrip("/")
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are other there")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_ends_when_told_to_after_what_it_accepted(model: Path, sent: int):
    with serving(model) as (process, address):
        answer = httpx.post(f"{address}/v1/tag", json={"text": "John lives in Paris."})
        assert answer.json()["model"]["name"] == "names"
        texts = ["John lives in New York. " * 400] * 200
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{address}/v1/tag", json={"texts": texts}, timeout=60))
        )
        asking.start()
        time.sleep(0.5)  # the request is in
        process.send_signal(sent)
        asking.join()
        assert answers[0].status_code == 200
        assert len(answers[0].json()["documents"]) == len(texts)
        process.wait(20)
        assert "Traceback" not in process.stderr.read()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/healthz")


@pytest.mark.slow
def test_no_text_is_logged(model: Path):
    with serving(model) as (process, address):
        for body in ('{"text": "geheim"}', '{"text": geheim', '{"geheim": 1}', '{"text": "geheim", "model": "geheim"}'):
            httpx.post(f"{address}/v1/tag", content=body, headers={"content-type": "application/json"})
        httpx.get(f"{address}/geheim?geheim=geheim")
        process.terminate()
        assert "geheim" not in process.stderr.read()


@pytest.mark.slow
def test_the_key_comes_from_a_file_and_limits_from_the_command_line(model: Path, tmp_path: Path):
    (tmp_path / "key").write_text("abc\n", "utf-8")
    options = ("--api-key-file", tmp_path / "key", "--limit", "texts=1", "--cors", "https://a.example")
    with serving(f"other={model}", *options) as (_, address):
        assert httpx.get(f"{address}/v1/models").status_code == 401
        key = {"x-api-key": "abc", "origin": "https://a.example"}
        answer = httpx.get(f"{address}/v1/models", headers=key)
        assert answer.json()["models"][0]["name"] == "other"
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert httpx.post(f"{address}/v1/tag", json={"texts": ["a", "b"]}, headers=key).status_code == 422


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing",), "missing: there is no such model folder"),
        (("MODEL", "MODEL"), "two models are named 'names'"),
        (("MODEL", "--limit", "colour=3"), "there is no limit 'colour'"),
        (("MODEL", "--limit", "texts=many"), "the limit texts=many is no number"),
        (("MODEL", "--limit", "texts=0"), "the limit texts is 0"),
        (("MODEL", "--api-key-file", "missing"), "missing: the API key cannot be read"),
    ],
)
def test_impossible_options_are_clear_errors(run_here, model: Path, arguments, message):
    status, out, err = run_here("serve", *(model if own == "MODEL" else own for own in arguments))
    assert (status, out) == (2, "")
    assert message in err


def test_an_empty_key_file_does_not_mean_no_key(run_here, model: Path, tmp_path: Path):
    (tmp_path / "key").write_text("\n", "utf-8")
    status, _, err = run_here("serve", model, "--api-key-file", tmp_path / "key")
    assert status == 2
    assert "the file of the API key is empty" in err


@pytest.mark.slow
def test_a_port_in_use_is_a_clear_error(tagsmith, model: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = tagsmith("serve", model, "--port", taken.getsockname()[1])
    assert done.returncode != 0
    assert "address already in use" in done.stderr.decode().lower()
    assert "Traceback" not in done.stderr.decode()
