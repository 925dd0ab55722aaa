"""Covariances of the mean squared displacement, against closed forms and against many walks."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis import random_walk
from aiida_concerted.analysis.msd import mean_squared_displacement
from tests.synthetic import random_walkers, vibration


@pytest.mark.parametrize("lag", [1, 3, 10])
def test_variance_of_one_lag_is_that_of_qian(lag):
    n_frames = 200
    windows, n_steps = n_frames - lag, n_frames - 1
    covariance = random_walk.msd_covariance(np.array([lag]), n_frames, step_variance=0.5, noise_variance=0.0)[0, 0]
    # Qian et al. 1991, appendix: valid for lag <= windows, one dimension (twice the two-dimensional value).
    relative = (4 * lag**2 * windows + 2 * windows + lag - lag**3) / (6 * lag * windows**2) * 2
    assert windows == n_steps - lag + 1
    assert covariance / (0.5 * lag) ** 2 == pytest.approx(relative)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_covariance_is_that_of_many_walks(noise):
    n_frames, lags = 60, np.array([1, 4, 9, 20])
    walks = random_walkers(n_frames, 6000, 0.5, 0.1, seed=1) + vibration(n_frames, 6000, noise, seed=2)
    curves = np.array([mean_squared_displacement(walks[:, :, axis : axis + 1] * [1, 0, 0])[lags] for axis in range(3)])
    measured = np.cov(curves.transpose(1, 0, 2).reshape(len(lags), -1))
    expected = random_walk.msd_covariance(lags, n_frames, step_variance=0.1, noise_variance=noise**2)
    np.testing.assert_allclose(measured, expected, rtol=0.12, atol=0.05 * expected.max() * 1e-2)


def test_weights_give_slopes_of_lines_whatever_the_intercept():
    lags = np.array([3, 5, 8, 15])
    covariance = random_walk.msd_covariance(lags, 100, 0.2, 0.1)
    weights = random_walk.slope_weights(lags, covariance)
    assert weights.sum() == pytest.approx(0.0, abs=1e-12)
    assert weights @ lags == pytest.approx(1.0)
    np.testing.assert_allclose(random_walk.slope_weights(lags, 7.0 * covariance), weights)


def test_weights_agree_with_the_textbook_formula():
    lags = np.array([2, 4, 7])
    covariance = random_walk.msd_covariance(lags, 50, 0.2, 0.1)
    design = np.stack([np.ones(3), lags], axis=1)
    inverse = np.linalg.inv(covariance)
    expected = (np.linalg.inv(design.T @ inverse @ design) @ design.T @ inverse)[1]
    np.testing.assert_allclose(random_walk.slope_weights(lags, covariance), expected, rtol=1e-6)


def test_without_covariance_all_lags_count_alike():
    lags = np.array([1, 2, 4])
    expected = np.polyfit(lags, np.eye(3), 1)[0]
    np.testing.assert_allclose(random_walk.slope_weights(lags, np.zeros((3, 3))), expected)


def test_expected_scatter_of_batches_is_measured_on_walks():
    lags, batch, n_frames = np.array([2, 4, 8]), 20, 400
    weights = random_walk.slope_weights(lags, random_walk.msd_covariance(lags, n_frames, 0.2, 0.0))
    walks = random_walkers(n_frames, 400, 0.5, 0.2, seed=3)[:, :, 0]
    n_windows = n_frames - 8
    series = sum(
        weight * (walks[lag : lag + n_windows] - walks[:n_windows]) ** 2
        for weight, lag in zip(weights, lags, strict=True)
    )
    means = np.array([series[start : start + batch].mean(axis=0) for start in range(0, n_windows - batch, 3)])
    measured = ((means - series.mean(axis=0)) ** 2).mean()
    expected = random_walk.batch_variance(weights, lags, 0.2, 0.0, batch, n_windows)
    assert measured == pytest.approx(expected, rel=0.1)
