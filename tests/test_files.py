"""Files and folders are there whole or not at all; a lock has one owner and ends with it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import processes
from tagsmith.files import (
    cache_folder,
    lock_file,
    new_folder,
    only_one,
    open_atomically,
    open_text_atomically,
    write_atomically,
)

FULL = OSError(28, "No space left on device")
ERRORS = [FULL, KeyboardInterrupt()]
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions mean something else there")


def fail_with(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize("content", ["ä\nb\r\n", "ä\nb\r\n".encode()])
def test_a_file_is_written_and_replaced_as_given(tmp_path, content):
    path = tmp_path / "a file.txt"
    write_atomically(path, "something longer than the new content")
    write_atomically(path, content)
    assert path.read_bytes() == "ä\nb\r\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_under_the_name_before_all_is_written(tmp_path):
    path = tmp_path / "file"
    with open_atomically(path) as stream:
        stream.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("where", ["write", "os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, where, error, old):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def write():
        with open_atomically(path) as stream:
            stream.write(b"new")
            if where == "write":
                raise error

    if where != "write":
        monkeypatch.setattr(where, fail_with(error))
    with pytest.raises(type(error)):
        write()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({} if old is None else {"file": old})


def test_text_is_utf8_with_its_own_line_ends_and_halves_of_pairs_escaped(tmp_path):
    with open_text_atomically(tmp_path / "text") as stream:
        stream.write("ä\r\nb\n\ud83d")
    assert (tmp_path / "text").read_bytes() == "ä\r\nb\n".encode() + rb"\ud83d"


def test_text_that_is_half_written_leaves_nothing(tmp_path):
    def interrupted():
        with open_text_atomically(tmp_path / "text") as stream:
            stream.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@on_posix
def test_permissions_are_those_of_any_new_file_or_folder(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", "")
        with new_folder(tmp_path / "folder") as temporary:
            (temporary / "file").write_bytes(b"")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"file": 0o640, "folder": 0o750}


def write_folder(folder: Path, content: str, *, error: BaseException | None = None) -> None:
    with new_folder(folder) as temporary:
        (temporary / content).write_text(content, "utf-8")
        assert not folder.exists() or next(folder.iterdir()).name == "old"
        if error is not None:
            raise error


def test_a_folder_is_made_with_its_parents_and_replaced_whole(tmp_path):
    folder = tmp_path / "parent" / "folder"
    write_folder(folder, "old")
    write_folder(folder, "new")
    assert list(folder.parent.iterdir()) == [folder]
    assert [path.read_text("utf-8") for path in folder.iterdir()] == ["new"]


@pytest.fixture(params=["in one step", "in two steps"])
def exchange(request, monkeypatch):
    """How a folder is replaced: systems that cannot exchange two names need two steps."""
    if request.param == "in two steps":
        monkeypatch.setattr("tagsmith.files._exchange", lambda one, other: False)
    elif sys.platform != "linux":
        pytest.skip("this system cannot exchange two names")
    return request.param


def test_a_folder_is_replaced_and_nothing_else_stays(tmp_path, exchange):
    folder = tmp_path / "folder"
    for name in ("old", "new", "newer"):
        with new_folder(folder) as temporary:
            (temporary / name).write_text(name, "utf-8")
    assert list(tmp_path.iterdir()) == [folder]
    assert [path.name for path in folder.iterdir()] == ["newer"]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("old", "where"),
    [
        (False, "write"),
        (False, "os.fsync"),
        (False, "new folder's rename"),
        (True, "write"),
        (True, "os.fsync"),
        (True, "tagsmith.files._exchange"),
        (True, "old folder's rename"),
        (True, "new folder's rename"),
    ],
)
def test_a_folder_that_fails_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch, old, where, error):
    folder = tmp_path / "folder"
    if old:
        write_folder(folder, "old")
    rename, renames = Path.rename, iter(["old folder's rename"] * old + ["new folder's rename", "back"])

    def fail(path, target):
        if next(renames) == where:
            raise error
        return rename(path, target)

    with monkeypatch.context() as patch:
        if "rename" in where:
            patch.setattr("tagsmith.files._exchange", lambda one, other: False)
        elif where != "write":
            patch.setattr(where, fail_with(error))
        patch.setattr(Path, "rename", fail)
        with pytest.raises(type(error)):
            write_folder(folder, "new", error=error if where == "write" else None)
    assert list(tmp_path.iterdir()) == ([folder] if old else [])
    assert not old or [path.name for path in folder.iterdir()] == ["old"]


def test_a_link_stays_and_the_folder_behind_it_is_replaced(tmp_path, exchange):
    (tmp_path / "real").mkdir()
    write_folder(tmp_path / "real" / "folder", "old")
    (tmp_path / "link").symlink_to("real/folder")
    write_folder(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in (tmp_path / "real" / "folder").iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "link", "new", "real"]


def test_an_error_names_the_folder_not_its_temporary_sibling(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", fail_with(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space") as caught:
        write_folder(tmp_path / "folder", "new")
    assert caught.value.filename == str(tmp_path / "folder")


@contextmanager
def files_of(most: int):
    """Let no file grow beyond so many bytes: as on a full disk, writing fails midway."""
    import resource

    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@on_posix
@pytest.mark.parametrize("where", ["write", "os.fsync", "pathlib.Path.replace"])
def test_an_error_names_the_file_not_its_temporary_sibling(tmp_path, monkeypatch, where):
    path = tmp_path / "file"
    if where != "write":
        monkeypatch.setattr(where, fail_with(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match=r"No space|too large") as caught, files_of(10_000 if where == "write" else -1):
        write_atomically(path, "text" * 10_000)
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------- what killed processes leave

ABANDON = """
import os, sys
from pathlib import Path
from tagsmith.files import new_folder, open_atomically
with new_folder(Path(sys.argv[1])), open_atomically(Path(sys.argv[2])) as stream:
    stream.write(b"half")
    print("writing", flush=True)
    sys.stdin.read()
