import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.select_candidates import select_candidate_structures
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.trajectory import MolecularDynamicsData

CELL = np.diag([6.0, 7.0, 8.0])
POSITIONS = np.random.default_rng(0).random((5, 3, 3)) * 5 + 0.1


def run(deviations, frames):
    trajectory = MolecularDynamicsData.from_trajectory(
        Trajectory(
            carrier="Li",
            carriers=POSITIONS[:, :2],
            cell=CELL,
            frame_interval_ps=0.1,
            framework_species=("S",),
            framework=POSITIONS[:, 2:],
            framework_displacement=POSITIONS[:, 2] - POSITIONS[0, 2],
            temperature_K=600.0,
        ),
        level_of_theory="test",
    )
    node = orm.ArrayData()
    node.set_array("frame", np.array(frames))
    node.set_array("max_devi_f_eV_A", np.array(deviations))
    return node, trajectory


@pytest.mark.usefixtures("aiida_profile")
def test_the_structures_are_those_frames_whose_deviation_lies_in_the_window():
    deviation, trajectory = run([0.01, 0.2, np.nan], [0, 2, 4])
    parameters = orm.Dict({"trust_lower_eV_A": 0.12, "trust_upper_eV_A": 0.25, "max_selected": 5, "seed": 1})
    outputs = select_candidate_structures(parameters, deviation__hot=deviation, trajectory__hot=trajectory)
    statistics = outputs.pop("statistics").get_dict()
    assert list(outputs) == ["candidate_hot_f00002"]
    cell, positions, species = arrays_of_structure(outputs["candidate_hot_f00002"])
    assert species == ("Li", "Li", "S")
    np.testing.assert_allclose(positions, POSITIONS[2], atol=1e-6)
    np.testing.assert_allclose(cell, CELL)
    assert statistics["selected"] == {"hot": [2]}
    summary = statistics["runs"]["hot"]
    assert (summary["accurate"], summary["candidate"], summary["failed"]) == (1, 1, 1)
    assert summary["temperature_K"] == 600.0
    assert summary["max_deviation_eV_A"] == 0.2


@pytest.mark.usefixtures("aiida_profile")
def test_frames_that_were_never_reached_count_as_failed():
    deviation, trajectory = run([0.01, 0.01], [0, 2])
    lost = {"temperature_K": 1200.0, "frames": 3, "reason": "atoms were lost"}
    cut = {"temperature_K": 600.0, "frames": 4, "reason": "exploded"}
    parameters = {"trust_lower_eV_A": 0.12, "trust_upper_eV_A": 0.25, "max_selected": 5, "seed": 1}
    outputs = select_candidate_structures(
        orm.Dict({**parameters, "unreached": {"lost": lost, "hot": cut}}),
        deviation__hot=deviation, trajectory__hot=trajectory,
    )  # fmt: skip
    runs = outputs["statistics"]["runs"]
    counts = {name: [row[key] for key in ("accurate", "candidate", "failed")] for name, row in runs.items()}
    assert counts == {"hot": [2, 0, 4], "lost": [0, 0, 3]}
    assert runs["lost"]["reason"] == "atoms were lost"
    assert runs["lost"]["temperature_K"] == 1200.0
