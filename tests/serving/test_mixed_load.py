"""Everything at once for half a minute: the short form of ``benchmarks/mixed_load.py``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import processes

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mixed_load.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_half_a_minute_of_tagging_labeling_retraining_and_swapping_loses_and_leaves_nothing(tmp_path):
    result = tmp_path / "result.json"
    command = [sys.executable, str(SCRIPT), "--minutes", "0.5", "--result", str(result)]
    done = processes.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    requests = json.loads(result.read_text("utf-8"))["requests"]
    assert requests["put in service 200"] == 2
    assert all(requests.get(name, 0) > 10 for name in ("tag texts 200", "tag wrong 422", "save 200"))
