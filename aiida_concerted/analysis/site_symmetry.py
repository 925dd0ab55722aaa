"""The symmetry that a framework gives to the sites in it: unit cell, operations, orbits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spglib
from numpy.typing import NDArray

from aiida_concerted.analysis.components import connected
from aiida_concerted.analysis.sites import hermite_normal_form

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TOLERANCES_A = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""How far in Å an average framework may be from symmetric, tried in turn; averages of 10 ps are off by 0.1 to 0.3 Å."""

SAME_SITE_A = 0.5
"""Images of a site closer than this in Å are one site on the symmetry element between them."""


@dataclass(frozen=True)
class UnitSymmetry:
    """The smallest cell of a crystal and the operations within it.

    :param cell: lattice vectors as rows in Å, in the axes of the run.
    :param rotations: matrices on fractional column vectors, one for each rotation, shape ``(n, 3, 3)``.
    :param translations: fractional translations, shape ``(n, 3)``.
    :param multiple: rows are the run's lattice vectors in units of the cell's.
    """

    cell: FloatArray
    rotations: FloatArray
    translations: FloatArray
    multiple: IntArray

    @property
    def n_cells(self) -> int:
        """Return the number of these cells in that of the run."""
        return round(abs(float(np.linalg.det(self.multiple))))

    @property
    def n_operations(self) -> int:
        """Return the number of operations, translations within the cell of the run counted."""
        return self.n_cells * len(self.rotations)

    @classmethod
    def trivial(cls, cell: FloatArray) -> UnitSymmetry:
        """Return the symmetry of a cell without any."""
        return cls(cell, np.eye(3)[None], np.zeros((1, 3)), np.eye(3, dtype=np.int64))

    def images(self, fractional: FloatArray) -> FloatArray:
        """Return the images of points, shape ``(n_operations, n_points, 3)``, in fractions of the cell."""
        return np.einsum("oij,pj->opi", self.rotations, fractional) + self.translations[:, None, :]

    def symmetrised(self, density: FloatArray) -> FloatArray:
        """Return the mean of a density on a grid of the cell over all operations, each voxel taken to the nearest."""
        if len(self.rotations) == 1:
            return density
        shape = np.array(density.shape)
        filled = np.argwhere(density > 0)
        weights = density[density > 0]
        total = np.zeros(density.size)
        for rotation, translation in zip(self.rotations, self.translations, strict=True):
            moved = (filled / shape) @ rotation.T + translation
            voxels = np.floor(moved * shape + 0.5).astype(np.int64) % shape
            total += np.bincount(np.ravel_multi_index(tuple(voxels.T), density.shape), weights, density.size)
        return (total / len(self.rotations)).reshape(density.shape)

    def classes(self, fractional: FloatArray) -> IntArray:
        """Return the class of equivalent sites of each site: an operation takes one within 0.5 Å of the other."""
        links = [_close(image, fractional, self.cell) for image in self.images(fractional)]
        ends = np.concatenate(links)
        return connected(ends[:, 0], ends[:, 1], len(fractional)).astype(np.int64)

    def orbit(self, fractional: FloatArray) -> FloatArray:
        """Return all images of a site in the cell; one near a symmetry element is moved onto it.

        :param fractional: fractional coordinates, shape ``(3,)``.
        """
        images = self.images(fractional[None])[:, 0]
        for _ in range(2):  # the first mean may bring further images near
            away = images - fractional
            away -= np.rint(away)
            near = np.linalg.norm(away @ self.cell, axis=1) < SAME_SITE_A
            fractional = fractional + away[near].mean(axis=0)
            images = self.images(fractional[None])[:, 0]
        kept: list[FloatArray] = []
        for image in images:
            if not kept or not len(_close(image[None], np.array(kept), self.cell)):
                kept.append(image)
        return np.array(kept) % 1.0

    def in_run(self, fractional: FloatArray) -> FloatArray:
        """Return sites of the cell as fractional coordinates of the run's cell, all copies."""
        hermite = hermite_normal_form(self.multiple)
        counts = np.diag(hermite)
        copies = np.array(list(np.ndindex(*counts.tolist())), dtype=np.float64)
        everywhere = (fractional[None] + copies[:, None]).reshape(-1, 3) @ np.linalg.inv(self.multiple)
        folded: FloatArray = everywhere % 1.0
        return folded


