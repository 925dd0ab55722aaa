"""Coordinates of a few particles at a time, each as a row of all frames: what transforms and lags go along."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.positions import PositionArray

FloatArray = NDArray[np.float64]


def check_positions(positions: PositionArray, drift: FloatArray | None = None) -> None:
    """Check that positions and the displacement of the frame of reference belong together.

    :raises ValueError: if a shape is wrong or there are no positions.
    """
    if len(positions.shape) != 3 or positions.shape[2] != 3 or 0 in positions.shape:
        raise ValueError(f"positions must have the shape (n_frames, n_particles, 3), got {positions.shape}")
    if drift is not None and drift.shape != (positions.shape[0], 3):
        raise ValueError(f"drift must have the shape ({positions.shape[0]}, 3), got {drift.shape}")


def coordinate_rows(positions: PositionArray, particles: slice, drift: FloatArray | None = None) -> FloatArray:
    """Return the coordinates of some particles in Å, shape ``(n_particles, 3, n_frames)``.

    :param positions: positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param particles: which of them.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``, taken off.
    """
    block = np.ascontiguousarray(positions[:, particles])
    if block.dtype not in (np.float32, np.float64):
        block = block.astype(np.float64)
    rows = np.empty((block.shape[1], 3, block.shape[0]))
    _turn(block, np.zeros((block.shape[0], 3)) if drift is None else np.ascontiguousarray(drift), rows)
    return rows


@numba.njit(cache=True, nogil=True)
def _turn(block, drift, rows):  # type: ignore[no-untyped-def]
    n_frames, n_particles, _ = block.shape
    # In pieces that stay in the cache: one side of a transposition is always read or written in jumps.
    for start in range(0, n_frames, 128):
        stop = min(start + 128, n_frames)
        for particle in range(n_particles):
            for axis in range(3):
                for frame in range(start, stop):
                    rows[particle, axis, frame] = block[frame, particle, axis] - drift[frame, axis]
