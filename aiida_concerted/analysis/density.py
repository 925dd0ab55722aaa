"""Where the carriers are: their probability density on a grid, folded into one cell and symmetrised on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK_POSITIONS = 1 << 20
N_BLOCKS = 5


@dataclass(frozen=True)
class DensityMap:
    """Number density of the carriers.

    :param cell: cell of the grid, lattice vectors as rows in Å.
    :param density: density in Å⁻³ of each voxel, shape ``(n_a, n_b, n_c)``; voxel ``i`` is centred on the fractional
        coordinate ``i/n``, as in VASP's CHGCAR.
    :param stderr: standard error of each voxel from blocks of time.
    """

    cell: FloatArray
    density: FloatArray
    stderr: FloatArray

    @property
    def n_carriers(self) -> float:
        """Return the integral of the density: carriers in the cell of the grid."""
        return float(self.density.mean() * abs(np.linalg.det(self.cell)))


def carrier_density(
    trajectory: Trajectory,
    *,
    spacing_A: float = 0.2,
    grid: tuple[int, int, int] | None = None,
    unit_cell: FloatArray | None = None,
    origin_shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> DensityMap:
    """Return the probability density of a run's carriers relative to its framework.

    :param trajectory: one run.
    :param spacing_A: longest edge of a voxel in Å, where no grid is given.
    :param grid: voxels along each axis of the cell of the grid.
    :param unit_cell: cell of which the trajectory's is a multiple, rows in Å in the same Cartesian axes; all its
        copies are averaged. The trajectory's own cell when not given.
    :param origin_shift: fractional coordinates, in the cell of the grid, that become its origin.
    :raises ValueError: if the grid is impossible or the cells are not multiples.
    """
    cell = trajectory.cell if unit_cell is None else np.asarray(unit_cell, dtype=np.float64)
    n_cells = _copies(trajectory.cell, cell)
    shape = _grid_shape(cell, spacing_A) if grid is None else grid
    if min(shape) < 1:
        raise ValueError(f"a grid needs one voxel or more along each axis, got {shape}")
    edges = np.linspace(0, trajectory.n_frames, min(N_BLOCKS, trajectory.n_frames) + 1).astype(int)
    voxel = abs(np.linalg.det(cell)) / np.prod(shape)
    blocks = np.empty((len(edges) - 1, *shape))
    for index, (start, stop) in enumerate(pairwise(edges.tolist())):
        counts = np.zeros(int(np.prod(shape)), dtype=np.int64)
        for positions in _position_chunks(trajectory, start, stop):
            counts += _count_voxels(positions @ np.linalg.inv(cell) - np.asarray(origin_shift), shape)
        blocks[index] = counts.reshape(shape) / ((stop - start) * n_cells * voxel)
    lengths = np.diff(edges) / trajectory.n_frames
    stderr = blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    return DensityMap(cell, np.tensordot(lengths, blocks, axes=1), stderr)


def symmetrised(density: DensityMap, rotations: IntArray, translations: FloatArray) -> DensityMap:
    """Return the mean of a density over symmetry operations; the integral stays what it is.

    Errors are combined as if equivalent voxels were independent of each other, as they are when far apart.

    :param density: density whose origin is that of the operations.
    :param rotations: integer matrices acting on fractional column vectors, shape ``(n, 3, 3)``.
    :param translations: fractional translations, shape ``(n, 3)``.
    :raises ValueError: if an operation does not take the grid onto itself.
    """
    if len(rotations) != len(translations) or not len(rotations):
        raise ValueError(f"each rotation needs its translation, got {len(rotations)} and {len(translations)}")
    images = [_voxel_images(density.density.shape, *pair) for pair in zip(rotations, translations, strict=True)]
    flat, variance = density.density.ravel(), density.stderr.ravel() ** 2
    mean = np.mean([flat[image] for image in images], axis=0)
    error = np.sqrt(np.sum([variance[image] for image in images], axis=0)) / len(images)
    shape = density.density.shape
    return DensityMap(density.cell, mean.reshape(shape), error.reshape(shape))


def _voxel_images(shape: tuple[int, ...], rotation: IntArray, translation: FloatArray) -> IntArray:
    """Return for each voxel the index of the one that the operation takes it to."""
    counts = np.array(shape)
    centres = np.indices(shape).reshape(3, -1).T / counts
    exact = (centres @ np.asarray(rotation).T + translation) * counts
    index = np.round(exact).astype(np.int64)
    if np.abs(exact - index).max() > 1e-4:
        raise ValueError(
            f"the symmetry does not take the grid {tuple(shape)} onto itself: choose equal numbers along equivalent "
            f"axes, divisible by the denominators of the translation {np.round(translation, 4).tolist()}"
        )
    return np.ravel_multi_index(tuple((index % counts).T), tuple(shape)).astype(np.int64)


def _count_voxels(fractional: FloatArray, shape: tuple[int, ...]) -> IntArray:
    counts = np.array(shape)
    index = np.floor(fractional * counts + 0.5).astype(np.int64) % counts
    flat = np.ravel_multi_index(tuple(np.moveaxis(index, -1, 0)), tuple(shape)).ravel()
    return np.bincount(flat, minlength=int(np.prod(shape)))


def _position_chunks(trajectory: Trajectory, start: int, stop: int) -> Iterator[FloatArray]:
    step = max(1, CHUNK_POSITIONS // trajectory.n_carriers)
    for first in range(start, stop, step):
        frames = slice(first, min(first + step, stop))
        positions = trajectory.carriers[frames]
        if trajectory.framework_displacement is not None:
            positions = positions - trajectory.framework_displacement[frames, None, :]
        yield positions


def _copies(cell: FloatArray, unit_cell: FloatArray) -> int:
    multiple = cell @ np.linalg.inv(unit_cell)
    copies = round(abs(float(np.linalg.det(multiple))))
    if copies < 1 or np.abs(multiple - np.round(multiple)).max() > 0.05:
        raise ValueError(
            f"the trajectory's cell is no integer multiple of the unit cell: {np.round(multiple, 3).tolist()}"
        )
    return copies


def _grid_shape(cell: FloatArray, spacing_A: float) -> tuple[int, int, int]:
    if not (np.isfinite(spacing_A) and spacing_A > 0):
        raise ValueError(f"the spacing of a grid must be positive, got {spacing_A} Å")
    # Multiples of twelve let the translations of every screw axis, glide plane and centring through.
    n_a, n_b, n_c = (12 * int(np.ceil(length / spacing_A / 12 - 1e-9)) for length in np.linalg.norm(cell, axis=1))
    return n_a, n_b, n_c
