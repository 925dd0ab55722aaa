"""One run of LAMMPS: what is run again, what is not, and what is said."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.workflows.lammps.base import LammpsBaseWorkChain
from aiida_concerted.workflows.waves import is_final
from tests.engines import TYPE_MAP
from tests.workflows.ended import ended

MD = {"equilibration_ps": 0.0, "production_ps": 0.1, "frame_interval_ps": 0.02}
CODES = LammpsMdCalculation.exit_codes


@pytest.fixture
def process(process_of, lmp_code, potentials, sound_structure):
    """Return a run that has begun."""
    builder = LammpsBaseWorkChain.get_builder_from_protocol(
        lmp_code, sound_structure, potentials, protocol="fast", overrides={"md": MD}
    )
    process = process_of(builder)
    process.setup()
    process.ctx.iteration = 1
    return process


@pytest.fixture
def inspected(process, fast_localhost):
    """Return a function that lets the process judge a calculation that ended as told."""

    def inspect(label, message="as it was left", **outputs):
        node = ended(
            LammpsMdCalculation, outputs, exit_status=CODES[label].status, exit_message=message,
            computer=fast_localhost, options={"max_wallclock_seconds": 1000},
            parameters=process.inputs.md.parameters,
        )  # fmt: skip
        process.ctx.children = [node]
        return process.inspect_process()

    return inspect


def test_too_little_wall_time_ends_with_what_would_do_and_the_frames_so_far(process, inspected):
    thermo = orm.ArrayData()
    thermo.set_array("step", np.arange(3))
    code = inspected("ERROR_STOPPED_BY_TIMER", results=orm.Dict({"steps_done": 20}), thermo=thermo)
    assert code.status == LammpsBaseWorkChain.exit_codes.ERROR_WALL_TIME_OVER.status
    assert "after 0.04 of 0.1 ps" in code.message
    assert "max_wallclock_seconds to 3000 or more" in code.message
    assert process.outputs["thermo"].uuid == thermo.uuid
    assert is_final(ended(LammpsBaseWorkChain, exit_status=code.status))


@pytest.mark.parametrize("label", ["ERROR_CUT_SHORT", "ERROR_NO_TRAJECTORY", "ERROR_OUTFILE_MISSING"])
def test_what_the_machine_ended_is_run_again(process, inspected, label):
    assert inspected(label).status == 0
    assert process.should_run_process()


@pytest.mark.parametrize("label", ["ERROR_ATOMS_LOST", "ERROR_EXPLODED", "ERROR_NOT_FINITE"])
def test_what_the_physics_ended_is_not_run_again_and_its_sound_part_is_kept(process, inspected, label):
    code = inspected(label, "atoms were lost", results=orm.Dict({"steps_done": 20}))
    assert code.status == LammpsBaseWorkChain.exit_codes.ERROR_PHYSICS.status
    assert "atoms were lost" in code.message
    assert process.outputs["results"]["steps_done"] == 20


def test_a_lack_of_memory_is_not_tried_again_and_the_frames_so_far_are_kept(process, inspected):
    code = inspected("ERROR_OUT_OF_MEMORY", "out of memory (bad_alloc)", results=orm.Dict({"steps_done": 20}))
    assert code.status == LammpsBaseWorkChain.exit_codes.ERROR_OUT_OF_MEMORY.status
    assert "bad_alloc" in code.message
    assert process.outputs["results"]["steps_done"] == 20


def test_a_lammps_without_the_pair_style_says_so(inspected):
    code = inspected("ERROR_PAIR_STYLE_MISSING", "no pair style 'deepmd'")
    assert code.status == LammpsBaseWorkChain.exit_codes.ERROR_PAIR_STYLE_MISSING.status
    assert "no pair style 'deepmd'" in code.message


@pytest.mark.lammps
def test_a_run_comes_through_with_its_outputs(lmp_code, tiny_models, sound_structure):
    with tiny_models[0].open("rb") as handle:
        model = DeepPotentialData(
            handle, filename="model.pb", type_map=TYPE_MAP, cutoff_A=5.0, version="3", level_of_theory="test"
        )
    builder = LammpsBaseWorkChain.get_builder_from_protocol(
        lmp_code, sound_structure, {"m": model}, protocol="fast", overrides={"md": MD}
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert outputs["trajectory"].base.attributes.get("n_frames") == 6
    assert len(node.called) == 1
