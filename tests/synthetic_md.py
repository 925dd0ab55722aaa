"""Small trajectories and labelled frames with random numbers in them, for tests of files and nodes."""

from __future__ import annotations

import numpy as np

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.trajectory import Trajectory

SKEWED = np.array([[9.0, 0.5, 0.0], [-1.0, 8.0, 0.3], [0.2, 0.4, 11.0]])


def small_trajectory(n_frames: int = 7, *, stride: int = 1, cell: np.ndarray = SKEWED, seed: int = 3) -> Trajectory:
    generator = np.random.default_rng(seed)
    framework = generator.uniform(0, 9, size=(1, 4, 3)) + generator.normal(0, 0.1, size=(n_frames, 4, 3))
    return Trajectory(
        carrier="Li",
        carriers=generator.uniform(0, 9, size=(1, 5, 3)) + np.cumsum(generator.normal(size=(n_frames, 5, 3)), axis=0),
        cell=cell,
        frame_interval_ps=0.05,
        framework_species=("P", "S", "S", "S"),
        framework=framework[::stride],
        framework_stride=stride,
        framework_displacement=(framework - framework[0]).mean(axis=1),
        temperature_K=600.0,
    )


def random_frames(
    species: tuple[str, ...] = ("Li", "Li", "P", "S", "S"), n_frames: int = 3, *, virials: bool = True, seed: int = 5
) -> LabelledFrames:
    generator = np.random.default_rng(seed)
    n_atoms = len(species)
    return LabelledFrames(
        species=species,
        cells=np.tile(SKEWED, (n_frames, 1, 1)) * (1 + 0.01 * generator.normal(size=(n_frames, 1, 1))),
        positions=generator.uniform(0, 9, size=(n_frames, n_atoms, 3)),
        energies=generator.normal(-20, 1, size=n_frames),
        forces=generator.normal(size=(n_frames, n_atoms, 3)),
        virials=generator.normal(size=(n_frames, 3, 3)) if virials else None,
        origins=tuple((f"uuid-{i}", 10 * i) for i in range(n_frames)),
    )
