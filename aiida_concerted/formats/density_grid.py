"""A density on the grid of a periodic cell with the atoms about it: what the density files of other programs hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.elements import ATOMIC_NUMBERS

FloatArray = NDArray[np.float64]

SAME_ATOM_A = 0.8
"""Distance in Å below which two atoms of one element are taken for copies of one: no bond is that short but H–H."""


@dataclass(frozen=True)
class DensityGrid:
    """A number density and the atoms drawn with it.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param density_A3: number density in Å⁻³, shape ``(n_a, n_b, n_c)``; voxel ``i`` is centred on the fractional
        coordinate ``i/n``.
    :param species: element of each atom.
    :param positions: Cartesian positions of the atoms in Å, shape ``(n_atoms, 3)``.
    :raises ValueError: if shapes disagree, a number is not finite, the cell has no volume or an element is unknown.
    """

    cell: FloatArray
    density_A3: FloatArray
    species: tuple[str, ...]
    positions: FloatArray

    def __post_init__(self) -> None:
        if self.density_A3.ndim != 3 or not self.density_A3.size:
            raise ValueError(f"a density needs a grid along three axes, got the shape {self.density_A3.shape}")
        if self.positions.shape != (len(self.species), 3):
            raise ValueError(f"positions must have the shape ({len(self.species)}, 3), got {self.positions.shape}")
        for name in ("cell", "density_A3", "positions"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} must be finite")
        if self.cell.shape != (3, 3) or abs(np.linalg.det(self.cell)) < 1e-6:
            raise ValueError("the cell must be three vectors that span a volume")
        unknown = sorted({symbol for symbol in self.species if symbol not in ATOMIC_NUMBERS})
        if unknown:
            raise ValueError(f"unknown elements {', '.join(unknown)}: use the symbols of the periodic table")

    @property
    def volume_A3(self) -> float:
        """Return the volume of the cell in Å³."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def fractional(self) -> FloatArray:
        """Return the fractional positions of the atoms in ``[0, 1)``."""
        return np.asarray((self.positions @ np.linalg.inv(self.cell)) % 1.0 % 1.0, dtype=np.float64)


def folded_atoms(
    species: Sequence[str],
    positions: FloatArray,
    cell: FloatArray,
    *,
    origin_shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
    same_atom_A: float = SAME_ATOM_A,
) -> tuple[tuple[str, ...], FloatArray]:
    """Return atoms of a supercell folded into one cell, copies of one atom averaged, in order of first appearance.

    :param species: element of each atom.
    :param positions: Cartesian positions in Å, time averages for instance, shape ``(n, 3)``.
    :param cell: cell to fold into, rows in Å.
    :param origin_shift: fractional coordinates of the cell that become its origin, as for the density.
    :param same_atom_A: distance in Å below which atoms of one element are copies of each other.
    :raises ValueError: if there is not one position for each element.
    """
    if np.shape(positions) != (len(species), 3):
        raise ValueError(f"positions must have the shape ({len(species)}, 3), got {np.shape(positions)}")
    fractional = positions @ np.linalg.inv(cell) - np.asarray(origin_shift)
    kept: list[tuple[str, FloatArray, list[FloatArray]]] = []
    for symbol, place in zip(species, fractional, strict=True):
        for other, first, steps in kept:
            step = place - first
            step -= np.round(step)
            if other == symbol and np.linalg.norm(step @ cell) < same_atom_A:
                steps.append(step)
                break
        else:
            kept.append((symbol, place, [np.zeros(3)]))
    folded = [(first + np.mean(steps, axis=0)) % 1.0 for _, first, steps in kept]
    return tuple(symbol for symbol, _, _ in kept), np.reshape(folded, (-1, 3)) @ cell