@dataclass(frozen=True)
class _Crystal:
    """A framework: lattice vectors as rows in Å, fractional coordinates, a number for each element."""

    cell: FloatArray
    fractional: FloatArray
    numbers: IntArray

    def operations(self) -> tuple[IntArray, FloatArray]:
        """Return rotations and translations; of the tolerances tried the one that gives most counts."""
        best = (np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))
        crystal = (self.cell.tolist(), self.fractional.tolist(), self.numbers.tolist())
        for tolerance in TOLERANCES_A:
            found = _ask_spglib(crystal, tolerance)
            if found is not None and len(found[0]) > len(best[0]):
                best = found
        return best


def framework_symmetry(cell: FloatArray, positions: FloatArray, species: tuple[str, ...]) -> UnitSymmetry | None:
    """Return the symmetry of a framework, ``None`` where there is only the identity.

    The framework is folded into its smallest cell first, so that its operations need not be those of the run's cell.

    :param cell: lattice vectors as rows in Å.
    :param positions: average Cartesian positions in Å, shape ``(n, 3)``.
    :param species: element of each atom; atoms of different elements are never equivalent.
    """
    _, numbers = np.unique(np.array(species), return_inverse=True)
    crystal = _Crystal(cell, positions @ np.linalg.inv(cell), np.asarray(numbers + 1, dtype=np.int64))
    rotations, translations = crystal.operations()
    while (shifts := translations[(rotations == np.eye(3, dtype=np.int64)).all(axis=(1, 2))]).shape[0] > 1:
        crystal = _folded(crystal, shifts)
        rotations, translations = crystal.operations()
    multiple = np.rint(cell @ np.linalg.inv(crystal.cell)).astype(np.int64)
    found = UnitSymmetry(crystal.cell, rotations.astype(np.float64), translations, multiple)
    return found if found.n_operations > 1 else None


def _folded(crystal: _Crystal, shifts: FloatArray) -> _Crystal:
    """Return a crystal in the smaller cell of a group of translations, equivalent atoms averaged."""
    unit = _reduced(_lattice(shifts, len(shifts)) @ crystal.cell)
    multiple = np.rint(crystal.cell @ np.linalg.inv(unit))
    unit = np.asarray(np.linalg.solve(multiple, crystal.cell), dtype=np.float64)
    fractional = crystal.fractional @ multiple
    left = np.ones(len(fractional), dtype=bool)
    places, numbers = [], []
    while left.any():
        atom = int(np.argmax(left))
        alike = np.flatnonzero(left & (crystal.numbers == crystal.numbers[atom]))
        away = fractional[alike] - fractional[atom]
        away -= np.rint(away)
        nearest = np.argsort(np.linalg.norm(away @ unit, axis=1), kind="stable")[: len(shifts)]
        places.append(fractional[atom] + away[nearest].mean(axis=0))
        numbers.append(crystal.numbers[atom])
        left[alike[nearest]] = False
    return _Crystal(unit, np.array(places) % 1.0, np.array(numbers))


def _ask_spglib(
    crystal: tuple[list[list[float]], list[list[float]], list[int]], tolerance_A: float
) -> tuple[IntArray, FloatArray] | None:
    try:
        found = spglib.get_symmetry(crystal, symprec=tolerance_A)
    except spglib.SpglibError:  # newer versions raise where older ones return None
        return None
    return None if found is None else (np.asarray(found["rotations"], dtype=np.int64), found["translations"])


def _lattice(shifts: FloatArray, n_cells: int) -> FloatArray:
    """Return three vectors, in fractions of the cell, whose lattice is that of a group of translations."""
    # The orders of the translations divide their number n: in units of 1/n they are integers.
    basis = n_cells * np.eye(3, dtype=np.int64)
    for shift in np.rint(shifts * n_cells).astype(np.int64):
        basis = _with_vector(basis, shift)
    return basis / n_cells


def _with_vector(basis: IntArray, vector: IntArray) -> IntArray:
    """Return a triangular basis of the lattice of a triangular basis and one vector more (Euclid's algorithm)."""
    rows = [row.copy() for row in basis]
    vector = vector.copy()
    for axis in range(3):
        while vector[axis] != 0:
            rows[axis], vector = vector, rows[axis] - (rows[axis][axis] // vector[axis]) * vector
    return np.array(rows)


def _reduced(cell: FloatArray) -> FloatArray:
    """Return short vectors of a lattice, in the same axes."""
    return np.array(spglib.niggli_reduce(cell.tolist()), dtype=np.float64)


def _close(points: FloatArray, others: FloatArray, cell: FloatArray) -> IntArray:
    """Return the pairs of points and others closer than half an Å, shape ``(n_pairs, 2)``."""
    difference = points[:, None] - others[None]
    difference -= np.rint(difference)
    return np.argwhere(np.linalg.norm(difference @ cell, axis=-1) < SAME_SITE_A)
