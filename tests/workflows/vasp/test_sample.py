"""Several runs of dynamics together: which they are, what becomes of them, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.sample import SampleRun, VaspSampleWorkChain, distortion, sample_runs
from tests.workflows.ended import ended

COPIES = {"number": 2, "lattice_amplitude": 0.0, "displacement_A": 0.05}


def test_every_copy_runs_at_every_temperature_with_a_seed_of_its_own():
    runs = sample_runs([600, 1200], [900], 3, seed=5)
    assert list(runs)[:2] == ["aimd_T600_000", "aimd_T600_001"]
    assert len(runs) == 2 * 3 + 1
    assert runs["held_out_T900_000"] == SampleRun(900.0, 0, 11)
    assert len({run.seed for run in runs.values()}) == len(runs)


def test_without_copies_the_structure_itself_runs():
    assert sample_runs([600], [], 0, seed=1) == {"aimd_T600": SampleRun(600.0, None, 1)}


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"number": 2}, "lattice_amplitude"),
        ({**COPIES, "number": 0}, "positive whole number"),
        ({**COPIES, "number": True}, "positive whole number"),
        ({**COPIES, "lattice_amplitude": 0.5}, "lattice_amplitude < 0.3"),
        ({**COPIES, "displacement_A": "much"}, "must be numbers"),
        ({**COPIES, "shear": 1}, "got .*shear"),
    ],
)
def test_a_distortion_that_cannot_be_is_refused(given, word):
    assert re.search(word, distortion(orm.Dict(given), None))


@pytest.mark.parametrize("given", [{}, COPIES])
def test_a_distortion_that_can_be_is_not(given):
    assert distortion(orm.Dict(given), None) is None


@pytest.fixture
def builder(killed_code, rock_salt, overrides):
    """Return a sampling of two copies of a repeated cell at two temperatures, with one run to test on."""
    aimd = {"n_steps": 6, "discard_steps": 2, "stride": 2, "vasp": overrides}
    return VaspSampleWorkChain.get_builder_from_protocol(
        killed_code(step_s=0.0), rock_salt, protocol="fast",
        overrides={
            "supercell": [1, 1, 2], "distortion": COPIES, "temperatures_K": [300, 400],
            "held_out_temperatures_K": [350], "seed": 3, "aimd": aimd,
        },
    )  # fmt: skip


def test_copies_of_the_supercell_are_run_and_their_frames_kept_apart(builder):
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0, node.exit_message
    assert len(outputs["structure"].sites) == 4
    assert (len(outputs["frames"]), len(outputs["held_out"])) == (4 * 2, 2)
    starts = [child.inputs.structure for child in node.called_descendants if child.process_label == "VaspAimdWorkChain"]
    assert len({start.uuid for start in starts}) == 2
    positions = [start.get_ase().positions for start in {start.uuid: start for start in starts}.values()]
    assert 0 < np.abs(positions[0] - positions[1]).max() <= 0.1


def children(process, failed=(), frames=None):
    """Let the runs of a process have ended."""
    for index, name in enumerate(process.runs()):
        part = LabelledFramesData(frames.select(range(2 * index, 2 * index + 2)), level_of_theory="test")
        outputs = {} if name in failed else {"frames": part}
        status = 431 if name in failed else 0
        process.ctx[f"child_{name}"] = ended(
            VaspAimdWorkChain, outputs, exit_status=status, exit_message="no disk left"
        )


def test_no_more_runs_are_under_way_than_allowed(builder, process_of):
    builder.max_concurrent = 2
    process, submitted, waves = process_of(builder), {}, []
    process.queue()
    process.to_context = lambda **_: None

    def submit(child):
        name = child.metadata.call_link_label
        submitted.setdefault(name, child)
        node = orm.WorkChainNode()
        node.base.links.add_incoming(process.node, LinkType.CALL_WORK, f"{name}_{len(submitted)}")
        return node.store()

    process.submit = submit
    while process.has_pending():
        before = len(submitted)
        process.run_wave()
        waves.append(len(submitted) - before)
        for name in process.ctx.wave:
            process.ctx[f"child_{name}"] = ended(VaspAimdWorkChain, exit_status=431)
        process.inspect_wave()
    assert waves == [2, 2, 1]
    assert [child.temperature_K.value for child in submitted.values()] == [300, 300, 400, 400, 350]


def test_some_runs_may_fail_and_are_named(builder, process_of, tiny_frames):
    builder.max_failed_fraction = 0.25
    process, said = process_of(builder), []
    process.report = said.append
    children(process, {"aimd_T300_001"}, tiny_frames)
    assert process.collect() is None
    assert "aimd_T300_001" in said[0]
    assert len(process.outputs["frames"]) == 6
    assert process.has_held_out()


def test_too_many_failed_runs_end_it_with_the_reason(builder, process_of, tiny_frames):
    process = process_of(builder)
    children(process, {"aimd_T300_001"}, tiny_frames)
    code = process.collect()
    assert code.status == VaspSampleWorkChain.exit_codes.ERROR_TOO_MANY_FAILED.status
    assert "1 of 5" in code.message
    assert "no disk left" in code.message
