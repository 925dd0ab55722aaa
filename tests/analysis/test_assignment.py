"""Nearest sites against brute force and a k-d tree, wrapped or not, in skew and strained cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from aiida_concerted.analysis.assignment import assign_sites, site_history
from aiida_concerted.analysis.placement import PlacedNetwork, place_network
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.materials import load_site_model
from tests.synthetic_lattice import thermal_positions

LGPS = load_site_model("lgps").network()


def brute_force(positions: np.ndarray, placed: PlacedNetwork) -> np.ndarray:
    """Return the nearest site by trying every site and many images, with the metric of the site cell."""
    to_unit = np.linalg.inv(placed.cell) @ placed.supercell.matrix
    images = np.array(list(np.ndindex(7, 7, 7))) - 3
    whole = np.linalg.inv(placed.supercell.matrix)
    difference = (positions[..., None, :] - placed.positions) @ to_unit @ whole
    difference -= np.rint(difference)
    vectors = (difference[..., None, :] + images) @ placed.supercell.matrix @ placed.network.cell
    return (vectors**2).sum(axis=-1).min(axis=-1).argmin(axis=-1)


@pytest.mark.parametrize("seed", range(6))
def test_assignment_is_exact_in_skew_strained_supercells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.array([[6.0, 0, 0], [3.5, 5.0, 0], [-2.0, 2.5, 7.0]]) + rng.normal(scale=0.3, size=(3, 3))
    network = SiteNetwork("skew", tuple("ABCDE"), rng.random((5, 3)), cell)
    matrix = np.array([[1, 1, 0], [-1, 1, 0], [0, 1, 2]])
    placed = place_network(network, matrix @ cell @ (np.eye(3) + rng.normal(scale=0.01, size=(3, 3))))
    positions = rng.normal(scale=4.0, size=(25, 6, 3)).cumsum(axis=0)
    np.testing.assert_array_equal(assign_sites(positions, placed), brute_force(positions, placed))


def test_assignment_agrees_with_a_tree_on_a_vibrating_crystal() -> None:
    rng = np.random.default_rng(0)
    placed = place_network(LGPS, np.diag([2, 2, 1]) @ LGPS.cell)
    sites = rng.permuted(np.tile(np.arange(placed.n_sites), (200, 1)), axis=1)[:, :40]
    sites[:] = sites[np.repeat(np.arange(0, 200, 20), 20)]
    positions = thermal_positions(rng, placed, sites, amplitude_A=0.5)
    lengths = np.diag(placed.cell)
    tree = cKDTree(placed.positions % lengths, boxsize=lengths)
    _, expected = tree.query(positions % lengths)
    np.testing.assert_array_equal(assign_sites(positions, placed), expected)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_wrapping_translation_and_order_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    placed = place_network(LGPS, np.diag([1, 2, 1]) @ LGPS.cell)
    positions = rng.normal(scale=1.0, size=(20, 5, 3)).cumsum(axis=0) * 2
    found = assign_sites(positions, placed)
    lattice = rng.integers(-3, 4, size=(20, 5, 3)) @ placed.cell
    np.testing.assert_array_equal(assign_sites(positions + lattice, placed), found)
    order = rng.permutation(5)
    np.testing.assert_array_equal(assign_sites(positions[:, order], placed), found[:, order])


def test_strain_does_not_move_the_borders() -> None:
    rng = np.random.default_rng(2)
    fractional = rng.random((1, 500, 3))
    strained = LGPS.cell @ np.diag([1.04, 1.04, 0.95])
    plain, squeezed = place_network(LGPS, LGPS.cell), place_network(LGPS, strained)
    np.testing.assert_array_equal(
        assign_sites(fractional @ LGPS.cell, plain), assign_sites(fractional @ strained, squeezed)
    )


def test_split_sites_of_a_group_are_one() -> None:
    merged = place_network(replace(LGPS, groups=(("Li1", "Li1", 2.0),)), LGPS.cell)
    plain = place_network(LGPS, LGPS.cell)
    i, j = next((i, j) for i, j, x, y, z in LGPS.pairs_within(2.0) if not (x or y or z))
    positions = plain.positions[[[i, j]]]
    assert len(set(assign_sites(positions, plain)[0])) == 2
    assert len(set(assign_sites(positions, merged)[0])) == 1


def test_chunks_make_the_same_history(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    placed = place_network(LGPS, LGPS.cell)
    positions = rng.normal(scale=0.6, size=(101, 7, 3)).cumsum(axis=0)
    monkeypatch.setattr("aiida_concerted.common.positions.BLOCK_BYTES", 101 * 24 * 2)
    history = site_history(positions, placed, 0.1)
    np.testing.assert_array_equal(history.to_dense(), assign_sites(positions, placed))


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.full((2, 2, 3), np.nan)])
def test_bad_positions_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="positions must"):
        assign_sites(bad, place_network(LGPS, LGPS.cell))
