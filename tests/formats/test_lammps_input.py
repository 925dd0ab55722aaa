from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.lammps_frames import FrameCount, newest_restart
from aiida_concerted.formats.lammps_input import (
    FINAL_RESTART,
    MAX_SEED,
    RESTARTS,
    build_lammps_input,
    lammps_seed,
    read_framework_mean,
)
from aiida_concerted.formats.lammps_restart import MAGIC
from aiida_concerted.formats.md_parameters import MdParameters, RestartPoint
from tests.formats.test_lammps_restart import HEADER, RECORDS, record

GIVEN = {"carrier": "Li", "temperature_K": 300, "production_ps": 1.0, "frame_interval_ps": 0.02}


def parameters(**changes):
    return from_mapping(MdParameters, {**GIVEN, **changes}, "parameters")


def test_frames_begin_at_a_multiple_of_every_interval():
    run = parameters(
        anneal_from_K=100, anneal_ps=0.05, equilibration_ps=0.05, framework_stride=3, deviation_interval_ps=0.04,
        restart_interval_ps=0.1,
    )  # fmt: skip
    assert (run.frame_steps, run.deviation_steps, run.anneal_steps) == (10, 20, 25)
    assert run.first_step == 60
    assert (run.production_steps, run.n_frames) == (500, 51)
    assert run.restart_steps == 60
    assert run.frame_steps % run.neighbour_steps == 0


def test_the_script_heats_equilibrates_and_keeps_the_production():
    script = build_lammps_input(
        parameters(anneal_from_K=100, anneal_ps=0.1, equilibration_ps=0.1),
        ["Li", "S"],
        ["a.pb", "b.pb"],
        n_atoms=50,
        timeout_s=7384,
    )
    lines = script.splitlines()
    assert lines[0] == "timer timeout 2:03:04 every 10"
    assert "pair_style deepmd a.pb b.pb out_freq 10 out_file model_devi.out" in lines
    assert "pair_coeff * * Li S" in lines
    assert "fix heating all nvt temp 100 300 0.2" in lines
    runs = [line for line in lines if line.startswith("run ")]
    stretch = "run $(v_production*500) upto post no"
    assert runs == ["run 0", "run 50 upto start 0 stop 50", "run 100 upto", stretch, "run 600 upto"]
    assert lines[lines.index(stretch) - 2 : lines.index(stretch)] == [
        "variable production loop 1 1", "label production"
    ]  # fmt: skip
    dumps = [number for number, line in enumerate(lines) if line.startswith("dump ")]
    assert min(dumps) > lines.index("run 100 upto")
    assert "restart 500 restart.a restart.b" in lines
    assert "read_restart" not in script


def test_a_run_that_goes_on_takes_the_state_and_leaves_out_what_is_behind_it():
    run = parameters(anneal_from_K=100, anneal_ps=0.1, equilibration_ps=0.1, framework_stride=2)
    elements, models = ["Li", "S"], ["a.pb"]
    begun = build_lammps_input(run, elements, models, n_atoms=50, start=RestartPoint(40, -4.5)).splitlines()
    runs = [line for line in begun if line.startswith("run ")]
    stretch = "run $(v_production*500) upto post no"
    assert runs == ["run 50 upto start 0 stop 50", "run 100 upto", stretch, "run 600 upto"]
    kept = build_lammps_input(run, elements, models, n_atoms=50, start=RestartPoint(140, -4.5)).splitlines()
    assert "read_restart start.restart" in kept
    assert not any(line.startswith(("velocity", "read_data", "run 0")) for line in kept)
    assert [line for line in kept if line.startswith("run ")] == [stretch, "run 600 upto"]
    assert kept.index("fix thermostat all nvt temp 300 300 0.2") < kept.index("run 600 upto")
    assert "variable begin equal -4.5" in kept
    for step in (0, 50, 600, 640):
        with pytest.raises(ValueError, match=f"cannot go on from step {step}"):
            build_lammps_input(run, elements, models, n_atoms=50, start=RestartPoint(step, -4.5))


def test_a_wall_repels_every_pair_of_elements_beside_the_potential():
    script = build_lammps_input(parameters(wall_A=1.6), ["Li", "S"], ["a.pb", "b.pb"], n_atoms=50).splitlines()
    (style,) = [line for line in script if line.startswith("pair_style")]
    assert style == "pair_style hybrid/overlay deepmd a.pb b.pb out_freq 10 out_file model_devi.out zbl 0.8 1.6"
    assert [line for line in script if line.startswith("pair_coeff")] == [
        "pair_coeff * * deepmd Li S", "pair_coeff 1 1 zbl 3 3", "pair_coeff 1 2 zbl 3 16", "pair_coeff 2 2 zbl 16 16",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="wall_A must be"):
        parameters(wall_A=-1.0)


def test_one_model_writes_no_deviation_and_one_element_has_no_framework():
    script = build_lammps_input(parameters(), ["Li"], ["a.pb"], n_atoms=50)
    assert "out_freq" not in script
    assert "framework" not in script
    assert "timer" not in script


def test_a_long_run_does_not_fill_the_disk_with_rows():
    run = parameters(production_ps=40_000.0, frame_interval_ps=0.1)
    assert run.n_frames == 400_001
    assert run.production_steps // run.thermo_steps <= 20_000
    assert run.thermo_steps % run.frame_steps == 0


