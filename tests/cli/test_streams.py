"""Standard streams that are closed, full or cut off, and commands that are interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

import processes
from tagsmith.sample import sample_path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it needs /dev/full and a POSIX shell")


def shell(line: str, *arguments: object) -> tuple[int, str, str]:
    """Run a line of shell in which ``$1`` … are the arguments."""
    command = ["bash", "-c", f'tagsmith() {{ {sys.executable} -m tagsmith "$@"; }}; {line}', "tagsmith"]
    done = processes.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tagsmith tag $1 $2 >&-", "error: standard output: Bad file descriptor.\n"),
        ("tagsmith evaluate $1 $2 >&-", "error: standard output: Bad file descriptor.\n"),
        ("tagsmith evaluate $1 $2 > /dev/full", "error: standard output: No space left on device.\n"),
        ("tagsmith evaluate $1 $2 --json /dev/full", "error: /dev/full: No space left on device.\n"),
        ("tagsmith evaluate $1 $2 --report /dev/full", "error: /dev/full: No space left on device.\n"),
        ("tagsmith convert $2 /dev/full", "error: /dev/full: No space left on device.\n"),
        ("tagsmith tag $1 <&-", "error: standard input: Bad file descriptor.\n"),
    ],
)
def test_results_that_cannot_be_written_are_an_error(model, line, message):
    status, _, err = shell(line, model, sample_path("dev"))
    assert (status, err) == (1, message)


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2> >(head -c 1 >/dev/null)"])
def test_remarks_that_cannot_be_written_stop_nothing(model, tmp_path, where):
    status, out, _ = shell(
        f"tagsmith convert $2 $3 {where}; tagsmith evaluate $1 $3 {where}",
        model,
        sample_path("dev"),
        tmp_path / "out.jsonl",
    )
    assert status == 0
    assert "token accuracy" in out


@pytest.mark.slow
@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2> >(head -n 1 >/dev/null)", ">&-", ">/dev/full"])
def test_training_never_loses_its_model(corpus, tiny, tmp_path, where):
    line = f'tagsmith train "$1" --out $2 --set=epochs=2 "${{@:3}}" {where}'
    status, _, err = shell(line, corpus / "train.conll", tmp_path / "model", *tiny)
    assert status == (1 if where.startswith(">") else 0)
    assert not where.startswith(">") or "error: standard output: " in err
    assert (tmp_path / "model" / "config.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_tagging_that_is_interrupted_ends_with_a_whole_sentence(model, tmp_path, sent, status):
    (tmp_path / "text").write_text("Ann left Berlin .\n\n" * 400_000, "utf-8")
    command = [sys.executable, "-m", "tagsmith", "tag", str(model), str(tmp_path / "text")]
    with processes.started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out = process.stdout.read(100_000)
        process.send_signal(sent)
        out += process.stdout.read()
        assert process.stderr.read() == b"interrupted\n"
    assert process.returncode == status
    assert out.endswith(b"\n\n")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_leaves_no_file(model, tmp_path, sent):
    out = tmp_path / "out.conll"
    command = [sys.executable, "-m", "tagsmith", "tag", str(model), "-", "-o", str(out)]
    with processes.started(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b"Ann left Berlin .\n\n" * 20_000)
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
        process.send_signal(sent)
        process.wait(60)
    assert list(tmp_path.iterdir()) == []
