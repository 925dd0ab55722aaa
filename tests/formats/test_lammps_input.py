import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.formats.lammps_input import RunPhysics, RunSteps, read_drift, write_lammps_input

PHYSICS = RunPhysics(
    temperature_K=600.0, timestep_ps=0.002, damping_ps=0.2, seed=5, start_K=100.0, carrier="Li",
    types=("Ge", "Li", "S"), has_framework=True,
)  # fmt: skip
STEPS = RunSteps(anneal=25, equilibrate=5, produce=100, frame=10, framework_stride=3, deviation=20)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 20), st.integers(1, 7), st.integers(0, 4))
def test_recording_begins_on_a_step_that_everything_written_meets(anneal, hold, frame, stride, factor):
    steps = RunSteps(anneal, hold, 100, frame, stride, frame * factor)
    first = steps.first_recorded
    assert first >= anneal + hold
    for interval in (frame, frame * stride, frame * factor or 1):
        assert first % interval == 0


def test_carriers_are_told_from_the_framework_by_type():
    script = write_lammps_input(PHYSICS, STEPS, ["a.pb", "b.pb"])
    assert "group carriers type 2" in script
    assert "pair_coeff * * Ge Li S" in script
    assert "velocity all create 100 5 " in script


def test_the_committee_is_consulted_only_while_recording():
    lines = write_lammps_input(PHYSICS, STEPS, ["a.pb", "b.pb"]).splitlines()
    styles = [line for line in lines if line.startswith("pair_style")]
    assert styles == ["pair_style deepmd a.pb", "pair_style deepmd a.pb b.pb out_freq 20 out_file model_devi.out"]
    assert [line for line in lines if line.startswith("run ")] == ["run 25", "run 35", "run 100"]
    assert lines.index(styles[1]) > lines.index("run 35")


def test_a_single_model_without_framework_asks_for_nothing_else():
    alone = dataclasses.replace(PHYSICS, types=("Li",), has_framework=False)
    script = write_lammps_input(alone, dataclasses.replace(STEPS, deviation=0), ["a.pb"], walltime_s=3661)
    assert "model_devi" not in script
    assert "framework" not in script
    assert "timer timeout 1:01:01 every 100" in script


def test_drift_drops_a_cut_row():
    lines = ["# TimeStep c_drift[1]", "40 1.0 2.0 3.0", "50 1.5 2.5"]
    assert read_drift(lines) == {40: (1.0, 2.0, 3.0)}


@pytest.mark.parametrize("walltime", [59, 60, 7325])
def test_wall_times_are_written_as_a_clock(walltime):
    script = write_lammps_input(PHYSICS, STEPS, ["a.pb"], walltime_s=walltime)
    hours, minutes, seconds = (int(part) for part in script.split("timeout ")[1].split()[0].split(":"))
    assert hours * 3600 + minutes * 60 + seconds == walltime
