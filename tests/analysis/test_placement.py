"""Placing the network: supercell, strain, rotation and the origin that a wrong shift would rename sites by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from aiida_concerted.analysis.assignment import assign_sites
from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.supercell import linear_strain, supercell_matrices
from aiida_concerted.materials import load_site_model
from aiida_concerted.materials.symmetry import hall_number, orbit

LGPS = load_site_model("lgps").network()
# The ordered cell mp-696128 (Materials Project, CC BY 4.0): P4_2mc, a = 8.7876, c = 12.6575 Å, rounded. No Li on Li4.
ORDERED = [
    ("Li", 0.229, 0.273, 0.295),
    ("Li", 0.256, 0.275, 0.037),
    ("Li", 0.0, 0.0, 0.440),
    ("Li", 0.5, 0.5, 0.048),
    ("Ge", 0.5, 0.5, 0.301),
    ("P", 0.0, 0.0, 0.186),
    ("P", 0.0, 0.5, 0.504),
    ("S", 0.0, 0.192, 0.777),
    ("S", 0.0, 0.195, 0.094),
    ("S", 0.0, 0.306, 0.412),
    ("S", 0.190, 0.5, 0.597),
    ("S", 0.290, 0.5, 0.903),
    ("S", 0.293, 0.5, 0.198),
]


def framework_of(matrix: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the framework of the model in units of the site cell, the Ge/P sites filled alternately."""
    cells = np.array(list(np.ndindex(*np.diag(matrix).astype(int))))
    inside = cells[:, None, :] + LGPS.framework_fractional
    species = tuple(
        (elements[0] if index % 2 else elements[-1])
        for _ in range(len(inside))
        for index, elements in enumerate(LGPS.framework_elements)
    )
    return inside.reshape(-1, 3) + shift, species


def test_supercell_strain_and_rotation_are_found() -> None:
    strain = np.diag([1.03, 1.02, 0.97])
    rotation = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
    cell = np.diag([3, 3, 2]) @ LGPS.cell @ strain @ rotation
    placed = place_network(LGPS, cell)
    assert placed.supercell_summary == [3, 3, 2]
    assert placed.strain == pytest.approx(0.03, abs=1e-6)
    assert placed.n_sites == 576
    assert placed.counts == {"Li1": 288, "Li2": 72, "Li3": 144, "Li4": 72}
    fractional = placed.positions @ np.linalg.inv(cell)
    np.testing.assert_allclose(fractional[:32], LGPS.fractional / [3, 3, 2], atol=1e-12)


@pytest.mark.parametrize(
    "matrix",
    [[[0, 2, 0], [-2, 0, 0], [0, 0, 1]], [[1, 1, 0], [-1, 1, 0], [0, 0, 2]], [[2, 1, 0], [0, 2, 1], [1, 0, 2]]],
)
def test_any_integer_matrix_is_found(matrix: list[list[int]]) -> None:
    cell = np.array(matrix) @ LGPS.cell @ np.diag([1.01, 1.0, 1.02])
    placed = place_network(LGPS, cell)
    assert placed.n_cells == round(np.linalg.det(matrix))
    assert linear_strain(LGPS.cell, cell, placed.supercell.matrix) == pytest.approx(placed.strain)
    assert placed.strain <= 0.0203
    assert len(placed.edges) == 2 * 88 * placed.n_cells


def test_another_crystal_is_no_supercell() -> None:
    with pytest.raises(ValueError, match=r"no integer supercell of the site cell 8\.71"):
        supercell_matrices(LGPS.cell, np.diag([9.9, 9.9, 9.9]))


