"""First-principles dynamics through a daemon: cut by three wall times, it is the uncut run frame by frame."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.environment.aimd_actions import ARRAYS, N_STEPS
from tests.environment.helpers import ROOT, end_all, environment


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_cut_by_three_walltimes_is_the_uncut_one(tmp_path):
    folder = tmp_path / "a profile"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.environment.aimd_actions", str(folder), "2.1", "2.6", "1.7"],
            cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        end_all(folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ended"] == [[0, None], [0, None]]
    assert found["n_frames"] == [N_STEPS, N_STEPS]
    assert found["n_segments"] == [4, 1]
    assert found["gapless"] == [True] * 3
    assert found["differences"] == dict.fromkeys(ARRAYS, 0.0)
