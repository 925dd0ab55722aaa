import io

import numpy as np
import pytest
from ase.io import read
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.formats.lammps_data import lammps_orientation, write_lammps_data

MASSES = {"Li": 6.94, "S": 32.06}
TRICLINIC = np.array([[5.0, 0.3, -0.2], [1.1, 6.0, 0.4], [-0.7, 0.9, 7.0]])


@given(st.integers(0, 10_000))
def test_orientation_is_a_rotation_into_a_lower_triangle(seed):
    cell = np.random.default_rng(seed).normal(size=(3, 3)) * 5
    if abs(np.linalg.det(cell)) < 1e-3:
        return
    lower, rotation = lammps_orientation(cell)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(cell @ rotation, lower, atol=1e-9)
    assert (np.diag(lower) > 0).all()
    assert (lower[np.triu_indices(3, 1)] == 0).all()


def test_an_orthogonal_cell_is_not_turned():
    lower, rotation = lammps_orientation(np.diag([3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(lower, np.diag([3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(rotation, np.eye(3))


@pytest.mark.parametrize("cell", [np.diag([5.0, 6.0, 7.0]), TRICLINIC])
def test_ase_reads_the_same_crystal(cell):
    positions = np.random.default_rng(0).random((6, 3)) @ cell * 3 - 4.0
    species = ["Li", "S", "Li", "S", "S", "Li"]
    text = write_lammps_data(cell, positions, species, ["Li", "S"], MASSES)
    atoms = read(io.StringIO(text), format="lammps-data", atom_style="atomic")
    assert atoms.get_chemical_symbols() == species
    difference = positions[:, None] - positions[None]
    ours = difference @ np.linalg.inv(cell)
    theirs = (atoms.positions[:, None] - atoms.positions[None]) @ np.linalg.inv(atoms.cell.array)
    np.testing.assert_allclose((ours - theirs) - np.round(ours - theirs), 0, atol=1e-8)
    np.testing.assert_allclose(atoms.cell.lengths(), np.linalg.norm(cell, axis=1), atol=1e-8)


def test_an_element_without_type_is_refused():
    with pytest.raises(ValueError, match="no LAMMPS type for Na"):
        write_lammps_data(np.eye(3), np.zeros((1, 3)), ["Na"], ["Li", "S"], MASSES)


def test_a_flat_cell_is_refused():
    with pytest.raises(ValueError, match="span no volume"):
        lammps_orientation(np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]]))
