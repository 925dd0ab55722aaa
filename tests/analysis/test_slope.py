"""Slopes of displacement curves: the windows behind them, and the collective factor."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis import slope
from tests.synthetic import random_walkers, rigid_groups

LAGS = np.array([2, 4, 8])


def fitted(positions, stride=1, lags=LAGS):
    sums = slope.window_sums(positions, np.zeros((len(positions), 3)), lags, stride, 0.1)
    return slope.fit_slope(sums, slope.fit_weights(sums))


def test_windows_are_the_definition():
    positions = random_walkers(40, 3, 0.2, 0.1, seed=1)
    drift = random_walkers(40, 1, 0.1, 0.1, seed=2)[:, 0]
    sums = slope.window_sums(positions, drift, np.array([2, 3]), 4, 0.1)
    relative = positions - drift[:, None]
    for lag, products in zip((8, 12), sums.products, strict=True):
        steps = np.array([relative[start + lag] - relative[start] for start in range(0, 40 - lag, 4)])
        np.testing.assert_allclose(products[:, :3], (steps**2).mean(axis=1))
        np.testing.assert_allclose(products[:, 3], (steps[:, :, 0] * steps[:, :, 1]).mean(axis=1))
        np.testing.assert_allclose(products[:, 4], (steps[:, :, 0] * steps[:, :, 2]).mean(axis=1))
        np.testing.assert_allclose(products[:, 5], (steps[:, :, 1] * steps[:, :, 2]).mean(axis=1))
    assert sums.n_starts == 10
    assert sums.interval_ps == pytest.approx(0.4)


def test_stride_changes_the_sample_and_not_the_unit():
    positions = random_walkers(4000, 60, 0.2, 0.1, seed=3)
    assert fitted(positions, stride=1, lags=8 * LAGS).mean == pytest.approx(0.2, rel=0.1)
    assert fitted(positions, stride=8).mean == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("group", [1, 2, 6])
def test_collective_factor_is_the_size_of_rigid_groups(group):
    factors = [fitted(rigid_groups(600, 24, group, 0.2, 0.1, seed)).factor for seed in range(40)]
    assert np.mean(factors) == pytest.approx(group, rel=0.2)
    assert min(factors) >= 1


def test_stated_error_of_independent_walkers_is_their_scatter():
    fits = [fitted(random_walkers(600, 24, 0.2, 0.1, seed)) for seed in range(200)]
    scatter = np.std([fit.mean for fit in fits])
    assert np.mean([fit.stderr for fit in fits]) == pytest.approx(scatter, rel=0.15)
    components = np.std([fit.components for fit in fits], axis=0)
    np.testing.assert_allclose(np.mean([fit.components_stderr for fit in fits], axis=0), components, rtol=0.25)


def test_scatter_of_blocks_becomes_the_error_with_its_inflation():
    fits = [fitted(random_walkers(2000, 12, 0.2, 0.1, seed)) for seed in range(100)]
    blocks = [slope.joint_blocks([fit])[0].mean(axis=1) for fit in fits]
    stated = [
        fit.block_inflation * block.std(ddof=1) / np.sqrt(len(block)) for fit, block in zip(fits, blocks, strict=True)
    ]
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(np.std([fit.mean for fit in fits]), rel=0.2)


def test_blocks_of_two_fits_are_the_same_times():
    positions = random_walkers(900, 6, 0.2, 0.1, seed=4)
    positions[450:] += np.cumsum(np.ones((450, 1, 3)), axis=0)
    fine, coarse = slope.joint_blocks([fitted(positions), fitted(positions, stride=5)])
    assert fine.shape == coarse.shape
    jump = [int(np.argmax(blocks[:, 0] > 10 * blocks[0, 0])) for blocks in (fine, coarse)]
    assert jump[0] == jump[1] > 0
