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

import processes
from random_model import random_model
from tagsmith.cli.serve import chosen_origins, name_folders
from tagsmith.errors import ModelError
from tagsmith.model.folder import write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "names"
    write_model(random_model(), folder)
    return folder


@contextmanager
def serving(*arguments: object, **options: object):
    """Run the command on a free port; yields the process and the address."""
    command = [sys.executable, "-m", "tagsmith", "serve", *map(str, arguments), "--port", "0"]
    with processes.started(command, stderr=subprocess.PIPE, text=True, **options) as process:
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
            target=lambda: answers.append(httpx.post(f"{address}/v1/tag", json={"texts": texts}, timeout=60)),
            daemon=True,
        )
        asking.start()
        time.sleep(0.5)  # the request is in
        process.send_signal(sent)
        asking.join(90)
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
        (("MODEL", "--limit", "color=3"), "there is no limit 'color'"),
        (("MODEL", "--limit", "texts=many"), "the limit texts=many is not a number"),
        (("MODEL", "--limit", "texts=0"), "the limit texts is 0"),
        (("MODEL", "--api-key-file", "missing"), "missing: the API key cannot be read"),
        (("MODEL", "--cors", "null"), "--cors 'null' is not a site"),
        (("MODEL", "--cors", "https://a.example/page"), "--cors 'https://a.example/page' is not a site"),
        (("--new", "PER", "LOC\u200b"), "cannot be a label: a label cannot contain U+200B ZERO WIDTH SPACE"),
        (("--new", "PER", "\u202eLOC"), "U+202E RIGHT-TO-LEFT OVERRIDE"),
        (("--new", "PER,O"), "a label cannot be O or _"),
    ],
)
def test_impossible_options_are_clear_errors(run_here, model: Path, arguments, message):
    status, out, err = run_here("serve", *(model if own == "MODEL" else own for own in arguments))
    assert (status, out) == (2, "")
    assert message in err


def test_sites_are_written_as_browsers_write_them():
    given = ["https://A.example/", "http://a.example:80", "https://a.example:8443", "http://[0::1]:8000", "*"]
    expected = ["https://a.example", "http://a.example", "https://a.example:8443", "http://[::1]:8000", "*"]
    assert chosen_origins(given) == expected


def test_an_empty_key_file_does_not_mean_no_key(run_here, model: Path, tmp_path: Path):
    (tmp_path / "key").write_text("\n", "utf-8")
    status, _, err = run_here("serve", model, "--api-key-file", tmp_path / "key")
    assert status == 2
    assert "the API key's file is empty" in err


@pytest.mark.slow
def test_a_port_in_use_is_a_clear_error(tagsmith, model: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = tagsmith("serve", model, "--port", taken.getsockname()[1])
    assert done.returncode != 0
    assert "address already in use" in done.stderr.decode().lower()
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.slow
def test_a_killed_server_has_lost_nothing_it_acknowledged(model: Path, tmp_path: Path):
    folder = tmp_path / "labels"
    with serving(model, "--labeling", folder) as (process, address):
        text = " ".join(f"Word{number} came." for number in range(20))
        ids = httpx.post(f"{address}/v1/labeling/sentences", json={"text": text}).json()["ids"]
        for number in ids:
            answer = httpx.put(f"{address}/v1/labeling/sentences/{number}", json={"status": "accepted", "spans": []})
            assert answer.status_code == 200
        process.kill()
        process.wait(20)
    with serving(model, "--labeling", folder) as (_, address):
        assert httpx.get(f"{address}/v1/labeling").json()["counts"]["accepted"] == len(ids) == 20


@pytest.mark.slow
def test_what_is_labeled_is_kept_beside_the_model_and_only_when_someone_labels(model: Path):
    folder = model.with_name("names.labeling")
    with serving(model) as (_, address):
        assert httpx.get(f"{address}/v1/models").status_code == 200
        assert not folder.exists()
        assert httpx.get(f"{address}/v1/labeling").json()["labels"]
        assert (folder / "labels.sqlite").exists()
    with serving(model, "--no-labeling") as (_, address):
        assert httpx.get(f"{address}/v1/labeling").status_code == 409


@pytest.mark.slow
def test_without_a_model_it_begins_with_labels(tmp_path: Path):
    with serving("--new", "PERSON", "PLACE,DATE", cwd=tmp_path) as (_, address):
        state = httpx.get(f"{address}/v1/labeling").json()
        assert (state["labels"], state["model"]["name"]) == (["PERSON", "PLACE", "DATE"], "en")
        assert httpx.get(f"{address}/v1/labeling", headers={"host": "evil.example"}).status_code == 403
    assert [own.name for own in tmp_path.iterdir()] == ["new.labeling"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--new", "O"], "'O' cannot be a label"),
        (["--new", "two words"], "cannot be a label"),
        (["--new", ","], "--new needs labels"),
        (["--new", "X", "--no-labeling"], "nothing but labeling"),
        (["--new", "X", "--vectors", "missing.txt"], "There is no such file"),
        (["--new", "X", "--vectors", "glove-999"], "There are no vectors named"),
        (["--new", "X", "--corpus", "missing.conll"], "missing.conll: there is no such file"),
    ],
)
def test_what_cannot_be_served_is_said(arguments: list[str], said: str, tmp_path: Path):
    command = [sys.executable, "-m", "tagsmith", "serve", *arguments, "--port", "0"]
    ended = processes.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_cannot_be_had_is_said(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for where in (("--port", port), ("--port", "0", "--host", "nowhere.invalid")):
            command = [sys.executable, "-m", "tagsmith", "serve", "--new", "X", *where]
            ended = processes.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
            assert ended.returncode == 2
            assert "cannot listen on" in ended.stderr
            assert "Choose another --port" in ended.stderr


@pytest.mark.slow
def test_a_labeling_folder_that_cannot_be_used_is_said_at_the_start(model: Path, tmp_path: Path):
    with serving("--new", "PERSON", cwd=tmp_path):
        command = [sys.executable, "-m", "tagsmith", "serve", "--new", "PERSON", "--port", "0"]
        ended = processes.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
        assert ended.returncode == 2
        assert "another server is using it" in ended.stderr
        command = [sys.executable, "-m", "tagsmith", "serve", str(model), "--labeling", "new.labeling", "--port", "0"]
        with processes.started(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
            assert process.stderr is not None
            assert "another server is using it" in process.stderr.readline()
            assert "serving on" in process.stderr.readline()  # it tags
            process.kill()


@pytest.mark.slow
def test_it_warns_when_anyone_may_come(model: Path, tmp_path: Path):
    command = [sys.executable, "-m", "tagsmith", "serve", str(model), "--port", "0", "--host", "0.0.0.0"]
    with processes.started(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "without an API key, all who can reach 0.0.0.0 can tag, label and train" in process.stderr.readline()
        process.kill()
    key = tmp_path / "key"
    key.write_text("secret", "utf-8")
    with processes.started([*command, "--api-key-file", str(key)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("serving on")
        process.kill()


def test_models_have_the_names_of_their_folders_or_those_given(tmp_path: Path):
    assert name_folders([str(tmp_path / "a"), f"b={tmp_path / 'a'}"]) == {"a": tmp_path / "a", "b": tmp_path / "a"}
    with pytest.raises(ModelError, match="two models are named 'a'"):
        name_folders(["x/a", "y/a/"])
