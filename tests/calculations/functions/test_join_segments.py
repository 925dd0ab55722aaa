"""Segments are joined where they are: frames that are not at home are refused in one line."""

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.join_segments import join_segments
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.trajectory import MolecularDynamicsData
from tests.data.test_stashed import stashed_run

pytestmark = pytest.mark.usefixtures("aiida_profile")


def test_frames_that_are_not_at_home_are_not_joined_to_those_that_are(aiida_localhost):
    away = stashed_run(aiida_localhost)
    home = MolecularDynamicsData.from_trajectory(Trajectory("Li", np.zeros((3, 1, 3)), np.eye(3) * 5.0, 0.1))
    parameters = orm.Dict({"carrier": "Li", "temperature_K": 600.0, "production_ps": 1.0})
    structure = orm.StructureData(cell=np.eye(3).tolist())
    inputs = {"trajectory_000": away, "trajectory_001": home.store(), "results_000": orm.Dict({})}
    _, node = join_segments.run_get_node(parameters, structure, **inputs)
    assert node.exit_status == 410
    assert f"the frames of <{away.pk}> are not at home" in node.exit_message
