"""Every estimator gives the same numbers from positions in memory and from a file read in tiny blocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aiida_concerted.analysis.diffusion import estimate_diffusivity
from aiida_concerted.analysis.msd import (
    collective_displacement_tensor,
    displacement_tensor,
    ensemble_mean_squared_displacement,
    mean_squared_displacement,
)
from aiida_concerted.common.trajectory import Trajectory
from tests.synthetic import as_trajectory, hopping_walkers

N_FRAMES, N_CARRIERS, N_FRAMEWORK, STRIDE = 240, 12, 5, 10
CELL = np.diag([9.0, 10.0, 11.0])


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
    elif isinstance(first, list | tuple) and first and not isinstance(first[0], int | float | str):
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
