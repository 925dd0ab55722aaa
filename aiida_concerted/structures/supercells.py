"""Supercells and small random distortions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from numpy.typing import NDArray


def as_matrix(supercell: Sequence[int] | Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the transformation matrix of three multiples or of a 3×3 matrix.

    :raises ValueError: if it is neither, not whole, or has no volume.
    """
    matrix = np.asarray(supercell, dtype=float)
    if matrix.shape == (3,):
        matrix = np.diag(matrix)
    if matrix.shape != (3, 3) or not np.array_equal(matrix, np.round(matrix)):
        raise ValueError(f"a supercell is three whole numbers or a 3×3 matrix of them, got {supercell}")
    if round(float(np.linalg.det(matrix))) < 1:
        raise ValueError(f"a supercell needs a positive determinant, got {supercell}")
    return np.round(matrix).astype(np.int64)


def group_elements(atoms: Atoms) -> Atoms:
    """Return the atoms with each element in one block, in the order in which the elements first appear.

    POSCAR and POTCAR go by blocks; atoms that are grouped keep their order from the structure through VASP and back.
    """
    symbols = np.asarray(atoms.get_chemical_symbols())
    order = [index for symbol in dict.fromkeys(symbols) for index in np.flatnonzero(symbols == symbol)]
    return atoms[order]


def build_supercell(atoms: Atoms, supercell: Sequence[int] | Sequence[Sequence[int]]) -> Atoms:
    """Return the supercell, elements grouped.

    :param supercell: three multiples of the lattice vectors, or a 3×3 matrix whose rows are the new vectors.
    :raises ValueError: if the supercell is not valid.
    """
    repeated = make_supercell(atoms, as_matrix(supercell))
    return group_elements(repeated)


def check_distortion(lattice_amplitude: float, displacement_A: float) -> None:
    """Check the amplitudes of a distortion.

    :raises ValueError: if one is negative or so large that the cell could collapse.
    """
    if not 0 <= lattice_amplitude < 0.3 or not 0 <= displacement_A < np.inf:
        raise ValueError(
            "distortions need 0 ≤ lattice_amplitude < 0.3 and displacement_A ≥ 0, "
            f"got {lattice_amplitude} and {displacement_A}"
        )


def distort(atoms: Atoms, *, lattice_amplitude: float, displacement_A: float, seed: int) -> Atoms:
    """Return a copy with a random symmetric strain and random displacements.

    Each of the six strain components is uniform in ``±lattice_amplitude``, each displacement uniform in a ball of
    radius ``displacement_A``. A symmetric strain does not rotate the cell.

    :param lattice_amplitude: largest strain, without unit.
    :param displacement_A: largest displacement in Å.
    :param seed: seed of the random numbers.
    :raises ValueError: if an amplitude is negative or so large that the cell could collapse.
    """
    check_distortion(lattice_amplitude, displacement_A)
    generator = np.random.default_rng(seed)
    components = generator.uniform(-lattice_amplitude, lattice_amplitude, size=(3, 3))
    strain = np.triu(components) + np.triu(components, 1).T
    distorted = atoms.copy()
    distorted.set_cell(np.asarray(atoms.cell) @ (np.eye(3) + strain), scale_atoms=True)
    directions = generator.normal(size=(len(atoms), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = displacement_A * np.cbrt(generator.random(len(atoms)))
    distorted.positions += directions * radii[:, None]
    return distorted
