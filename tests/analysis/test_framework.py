"""Whether a framework still stands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.analysis.framework import framework_average, framework_departure
from aiida_concerted.common.trajectory import Trajectory

VIBRATION_A = 0.1
CELL = np.array([[9.0, 0.0, 0.0], [1.5, 8.0, 0.0], [-1.0, 2.0, 12.0]])  # triclinic
PLACES = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(3)]) / [2, 2, 3] @ CELL
SPECIES = ("P", "S", "S") * 4


def run_of(path: np.ndarray, *, offset: float = 0.0, drift: float = 0.0) -> Trajectory:
    """Return a run of a framework whose atoms go along a path, shape (n_frames, n_atoms, 3), vibrating."""
    rng = np.random.default_rng(1)
    moved = np.linspace(0.0, drift, len(path))[:, None] * np.ones(3)
    framework = path + rng.normal(0.0, VIBRATION_A, path.shape) + offset
    # the frame of reference is the mean of the framework, whatever that does
    moved = moved - moved[0]
    framework = framework - framework.mean(axis=1, keepdims=True) + path[0].mean(axis=0) + offset + moved[:, None]
    return Trajectory(
        carrier="Li", carriers=np.zeros((len(path), 1, 3)), cell=CELL, frame_interval_ps=0.1,
        framework_species=SPECIES, framework=framework, framework_displacement=moved,
    )  # fmt: skip


def still(n_frames: int = 200) -> np.ndarray:
    return np.repeat(PLACES[None], n_frames, axis=0)


@pytest.mark.parametrize(("offset", "drift"), [(0.0, 0.0), (7.3, 0.0), (0.0, 25.0)])
def test_vibration_is_its_own_amplitude_wherever_the_crystal_drifts(offset: float, drift: float) -> None:
    departure = framework_departure(run_of(still(), offset=offset, drift=drift), PLACES)
    assert departure == pytest.approx(VIBRATION_A * np.sqrt(3), rel=0.15)


def test_atoms_that_change_places_with_their_like_have_not_departed() -> None:
    path = still()
    sulphur = np.flatnonzero(np.array(SPECIES) == "S")
    path[60:, sulphur] = path[60:, np.roll(sulphur, 1)]
    assert framework_departure(run_of(path), PLACES) == pytest.approx(VIBRATION_A * np.sqrt(3), rel=0.15)


def test_a_melt_has_departed_and_its_mean_distance_is_that_of_random_points() -> None:
    path = still()
    rng = np.random.default_rng(2)
    path[100:] = rng.uniform(size=path[100:].shape) @ CELL
    path[100:] += (PLACES.mean(axis=0) - path[100:].mean(axis=1))[:, None]
    departure = framework_departure(run_of(path), PLACES)
    points = rng.uniform(size=(4000, 3)) @ CELL
    sulphur = PLACES[np.array(SPECIES) == "S"]
    images = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ CELL
    distances = np.linalg.norm(points[:, None, None] - sulphur[:, None] - images, axis=-1).min(axis=(1, 2))
    assert departure == pytest.approx(np.sqrt((distances**2).mean()), rel=0.1)
    assert departure > 1.2


def test_one_steady_element_keeps_the_crystal() -> None:
    path = still()
    sulphur = np.flatnonzero(np.array(SPECIES) == "S")
    path[:, sulphur] += 2.0
    path[:, sulphur[::2]] -= 4.0  # no net motion of the frame of reference
    assert framework_departure(run_of(path), PLACES) < 0.3


def test_only_the_second_half_counts() -> None:
    path = still()
    path[:90] = path[:90][:, ::-1] + np.random.default_rng(3).normal(0, 2.0, path[:90].shape)
    path[0] = PLACES
    path[1:90] += (PLACES.mean(axis=0) - path[1:90].mean(axis=1))[:, None]
    assert framework_departure(run_of(path), PLACES) < 0.3


def test_the_average_is_free_of_drift() -> None:
    run = run_of(still(), drift=30.0)
    average = framework_average(run)
    assert average is not None
    assert np.abs(average - PLACES).max() < 5 * VIBRATION_A / np.sqrt(200)


def test_a_departure_needs_a_framework() -> None:
    run = replace(run_of(still()), framework=None, framework_species=(), framework_displacement=None)
    assert framework_average(run) is None
    with pytest.raises(ValueError, match="without framework"):
        framework_departure(run, np.empty((0, 3)))
