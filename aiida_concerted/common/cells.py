"""Geometry of unit cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def cell_heights(cell: FloatArray) -> FloatArray:
    """Return the distance in Å between opposite faces of a cell, one number for each lattice vector.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    """
    heights: FloatArray = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    return heights
