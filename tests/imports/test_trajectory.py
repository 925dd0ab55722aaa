"""Runs made elsewhere become trajectories that name their files, once, and can be analysed."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.calculations.functions.compute_diffusivity import compute_diffusivity
from aiida_concerted.formats.trajectory_files import TrajectoryRequest
from aiida_concerted.imports.trajectory import RunContext, import_trajectory
from aiida_concerted.queries import trajectories
from tests.formats.trajectory_support import make_run, read, write_extxyz

CONTEXT = RunContext("LGPS", "PBE/VASP 6.4.2")


@pytest.fixture
def request_of(tmp_path):
    path = write_extxyz(tmp_path / "run.xyz", make_run(200))

    def make(**options):
        return TrajectoryRequest((path,), "Li", frame_interval_ps=0.1, **options)

    return make


def test_a_run_is_stored_once(aiida_profile, request_of):
    request = request_of(temperature_K=600.0)
    done = import_trajectory(request, CONTEXT)
    assert done.is_new
    expected, _ = read(*request.paths, frame_interval_ps=0.1)
    stored = done.node.get_trajectory()
    np.testing.assert_allclose(stored.carriers, expected.carriers, atol=1e-5)
    source = done.node.base.attributes.get("source")
    assert (source["format"], source["files"][0]["name"]) == ("extxyz", "run.xyz")
    again = import_trajectory(request, CONTEXT)
    assert (again.is_new, again.node.pk) == (False, done.node.pk)
    assert import_trajectory(request_of(temperature_K=700.0), CONTEXT).is_new


def test_it_can_be_found_and_analysed(aiida_profile, request_of):
    from aiida import orm

    node = import_trajectory(request_of(temperature_K=800.0), CONTEXT).node
    assert node.uuid in trajectories(temperature_K=800, material="LGPS").column("uuid")
    result = compute_diffusivity(node, orm.Dict({"charge": 1.0}))
    assert result["level_of_theory"] == "PBE/VASP 6.4.2"
    assert result["diffusivity_m2_s"] > 0


def test_without_a_temperature_it_is_refused(aiida_profile, request_of):
    with pytest.raises(ValueError, match="tells no temperature"):
        import_trajectory(request_of(), CONTEXT)
