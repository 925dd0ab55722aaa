"""Smoothing against the closed form, basins against planted maxima."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.density_basins import find_basins, smoothed

CELL = np.array([[7.0, 0.0, 0.0], [2.0, 6.5, 0.0], [-1.0, 1.5, 6.0]])
SHAPE = (36, 34, 32)


def distances(centre: np.ndarray) -> np.ndarray:
    """Return the distance in Å of each voxel from the nearest image of a fractional point."""
    grid = np.stack(np.meshgrid(*[np.arange(n) / n for n in SHAPE], indexing="ij"), axis=-1)
    images = np.array(list(np.ndindex(3, 3, 3))) - 1
    away = grid[..., None, :] - centre - np.rint(grid - centre)[..., None, :] + images
    return np.linalg.norm(away @ CELL, axis=-1).min(axis=-1)


def wells(*sites: tuple[tuple[float, float, float], float]) -> np.ndarray:
    return sum(height * np.exp(-0.5 * (distances(np.array(centre)) / 0.5) ** 2) for centre, height in sites)


def test_a_point_becomes_a_gaussian_of_the_width_asked_for_in_a_triclinic_cell() -> None:
    density = np.zeros(SHAPE)
    density[3, 5, 7] = 1.0
    volume = abs(np.linalg.det(CELL)) / density.size
    expected = np.exp(-0.5 * (distances(np.array([3, 5, 7]) / SHAPE) / 0.6) ** 2) * volume / (2 * np.pi * 0.36) ** 1.5
    np.testing.assert_allclose(smoothed(density, CELL, 0.6), expected, atol=1e-6)
    assert smoothed(density, CELL, 0.6).sum() == pytest.approx(1.0, abs=1e-6)


def test_basins_are_those_of_the_planted_maxima_highest_first() -> None:
    sites = [((0.1, 0.1, 0.95), 2.0), ((0.6, 0.2, 0.4), 3.0), ((0.3, 0.7, 0.5), 1.0)]
    density = wells(*sites)
    basins = find_basins(density, CELL, floor=0.05, saddle_ratio=0.5, reach_A=1.5)
    found = np.column_stack(np.unravel_index(basins.peaks, SHAPE)) / SHAPE
    for place, (centre, height) in enumerate(sorted(sites, key=lambda site: -site[1])):
        away = found[place] - centre
        assert np.linalg.norm((away - np.rint(away)) @ CELL) < 0.2
        inside = distances(np.array(centre)) < 0.5
        assert (basins.number[inside] == place).all(), height
    assert set(np.unique(basins.number)) == {-1, 0, 1, 2}
    np.testing.assert_array_equal(basins.number == -1, density < 0.05)


@pytest.mark.parametrize(("ratio", "reach_A", "n_basins"), [(0.9, 2.0, 2), (0.3, 2.0, 1), (0.3, 1.0, 2)])
def test_maxima_merge_by_saddle_and_distance(ratio: float, reach_A: float, n_basins: int) -> None:
    density = wells(((0.40, 0.5, 0.5), 1.0), ((0.62, 0.5, 0.5), 0.8))  # 1.54 Å apart, saddle 0.55 of the maximum
    assert len(find_basins(density, CELL, floor=0.01, saddle_ratio=ratio, reach_A=reach_A).peaks) == n_basins


def test_a_reach_beyond_half_of_the_cell_is_refused() -> None:
    with pytest.raises(ValueError, match=r"maxima 3\.6 Å apart may meet their own images"):
        find_basins(np.ones(SHAPE), CELL, floor=0.1, saddle_ratio=0.5, reach_A=3.6)
