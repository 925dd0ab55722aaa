"""A study: how many first-principles runs are under way, and what it makes of the ends of its parts."""

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.study import StudyWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from tests.workflows.ended import ended
from tests.workflows.test_checks import with_family


@pytest.fixture
def process(dp_code, lmp_code, surrogate_code, lgps_potcars, process_of):
    """Return a study with five first-principles runs, two at once, that has its structure."""
    overrides = {**with_family(lgps_potcars), "max_concurrent": 2, "aimd_temperatures_K": [400, 600, 800, 1000]}
    builder = StudyWorkChain.get_builder_from_protocol(
        dp_code, lmp_code, surrogate_code, protocol="fast", overrides=overrides
    )
    process = process_of(builder)
    process.ctx.structure = process.inputs.sites.get_outline()
    return process


def test_no_more_first_principles_runs_are_under_way_than_allowed(process):
    submitted, waves = {}, []
    process.run_child = lambda name, builder, **_: submitted.setdefault(name, builder)
    process.to_context = lambda **children: None
    process.queue_aimd()
    while process.has_pending():
        before = set(submitted)
        process.run_wave()
        waves.append(len(set(submitted) - before))
        for name in process.ctx.wave:
            process.ctx[f"child_{name}"] = ended(VaspAimdWorkChain, exit_status=431 if name == "aimd_T400" else 0)
        process.inspect_wave()
    assert waves == [2, 2, 1]
    assert [builder.temperature_K.value for builder in submitted.values()] == [400, 600, 800, 1000, 700]
    assert len({builder.seed.value for builder in submitted.values()}) == 5
    code = process.inspect_aimd()
    assert code.status == StudyWorkChain.exit_codes.ERROR_AIMD_FAILED.status


def test_frames_to_train_on_and_to_test_on_stay_apart(process, tiny_frames):
    for index, name in enumerate(process.aimd_runs()):
        frames = LabelledFramesData(tiny_frames.select(range(2 * index, 2 * index + 2)), level_of_theory="test")
        process.ctx[f"child_{name}"] = ended(VaspAimdWorkChain, {"frames": frames})
    assert process.inspect_aimd() is None
    assert (len(process.ctx.dataset), len(process.ctx.validation)) == (8, 2)
    assert process.ctx.dataset.base.attributes.get("material") == "LGPS"


def test_a_part_that_failed_ends_the_study_with_its_reason(process):
    for name, chain in (("relax", VaspBaseWorkChain), ("learn", LearnWorkChain)):
        process.ctx[name] = ended(chain, exit_status=420, exit_message="no disk left")
        code = getattr(process, f"inspect_{name}")()
        assert code.status == StudyWorkChain.exit_codes[f"ERROR_{name.upper()}_FAILED"].status
        assert "no disk left" in code.message


def test_a_sweep_with_gaps_is_kept_and_one_without_results_is_not(process):
    for sweep, label in (
        ("ERROR_TOO_FEW_POINTS", "ERROR_SWEEP_FAILED"),
        ("WARNING_POINTS_MISSING", "WARNING_POINTS_MISSING"),
        ("WARNING_FRAMEWORK_LOST", "WARNING_FRAMEWORK_LOST"),
    ):
        thermo = orm.ArrayData()
        thermo.set_array("temperature_K", np.ones(2))
        status = SweepWorkChain.exit_codes[sweep].status
        process.ctx.sweep = ended(SweepWorkChain, {"thermo": {"run_T600": thermo}}, exit_status=status)
        code = process.inspect_production()
        assert code.status == StudyWorkChain.exit_codes[label].status
        assert ("sweep" in process.outputs) == label.startswith("WARNING")
