"""Where what can be made anew is kept between runs. It may be deleted at any time."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of thing: ``$XDG_CACHE_HOME/tagsmith/kind``, else ``~/.cache/tagsmith/kind``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tagsmith", kind)
