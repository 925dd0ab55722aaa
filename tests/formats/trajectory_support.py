"""Small runs whose unwrapped positions are known, and the files that several programs would write of them."""

from __future__ import annotations

from dataclasses import dataclass

import ase
import ase.io
import numpy as np

from aiida_concerted.formats.trajectory_files import ReadLimits, TrajectoryRequest, read_trajectory

CUBE = np.diag([9.0, 10.0, 11.0])
OBLIQUE = np.array([[9.0, 0.3, -0.2], [-4.1, 8.5, 0.1], [3.9, 2.7, 9.5]])
SPECIES = ("Li", "S", "Li", "P", "Li", "S", "S")


@dataclass(frozen=True)
class Run:
    """A walk of carriers through a framework that vibrates and drifts."""

    species: tuple[str, ...]
    cells: np.ndarray
    fractional: np.ndarray  # unwrapped

    @property
    def positions(self):
        return self.fractional @ self.cells

    @property
    def wrapped(self):
        return (self.fractional % 1.0) @ self.cells

    def part(self, start, stop=None):
        return Run(self.species, self.cells[start:stop], self.fractional[start:stop])

    def of(self, *symbols):
        return np.array([symbol in symbols for symbol in self.species])


def make_run(n_frames=40, cell=OBLIQUE, *, seed=0, strain=0.0, species=SPECIES):
    rng = np.random.default_rng(seed)
    cells = np.tile(cell, (n_frames, 1, 1))
    if strain:
        cells = cells @ (np.eye(3) + strain * rng.uniform(-1, 1, (n_frames, 3, 3)))
    steps = rng.normal(scale=0.06, size=(n_frames, len(species), 3))
    steps[:, [symbol != "Li" for symbol in species]] *= 0.1
    start = rng.uniform(size=(len(species), 3))
    return Run(species, cells, start + np.cumsum(steps, axis=0) - steps[0])


def atoms_of(run, *, wrapped=True, **info):
    """Return the frames as ASE's."""
    positions = run.wrapped if wrapped else run.positions
    frames = []
    for number, (frame, cell) in enumerate(zip(positions, run.cells, strict=True)):
        atoms = ase.Atoms(run.species, positions=frame, cell=cell, pbc=True)
        atoms.info = {key: value(number) for key, value in info.items()}
        frames.append(atoms)
    return frames


def write_extxyz(path, run, *, wrapped=True, **info):
    ase.io.write(path, atoms_of(run, wrapped=wrapped, **info), format="extxyz")
    return path


def read(*paths, carrier="Li", limits=None, scratch=None, **options):
    """Return trajectory and report; the positions are in memory."""
    request = TrajectoryRequest(tuple(paths), carrier, **options)
    with read_trajectory(request, limits=limits, scratch_folder=scratch) as (trajectory, report):
        object.__setattr__(trajectory, "carriers", np.array(trajectory.carriers[:]))
        return trajectory, report


TINY = ReadLimits(block_bytes=1, memory_bytes=1, framework_bytes=1 << 20)


def assert_same_run(trajectory, run, *, atol=1e-6, cell=None):
    """Compare with the run, up to the lattice vectors by which its first frame was wrapped."""
    cell = run.cells[0] if cell is None else cell
    positions = run.fractional @ cell
    carriers = positions[:, run.of("Li")]
    np.testing.assert_allclose(trajectory.cell, cell, atol=max(1e-7, atol / 10))
    np.testing.assert_allclose(trajectory.carriers - trajectory.carriers[0], carriers - carriers[0], atol=atol)
    start = (trajectory.carriers[0] - carriers[0]) @ np.linalg.inv(cell)
    np.testing.assert_allclose(start, np.rint(start), atol=atol)
    framework = positions[:, ~run.of("Li")]
    shift = (framework - framework[0]).mean(axis=1)
    np.testing.assert_allclose(trajectory.framework_displacement, shift, atol=atol)
    assert trajectory.framework_species == tuple(s for s in run.species if s != "Li")
    stored = framework[:: trajectory.framework_stride]
    np.testing.assert_allclose(trajectory.framework - trajectory.framework[0], stored - stored[0], atol=atol)
