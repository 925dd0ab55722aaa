"""A loop on the real engines: levels are calibrated, and every frame of its dataset tells where it comes from."""

from __future__ import annotations

import json

import dpdata
import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.cli import dataset as command
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.queries.datasets import difference, frame_table, parents_of
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from tests.cli.support import run_here

pytestmark = [
    pytest.mark.slow,
    pytest.mark.deepmd,
    pytest.mark.lammps,
    pytest.mark.surrogate,
    pytest.mark.timeout(1800),
]

N_STEPS, TEMPERATURE_K = 24, 600.0
NETS = {
    "n_models": 2,
    "train": {
        "n_steps": 60, "cutoff_A": 5.0, "smooth_cutoff_A": 2.0, "descriptor_neurons": [4, 8], "fitting_neurons": [8, 8],
    },
}  # fmt: skip
EXPLORE = {
    "temperatures_K": [300, 500],
    # Nets of 60 steps: a wide window, so that there is always something to label.
    "selection": {"max_selected": 2, "calibrate": {"quantile": 0.05, "ratio": 1000.0, "by": "temperature"}},
    "md": {
        "timestep_fs": 1.0, "equilibration_ps": 0.0, "production_ps": 0.03, "frame_interval_ps": 0.01,
        "deviation_interval_ps": 0.01,
    },
}  # fmt: skip


@pytest.fixture
def loop(aiida_profile_clean, dp_code, lmp_code, surrogate_code, lgps_potcars, sound_crystal):
    """Return a loop of two turns that ended well, and the run that its first frames are from."""
    vasp = {"potential_family": lgps_potcars}
    aimd = VaspAimdWorkChain.get_builder_from_protocol(
        surrogate_code, sound_crystal, temperature_K=TEMPERATURE_K, protocol="fast",
        overrides={"n_steps": N_STEPS, "discard_steps": 0, "stride": 1, "timestep_fs": 1.0, "vasp": vasp},
    )  # fmt: skip
    outputs, run = run_get_node(aimd)
    assert run.is_finished_ok, run.exit_message
    iteration = {"committee": NETS, "explore": EXPLORE, "label": {"vasp": vasp}}
    builder = LearnWorkChain.get_builder_from_protocol(
        dp_code, lmp_code, surrogate_code, outputs["frames"], {"cell": sound_crystal}, protocol="fast",
        overrides={"iteration": iteration, "final": NETS, "max_iterations": 2},
    )  # fmt: skip
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    return node, run


@pytest.fixture
def sound_crystal(aiida_profile_clean):
    from tests.engines import small_crystal

    return orm.StructureData(ase=small_crystal())


def test_every_frame_of_the_last_dataset_tells_where_it_comes_from(loop, monkeypatch, capsys, tmp_path):
    node, run = loop
    dataset = node.outputs.dataset
    table = frame_table(dataset)
    assert len(table) == len(dataset)
    sampled, labelled = ([row for row in table if row["kind"] == kind] for kind in ("dynamics", "label"))
    assert len(sampled) == N_STEPS
    assert {row["work_chain"] for row in sampled} == {run.pk}
    assert {row["temperature_K"] for row in sampled} == {TEMPERATURE_K}
    assert len(sampled) + len(labelled) == len(table)
    turns = node.outputs.table["turns"]
    assert len(labelled) == sum(turn.get("labelled", 0) for turn in turns) > 0
    check_calibration(node)
    for row in labelled:
        check_label(row, dataset, node)
    check_versions(node, labelled)
    check_commands(node, monkeypatch, capsys, tmp_path)


def check_calibration(node):
    first, second = node.outputs.table["turns"][:2]
    record = first["calibration"]
    assert (record["frames"], record["n_frames"]) == ("known", N_STEPS)
    assert [entry["temperature_K"] for entry in record["levels"]] == [TEMPERATURE_K]
    assert "calibration" not in second
    turns = [link.node for link in node.base.links.get_outgoing().all() if link.link_label.startswith("iteration_")]
    for turn in turns:
        levels = turn.outputs.statistics["decision"]["levels_eV_A"]
        for lower, upper in levels.values():
            assert lower == pytest.approx(record["trust_lower_eV_A"])
            assert upper == pytest.approx(1000 * lower)


def check_label(row, dataset, node):
    """Compare what the table says of a labelled frame with the nodes themselves."""
    job, chain = orm.load_node(row["job"]), orm.load_node(row["work_chain"])
    assert job.uuid == row["source"]
    assert chain.process_label == "ExploreWorkChain"
    assert chain.caller.caller.uuid == node.uuid
    assert row["run"] in chain.outputs.statistics["runs"]
    assert row["temperature_K"] == float(row["run"].rpartition("_T")[2])
    deviation = chain.outputs.deviations[row["run"]]
    place = deviation.get_array("step").tolist().index(row["run_step"])
    assert row["deviation_eV_A"] == pytest.approx(deviation.get_array("max_devi_f_eV_A")[place])
    lower, upper = chain.outputs.statistics["decision"]["levels_eV_A"][row["run"]]
    assert lower <= row["deviation_eV_A"] < upper
    frames = dataset.get_frames()
    _, positions, species = arrays_of_structure(job.inputs.structure)
    order = np.argsort(np.array(species), kind="stable")
    apart = frames.positions[row["frame"]] - positions[order]
    cell = frames.cells[row["frame"]]
    assert np.abs(apart - np.rint(apart @ np.linalg.inv(cell)) @ cell).max() < 1e-6


def check_versions(node, labelled):
    first, last = node.inputs.dataset, node.outputs.dataset
    found = difference(first, last)
    assert [row["source"] for row in found.added] == [row["source"] for row in labelled]
    assert (len(found.removed), found.n_common) == (0, N_STEPS)
    parents = parents_of(last)
    assert len(parents) == 2
    assert all(parent.pk is not None for parent in parents)


def check_commands(node, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    dataset = node.outputs.dataset
    shown = run_here(capsys, "dataset", "show", node.pk)
    assert shown.status == 0, shown.err
    assert dataset.content_hash in shown.out
    assert "molecular dynamics" in shown.out
    facts = json.loads(run_here(capsys, "dataset", "show", dataset.pk, "--format", "json").out)
    assert len(facts["frames"]) == len(dataset)
    target = tmp_path / "exported"
    assert run_here(capsys, "dataset", "export", node.pk, target, "--type-map", "Li,Ge,P,S").status == 0
    system = dpdata.LabeledSystem(str(target), fmt="deepmd/npy")
    frames = dataset.get_frames()
    np.testing.assert_array_equal(system["energies"], frames.energies)
    np.testing.assert_array_equal(system["forces"], frames.forces)
    assert json.loads((target / "dataset.json").read_text())["content_hash"] == dataset.content_hash
