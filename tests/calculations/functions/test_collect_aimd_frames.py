"""Which steps become frames, and how segments are joined."""

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.collect_aimd_frames import collect_aimd_frames, kept_steps
from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.md_segments import MdSegment
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.data.vasp_md import MdFolder, trajectory_node

SETTINGS = {
    "n_kept": {"md": 6}, "discard_steps": 1, "stride": 2, "max_unconverged_fraction": 0.5, "n_steps": 6,
    "temperature_K": 600.0, "final_temperature_K": 600.0,
}  # fmt: skip
CONVERGED = (True, True, True, False, True, True)


def trajectory(first=0, n_steps=6, converged=CONVERGED, theory="PBE/VASP 6.4.2"):
    """Return a stored trajectory of two atoms that fly apart without forces."""
    times = np.arange(first, first + n_steps)
    positions = np.zeros((n_steps, 2, 3))
    positions[:, 1] = 2.0 + 0.01 * times[:, None]
    kinetic = 0.1 + 0.01 * times
    frames = LabelledFrames(
        ("Li", "Cl"), np.repeat(8.0 * np.eye(3)[None], n_steps, axis=0), positions, -3.0 - 0.1 * times,
        np.zeros((n_steps, 2, 3)),
    )  # fmt: skip
    segment = MdSegment(frames, np.array(converged[:n_steps]), kinetic, kinetic + frames.energies, 2.0)
    return trajectory_node(MdFolder(segment, None, True, 0, theory)).store()


def test_discard_comes_first_then_the_stride_then_convergence():
    converged = np.array([True, True, True, False, True, True, True])
    assert kept_steps(converged, discard=1, stride=2).tolist() == [1, 5]
    assert kept_steps(converged, discard=0, stride=1).tolist() == [0, 1, 2, 4, 5, 6]
    assert kept_steps(converged, discard=9, stride=1).tolist() == []


def test_unconverged_steps_are_left_out_and_counted(aiida_profile):
    outputs = collect_aimd_frames(orm.Dict(SETTINGS), md=trajectory())
    assert outputs["frames"].get_frames().energies.tolist() == [-3.1, -3.5]
    results = outputs["results"].get_dict()
    assert (results["n_steps"], results["n_frames"], results["n_unconverged"]) == (6, 2, 1)
    assert outputs["frames"].level_of_theory == "PBE/VASP 6.4.2"
    expected = 2 * (0.1 + 0.01 * np.arange(1, 6)) / (3 * BOLTZMANN_EV_PER_K)
    assert results["temperature_mean_K"] == pytest.approx(expected.mean())
    assert results["equilibration"] == "the first 1 steps (0.002 ps) are discarded"


def test_segments_are_joined_after_the_steps_that_count(aiida_profile):
    first, second = trajectory(0, 5), trajectory(3, 6, (True,) * 6)
    settings = {**SETTINGS, "n_kept": {"md": 3, "md_002": 6}, "discard_steps": 0, "stride": 1, "n_steps": 9}
    outputs = collect_aimd_frames(orm.Dict(settings), md=first, md_002=second)
    frames, results = outputs["frames"].get_frames(), outputs["results"].get_dict()
    np.testing.assert_allclose(frames.energies, -3.0 - 0.1 * np.arange(9))
    assert [step for _, step in frames.origins] == [1, 2, 3, 1, 2, 3, 4, 5, 6]
    assert (results["n_segments"], results["segment_steps"]) == (2, [3, 6])
    (seam,) = results["seams"]
    assert (seam["after_step"], seam["is_gapless"]) == (3, True)
    assert seam["misfit"] == pytest.approx(0, abs=1e-9)
    assert seam["energy_jump_eV"] == pytest.approx(-0.1)


@pytest.mark.parametrize("begin", [2, 4], ids=["repeated", "missing"])
def test_a_step_twice_or_missing_is_refused(aiida_profile, begin):
    settings = {**SETTINGS, "n_kept": {"md": 3, "md_002": 6}}
    _, node = collect_aimd_frames.run_get_node(
        orm.Dict(settings), md=trajectory(0, 5), md_002=trajectory(begin, 6, (True,) * 6)
    )
    assert node.exit_status == 412
    assert "missing or repeated after step 3" in node.exit_message


def test_segments_of_different_theory_are_refused(aiida_profile):
    settings = {**SETTINGS, "n_kept": {"md": 3, "md_002": 6}}
    _, node = collect_aimd_frames.run_get_node(
        orm.Dict(settings), md=trajectory(0, 5), md_002=trajectory(3, 6, (True,) * 6, "PBE/VASP 5.4.4")
    )
    assert node.exit_status == 413


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"max_unconverged_fraction": 0.1}, 410, "17% of the steps did not converge"),
        ({"discard_steps": 6}, 411, "no frame is left of 6 steps"),
    ],
)
def test_runs_that_give_no_data_set_end_with_a_reason(aiida_profile, change, status, reason):
    _, node = collect_aimd_frames.run_get_node(orm.Dict({**SETTINGS, **change}), md=trajectory())
    assert node.exit_status == status
    assert reason in node.exit_message


def test_a_trajectory_without_labels_ends_with_a_reason(aiida_profile):
    bare = orm.TrajectoryData()
    bare.set_trajectory(symbols=["Li"], positions=np.zeros((2, 1, 3)))
    _, node = collect_aimd_frames.run_get_node(orm.Dict(SETTINGS), md=bare)
    assert node.exit_status == 310
