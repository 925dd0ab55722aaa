"""The parts of the benchmark of molecular dynamics that need no engine."""

import pytest

from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.md_parameters import MdParameters
from benchmarks.md_overhead import PLAIN, job_seconds
from benchmarks.md_speed import (
    CELLS,
    HEAD,
    Speed,
    commands_of,
    lgps_cell,
    pair_frames,
    prepare,
    speed_of,
    steps_for,
)


def test_ns_a_day_follow_from_steps_a_second():
    speed = Speed("one", 900, True, 2, 100.0)
    assert speed.ns_per_day == pytest.approx(100 * 2e-6 * 86_400)
    assert len(speed.cells()) == len(HEAD)


def test_cells_are_the_papers_and_larger_ones_take_fewer_steps():
    atoms = [50 * a * b * c for a, b, c in CELLS]
    assert atoms == [50, 100, 200, 400, 900, 1350, 1600, 2400, 2500]
    steps = [steps_for(number, True, 1.0) for number in atoms]
    assert steps == sorted(steps, reverse=True)
    assert min(steps) >= 5


def test_a_plain_script_is_the_same_dynamics_without_output():
    md = MdParameters(carrier="Li", temperature_K=300.0, production_ps=1.0, restart_interval_ps=0.5)
    script = build_lammps_input(md, ["Li", "S"], ["model.pb"], n_atoms=8)
    plain = PLAIN.sub("", script)
    removed = set(script.splitlines()) - set(plain.splitlines())
    assert removed
    assert all(
        line.split()[0] in ("dump", "dump_modify", "fix", "compute", "restart", "write_restart") for line in removed
    )
    assert "dump" not in plain.replace("write_dump", "")
    for command in ("pair_style", "fix thermostat", "run", "fix gone"):
        assert plain.count(f"\n{command} ") == script.count(f"\n{command} ")


def test_frames_and_runs_are_whole(tmp_path):
    crystal = lgps_cell()
    frames = pair_frames(crystal)
    assert frames.forces.shape == (16, 50, 3)
    folder = prepare(tmp_path / "run", tmp_path / "model.pb", crystal, (2, 1, 1), 7)
    assert "100 atoms" in (folder / "structure.data").read_text()
    assert "\nrun 7 upto\n" in (folder / "in.lammps").read_text()
    (folder / "log.lammps").write_text("LAMMPS (1 Jan 2026)\nERROR: something (src/x.cpp:1)\n")
    with pytest.raises(RuntimeError, match="something"):
        speed_of(folder)


def test_seconds_of_the_engine_are_steps_by_speed():
    assert job_seconds({"Step": [0, 50, 100]}, 20.0) == pytest.approx(5.0)
    with pytest.raises(RuntimeError, match="how fast"):
        job_seconds({"Step": [0]}, None)


def test_replicas_are_started_as_a_job_of_several_runs_starts_them(tmp_path):
    folders = [tmp_path / "run_0", tmp_path / "run_1"]
    processes = commands_of(folders, "lmp")
    assert [words[:3] for words in processes] == [["lmp", "-in", "run_0/in.lammps"], ["lmp", "-in", "run_1/in.lammps"]]
    assert not (tmp_path / "in.lammps").exists()
    (partitions,) = commands_of(folders, "lmp", "mpirun")
    assert partitions[:6] == ["mpirun", "-np", "2", "lmp", "-partition", "2x1"]
    assert "variable replica world run_0 run_1\n" in (tmp_path / "in.lammps").read_text()
