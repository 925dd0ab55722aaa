"""The nearest of the sites of an infinite crystal, exactly, in any cell."""

from __future__ import annotations

import itertools
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_concerted.analysis.sites import Supercell, neighbour_pairs
from aiida_concerted.common.cells import cell_heights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NEIGHBOUR_REACH_A = 8.0
"""Sites listed as neighbours of a site; a carrier within half this distance of its last site needs no full search."""


class NearestSite:
    """Finds the nearest site of a crystal for points given in units of its cell vectors or followed in time.

    :param fractional: sites of one cell, shape ``(n_sites, 3)``.
    :param cell: lattice vectors as rows in Å; distances are measured with its metric.
    """

    def __init__(self, fractional: FloatArray, cell: FloatArray) -> None:
        self.fractional = np.ascontiguousarray(fractional, dtype=np.float64)
        self.cell = np.ascontiguousarray(cell, dtype=np.float64)
        # No point is further from a site and its images than half the cell's longest body diagonal.
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
        farthest = 0.5 * float(np.linalg.norm(signs @ self.cell, axis=1).max())
        reach = np.ceil(farthest / cell_heights(self.cell) + 0.5).astype(np.int64)
        self._images = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))), dtype=np.int64)

    def follow(self, rows: FloatArray, to_units: FloatArray, supercell: Supercell, numbers: NDArray[np.int32]) -> None:
        """Write the number of the nearest site of a supercell, ``cell * n_sites + site``, for points followed in time.

        A carrier mostly stays where it was: of its last site only those neighbours are tried that can be closer (nearer
        to that site than twice the carrier's distance from it); a carrier further out is searched among all sites.

        :param rows: Cartesian coordinates in Å, shape ``(n_points, 3, n_frames)``.
        :param to_units: matrix from these to units of the cell vectors.
        :param supercell: how lattice translations are folded into the supercell.
        :param numbers: where to write, shape ``(n_points, n_frames)``.
        """
        sites = (self.fractional, self.cell, self._images, *self._neighbours)
        _follow(rows, to_units, *sites, supercell.hermite, numbers)

    @cached_property
    def _neighbours(self) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
        return _neighbour_lists(self.fractional, self.cell)

    def vectors(self, points: FloatArray) -> FloatArray:
        """Return the Cartesian vectors in Å from the nearest site to each point, shape ``(n_points, 3)``."""
        vectors = np.empty(points.shape)
        _search_each(np.ascontiguousarray(points, dtype=np.float64), self.fractional, self.cell, self._images, vectors)
        return vectors @ self.cell


