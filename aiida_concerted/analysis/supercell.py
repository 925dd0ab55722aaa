"""Recognising a cell as an integer supercell of another, strained and rotated as it may be."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_STRAIN = 0.1
"""Largest linear strain at which a cell still counts as the same crystal's."""

STRAIN_TIE = 0.01
MAX_CANDIDATES = 48
MAX_VECTORS = 150
MAX_TRIPLES = 20000


def supercell_matrices(unit_cell: FloatArray, cell: FloatArray) -> list[tuple[IntArray, float]]:
    """Return the integer matrices whose supercell of ``unit_cell`` has the metric of ``cell``, best first, with strain.

    Only lengths and angles are compared, because MD codes rotate cells. Multiples of the axes are tried first, any
    lattice vectors only where none fits; of nearly the same strain a positive diagonal matrix comes first.

    :param unit_cell: lattice vectors as rows in Å.
    :param cell: lattice vectors of the supercell as rows in Å.
    :return: ``(matrix, strain)``; the strain is the largest linear strain, at most 0.1.
    :raises ValueError: if there is none.
    """
    found = _accepted(_signed_permutations(unit_cell, cell), unit_cell, cell)
    if not found:
        found = _accepted(_lattice_triples(unit_cell, cell), unit_cell, cell)
    if not found:
        raise ValueError(_no_supercell(unit_cell, cell))
    least = min(strain for _, strain in found)
    found.sort(key=lambda item: (item[1] > least + STRAIN_TIE, not _is_diagonal(item[0]), item[1], _disorder(item[0])))
    return found[:MAX_CANDIDATES]


def linear_strain(unit_cell: FloatArray, cell: FloatArray, matrix: IntArray) -> float:
    """Return the largest linear strain, over all directions, that turns the unit cell into that of the supercell."""
    strained = np.linalg.solve(matrix.astype(np.float64), cell)
    deformation = np.linalg.solve(unit_cell, strained)
    stretches = np.linalg.svd(deformation, compute_uv=False)
    return float(np.abs(stretches - 1.0).max())


def _accepted(matrices: Iterable[IntArray], unit_cell: FloatArray, cell: FloatArray) -> list[tuple[IntArray, float]]:
    handedness = np.sign(np.linalg.det(unit_cell) * np.linalg.det(cell))
    right = (matrix for matrix in matrices if np.sign(np.linalg.det(matrix)) == handedness)
    strained = ((matrix, linear_strain(unit_cell, cell, matrix)) for matrix in right)
    return [(matrix, strain) for matrix, strain in strained if strain <= MAX_STRAIN]


def _signed_permutations(unit_cell: FloatArray, cell: FloatArray) -> Iterable[IntArray]:
    """Yield the supercells whose axes are multiples of the unit cell's, in any order and direction."""
    unit, whole = np.linalg.norm(unit_cell, axis=1), np.linalg.norm(cell, axis=1)
    for axes in itertools.permutations(range(3)):
        multiples = np.rint(whole / unit[list(axes)]).astype(np.int64)
        if multiples.min() < 1:
            continue
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3), dtype=np.int64)
            matrix[np.arange(3), list(axes)] = multiples * np.array(signs)
            yield matrix


def _lattice_triples(unit_cell: FloatArray, cell: FloatArray) -> Iterable[IntArray]:
    """Yield triples of lattice vectors of about the lengths, angles and volume of the cell's vectors."""
    rows = [_lattice_vectors(unit_cell, float(np.linalg.norm(vector))) for vector in cell]
    lengths = np.linalg.norm(cell, axis=1)
    metric = cell @ cell.T
    unit_metric = unit_cell @ unit_cell.T

    def fits(i: int, j: int) -> NDArray[np.bool_]:
        products = rows[i] @ unit_metric @ rows[j].T
        return np.abs(products - metric[i, j]) <= 3.0 * MAX_STRAIN * lengths[i] * lengths[j]

    n_cells = abs(np.linalg.det(cell) / np.linalg.det(unit_cell))
    first_third, second_third = fits(0, 2), fits(1, 2)
    tried = 0
    for i, j in np.argwhere(fits(0, 1)):
        for k in np.flatnonzero(first_third[i] & second_third[j]):
            matrix = np.array([rows[0][i], rows[1][j], rows[2][k]])
            if abs(abs(np.linalg.det(matrix)) / n_cells - 1.0) <= 3.0 * MAX_STRAIN:
                yield matrix
                if (tried := tried + 1) >= MAX_TRIPLES:
                    return


def _lattice_vectors(unit_cell: FloatArray, length: float) -> IntArray:
    """Return the lattice vectors of about a length, closest first."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(unit_cell), axis=0)
    reach = np.floor((1.0 + MAX_STRAIN) * length / heights).astype(int)
    grid = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))), dtype=np.int64)
    lengths = np.linalg.norm(grid @ unit_cell, axis=1)
    fits = np.abs(length - lengths) <= MAX_STRAIN * lengths
    closest = np.argsort(np.abs(lengths[fits] - length), kind="stable")
    return grid[fits][closest][:MAX_VECTORS]


def _is_diagonal(matrix: IntArray) -> bool:
    return bool(np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0 and (np.diag(matrix) > 0).all())


def _disorder(matrix: IntArray) -> tuple[int, ...]:
    """Return a key that prefers large diagonals, then positive entries: it only makes the choice reproducible."""
    return (-int(np.trace(matrix)), *(-int(number) for number in matrix.ravel()))


def _no_supercell(unit_cell: FloatArray, cell: FloatArray) -> str:
    unit = " × ".join(f"{length:.2f}" for length in np.linalg.norm(unit_cell, axis=1))
    whole = " × ".join(f"{length:.2f}" for length in np.linalg.norm(cell, axis=1))
    return (
        f"the cell {whole} Å is no integer supercell of the site cell {unit} Å, even with {MAX_STRAIN:.0%} of strain: "
        "use the site model of this material or give its cell"
    )
