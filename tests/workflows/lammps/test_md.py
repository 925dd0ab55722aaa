"""Runs that are made in segments: nothing is lost, nothing is twice, and what cannot go on says so."""

from __future__ import annotations

import io

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_restart import restart_node
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.segment import LammpsSegmentWorkChain
from tests.formats.test_lammps_restart import HEADER, RECORDS, record
from tests.workflows.ended import ended

MD = {
    "equilibration_ps": 0.04, "production_ps": 0.8, "frame_interval_ps": 0.02, "framework_stride": 2,
    "restart_interval_ps": 0.12, "temperature_K": 600.0,
    "max_framework_displacement_A": 50.0, "max_temperature_drift": 9.0,
}  # fmt: skip
CODES = LammpsMdCalculation.exit_codes

KILLED = """#!/bin/bash
# LAMMPS, killed in its first segment at a step at which it has written two restart files and more frames than they hold
if [ ! -e start.restart ]; then
  sed -i -e "s/^variable production loop 1 4$/variable production loop 1 2/" \\
    -e "s/^run 260 upto$/run 150 upto\\nshell \\"kill -9 \\$PPID\\"/" "$2"
fi
exec "{lmp}" "$@"
"""


@pytest.fixture
def killed_code(lammps_killed_once):
    """Return the code of a LAMMPS that is killed in its first segment."""
    return lammps_killed_once(KILLED)


@pytest.fixture
def run(committee, sound_structure):
    """Return a function that runs the work chain."""

    def execute(code, before=None, **changes):
        builder = LammpsMdWorkChain.get_builder_from_protocol(
            code, sound_structure, committee, protocol="fast", overrides={"md": {**MD, **changes}}
        )
        if before is not None:
            builder.md.restart = before["restart"]
            names = ("trajectory", "thermo", "model_deviation", "results")
            builder.before = {name: before[name] for name in names}
        outputs, node = run_get_node(builder)
        assert node.is_finished_ok, node.exit_message
        return outputs, node

    return execute


def arrays(outputs):
    """Return all numbers of a run over its frames and rows."""
    trajectory = outputs["trajectory"].get_trajectory()
    series = {"carriers": trajectory.carriers, "framework": trajectory.framework}
    for label in ("thermo", "model_deviation"):
        series |= {f"{label} {name}": outputs[label].get_array(name) for name in outputs[label].get_arraynames()}
    return series


@pytest.mark.lammps
def test_a_killed_run_made_longer_is_the_long_run_that_nobody_touched(run, lmp_code, killed_code):
    whole, node = run(lmp_code)
    assert [link.link_label for link in node.base.links.get_outgoing().all() if "segment" in link.link_label] == [
        "segment_001"
    ]
    killed, node = run(killed_code, production_ps=0.48)
    assert len(node.called) == 3
    first, second, _ = sorted(node.called, key=lambda child: child.pk)
    assert "cut short at step 150 of 260" in first.called[0].exit_message
    assert first.is_finished_ok
    assert second.inputs.md.restart.uuid == first.outputs.restart.uuid
    assert killed["results"]["n_segments"] == 2
    longer, node = run(lmp_code, before=killed)
    assert longer["results"]["n_segments"] == 3
    expected, found = arrays(whole), arrays(longer)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name
    for name in ("n_frames", "first_step", "steps_done", "mean_temperature_K"):
        assert longer["results"][name] == pytest.approx(whole["results"][name], rel=1e-12)
    displacements = [outputs["trajectory"].get_trajectory().framework_displacement for outputs in (longer, whole)]
    assert np.allclose(*displacements, atol=1e-10)
    assert longer["trajectory"].base.attributes.get("seed") == 1


def restart(step=60):
    return restart_node(HEADER + b"".join([*RECORDS[:4], record(5, step)]) + b"\0\0\0\0" + HEADER[:16], -4.5)


@pytest.fixture
def segment(process_of, lmp_code, potentials, sound_structure):
    """Return a segment that has begun."""
    builder = LammpsSegmentWorkChain.get_builder_from_protocol(
        lmp_code, sound_structure, potentials, protocol="fast", overrides={"md": MD}
    )
    process = process_of(builder)
    process.setup()
    process.ctx.iteration = 1
    return process


@pytest.fixture
def inspected(segment, fast_localhost):
    """Return a function that lets the segment judge a calculation that ended as told."""

    def inspect(label, **outputs):
        segment.ctx.children = [
            ended(
                LammpsMdCalculation, outputs, exit_status=CODES[label].status, exit_message="as it was left",
                computer=fast_localhost, options={"max_wallclock_seconds": 1000},
                parameters=segment.inputs.md.parameters,
            )
        ]  # fmt: skip
        return segment.inspect_process()

    return inspect


@pytest.mark.parametrize("label", ["ERROR_CUT_SHORT", "ERROR_STOPPED_BY_TIMER", "ERROR_NO_TRAJECTORY"])
def test_what_came_to_a_restart_file_is_a_segment(segment, inspected, label):
    code = inspected(label, restart=restart())
    assert code.status == 0
    assert not segment.should_run_process()
    assert segment.outputs["restart"].base.attributes.get("step") == 60


def test_what_came_to_none_is_run_again(segment, inspected):
    assert inspected("ERROR_CUT_SHORT", results=orm.Dict({"steps_done": 50})).status == 0
    assert segment.should_run_process()


def test_a_wall_time_that_reaches_no_restart_file_says_what_would_do(inspected):
    code = inspected("ERROR_STOPPED_BY_TIMER", results=orm.Dict({"steps_done": 20, "start_step": 0}))
    assert code.status == LammpsSegmentWorkChain.exit_codes.ERROR_WALL_TIME_OVER.status
    assert "at 0.04 ps" in code.message
    assert "max_wallclock_seconds to 3600 or more" in code.message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: restart(step=70), "cannot go on from step 70"),
        (lambda: restart(step=4000), "make production_ps longer"),
        (lambda: orm.SinglefileData(io.BytesIO(b"text"), filename="a"), "no restart file of LAMMPS"),
    ],
)
def test_a_restart_file_that_does_not_fit_is_refused(lmp_code, potentials, sound_structure, make, message):
    builder = LammpsMdWorkChain.get_builder_from_protocol(
        lmp_code, sound_structure, potentials, protocol="fast", overrides={"md": MD}
    )

    def run():
        builder.md.restart = make()
        run_get_node(builder)

    with pytest.raises(ValueError, match=message):
        run()


def test_a_segment_whose_frames_stayed_elsewhere_is_none_of_a_run_that_brings_them_home(
    process_of, lmp_code, potentials, sound_structure
):
    builder = LammpsMdWorkChain.get_builder_from_protocol(
        lmp_code, sound_structure, potentials, protocol="fast", overrides={"md": MD}
    )
    process, results = process_of(builder), orm.Dict({"n_frames": 5})
    at_home = ended(LammpsSegmentWorkChain, {"results": results, "trajectory": orm.Dict({"frames": "at home"})})
    elsewhere = ended(LammpsSegmentWorkChain, {"results": orm.Dict({"n_frames": 5})})
    without = ended(LammpsSegmentWorkChain, {"results": orm.Dict({"n_frames": 0})})
    assert [process.is_usable("segment_001", node) for node in (at_home, elsewhere, without)] == [True, False, True]
    assert process.is_usable("seal", at_home)
