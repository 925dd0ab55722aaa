from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_concerted.formats.unwrap import UnwrapError, Unwrapper, nearest_way, reduced_basis

SHIFTS = np.array(list(itertools.product(range(-4, 5), repeat=3)))


@st.composite
def lattices(draw):
    """Return a lattice of moderate shape in a basis that may be very askew."""
    numbers = st.floats(-3, 3)
    cell = np.diag([8.0, 9.0, 10.0]) + np.array(draw(st.lists(numbers, min_size=9, max_size=9))).reshape(3, 3)
    skew = np.eye(3)
    skew[1, 0], skew[2, 0], skew[2, 1] = draw(st.tuples(*[st.integers(-3, 3)] * 3))
    return cell, skew @ cell


@given(lattices())
@settings(max_examples=40, deadline=None)
def test_the_reduced_basis_is_of_the_same_lattice_and_the_shortest(pair):
    cell, askew = pair
    basis = reduced_basis(askew)
    change = basis @ np.linalg.inv(cell)
    np.testing.assert_allclose(change, np.rint(change), atol=1e-8)
    assert abs(np.linalg.det(change)) == pytest.approx(1.0)
    lengths = np.sort(np.linalg.norm(basis, axis=1))
    vectors = SHIFTS[(SHIFTS != 0).any(axis=1)] @ cell
    vectors = vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]
    independent: list[np.ndarray] = []
    for vector in vectors:
        if np.linalg.matrix_rank(np.array([*independent, vector]), tol=1e-6) > len(independent):
            independent.append(vector)
        if len(independent) == 3:
            break
    np.testing.assert_allclose(lengths, [np.linalg.norm(v) for v in independent], rtol=1e-9)


@given(lattices(), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_every_step_is_the_shortest_of_all_images(pair, seed):
    cell, askew = pair
    rng = np.random.default_rng(seed)
    raw = rng.uniform(size=(2, 6, 3)) @ askew
    ways = (raw[1] - raw[0])[:, None] + SHIFTS @ cell
    shortest = ways[np.arange(6), np.argmin((ways**2).sum(axis=2), axis=1)]
    vectors = SHIFTS[(SHIFTS != 0).any(axis=1)] @ cell
    ambiguity = ((shortest @ vectors.T) / (vectors**2).sum(axis=1)).max(axis=1)
    for atom in range(6):
        positions = raw[:, atom : atom + 1].copy()
        if ambiguity[atom] > 0.4:
            with pytest.raises(UnwrapError):
                Unwrapper(askew, 1).unwrap(positions)
        else:
            Unwrapper(askew, 1).unwrap(positions)
            np.testing.assert_allclose(positions[1, 0] - positions[0, 0], shortest[atom], atol=1e-9)


@pytest.mark.parametrize(("share", "is_refused"), [(0.399, False), (0.401, True), (-0.45, True)])
def test_a_step_beyond_four_tenths_of_the_height_is_refused(share, is_refused):
    cell = np.diag([6.0, 10.0, 20.0])
    for axis in range(3):
        positions = np.zeros((3, 4, 3))
        positions[2, 2] = share * cell[axis]
        if not is_refused:
            Unwrapper(cell, 4).unwrap(positions)
            continue
        with pytest.raises(UnwrapError) as caught:
            Unwrapper(cell, 4).unwrap(positions)
        assert (caught.value.frame, caught.value.atom) == (2, 2)
        assert caught.value.length == pytest.approx(abs(share) * cell[axis, axis])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_found(bad):
    positions = np.zeros((3, 4, 3))
    positions[1, 3, 0] = bad
    for work in (Unwrapper(np.eye(3) * 9, 4).unwrap, Unwrapper(np.eye(3) * 9, 4).keep):
        with pytest.raises(UnwrapError) as caught:
            work(positions.copy())
        assert (caught.value.frame, caught.value.atom) == (1, 3)
        assert np.isnan(caught.value.length)


def test_unwrapped_positions_stay_as_they_are_to_the_last_digit():
    positions = np.cumsum(np.random.default_rng(0).normal(scale=0.5, size=(200, 5, 3)), axis=0)
    kept = positions.copy()
    Unwrapper(np.eye(3) * 9, 5).unwrap(kept)
    np.testing.assert_array_equal(kept, positions)


def test_nearest_way_is_that_of_the_farthest_atom():
    cell = np.diag([6.0, 7.0, 8.0])
    first = np.random.default_rng(0).uniform(size=(5, 3)) @ cell
    second = first + np.array([1, -2, 3]) @ cell
    assert nearest_way(first, second, cell) == pytest.approx(0, abs=1e-12)
    second[3, 1] += 0.25
    assert nearest_way(first, second, cell) == pytest.approx(0.25)
