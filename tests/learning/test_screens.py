import numpy as np
import pytest

from aiida_concerted.learning.screens import Geometry, Screens, in_lammps_orientation

CUBE = np.diag([6.0, 6.0, 6.0])


def pair_at(distance, species=("Li", "S"), cell=CUBE):
    return Geometry(species, cell, np.array([[0.1, 0.1, 0.1], [0.1 + distance, 0.1, 0.1]]))


def test_a_pair_may_not_come_nearer_than_its_own_limit():
    screens = Screens(min_distances={"S-Li": 1.5})
    assert screens.problem(pair_at(1.49)) == "min_distance"
    assert screens.problem(pair_at(1.51)) is None
    assert screens.problem(pair_at(1.0, ("Li", "Li"))) is None


def test_the_fraction_is_of_the_sum_of_covalent_radii():
    screens = Screens(min_distance_fraction=0.6, min_distances={"Li-Li": 1.0})
    assert screens.least_distance("Li", "S") == pytest.approx(0.6 * (1.28 + 1.05))
    assert screens.problem(pair_at(1.39)) == "min_distance"
    assert screens.problem(pair_at(1.41)) is None
    assert screens.problem(pair_at(1.1, ("Li", "Li"))) is None


def test_an_atom_may_be_too_near_its_own_image():
    flat = Geometry(("Li",), np.diag([1.2, 6.0, 6.0]), np.zeros((1, 3)))
    assert Screens(min_distance_fraction=0.6).problem(flat) == "min_distance"


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("length_ratio", np.diag([4.0, 5.0, 12.0]), 3.0),
        ("height_ratio", [[4, 0, 0], [3, 4, 0], [0, 0, 8]], 2.5),
        ("wrap_ratio", [[4, 0, 0], [3, 6, 0], [0, 1, 8]], 0.75),
        ("tilt_ratio", [[4, 0, 0], [3, 6, 0], [0, 2, 8]], 0.5),
    ],
)
def test_each_ratio_of_the_cell_has_its_limit(name, cell, value):
    geometry = pair_at(2.5, cell=np.array(cell, dtype=float))
    assert Screens(**{name: value * 0.999}).problem(geometry) == name
    assert Screens(**{name: value * 1.001}).problem(geometry) is None


def test_ratios_do_not_depend_on_the_orientation():
    generator = np.random.default_rng(2)
    rotation = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    cell = np.array([[4, 0, 0], [3, 6, 0], [1, 2, 8.0]])
    np.testing.assert_allclose(in_lammps_orientation(cell @ rotation), cell, atol=1e-12)


def test_angles_have_two_limits():
    geometry = pair_at(2.5, cell=np.array([[6, 0, 0], [3, 3 * np.sqrt(3), 0], [0, 0, 6.0]]))
    assert Screens(angles=(61.0, 120.0)).problem(geometry) == "angles"
    assert Screens(angles=(30.0, 89.0)).problem(geometry) == "angles"
    assert Screens(angles=(59.0, 91.0)).problem(geometry) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length_ratio": 0}, "limit of length_ratio must be a positive number"),
        ({"min_distances": {"Li-S": -1.0}}, "limit of Li-S must be"),
        ({"min_distances": {"Li-Xx": 1.0}}, "by pair of elements"),
        ({"min_distances": {"Li": 1.0}}, "by pair of elements"),
        ({"angles": (90.0, 60.0)}, "least and the most"),
    ],
)
def test_impossible_limits_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Screens(**arguments)
