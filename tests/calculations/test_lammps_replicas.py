"""Several replicas in one job: each is the run that it would be alone, and one that fails takes no other with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.lammps_replicas import LammpsReplicasCalculation
from aiida_concerted.data.conversion import structure_of_arrays
from tests.calculations.test_lammps_md import PARAMETERS, builder_of, potential, turned_crystal
from tests.conftest import SINGLE_THREAD, executable

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")

COLD = {**PARAMETERS, "production_ps": 0.2, "restart_interval_ps": 0.1}
WARM = {**COLD, "temperature_K": 700.0, "seed": 8}
BAD = {**COLD, "temperature_K": 600.0, "timestep_fs": 20.0, "production_ps": 100.0, "frame_interval_ps": 0.02}
"""Atoms fly apart within some steps."""

CODES = LammpsReplicasCalculation.exit_codes


@pytest.fixture
def mpi_code(fast_localhost):
    """Return the code of ``lmp`` where the ``mpirun`` beside it is found."""
    program = executable("lmp")
    return orm.InstalledCode(
        label="lmp-mpi", computer=fast_localhost, filepath_executable=program,
        prepend_text=f"{SINGLE_THREAD}\nexport PATH={Path(program).parent}:$PATH\n",
        default_calc_job_plugin="concerted.lammps.md",
    ).store()  # fmt: skip


def job_of(code, models, withmpi=False, n_processes=1, **parameters):
    builder = LammpsReplicasCalculation.get_builder()
    builder.code = code
    builder.models = {f"model_{number}": model for number, model in enumerate(models)}
    crystal = turned_crystal()
    structure = structure_of_arrays(crystal.cell.array, crystal.positions, tuple(crystal.symbols))
    builder.replicas = {
        name: {"structure": structure, "parameters": orm.Dict(given)} for name, given in parameters.items()
    }
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": n_processes}
    builder.metadata.options.withmpi = withmpi
    return builder


def arrays(outputs):
    """Return all numbers of a run over its frames and rows."""
    trajectory = outputs["trajectory"].get_trajectory()
    series = {"carriers": trajectory.carriers, "framework": trajectory.framework}
    for label in ("thermo", "model_deviation"):
        if label not in outputs:
            continue
        series |= {f"{label} {name}": outputs[label].get_array(name) for name in outputs[label].get_arraynames()}
    return series


def assert_same(found, expected):
    found, expected = arrays(found), arrays(expected)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name


@pytest.mark.lammps
def test_a_replica_is_the_run_that_it_is_alone_beside_one_that_explodes(lmp_code, tiny_models):
    models = [potential(path) for path in tiny_models]
    alone, _ = run_get_node(builder_of(lmp_code, models, **COLD))
    outputs, node = run_get_node(job_of(lmp_code, models, cold=COLD, bad=BAD))
    assert node.exit_status == CODES.ERROR_REPLICAS_FAILED.status
    assert node.exit_message.startswith("1 of 2 replicas did not come to their end: bad: ")
    replicas = outputs["replicas"]
    assert_same(replicas["cold"], alone)
    assert replicas["cold"]["restart"].get_content("rb") == alone["restart"].get_content("rb")
    assert replicas["cold"]["results"]["exit_status"] == 0
    trajectory = replicas["cold"]["trajectory"].base.attributes.all
    assert (trajectory["temperature_K"], trajectory["seed"]) == (300.0, 5)
    assert 510 <= replicas["bad"]["results"]["exit_status"] <= 514
    assert np.isfinite(replicas["bad"]["thermo"].get_array("temperature_K")).all()


@pytest.mark.lammps
@pytest.mark.slow
def test_partitions_of_one_lammps_are_the_runs_that_they_are_alone(mpi_code, lmp_code, tiny_models):
    models = [potential(path) for path in tiny_models]
    outputs, node = run_get_node(job_of(mpi_code, models, withmpi=True, n_processes=2, cold=COLD, warm=WARM))
    assert node.is_finished_ok, node.exit_message
    for name, given in (("cold", COLD), ("warm", WARM)):
        alone, _ = run_get_node(builder_of(lmp_code, models, **given))
        assert_same(outputs["replicas"][name], alone)
    version = outputs["replicas"]["cold"]["results"]["lammps_version"]
    assert re.fullmatch(r"20\d{6}", version)


@pytest.mark.lammps
@pytest.mark.slow
def test_a_partition_that_explodes_cuts_the_others_short_and_they_can_go_on(mpi_code, tiny_models):
    long = {**COLD, "production_ps": 2000.0}
    job = job_of(mpi_code, [potential(tiny_models[0])], withmpi=True, n_processes=2, long=long, bad=BAD)
    outputs, node = run_get_node(job)
    replicas = outputs["replicas"]
    assert 510 <= replicas["bad"]["results"]["exit_status"] <= 514, node.exit_message
    assert replicas["long"]["results"]["exit_status"] == CODES.ERROR_CUT_SHORT.status
    assert "restart" in replicas["long"] or replicas["long"]["results"]["steps_done"] < 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda job: job.pop("replicas"), "replicas needs at least one run"),
        (lambda job: job["replicas"]["cold"].pop("parameters"), "replicas.cold.parameters is missing"),
        (lambda job: job["replicas"]["cold"].update(seed=orm.Int(1)), "replicas.cold: unknown input 'seed'"),
        (lambda job: job["replicas"].update({"a__b": job["replicas"]["cold"]}), "replicas.a__b: a name is a letter"),
        (
            lambda job: job["replicas"]["cold"].update(parameters=orm.Dict({**COLD, "carrier": "Na"})),
            "holds no Na: set carrier to its mobile element",
        ),
        (
            lambda job: job["replicas"]["cold"].update(parameters=orm.Dict({**COLD, "temprature_K": 1})),
            "replicas.cold: unknown key 'temprature_K' in parameters",
        ),
        (lambda job: job["replicas"]["cold"].update(restart=orm.Int(1)), "must be a SinglefileData, got a Int"),
    ],
)
def test_replicas_that_cannot_run_are_refused_by_name(lmp_code, change, message):
    inputs = job_of(lmp_code, [potential()], cold=COLD)._inputs(prune=True)
    change(inputs)
    with pytest.raises(ValueError, match=re.escape(message)):
        run_get_node(LammpsReplicasCalculation, **inputs)


def test_processes_that_cannot_be_shared_evenly_are_refused(mpi_code):
    with pytest.raises(ValueError, match="3 processes cannot be shared evenly by 2 replicas"):
        run_get_node(job_of(mpi_code, [potential()], withmpi=True, n_processes=3, cold=COLD, warm=WARM))
