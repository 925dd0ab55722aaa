"""Where the carriers are: their probability density on a grid, folded into one cell and symmetrised on demand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.positions import PositionArray, frame_blocks
from aiida_concerted.common.threads import map_in_threads
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

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
    edges = np.linspace(0, trajectory.n_frames, min(N_BLOCKS, trajectory.n_frames) + 1).astype(np.int64)
    to_grid = np.linalg.inv(cell) * np.array(shape)
    shift = np.asarray(origin_shift, dtype=np.float64) * np.array(shape) - 0.5
    counts = _count_in_blocks(trajectory.relative_to_framework(), edges, to_grid, shift, shape)
    lengths = np.diff(edges)
    voxel = abs(np.linalg.det(cell)) / np.prod(shape)
    blocks = counts / (lengths[:, None, None, None] * n_cells * voxel)
    stderr = blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
    return DensityMap(cell, np.tensordot(lengths / trajectory.n_frames, blocks, axes=1), stderr)


def symmetrised(density: DensityMap, rotations: IntArray, translations: FloatArray) -> DensityMap:
    """Return the mean of a density over symmetry operations; the integral stays what it is.

    Errors are combined as if equivalent voxels were independent of each other, as they are when far apart; a voxel that
    operations leave in its place counts once.

    :param density: density whose origin is that of the operations.
    :param rotations: integer matrices acting on fractional column vectors, shape ``(n, 3, 3)``; with their
        translations they form a group.
    :param translations: fractional translations, shape ``(n, 3)``.
    :raises ValueError: if an operation does not take the grid onto itself.
    """
    if len(rotations) != len(translations) or not len(rotations):
        raise ValueError(f"each rotation needs its translation, got {len(rotations)} and {len(translations)}")
    flat, variance = density.density.ravel(), density.stderr.ravel() ** 2
    mean, error, coincident = np.zeros_like(flat), np.zeros_like(flat), np.zeros_like(flat)
    first = None
    for rotation, translation in zip(rotations, translations, strict=True):
        image = _voxel_images(density.density.shape, rotation, translation)
        first = image if first is None else first
        mean += flat[image]
        error += variance[image]
        # In a group every image of a voxel occurs as often as the first.
        coincident += image == first
    shape, n_operations = density.density.shape, len(rotations)
    error = np.sqrt(error * coincident) / n_operations
    return DensityMap(density.cell, (mean / n_operations).reshape(shape), error.reshape(shape))


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


def _count_in_blocks(
    positions: PositionArray, edges: IntArray, to_grid: FloatArray, shift: FloatArray, shape: tuple[int, int, int]
) -> IntArray:
    """Return how often each voxel was occupied in each block of time, shape ``(n_blocks, *shape)``."""

    def of_frames(part: tuple[int, slice]) -> tuple[int, NDArray[np.uint32]]:
        counts = np.zeros(shape, dtype=np.uint32)
        _count_voxels(np.ascontiguousarray(positions[part[1]], dtype=np.float64), to_grid, shift, counts)
        return part[0], counts

    parts = [
        (block, slice(max(start, frames.start), min(stop, frames.stop)))
        for frames in frame_blocks(positions)
        for block, (start, stop) in enumerate(pairwise(edges.tolist()))
        if max(start, frames.start) < min(stop, frames.stop)
    ]
    total = np.zeros((len(edges) - 1, *shape), dtype=np.int64)
    for block, counts in map_in_threads(of_frames, parts):
        total[block] += counts
    return total


@numba.njit(cache=True, nogil=True)
def _count_voxels(positions, to_grid, shift, counts):  # type: ignore[no-untyped-def]
    place = np.empty(3, dtype=np.int64)
    for frame in range(len(positions)):
        for particle in range(positions.shape[1]):
            x, y, z = positions[frame, particle]
            for axis in range(3):
                n = counts.shape[axis]
                along = x * to_grid[0, axis] + y * to_grid[1, axis] + z * to_grid[2, axis] - shift[axis]
                # Floating-point division is faster than the integer remainder, and exact but for the last step.
                index = np.int64(np.floor(along) - n * np.floor(along / n))
                place[axis] = index - n if index >= n else index + n if index < 0 else index
            counts[place[0], place[1], place[2]] += 1


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
