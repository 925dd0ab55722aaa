"""Intervals of counts: exact values, and coverage of what they claim."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.counts import dispersion_of, excess_interval, poisson_interval


@pytest.mark.parametrize(("n", "lower", "upper"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)])
def test_tabulated_poisson_intervals(n: int, lower: float, upper: float) -> None:
    assert poisson_interval(n) == (pytest.approx(lower, abs=1e-3), pytest.approx(upper, abs=1e-3))


@pytest.mark.parametrize(("signal", "background"), [(0.5, 0.2), (4.0, 3.0), (60.0, 25.0), (0.0, 10.0)])
def test_the_interval_of_an_excess_covers_it(signal: float, background: float) -> None:
    rng = np.random.default_rng(4)
    n_covered = 0
    for _ in range(600):
        interval = excess_interval(rng.poisson(signal + background), rng.poisson(7.6 * background), 7.6)
        assert interval.lower is not None
        assert interval.upper is not None
        n_covered += interval.lower <= signal <= interval.upper
    assert n_covered >= 0.93 * 600


def test_overdispersion_widens_and_underdispersion_does_not_narrow() -> None:
    plain, wide, narrow = (excess_interval(50, 60, 8.0, spread) for spread in (1.0, 4.0, 0.3))
    assert plain == narrow
    assert plain.upper is not None
    assert wide.upper is not None
    assert wide.upper - wide.value == pytest.approx(2.0 * (plain.upper - plain.value))


def test_dispersion_of_poisson_blocks_is_one() -> None:
    rng = np.random.default_rng(5)
    assert dispersion_of(rng.poisson(7.0, size=20000)) == pytest.approx(1.0, abs=0.05)
    assert dispersion_of(np.zeros(10, dtype=np.int64)) is None


@pytest.mark.parametrize(("raw", "side", "ratio"), [(-1, 0, 8.0), (1, -1, 8.0), (1, 1, 0.0)])
def test_impossible_counts_are_refused(raw: int, side: int, ratio: float) -> None:
    with pytest.raises(ValueError, match=r"negative|positive"):
        excess_interval(raw, side, ratio)
