from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.cell_tracker import CellTracker

CELL = np.array([[9.0, 0.3, -0.2], [-4.1, 8.5, 0.1], [3.9, 2.7, 9.5]])


def test_one_cell_leaves_positions_as_they_are():
    positions = np.random.default_rng(0).normal(size=(4, 5, 3))
    tracker = CellTracker(CELL)
    for cells in (np.broadcast_to(CELL, (4, 3, 3)), np.tile(CELL, (4, 1, 1))):
        assert tracker.to_first(positions, cells) is positions
        tracker.count(cells)
    assert tracker.is_constant
    np.testing.assert_array_equal(tracker.mean, CELL)


@pytest.mark.parametrize("origin", [None, np.array([-5.0, 2.0, 1.0])])
def test_fractional_positions_are_kept_in_the_mean_cell(origin):
    rng = np.random.default_rng(0)
    cells = CELL @ (np.eye(3) + 0.02 * rng.uniform(-1, 1, size=(50, 3, 3)))
    fractional = rng.normal(size=(50, 6, 3))
    corner = np.zeros(3) if origin is None else origin
    positions = fractional @ cells + corner
    for size in (1, 7, 50):
        tracker = CellTracker(cells[0], origin)
        first = []
        for start in range(0, 50, size):
            part = slice(start, start + size)
            first.append(tracker.to_first(positions[part], cells[part]))
            tracker.count(cells[part])
        np.testing.assert_allclose(np.concatenate(first), fractional @ cells[0] + corner, atol=1e-12)
        np.testing.assert_allclose(tracker.mean, cells.mean(axis=0), atol=1e-12)
        matrix, shift = tracker.to_mean
        moved = np.concatenate(first) @ matrix + shift
        np.testing.assert_allclose(moved, fractional @ cells.mean(axis=0) + corner, atol=1e-12)
        strains = cells @ np.linalg.inv(cells[0]) - cells.mean(axis=0) @ np.linalg.inv(cells[0])
        assert tracker.fluctuation == pytest.approx(np.abs(strains).max())
