"""The site network: edges and paths of LGPS as published, supercell bookkeeping, groups."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_concerted.analysis.sites import (
    SiteNetwork,
    Supercell,
    basin_edges,
    canonical_mode,
    hermite_normal_form,
    merge_groups,
    neighbour_pairs,
)
from aiida_concerted.materials import load_site_model

LGPS = load_site_model("lgps").network()


def test_edges_of_lgps_are_those_of_the_structure() -> None:
    pairs = Counter(tuple(sorted((LGPS.labels[i], LGPS.labels[j]))) for i, j in LGPS.edges[:, :2])
    assert pairs == {
        ("Li1", "Li1"): 8,
        ("Li1", "Li3"): 16,
        ("Li1", "Li4"): 32,
        ("Li2", "Li3"): 16,
        ("Li1", "Li2"): 16,
    }


def test_named_paths_of_lgps_come_first_with_their_numbers() -> None:
    paths = LGPS.paths_per_cell()
    assert list(paths.items())[:5] == [
        ("Li2-Li3-Li1", 32),
        ("Li2-Li3-Li2", 8),
        ("Li1-Li3-Li1", 8),
        ("Li4-Li1-Li3", 32),
        ("Li4-Li1-Li4", 16),
    ]
    others = {"Li1-Li1-Li3": 16, "Li1-Li1-Li4": 32, "Li1-Li4-Li1": 112, "Li1-Li2-Li3": 64, "Li3-Li2-Li3": 24}
    assert others.items() <= paths.items()
    assert sum(paths.values()) == 432


def test_a_path_has_one_number_in_either_direction() -> None:
    assert LGPS.n_paths_per_cell("Li3-Li1-Li4") == 32
    assert LGPS.n_paths_per_cell("Li4-Li2-Li4") == 0


def test_a_short_limit_loses_paths() -> None:
    short = replace(LGPS, max_edge_A=3.2)
    assert short.n_paths_per_cell("Li4-Li1-Li4") == 0
    assert short.n_paths_per_cell("Li4-Li1-Li3") == 16


def test_pairs_agree_with_the_definition_in_a_skew_cell() -> None:
    rng = np.random.default_rng(1)
    cell = np.array([[5.0, 0, 0], [2.0, 4.5, 0], [-1.5, 1.0, 6.0]])
    points = rng.random((4, 3)) * 3 - 1
    first, second, image, length = neighbour_pairs(points, cell, 7.0)
    found = {(i, j, *tuple(t)) for i, j, t in zip(first, second, image.tolist(), strict=True)}
    expected = set()
    grid = range(-6, 7)
    for i in range(4):
        for j in range(4):
            for t in [(x, y, z) for x in grid for y in grid for z in grid]:
                if (i != j or any(t)) and np.linalg.norm((points[j] + t - points[i]) @ cell) <= 7.0:
                    expected.add((i, j, *t))
    assert found == expected
    np.testing.assert_allclose(length, np.linalg.norm((points[second] + image - points[first]) @ cell, axis=1))


@given(st.lists(st.integers(-4, 4), min_size=9, max_size=9))
@settings(max_examples=60, deadline=None)
def test_every_translation_of_a_supercell_has_one_cell(numbers: list[int]) -> None:
    matrix = np.array(numbers).reshape(3, 3)
    if round(np.linalg.det(matrix)) == 0:
        with pytest.raises(ValueError, match="inverted"):
            Supercell(matrix)
        return
    supercell = Supercell(matrix)
    index = supercell.cell_index(supercell.translations)
    np.testing.assert_array_equal(index, np.arange(abs(round(np.linalg.det(matrix)))))
    moved = supercell.translations[:, None, :] + np.array([[1, -2, 3], [0, 5, -1]]) @ matrix
    np.testing.assert_array_equal(supercell.cell_index(moved), np.repeat(index[:, None], 2, axis=1))
    assert (np.diag(hermite_normal_form(matrix)) > 0).all()


def test_groups_act_as_one_site() -> None:
    merged = replace(LGPS, groups=(("Li1", "Li1", 2.0),))
    basins, labels = merge_groups(merged, Supercell(np.diag([2, 1, 1])))
    assert Counter(labels) == {"Li1": 16, "Li2": 8, "Li3": 16, "Li4": 8}
    assert len(basins) == 64
    edges = basin_edges(merged, Supercell(np.diag([2, 1, 1])), basins)
    assert (edges[:, 0] != edges[:, 1]).all()
    assert "Li1-Li1-Li3" not in merged.paths_per_cell()
    assert merged.n_paths_per_cell("Li1-Li3-Li1") == 8


def test_a_class_is_named_as_the_model_names_it() -> None:
    assert canonical_mode("Li3", "Li1", "Li4", ("Li4-Li1-Li3",)) == "Li4-Li1-Li3"
    assert canonical_mode("Li3", "Li1", "Li2") == "Li2-Li1-Li3"


def test_json_form_rebuilds_the_network() -> None:
    again = SiteNetwork.from_dict(LGPS.as_dict())
    assert again.as_dict() == LGPS.as_dict()
    np.testing.assert_array_equal(again.edges, LGPS.edges)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("A",) * 31}, "shape"),
        ({"labels": ("Li-1",) * 32}, "must begin with a letter"),
        ({"modes": ("Li1-Li3",)}, "must be A-B-C"),
        ({"modes": ("Li4-Li1-Li3", "Li3-Li1-Li4")}, "named twice"),
        ({"max_edge_A": -1.0}, "positive"),
        ({"cell": np.zeros((3, 3))}, "volume"),
        ({"fractional": np.full((32, 3), np.nan)}, "finite"),
        ({"fractional": np.zeros((32, 3))}, "coincide"),
    ],
)
def test_a_wrong_network_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LGPS, **change)
