"""Files and folders are there whole or not at all; a lock has one owner and ends with it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tagsmith.files import cache_folder, new_folder, only_one, open_atomically, open_text_atomically, write_atomically

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
        (temporary / content).write_text(content)
        assert not folder.exists() or next(folder.iterdir()).name == "old"
        if error is not None:
            raise error


def test_a_folder_is_made_with_its_parents_and_replaced_whole(tmp_path):
    folder = tmp_path / "parent" / "folder"
    write_folder(folder, "old")
    write_folder(folder, "new")
    assert list(folder.parent.iterdir()) == [folder]
    assert [path.read_text() for path in folder.iterdir()] == ["new"]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("old", "where"),
    [
        (False, "write"),
        (False, "os.fsync"),
        (False, "new folder's rename"),
        (True, "write"),
        (True, "os.fsync"),
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
        if where == "os.fsync":
            patch.setattr(where, fail_with(error))
        patch.setattr(Path, "rename", fail)
        with pytest.raises(type(error)):
            write_folder(folder, "new", error=error if where == "write" else None)
    assert list(tmp_path.iterdir()) == ([folder] if old else [])
    assert not old or [path.name for path in folder.iterdir()] == ["old"]


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
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as process:
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
