"""Maxima of a periodic density and the basins around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_concerted.common.cells import cell_heights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Basins:
    """The basins of a density.

    :param peaks: voxel of each basin's maximum, flat index, highest maximum first.
    :param number: basin of each voxel, shape of the density; -1 below the floor.
    """

    peaks: IntArray
    number: IntArray


def smoothed(density: FloatArray, cell: FloatArray, width_A: float) -> FloatArray:
    """Return a periodic density convolved with a Gaussian, exactly and in any cell.

    :param density: values on a grid of the cell, shape ``(n_a, n_b, n_c)``.
    :param cell: lattice vectors as rows in Å.
    :param width_A: standard deviation of the Gaussian in Å along every direction.
    """
    n_a, n_b, n_c = density.shape
    reciprocal = 2.0 * np.pi * np.linalg.inv(cell).T
    h = np.fft.fftfreq(n_a, 1.0 / n_a)[:, None, None]
    k = np.fft.fftfreq(n_b, 1.0 / n_b)[None, :, None]
    l = np.fft.rfftfreq(n_c, 1.0 / n_c)[None, None, :]  # noqa: E741 - the field's letter
    squared = np.zeros(np.broadcast_shapes(h.shape, k.shape, l.shape))
    for axis in range(3):
        squared += (h * reciprocal[0, axis] + k * reciprocal[1, axis] + l * reciprocal[2, axis]) ** 2
    result: FloatArray = np.fft.irfftn(np.fft.rfftn(density) * np.exp(-0.5 * width_A**2 * squared), s=density.shape)
    return np.maximum(result, 0.0)


def find_basins(density: FloatArray, cell: FloatArray, *, floor: float, saddle_ratio: float, reach_A: float) -> Basins:
    """Return the maxima of a density and their basins, insignificant maxima merged into the higher ones beside them.

    Voxels are taken from the highest to the lowest and join the basin of their highest neighbour. Where two basins
    meet, the one with the lower maximum is merged into the other if the density there, the saddle, exceeds
    ``saddle_ratio`` times its maximum and the maxima are no further apart than ``reach_A`` (persistence-based
    clustering: Chazal et al., J. ACM 60, 41, 2013).

    :param density: smooth values on a grid of the cell, shape ``(n_a, n_b, n_c)``.
    :param cell: lattice vectors as rows in Å.
    :param floor: voxels below this density belong to no basin.
    :param saddle_ratio: saddle over lower maximum above which two maxima are one.
    :param reach_A: distance in Å beyond which two maxima are never one; below half of the cell's smallest height.
    :raises ValueError: if ``reach_A`` is too long for the cell.
    """
    if reach_A > 0.5 * cell_heights(cell).min():
        raise ValueError(
            f"maxima {reach_A} Å apart may meet their own images in a cell {cell_heights(cell).min():.2f} Å high"
        )
    flat = np.ascontiguousarray(density, dtype=np.float64).ravel()
    order = np.argsort(-flat, kind="stable")
    order = order[: int(np.count_nonzero(flat >= floor))]
    shape = np.array(density.shape, dtype=np.int64)
    root = _grow(flat, order, shape, np.ascontiguousarray(cell), saddle_ratio, reach_A**2)
    peaks, number = np.unique(root[order], return_inverse=True)
    rank = np.argsort(-flat[peaks], kind="stable")
    place = np.empty_like(rank)
    place[rank] = np.arange(len(rank))
    whole = np.full(len(flat), -1, dtype=np.int64)
    whole[order] = place[number]
    return Basins(peaks[rank], whole.reshape(density.shape))


@njit(cache=True)
def _find(root, voxel):  # type: ignore[no-untyped-def]
    """Return the maximum of a voxel's basin; shorten the way to it."""
    top = voxel
    while root[top] != top:
        top = root[top]
    while root[voxel] != top:
        root[voxel], voxel = top, root[voxel]
    return top


@njit(cache=True)
def _squared_distance(first, second, shape, cell):  # type: ignore[no-untyped-def]
    """Return the squared distance between two voxels by minimum image of the fractional coordinates."""
    fractional = np.empty(3)
    strides = (shape[1] * shape[2], shape[2], 1)
    for axis in range(3):
        steps = (first // strides[axis]) % shape[axis] - (second // strides[axis]) % shape[axis]
        fractional[axis] = steps / shape[axis] - np.rint(steps / shape[axis])
    total = 0.0
    for k in range(3):
        component = fractional[0] * cell[0, k] + fractional[1] * cell[1, k] + fractional[2] * cell[2, k]
        total += component * component
    return total


@njit(cache=True)
def _neighbours(voxel, shape, found):  # type: ignore[no-untyped-def]
    """Write the flat indices of the 26 voxels around one."""
    z = voxel % shape[2]
    y = (voxel // shape[2]) % shape[1]
    x = voxel // (shape[2] * shape[1])
    count = 0
    for i in range(-1, 2):
        for j in range(-1, 2):
            for k in range(-1, 2):
                if i != 0 or j != 0 or k != 0:
                    row = ((x + i) % shape[0]) * shape[1] + (y + j) % shape[1]
                    found[count] = row * shape[2] + (z + k) % shape[2]
                    count += 1


@njit(cache=True)
def _merge(root, flat, first, second, saddle, shape, cell, saddle_ratio, reach_squared):  # type: ignore[no-untyped-def]
    """Merge the lower of two maxima into the higher where it is insignificant; return what is left of the first."""
    lower, higher = (first, second) if flat[first] < flat[second] else (second, first)
    if saddle > saddle_ratio * flat[lower] and _squared_distance(lower, higher, shape, cell) <= reach_squared:
        root[lower] = higher
        return higher
    return first


@njit(cache=True)
def _grow(flat, order, shape, cell, saddle_ratio, reach_squared):  # type: ignore[no-untyped-def]
    """Return for every voxel of ``order`` the voxel of its basin's maximum."""
    root = np.full(len(flat), -1, dtype=np.int64)
    around = np.empty(26, dtype=np.int64)
    for voxel in order:
        _neighbours(voxel, shape, around)
        steepest = np.int64(-1)
        for neighbour in around:  # a plateau joins whichever of its neighbours came first
            if root[neighbour] >= 0 and (steepest < 0 or flat[neighbour] > flat[steepest]):
                steepest = neighbour
        if steepest < 0:
            root[voxel] = voxel
            continue
        own = _find(root, steepest)
        root[voxel] = own
        for neighbour in around:
            if root[neighbour] >= 0:
                other = _find(root, neighbour)
                if other != own:
                    own = _merge(root, flat, own, other, flat[voxel], shape, cell, saddle_ratio, reach_squared)
    for voxel in order:
        root[voxel] = _find(root, voxel)
    return root
