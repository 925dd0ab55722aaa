"""A configuration in a row of numbers by which configurations can be told apart."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.learning.neighbours import pairs_within
from aiida_concerted.learning.screens import Geometry

FloatArray = NDArray[np.float64]


def radial_fingerprint(geometry: Geometry, *, cutoff: float = 5.0, spacing: float = 0.25) -> FloatArray:
    r"""Return how many neighbours an atom has around each distance, smoothed, for each pair of elements.

    For elements A and B and distances :math:`r_k` it is

    .. math:: g_{AB}(r_k) = \frac{1}{N} \sum_{i \in A,\, j \in B} f(r_{ij})
              \exp\left(-\frac{(r_{ij} - r_k)^2}{2 \Delta^2}\right),
              \quad f(r) = \tfrac{1}{2}\left(1 + \cos\frac{\pi r}{r_c}\right),

    over the pairs nearer than the cutoff :math:`r_c`, with the spacing :math:`\Delta` of the grid as width. It does
    not change under translation, rotation, exchange of like atoms and repetition of the cell, and changes smoothly when
    atoms move. The nearest shell weighs most.

    :param cutoff: :math:`r_c` in Å.
    :param spacing: :math:`\Delta` in Å.
    :return: one row, pairs in alphabetical order, length ``n_pairs * round(cutoff / spacing)``.
    """
    elements = sorted(set(geometry.species))
    kinds = np.searchsorted(elements, geometry.species)
    first, second, distance = pairs_within(geometry.cell, geometry.positions, cutoff)
    grid = (np.arange(round(cutoff / spacing)) + 0.5) * spacing
    weight = 0.5 * (1 + np.cos(np.pi * distance / cutoff))
    low, high = np.minimum(kinds[first], kinds[second]), np.maximum(kinds[first], kinds[second])
    rows = []
    for a, b in itertools.combinations_with_replacement(range(len(elements)), 2):
        mine = (low == a) & (high == b)
        bumps = np.exp(-0.5 * ((distance[mine, None] - grid) / spacing) ** 2)
        rows.append(weight[mine] @ bumps / len(kinds))
    return np.concatenate(rows)
