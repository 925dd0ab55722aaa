"""Electrostatic energies of point charges in a periodic cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

FloatArray = NDArray[np.float64]


def pair_energies(cell: FloatArray, positions: FloatArray) -> FloatArray:
    """Return the Ewald matrix of unit charges: charges ``q`` have the energy ``q @ matrix @ q`` if they sum to zero.

    Computed once for all sites, occupied or not, it turns the energy of any arrangement into two products, and that of
    an exchange into one row.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param positions: fractional coordinates, shape ``(n_sites, 3)``; no two the same.
    :return: symmetric matrix in eV e⁻², shape ``(n_sites, n_sites)``.
    """
    structure = Structure(Lattice(cell), ["H"] * len(positions), positions)
    structure.add_oxidation_state_by_site([1.0] * len(positions))
    # The background of the charged cell is left out: it vanishes for every neutral arrangement.
    summation = EwaldSummation(structure, w=1 / 2**0.5)
    matrix = summation.real_space_energy_matrix + summation.reciprocal_space_energy_matrix
    return np.asarray(matrix + np.diag(summation.point_energy_matrix))
