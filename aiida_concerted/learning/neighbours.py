"""Pairs of atoms that are near each other in a periodic cell of any shape."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.cells import cell_heights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def pairs_within(cell: FloatArray, positions: FloatArray, cutoff: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Return first atom, second atom and distance in Å of every pair nearer than the cutoff, each pair once.

    An atom and its own periodic image are a pair too. A pair occurs as often as it has images within the cutoff.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param positions: Cartesian positions in Å, shape ``(n_atoms, 3)``; wrapped or not.
    :param cutoff: in Å.

    Cost ``O(n_atoms² n_images)``; one image where the cell is at least two cutoffs high.
    """
    first, second = np.triu_indices(len(positions), k=1)
    fractional = positions @ np.linalg.inv(cell)
    between = fractional[second] - fractional[first]
    between -= np.rint(between)
    # A vector shorter than half a height has components below one half, so the rounded image is the only one; beyond
    # that, every image whose components can be short enough is tried.
    reach = np.where(cell_heights(cell) >= 2 * cutoff, 0, np.ceil(cutoff / cell_heights(cell) + 0.5)).astype(int)
    found: list[tuple[IntArray, IntArray, FloatArray]] = []
    for image in itertools.product(*(range(-n, n + 1) for n in reach)):
        distance = np.linalg.norm((between + image) @ cell, axis=1)
        near = distance < cutoff
        found.append((first[near], second[near], distance[near]))
        own = float(np.linalg.norm(np.array(image) @ cell))
        if image > (0, 0, 0) and own < cutoff:
            atoms = np.arange(len(positions))
            found.append((atoms, atoms, np.full(len(positions), own)))
    return (
        np.concatenate([part[0] for part in found]),
        np.concatenate([part[1] for part in found]),
        np.concatenate([part[2] for part in found]),
    )
