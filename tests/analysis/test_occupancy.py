"""Occupancies against plain averages, and their errors against correlated series of known error."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.occupancy import integrated_autocorrelation_time, measure_occupancy, standard_error
from tests.synthetic_lattice import exponential_residence


def test_occupancy_is_the_plain_average() -> None:
    rng = np.random.default_rng(0)
    dense = exponential_residence(rng, 5, 300, 8.0, 6)
    labels = ("A", "B", "A", "C", "A", "B")
    occupancy = measure_occupancy(SiteHistory.from_dense(dense, 0.1, labels), ("C", "B", "A"))
    counts = np.array([(dense == site).sum() / len(dense) for site in range(6)])
    np.testing.assert_allclose(occupancy.by_site, counts)
    assert list(occupancy.by_label) == ["C", "B", "A"]
    assert occupancy.by_label["A"].value == pytest.approx(counts[[0, 2, 4]].mean())
    assert occupancy.share["B"] == pytest.approx(counts[[1, 5]].sum() / 5)
    assert sum(occupancy.share.values()) == pytest.approx(1.0)


def test_carriers_that_never_move_have_an_exact_occupancy() -> None:
    occupancy = measure_occupancy(SiteHistory.from_dense(np.tile([0, 1, 1], (50, 1)), 0.1, ("A", "B")))
    assert occupancy.by_label["B"].value == 2.0
    assert occupancy.by_label["B"].stderr == 0.0
    assert occupancy.multiple_fraction == pytest.approx(2 / 3)


def autoregressive(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    noise = rng.normal(size=n)
    series = np.empty(n)
    series[0] = noise[0] / np.sqrt(1 - memory**2)
    for i in range(1, n):
        series[i] = memory * series[i - 1] + noise[i]
    return series


def test_autocorrelation_time_of_an_autoregressive_series() -> None:
    rng = np.random.default_rng(1)
    times = [integrated_autocorrelation_time(autoregressive(rng, 20000, 0.9)) for _ in range(8)]
    assert np.mean(times) == pytest.approx(0.5 * (1 + 0.9) / (1 - 0.9), rel=0.08)


def test_the_error_covers_the_scatter_of_means() -> None:
    rng = np.random.default_rng(2)
    runs = [autoregressive(rng, 3000, 0.95) for _ in range(60)]
    scatter = np.std([run.mean() for run in runs], ddof=1)
    assert np.mean([standard_error(run) for run in runs]) == pytest.approx(scatter, rel=0.25)
