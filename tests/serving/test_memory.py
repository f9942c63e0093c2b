"""A server gives back the memory of what it has done with."""

from __future__ import annotations

import sys

import pytest

import processes

CODE = """
from tagsmith.serving.server import give_back_large_blocks

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

give_back_large_blocks()
block = bytearray(31 << 20)
del block  # from now on, glibc would keep blocks of this size
block, above = bytearray(24 << 20), [bytearray(100_000) for _ in range(100)]
before = megabytes()
del block
print(before - megabytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_blocks_go_back_to_the_system():
    done = processes.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert float(done.stdout) == pytest.approx(24, abs=1)