"""


@on_posix
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    folder, file = tmp_path / "folder", tmp_path / "file"
    command = [sys.executable, "-c", ABANDON, str(folder), str(file)]
    with processes.started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        write_folder(folder, "old")
        write_atomically(file, "old")
        assert len(list(tmp_path.glob(".*"))) == 2  # the living process's
        process.kill()
    assert len(list(tmp_path.glob(".*"))) == 2
    write_folder(folder, "new")
    write_atomically(file, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_hidden_files_of_others_stay(tmp_path):
    others = [".folder.notes.part", ".folder.12345678.part.txt", ".folderx.12345678.part", ".file.part"]
    for name in others:
        (tmp_path / name).write_text("mine", "utf-8")
    write_folder(tmp_path / "folder", "new")
    write_atomically(tmp_path / "file", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "file", "folder"])


def test_a_very_long_name_can_be_written(tmp_path):
    for name in ("n" * 250, "é" * 120):
        write_folder(tmp_path / name, "old")
        write_folder(tmp_path / name, "second")
        write_atomically(tmp_path / f"{name}.txt", "new")
    assert len(list(tmp_path.iterdir())) == 4


# ----------------------------------------------------------------------------------------------- devices and pipes


@on_posix
def test_a_device_stays_a_device(tmp_path):
    with open_text_atomically(Path("/dev/null")) as stream:
        stream.write("text")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space") as caught:
            write_atomically(Path("/dev/full"), "text")
        assert caught.value.filename == "/dev/full"


@on_posix
def test_a_pipe_is_written(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with processes.started(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE) as reader:
        write_atomically(tmp_path / "pipe", "text")
        assert reader.communicate(timeout=60)[0] == b"text"
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@on_posix
def test_the_file_behind_a_link_is_written(tmp_path):
    (tmp_path / "file").write_text("old", "utf-8")
    (tmp_path / "link").symlink_to("file")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text("utf-8") == "new"


# --------------------------------------------------------------------------------------------------------- locks


def test_a_lock_file_has_one_owner_and_is_deleted(tmp_path):
    path = tmp_path / "lock"
    with lock_file(path) as mine:
        assert mine
        with lock_file(path) as theirs:
            assert not theirs
        with lock_file(path) as theirs:
            assert not theirs
    assert list(tmp_path.iterdir()) == []
    with lock_file(path) as mine:
        assert mine


def test_a_lock_has_one_owner_at_a_time(tmp_path):
    with only_one(tmp_path / "lock", 0) as mine:
        assert mine
        with only_one(tmp_path / "lock", 0) as theirs:
            assert not theirs
    with only_one(tmp_path / "lock", 0) as theirs:
        assert theirs


HOLD = """
import sys, time
from pathlib import Path
from tagsmith.files import only_one
with only_one(Path(sys.argv[1]), 0) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "lock"
    with processes.started([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "True\n"
        with only_one(path, 0) as mine:
            assert not mine
        process.kill()
        start = time.monotonic()
        with only_one(path, 30) as mine:
            assert mine
    assert time.monotonic() - start < 30


def test_the_cache_lies_where_the_user_says_or_in_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("jax") == tmp_path / "tagsmith" / "jax"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder("jax") == tmp_path / "home" / ".cache" / "tagsmith" / "jax"
