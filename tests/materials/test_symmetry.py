"""Orbits and settings of space groups."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.materials import load_site_model
from aiida_concerted.materials.cell import cell_from_parameters
from aiida_concerted.materials.symmetry import check_metric, hall_number, orbit


@pytest.mark.parametrize(
    ("position", "multiplicity"),
    [
        ((0, 0, 0), 2),
        ((0, 0, 0.5), 2),
        ((0, 0, 0.2), 4),
        ((0, 0.5, 0.2), 4),
        ((0.1, 0.1, 0), 8),
        ((0, 0.1, 0.2), 8),
        ((0.1, 0.2, 0.3), 16),
    ],
)
def test_wyckoff_multiplicities_of_origin_choice_one(position: tuple[float, float, float], multiplicity: int) -> None:
    images = orbit(hall_number(137, 1), np.array(position, dtype=float))
    assert images.shape == (multiplicity, 3)
    assert ((images >= 0) & (images < 1)).all()


def test_the_origin_choices_are_one_structure() -> None:
    first = orbit(hall_number(137, 1), np.array([0.2563, 0.2718, 0.1832]))
    shift = np.array([0.75, 0.25, 0.75])
    moved = orbit(hall_number(137, 2), np.array([0.2563, 0.2718, 0.1832]) + shift) - shift
    difference = first[:, None] - moved[None]
    difference -= np.rint(difference)
    assert (np.abs(difference).max(axis=2).min(axis=1) < 1e-9).all()


def test_cells_and_groups_must_agree() -> None:
    check_metric(137, hall_number(137, 1), cell_from_parameters([5, 5, 7], [90, 90, 90]))
    with pytest.raises(ValueError, match="symmetry of space group 137"):
        check_metric(137, hall_number(137, 1), cell_from_parameters([5, 5, 7], [90, 90, 100]))
    check_metric(167, hall_number(167, None), cell_from_parameters([8, 8, 21], [90, 90, 120]))


def test_lengths_and_angles_come_back() -> None:
    cell = cell_from_parameters([5.0, 6.0, 7.0], [80.0, 95.0, 110.0])
    lengths = np.linalg.norm(cell, axis=1)
    np.testing.assert_allclose(lengths, [5, 6, 7])
    cosines = (cell @ cell.T) / np.outer(lengths, lengths)
    np.testing.assert_allclose(np.degrees(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]])), [80, 95, 110])


@pytest.mark.parametrize("angles", [[90, 90, 180], [10, 10, 170], [0, 90, 90]])
def test_impossible_angles_are_refused(angles: list[float]) -> None:
    with pytest.raises(ValueError, match="span no volume"):
        cell_from_parameters([5, 5, 5], angles)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("lgps_split", {"Li1": 16, "Li2": 4, "Li3": 16, "Li4": 4}),
        ("Li10SnP2S12", {"Li1": 16, "Li2": 4, "Li3": 16, "Li4": 4}),
        ("li6ps5cl", {"T5": 48, "T4": 16, "T3": 4, "T2": 48, "T1": 16}),
        ("li6ps5cl_48h", {"Li": 48}),
        ("na3ps4", {"Na": 6}),
        ("li3ps4", {"Li1": 8, "Li2": 4, "Li3": 4}),
        ("latp", {"M1": 6, "M2": 18}),
        ("llzo", {"Li1": 24, "Li2": 96}),
        ("li3ycl6", {"Li1": 6, "Li2": 6}),
    ],
)
def test_other_materials_have_their_sites(name: str, counts: dict[str, int]) -> None:
    assert load_site_model(name).counts == counts


def test_the_split_sites_are_near_those_of_lgps() -> None:
    plain, split = load_site_model("lgps").network(), load_site_model("lgps_split").network()
    difference = split.fractional[:, None] - plain.fractional[None]
    difference -= np.rint(difference)
    distance = np.linalg.norm(difference @ plain.cell, axis=-1)
    assert distance.min(axis=1).max() < 0.5
    assert [plain.labels[site] for site in distance.argmin(axis=1)] == list(split.labels)


def test_an_octahedron_of_the_garnet_joins_two_tetrahedra_and_a_tetrahedron_four_octahedra() -> None:
    paths = load_site_model("llzo").network().paths_per_cell()
    assert paths == {"Li1-Li2-Li1": 48.0, "Li2-Li1-Li2": 24 * 6.0}
