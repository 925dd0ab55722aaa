"""AIMD: frames that mean what they say, from inputs that are checked first."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.formats.vasprun import VasprunReader, read_vasprun_frames
from aiida_concerted.surrogate.potential import load_chgnet
from aiida_concerted.workflows.protocols import ProtocolError
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from tests.surrogate.support import Springs, run


@pytest.fixture
def build(surrogate_code, rock_salt, overrides):
    def make(protocol="fast", temperature_K=300.0, vasp=None, **numbers):
        return VaspAimdWorkChain.get_builder_from_protocol(
            surrogate_code, rock_salt, temperature_K=temperature_K, protocol=protocol,
            overrides={**numbers, "vasp": {**overrides, **(vasp or {})}},
        )  # fmt: skip

    return make


@pytest.mark.parametrize("protocol", ["fast", "balanced", "stringent", "paper"])
def test_protocols_give_complete_inputs(build, process_of, protocol):
    process_of(build(protocol, vasp={"plain_potentials_if_missing": True}))


def test_lengths_that_leave_no_frames_are_refused(build, process_of):
    with pytest.raises(ValueError, match=r"discard_steps \(5\) leaves nothing of n_steps \(5\)"):
        process_of(build(n_steps=5, discard_steps=5))


@pytest.mark.parametrize(
    "wrong", [{"stride": 0}, {"n_steps": 0}, {"timestep_fs": -1.0}, {"max_unconverged_fraction": 2.0}]
)
def test_numbers_out_of_range_are_refused(build, wrong):
    with pytest.raises(ValueError, match="must"):
        build(**wrong)


def test_misspelt_overrides_are_named_at_both_levels(build):
    with pytest.raises(ProtocolError, match="did you mean 'n_steps'"):
        build(n_step=5)
    with pytest.raises(ProtocolError, match="did you mean 'clean_workdir'"):
        build(vasp={"clean_workdirs": True})


@pytest.mark.parametrize("section", ["incar", "incar_aimd"])
@pytest.mark.parametrize(
    ("tag", "port"),
    [("potim", "timestep_fs"), ("NSW", "n_steps"), ("tebeg", "temperature_K"), ("random_seed", "seed")],
)
def test_a_tag_that_a_port_sets_is_refused_by_name(build, section, tag, port):
    with pytest.raises(ProtocolError, match=rf"vasp\.{section}: {tag} would be overwritten.*give {port} instead"):
        build(vasp={section: {tag: 1}})


def test_a_tag_that_a_port_sets_is_refused_in_a_builder_made_by_hand(build, process_of):
    builder = build()
    builder.vasp.parameters = {"incar": {**builder.vasp.parameters.get_dict()["incar"], "teend": 900}}
    with pytest.raises(ValueError, match=r"vasp\.parameters\.incar: teend would be overwritten"):
        process_of(builder)


def test_another_thermostat_is_set_where_it_counts(build):
    with pytest.raises(ProtocolError, match=r"set incar_aimd\.mdalgo instead"):
        build(vasp={"incar": {"mdalgo": 3}})
    builder = build(vasp={"incar_aimd": {"mdalgo": 3, "langevin_gamma": [10.0, 10.0]}})
    assert builder.vasp.parameters["incar"]["mdalgo"] == 3
    with pytest.raises(ProtocolError, match="ibrion must be 0"):
        build(vasp={"incar_aimd": {"ibrion": 2}})


@pytest.mark.surrogate
def test_frames_are_those_of_the_run(build, rock_salt):
    kept = {"settings": {"ADDITIONAL_RETRIEVE_LIST": ["vasprun.xml"]}}
    outputs, node = run_get_node(build(temperature_K=450.0, n_steps=7, discard_steps=1, stride=2, seed=3, vasp=kept))
    assert node.is_finished_ok, node.exit_message
    calculation = node.called[0].called[0]
    with calculation.outputs.retrieved.base.repository.as_path("vasprun.xml") as path:
        steps = list(VasprunReader(path))[1::2]
    frames = outputs["frames"].get_frames()
    assert len(frames) == 3
    assert frames.origins == tuple((calculation.uuid, step.index) for step in steps)
    assert np.allclose(frames.energies, [step.energy for step in steps], atol=1e-12)
    # Cartesian: the anion stays half a cell from the cation, in Å and not in fractions of one.
    assert np.allclose(frames.positions[0], steps[0].fractional @ np.array(rock_salt.cell), atol=1e-7)
    assert np.abs(frames.positions).max() > 1.5
    assert np.abs(frames.forces[0].sum(axis=0)).max() < 1e-3
    assert frames.virials is not None
    assert "NOT DFT" in outputs["frames"].level_of_theory
    results = outputs["results"].get_dict()
    assert (results["n_steps"], results["n_frames"], results["n_unconverged"]) == (7, 3, 0)
    assert results["temperature_target_K"] == 450.0
    # Two atoms have three degrees of freedom, and in a few steps kinetic energy has only begun to turn potential.
    assert 0.3 * 450 < results["temperature_mean_K"] < 1.7 * 450
    assert (results["n_segments"], results["seams"]) == (1, [])
    assert results["equilibration"] == "the first 1 steps (0.002 ps) are discarded"


def build_killed(code, structure, overrides, **numbers):
    settings = {"ADDITIONAL_RETRIEVE_LIST": ["OUTCAR"]}
    return VaspAimdWorkChain.get_builder_from_protocol(
        code, structure, temperature_K=300.0, protocol="fast",
        overrides={"discard_steps": 0, "stride": 1, **numbers, "vasp": {**overrides, "settings": settings}},
    )  # fmt: skip


def uncut(node, folder, *, factory=Springs, **tags):
    """Return the steps of the run that the first segment was meant to be, done in one go."""
    (calculation,) = node.called[0].called
    folder.mkdir()
    for name in ("INCAR", "POSCAR", "KPOINTS"):
        lines = calculation.base.repository.get_object_content(name).splitlines()
        changed = [f"{tag} = {tags[tag]}" if (tag := line.split()[0].upper()) in tags else line for line in lines]
        (folder / name).write_text("\n".join(changed if name == "INCAR" else lines) + "\n")
    potentials = [calculation.inputs.potential[name].get_content() for name in ("Li", "Cl")]
    (folder / "POTCAR").write_bytes(b"".join(potentials))
    assert run(folder, factory)[0] == 0
    return read_vasprun_frames(folder / "vasprun.xml").frames


def test_a_run_cut_by_three_walltimes_is_the_uncut_one_frame_by_frame(killed_code, rock_salt, overrides, tmp_path):
    code = killed_code(0.25, 0.3, 0.21)
    outputs, node = run_get_node(build_killed(code, rock_salt, overrides, n_steps=40))
    assert node.is_finished_ok, node.exit_message
    results = outputs["results"].get_dict()
    segments = [child for child in node.called if isinstance(child, orm.WorkChainNode)]
    assert [segment.called[0].exit_status for segment in segments] == [411, 411, 411, 0]
    assert len(results["segment_steps"]) == results["n_segments"] == 4
    assert sum(results["segment_steps"]) == results["n_steps"] == 40
    assert [seam["is_gapless"] for seam in results["seams"]] == [True] * 3
    frames, expected = outputs["frames"].get_frames(), uncut(node, tmp_path / "uncut")
    assert len(frames) == len(expected) == 40
    for name in ("positions", "energies", "forces", "cells", "virials"):
        np.testing.assert_array_equal(getattr(frames, name), getattr(expected, name))
    stored = {name for s in segments for name in s.called[0].outputs.retrieved.base.repository.list_object_names()}
    assert stored == {"OUTCAR", "_scheduler-stderr.txt", "_scheduler-stdout.txt"}


@pytest.mark.slow
@pytest.mark.surrogate
def test_four_hundred_steps_of_the_surrogate_cut_by_three_walltimes_are_the_uncut_ones(
    killed_code, rock_salt, overrides, tmp_path
):
    code = killed_code(3.0, 3.4, 2.8, step_s=0.02, factory="load_chgnet", module="aiida_concerted.surrogate.potential")
    outputs, node = run_get_node(build_killed(code, rock_salt, overrides, n_steps=400))
    assert node.is_finished_ok, node.exit_message
    results = outputs["results"].get_dict()
    assert (results["n_segments"], results["n_steps"]) == (4, 400)
    assert all(seam["is_gapless"] for seam in results["seams"])
    frames, expected = outputs["frames"].get_frames(), uncut(node, tmp_path / "uncut", factory=load_chgnet)
    for name in ("positions", "energies", "forces", "cells", "virials"):
        np.testing.assert_array_equal(getattr(frames, name), getattr(expected, name))


def test_a_ramp_of_the_temperature_is_split_over_segments(killed_code, rock_salt, overrides, tmp_path):
    numbers = {"n_steps": 12, "segment_steps": 5}
    builder = build_killed(killed_code(step_s=0.0), rock_salt, overrides, **numbers)
    builder.final_temperature_K = 900.0
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    tags = [child.inputs.parameters["incar"] for child in node.called[:3]]
    assert [tag["nsw"] for tag in tags] == [5, 5, 2]
    assert [(tag["tebeg"], tag["teend"]) for tag in tags] == [(300.0, 550.0), (550.0, 800.0), (800.0, 900.0)]
    assert len({tag["random_seed"][0] for tag in tags}) == 3
    frames, expected = outputs["frames"].get_frames(), uncut(node, tmp_path / "uncut", NSW=12, TEEND=900.0)
    np.testing.assert_allclose(frames.positions, expected.positions, rtol=0, atol=2e-8)
    np.testing.assert_allclose(frames.energies, expected.energies, rtol=0, atol=2e-8)
    results = outputs["results"].get_dict()
    assert results["segment_steps"] == [5, 5, 2]
    assert (results["temperature_target_K"], results["final_temperature_target_K"]) == (300.0, 900.0)


def test_a_run_that_comes_no_further_is_given_up(killed_code, rock_salt, overrides):
    code = killed_code(*[1e-6] * 9)
    _, node = run_get_node(build_killed(code, rock_salt, overrides, n_steps=5))
    assert node.exit_status == 431
    assert "died twice" in node.exit_message
