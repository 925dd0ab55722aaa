"""Site models from CIFs: orbits, labels, shared places and mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_concerted.materials.cif import read_cif_sites, site_label

HEADER = """\
data_lgps
_cell_length_a 8.71(2)
_cell_length_b 8.71(2)
_cell_length_c 12.61(1)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
{symmetry}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""
BY_NAME = "_symmetry_space_group_name_H-M 'P 42/n m c :1'"
BY_OPERATIONS = "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n'-x, -y, z'"
ROWS = """\
Li(1)+ Li1+ 0.2563(5) 0.2718(3) 0.1832(2) 0.691
2Li Li 0 0.5 0.9446 1.0
Ge1 Ge4+ 0 0.5 0.6907 0.515
P1 P5+ 0 0.5 0.6907 0.485
"""


def write(folder: Path, rows: str, symmetry: str = BY_NAME) -> Path:
    path = folder / "lgps.cif"
    path.write_text(HEADER.format(symmetry=symmetry) + rows, encoding="utf-8")
    return path


def test_orbits_labels_and_framework_come_from_the_file(tmp_path: Path) -> None:
    model = read_cif_sites(write(tmp_path, ROWS), "Li")
    assert model.counts == {"Li_1": 16, "Li_2Li": 4}
    assert model.label_mapping == (("Li(1)+", "Li_1"), ("2Li", "Li_2Li"))
    assert model.material == "lgps"
    (tetrahedron,) = model.framework
    assert tetrahedron.occupancy == (("Ge", 0.515), ("P", 0.485))
    assert len(tetrahedron.positions) == 4
    np.testing.assert_allclose(np.linalg.norm(model.cell, axis=1), [8.71, 8.71, 12.61])


def test_operations_in_the_file_win_over_names(tmp_path: Path) -> None:
    model = read_cif_sites(write(tmp_path, ROWS, BY_OPERATIONS), "Li")
    assert model.counts == {"Li_1": 2, "Li_2Li": 1}
    np.testing.assert_allclose(model.sites[0].positions[1], [1 - 0.2563, 1 - 0.2718, 0.1832])


def test_rows_of_one_label_are_one_kind_of_site(tmp_path: Path) -> None:
    rows = "Li Li 0 0 0 1\nLi Li 0.5 0 0 1\nS Li 0.2 0.3 0.4 1\nS+ Li 0.7 0.1 0.4 1\n"
    model = read_cif_sites(write(tmp_path, rows, "_symmetry_space_group_name_H-M 'P 1'"), "Li")
    assert model.counts == {"Li": 2, "S": 1, "S_2": 1}
    assert model.label_mapping == (("S+", "S_2"),)


def test_the_framework_gets_labels_of_its_own(tmp_path: Path) -> None:
    rows = "A Li 0 0 0 1\nA S 0.5 0 0 1\n"
    model = read_cif_sites(write(tmp_path, rows, "_symmetry_space_group_name_H-M 'P 1'"), "Li")
    assert [orbit.label for orbit in model.framework] == ["A_2"]


@pytest.mark.parametrize(
    ("label", "plain"),
    [("Li1", "Li1"), ("Li(1)", "Li_1"), ("48h", "Li_48h"), ("Li1'", "Li1"), ("_x", "x"), ("*", "Li")],
)
def test_labels_are_mapped_to_the_pattern(label: str, plain: str) -> None:
    assert site_label(label, "Li") == plain


@pytest.mark.parametrize(
    ("rows", "symmetry", "message"),
    [
        ("S1 S 0 0 0 1\n", BY_NAME, "no site of the carrier Li among S"),
        ("Li1 Li 0 ? 0 1\n", BY_NAME, "the site Li1 lacks a coordinate"),
        ("Q1 ? 0 0 0 1\n", BY_NAME, "the site Q1 names no element"),
        (ROWS, "", "no symmetry operations and names no space group"),
        ("Li1 Li 0.1 0.2 0.3 1\nLi2 Li 0.105 0.2 0.3 1\n", BY_NAME, "stands twice, or is the image of another"),
        ("Li1 Li 0.1 0.2 0.3\n", BY_NAME, "cannot be read as a CIF"),
    ],
)
def test_a_mistake_is_one_line_with_the_file(tmp_path: Path, rows: str, symmetry: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_cif_sites(write(tmp_path, rows, symmetry), "Li")
    assert "lgps.cif" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_crystal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.cif"
    path.write_text("data_empty\n_cell_length_a 5\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no data block with the atom sites"):
        read_cif_sites(path, "Li")
    with pytest.raises(ValueError, match="there is no file"):
        read_cif_sites(tmp_path / "absent.cif", "Li")
