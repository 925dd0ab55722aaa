"""A study: how many first-principles runs are under way, and what it makes of the ends of its parts."""

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.protocols.loader import merge
from aiida_concerted.workflows.study import StudyWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.sample import VaspSampleWorkChain
from tests.workflows.ended import ended
from tests.workflows.test_checks import with_family


@pytest.fixture
def process(dp_code, lmp_code, surrogate_code, lgps_potcars, process_of, request):
    """Return a study with five first-principles runs, two at once, that has its structure."""
    overrides = {
        **with_family(lgps_potcars), "max_concurrent": 2, "aimd_temperatures_K": [400, 600, 800, 1000],
        "aimd_supercell": [1, 1, 2], "aimd_distortion": {"number": 2, "lattice_amplitude": 0.0, "displacement_A": 0.05},
    }  # fmt: skip
    builder = StudyWorkChain.get_builder_from_protocol(
        dp_code, lmp_code, surrogate_code, protocol="fast", overrides=merge(overrides, getattr(request, "param", {}))
    )
    process = process_of(builder)
    process.ctx.structure = process.inputs.sites.get_outline()
    return process


@pytest.fixture
def submitted(process):
    """Return the children that the study submits, by the label of their call link."""
    children = {}
    process.run_child = lambda name, builder, **_: children.setdefault(name, builder)
    process.to_context = lambda **_: None
    return children


def test_the_sampling_is_what_the_study_was_told(process, submitted):
    process.run_aimd()
    sample = submitted["aimd"]
    assert sample.temperatures_K.get_list() == [400, 600, 800, 1000]
    assert sample.held_out_temperatures_K.get_list() == process.inputs.held_out_temperatures_K.get_list()
    assert (sample.max_concurrent.value, sample.supercell.get_list()) == (2, [1, 1, 2])
    assert sample.distortion["number"] == 2
    assert sample.context["material"] == "LGPS"
    assert sample.context["study_uuid"] == process.node.uuid


def test_what_was_sampled_is_learnt_from_and_its_cell_explored(process, submitted, tiny_frames):
    frames, held_out = (
        LabelledFramesData(tiny_frames.select(range(*part)), level_of_theory="test") for part in ((0, 4), (4, 6))
    )
    cell = process.ctx.structure
    process.ctx.aimd = ended(VaspSampleWorkChain, {"frames": frames, "held_out": held_out, "structure": cell})
    assert process.inspect_aimd() is None
    process.run_learn()
    learn = submitted["learn"]
    assert (len(learn.dataset), len(learn.validation)) == (4, 2)
    assert learn.iteration.explore.structures["cell"].uuid == cell.uuid


CALIBRATED = {"learn": {"iteration": {"explore": {"selection": {"calibrate": {}}}}}}


@pytest.mark.parametrize("process", [CALIBRATED], indirect=True)
@pytest.mark.parametrize("n_held_out", [0, 3])
def test_too_few_frames_for_trust_levels_end_the_study_in_one_line(process, submitted, tiny_frames, n_held_out):
    frames = {"frames": LabelledFramesData(tiny_frames.select(range(7)), level_of_theory="test")}
    if n_held_out:
        held_out = tiny_frames.select(range(7, 7 + n_held_out))
        frames["held_out"] = LabelledFramesData(held_out, level_of_theory="test")
    process.ctx.aimd = ended(VaspSampleWorkChain, {**frames, "structure": process.ctx.structure})
    code = process.run_learn()
    assert code.status == StudyWorkChain.exit_codes.ERROR_NOT_CALIBRATED.status
    name, number = ("validation", 3) if n_held_out else ("dataset", 7)
    assert f"<{process.ctx.aimd.pk}> give no trust levels" in code.message
    assert f"frames at least, {name} holds {number}: give more held-out frames, or levels" in code.message
    assert not submitted


def test_a_part_that_failed_ends_the_study_with_its_reason(process):
    for name, chain in (("relax", VaspBaseWorkChain), ("aimd", VaspSampleWorkChain), ("learn", LearnWorkChain)):
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
