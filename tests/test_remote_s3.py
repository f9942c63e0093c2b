"""The command line with files in S3, served by moto on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

import processes
from tagsmith.formats.source import open_bytes
from tagsmith.remote import open_to_write

s3fs = pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore", "ignore::DeprecationWarning:moto"),
]

CONLL = "John B-PER\nlives O\nin O\nYork B-LOC\n\nMary B-PER\nleft O\n\n"
TINY = ("units=8", "characters=none", "average_epochs=0", "batch_tokens=128", "least_steps=1", "epochs=2")


class Store:
    """A bucket, and the command line that sees it."""

    def __init__(self, address: str, folder: str) -> None:
        self.environment = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "the-key",
            "AWS_SECRET_ACCESS_KEY": "the-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "XDG_CACHE_HOME": folder,
        }
        self.files = s3fs.S3FileSystem(
            key="the-key", secret="the-secret", endpoint_url=address, use_listings_cache=False, skip_instance_cache=True
        )
        self.files.mkdir("bucket")

    def run(self, *arguments: object, stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "tagsmith", *map(str, arguments)]
        environment = {**os.environ, **self.environment, **more}
        return processes.run(command, input=stdin, capture_output=True, check=False, env=environment)

    def names(self) -> list[str]:
        return sorted(name.removeprefix("bucket/") for name in self.files.find("bucket"))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Iterator[Store]:
    moto = server.ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        yield Store(f"http://{host}:{port}", str(tmp_path_factory.mktemp("cache")))
    finally:
        moto.stop()


@pytest.fixture(scope="module")
def model(store) -> str:
    store.files.pipe_file("bucket/data/train.conll", CONLL.encode() * 20)
    store.files.pipe_file("bucket/data/dev.conll", CONLL.encode())
    changes = [f"--set={change}" for change in TINY]
    done = store.run("train", "s3://bucket/data", "--out", "s3://bucket/model", "--preset", "fast", *changes)
    assert done.returncode == 0, done.stderr.decode()
    return "s3://bucket/model"


def test_a_model_is_trained_from_s3_to_s3(store, model):
    assert {"model/config.json", "model/weights.safetensors", "model/README.md"} <= set(store.names())
    data = json.loads(store.files.cat_file("bucket/model/config.json"))["data"]
    assert [one["name"] for one in data["train"]["sources"]] == ["train.conll"]


def test_text_is_tagged_from_s3_to_s3(store, model):
    store.files.pipe_file("bucket/texts/a.txt", b"John lives in York.\n")
    store.files.pipe_file("bucket/texts/in/b.txt", b"Mary left.\n")
    done = store.run("tag", model, "s3://bucket/texts", "-o", "s3://bucket/tagged/", "--output-format", "jsonl")
    assert done.returncode == 0, done.stderr.decode()
    assert [name for name in store.names() if name.startswith("tagged")] == ["tagged/a.jsonl", "tagged/in/b.jsonl"]
    assert json.loads(store.files.cat_file("bucket/tagged/in/b.jsonl"))["text"] == "Mary left."
    done = store.run("evaluate", model, "s3://bucket/data/dev.conll", "--json", "s3://bucket/scores.json")
    assert done.returncode == 0, done.stderr.decode()
    assert "f1" in json.loads(store.files.cat_file("bucket/scores.json"))


def test_an_object_appears_when_all_is_sent_and_after_an_interruption_not_at_all(store, monkeypatch):
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)

    def uploads() -> int:
        return len(store.files.call_s3("list_multipart_uploads", Bucket="bucket").get("Uploads", ()))

    part = b"John lives in York. " * 3_000_000  # more than s3fs holds back
    with pytest.raises(KeyboardInterrupt), open_to_write("s3://bucket/half.txt") as stream:  # noqa: PT012
        stream.write(part)
        assert uploads() == 1
        raise KeyboardInterrupt
    assert uploads() == 0
    assert "half.txt" not in store.names()
    with open_to_write("s3://bucket/whole.txt") as stream:
        stream.write(part)
        assert "whole.txt" not in store.names()
        stream.write(b"end")
    assert uploads() == 0
    with open_bytes("s3://bucket/whole.txt") as stream:
        assert sum(map(len, iter(lambda: stream.read(1 << 20), b""))) == len(part) + 3


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("convert", "s3://bucket/none.conll", "-"), 2, "s3://bucket/none.conll: There is no such file."),
        (("convert", "s3://no-such-bucket/a.conll", "-"), 2, "s3://no-such-bucket/a.conll: There is no such file."),
        (("convert", "s3://bucket/data/dev.conll", "s3://no-such-bucket/a.csv"), 2, "No file can be written here"),
        (("tag", "s3://bucket/data"), 2, "s3://bucket/data: there is no such model folder"),
        (("train", "s3://bucket/data", "--out", "s3://no-such-bucket/m"), 2, "no model can be written here"),
        (("convert", "s4://bucket/none.conll", "-"), 2, "s4:// is no place that is read or written."),
    ],
)
def test_what_goes_wrong_is_one_clear_line(store, arguments, status, said):
    done = store.run(*arguments)
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, len(lines)) == (status, 1), lines
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert "the-secret" not in lines[0]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
    ],
)
def test_no_network_and_no_credentials_are_one_clear_line(store, environment, said):
    none = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"}
    done = store.run("convert", "s3://bucket/a.conll", "-", **none, **environment)
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert line.startswith(f"error: s3://bucket/a.conll: The file cannot be opened: {said}")
