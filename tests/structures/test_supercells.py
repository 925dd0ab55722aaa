"""Supercells keep the crystal, distortions their limits."""

import numpy as np
import pytest
from ase.build import bulk

from aiida_concerted.structures.supercells import as_matrix, build_supercell, distort, group_elements


def test_supercell_has_the_atoms_and_volume_of_its_cells_with_elements_grouped():
    atoms = bulk("NaCl", "rocksalt", a=5.6)
    repeated = build_supercell(atoms, [2, 1, 3])
    assert repeated.get_volume() == pytest.approx(6 * atoms.get_volume())
    assert repeated.get_chemical_symbols() == ["Na"] * 6 + ["Cl"] * 6


def test_matrix_supercell_turns_the_primitive_into_the_conventional_cell():
    conventional = build_supercell(bulk("Na", "bcc", a=4.2), [[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert np.allclose(conventional.cell.cellpar(), [4.2, 4.2, 4.2, 90, 90, 90])


@pytest.mark.parametrize("supercell", [[1, 2], [1.5, 1, 1], [[1, 0, 0], [0, 1, 0], [1, 1, 0]], [0, 1, 1]])
def test_what_is_no_supercell_is_refused(supercell):
    with pytest.raises(ValueError, match="supercell"):
        as_matrix(supercell)


def test_grouping_keeps_the_order_within_each_element():
    atoms = bulk("NaCl", "rocksalt", a=5.6).repeat((2, 1, 1))
    grouped = group_elements(atoms)
    assert np.array_equal(grouped.positions, atoms.positions[[0, 2, 1, 3]])


def test_distortion_stays_within_its_amplitudes_and_repeats_for_a_seed():
    atoms = bulk("Na", "bcc", a=4.2).repeat((3, 3, 3))
    first = distort(atoms, lattice_amplitude=0.03, displacement_A=0.1, seed=5)
    strain = np.linalg.solve(np.asarray(atoms.cell), np.asarray(first.cell)) - np.eye(3)
    assert np.allclose(strain, strain.T)
    assert 0 < np.abs(strain).max() <= 0.03
    ideal = atoms.get_scaled_positions(wrap=False) @ np.asarray(first.cell)
    lengths = np.linalg.norm(first.positions - ideal, axis=1)
    assert 0 < lengths.min() <= lengths.max() <= 0.1
    assert np.array_equal(first.positions, distort(atoms, lattice_amplitude=0.03, displacement_A=0.1, seed=5).positions)
    assert not np.allclose(
        first.positions, distort(atoms, lattice_amplitude=0.03, displacement_A=0.1, seed=6).positions
    )


def test_no_amplitude_changes_nothing_and_a_huge_one_is_refused():
    atoms = bulk("Na", "bcc", a=4.2)
    assert np.allclose(distort(atoms, lattice_amplitude=0, displacement_A=0, seed=1).positions, atoms.positions)
    with pytest.raises(ValueError, match="lattice_amplitude"):
        distort(atoms, lattice_amplitude=0.5, displacement_A=0, seed=1)
