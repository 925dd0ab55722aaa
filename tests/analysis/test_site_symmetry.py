"""Unit cells, operations and orbits of frameworks whose symmetry is known."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.site_symmetry import UnitSymmetry, framework_symmetry
from aiida_concerted.materials import SiteModel, load_site_model


def framework_of(
    name: str, repeats: tuple[int, int, int], noise_A: float
) -> tuple[SiteModel, np.ndarray, UnitSymmetry]:
    model = load_site_model(name)
    network = model.network()
    corners = np.array(list(np.ndindex(*repeats)))
    fractional = (network.framework_fractional[None] + corners[:, None]).reshape(-1, 3) / repeats
    cell = network.cell * np.array(repeats)[:, None]
    positions = fractional @ cell + np.random.default_rng(0).normal(scale=noise_A, size=fractional.shape)
    species = tuple(kinds[0] for kinds in network.framework_elements) * len(corners)
    symmetry = framework_symmetry(cell, positions, species)
    assert symmetry is not None
    return model, cell, symmetry


@pytest.mark.parametrize(
    ("name", "repeats", "n_operations"),
    [("na3ps4", (1, 1, 1), 96), ("na3ps4", (2, 2, 1), 384), ("li6ps5cl", (2, 2, 2), 768), ("lgps", (1, 1, 1), 16)],
)
def test_operations_are_those_of_the_space_group_whatever_the_supercell(
    name: str, repeats: tuple[int, int, int], n_operations: int
) -> None:
    _, cell, symmetry = framework_of(name, repeats, 0.01)
    assert symmetry.n_operations == n_operations
    np.testing.assert_allclose(symmetry.multiple @ symmetry.cell, cell, atol=1e-9)


@pytest.mark.parametrize("name", ["lgps", "li6ps5cl"])
def test_orbits_are_those_of_the_site_model_in_the_run(name: str) -> None:
    model, cell, symmetry = framework_of(name, (2, 1, 1), 0.02)
    for orbit in model.sites:
        representative = orbit.positions[0] @ model.cell @ np.linalg.inv(symmetry.cell)
        found = symmetry.in_run(symmetry.orbit(representative))
        expected = np.concatenate([orbit.positions, orbit.positions + np.eye(3)[0]]) @ model.cell @ np.linalg.inv(cell)
        assert len(found) == len(expected)
        difference = found[:, None] - expected[None]
        distance = np.linalg.norm((difference - np.rint(difference)) @ cell, axis=-1)
        assert distance.min(axis=0).max() < 0.1


def test_a_density_averaged_over_the_group_has_its_symmetry_and_its_integral() -> None:
    _, _, symmetry = framework_of("na3ps4", (1, 1, 1), 0.0)
    density = np.random.default_rng(3).random((12, 12, 12)) ** 8
    average = symmetry.symmetrised(density)
    assert average.sum() == pytest.approx(density.sum())
    np.testing.assert_allclose(symmetry.symmetrised(average), average, atol=1e-12)
    assert len(np.unique(np.round(average, 9))) < 200


def test_different_elements_are_not_equivalent_and_disorder_has_no_symmetry() -> None:
    cell, corner = np.diag([4.0, 4.0, 4.0]), np.array([[0.0, 0, 0], [2.0, 2.0, 2.0]])
    alike, apart = framework_symmetry(cell, corner, ("A", "A")), framework_symmetry(cell, corner, ("A", "B"))
    assert alike is not None
    assert apart is not None
    assert alike.n_operations == 2 * apart.n_operations
    random = np.random.default_rng(1).random((20, 3)) * 9.0
    assert framework_symmetry(np.diag([9.0, 9.3, 9.7]), random, ("A",) * 20) is None


def test_without_symmetry_every_site_is_its_own() -> None:
    trivial = UnitSymmetry.trivial(np.diag([9.0, 9.0, 9.0]))
    sites = np.array([[0.1, 0.2, 0.3], [0.6, 0.2, 0.3]])
    assert trivial.classes(sites).tolist() == [0, 1]
    np.testing.assert_allclose(trivial.orbit(sites[0]), sites[:1])
    np.testing.assert_allclose(trivial.in_run(sites), sites)
