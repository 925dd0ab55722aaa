"""Van Hove functions: ideal gas, Gaussian walkers, and carriers that follow each other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from aiida_concerted.analysis.radial import radial_distribution
from aiida_concerted.analysis.van_hove import carrier_van_hove, characteristic_time, van_hove
from tests.synthetic import as_trajectory, random_walkers

CELL = np.diag([5.0, 6.0, 7.0])


def test_distinct_part_of_an_ideal_gas_is_flat_from_the_first_shell_on():
    gas = np.random.default_rng(1).uniform(size=(1500, 30, 3)) @ np.diag([4.0, 4.0, 4.0])
    functions = van_hove(
        gas, np.diag([4.0, 4.0, 4.0]), frame_interval_ps=0.1, lags=[1, 50], bin_width=0.1, max_origins=1500
    )
    scores = (functions.distinct - 29 / 30) / np.maximum(functions.distinct_stderr, 1e-3)
    assert np.abs(scores[:, 1:]).max() < 6
    core = np.average(functions.distinct[:, :4], axis=1, weights=np.diff(functions.edges_A[:5] ** 3))
    np.testing.assert_allclose(core, 29 / 30, rtol=0.06)


def test_self_part_of_walkers_is_maxwell_and_integrates_to_one():
    diffusivity, lag = 0.1, 20
    walkers = random_walkers(2000, 200, diffusivity, 0.1, seed=2)
    functions = van_hove(walkers, CELL, frame_interval_ps=0.1, lags=[lag], r_max=4.0, bin_width=0.2, max_origins=500)
    width = np.sqrt(2 * diffusivity * 0.1 * lag)
    expected = np.diff(stats.maxwell.cdf(functions.edges_A, scale=width)) / 0.2
    np.testing.assert_allclose(functions.self_part[0], expected, atol=0.05)
    assert (functions.self_part[0] * 0.2).sum() == pytest.approx(1.0, abs=1e-3)
    volumes = 4 / 3 * np.pi * np.diff(functions.edges_A**3)
    assert (functions.self_density[0] * volumes).sum() == pytest.approx(1.0, abs=1e-3)


def test_agrees_with_the_definition():
    positions = random_walkers(30, 5, 1.0, 0.1, seed=3)
    functions = van_hove(positions, CELL, frame_interval_ps=0.1, lags=[7], bin_width=0.5, max_origins=1000)
    edges, own, others = functions.edges_A, [], []
    for origin in range(23):
        for i in range(5):
            own.append(np.linalg.norm(positions[origin + 7, i] - positions[origin, i]))
            for j in set(range(5)) - {i}:
                delta = positions[origin + 7, j] - positions[origin, i]
                others.append(np.linalg.norm(delta - np.diag(CELL) * np.rint(delta / np.diag(CELL))))
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    np.testing.assert_allclose(functions.self_part[0], np.histogram(own, edges)[0] / (23 * 5 * 0.5))
    expected = np.histogram(others, edges)[0] / (23 * 5 * shells * 5 / 210.0)
    np.testing.assert_allclose(functions.distinct[0], expected)
    assert functions.n_origins[0] == 23


def test_distinct_part_at_lag_zero_is_the_radial_distribution():
    positions = random_walkers(20, 12, 1.0, 0.1, seed=4)
    functions = van_hove(positions, CELL, frame_interval_ps=0.1, lags=[0], r_max=2.5)
    np.testing.assert_allclose(functions.distinct[0], radial_distribution(positions, None, CELL, r_max=2.5).g)


def following_ring(n_frames, hop_every, n_sites=4):
    """Return carriers on all but one of the corners of a square, moving on together every ``hop_every`` frames."""
    corners = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [3.0, 3.0, 0.0], [0.0, 3.0, 0.0]])
    turns = np.arange(n_frames) // hop_every
    sites = (np.arange(n_sites - 1)[None, :] + turns[:, None]) % n_sites
    return corners[sites] + np.random.default_rng(5).normal(scale=0.1, size=(n_frames, n_sites - 1, 3))


def test_carriers_that_follow_each_other_fill_the_core_after_their_residence_time():
    trajectory = as_trajectory(following_ring(4000, 50), 0.1)
    functions = carrier_van_hove(trajectory, lags=np.arange(1, 51), r_max=2.0, max_origins=400)
    core = functions.distinct[:, functions.r_A < 1].mean(axis=1)
    assert core[0] < 0.1 * core[-1]
    # A carrier is followed within t with probability t/5 ps: half of the largest value is reached at half of 5 ps.
    assert characteristic_time(functions) == pytest.approx(2.5, rel=0.1)
    assert characteristic_time(functions, fraction=0.2) == pytest.approx(1.0, rel=0.15)


def test_time_is_none_where_nobody_follows_and_the_first_lag_where_all_have():
    resting = as_trajectory(following_ring(100, 1000), 0.1)
    assert characteristic_time(carrier_van_hove(resting, r_max=2.0)) is None
    moving = carrier_van_hove(as_trajectory(following_ring(400, 5), 0.1), lags=[5, 10], r_max=2.0)
    assert characteristic_time(moving) == pytest.approx(0.5)


def test_drift_of_the_crystal_does_not_matter():
    positions = random_walkers(60, 6, 0.5, 0.1, seed=6)
    drift = np.cumsum(np.random.default_rng(7).normal(size=(60, 3)), axis=0)
    resting = as_trajectory(positions, 0.1, cell=CELL)
    moving = dataclasses.replace(resting, carriers=positions + drift[:, None], framework_displacement=drift)
    reference, result = carrier_van_hove(resting), carrier_van_hove(moving)
    np.testing.assert_allclose(result.distinct, reference.distinct)
    np.testing.assert_allclose(result.self_part, reference.self_part)


def test_default_lags_reach_a_quarter_of_the_run_and_origins_its_end():
    functions = van_hove(random_walkers(400, 3, 0.1, 0.1, seed=8), CELL, frame_interval_ps=0.1, max_origins=10)
    assert functions.lag_ps[0] == pytest.approx(0.1)
    assert functions.lag_ps[-1] == pytest.approx(10.0)
    assert functions.r_A[-1] < 2.5
    assert set(functions.n_origins) == {10}
    assert set(functions.as_dict()) == {"r_A", "lag_ps", "self", "distinct"}


@pytest.mark.parametrize("lags", [[], [-1], [30], [[1, 2]]])
def test_lags_outside_the_run_are_refused(lags):
    with pytest.raises(ValueError, match="lags must lie between 0 and 29"):
        van_hove(np.zeros((30, 2, 3)), CELL, frame_interval_ps=0.1, lags=lags)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="n_frames, n_particles, 3"):
        van_hove(np.zeros((30, 2)), CELL, frame_interval_ps=0.1)


def test_core_without_a_shell_is_refused():
    functions = van_hove(random_walkers(30, 2, 0.1, 0.1, seed=9), CELL, frame_interval_ps=0.1)
    with pytest.raises(ValueError, match="must hold a shell"):
        characteristic_time(functions, core_radius_A=0.01)
