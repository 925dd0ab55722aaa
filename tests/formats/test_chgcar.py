from __future__ import annotations

import numpy as np
import pytest
from pymatgen.io.vasp import Chgcar

from aiida_concerted.formats.chgcar import write_chgcar
from aiida_concerted.formats.density_grid import DensityGrid

CELL = np.array([[6.0, 0.0, 0.0], [-2.0, 5.0, 0.0], [0.3, 0.4, 7.0]])


@pytest.fixture
def grid():
    density = np.random.default_rng(3).random((4, 5, 7))
    positions = np.array([[0.1, 0.2, 0.3], [1.6, -0.3, 0.8], [0.5, 0.5, 0.5]]) @ CELL
    return DensityGrid(CELL, density, ("S", "Ge", "S"), positions)


def test_pymatgen_reads_back_density_times_volume_and_the_atoms(grid, tmp_path):
    write_chgcar(tmp_path / "CHGCAR", grid)
    found = Chgcar.from_file(str(tmp_path / "CHGCAR"))

    np.testing.assert_allclose(found.data["total"] / found.structure.volume, grid.density_A3, rtol=1e-9)
    np.testing.assert_allclose(found.structure.lattice.matrix, CELL, atol=1e-12)
    assert [site.specie.symbol for site in found.structure] == ["S", "S", "Ge"]
    np.testing.assert_allclose(found.structure.frac_coords, grid.fractional[[0, 2, 1]], atol=1e-12)


def test_the_mean_of_the_values_is_the_number_of_particles(grid, tmp_path):
    write_chgcar(tmp_path / "CHGCAR", grid)
    values = Chgcar.from_file(str(tmp_path / "CHGCAR")).data["total"]

    assert values.mean() == pytest.approx(grid.density_A3.mean() * abs(np.linalg.det(CELL)))


def test_a_peak_is_where_it_was(tmp_path):
    density = np.zeros((6, 5, 8))
    density[1, 2, 5] = 3.0
    write_chgcar(tmp_path / "CHGCAR", DensityGrid(CELL, density, ("S",), np.zeros((1, 3))))
    found = Chgcar.from_file(str(tmp_path / "CHGCAR")).data["total"]

    assert np.unravel_index(found.argmax(), found.shape) == (1, 2, 5)


def test_a_density_without_atoms_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(ValueError, match="cube"):
        write_chgcar(tmp_path / "CHGCAR", DensityGrid(CELL, np.ones((2, 2, 2)), (), np.empty((0, 3))))

    assert not (tmp_path / "CHGCAR").exists()
