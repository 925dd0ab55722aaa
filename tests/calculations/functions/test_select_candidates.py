import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.select_candidates import select_candidate_structures
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.learning.fingerprint import radial_fingerprint
from aiida_concerted.learning.screens import Geometry

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


PLAIN = {"trust_lower_eV_A": 0.12, "trust_upper_eV_A": 0.25, "max_selected": 5, "seed": 1}


def selected(deviations, **more):
    deviation, trajectory = run(deviations, range(len(deviations)))
    outputs = select_candidate_structures(
        orm.Dict({**PLAIN, **more}), deviation__hot=deviation, trajectory__hot=trajectory
    )
    return outputs["statistics"].get_dict()


@pytest.mark.usefixtures("aiida_profile")
def test_the_decision_is_recorded_with_the_counts():
    decision = selected([0.01, 0.2, 0.5])["decision"]
    assert (decision["rule"], decision["choice"], decision["seed"]) == ("dpgen", "random", 1)
    assert decision["levels_eV_A"] == {"hot": [0.12, 0.25]}
    assert decision["caps"] == {"all": 1}


@pytest.mark.usefixtures("aiida_profile")
def test_the_adaptive_rule_reports_the_level_it_found():
    statistics = selected([0.01, 0.05, 0.1, 0.5], rule="adaptive", adaptive={"number_force": 2})
    assert statistics["selected"] == {"hot": [1, 2]}
    assert (statistics["trust_lower_eV_A"], statistics["trust_upper_eV_A"]) == (0.05, 0.25)


@pytest.mark.usefixtures("aiida_profile")
def test_frames_with_atoms_too_close_are_not_labelled():
    # Every frame holds a Li-S pair somewhere between these two limits.
    apart = [np.linalg.norm(frame[:2] - frame[2], axis=1).min() for frame in POSITIONS]
    limit = sorted(apart)[2] + 1e-3
    statistics = selected([0.2] * 5, screens={"min_distances_A": {"Li-S": limit}})
    kept = [frame for frame in range(5) if apart[frame] >= limit]
    assert statistics["selected"] == {"hot": kept}
    assert statistics["decision"]["screened"] == {"hot": {"min_distance": 3}}
    assert statistics["runs"]["hot"]["candidate"] == 5


@pytest.mark.usefixtures("aiida_profile")
def test_a_diverse_choice_looks_at_the_trajectory():
    first, second = selected([0.2] * 5, choice="farthest", max_selected=2)["selected"]["hot"]
    prints = np.array([radial_fingerprint(Geometry(("Li", "Li", "S"), CELL, frame)) for frame in POSITIONS])
    apart = np.linalg.norm(prints[:, None] - prints, axis=2)
    assert apart[first].argmax() == second or apart[second].argmax() == first


@pytest.mark.usefixtures("aiida_profile")
def test_a_run_knows_what_it_began_from():
    own = [{"system": "cell", "trust_lower_eV_A": 0.01, "trust_upper_eV_A": 0.05}]
    assert selected([0.02, 0.2], levels=own, systems={"hot": "cell"})["selected"] == {"hot": [0]}
    assert selected([0.02, 0.2], levels=own, systems={"hot": "other"})["selected"] == {"hot": [1]}
