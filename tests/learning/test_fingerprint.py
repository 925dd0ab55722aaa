import numpy as np

from aiida_concerted.learning.fingerprint import radial_fingerprint
from aiida_concerted.learning.screens import Geometry

CELL = np.array([[5.0, 0, 0], [0.5, 6.0, 0], [0, 0.3, 5.5]])
SPECIES = ("Li", "S", "Li", "P")
POSITIONS = np.random.default_rng(1).uniform(0, 5, (4, 3))
PRINT = radial_fingerprint(Geometry(SPECIES, CELL, POSITIONS))


def test_two_atoms_give_one_bump_of_the_stated_height():
    row = radial_fingerprint(Geometry(("Li", "S"), 40 * np.eye(3), np.array([[0, 0, 0], [2.125, 0, 0]])))
    li_li, li_s, s_s = np.split(row, 3)
    assert not li_li.any()
    assert not s_s.any()
    peak = 0.5 * 0.5 * (1 + np.cos(np.pi * 2.125 / 5.0))
    grid = (np.arange(20) + 0.5) * 0.25
    np.testing.assert_allclose(li_s, peak * np.exp(-0.5 * ((2.125 - grid) / 0.25) ** 2))


def test_translation_rotation_and_exchange_of_like_atoms_change_nothing():
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    moved = Geometry(SPECIES, CELL @ rotation, (POSITIONS + 3.3) @ rotation)
    swapped = Geometry(SPECIES, CELL, POSITIONS[[2, 1, 0, 3]])
    np.testing.assert_allclose(radial_fingerprint(moved), PRINT, atol=1e-10)
    np.testing.assert_allclose(radial_fingerprint(swapped), PRINT, atol=1e-10)


def test_a_repeated_cell_has_the_fingerprint_of_one():
    twice = Geometry(SPECIES * 2, CELL * [[2], [1], [1]], np.concatenate([POSITIONS, POSITIONS + CELL[0]]))
    np.testing.assert_allclose(radial_fingerprint(twice), PRINT, atol=1e-10)


def test_a_moved_atom_changes_it_and_a_little_one_little():
    changes = []
    for step in (1e-4, 0.5):
        positions = POSITIONS.copy()
        positions[0, 0] += step
        changes.append(np.linalg.norm(radial_fingerprint(Geometry(SPECIES, CELL, positions)) - PRINT))
    assert 0 < changes[0] < 1e-2
    assert changes[1] > 10 * changes[0]