@pytest.mark.parametrize("seed", range(4))
def test_the_origin_is_found_from_a_vibrating_framework(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shift = rng.random(3)
    matrix = np.diag([2, 2, 1])
    fractional, species = framework_of(matrix, shift)
    cell = matrix @ LGPS.cell
    atoms = fractional @ LGPS.cell + rng.normal(scale=0.1, size=(len(fractional), 3))
    order = rng.permutation(len(atoms))
    placed = place_network(
        LGPS, cell, framework_positions=atoms[order], framework_species=tuple(species[i] for i in order)
    )
    assert placed.residual_A == pytest.approx(0.1 * np.sqrt(3), rel=0.1)
    carriers = (LGPS.fractional + shift) @ LGPS.cell
    labels = [placed.labels[site] for site in assign_sites(carriers[None], placed)[0]]
    assert labels == list(LGPS.labels)


def test_carriers_decide_where_the_framework_cannot() -> None:
    only_p = replace(
        LGPS, framework_elements=LGPS.framework_elements[4:6], framework_fractional=LGPS.framework_fractional[4:6]
    )
    shift = np.array([0.13, 0.42, 0.77])
    atoms, species = framework_of(np.eye(3), shift)
    carriers = (LGPS.fractional + shift) @ LGPS.cell
    placed = place_network(
        only_p,
        LGPS.cell,
        framework_positions=atoms @ LGPS.cell,
        framework_species=species,
        carrier_positions=carriers,
    )
    assert [placed.labels[site] for site in assign_sites(carriers[None], placed)[0]] == list(LGPS.labels)


def test_a_given_shift_is_taken_as_it_is() -> None:
    placed = place_network(LGPS, LGPS.cell, origin_shift=(0.1, 0.2, 0.3))
    np.testing.assert_allclose(placed.positions, (LGPS.fractional + np.array([0.1, 0.2, 0.3])) @ LGPS.cell)
    assert placed.residual_A is None
    assert place_network(replace(LGPS, origin_shift=(0.1, 0.2, 0.3)), LGPS.cell).origin_shift.tolist() == [
        0.1,
        0.2,
        0.3,
    ]


def test_a_framework_that_does_not_fit_is_an_error() -> None:
    rng = np.random.default_rng(3)
    _, species = framework_of(np.eye(3), np.zeros(3))
    with pytest.raises(ValueError, match="is it this material"):
        place_network(
            LGPS, LGPS.cell, framework_positions=rng.random((len(species), 3)) @ LGPS.cell, framework_species=species
        )
    with pytest.raises(ValueError, match="has no element of the site model"):
        place_network(LGPS, LGPS.cell, framework_positions=rng.random((2, 3)), framework_species=("La", "Zr"))


def ordered_cell() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return cell, carriers and framework of the ordered crystal, in its own origin."""
    hall = hall_number(105, None)
    orbits = [(element, orbit(hall, np.array(position))) for element, *position in ORDERED]
    carriers = np.concatenate([positions for element, positions in orbits if element == "Li"])
    framework = np.concatenate([positions for element, positions in orbits if element != "Li"])
    species = tuple(element for element, positions in orbits if element != "Li" for _ in positions)
    return carriers, framework, species


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.1, 0.27, 0.33), (0.5, 0.0, 0.25)])
def test_the_ordered_cell_keeps_its_li2_whatever_its_origin(shift: tuple[float, float, float]) -> None:
    carriers, framework, species = ordered_cell()
    assert (len(carriers), len(framework)) == (20, 30)
    cell = np.diag([8.7876, 8.7876, 12.6575])
    moved = (carriers + shift) @ cell
    placed = place_network(LGPS, cell, framework_positions=(framework + shift) @ cell, framework_species=species)
    assert placed.residual_A is not None
    assert placed.residual_A < 0.15
    found = Counter(placed.labels[site] for site in assign_sites(moved[None], placed)[0])
    assert found == {"Li1": 8, "Li3": 8, "Li2": 4}


def test_without_the_origin_the_ordered_cell_is_renamed() -> None:
    carriers, _, _ = ordered_cell()
    cell = np.diag([8.7876, 8.7876, 12.6575])
    unplaced = place_network(LGPS, cell)
    found = Counter(unplaced.labels[site] for site in assign_sites((carriers @ cell)[None], unplaced)[0])
    assert found["Li2"] == 0
    assert found["Li4"] == 4


def test_edges_are_looked_up_both_ways() -> None:
    placed = place_network(LGPS, np.diag([2, 2, 2]) @ LGPS.cell)
    forward = placed.is_edge(placed.edges[:, 0], placed.edges[:, 1])
    assert forward.all()
    assert placed.is_edge(placed.edges[:, 1], placed.edges[:, 0]).all()
    dense = np.zeros((placed.n_sites, placed.n_sites), dtype=bool)
    dense[placed.edges[:, 0], placed.edges[:, 1]] = True
    first, second = np.meshgrid(np.arange(placed.n_sites), np.arange(placed.n_sites), indexing="ij")
    np.testing.assert_array_equal(placed.is_edge(first, second), dense)


def test_a_given_shift_is_checked_against_the_framework() -> None:
    shift = np.array([0.1, 0.2, 0.3])
    fractional, species = framework_of(np.diag([1, 1, 2]), shift)
    framework = fractional @ LGPS.cell
    cell = np.diag([1, 1, 2]) @ LGPS.cell
    placed = place_network(
        LGPS, cell, framework_positions=framework, framework_species=species, origin_shift=(0.1, 0.2, 0.3)
    )
    assert placed.residual_A == pytest.approx(0.0, abs=1e-6)
    assert placed.origin_shift.tolist() == [0.1, 0.2, 0.3]
    for network, given in ((LGPS, (0.6, 0.2, 0.3)), (replace(LGPS, origin_shift=(0.6, 0.2, 0.3)), None)):
        with pytest.raises(ValueError, match="with the origin_shift that is given"):
            place_network(network, cell, framework_positions=framework, framework_species=species, origin_shift=given)
    # Another framework cannot tell: the shift is taken as it is.
    strange = place_network(
        LGPS, cell, framework_positions=framework[:2], framework_species=("La", "Zr"), origin_shift=(0.6, 0.2, 0.3)
    )
    assert strange.residual_A is None
