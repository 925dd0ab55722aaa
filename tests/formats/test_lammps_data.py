from __future__ import annotations

import io

import ase.io
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data

MASSES = {"Li": 6.94, "S": 32.06}
CELLS = arrays(np.float64, (3, 3), elements=st.floats(-9, 9, width=32))


def metric(cell):
    return cell @ cell.T


@given(CELLS)
@settings(max_examples=60, deadline=None)
def test_the_cell_is_turned_without_strain_and_positions_come_back(cell):
    assume(abs(np.linalg.det(cell)) > 0.1)
    axes = lammps_axes(cell)
    assert (np.triu(axes.cell, 1) == 0).all()
    assert (np.diag(axes.cell) > 0).all()
    np.testing.assert_allclose(metric(axes.cell), metric(cell), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(axes.to_lammps(cell), axes.cell, atol=1e-9)
    positions = np.random.default_rng(1).normal(size=(4, 5, 3))
    np.testing.assert_allclose(axes.from_lammps(axes.to_lammps(positions)), positions, atol=1e-12)


def test_a_cell_that_stands_as_lammps_wants_it_is_left_alone():
    cell = np.array([[9.0, 0, 0], [-1.0, 8.0, 0], [0.2, 0.4, 11.0]])
    axes = lammps_axes(cell)
    assert axes.is_identity
    positions = np.ones((2, 3), dtype=np.float32)
    assert axes.from_lammps(positions) is positions


def test_ase_reads_the_same_structure():
    generator = np.random.default_rng(2)
    cell = np.array([[1.0, 8.0, 0.5], [9.0, -1.0, 0.3], [0.4, 0.2, 11.0]])
    positions, types = generator.uniform(0, 9, size=(6, 3)), np.array([0, 1, 1, 0, 1, 0])
    text = write_lammps_data(lammps_axes(cell), positions, types, MASSES)
    atoms = ase.io.read(io.StringIO(text), format="lammps-data", atom_style="atomic")
    assert atoms.get_chemical_symbols() == ["Li", "S", "S", "Li", "S", "Li"]
    np.testing.assert_allclose(metric(atoms.cell.array), metric(cell), rtol=1e-12)
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=-1), distances)
    fractional = np.linalg.solve(cell.T, positions.T).T
    np.testing.assert_allclose(atoms.cell.scaled_positions(atoms.positions), fractional, atol=1e-10)


def test_an_orthogonal_cell_has_no_tilt_line():
    text = write_lammps_data(lammps_axes(np.diag([4.0, 5, 6])), np.zeros((1, 3)), np.array([0]), MASSES)
    assert "xy xz yz" not in text
    assert "0.0 5 ylo yhi" in text


def test_unfit_input_is_refused():
    with pytest.raises(ValueError, match="no volume"):
        lammps_axes(np.ones((3, 3)))
    axes = lammps_axes(np.eye(3))
    with pytest.raises(ValueError, match="must be finite"):
        write_lammps_data(axes, np.full((1, 3), np.nan), np.array([0]), MASSES)
    with pytest.raises(ValueError, match="types must number"):
        write_lammps_data(axes, np.zeros((1, 3)), np.array([2]), MASSES)