def _neighbour_lists(fractional: FloatArray, cell: FloatArray) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return offsets, sites, translations and distances of the neighbours of each site, nearest first."""
    first, second, image, distance = neighbour_pairs(fractional, cell, NEIGHBOUR_REACH_A)
    order = np.lexsort((distance, first))
    offsets = np.searchsorted(first[order], np.arange(len(fractional) + 1))
    return offsets.astype(np.int64), second[order], np.ascontiguousarray(image[order]), distance[order]


@njit(cache=True, nogil=True)
def _squared_distance(point, site, translation, cell):  # type: ignore[no-untyped-def]
    total = 0.0
    for axis in range(3):
        component = 0.0
        for k in range(3):
            component += (point[k] - site[k] - translation[k]) * cell[k, axis]
        total += component * component
    return total


@njit(cache=True, nogil=True)
def _search_all(point, fractional, cell, images, translation):  # type: ignore[no-untyped-def]
    """Return the nearest of all sites; write its translation."""
    best, best_site = np.inf, -1
    home, trial = np.empty(3), np.empty(3)
    for site in range(len(fractional)):
        for k in range(3):
            home[k] = np.rint(point[k] - fractional[site, k])
        for image in range(len(images)):
            for k in range(3):
                trial[k] = home[k] + images[image, k]
            distance = _squared_distance(point, fractional[site], trial, cell)
            if distance < best:
                best, best_site = distance, site
                for k in range(3):
                    translation[k] = np.int64(trial[k])
    return best_site


@njit(cache=True, nogil=True)
def _search_each(points, fractional, cell, images, vectors):  # type: ignore[no-untyped-def]
    translation = np.zeros(3, dtype=np.int64)
    for particle in range(len(points)):
        site = _search_all(points[particle], fractional, cell, images, translation)
        for k in range(3):
            vectors[particle, k] = points[particle, k] - fractional[site, k] - translation[k]


@njit(cache=True, nogil=True)
def _search_near(  # type: ignore[no-untyped-def]
    point, site, translation, fractional, cell, offsets, neighbours, shifts, lengths, trial
):
    """Return the nearest site given the last, or -1 beyond the neighbour list; write its translation."""
    best = _squared_distance(point, fractional[site], translation, cell)
    reach = 2.0 * np.sqrt(best)
    first, last = offsets[site], offsets[site + 1]
    if first < last and reach <= lengths[first]:
        return site
    if reach > NEIGHBOUR_REACH_A:
        return -1
    winner = -1
    for index in range(first, last):
        if lengths[index] >= reach:
            break
        for k in range(3):
            trial[k] = translation[k] + shifts[index, k]
        distance = _squared_distance(point, fractional[neighbours[index]], trial, cell)
        if distance < best:
            best, winner = distance, index
    if winner == -1:
        return site
    for k in range(3):
        translation[k] += shifts[winner, k]
    return neighbours[winner]


@njit(cache=True, nogil=True)
def _cell_index(translation, hermite):  # type: ignore[no-untyped-def]
    """Return the number of the unit cell of a translation, as :meth:`Supercell.cell_index` does."""
    x, y, z = translation
    turns = x // hermite[0, 0]
    x, y, z = x - turns * hermite[0, 0], y - turns * hermite[0, 1], z - turns * hermite[0, 2]
    turns = y // hermite[1, 1]
    y, z = y - turns * hermite[1, 1], z - turns * hermite[1, 2]
    return (x * hermite[1, 1] + y) * hermite[2, 2] + z % hermite[2, 2]


@njit(cache=True, nogil=True)
def _follow(  # type: ignore[no-untyped-def]
    rows, to_units, fractional, cell, images, offsets, neighbours, shifts, lengths, hermite, numbers
):
    n_points, _, n_frames = rows.shape
    to_cell = to_units @ cell
    point, trial = np.empty(3), np.empty(3)
    # Where the particle's last site is, in Å, and the square of half the distance to that site's nearest neighbour.
    translation, anchor = np.zeros(3, dtype=np.int64), np.zeros(3)
    for particle in range(n_points):
        site, inner, number = -1, -1.0, -1
        for frame in range(n_frames):
            x, y, z = rows[particle, 0, frame], rows[particle, 1, frame], rows[particle, 2, frame]
            squared = 0.0
            for k in range(3):
                step = x * to_cell[0, k] + y * to_cell[1, k] + z * to_cell[2, k] - anchor[k]
                squared += step * step
            if squared < inner:
                numbers[particle, frame] = number
                continue
            for k in range(3):
                point[k] = x * to_units[0, k] + y * to_units[1, k] + z * to_units[2, k]
            if site >= 0:
                site = _search_near(
                    point, site, translation, fractional, cell, offsets, neighbours, shifts, lengths, trial
                )
            if site < 0:
                site = _search_all(point, fractional, cell, images, translation)
            number = _cell_index(translation, hermite) * len(fractional) + site
            numbers[particle, frame] = number
            nearest = lengths[offsets[site]] if offsets[site] < offsets[site + 1] else NEIGHBOUR_REACH_A
            inner = 0.25 * nearest * nearest
            for k in range(3):
                anchor[k] = 0.0
                for axis in range(3):
                    anchor[k] += (fractional[site, axis] + translation[axis]) * cell[axis, k]
