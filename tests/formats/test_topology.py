from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.elements import SYMBOLS, WEIGHTS, symbol_of, symbol_of_mass, symbol_of_number
from aiida_concerted.formats.h5md_writer import write_h5md
from aiida_concerted.formats.lammps_data import read_lammps_data
from aiida_concerted.formats.topology import read_topology
from tests.formats.trajectory_support import make_run, write_extxyz
from tests.synthetic_md import small_trajectory

POSCAR = "Li2 S\n1.0\n9 0 0\n-4 8 0\n0 0 7\nLi_sv S\n2 1\nDirect\n0 0 0\n.1 .1 .1\n.5 .5 .5\n"
DATA = """LAMMPS data file

3 atoms
2 atom types

0.0 9.0 xlo xhi
-1.0 7.0 ylo yhi
0.0 7.0 zlo zhi
-4.0 0.5 0.25 xy xz yz

Masses

{masses}

Atoms{style}

{atoms}

Velocities

1 0 0 0
2 0 0 0
3 0 0 0
"""
CELL = np.array([[9.0, 0, 0], [-4.0, 8, 0], [0.5, 0.25, 7]])


def data(tmp_path, masses="1 6.94\n2 32.06", style=" # atomic", rows=("3 2", "1 1", "2 1"), tail=" 0 0 0"):
    atoms = "\n".join(row + tail for row in rows)
    (tmp_path / "a.data").write_text(DATA.format(masses=masses, style=style, atoms=atoms))
    return tmp_path / "a.data"


@pytest.mark.parametrize(
    ("style", "rows", "tail"),
    [
        (" # atomic", ("3 2", "1 1", "2 1"), " 0 0 0"),
        ("", ("3 2", "1 1", "2 1"), " .5 .5 .5 0 1 -1"),
        ("", ("3 2", "1 1", "2 1"), " -2.0 0 0 0 1 0 0"),
        (" # charge", ("3 2", "1 1", "2 1"), " 1 0.5 0.5 0.5"),
        ("", ("3 9 2", "1 9 1", "2 9 1"), " .5 .5 .5"),
        (" # full", ("3 9 2", "1 9 1", "2 9 1"), " 0.1 0 0 0"),
    ],
)
def test_a_data_file_of_any_common_style_names_elements_types_and_cell(tmp_path, style, rows, tail):
    found = read_lammps_data(data(tmp_path, style=style, rows=rows, tail=tail))
    assert (found.species, found.type_symbols) == (("Li", "Li", "S"), ("Li", "S"))
    np.testing.assert_allclose(found.cell, CELL)


def test_comments_and_labels_come_before_masses(tmp_path):
    assert read_lammps_data(data(tmp_path, masses="1 2.0 # H\n2 99 # O_water")).type_symbols == ("H", "O")
    path = data(tmp_path, masses="Li 2.0\nS 3.0", rows=("3 S", "1 Li", "2 Li"))
    path.write_text(path.read_text().replace("Masses", "Atom Type Labels\n\n1 Li\n2 S\n\nMasses"))
    assert read_lammps_data(path).species == ("Li", "Li", "S")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masses": "1 1.5\n2 32.06"}, "type 1 is no element: write its symbol behind its mass"),
        ({"masses": ""}, "no section Masses"),
        ({"rows": ()}, "no section Atoms"),
        ({"rows": ("1 5",)}, "not of the style atomic, charge"),
    ],
)
def test_data_files_without_elements_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read_topology(data(tmp_path, **change))


def test_any_file_with_species_is_a_topology(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    found = read_topology(tmp_path / "POSCAR")
    assert found.species == ("Li", "Li", "S")
    np.testing.assert_allclose(found.cell, [[9, 0, 0], [-4, 8, 0], [0, 0, 7]])
    (tmp_path / "POSCAR").write_text(POSCAR.replace("1.0", "-1008.0", 1))
    np.testing.assert_allclose(np.linalg.det(read_topology(tmp_path / "POSCAR").cell), 1008.0)
    run = make_run(3)
    found = read_topology(write_extxyz(tmp_path / "a.xyz", run))
    assert found.species == run.species
    np.testing.assert_allclose(found.cell, run.cells[0], atol=1e-8)
    ids = np.array([8, 1, 2, 5, 4])
    write_h5md(tmp_path / "a.h5", small_trajectory(), carrier_ids=ids, framework_ids=np.array([0, 3, 6, 7]))
    assert read_topology(tmp_path / "a.h5").species == ("P", "Li", "Li", "S", "Li", "Li", "S", "S", "Li")
    assert read_topology(data(tmp_path)).of_types(np.array([2, 1]), "x") == ("S", "Li")


def test_what_does_not_fit_is_refused(tmp_path):
    topology = read_topology(data(tmp_path))
    for work in (
        lambda: topology.of_atoms(4, "run"),
        lambda: topology.of_ids(np.array([1, 4]), "run"),
        lambda: topology.of_types(np.array([1, 3]), "run"),
    ):
        with pytest.raises(ValueError, match=r"a\.data names|has types up to 3"):
            work()
    (tmp_path / "b.txt").write_text("a text\n")
    with pytest.raises(ValueError, match=r"b\.txt names no elements: give a LAMMPS data file"):
        read_topology(tmp_path / "b.txt")


@pytest.mark.parametrize(
    ("label", "symbol"),
    [
        ("Li", "Li"),
        ("LI", "Li"),
        ("Li1", "Li"),
        ("Ge_d", "Ge"),
        ("s", "S"),
        ("S2-", "S"),
        ("Xx", None),
        ("7", None),
        ("", None),
    ],
)
def test_labels_name_elements(label, symbol):
    assert symbol_of(label) == symbol


def test_masses_and_numbers_name_elements():
    assert len(SYMBOLS) == len(set(SYMBOLS)) == 92
    assert (symbol_of_number(3), symbol_of_number(32)) == ("Li", "Ge")
    for symbol, weight in WEIGHTS.items():
        if not 94 < weight < 300 and symbol not in ("Co", "Ni"):
            assert symbol_of_mass(round(weight, 1) if weight > 10 else weight) == symbol
    assert (symbol_of_mass(58.93), symbol_of_mass(58.69)) == ("Co", "Ni")
    assert symbol_of_mass(2.014) is None
    with pytest.raises(ValueError, match="no element with the atomic number 0"):
        symbol_of_number(0)
