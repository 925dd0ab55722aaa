"""Every estimator gives the same numbers from positions in memory and from a file read in tiny blocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aiida_concerted.analysis.assignment import assign_sites, site_history
from aiida_concerted.analysis.density import carrier_density
from aiida_concerted.analysis.diffusion import estimate_diffusivity
from aiida_concerted.analysis.msd import (
    collective_displacement_tensor,
    displacement_tensor,
    ensemble_mean_squared_displacement,
    mean_squared_displacement,
)
from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.radial import carrier_radial_distributions
from aiida_concerted.analysis.site_analysis import analyse_sites
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.analysis.van_hove import carrier_van_hove
from aiida_concerted.common.trajectory import Trajectory
from tests.synthetic import as_trajectory, hopping_walkers

N_FRAMES, N_CARRIERS, N_FRAMEWORK, STRIDE = 240, 12, 5, 10
CELL = np.diag([9.0, 10.0, 11.0])
SITES = SiteNetwork(
    "grid", tuple("ABCABCAB"), np.array(list(np.ndindex(2, 2, 2))) / 2.0, CELL, max_edge_A=6.0, origin_shift=(0, 0, 0)
)


def in_memory() -> Trajectory:
    generator = np.random.default_rng(1)
    drift = np.cumsum(generator.normal(scale=0.02, size=(N_FRAMES, 3)), axis=0)
    drift -= drift[0]
    carriers = hopping_walkers(N_FRAMES, N_CARRIERS, 0.5, 3.0, 0.3, 0.1, seed=2) + drift[:, None]
    stored = generator.normal(scale=0.2, size=(N_FRAMES // STRIDE, N_FRAMEWORK, 3)) + drift[::STRIDE, None]
    return dataclasses.replace(
        as_trajectory(carriers, 0.1, cell=CELL),
        framework_species=("S", "S", "P", "S", "P"),
        framework=stored + np.linspace(0.0, 8.0, N_FRAMEWORK)[:, None],
        framework_stride=STRIDE,
        framework_displacement=drift,
    )


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Trajectory, Trajectory]]:
    """Yield a run in memory, and the same run in a file whose blocks hold next to nothing from now on."""
    trajectory = in_memory()
    with h5py.File(tmp_path / "run.h5", "w") as file:
        carriers = file.create_dataset("carriers", data=trajectory.carriers, chunks=(16, 2, 3))
        framework = file.create_dataset("framework", data=trajectory.framework, chunks=(4, 2, 3))
        monkeypatch.setattr("aiida_concerted.common.positions.BLOCK_BYTES", 1)
        yield trajectory, dataclasses.replace(trajectory, carriers=carriers, framework=framework)


def assert_same(first: Any, second: Any, where: str = "result") -> None:
    """Compare results of any depth: numbers to rounding, everything else exactly."""
    if dataclasses.is_dataclass(first):
        first, second = vars(first), vars(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_same(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, list | tuple) and not all(isinstance(item, int | float) for item in first):
        assert len(first) == len(second), where
        for number, pair in enumerate(zip(first, second, strict=True)):
            assert_same(*pair, f"{where}[{number}]")
    elif first is None or isinstance(first, str | bool):
        assert first == second, where
    else:
        scale = float(np.abs(first).max(initial=0.0)) if np.size(first) else 0.0
        np.testing.assert_allclose(second, first, rtol=1e-10, atol=1e-12 * scale, err_msg=where)


@pytest.mark.parametrize(
    "curve",
    [
        mean_squared_displacement,
        displacement_tensor,
        ensemble_mean_squared_displacement,
        collective_displacement_tensor,
    ],
)
def test_displacements(runs, curve):
    assert_same(*(curve(run.carriers) for run in runs))


@pytest.mark.parametrize("window", [None, (1.0, 6.0)])
def test_diffusivity(runs, window):
    results = [estimate_diffusivity(run, discard_ps=0.7, fit_window_ps=window, hop_length_A=3.0) for run in runs]
    assert_same(*results)
    assert results[0].tracer.value > 0


def test_sites_of_carriers(runs):
    placed = place_network(SITES, CELL)
    histories = [
        site_history(run.carriers, placed, 0.1, framework_displacement=run.framework_displacement) for run in runs
    ]
    assert_same(*histories)
    assert_same(*(assign_sites(run.relative_to_framework(), placed) for run in runs))
    np.testing.assert_array_equal(histories[1].to_dense(), assign_sites(runs[0].relative_to_framework()[:], placed))
    assert histories[0].n_hops > 100


def test_statistics_of_sites(runs):
    results = [analyse_sites(run, SITES, discard_ps=1.0) for run in runs]
    assert_same(*(result.as_dict() for result in results))
    assert results[0].hops.counted > 50


def test_density(runs):
    assert_same(*(carrier_density(run, grid=(7, 8, 9), origin_shift=(0.1, 0.2, 0.3)) for run in runs))


def test_radial_distributions(runs):
    assert_same(*(carrier_radial_distributions(run, r_max=6.0, max_frames=50) for run in runs))


def test_van_hove_functions(runs):
    assert_same(*(carrier_van_hove(run, max_origins=40) for run in runs))


class Watched:
    """Positions that remember the most numbers that anybody asked for at once."""

    def __init__(self, positions: np.ndarray) -> None:
        self.positions, self.most = positions, 0
        self.shape, self.dtype = positions.shape, positions.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        found = np.array(self.positions[key])
        self.most = max(self.most, found.size)
        return found


@pytest.mark.parametrize(
    "estimate",
    [
        estimate_diffusivity,
        lambda run: analyse_sites(run, SITES),
        lambda run: carrier_density(run, grid=(4, 4, 4)),
        lambda run: carrier_radial_distributions(run, r_max=6.0),
        carrier_van_hove,
    ],
)
def test_nobody_asks_for_all_positions_at_once(monkeypatch, estimate):
    monkeypatch.setattr("aiida_concerted.common.positions.BLOCK_BYTES", 24 * N_FRAMES)
    trajectory = in_memory()
    watched = Watched(np.asarray(trajectory.carriers))
    estimate(dataclasses.replace(trajectory, carriers=watched))
    assert 0 < watched.most <= 3 * N_FRAMES


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_threads_changes_nothing(monkeypatch, workers):
    monkeypatch.setattr("aiida_concerted.common.positions.BLOCK_BYTES", 1)
    expected = estimate_diffusivity(in_memory()).as_dict()
    monkeypatch.setattr("aiida_concerted.common.threads.n_threads", lambda: workers)
    assert estimate_diffusivity(in_memory()).as_dict() == expected
