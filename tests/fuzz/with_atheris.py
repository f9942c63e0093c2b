"""Fuzz the readers by coverage, with atheris (``pip install atheris``): ``with_atheris.py SECONDS [READER …]``.

Each reader, by default every one, gets its time in a process of its own. A file that breaks its reader is kept in
``cases/``, where the ordinary tests find it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))
with atheris.instrument_imports(include=["tagsmith"]):
    from fuzz.readers import READERS, check, seeds

CASES = Path(__file__).with_name("cases")


def fuzz(name: str, seconds: str) -> None:
    """Fuzz one reader; ends the process, with a status other than 0 if the reader broke."""
    kept = CASES / name
    kept.mkdir(parents=True, exist_ok=True)
    found, scratch = (Path(tempfile.mkdtemp(prefix="fuzz-")) for _ in range(2))
    for number, seed in enumerate(seeds(name)):
        (found / str(number)).write_bytes(seed)
    limits = [
        f"-max_total_time={seconds}",
        "-timeout=30",
        "-rss_limit_mb=2048",
        "-max_len=20000",
        "-print_final_stats=1",
    ]
    atheris.Setup(
        [sys.argv[0], str(found), str(kept), *limits, f"-artifact_prefix={kept}/"],
        lambda content: check(name, content, scratch),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    seconds, *names = sys.argv[1:]
    if len(names) == 1:
        fuzz(names[0], seconds)
    broken = [
        name
        for name in names or READERS
        if subprocess.run([sys.executable, __file__, seconds, name], check=False).returncode
    ]
    sys.exit(f"These readers broke; their files are in {CASES}: {', '.join(broken)}" if broken else 0)
