"""Which steps become frames."""

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.collect_aimd_frames import collect_aimd_frames, kept_steps
from tests.calculations.functions.vasp_runs import retrieved

SETTINGS = {"discard_steps": 1, "stride": 2, "max_unconverged_fraction": 0.5, "n_steps": 6, "temperature_K": 600.0}
ENERGIES = (-3.0, -3.1, -3.2, -3.3, -3.4, -3.5)


def test_discard_comes_first_then_the_stride_then_convergence():
    converged = np.array([True, True, True, False, True, True, True])
    assert kept_steps(converged, discard=1, stride=2).tolist() == [1, 5]
    assert kept_steps(converged, discard=0, stride=1).tolist() == [0, 1, 2, 4, 5, 6]
    assert kept_steps(converged, discard=9, stride=1).tolist() == []


def test_unconverged_steps_are_left_out_and_counted(aiida_profile):
    run = retrieved(energies=ENERGIES, electronic=(1, 1, 1, 3, 1, 1))
    outputs = collect_aimd_frames(run, orm.Dict(SETTINGS))
    assert outputs["frames"].get_frames().energies.tolist() == [-3.1, -3.5]
    results = outputs["results"].get_dict()
    assert (results["n_steps"], results["n_frames"], results["n_unconverged"]) == (6, 2, 1)
    assert outputs["frames"].level_of_theory == "PBE/VASP 6.4.2"


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"max_unconverged_fraction": 0.1}, 410, "17% of the steps did not converge"),
        ({"discard_steps": 6}, 411, "no frame is left of 6 steps"),
    ],
)
def test_runs_that_give_no_data_set_end_with_a_reason(aiida_profile, change, status, reason):
    run = retrieved(energies=ENERGIES, electronic=(1, 1, 1, 3, 1, 1))
    _, node = collect_aimd_frames.run_get_node(run, orm.Dict({**SETTINGS, **change}))
    assert node.exit_status == status
    assert reason in node.exit_message


def test_empty_folder_ends_with_a_reason(aiida_profile):
    _, node = collect_aimd_frames.run_get_node(orm.FolderData().store(), orm.Dict(SETTINGS))
    assert node.exit_status == 310
