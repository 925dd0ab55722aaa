"""Labels follow the nearest site, whatever the image and the strain."""

import numpy as np
import pytest

from aiida_concerted.structures.labelling import nearest_sites


def test_nearest_image_counts():
    sites = np.array([[0.02, 0.0, 0.0], [0.5, 0.5, 0.5]])
    (found,) = nearest_sites(np.array([[0.98, 0.0, 0.0]]), sites, ["A", "B"], 10.0 * np.eye(3))
    assert found.label == "A"
    assert found.distance_A == pytest.approx(0.4)


def test_skewed_cell_agrees_with_all_images():
    generator = np.random.default_rng(1)
    cell = np.array([[4.0, 0, 0], [3.5, 4.0, 0], [1.0, -2.5, 5.0]])
    sites, positions = generator.random((5, 3)), generator.random((20, 3))
    found = nearest_sites(positions, sites, list("ABCDE"), cell)
    images = np.array(np.meshgrid(*[range(-3, 4)] * 3)).reshape(3, -1).T
    for position, site in zip(positions, found, strict=True):
        distances = np.linalg.norm((position - sites[:, None] + images[None]) @ cell, axis=-1).min(axis=1)
        assert site.label == "ABCDE"[distances.argmin()]
        assert site.distance_A == pytest.approx(distances.min())
