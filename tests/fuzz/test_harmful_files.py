"""Small files made to keep a reader busy for hours or to fill the memory: reading ends soon, and in little memory."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
import zlib
from pathlib import Path

import pytest

import processes

MOST_SECONDS = 60  # they took minutes to years
MOST_BYTES = 3 << 29  # of address space, beside what the libraries of binary formats take when they are imported
CHILD = """
import resource, sys
from contextlib import suppress
from pathlib import Path
from fuzz.readers import READERS
from tagsmith.errors import TagsmithError
with suppress(ImportError):
    import pyarrow.parquet, spacy.tokens
pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
taken = pages * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[3]), resource.RLIM_INFINITY))
with suppress(TagsmithError):
    READERS[sys.argv[1]](Path(sys.argv[2]))
"""


def slashes() -> str:
    """Lines that almost look as if they had a tag after each word."""
    return ("x" + ("/" + "A" * 800) * 3 + " end\n") * 3


def sentences_in_turn() -> str:
    """Sentences that go back and forth between the beginning and the end of the text."""
    count = 8000
    tokens = [{"start": 2 * place, "end": 2 * place + 1} for place in range(count)]
    sentences = [[0, 1], *([2 * count, 2 * count], [0, 1]) * count]
    return json.dumps({"text": "a " * count, "tokens": tokens, "spans": [], "sentences": sentences})


def ranges_over_each_other() -> str:
    """As many multiword ranges as tokens, each over all of them."""
    count, empty = 40_000, "\t".join("_" * 8)
    ranges = f"1-{count}\tab\t{empty}\n" * count
    return ranges + "".join(f"{number}\ta\t{empty}\n" for number in range(1, count + 1)) + "\n"


def key_of_many_parts() -> str:
    """A key in a key, 30,000 levels deep."""
    return ".".join("a" * 30_000) + " = 1\n"


def packed_cells() -> bytes:
    """A hundred million cells in a line, packed to 200 KB."""
    return gzip.compress(b"a\t" * 100_000_000)


def four_gigabytes_to_unpack() -> bytes:
    """A few words in xz, whose header says that four gigabytes are needed to unpack them."""
    packed = lzma.compress(b"a B-X\nb O\n" * 10)
    end = 12 + 4 * packed[12]  # of the header of the first block, without its checksum
    header = packed[12:end].replace(b"\x21\x01\x16", b"\x21\x01\x28")
    assert header != packed[12:end]
    return packed[:12] + header + zlib.crc32(header).to_bytes(4, "little") + packed[end + 4 :]


@pytest.mark.parametrize(
    ("reader", "make"),
    [
        ("format", slashes),
        ("jsonl", sentences_in_turn),
        pytest.param("conllu", ranges_over_each_other, marks=pytest.mark.slow),
        ("conll", packed_cells),
        ("conll", four_gigabytes_to_unpack),
        ("format", four_gigabytes_to_unpack),
        ("vectors", four_gigabytes_to_unpack),
        ("recipe", key_of_many_parts),
        ("space", key_of_many_parts),
    ],
)
def test_reading_ends_soon_and_in_little_memory(tmp_path: Path, reader: str, make):
    path = tmp_path / "file"
    content = make()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    command = [sys.executable, "-c", CHILD, reader, str(path), str(MOST_BYTES)]
    done = processes.run(
        command, cwd=Path(__file__).parents[1], timeout=MOST_SECONDS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
