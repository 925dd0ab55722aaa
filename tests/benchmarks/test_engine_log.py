"""What stand-ins note of engines, and what is made of it."""

import subprocess
import sys

import pytest

from benchmarks.engine_log import EngineRun, busy_seconds, install, reached_step, read_runs, repeated_runs


def run(name="lmp", key="a", begin=0.0, end=1.0, status=0, **more):
    return EngineRun(name=name, key=key, folder="", pid=1, begin=begin, end=end, status=status, **more)


def test_a_stand_in_notes_begin_end_and_status_of_what_it_runs(tmp_path):
    program = install(tmp_path / "engines", "vasp", sys.executable, tmp_path / "runs.log")
    (tmp_path / "POSCAR").write_text("one")
    ended = [
        subprocess.run([program, "-c", f"import sys, time; time.sleep(0.2); sys.exit({status})"], cwd=tmp_path)
        for status in (0, 3)
    ]
    (tmp_path / "POSCAR").write_text("another")
    subprocess.run([program, "-c", "pass"], cwd=tmp_path, check=True)
    first, second, third = read_runs(tmp_path / "runs.log")
    assert [process.returncode for process in ended] == [0, 3]
    assert (first.is_finished, second.is_finished, third.is_finished) == (True, False, True)
    assert first.key == second.key != third.key
    assert first.end - first.begin >= 0.2
    assert first.end <= second.begin


def test_a_question_to_an_engine_is_no_run(tmp_path):
    program = install(tmp_path / "engines", "dp", sys.executable, tmp_path / "runs.log")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("Python")
    assert read_runs(tmp_path / "runs.log") == []


def test_steps_are_those_of_the_last_row(tmp_path):
    (tmp_path / "lcurve.out").write_text("#  step      rmse_trn\n      0   1.0\n    100   0.5\n")
    assert reached_step(tmp_path, "dp train") == 100
    (tmp_path / "log.lammps").write_text("Step Temp\n  0 300\n 50 301\nLoop time of 3\n 70 atoms\n")
    assert reached_step(tmp_path, "lmp") == 50
    (tmp_path / "model_devi.out").write_text("#       step         max_devi_v\n           0  1\n          60  1\n")
    assert reached_step(tmp_path, "lmp") == 60
    assert reached_step(tmp_path, "vasp") is None


def test_engines_that_run_at_once_are_counted_once():
    runs = [run(begin=0, end=4), run(begin=1, end=2), run(begin=3, end=6), run(begin=8, end=None, status=None)]
    assert busy_seconds(runs, until=10.0) == pytest.approx(8.0)


def test_only_what_had_finished_is_done_again():
    before = [run(key="a"), run(key="b", end=None, status=None), run(name="dp freeze", key="c")]
    after = [run(key="a"), run(key="b"), run(name="dp freeze", key="c"), run(name="vasp", key="a")]
    assert repeated_runs(before, after) == [after[0]]
