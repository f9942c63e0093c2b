"""Copies of files elsewhere, kept in the cache: what has to be read as a whole, again and again, or from a disk."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tagsmith.errors import place_of
from tagsmith.files import cache_folder, digest, new_folder
from tagsmith.remote import BLOCK, State, open_to_read, state_of

STATES = ".states.json"  # beside the copies: what there was when they were made


def download(urls: Mapping[str, str], most: Mapping[str, int]) -> Path:
    """Return the folder in the cache with copies of files: name → URL. What is not there has no copy.

    They are made if there are none, or if what is there has changed.

    Raises OSError: nothing is there, or it cannot be read; a file has more bytes than ``most`` says of its name.
    """
    states = {name: state for name, url in urls.items() if (state := state_of(url)) is not None}
    if not states:
        raise FileNotFoundError(errno.ENOENT, "There is no such file", place_of(next(iter(urls.values()))))
    folder = cache_folder("elsewhere") / digest("\n".join(urls.values()).encode())[:32]
    found = json.dumps(states, sort_keys=True)
    with suppress(OSError):
        if (folder / STATES).read_text("utf-8") == found:
            return folder
    with new_folder(folder) as made:
        for name in states:
            _copy(urls[name], states[name], made / name, most.get(name))
        (made / STATES).write_text(found, "utf-8")
    return folder


def _copy(url: str, state: State, target: Path, most: int | None) -> None:
    size = state.size or 0
    with open_to_read(url) as stream, target.open("xb") as copy:
        written = 0
        while most is None or max(size, written) <= most:
            if not (block := stream.read(BLOCK)):
                return
            written += copy.write(block)
    raise OSError(errno.EFBIG, f"It has more than {most:,} bytes", place_of(url))
