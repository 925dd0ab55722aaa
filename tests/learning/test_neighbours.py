import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_concerted.learning.neighbours import pairs_within


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 6.0))
def test_pairs_are_those_of_ase_in_skewed_and_small_cells(seed, cutoff):
    generator = np.random.default_rng(seed)
    cell = np.diag(generator.uniform(2.5, 9, 3)) + generator.uniform(-2, 2, (3, 3))
    if abs(np.linalg.det(cell)) < 15:
        cell = np.diag([3.0, 4.0, 5.0])
    positions = generator.uniform(-10, 10, (5, 3))
    first, second, distance = pairs_within(cell, positions, cutoff)
    i, j, d = neighbor_list("ijd", Atoms("H5", positions=positions, cell=cell, pbc=True), cutoff)
    assert 2 * len(distance) == len(d)  # ASE lists each pair from both ends
    np.testing.assert_allclose(np.sort(np.repeat(distance, 2)), np.sort(d), atol=1e-9)
    ours = np.bincount(np.minimum(first, second) * 5 + np.maximum(first, second), minlength=25)
    theirs = np.bincount(np.minimum(i, j) * 5 + np.maximum(i, j), minlength=25)
    np.testing.assert_array_equal(2 * ours, theirs)


def test_a_single_atom_sees_its_images():
    first, second, distance = pairs_within(np.diag([3.0, 9.0, 9.0]), np.zeros((1, 3)), 3.1)
    assert (first.tolist(), second.tolist()) == ([0], [0])
    assert distance[0] == pytest.approx(3.0)
