"""Standard streams, which may be closed, full or cut off: that is an error for results, not for remarks."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

from tagsmith.files import NamedFile

STDIN, STDOUT, STDERR = range(3)  # their descriptors


class Remarks:
    """A text stream for progress and remarks: what it cannot write is lost, and the work goes on."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream if stream is not None else io.StringIO()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, or lose it."""
        with suppress(OSError, ValueError):  # closed, full, or its reader is gone
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, as far as that is possible."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def open_standard_streams() -> None:
    """Prepare the standard streams of a command.

    Output is UTF-8 whatever the locale. Half a surrogate pair, which JSON can hold, is written as JSON's escape.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        with suppress(OSError):
            os.fstat(descriptor)
            continue
        # Closed: the next file to be opened would take its place, and get what is meant for the stream.
        _open_wrong_way(descriptor)
    if sys.stdin is None:
        descriptor = _open_wrong_way(STDIN)  # a file that Python opened may be the present 0
        sys.stdin = io.TextIOWrapper(io.BufferedReader(NamedFile(descriptor, "r", "standard input")))
    if os.name != "nt":  # there a console is no file
        out, err = (
            number if stream is not None else _open_wrong_way(number)
            for number, stream in ((STDOUT, sys.stdout), (STDERR, sys.stderr))
        )
        sys.stdout = io.TextIOWrapper(NamedFile(out, "w", "standard output").buffered())
        sys.stderr = io.TextIOWrapper(NamedFile(err, "w", "standard error").buffered(), line_buffering=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            lines = stream.line_buffering or stream.isatty()
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=lines)
    sys.stderr = cast(TextIO, Remarks(sys.stderr))


def _open_wrong_way(stream: int) -> int:
    """Open a descriptor whose use is an error, as that of a closed stream is."""
    return os.open(os.devnull, os.O_WRONLY if stream == STDIN else os.O_RDONLY)
