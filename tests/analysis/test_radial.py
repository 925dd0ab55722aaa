"""Radial distribution functions of an ideal gas, of a lattice and of nothing at all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aiida_concerted.analysis.radial import carrier_radial_distributions, radial_distribution
from tests.synthetic import as_trajectory

CELL = np.array([[8.0, 0.0, 0.0], [2.5, 7.5, 0.0], [-2.0, 2.0, 9.0]])


def ideal_gas(n_frames, n_particles, seed, cell=CELL):
    return np.random.default_rng(seed).uniform(size=(n_frames, n_particles, 3)) @ cell


def assert_flat(distribution, level):
    scores = (distribution.g - level) / np.maximum(distribution.g_stderr, 1e-12)
    counted = distribution.g_stderr > 0
    assert np.abs(scores[counted]).max() < 5
    assert np.average(distribution.g, weights=distribution.r_A**2) == pytest.approx(level, rel=0.03)


@pytest.mark.parametrize("r_max", [3.0, 9.0])
def test_ideal_gas_of_like_particles_is_flat_below_one(r_max):
    assert_flat(radial_distribution(ideal_gas(200, 20, 1), None, CELL, r_max=r_max, bin_width=0.25), 19 / 20)


def test_first_shells_of_an_ideal_gas_are_not_inflated():
    cell = np.diag([3.0, 3.0, 3.0])
    gas = ideal_gas(2000, 30, 2, cell)
    distribution = radial_distribution(gas, None, cell, r_max=0.4, bin_width=0.1, max_frames=2000)
    volumes = np.diff((0.1 * np.arange(5)) ** 3)
    assert np.average(distribution.g, weights=volumes) == pytest.approx(29 / 30, rel=0.03)
    assert distribution.g[1] == pytest.approx(29 / 30, abs=4 * distribution.g_stderr[1])


def test_ideal_gas_of_unlike_particles_is_one():
    first, second = ideal_gas(200, 12, 3), ideal_gas(200, 25, 4)
    assert_flat(radial_distribution(first, second, CELL, r_max=6.0, bin_width=0.25), 1.0)


def test_lattice_has_its_shells_of_neighbours():
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(1, -1, 3) * 2.0
    distribution = radial_distribution(grid, None, np.diag([8.0, 8.0, 8.0]), r_max=3.95, bin_width=0.1)
    expected = {2.05: 6, 2.85: 18, 3.45: 26}
    for radius, neighbours in expected.items():
        index = int(np.argmin(np.abs(distribution.r_A - radius)))
        assert distribution.coordination[index] == pytest.approx(neighbours)
    assert distribution.g[distribution.r_A < 1.95].sum() == 0


def test_wrapping_and_translation_do_not_matter():
    gas = ideal_gas(5, 15, 5)
    reference = radial_distribution(gas, None, CELL, r_max=5.0)
    shifts = np.random.default_rng(6).integers(-3, 4, size=(5, 15, 3)) @ CELL
    moved = radial_distribution(gas + shifts + 0.123, None, CELL, r_max=5.0)
    np.testing.assert_allclose(moved.g, reference.g, atol=1e-9)


def test_supercell_has_the_same_distribution_at_short_range():
    generator = np.random.default_rng(7)
    basis = generator.uniform(size=(1, 5, 3))
    cell = np.diag([6.0, 6.0, 6.0])
    small = basis @ cell
    large = np.concatenate([small, small + cell[0]], axis=1)
    first = radial_distribution(small, small, cell, r_max=5.9, bin_width=0.1)
    second = radial_distribution(large, large, np.diag([12.0, 6.0, 6.0]), r_max=5.9, bin_width=0.1)
    np.testing.assert_allclose(second.g, first.g, atol=1e-9)


def test_pairs_of_a_run_are_named_and_taken_in_the_same_frames():
    n_frames, stride = 21, 5
    steps = np.arange(n_frames)[:, None, None] * np.array([0.05, 0.0, 0.0])
    carriers = np.array([[[0.0, 0.0, 0.0], [4.0, 4.0, 4.0]]]) + steps
    framework = np.array([[[1.5, 0.0, 0.0], [0.0, 3.0, 0.0]]]) + steps[::stride]
    trajectory = dataclasses.replace(
        as_trajectory(carriers, 0.1),
        framework=framework,
        framework_species=("S", "P"),
        framework_stride=stride,
    )
    distributions = carrier_radial_distributions(trajectory, r_max=3.5, bin_width=0.2)
    assert set(distributions) == {"Li-Li", "Li-S", "Li-P"}
    assert distributions["Li-S"].r_A[np.argmax(distributions["Li-S"].g)] == pytest.approx(1.5, abs=0.1)
    assert distributions["Li-P"].r_A[np.argmax(distributions["Li-P"].g)] == pytest.approx(3.0, abs=0.11)
    assert set(distributions["Li-S"].as_dict()) == {"r_A", "g", "g_stderr"}


def test_run_without_framework_has_like_pairs_only():
    assert set(carrier_radial_distributions(as_trajectory(ideal_gas(5, 4, 8), 0.1), r_max=3.0)) == {"Li-Li"}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((3, 2)), None, "n_frames, n_particles, 3"),
        (np.zeros((3, 2, 3)), np.zeros((4, 2, 3)), "same frames"),
        (np.zeros((3, 2, 3)), np.zeros((3, 0, 3)), "n_frames, n_particles, 3"),
        (np.zeros((3, 1, 3)), None, "two particles"),
    ],
)
def test_what_cannot_be_counted_is_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        radial_distribution(first, second, CELL, r_max=3.0)
