"""The nearest site of a crystal: vectors against all images, and carriers that jump far between frames."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.nearest import NearestSite
from aiida_concerted.analysis.sites import Supercell

IMAGES = np.array(list(np.ndindex(9, 9, 9))) - 4


@pytest.mark.parametrize("skew", [0.0, 0.4, 0.9])
def test_vectors_point_from_the_nearest_of_all_images(skew: float) -> None:
    rng = np.random.default_rng(0)
    cell = np.array([[5.0, 0, 0], [5.0 * skew, 4.0, 0], [-3.0 * skew, 2.0 * skew, 6.0]])
    sites, points = rng.random((3, 3)), rng.random((60, 3))
    every = (points[:, None, None, :] - sites[None, :, None, :] - IMAGES[None, None]) @ cell
    lengths = np.linalg.norm(every, axis=-1).min(axis=(1, 2))
    np.testing.assert_allclose(np.linalg.norm(NearestSite(sites, cell).vectors(points), axis=1), lengths)


def test_numbers_do_not_depend_on_the_path() -> None:
    rng = np.random.default_rng(1)
    cell = np.diag([6.0, 7.0, 8.0])
    sites, supercell = rng.random((4, 3)), Supercell(np.array([[2, 1, 0], [0, 1, 0], [1, 0, 2]]))
    points = rng.normal(scale=15.0, size=(300, 3))
    nearest, to_units = NearestSite(sites, cell), np.linalg.inv(cell)
    along, alone = np.empty((1, 300), dtype=np.int32), np.empty((300, 1), dtype=np.int32)
    nearest.follow(np.ascontiguousarray(points.T[None]), to_units, supercell, along)
    nearest.follow(points[:, :, None].copy(), to_units, supercell, alone)
    np.testing.assert_array_equal(along.ravel(), alone.ravel())


def test_a_single_site_far_from_its_images_is_always_nearest() -> None:
    numbers = np.empty((2, 50), dtype=np.int32)
    points = np.random.default_rng(2).normal(scale=3.0, size=(2, 3, 50))
    cell = np.diag([40.0, 40.0, 40.0])
    NearestSite(np.zeros((1, 3)), cell).follow(points, np.linalg.inv(cell), Supercell(np.eye(3)), numbers)
    assert (numbers == 0).all()
