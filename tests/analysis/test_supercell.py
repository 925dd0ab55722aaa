"""Recognising supercells: diagonal ones first, least strain first, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_concerted.analysis.supercell import linear_strain, supercell_matrices

CELL = np.diag([8.71, 8.71, 12.61])


@given(st.tuples(*[st.integers(1, 5)] * 3), st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_diagonal_supercells_of_any_orientation_are_recognised(extent: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    strain = np.eye(3) + rng.uniform(-0.012, 0.012, size=(3, 3))
    rotation = Rotation.random(rng=rng).as_matrix()
    matrix, found = supercell_matrices(CELL, np.diag(extent) @ CELL @ strain @ rotation)[0]
    np.testing.assert_array_equal(matrix, np.diag(extent))
    assert found < 0.04


def test_a_cubic_cell_keeps_its_own_axes() -> None:
    matrix, strain = supercell_matrices(np.eye(3) * 5.0, np.eye(3) * 15.0)[0]
    np.testing.assert_array_equal(matrix, np.eye(3) * 3)
    assert strain == pytest.approx(0.0, abs=1e-12)


def test_axes_in_another_order_are_found() -> None:
    matrix, _ = supercell_matrices(CELL, np.diag([12.61, 8.71, 17.42]))[0]
    assert abs(round(np.linalg.det(matrix))) == 2
    assert np.abs(matrix[0]).tolist() == [0, 0, 1]


def test_strain_is_the_largest_over_directions() -> None:
    shear = np.array([[1.0, 0.02, 0], [0.02, 1.0, 0], [0, 0, 1.0]])
    assert linear_strain(CELL, CELL @ shear, np.eye(3, dtype=np.int64)) == pytest.approx(0.02)


def test_a_primitive_cell_of_a_centred_one_is_no_supercell() -> None:
    with pytest.raises(ValueError, match="no integer supercell"):
        supercell_matrices(CELL, np.diag([4.3, 8.71, 12.61]))
