"""The pair matrix must give the energies of known crystals and of pymatgen's own sums."""

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

from aiida_concerted.structures.ewald import pair_energies

COULOMB_EV_A = 14.399645
MADELUNG_ROCK_SALT = 1.747564594633


def test_rock_salt_has_the_madelung_energy():
    cell = 4.0 * np.eye(3)
    cations = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    positions = np.concatenate([cations, cations + np.array([0.5, 0, 0])])
    charges = np.array([1.0] * 4 + [-1.0] * 4)
    energy = charges @ pair_energies(cell, positions) @ charges
    assert energy / 4 == pytest.approx(-MADELUNG_ROCK_SALT * COULOMB_EV_A / 2.0, rel=1e-6)


def test_matrix_agrees_with_the_sum_of_a_triclinic_cell_with_vacant_sites():
    generator = np.random.default_rng(3)
    cell = np.array([[5.0, 0, 0], [1.0, 5.5, 0], [0.5, -0.7, 6.0]])
    positions = generator.random((6, 3))
    charges = np.array([2.0, -1.0, -1.0, 0.0, 1.0, -1.0])
    occupied = charges != 0
    structure = Structure(Lattice(cell), ["H"] * 5, positions[occupied])
    structure.add_oxidation_state_by_site(list(charges[occupied]))
    expected = EwaldSummation(structure).total_energy
    assert charges @ pair_energies(cell, positions) @ charges == pytest.approx(expected, abs=1e-6)
