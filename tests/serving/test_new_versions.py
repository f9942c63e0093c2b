"""A new version of a model folder is put in service with no failed request; a damaged one is not."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx

from random_model import random_model
from tagsmith.model.folder import write_model


def version(address: str) -> str:
    return httpx.get(f"{address}/v1/models").json()["models"][0]["version"]


def wait_for(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


def test_versions_change_under_load_and_no_request_fails(serve, tmp_path: Path):
    folder = tmp_path / "model"
    write_model(random_model(seed=0), folder)
    address = serve({"model": folder})
    stop, statuses, versions = threading.Event(), [], []

    def ask() -> None:
        with httpx.Client(base_url=address, timeout=20) as client:
            while not stop.is_set():
                answer = client.post("/v1/tag", json={"text": "John lives in Paris."})
                statuses.append(answer.status_code)
                versions.append(answer.json()["model"]["version"])

    asking = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in asking:
        thread.start()
    seen = [version(address)]
    try:
        for seed in (1, 2):
            write_model(random_model(seed=seed), folder)
            wait_for(lambda: version(address) != seen[-1])
            seen.append(version(address))
    finally:
        stop.set()
        for thread in asking:
            thread.join(30)
    assert not any(thread.is_alive() for thread in asking)
    assert set(statuses) == {200}
    assert set(versions) <= set(seen)
    assert len(set(seen)) == 3
    assert 'tagsmith_model_reloads_total{model="model",outcome="loaded"} 2.0' in httpx.get(f"{address}/metrics").text


def test_a_damaged_version_leaves_the_old_one_in_service_until_it_is_whole(serve, tmp_path: Path, caplog):
    folder, other = tmp_path / "model", tmp_path / "other"
    write_model(random_model(seed=0), folder)
    write_model(random_model(seed=1), other)
    address = serve({"model": folder})
    before = version(address)
    (folder / "config.json").write_bytes((other / "config.json").read_bytes())  # a copy that has just begun
    failed = 'tagsmith_model_reloads_total{model="model",outcome="failed"} 1.0'
    wait_for(lambda: failed in httpx.get(f"{address}/metrics").text)
    assert version(address) == before
    assert httpx.post(f"{address}/v1/tag", json={"text": "Paris"}).status_code == 200
    for path in other.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    wait_for(lambda: version(address) != before)
    assert failed in httpx.get(f"{address}/metrics").text  # said once
    assert "the old one stays" in caplog.text


def test_a_folder_that_is_gone_leaves_its_model_in_service(serve, tmp_path: Path):
    folder = tmp_path / "model"
    write_model(random_model(), folder)
    address = serve({"model": folder})
    folder.rename(tmp_path / "away")
    time.sleep(1.5)
    assert httpx.post(f"{address}/v1/tag", json={"text": "Paris"}).status_code == 200
