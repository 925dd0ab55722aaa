"""Errors of time averages of correlated series."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.blocks import block_means, blocked_mean, bootstrap_sums, overlapping_batch_scatter


def correlated(n, memory, generator):
    noise = generator.normal(size=n)
    series = np.empty(n)
    series[0] = noise[0] / np.sqrt(1 - memory**2)
    for index in range(1, n):
        series[index] = memory * series[index - 1] + noise[index]
    return series


def test_block_means_are_means_of_successive_values():
    series = np.arange(20.0).reshape(10, 2)
    np.testing.assert_allclose(block_means(series, 3), [series[:3].mean(0), series[3:6].mean(0), series[6:9].mean(0)])


@pytest.mark.parametrize("length", [0, -1, 11])
def test_blocks_that_do_not_fit_are_refused(length):
    with pytest.raises(ValueError, match="no block of"):
        block_means(np.zeros(10), length)


def test_overlapping_batches_agree_with_the_definition():
    series = np.random.default_rng(1).normal(size=(50, 2)) + 100.0
    means = np.array([series[start : start + 7].mean(axis=0) for start in range(44)])
    expected = ((means - series.mean(axis=0)) ** 2).mean(axis=0)
    np.testing.assert_allclose(overlapping_batch_scatter(series, 7), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="a batch must hold"):
        overlapping_batch_scatter(series, 51)


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_blocked_error_covers_the_mean_of_a_correlated_series(memory):
    generator = np.random.default_rng(2)
    estimates = [blocked_mean(correlated(1024, memory, generator)) for _ in range(200)]
    stated = np.mean([estimate.stderr for estimate in estimates])
    scatter = np.std([estimate.value for estimate in estimates])
    assert 0.85 * scatter < stated < 1.35 * scatter


def test_constant_series_has_no_error():
    estimate = blocked_mean(np.full(10, 3.0))
    assert (estimate.value, estimate.stderr) == (3.0, 0.0)


def test_series_too_short_are_refused():
    with pytest.raises(ValueError, match="two values or more"):
        blocked_mean(np.array([1.0]))


def test_bootstrap_draws_columns_together_and_repeatably():
    blocks = np.random.default_rng(3).normal(size=(40, 1)) * np.array([1.0, 2.0])
    draws = bootstrap_sums(blocks, seed=4, n_resamples=4000)
    np.testing.assert_allclose(draws[:, 1], 2 * draws[:, 0])
    assert draws[:, 0].std() == pytest.approx(blocks[:, 0].std() / np.sqrt(40), rel=0.05)
    np.testing.assert_array_equal(draws, bootstrap_sums(blocks, seed=4, n_resamples=4000))
