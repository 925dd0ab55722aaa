"""The one door to site models: shipped names, YAML files and CIFs, and which carrier they are of."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_concerted.materials import resolve_sites

YAML_WITHOUT_CARRIER = """\
material: toy
spacegroup: none
cell: {a: 6, b: 6, c: 6}
sites:
  A: {positions: [[0, 0, 0], [0.5, 0.5, 0.5]]}
"""


def test_a_shipped_name_is_found_in_any_case() -> None:
    assert resolve_sites("LgPs").counts == {"Li1": 16, "Li2": 4, "Li3": 8, "Li4": 4}


def test_a_misspelt_name_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'Na3PS_4' is neither a file nor a shipped site model: .*'na3ps4'"):
        resolve_sites("Na3PS_4")


def test_a_yaml_file_that_names_no_carrier_takes_the_one_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "SITES.yaml"
    path.write_text(YAML_WITHOUT_CARRIER, encoding="utf-8")
    assert resolve_sites(path).carrier == "Li"
    assert resolve_sites(str(path), carrier="Na").carrier == "Na"


def test_a_model_of_another_carrier_is_refused() -> None:
    with pytest.raises(ValueError, match="those of Na, but the carrier is Li"):
        resolve_sites("na3ps4", carrier="Li")


def test_a_site_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "SITES.yaml"
    path.write_text(YAML_WITHOUT_CARRIER + "  A: {position: [0.2, 0.2, 0.2]}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"SITES\.yaml: line 6: the key 'A' stands twice"):
        resolve_sites(path)


def test_a_cif_is_read_for_the_carrier(tmp_path: Path) -> None:
    path = tmp_path / "toy.CIF"
    path.write_text(
        "data_toy\n_cell_length_a 6\n_cell_length_b 6\n_cell_length_c 6\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P 1'\n"
        "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
        "Na1 Na 0 0 0\nLi1 Li 0.5 0.5 0.5\n",
        encoding="utf-8",
    )
    assert resolve_sites(path).counts == {"Li1": 1}
    assert resolve_sites(path, carrier="Na").counts == {"Na1": 1}
