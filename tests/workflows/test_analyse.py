"""Trajectories made elsewhere become results like those of a sweep, and what cannot be analysed is named."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.queries import query
from aiida_concerted.queries.provenance import crystal_of
from aiida_concerted.workflows.analyse import AnalyseWorkChain, find_analysis, run_names
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.replicas import LammpsReplicasWorkChain
from tests.report.synthetic_study import lattice_gas_run
from tests.workflows.ended import ended

ANALYSIS = {"window_ps": 0.5, "recrossing_ps": 0.1}


@pytest.fixture(scope="module")
def sites(aiida_profile):
    return SiteNetworkData.from_site_model("lgps").store()


@pytest.fixture(scope="module")
def runs(sites):
    """Return three runs of a lattice gas in the sites of LGPS."""
    return run_names([lattice_gas_run(sites, T, 200, "test").store() for T in (600.0, 700.0, 800.0)])


def test_runs_become_results_and_fits(runs, sites):
    builder = AnalyseWorkChain.get_builder_for_runs(runs, sites=sites, overrides=ANALYSIS)
    assert find_analysis(builder) is None
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert set(outputs["diffusivities"]) == set(outputs["modes"]) == {"run_T600", "run_T700", "run_T800"}
    assert outputs["arrhenius"]["diffusivity"]["temperatures_K"] == [600.0, 700.0, 800.0]
    table = query("diffusivities", study=node.pk)
    assert [row["temperature_K"] for row in table] == [600.0, 700.0, 800.0]
    assert {row["material"] for row in table} == {"LGPS"}
    assert find_analysis(builder).uuid == node.uuid
    other = AnalyseWorkChain.get_builder_for_runs(runs, sites=sites, overrides={**ANALYSIS, "window_ps": 0.4})
    assert find_analysis(other) is None


def test_a_run_that_does_not_fit_the_sites_still_has_a_diffusivity(runs):
    wrong = SiteNetworkData.from_site_model("llzo")
    builder = AnalyseWorkChain.get_builder_for_runs({"run": runs["run_T600"]}, sites=wrong, overrides=ANALYSIS)
    outputs, node = run_get_node(builder)
    assert node.exit_status == AnalyseWorkChain.exit_codes.WARNING_RUNS_REFUSED.status
    assert "run: " in node.exit_message
    assert list(outputs["diffusivities"]) == ["run"]
    assert "modes" not in outputs


def test_what_does_not_belong_together_is_refused(runs, sites):
    sodium = MolecularDynamicsData.from_trajectory(
        runs["run_T600"].get_trajectory(), material="other", level_of_theory="test"
    )
    builder = AnalyseWorkChain.get_builder_for_runs({**runs, "other": sodium})
    with pytest.raises(ValueError, match="of several materials"):
        run_get_node(builder)
    builder = AnalyseWorkChain.get_builder_for_runs(runs, sites=SiteNetworkData.from_site_model("na3ps4"))
    with pytest.raises(ValueError, match="sites are those of Na, but Li moves"):
        run_get_node(builder)


def test_two_runs_at_one_temperature_have_names_of_their_own(runs):
    run = runs["run_T600"]
    assert list(run_names([run, run, run])) == ["run_T600", "run_T600_2", "run_T600_3"]


def crystal_behind(run):
    """Return the cell that a run of the lattice gas began from, atoms in its order."""
    with run.reader() as reader:
        header = reader.header
    trajectory = run.get_trajectory()
    first = {**dict(zip(header.carrier_ids, trajectory.carriers[0], strict=True))}
    first |= dict(zip(header.framework_ids, trajectory.framework[0], strict=True))
    species = dict.fromkeys(header.carrier_ids, "Li")
    species |= dict(zip(header.framework_ids, trajectory.framework_species, strict=True))
    structure = orm.StructureData(cell=trajectory.cell.tolist())
    for index in sorted(first):
        structure.append_atom(symbols=species[index], position=first[index].tolist())
    return structure


def test_the_crystal_of_a_run_made_here_fixes_its_sites(sites):
    run = lattice_gas_run(sites, 900.0, 200, "test")
    crystal = crystal_behind(run)
    ended(LammpsMdWorkChain, {"trajectory": run}, md__structure=crystal)
    assert crystal_of(run).uuid == crystal.uuid
    outputs, node = run_get_node(AnalyseWorkChain.get_builder_for_runs({"run": run}, sites=sites, overrides=ANALYSIS))
    assert "modes" in outputs
    used = {child.process_label: child.inputs for child in node.called if "structure" in child.inputs}
    assert {"assign_carrier_sites", "compute_diffusivity"} <= set(used)
    assert {inputs.structure.uuid for inputs in used.values()} == {crystal.uuid}


def test_the_crystal_of_one_of_several_runs_in_a_job_is_its_own(sites):
    run = lattice_gas_run(sites, 800.0, 50, "test")
    crystal = crystal_behind(run)
    ended(LammpsReplicasWorkChain, {"replicas": {"one": {"trajectory": run}}}, replicas__one__structure=crystal)
    assert crystal_of(run).uuid == crystal.uuid


def test_a_unit_cell_given_for_other_parts_is_no_hindrance_where_the_graph_tells(sites):
    run = lattice_gas_run(sites, 850.0, 200, "test")
    crystal = crystal_behind(run)
    ended(LammpsMdWorkChain, {"trajectory": run}, md__structure=crystal)
    unit_cell = orm.StructureData(cell=np.eye(3) * 5.0)
    unit_cell.append_atom(symbols="Li", position=(0.0, 0.0, 0.0))
    builder = AnalyseWorkChain.get_builder_for_runs({"run": run}, structure=unit_cell, overrides=ANALYSIS)
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    used = [child.inputs.structure.uuid for child in node.called if "structure" in child.inputs]
    assert set(used) == {crystal.uuid}


def test_a_crystal_of_another_cell_is_refused(runs, sites):
    assert crystal_of(runs["run_T600"]) is None
    unit_cell = orm.StructureData(cell=np.eye(3) * 5.0)
    unit_cell.append_atom(symbols="Li", position=(0.0, 0.0, 0.0))
    builder = AnalyseWorkChain.get_builder_for_runs(runs, sites=sites, structure=unit_cell)
    with pytest.raises(ValueError, match="structure has 1 atoms, but the run"):
        run_get_node(builder)
