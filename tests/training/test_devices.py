"""Training on several devices, of which this machine pretends to have some: the losses are those of one device."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

import processes
from tagsmith.errors import InputError
from tagsmith.network.backend import keras
from tagsmith.training.devices import check_devices

pytestmark = pytest.mark.slow
TRAIN = """
import sys
from dataclasses import replace
import tagsmith
from tagsmith.sample import sample_path
out, devices = sys.argv[1], int(sys.argv[2])

def labeled(sentence, known):
    tags = [tag if tag[2:] in known else "O" for tag in sentence.layers["tags"]]
    case = ["upper" if word[0].isupper() else "lower" for word in sentence.words]
    return replace(sentence, layers={"ner": tuple(tags), "case": tuple(case)})

train = list(tagsmith.read_sentences(sample_path("train")))[:120]
every = ("PERSON", "LOCATION", "ORGANIZATION", "DATE")
corpora = [[labeled(one, every[:2]) for one in train[:60]], [labeled(one, every[1:]) for one in train[60:]]]
recipe = {"epochs": 3, "units": 8, "word_dim": 8, "batch_tokens": 300, "least_steps": 1, "learning_rate": 0.01}
dev = [[labeled(one, every) for one in train[:30]]]
layers = ["ner", "case"]
tagsmith.train(corpora, dev=dev, out=out, layer=layers, partial=True, recipe=recipe, devices=devices, seed=3)
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", TRAIN, *map(str, arguments)]


def environment(devices: int, **more: str) -> dict[str, str]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", **more}


def losses(folder) -> list[tuple[float, float]]:
    entries = map(json.loads, (folder / "history.jsonl").read_text().splitlines())
    return [(entry["loss"], entry["dev_loss"]) for entry in entries]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "model"
    done = processes.run(command(folder, 1), env=environment(1), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_losses_are_those_of_one_device(one, tmp_path):
    folder = tmp_path / "model"
    done = processes.run(command(folder, 2), env=environment(2), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(losses(one)) == 3
    assert losses(one)[0] != losses(one)[2]
    np.testing.assert_allclose(losses(folder), losses(one), atol=1e-4)
    expected, found = (load_file(path / "weights.safetensors") for path in (one, folder))
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        # The trained table is rounded to halves, whose steps are larger than 1e-4.
        tolerance = 3e-4 if name == "word/trained" else 1e-5
        np.testing.assert_allclose(found[name], values, atol=tolerance, err_msg=name)


def test_two_processes_that_jax_joins_train_one_model(one, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = [tmp_path / "first", tmp_path / "second"]

    def joined(number: int) -> dict[str, str]:
        names = {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "JAX_NUM_PROCESSES": "2",
            "JAX_PROCESS_ID": str(number),
        }
        return environment(1, **names)

    with processes.started(command(folders[1], 2), env=joined(1), stderr=subprocess.PIPE, text=True) as other:
        done = processes.run(command(folders[0], 2), env=joined(0), capture_output=True, text=True)
        told = other.stderr.read()
    assert done.returncode == 0, done.stderr
    assert other.returncode == 0, told
    np.testing.assert_allclose(losses(folders[0]), losses(one), atol=1e-4)
    weights = [(folder / "weights.safetensors").read_bytes() for folder in folders]
    assert weights[0] == weights[1]


def test_devices_that_are_not_there_are_refused():
    with pytest.raises(InputError, match="It must be at least 1"):
        check_devices(0)
    check_devices(1)
    if keras.config.backend() == "jax":
        with pytest.raises(InputError, match=r"not 64\. Give --devices .*--xla_force_host_platform_device_count=64"):
            check_devices(64)
    else:
        with pytest.raises(InputError, match="trains on one device"):
            check_devices(2)


def test_the_command_line_refuses_them_before_it_reads(tmp_path):
    train = tmp_path / "train.conll"
    train.write_text("John B-PER\n\nMary B-PER\n")
    arguments = ("train", train, "--dev", train, "--out", tmp_path / "model", "--devices", 9)
    done = processes.run(
        [sys.executable, "-m", "tagsmith", *map(str, arguments)], env=environment(2), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "error: There are 2 devices (cpu), not 9." in done.stderr
    assert not (tmp_path / "model").exists()
