from __future__ import annotations

import os
import sys

import pytest

import processes

SHOWN = "import os; import tagsmith.network.backend; print(os.environ.get('JAX_COMPILATION_CACHE_DIR'))"


@pytest.mark.slow
@pytest.mark.parametrize("home", ["writable", "not a folder"])
def test_compiled_steps_are_kept_where_files_can_be_kept(tmp_path, home):
    cache = tmp_path / "cache"
    if home != "writable":
        cache.write_text("", "utf-8")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    environment = {**kept, "KERAS_BACKEND": "jax", "XDG_CACHE_HOME": str(cache)}
    done = processes.run([sys.executable, "-c", SHOWN], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (str(cache / "tagsmith" / "jax") if home == "writable" else "None")