def test_the_limit_of_the_temperature_lies_beyond_its_fluctuation():
    for n_atoms, temperature in ((16, 300), (200, 1200), (2500, 300)):
        limit = parameters(temperature_K=temperature).halt_temperature_K(n_atoms)
        assert limit > temperature * (1 + 8 * (2 / (3 * n_atoms)) ** 0.5)
    assert parameters(temperature_K=1200).halt_temperature_K(200) < 3600
    assert parameters(max_temperature_K=900).halt_temperature_K(200) == 900


def test_seeds_are_in_lammps_range_and_differ():
    seeds = [lammps_seed(seed) for seed in range(500)]
    assert len(set(seeds)) == 500
    assert 0 < min(seeds) <= max(seeds) <= MAX_SEED


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 300}, r"unknown key 'temperature' in parameters: did you mean 'temperature_K'\?"),
        ({"carrier": None}, "lacks carrier"),
        ({"carrier": 3}, "carrier must be an element symbol"),
        ({"temperature_K": 0}, "temperature_K must be a positive number"),
        ({"frame_interval_ps": 0.013}, r"frame_interval_ps \(0.013\) must be a multiple of timestep_fs"),
        ({"deviation_interval_ps": 0.03}, "deviation_interval_ps .* must be a multiple of frame_interval_ps"),
        ({"anneal_ps": 1.0}, "anneal_from_K and anneal_ps belong together"),
        ({"anneal_from_K": 100}, "anneal_from_K and anneal_ps belong together"),
        ({"framework_stride": 0}, "framework_stride must be a positive integer"),
        ({"production_ps": 0.01}, "production_ps must be at least frame_interval_ps"),
        ({"max_temperature_K": 200}, "max_temperature_K must exceed"),
        ({"seed": -1}, "seed must be a number of at least zero"),
    ],
)
def test_unfit_parameters_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        parameters(**changes)


def test_a_script_needs_a_model_and_the_carrier():
    with pytest.raises(ValueError, match="needs a model"):
        build_lammps_input(parameters(), ["Li"], [], n_atoms=50)
    with pytest.raises(ValueError, match="holds no Li: its elements are Na, S"):
        build_lammps_input(parameters(), ["Na", "S"], ["a.pb"], n_atoms=50)


def test_mean_positions_are_read_up_to_the_last_whole_row():
    text = "# Time-averaged data for fix mean\n# TimeStep c_mean[1] c_mean[2] c_mean[3]\n60 1.5 2 3\n70 1 2 nan\n80 1."
    steps, mean = read_framework_mean(text)
    assert steps.tolist() == [60, 70]
    np.testing.assert_array_equal(mean, [[1.5, 2, 3], [1, 2, np.nan]])
    with pytest.raises(ValueError, match="a step and three numbers"):
        read_framework_mean("60 1 2\n")


def test_guards_are_set_before_the_first_run_and_go_by_the_steadiest_element():
    run = parameters(max_framework_displacement_A=2.5, max_temperature_drift=0.1, anneal_from_K=100, anneal_ps=0.1)
    for start in (None, RestartPoint(20, -4.5)):
        elements = ["Ge", "Li", "P", "S"]
        lines = build_lammps_input(run, elements, ["a.pb"], n_atoms=50, start=start).splitlines()
        first_run = next(number for number, line in enumerate(lines) if line.startswith("run "))
        for symbol, number in {"Ge": 1, "P": 3, "S": 4}.items():
            assert f"group only_{symbol} type {number}" in lines
            begin = f"compute square_{symbol} only_{symbol} reduce avesq c_away[1] c_away[2] c_away[3]"
            assert lines.index("compute away framework displace/atom") < lines.index(begin) < first_run
        assert "fix melted all halt 10 v_steady_S > 6.25 error hard" in lines
        assert "variable steady_P equal ternary(v_moved_P<v_steady_Ge,v_moved_P,v_steady_Ge)" in lines
        assert "fix adrift all halt 5000 v_off > 0.1 error hard" in lines
        assert lines.index("fix heat all ave/time 10 500 5000 c_heat") > first_run


def test_without_limits_there_are_no_guards():
    script = build_lammps_input(parameters(), ["Li", "S"], ["a.pb"], n_atoms=50)
    assert "displace/atom" not in script
    assert "adrift" not in script


def test_carriers_alone_have_no_framework_to_melt():
    script = build_lammps_input(parameters(max_framework_displacement_A=1.0), ["Li"], ["a.pb"], n_atoms=50)
    assert "melted" not in script


@pytest.mark.parametrize(("frame_ps", "restart_ps"), [(0.1, 0.1), (0.2, 0.2), (0.02, 0.02), (0.002, 0.002)])
def test_the_clock_is_looked_at_between_two_restart_files(frame_ps, restart_ps):
    run = parameters(frame_interval_ps=frame_ps, restart_interval_ps=restart_ps)
    assert 1 <= run.timer_steps < run.restart_steps


def restart_bytes(step):
    return HEADER + b"".join([*RECORDS[:4], record(5, step)]) + b"atoms" + MAGIC


def test_a_run_goes_on_from_where_its_clock_stopped_it_only_if_a_restart_file_is_due_there(tmp_path):
    run = parameters(production_ps=3.0, restart_interval_ps=1.0)
    (tmp_path / RESTARTS[0]).write_bytes(restart_bytes(500))
    (tmp_path / FINAL_RESTART).write_bytes(restart_bytes(690))
    assert newest_restart(tmp_path, run, FrameCount(70, 0)).name == RESTARTS[0]
    (tmp_path / FINAL_RESTART).write_bytes(restart_bytes(run.last_step))
    assert newest_restart(tmp_path, run, FrameCount(run.n_frames, 0)).name == FINAL_RESTART
