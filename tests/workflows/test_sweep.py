"""A sweep: what it does with runs that failed and with runs whose framework left its crystal."""

import re

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.report.synthetic_study import lattice_gas_run
from tests.workflows.ended import ended

TEMPERATURES = (500.0, 600.0, 700.0, 800.0, 900.0)
ANALYSIS = {"material": "LGPS", "charge": 1.0, "discard_ps": 0.0, "window_ps": 0.5, "recrossing_ps": 0.1}


@pytest.fixture(scope="module")
def sites():
    return SiteNetworkData.from_site_model("lgps").store()


@pytest.fixture(scope="module")
def runs(sites):
    """Return runs of a lattice gas in the sites of LGPS."""
    return {T: lattice_gas_run(sites, T, 200, "test").get_trajectory() for T in TEMPERATURES}


def crystal_of(run):
    """Return the structure that a run began from, carriers first."""
    structure = orm.StructureData(cell=run.cell.tolist())
    for position in run.carriers[0]:
        structure.append_atom(symbols=run.carrier, position=tuple(position))
    for symbol, position in zip(run.framework_species, run.framework[0], strict=True):
        structure.append_atom(symbols=symbol, position=tuple(position))
    return structure


def molten(run):
    """Return the run with the framework's atoms far from where they were, in the second half of it."""
    framework = np.array(run.framework)
    directions = np.random.default_rng(4).normal(size=framework.shape[1:])
    away = 4.0 * directions / np.linalg.norm(directions, axis=1)[:, None]
    framework[len(framework) // 2 :] += away - away.mean(axis=0)
    values = {key: getattr(run, key) for key in ("carrier", "carriers", "cell", "frame_interval_ps")}
    return Trajectory(
        **values, framework_species=run.framework_species, framework=framework, temperature_K=run.temperature_K,
        framework_displacement=np.zeros((run.n_frames, 3)),
    )  # fmt: skip


def outputs_of(run):
    thermo = orm.ArrayData()
    thermo.set_array("temperature_K", np.ones(3))
    return {
        "trajectory": MolecularDynamicsData.from_trajectory(run, level_of_theory="test", material="LGPS"),
        "thermo": thermo,
    }


@pytest.fixture
def analysed(process_of, lmp_code, potentials, sites, runs, caplog):
    """Return a function that takes a sweep from its runs to its end and returns it with its exit code."""

    def make(departed=(), failed=(), with_sites=True):
        crystal = crystal_of(runs[500.0])
        builder = SweepWorkChain.get_builder_from_protocol(
            lmp_code, crystal, potentials, sites=sites if with_sites else None, protocol="fast",
            overrides={"supercell": [1, 1, 1], "temperatures_K": list(TEMPERATURES)},
        )  # fmt: skip
        builder.analysis = orm.Dict(ANALYSIS)
        process = process_of(builder)
        assert process.setup() is None
        process.ctx.supercell = crystal.store()
        process.ctx.failed = [f"run_T{T:g}" for T in failed]
        for T, run in runs.items():
            outputs = {} if T in failed else outputs_of(molten(run) if T in departed else run)
            child = ended(LammpsMdWorkChain, outputs, exit_status=510 if T in failed else 0)
            process.ctx[f"child_run_T{T:g}"] = child
        if process.lacks_points():
            return process, process.fail()
        code = process.analyse_sites() if with_sites else None
        return process, code or process.analyse_transport() or process.results()

    return make


def fit_of(process, label):
    return process.outputs["arrhenius"][label]


def test_a_whole_sweep_is_fitted_over_all_temperatures(analysed):
    process, code = analysed()
    assert code is None
    fit = fit_of(process, "diffusivity")
    assert fit["temperatures_K"] == list(TEMPERATURES)
    assert "framework_lost_temperatures_K" not in fit.base.attributes.all
    assert all(node["framework_departure_A"] < 0.3 for node in process.outputs["diffusivities"].values())
    # Run alone, it is the study of its results.
    assert {fit["study_uuid"], *(node["study_uuid"] for node in process.outputs["modes"].values())} == {
        process.node.uuid
    }


def test_a_run_whose_framework_departed_is_a_result_and_no_point_of_any_fit(analysed, caplog):
    process, code = analysed(departed=(900.0,))
    assert code is None
    assert re.search(r"run_T900: the framework is \d\.\d Å from its crystal", caplog.text)
    for label in ("diffusivities", "modes", "site_statistics"):
        assert process.outputs[label]["run_T900"].get("framework_departure_A") > 1.2
    fits = process.outputs["arrhenius"]
    assert len(fits) > 3
    for fit in fits.values():
        assert fit["framework_lost_temperatures_K"] == [900.0]
        assert 900.0 not in fit["temperatures_K"]
    assert fits["diffusivity"]["temperatures_K"] == [500.0, 600.0, 700.0, 800.0]
    assert fits["diffusivity"]["activation_energy_eV"] > 0


def test_two_temperatures_left_over_are_no_fit_and_the_reason_is_given(analysed):
    process, code = analysed(departed=(700.0, 800.0, 900.0))
    assert code.status == SweepWorkChain.exit_codes.WARNING_FRAMEWORK_LOST.status
    for fit in process.outputs["arrhenius"].values():
        assert fit.get("activation_energy_eV") is None
        assert fit["reason"].startswith("the framework left its crystal at 700, 800, 900 K, and 2 of 5 temperatures")


def test_the_framework_is_looked_at_without_a_site_model_too(analysed):
    process, code = analysed(departed=(500.0,), with_sites=False)
    assert code is None
    assert fit_of(process, "diffusivity")["framework_lost_temperatures_K"] == [500.0]


def test_runs_that_failed_are_missing_and_named(analysed):
    process, code = analysed(failed=(600.0,), departed=(900.0,))
    assert code.status == SweepWorkChain.exit_codes.WARNING_POINTS_MISSING.status
    assert "run_T600" in code.message
    assert "run_T900" in code.message
    assert "run_T600" not in process.outputs["diffusivities"]


def test_one_temperature_is_no_sweep(analysed):
    _, code = analysed(failed=TEMPERATURES[1:])
    assert code.status == SweepWorkChain.exit_codes.ERROR_TOO_FEW_POINTS.status
    assert "The last says: as it was left" in code.message
