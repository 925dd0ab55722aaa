"""Symmetry decides which vacancies there are."""

import numpy as np
import pytest
from ase.build import bulk

from aiida_concerted.structures.supercells import build_supercell
from aiida_concerted.structures.vacancies import find_in_supercell, inequivalent_sites, remove_atom


def test_all_carriers_of_rock_salt_are_equivalent():
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    (site,) = inequivalent_sites(atoms, "Na")
    assert atoms[site.index].symbol == "Na"
    assert site.multiplicity == 4


def test_a_displaced_atom_splits_the_orbit_and_multiplicities_add_up():
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.positions[1] += [0.3, 0.0, 0.0]
    sites = inequivalent_sites(atoms, "Na")
    assert len(sites) > 1
    assert sum(site.multiplicity for site in sites) == 4


def test_unknown_carrier_is_refused():
    with pytest.raises(ValueError, match="holds no Li"):
        inequivalent_sites(bulk("NaCl", "rocksalt", a=5.6), "Li")


def test_vacancy_lacks_one_atom_and_leaves_the_original_alone():
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    defect = remove_atom(atoms, 2)
    assert len(defect) == len(atoms) - 1 == 7
    assert np.allclose(np.delete(atoms.positions, 2, axis=0), defect.positions)
    with pytest.raises(ValueError, match="cannot remove atom 9"):
        remove_atom(atoms, 9)


def test_site_of_the_cell_is_found_in_its_supercell_although_the_order_differs():
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    repeated = build_supercell(atoms, [2, 2, 1])
    for index in range(len(atoms)):
        found = find_in_supercell(repeated, atoms.positions[index], atoms[index].symbol)
        assert np.allclose(repeated.positions[found], atoms.positions[index])
    with pytest.raises(ValueError, match="no Na within"):
        find_in_supercell(repeated, np.array([1.0, 1.0, 1.0]), "Na")
