from __future__ import annotations

import numpy as np
import pytest
from ase.io.cube import read_cube

from aiida_concerted.formats.cube import write_cube
from aiida_concerted.formats.density_grid import DensityGrid

CELL = np.array([[6.0, 0.0, 0.0], [-2.0, 5.0, 0.0], [0.3, 0.4, 7.0]])


@pytest.fixture
def grid():
    density = np.random.default_rng(3).random((4, 5, 7))
    positions = np.array([[0.1, 0.2, 0.3], [1.6, -0.3, 0.8]]) @ CELL
    return DensityGrid(CELL, density, ("S", "Ge"), positions)


def test_ase_reads_back_density_cell_and_atoms(grid, tmp_path):
    path = tmp_path / "density.cube"
    write_cube(path, grid, comment="Li at\n600 K")
    with path.open() as stream:
        found = read_cube(stream)

    np.testing.assert_allclose(found["data"], grid.density_A3, rtol=1e-5)
    np.testing.assert_allclose(found["atoms"].cell.array, CELL, atol=1e-6)
    np.testing.assert_allclose(found["atoms"].get_scaled_positions(), grid.fractional, atol=1e-6)
    assert found["atoms"].get_chemical_symbols() == ["S", "Ge"]
    np.testing.assert_allclose(found["origin"], 0.0)
    lines = path.read_text().splitlines()
    assert lines[0] == "Li at 600 K"
    assert "A^-3" in lines[1]


def test_the_integral_survives(grid, tmp_path):
    write_cube(tmp_path / "density.cube", grid)
    with (tmp_path / "density.cube").open() as stream:
        found = read_cube(stream)

    particles = found["data"].mean() * found["atoms"].get_volume()
    assert particles == pytest.approx(grid.density_A3.mean() * grid.volume_A3, rel=1e-5)


def test_a_density_without_atoms_can_be_written(tmp_path):
    write_cube(tmp_path / "d.cube", DensityGrid(CELL, np.ones((2, 3, 4)), (), np.empty((0, 3))))
    with (tmp_path / "d.cube").open() as stream:
        found = read_cube(stream)

    assert found["data"].shape == (2, 3, 4)
    assert len(found["atoms"]) == 0
