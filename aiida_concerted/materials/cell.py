"""Lattice vectors from lengths and angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def cell_from_parameters(lengths: Sequence[float], angles: Sequence[float]) -> NDArray[np.float64]:
    """Return lattice vectors as rows in Å, a along x and b in the xy plane.

    :param lengths: a, b, c in Å.
    :param angles: α, β, γ in degrees.
    :raises ValueError: if a length is not positive or the angles span no volume.
    """
    if min(lengths) <= 0:
        raise ValueError(f"cell: the lengths must be positive, got {list(lengths)}")
    # np.cos(pi / 2) is 6e-17: exact zeros keep orthogonal cells orthogonal.
    cosines = [0.0 if angle == 90.0 else float(np.cos(np.radians(angle))) for angle in angles]
    alpha, beta, gamma = cosines
    sine = float(np.sqrt(1.0 - gamma**2))
    squared_volume = 1.0 - alpha**2 - beta**2 - gamma**2 + 2.0 * alpha * beta * gamma
    if not all(0.0 < angle < 180.0 for angle in angles) or squared_volume <= 1e-6:
        raise ValueError(f"cell: the angles {list(angles)} span no volume")
    a, b, c = lengths
    return np.array([
        [a, 0.0, 0.0],
        [b * gamma, b * sine, 0.0],
        [c * beta, c * (alpha - beta * gamma) / sine, c * float(np.sqrt(squared_volume)) / sine],
    ])  # fmt: skip
