"""Choice of the lags of a fit."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis import fit_window
from tests.synthetic import random_walkers


def test_plain_walk_has_the_shortest_correlation_lag():
    found = [
        fit_window.correlation_lag(random_walkers(1000, 40, 0.2, 0.1, seed), np.zeros((1000, 3)), 0.1)
        for seed in range(40)
    ]
    assert np.mean(np.array(found) == 1) >= 0.9


def test_walk_with_memory_has_a_longer_one():
    # Each step is undone by nine tenths a few frames later.
    steps = np.random.default_rng(1).normal(size=(4000, 40, 3))
    steps[16:] -= 0.9 * steps[:-16]
    found = fit_window.correlation_lag(np.cumsum(steps, axis=0), np.zeros((4000, 3)), 0.1)
    assert 8 <= found <= 64


@pytest.mark.parametrize("n_frames", [12, 20, 57, 200, 1000, 400_000])
@pytest.mark.parametrize("correlation", [1, 8, 10_000])
def test_default_lags_lie_inside_the_run(n_frames, correlation):
    lags, stride = fit_window.default_lags(n_frames, correlation)
    assert len(lags) >= 2
    assert (np.diff(lags) > 0).all()
    assert lags[0] >= 1
    assert lags[-1] * stride <= max(n_frames // 5, n_frames // 10 + 1)


def test_default_window_begins_beyond_the_correlation_lag():
    lags, stride = fit_window.default_lags(4000, 50)
    assert lags[0] * stride == pytest.approx(150, rel=0.1)
    assert lags[-1] * stride == pytest.approx(750, rel=0.1)


def test_requested_window_is_kept():
    lags, stride = fit_window.requested_lags(1000, 0.1, (5.0, 40.0))
    assert lags[0] * stride == 50
    assert 400 - stride < lags[-1] * stride <= 400


@pytest.mark.parametrize("window", [(1.0, 1.0), (0.0, 0.05), (2.0, 1.0), (1.0, 60.0)])
def test_impossible_windows_are_refused(window):
    with pytest.raises(ValueError, match="must hold two lags"):
        fit_window.requested_lags(1000, 0.1, window)
