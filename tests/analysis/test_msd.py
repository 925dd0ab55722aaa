"""Windowed mean squared displacements against their definition and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_concerted.analysis import msd
from tests.synthetic import random_walkers, vibration


def naive(positions, max_lag):
    result = np.zeros((max_lag + 1, positions.shape[1]))
    for lag in range(1, max_lag + 1):
        result[lag] = ((positions[lag:] - positions[:-lag]) ** 2).sum(axis=2).mean(axis=0)
    return result


def naive_tensor(positions, max_lag):
    result = np.zeros((max_lag + 1, 3, 3))
    for lag in range(1, max_lag + 1):
        steps = (positions[lag:] - positions[:-lag]).reshape(-1, 3)
        result[lag] = steps.T @ steps / len(steps)
    return result


def test_ballistic_motion_grows_with_the_square_of_the_lag():
    velocity = np.array([0.3, -0.2, 0.1])
    positions = np.arange(50)[:, None, None] * velocity[None, None, :] + np.zeros((1, 4, 1))
    expected = (velocity @ velocity) * np.arange(50.0) ** 2
    np.testing.assert_allclose(msd.mean_squared_displacement(positions)[:, 2], expected, rtol=1e-9, atol=1e-12)


def test_harmonic_motion_over_whole_periods():
    period = 40
    phase = 2 * np.pi * np.arange(period * 500 + 1) / period
    positions = np.zeros((len(phase), 1, 3))
    positions[:, 0, 1] = 0.7 * np.cos(phase)
    lags = np.arange(2 * period)
    expected = 0.7**2 * (1 - np.cos(2 * np.pi * lags / period))
    measured = msd.mean_squared_displacement(positions, max_lag=2 * period - 1)[:, 0]
    np.testing.assert_allclose(measured, expected, atol=5e-4)  # the windows of a lag are no whole number of periods


def test_random_walk_grows_with_six_times_its_diffusivity():
    positions = random_walkers(2000, 200, 0.2, 0.1, seed=1)
    curve = msd.ensemble_mean_squared_displacement(positions, max_lag=10)
    np.testing.assert_allclose(curve[1:], 6 * 0.2 * 0.1 * np.arange(1, 11), rtol=0.02)


@pytest.mark.parametrize("offset", [0.0, 12.0, 1000.0, 1.0e7])
def test_agrees_with_the_definition_wherever_the_particles_are(offset):
    positions = random_walkers(300, 5, 0.1, 0.1, seed=2) + vibration(300, 5, 0.1, seed=3) + offset
    measured = msd.mean_squared_displacement(positions)
    np.testing.assert_allclose(measured[1:], naive(positions, 299)[1:], rtol=1e-9)
    np.testing.assert_array_equal(measured[0], 0.0)


def test_a_resting_particle_far_away_does_not_seem_to_move():
    positions = np.full((100, 2, 3), 1.0e4)
    np.testing.assert_array_equal(msd.mean_squared_displacement(positions), 0.0)


def test_chunks_do_not_change_the_result(monkeypatch):
    positions = random_walkers(200, 7, 0.1, 0.1, seed=4)
    whole = msd.mean_squared_displacement(positions), msd.displacement_tensor(positions)
    monkeypatch.setattr("aiida_concerted.common.positions.BLOCK_BYTES", 1)
    np.testing.assert_allclose(msd.mean_squared_displacement(positions), whole[0], rtol=1e-12)
    np.testing.assert_allclose(msd.displacement_tensor(positions), whole[1], rtol=1e-9, atol=1e-12)


def test_single_precision_input_is_worked_on_in_double_precision():
    positions = (random_walkers(400, 3, 0.1, 0.1, seed=5) + 50.0).astype(np.float32)
    expected = naive(positions.astype(np.float64), 399)
    np.testing.assert_allclose(msd.mean_squared_displacement(positions)[1:], expected[1:], rtol=1e-9)


def test_tensor_agrees_with_the_definition_and_its_trace_with_the_particles():
    positions = random_walkers(150, 6, np.array([0.1, 0.2, 0.4]), 0.1, seed=6)
    positions = positions @ np.array([[1.0, 0.3, 0.0], [0.0, 1.0, 0.2], [0.0, 0.0, 1.0]])
    tensor = msd.displacement_tensor(positions, max_lag=100)
    np.testing.assert_allclose(tensor, naive_tensor(positions, 100), rtol=1e-9, atol=1e-11)
    curve = msd.mean_squared_displacement(positions, max_lag=100).mean(axis=1)
    np.testing.assert_allclose(np.trace(tensor, axis1=1, axis2=2), curve, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(msd.ensemble_mean_squared_displacement(positions, max_lag=100), curve, rtol=1e-9)


def test_collective_displacement_is_that_of_the_sum():
    positions = random_walkers(120, 4, 0.1, 0.1, seed=7)
    expected = naive_tensor(positions.sum(axis=1)[:, None, :], 60) / 4
    np.testing.assert_allclose(
        msd.collective_displacement_tensor(positions, max_lag=60), expected, rtol=1e-9, atol=1e-11
    )


def test_drift_of_the_frame_of_reference_is_taken_out():
    positions = random_walkers(120, 4, 0.1, 0.1, seed=8)
    drift = np.cumsum(np.random.default_rng(9).normal(size=(120, 3)), axis=0)
    moved = positions + drift[:, None, :]
    for function in (msd.displacement_tensor, msd.collective_displacement_tensor):
        np.testing.assert_allclose(function(moved, drift=drift), function(positions), rtol=1e-8, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-1e3, 1e3), n_frames=st.integers(2, 40))
def test_translation_and_order_of_particles_do_not_matter(seed, shift, n_frames):
    positions = random_walkers(n_frames, 3, 0.3, 0.1, seed)
    reference = msd.mean_squared_displacement(positions)
    np.testing.assert_allclose(msd.mean_squared_displacement(positions + shift), reference, rtol=1e-7, atol=1e-10)
    np.testing.assert_array_equal(msd.mean_squared_displacement(positions[:, ::-1]), reference[:, ::-1])


def test_input_is_left_alone():
    positions = random_walkers(30, 2, 0.1, 0.1, seed=10)
    before = positions.copy()
    msd.mean_squared_displacement(positions)
    msd.displacement_tensor(positions, drift=np.ones((30, 3)))
    np.testing.assert_array_equal(positions, before)


@pytest.mark.parametrize("shape", [(10, 3), (10, 2, 2), (0, 2, 3), (10, 0, 3)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"n_frames, n_particles, 3"):
        msd.mean_squared_displacement(np.zeros(shape))


@pytest.mark.parametrize("max_lag", [-1, 10])
def test_lags_outside_the_run_are_refused(max_lag):
    with pytest.raises(ValueError, match="max_lag must lie between 0 and 9"):
        msd.displacement_tensor(np.zeros((10, 1, 3)), max_lag=max_lag)


def test_drift_of_another_length_is_refused():
    with pytest.raises(ValueError, match="drift must have the shape"):
        msd.displacement_tensor(np.zeros((10, 1, 3)), drift=np.zeros((9, 3)))
