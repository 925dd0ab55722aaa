"""The long run: what is measured is the child itself, and the command analyses what the gas writes."""

from __future__ import annotations

import json
import sys

from benchmarks import long_run
from benchmarks.long_run import Measurement, growth, run_measured


def test_memory_and_time_are_those_of_the_child(tmp_path) -> None:
    code = """import time
block, end = bytearray(400_000_000), time.process_time() + 0.3
while time.process_time() < end:
    pass"""
    status, clock, cpu, peak = run_measured([sys.executable, "-c", code], tmp_path / "log")
    assert status == 0
    assert 400 < peak < 600
    assert 0.3 < cpu < 3.0
    assert clock > 0.3


def test_the_memory_of_the_caller_does_not_count(tmp_path) -> None:
    ballast = bytearray(b"x") * 300_000_000
    _, _, _, peak = run_measured([sys.executable, "-c", "import time; time.sleep(0.3)"], tmp_path / "log")
    assert 1 < peak < 100
    assert len(ballast) == 300_000_000


def test_a_failing_command_is_told(tmp_path) -> None:
    assert run_measured([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log")[0] == 3


def test_growth_compares_the_ends() -> None:
    rows = [Measurement(n, 900, 1.0, 1.0, n / 1000, 500.0 + n / 1000, 0) for n in (1000, 2000, 4000)]
    assert growth(rows) == "4 times as many frames take 4.00 times the processor time and 1.01 times the memory."


def test_a_short_run_goes_through_the_command(tmp_path, capsys) -> None:
    assert long_run.main(["--frames", "400", "--repeat", "2", "2", "1", "--folder", str(tmp_path)]) == 0
    assert "| 400    |" in capsys.readouterr().out
    content = json.loads((tmp_path / "lgps-2x2x1-400.json").read_text(encoding="utf-8"))
    assert content["hops"]["counted"] > 0
    (row,) = json.loads((tmp_path / "long_run.json").read_text(encoding="utf-8"))
    assert row["n_atoms"] == 200
    assert row["status"] == 0


def test_a_failed_analysis_ends_with_one(tmp_path, capsys) -> None:
    arguments = ["--frames", "50", "--repeat", "2", "2", "1", "--folder", str(tmp_path), "--", "--discard-ps", "1000"]
    assert long_run.main(arguments) == 1
    assert "failed" in capsys.readouterr().err
