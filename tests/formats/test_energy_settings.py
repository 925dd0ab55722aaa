"""Settings that give other energies are told apart, and those that do not are not."""

import json

import numpy as np
import pytest

from aiida_concerted.formats.energy_settings import (
    EnergySettings,
    Sampling,
    conflict,
    known_tags,
    unite_settings,
)

CELL = np.diag([8.71, 8.71, 12.61])
"""Of 50 atoms of LGPS."""


def settings(cell=CELL, mesh=(2, 2, 1), titles=None, hashes=None, **incar):
    tags = known_tags({}, {"encut": 520, "prec": "Accurate", "lreal": False, **incar})
    titles = titles or {"Li": "PAW_PBE Li_sv 10Sep2004", "S": "PAW_PBE S 06Sep2000"}
    return EnergySettings(tags, titles, hashes or {}, Sampling.of_mesh(mesh, cell))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"encut": 400}, "ENCUT is 520 in one and 400 in the other"),
        ({"prec": "Normal"}, "PREC is accura in one and normal"),
        ({"lreal": "Auto"}, "LREAL is F in one and auto"),
        ({"titles": {"Li": "PAW_PBE Li 17Jan2003"}}, "POTCAR of Li is PAW_PBE Li_sv 10Sep2004 in one and PAW_PBE Li "),
        ({"mesh": (1, 1, 1)}, "density of k-points differs by a factor of 4"),
        ({"mesh": (4, 4, 2)}, "density of k-points differs by a factor of 8"),
    ],
)
def test_what_gives_other_energies_is_named(other, message):
    assert message in conflict(settings(), settings(**other))
    assert message.split(" in one")[0].split()[0] in conflict(settings(**other), settings())


@pytest.mark.parametrize(
    "other",
    [
        {"algo": "Normal", "nelm": 200, "amix": 0.1, "ncore": 4},
        {"encut": 520.0000001},
        {"prec": "accura"},
        {"titles": {"Ge": "PAW_PBE Ge_d 03Jul2007"}},
        {"cell": CELL * 1.03},
    ],
)
def test_what_does_not_change_the_energy_is_no_conflict(other):
    assert conflict(settings(), settings(**other)) is None


def test_the_same_title_with_other_content_is_a_conflict():
    one, other = settings(hashes={"Li": "a" * 128}), settings(hashes={"Li": "b" * 128})
    assert "one title and different content (aaaaaaaa, bbbbbbbb)" in conflict(one, other)
    assert conflict(one, settings()) is None


def mesh_of(cell, spacing):
    lengths = 1 / np.diag(cell)
    return [max(1, int(np.ceil(round(b / spacing, 5)))) for b in lengths]


@pytest.mark.parametrize("spacing", [0.03, 0.048, 0.08])
def test_one_spacing_in_cells_of_all_sizes_is_no_conflict(spacing):
    cells = [CELL * np.array(n) for n in ([1, 1, 1], [2, 1, 1], [2, 2, 1], [2, 2, 2], [3, 3, 2])]
    parts = {str(i): settings(cell, mesh_of(cell, spacing)) for i, cell in enumerate(cells)}
    united = unite_settings(parts)
    assert united.sampling.spacing <= spacing


def test_gamma_in_a_small_cell_and_in_a_large_one_is_a_conflict():
    small, large = settings(CELL, (1, 1, 1)), settings(CELL * 2, (1, 1, 1))
    assert "factor of 8" in conflict(small, large)
    assert conflict(small, settings(CELL * np.array([1, 1, 2]), (1, 1, 1))) is None


def test_gamma_and_a_mesh_in_strained_cells_is_a_conflict():
    assert "factor of" in conflict(settings(CELL * 1.02, (1, 1, 1)), settings(CELL * 0.98, (2, 2, 1)))


def test_a_metal_beside_an_insulator_may_have_more_points():
    assert conflict(settings(), settings(mesh=(8, 8, 8)), with_kpoints=False) is None


def test_the_two_that_differ_are_named():
    parts = {"a": settings(), "b": settings(), "c": settings(encut=400)}
    with pytest.raises(ValueError, match="'a' and 'c' do not belong together: ENCUT"):
        unite_settings(parts)


def test_what_one_does_not_know_the_other_tells():
    one = EnergySettings({"ENCUT": 520.0}, {"Li": "PAW_PBE Li_sv 10Sep2004"})
    united = unite_settings({"a": one, "b": settings(sigma=0.05, hashes={"S": "c" * 128})})
    assert united.tags["SIGMA"] == 0.05
    assert set(united.titles) == {"Li", "S"}
    assert united.sampling == settings().sampling


def test_the_json_form_comes_back():
    for made in (settings(hashes={"Li": "a" * 128}), settings(mesh=(1, 1, 1)), EnergySettings()):
        assert EnergySettings.from_dict(json.loads(json.dumps(made.as_dict()))) == made


@pytest.mark.parametrize(
    ("text", "value"), [(".TRUE.", True), ("F", False), (" 0.05", 0.05), ("1D-6", 1e-6), ("Accurate", "accura")]
)
def test_values_come_in_one_form(text, value):
    tag = {bool: "LASPH", float: "SIGMA", str: "PREC"}[type(value)]
    assert known_tags({tag: text}, {}) == {tag: value}


def test_values_in_force_count_and_projection_in_real_space_is_told_apart():
    tags = known_tags({"ENMAX": "400.00000000", "LREAL": "T"}, {"ENCUT": "399", "lreal": " Auto"})
    assert tags == {"ENCUT": 400.0, "LREAL": "auto"}
    assert known_tags({"LREAL": "F"}, {"LREAL": ".FALSE."}) == {"LREAL": False}
