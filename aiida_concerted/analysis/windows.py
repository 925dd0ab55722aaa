"""Products of displacements in every window of some lags, summed over particles block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.rows import check_positions, coordinate_rows
from aiida_concerted.common.positions import PositionArray, particle_blocks
from aiida_concerted.common.threads import map_in_threads

FloatArray = NDArray[np.float64]


def displacement_products(
    positions: PositionArray, drift: FloatArray, windows: Sequence[tuple[int, int]], *, n_columns: int
) -> list[FloatArray]:
    """Return products of displacements averaged over particles, for every window of each lag.

    The positions are read once, whatever the number of lags.

    :param positions: unwrapped positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``.
    :param windows: lag and stride between the starts of two windows, both in frames.
    :param n_columns: six for the products xx, yy, zz, xy, xz, yz; one for the squared displacement alone.
    :return: for each lag an array in Å², shape ``(n_columns, (n_frames - lag - 1) // stride + 1)``.
    :raises ValueError: if a shape is not the above or a lag is not inside the run.
    """
    check_positions(positions, drift)
    n_frames, n_particles = positions.shape[:2]
    if any(not 0 < lag < n_frames or stride < 1 for lag, stride in windows):
        raise ValueError(f"lags must lie between 1 and {n_frames - 1} frames and strides be positive, got {windows}")
    sums = [np.zeros((n_columns, (n_frames - lag - 1) // stride + 1)) for lag, stride in windows]

    def of_block(particles: slice) -> list[FloatArray]:
        rows = coordinate_rows(positions, particles, drift)
        found = [np.zeros_like(total) for total in sums]
        for products, (lag, stride) in zip(found, windows, strict=True):
            _add_products(rows, lag, stride, products)
        return found

    for found in map_in_threads(of_block, particle_blocks(positions)):
        for total, products in zip(sums, found, strict=True):
            total += products
    return [total / n_particles for total in sums]


@numba.njit(cache=True, nogil=True)
def _add_products(rows, lag, stride, products):  # type: ignore[no-untyped-def]
    n_windows = products.shape[1]
    # A piece of the sums stays in the cache while all particles add to it.
    for first in range(0, n_windows, 1024):
        last = min(first + 1024, n_windows)
        for particle in range(len(rows)):
            row = rows[particle]
            if len(products) == 1:
                for window in range(first, last):
                    start = window * stride
                    x = row[0, start + lag] - row[0, start]
                    y = row[1, start + lag] - row[1, start]
                    z = row[2, start + lag] - row[2, start]
                    products[0, window] += x * x + y * y + z * z
                continue
            for window in range(first, last):
                start = window * stride
                x = row[0, start + lag] - row[0, start]
                y = row[1, start + lag] - row[1, start]
                z = row[2, start + lag] - row[2, start]
                products[0, window] += x * x
                products[1, window] += y * y
                products[2, window] += z * z
                products[3, window] += x * y
                products[4, window] += x * z
                products[5, window] += y * z
