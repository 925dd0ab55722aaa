"""Geometries that are not worth a label: atoms too close, cells too skewed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.cells import cell_heights
from aiida_concerted.common.covalent_radii import COVALENT_RADII
from aiida_concerted.learning.neighbours import pairs_within

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """One configuration.

    :param species: element symbol of each atom.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param positions: Cartesian positions in Å, shape ``(n_atoms, 3)``.
    """

    species: tuple[str, ...]
    cell: FloatArray
    positions: FloatArray


@dataclass(frozen=True)
class Screens:
    """Limits on the geometry of what is labelled; a limit that is not given is not checked.

    The four ratios are DP-GEN's ``fp_skip_bad_box`` [Zhang2020]_, taken in LAMMPS' orientation of the cell (a along x,
    b in the xy plane) whatever the orientation given.

    :param min_distance_fraction: least distance of two atoms over the sum of their covalent radii. The nearest
        pairs in the published training set of LGPS, which goes up to 1200 K, have 0.73.
    :param min_distances: least distance in Å by pair of elements, such as ``{"Li-S": 1.4}``; such a pair does not obey
        the fraction.
    :param length_ratio: most of the longest over the shortest lattice vector.
    :param height_ratio: most of the longest lattice vector over the smallest distance of opposite faces.
    :param wrap_ratio: most of ``xy/xx``, ``xz/xx`` and ``yz/yy``.
    :param tilt_ratio: most of ``xy/yy``, ``xz/zz`` and ``yz/zz``.
    :param angles: least and most angle between lattice vectors in degrees.
    :raises ValueError: if a limit is not positive or a pair is not of two elements.
    """

    min_distance_fraction: float | None = None
    min_distances: Mapping[str, float] = field(default_factory=dict)
    length_ratio: float | None = None
    height_ratio: float | None = None
    wrap_ratio: float | None = None
    tilt_ratio: float | None = None
    angles: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in ("min_distance_fraction", *CELL_RATIOS)}
        for name, value in {**limits, **self.min_distances}.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
                raise ValueError(f"the limit of {name} must be a positive number, got {value!r}")
        for pair in self.min_distances:
            if len(pair.split("-")) != 2 or any(symbol not in COVALENT_RADII for symbol in pair.split("-")):
                raise ValueError(f"min_distances are by pair of elements, such as Li-S, not '{pair}'")
        if self.angles is not None and not (len(self.angles) == 2 and 0 <= self.angles[0] < self.angles[1] <= 180):
            raise ValueError(f"angles must be the least and the most in degrees, got {list(self.angles)}")

    def problem(self, geometry: Geometry) -> str | None:
        """Return the name of the first limit that a configuration breaks, ``None`` where it keeps all."""
        for name, ratio in CELL_RATIOS.items():
            limit = getattr(self, name)
            if limit is not None and ratio(geometry.cell) > limit:
                return name
        if self.angles is not None:
            found = cell_angles(geometry.cell)
            if found.min() < self.angles[0] or found.max() > self.angles[1]:
                return "angles"
        return "min_distance" if self._too_close(geometry) else None

    def least_distance(self, first: str, second: str) -> float:
        """Return the least distance in Å that is allowed between two elements, zero where any is."""
        for pair in (f"{first}-{second}", f"{second}-{first}"):
            if pair in self.min_distances:
                return self.min_distances[pair]
        if self.min_distance_fraction is None:
            return 0.0
        return self.min_distance_fraction * (COVALENT_RADII[first] + COVALENT_RADII[second])

    def _too_close(self, geometry: Geometry) -> bool:
        elements = sorted(set(geometry.species))
        limits = np.array([[self.least_distance(a, b) for b in elements] for a in elements])
        if not limits.any():
            return False
        kinds = np.searchsorted(elements, geometry.species)
        first, second, distance = pairs_within(geometry.cell, geometry.positions, float(limits.max()))
        return bool((distance < limits[kinds[first], kinds[second]]).any())


def in_lammps_orientation(cell: FloatArray) -> FloatArray:
    """Return a cell turned so that it is lower triangular with a positive diagonal."""
    lower = np.linalg.qr(cell.T)[1].T
    return np.asarray(lower * np.sign(np.diag(lower)), dtype=np.float64)


def length_ratio(cell: FloatArray) -> float:
    """Return the longest over the shortest lattice vector."""
    lengths = np.linalg.norm(cell, axis=1)
    return float(lengths.max() / lengths.min())


def height_ratio(cell: FloatArray) -> float:
    """Return the longest lattice vector over the smallest distance of opposite faces."""
    return float(np.linalg.norm(cell, axis=1).max() / cell_heights(cell).min())


def wrap_ratio(cell: FloatArray) -> float:
    """Return the largest tilt over the edge along its direction."""
    (xx, _, _), (xy, yy, _), (xz, yz, _) = in_lammps_orientation(cell)
    return float(max(abs(xy / xx), abs(xz / xx), abs(yz / yy)))


def tilt_ratio(cell: FloatArray) -> float:
    """Return the largest tilt over the edge that is tilted."""
    (_, _, _), (xy, yy, _), (xz, yz, zz) = in_lammps_orientation(cell)
    return float(max(abs(xy / yy), abs(xz / zz), abs(yz / zz)))


def cell_angles(cell: FloatArray) -> FloatArray:
    """Return the angles between b and c, c and a, a and b in degrees."""
    unit = cell / np.linalg.norm(cell, axis=1, keepdims=True)
    cosines = np.array([unit[1] @ unit[2], unit[2] @ unit[0], unit[0] @ unit[1]])
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


CELL_RATIOS = {
    "length_ratio": length_ratio,
    "height_ratio": height_ratio,
    "wrap_ratio": wrap_ratio,
    "tilt_ratio": tilt_ratio,
}
"""How each ratio of :class:`Screens` is computed."""
