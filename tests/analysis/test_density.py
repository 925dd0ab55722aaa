"""Density maps: their integral, their origin, their folding and their symmetry."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import spglib

from aiida_concerted.analysis.density import carrier_density, symmetrised
from tests.synthetic import as_trajectory, random_walkers, vibration

CELL = np.array([[6.0, 0.0, 0.0], [1.5, 6.0, 0.0], [0.0, -1.0, 8.0]])
IDENTITY = np.eye(3, dtype=int)
FOURFOLD = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
THREEFOLD = np.array([[0, -1, 0], [1, -1, 0], [0, 0, 1]])


def test_integral_is_the_number_of_carriers():
    walkers = random_walkers(300, 7, 1.0, 0.1, seed=1)
    result = carrier_density(as_trajectory(walkers, 0.1, cell=CELL), grid=(5, 6, 7))
    assert result.density.shape == (5, 6, 7)
    assert result.n_carriers == pytest.approx(7.0)


def test_uniform_carriers_have_a_uniform_density_within_its_error():
    positions = np.random.default_rng(2).uniform(size=(4000, 20, 3)) @ CELL
    result = carrier_density(as_trajectory(positions, 0.1, cell=CELL), grid=(4, 4, 4))
    expected = 20 / abs(np.linalg.det(CELL))
    np.testing.assert_allclose(result.density, expected, rtol=0.12)
    scores = (result.density - expected) / result.stderr
    assert 0.7 < np.sqrt(np.mean(scores**2)) < 2.5


def test_carrier_sits_in_the_voxel_centred_on_it():
    fractional = np.array([[0.0, 0.5, 0.999], [-0.001, 0.501, 1.001]])
    positions = np.tile(fractional @ CELL, (10, 1, 1))
    result = carrier_density(as_trajectory(positions, 0.1, cell=CELL), grid=(4, 4, 4))
    voxel = abs(np.linalg.det(CELL)) / 64
    assert result.density[0, 2, 0] == pytest.approx(2 / voxel)
    assert np.count_nonzero(result.density) == 1


def test_origin_shift_moves_the_map():
    positions = np.tile(np.array([[0.25, 0.5, 0.75]]) @ CELL, (10, 1, 1))
    trajectory = as_trajectory(positions, 0.1, cell=CELL)
    result = carrier_density(trajectory, grid=(4, 4, 4), origin_shift=(0.25, 0.5, 0.75))
    assert np.argmax(result.density) == 0


def test_supercell_folds_into_the_average_cell():
    small = np.tile(np.array([[1.0, 2.0, 3.0]]), (20, 1, 1)) + vibration(20, 1, 0.3, seed=3)
    large = np.concatenate([small, small + CELL[0], small + CELL[1], small + CELL[0] + CELL[1]], axis=1)
    supercell = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 1]]) @ CELL
    folded = carrier_density(as_trajectory(large, 0.1, cell=supercell), grid=(6, 6, 8), unit_cell=CELL)
    reference = carrier_density(as_trajectory(small, 0.1, cell=CELL), grid=(6, 6, 8))
    np.testing.assert_allclose(folded.density, reference.density)
    assert folded.n_carriers == pytest.approx(1.0)


def test_chunks_and_drift_do_not_matter(monkeypatch):
    walkers = random_walkers(100, 5, 1.0, 0.1, seed=4)
    drift = np.cumsum(np.random.default_rng(5).normal(size=(100, 3)), axis=0)
    resting = as_trajectory(walkers, 0.1, cell=CELL)
    moving = dataclasses.replace(resting, carriers=walkers + drift[:, None], framework_displacement=drift)
    reference = carrier_density(resting, grid=(6, 6, 8))
    monkeypatch.setattr("aiida_concerted.common.positions.BLOCK_BYTES", 1)
    np.testing.assert_allclose(carrier_density(moving, grid=(6, 6, 8)).density, reference.density)


def test_default_grid_is_fine_enough_and_suits_every_symmetry():
    result = carrier_density(as_trajectory(np.zeros((5, 1, 3)), 0.1, cell=CELL), spacing_A=0.3)
    for axis, n_voxels in enumerate(result.density.shape):
        assert n_voxels % 12 == 0
        assert np.linalg.norm(CELL[axis]) / n_voxels <= 0.3


@pytest.mark.parametrize(
    ("rotation", "translation", "order"),
    [(FOURFOLD, (0.0, 0.0, 0.5), 4), (FOURFOLD, (0.0, 0.0, 0.25), 4), (THREEFOLD, (0.0, 0.0, 1 / 3), 3)],
)
def test_symmetrised_density_has_the_symmetry_and_the_same_integral(rotation, translation, order):
    positions = random_walkers(200, 3, 1.0, 0.1, seed=6)
    original = carrier_density(as_trajectory(positions, 0.1), grid=(6, 6, 12))
    rotations, translations = [IDENTITY], [np.zeros(3)]
    for _ in range(order - 1):
        rotations.append(rotation @ rotations[-1])
        translations.append(rotation @ translations[-1] + np.array(translation))
    result = symmetrised(original, np.array(rotations), np.array(translations))
    assert result.n_carriers == pytest.approx(original.n_carriers)
    for index in np.random.default_rng(7).integers(0, 6, size=(20, 3)):
        image = np.rint(rotation @ index + np.array(translation) * [6, 6, 12] + 1e-9).astype(int) % [6, 6, 12]
        # A density that is symmetric is the same at a point and at its image.
        assert result.density[tuple(index)] == pytest.approx(result.density[tuple(image)])
    assert result.stderr.mean() < original.stderr.mean()


def test_error_of_a_voxel_that_operations_leave_in_its_place_does_not_shrink():
    original = carrier_density(as_trajectory(random_walkers(200, 3, 1.0, 0.1, seed=6), 0.1), grid=(6, 6, 6))
    rotations = np.array([np.linalg.matrix_power(FOURFOLD, power) for power in range(4)])
    result = symmetrised(original, rotations, np.zeros((4, 3)))
    np.testing.assert_allclose(result.density[0, 0], original.density[0, 0])
    np.testing.assert_allclose(result.stderr[0, 0], original.stderr[0, 0])
    twofold = original.stderr[[0, 3], [3, 0], 2]
    assert result.stderr[0, 3, 2] == pytest.approx(np.sqrt((twofold**2).sum()) / 2)
    images = [(1, 2), (4, 1), (5, 4), (2, 5)]
    errors = np.array([original.stderr[a, b, 3] for a, b in images])
    assert result.stderr[1, 2, 3] == pytest.approx(np.sqrt((errors**2).sum()) / 4)


def test_density_takes_on_the_symmetry_of_a_space_group():
    operations = spglib.get_symmetry_from_database(420)  # P4_2/nmc, origin choice 1
    rotations, translations = operations["rotations"], operations["translations"]
    cell = np.diag([8.7, 8.7, 12.6])
    walkers = random_walkers(400, 20, 1.0, 0.1, seed=11)
    original = carrier_density(as_trajectory(walkers, 0.1, cell=cell), grid=(12, 12, 12))
    result = symmetrised(original, rotations, translations)
    assert len(rotations) == 16
    assert result.n_carriers == pytest.approx(20.0)
    centres = np.indices((12, 12, 12)).reshape(3, -1).T / 12
    for rotation, translation in zip(rotations, translations, strict=True):
        image = np.rint((centres @ rotation.T + translation) * 12).astype(int) % 12
        np.testing.assert_allclose(result.density[tuple(image.T)], result.density.ravel())
        np.testing.assert_allclose(result.stderr[tuple(image.T)], result.stderr.ravel())
    again = symmetrised(result, rotations, translations)
    np.testing.assert_allclose(again.density, result.density)


def test_identity_changes_nothing():
    original = carrier_density(as_trajectory(random_walkers(50, 3, 1.0, 0.1, seed=8), 0.1), grid=(6, 6, 6))
    same = symmetrised(original, IDENTITY[None], np.zeros((1, 3)))
    np.testing.assert_array_equal(same.density, original.density)
    np.testing.assert_allclose(same.stderr, original.stderr)


def test_grid_that_the_symmetry_does_not_keep_is_refused():
    original = carrier_density(as_trajectory(np.zeros((5, 1, 3)), 0.1), grid=(5, 5, 5))
    with pytest.raises(ValueError, match="does not take the grid"):
        symmetrised(original, IDENTITY[None], np.array([[0.0, 0.0, 0.5]]))
    with pytest.raises(ValueError, match="each rotation needs its translation"):
        symmetrised(original, IDENTITY[None], np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": (0, 4, 4)}, "one voxel or more"),
        ({"spacing_A": 0.0}, "must be positive"),
        ({"unit_cell": 0.7 * CELL}, "no integer multiple"),
    ],
)
def test_impossible_grids_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        carrier_density(as_trajectory(np.zeros((5, 1, 3)), 0.1, cell=CELL), **options)
