"""Shells, heights and images of periodic cells, against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis import pair_counts
from aiida_concerted.common.cells import cell_heights

CELLS = {
    "orthorhombic": np.diag([7.0, 9.0, 12.0]),
    "triclinic": np.array([[8.0, 0.0, 0.0], [3.5, 7.0, 0.0], [-2.0, 3.0, 9.0]]),
    "very skewed": np.array([[6.0, 0.0, 0.0], [5.5, 6.0, 0.0], [5.0, 5.5, 6.0]]),
}


def brute_force(first, second, cell, edges, same):
    shifts = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    counts = np.zeros(len(edges) - 1, dtype=int)
    for i, centre in enumerate(first):
        for j, other in enumerate(second):
            if same and i == j:
                continue
            distances = np.linalg.norm(other - centre + shifts, axis=1)
            counts += np.histogram(distances[distances < edges[-1]], bins=edges)[0]
    return counts


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("r_max", [2.0, 8.0])
@pytest.mark.parametrize("name", CELLS)
def test_every_image_is_counted_once(name, r_max, same):
    cell = CELLS[name]
    generator = np.random.default_rng(1)
    first, second = generator.uniform(-1, 2, size=(2, 6, 3))
    edges = pair_counts.shell_edges(r_max, 0.25)
    translations = pair_counts.image_translations(cell, edges[-1])
    counts = pair_counts.count_pairs(first, second, cell, translations, edges, same=same)
    wrapped = (first - np.floor(first)) @ cell, (second - np.floor(second)) @ cell
    np.testing.assert_array_equal(counts, brute_force(*wrapped, cell, edges, same))


def test_up_to_half_the_height_no_image_is_needed():
    cell = CELLS["very skewed"]
    half = 0.5 * cell_heights(cell).min()
    assert len(pair_counts.image_translations(cell, half)) == 1
    assert len(pair_counts.image_translations(cell, half * 1.01)) > 1


def test_heights_of_a_box_are_its_edges():
    np.testing.assert_allclose(cell_heights(CELLS["orthorhombic"]), [7.0, 9.0, 12.0])


def test_shells_fill_the_sphere():
    edges = pair_counts.shell_edges(5.0, 0.1)
    assert len(edges) == 51
    assert pair_counts.shell_volumes(edges).sum() == pytest.approx(4 / 3 * np.pi * edges[-1] ** 3)


@pytest.mark.parametrize(("r_max", "width"), [(0.0, 0.1), (1.0, 0.0), (1.0, -0.1), (1.0, 2.0), (float("nan"), 0.1)])
def test_impossible_shells_are_refused(r_max, width):
    with pytest.raises(ValueError, match="r_max and the bin width"):
        pair_counts.shell_edges(r_max, width)


def test_frames_are_spread_over_the_whole_run():
    frames = pair_counts.spread_frames(1001, 11)
    np.testing.assert_array_equal(frames, np.arange(0, 1001, 100))
    np.testing.assert_array_equal(pair_counts.spread_frames(3, 10), [0, 1, 2])
    with pytest.raises(ValueError, match="at least one frame"):
        pair_counts.spread_frames(0, 5)


def test_error_of_blocks_is_that_of_independent_samples():
    samples = np.random.default_rng(2).normal(size=(4000, 200))
    mean, stderr = pair_counts.block_average(samples, 10)
    np.testing.assert_allclose(mean, samples.mean(axis=0))
    assert np.sqrt(np.mean(stderr**2)) == pytest.approx(1 / np.sqrt(4000), rel=0.1)
    np.testing.assert_array_equal(pair_counts.block_average(samples[:1], 10)[1], 0.0)
