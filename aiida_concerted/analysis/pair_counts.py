"""Counts of pairs by distance in a periodic cell, with shells of exact volume.

A thin shell counted as ``4πr²Δr`` at its left edge makes an ideal gas look structured below 1 Å; ``4π/3 (r₂³ - r₁³)``
does not.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.cells import cell_heights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def shell_edges(r_max: float, bin_width: float) -> FloatArray:
    """Return the edges in Å of shells of one width from zero to ``r_max``, the last one full.

    :raises ValueError: if either is not positive and finite, or no shell fits.
    """
    if not (np.isfinite(r_max) and np.isfinite(bin_width) and 0 < bin_width <= r_max):
        raise ValueError(f"r_max and the bin width must be positive, the first larger, got {r_max} and {bin_width} Å")
    return np.asarray(bin_width * np.arange(int(r_max / bin_width + 1e-9) + 1), dtype=np.float64)


def shell_volumes(edges: FloatArray) -> FloatArray:
    """Return the volume of each shell in Å³, shape ``(n_bins,)``."""
    return 4.0 / 3.0 * np.pi * np.diff(edges**3)


def image_translations(cell: FloatArray, r_max: float) -> FloatArray:
    """Return every lattice translation in Å that can bring a wrapped difference within ``r_max``, shape ``(n, 3)``.

    Up to half the smallest height the zero translation alone is enough, whatever the angles: each fractional
    component of a vector that short is below one half.
    """
    counts = np.floor(r_max / cell_heights(cell) + 0.5 - 1e-9).astype(int)
    grids = np.meshgrid(*(np.arange(-count, count + 1) for count in counts), indexing="ij")
    return np.stack(grids, axis=-1).reshape(-1, 3) @ cell


@numba.njit(cache=True, nogil=True)
def _add_pairs(first, second, cell, translations, edges, same, counts):  # type: ignore[no-untyped-def]
    """Count pairs; ``second`` has the shape ``(3, m)``, for the inner loop to run along one axis."""
    width = edges[1]
    limit = edges[-1] ** 2
    n_others = second.shape[1]
    x, y, z, squared = np.empty(n_others), np.empty(n_others), np.empty(n_others), np.empty(n_others)
    for i in range(len(first)):
        for j in range(n_others):
            a, b, c = second[0, j] - first[i, 0], second[1, j] - first[i, 1], second[2, j] - first[i, 2]
            a, b, c = a - np.rint(a), b - np.rint(b), c - np.rint(c)
            x[j] = a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
            y[j] = a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1]
            z[j] = a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2]
        for image in range(len(translations)):
            u, v, w = translations[image]
            for j in range(n_others):
                squared[j] = (x[j] + u) ** 2 + (y[j] + v) ** 2 + (z[j] + w) ** 2
            if same:
                squared[i] = limit
            for j in range(n_others):
                if squared[j] < limit:
                    counts[min(int(np.sqrt(squared[j]) / width), len(counts) - 1)] += 1


def count_pairs(
    first: FloatArray, second: FloatArray, cell: FloatArray, translations: FloatArray, edges: FloatArray, *, same: bool
) -> IntArray:
    """Return the number of ordered pairs in each shell, all periodic images within reach counted.

    :param first: fractional coordinates of the particles in the centres, shape ``(n, 3)``; need not be wrapped.
    :param second: fractional coordinates of those around them, shape ``(m, 3)``.
    :param cell: lattice vectors as rows in Å.
    :param translations: of :func:`image_translations`.
    :param edges: of :func:`shell_edges`.
    :param same: leave out pairs of equal index: a particle with itself, and with its own images.
    """
    counts = np.zeros(len(edges) - 1, dtype=np.int64)
    _add_pairs(first, np.ascontiguousarray(second.T), cell, translations, edges, same, counts)
    return counts


def spread_frames(n_frames: int, wanted: int) -> IntArray:
    """Return at most ``wanted`` frames spread evenly over the whole run.

    :raises ValueError: if none is wanted or there are none.
    """
    if wanted < 1 or n_frames < 1:
        raise ValueError(f"at least one frame is needed, got {wanted} of {n_frames}")
    return np.unique(np.linspace(0, n_frames - 1, min(wanted, n_frames)).round().astype(np.int64))


def block_average(values: FloatArray, n_blocks: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean over axis 0 and its standard error from the scatter of successive blocks.

    With fewer than two samples there is no scatter and the error is zero.
    """
    mean = values.mean(axis=0)
    if len(values) < 2:
        return mean, np.zeros_like(mean)
    blocks = np.array([part.mean(axis=0) for part in np.array_split(values, min(n_blocks, len(values)))])
    return mean, blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
