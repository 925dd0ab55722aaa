"""Choice of the lags of a fit."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis import fit_window
from tests.synthetic import hopping_walkers, random_walkers, rigid_groups, vibration


def chosen(positions, hop_length_A=3.0):
    total = positions.sum(axis=1, keepdims=True) / np.sqrt(positions.shape[1])
    return fit_window.choose_windows(positions, np.zeros((len(positions), 3)), total, hop_length_A)


@pytest.mark.parametrize("group", [1, 4])
def test_plain_walk_has_the_shortest_correlation_lag(group):
    found = [chosen(rigid_groups(1000, 40, group, 0.2, 0.1, seed)).correlation for seed in range(40)]
    assert np.mean(np.array(found) == 1) >= 0.9


def test_walk_with_memory_has_a_longer_one():
    # Each step is undone by nine tenths a few frames later.
    steps = np.random.default_rng(1).normal(size=(4000, 40, 3))
    steps[16:] -= 0.9 * steps[:-16]
    windows = chosen(np.cumsum(steps, axis=0))
    assert 8 <= windows.correlation <= 64
    assert windows.tracer.units[0] * windows.tracer.stride >= 2.5 * windows.correlation


def test_noisy_short_lags_of_a_vibrating_walk_do_not_hide_its_memory():
    steps = np.random.default_rng(2).normal(scale=0.2, size=(8000, 60, 3))
    steps[16:] -= 0.9 * steps[:-16]
    assert chosen(np.cumsum(steps, axis=0) + vibration(8000, 60, 1.0, seed=3)).correlation >= 8


def test_window_begins_where_carriers_have_moved_by_half_a_squared_hop():
    diffusivity = 0.05
    windows = chosen(random_walkers(2000, 200, diffusivity, 0.1, seed=4))
    begin_ps, end_ps = windows.tracer.span_ps(0.1)
    assert begin_ps == pytest.approx(4.5 / (6 * diffusivity), rel=0.1)
    assert end_ps == pytest.approx(3 * begin_ps, rel=0.1)
    # There is only one collective displacement: its window does not wait.
    assert windows.charge.span_ps(0.1)[0] == pytest.approx(1.0)


def test_short_run_of_few_hops_begins_as_late_as_it_may():
    windows = chosen(hopping_walkers(400, 40, 0.002, 3.0, 0.3, 0.1, seed=5))
    assert windows.tracer.span_ps(0.1)[0] == pytest.approx(4.0)


def test_carriers_at_rest_have_windows_too():
    windows = chosen(np.zeros((50, 3, 3)))
    assert len(windows.tracer.units) >= 2
    assert windows.correlation == 1


@pytest.mark.parametrize("n_frames", [12, 20, 57, 200, 1000, 400_000])
@pytest.mark.parametrize("first", [1, 24, 30_000])
def test_default_lags_lie_inside_the_run(n_frames, first):
    lags = fit_window.default_lags(n_frames, first)
    assert len(lags.units) >= 2
    assert (np.diff(lags.units) > 0).all()
    assert lags.units[0] >= 1
    assert lags.units[-1] * lags.stride <= max(n_frames // 4, n_frames // 10 + 1)


def test_requested_window_is_kept():
    lags = fit_window.requested_lags(1000, 0.1, (5.0, 40.0))
    assert lags.units[0] * lags.stride == 50
    assert 400 - lags.stride < lags.units[-1] * lags.stride <= 400


@pytest.mark.parametrize("window", [(1.0, 1.0), (0.0, 0.05), (2.0, 1.0), (1.0, 60.0)])
def test_impossible_windows_are_refused(window):
    with pytest.raises(ValueError, match="must hold two lags"):
        fit_window.requested_lags(1000, 0.1, window)


@pytest.mark.parametrize("window", [(float("nan"), 1.0), (1.0, float("inf"))])
def test_windows_that_are_no_times_are_refused(window):
    with pytest.raises(ValueError, match="two finite times"):
        fit_window.requested_lags(1000, 0.1, window)
