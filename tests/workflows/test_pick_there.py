"""Explorations whose frames stay where they were made: the frames picked there are those picked at home."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.functions.select_candidates import select_candidate_structures
from aiida_concerted.calculations.pick import PickCalculation
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.workflows.explore import ExploreWorkChain
from tests.workflows.test_explore import OVERRIDES, explored, potential_of

pytestmark = pytest.mark.usefixtures("aiida_profile")

SELECTION = {
    # Anything is a candidate; the limit is above the distances of some frames at 900 K and below those of others.
    "trust_lower_eV_A": 1e-6, "trust_upper_eV_A": 1e3, "max_selected": 4, "choice": "farthest", "scope": "all",
    "screens": {"min_distance_fraction": 0.6},
}  # fmt: skip


@pytest.fixture
def own_code(engine_code):
    """Return the code of our own command."""
    return engine_code("aiida-concerted", "concerted.reduce", "aiida-concerted")


def same(first, second):
    """Check that two structures are the same to the last digit."""
    for one, other in zip(arrays_of_structure(first), arrays_of_structure(second), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_a_job_picks_the_frames_that_the_calcfunction_picks(own_code):
    runs = {name: explored(np.linspace(0.05, 0.5, 6) * (n + 1)).outputs for n, name in enumerate(("cold", "hot"))}
    parameters = orm.Dict({
        "trust_lower_eV_A": 0.1, "trust_upper_eV_A": 0.6, "max_selected": 3, "seed": 5, "systems": {"hot": "cell"},
        "diagnoses": {"hot": "exploded"},
    }).store()  # fmt: skip
    deviations = {name: outputs.model_deviation for name, outputs in runs.items()}
    trajectories = {name: outputs.trajectory for name, outputs in runs.items()}
    named = {f"deviation__{name}": node for name, node in deviations.items()}
    named |= {f"trajectory__{name}": node for name, node in trajectories.items()}
    home = select_candidate_structures(parameters, **named)
    builder = PickCalculation.get_builder()
    builder.code, builder.parameters = own_code, parameters
    builder.trajectories, builder.deviations = trajectories, deviations
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    there, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert there["statistics"].get_dict() == home.pop("statistics").get_dict()
    assert {f"candidate_{label}" for label in there["candidates"]} == set(home)
    assert len(home) == 3
    for label, structure in there["candidates"].items():
        same(structure, home[f"candidate_{label}"])


@pytest.mark.slow
@pytest.mark.lammps
def test_frames_that_stay_are_picked_as_at_home(lmp_code, own_code, tiny_models, sound_structure, tmp_path):
    models = {f"model_{index}": potential_of(path).store() for index, path in enumerate(tiny_models)}
    outputs = {}
    for name, stash in (("home", {}), ("there", {"folder": str(tmp_path / "stash"), "code": own_code.full_label})):
        builder = ExploreWorkChain.get_builder_from_protocol(
            lmp_code, {"cell": sound_structure}, models, protocol="fast",
            overrides={**OVERRIDES, "selection": SELECTION, "stash": stash},
        )  # fmt: skip
        outputs[name], node = run_get_node(builder)
        assert node.is_finished_ok, node.exit_message
    home, there = outputs["home"], outputs["there"]
    assert there["statistics"].get_dict() == home["statistics"].get_dict()
    assert len(home["candidates"]) == 4
    assert set(there["candidates"]) == set(home["candidates"])
    for label, structure in there["candidates"].items():
        same(structure, home["candidates"][label])
    runs = [call.outputs.trajectory for call in node.called if call.process_label == "LammpsMdWorkChain"]
    assert [type(run) for run in runs] == [StashedTrajectoryData] * 2
    assert not [n for n in node.called_descendants for n in n.outputs if isinstance(n, MolecularDynamicsData)]
    assert there["candidates"]["cell_T300_f00000" if "cell_T300_f00000" in home["candidates"] else label].creator
