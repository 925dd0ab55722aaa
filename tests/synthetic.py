"""Synthetic trajectories whose diffusivity, Haven ratio and hop rate are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]


def random_walkers(
    n_frames: int, n_walkers: int, diffusivity: float | FloatArray, interval_ps: float, seed: int
) -> FloatArray:
    """Return independent Gaussian walkers in Å, shape (n_frames, n_walkers, 3); D in Å² ps⁻¹, one number or three."""
    generator = np.random.default_rng(seed)
    width = np.sqrt(2.0 * np.broadcast_to(diffusivity, 3) * interval_ps)
    steps = generator.normal(size=(n_frames, n_walkers, 3)) * width
    steps[0] = 0.0
    return generator.uniform(0.0, 10.0, size=(n_walkers, 3)) + np.cumsum(steps, axis=0)


def rigid_groups(
    n_frames: int, n_walkers: int, group: int, diffusivity: float, interval_ps: float, seed: int
) -> FloatArray:
    """Return walkers that move in rigid groups of ``group``: the Haven ratio is 1/group."""
    leaders = random_walkers(n_frames, n_walkers // group, diffusivity, interval_ps, seed)
    return np.repeat(leaders, group, axis=1) + np.tile(np.arange(group) * 2.0, n_walkers // group)[None, :, None]


def vibration(n_frames: int, n_walkers: int, width: float, seed: int) -> FloatArray:
    """Return white vibrations of standard deviation ``width`` in Å along each axis."""
    return np.random.default_rng(seed).normal(scale=width, size=(n_frames, n_walkers, 3))


def hopping_walkers(
    n_frames: int, n_walkers: int, rate_per_ps: float, hop_length: float, width: float, interval_ps: float, seed: int
) -> FloatArray:
    """Return walkers that hop along the axes as a Poisson process and vibrate: D = rate · hop_length² / 6."""
    generator = np.random.default_rng(seed)
    steps = np.zeros((n_frames, n_walkers, 3))
    hops = generator.poisson(rate_per_ps * interval_ps, size=(n_frames, n_walkers))
    hops[0] = 0
    for frame, walker in zip(*np.nonzero(hops), strict=True):
        for _ in range(hops[frame, walker]):
            steps[frame, walker, generator.integers(3)] += hop_length * generator.choice([-1.0, 1.0])
    return np.cumsum(steps, axis=0) + vibration(n_frames, n_walkers, width, seed + 1)


def as_trajectory(
    positions: FloatArray, interval_ps: float, *, cell: FloatArray | None = None, temperature_K: float | None = 600.0
) -> Trajectory:
    """Return positions as the carriers of a trajectory with a framework that rests."""
    return Trajectory(
        carrier="Li",
        carriers=positions,
        cell=np.diag([20.0, 20.0, 20.0]) if cell is None else cell,
        frame_interval_ps=interval_ps,
        framework_displacement=np.zeros((len(positions), 3)),
        temperature_K=temperature_K,
    )
