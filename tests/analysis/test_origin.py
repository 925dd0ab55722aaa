"""The origin fit: the planted shift modulo the crystal's own translations, whatever atoms are missing or many."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.origin import find_origin
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.materials import load_site_model

LGPS = load_site_model("lgps").network()


@pytest.mark.parametrize("seed", range(3))
def test_the_shift_of_a_partly_germanium_framework(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shift = rng.random(3)
    species = tuple(str(rng.choice(elements)) for elements in LGPS.framework_elements)
    noise = rng.normal(scale=0.05, size=LGPS.framework_fractional.shape) @ np.linalg.inv(LGPS.cell)
    fit = find_origin(LGPS, LGPS.framework_fractional + shift + noise, species)
    carriers = LGPS.fractional + shift
    difference = (carriers[:, None] - LGPS.fractional[None] - fit.shift) % 1.0
    difference -= np.rint(difference)
    distance = np.linalg.norm(difference @ LGPS.cell, axis=-1)
    assert (distance.min(axis=1) < 0.1).all()
    assert [LGPS.labels[site] for site in distance.argmin(axis=1)] == list(LGPS.labels)
    assert fit.residual_A == pytest.approx(0.05 * np.sqrt(3), rel=0.25)


def test_without_a_shift_none_is_found() -> None:
    species = tuple(elements[0] for elements in LGPS.framework_elements)
    fit = find_origin(LGPS, LGPS.framework_fractional, species)
    assert fit.residual_A == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(fit.shift, 0.0, atol=1e-9)


def test_of_equal_origins_the_smallest_shift_is_taken() -> None:
    network = SiteNetwork(
        "two", ("A",), np.array([[0.1, 0.0, 0.0]]), np.eye(3) * 10.0,
        framework_elements=(("P",),), framework_fractional=np.zeros((1, 3)),
    )  # fmt: skip
    atoms = np.array([[0.1, 0.0, 0.0], [0.6, 0.5, 0.5]])
    np.testing.assert_allclose(find_origin(network, atoms, ("P", "P")).shift, [0.1, 0, 0], atol=1e-12)
    carriers = np.array([[0.7, 0.5, 0.5]])
    shift = find_origin(network, atoms, ("P", "P"), carriers).shift
    np.testing.assert_allclose((shift - [0.6, 0.5, 0.5] + 0.5) % 1.0, 0.5, atol=1e-12)
