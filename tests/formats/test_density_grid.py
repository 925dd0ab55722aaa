from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.density_grid import ATOMIC_NUMBERS, DensityGrid, folded_atoms

CELL = np.array([[6.0, 0.0, 0.0], [-2.0, 5.0, 0.0], [0.3, 0.4, 7.0]])


def test_elements_have_their_numbers():
    assert [ATOMIC_NUMBERS[symbol] for symbol in ("H", "Li", "S", "Ge", "La", "U")] == [1, 3, 16, 32, 57, 92]


def test_copies_of_an_atom_are_averaged_across_the_border():
    unit = np.array([[0.99, 0.5, 0.5], [0.2, 0.3, 0.4]]) @ CELL
    copies = np.concatenate([unit + shift @ CELL for shift in np.array([[0, 0, 0], [1, 0, 0], [0, 1, 2.0]])])
    copies += np.tile([[0.1, 0, 0], [0, 0.1, 0]], (3, 1)) * np.repeat([[-1], [0], [1]], 2, axis=0)

    species, positions = folded_atoms(("S", "P") * 3, copies, CELL)

    assert species == ("S", "P")
    np.testing.assert_allclose(positions, unit, atol=1e-12)


def test_the_origin_is_shifted_and_other_elements_are_kept_apart():
    positions = np.array([[0.5, 0.5, 0.5], [0.52, 0.5, 0.5]]) @ CELL

    species, folded = folded_atoms(("Ge", "P"), positions, CELL, origin_shift=(0.25, 0.0, 0.0))

    assert species == ("Ge", "P")
    np.testing.assert_allclose(folded @ np.linalg.inv(CELL), [[0.25, 0.5, 0.5], [0.27, 0.5, 0.5]], atol=1e-12)


def test_no_atoms_stay_none():
    species, positions = folded_atoms((), np.empty((0, 3)), CELL)

    assert species == ()
    assert positions.shape == (0, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density_A3": np.zeros((2, 2))}, "three axes"),
        ({"positions": np.zeros((2, 3))}, "positions must have the shape"),
        ({"density_A3": np.full((2, 2, 2), np.nan)}, "density_A3 must be finite"),
        ({"cell": np.zeros((3, 3))}, "span a volume"),
        ({"species": ("Xx",)}, "unknown elements Xx"),
    ],
)
def test_what_is_no_density_is_refused(changes, message):
    values = {"cell": CELL, "density_A3": np.ones((2, 2, 2)), "species": ("S",), "positions": np.zeros((1, 3))}
    with pytest.raises(ValueError, match=message):
        DensityGrid(**{**values, **changes})


def test_atoms_without_positions_are_refused():
    with pytest.raises(ValueError, match="shape"):
        folded_atoms(("S",), np.zeros((2, 3)), CELL)
