"""Segments that end early are kept, by monitors that work in a real run."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.surrogate.imitation import ONCE, VARIABLE
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.segment import MONITORS, VaspSegmentWorkChain


@pytest.fixture
def build(rock_salt, overrides):
    def make(code, monitors, **options):
        builder = VaspAimdWorkChain.get_builder_from_protocol(
            code, rock_salt, temperature_K=300.0, protocol="fast", options=options,
            overrides={"n_steps": 24, "discard_steps": 0, "stride": 1, "vasp": overrides},
        )  # fmt: skip
        builder.vasp.monitors = {name: orm.Dict(settings) for name, settings in monitors.items()}
        return builder

    return make


def calculations(node):
    return [child.called[0] for child in node.called if isinstance(child, orm.WorkChainNode)]


def test_stopcar_ends_segments_in_order_before_the_wall_time(killed_code, build):
    monitors = {"walltime": {**MONITORS["walltime"], "minimum_poll_interval": 1, "kwargs": {"margin_s": 0.5}}}
    outputs, node = run_get_node(build(killed_code(step_s=0.4), monitors, max_wallclock_seconds=5))
    assert node.is_finished_ok, node.exit_message
    *stopped, last = calculations(node)
    assert stopped
    assert {calculation.exit_status for calculation in stopped} == {410}
    assert last.exit_status == 0
    for calculation in stopped:
        results = calculation.outputs.results.get_dict()
        assert results["ended_in_order"]
        assert 0 < results["n_steps"] == results["n_steps_before_continuation"] < results["n_steps_requested"]
    assert outputs["results"]["n_steps"] == sum(outputs["results"]["segment_steps"]) == 24
    assert all(seam["is_gapless"] for seam in outputs["results"]["seams"])


def test_a_stuck_step_is_ended_and_the_run_goes_on(killed_code, build, tmp_path):
    prepend = f"export {VARIABLE}=hang@7 {ONCE}={tmp_path / 'hung'}"
    monitors = {"stuck": {**MONITORS["stuck"], "minimum_poll_interval": 1, "kwargs": {"minimum_s": 2.0}}}
    outputs, node = run_get_node(build(killed_code(prepend=prepend), monitors))
    assert node.is_finished_ok, node.exit_message
    stuck, last = calculations(node)
    assert (stuck.exit_status, last.exit_status) == (411, 0)
    assert stuck.outputs.results["n_steps"] == 6
    assert outputs["results"]["segment_steps"] == [6, 18]


def test_our_monitors_are_attached_unless_others_are_asked_for(killed_code, rock_salt, overrides, process_of):
    builder = VaspSegmentWorkChain.get_builder_from_protocol(
        killed_code(), rock_salt, "fast", overrides, run_type="aimd"
    )
    process = process_of(builder)
    process.setup()
    assert process.init_inputs() is None
    assert {name: node.get_dict() for name, node in process.ctx.inputs.monitors.items()} == MONITORS
