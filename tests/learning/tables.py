"""Random tables of deviations, and runs of them."""

import numpy as np

from aiida_concerted.learning.deviations import RunDeviation
from aiida_concerted.learning.selection import TrustLevels
from aiida_concerted.learning.trust import LevelTable


def run_of(force, virial=None, *, system="000", temperature_K=None, every=10):
    """Return a run with one frame every ten steps."""
    steps = np.arange(len(force)) * every
    column = None if virial is None else np.array(virial, dtype=float)
    return RunDeviation(steps, np.array(force, dtype=float), column, system=system, temperature_K=temperature_K)


def levels(lower, upper):
    """Return levels that hold everywhere."""
    return LevelTable(TrustLevels(lower, upper))


def random_runs(seed, *, n_systems=2, n_tasks=3, n_frames=40):
    """Return runs named as DP-GEN names its tasks, with deviations of forces and virials in all classes."""
    generator = np.random.default_rng(seed)
    runs = {}
    for system in range(n_systems):
        for task in range(n_tasks):
            # Rounded, so that values on a border and equal values occur.
            force = generator.lognormal(-1.8, 0.6, n_frames).round(2)
            virial = generator.lognormal(-1.8, 0.6, n_frames).round(2)
            runs[f"task.{system:03d}.{task:06d}"] = run_of(force, virial, system=f"{system:03d}")
    return runs
