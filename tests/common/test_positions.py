"""Positions outside the memory: views, blocks and frames against plain arrays."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from aiida_concerted.common.positions import (
    RelativePositions,
    all_finite,
    frame_blocks,
    from_frame,
    particle_blocks,
    take_frames,
)
from aiida_concerted.common.trajectory import Trajectory

POSITIONS = np.random.default_rng(1).normal(size=(50, 7, 3))
DRIFT = np.random.default_rng(2).normal(size=(50, 3))


@pytest.fixture
def on_disk(tmp_path: Path):
    with h5py.File(tmp_path / "positions.h5", "w") as file:
        yield file.create_dataset("positions", data=POSITIONS, chunks=(8, 2, 3))


@pytest.mark.parametrize(
    "key",
    [slice(None), slice(3, 9), slice(40, 99), slice(0, 50, 7), (slice(2, 5), slice(1, 4)), (slice(None), slice(6, 7))],
)
def test_a_view_has_the_numbers_of_the_array_it_stands_for(on_disk, key):
    expected = (POSITIONS - DRIFT[:, None])[4:]
    for source in (POSITIONS, on_disk):
        view = RelativePositions(source, DRIFT, first=4)
        assert view.shape == expected.shape
        assert len(view) == 46
        np.testing.assert_array_equal(view[key], expected[key])
        np.testing.assert_array_equal(view[-1], expected[-1])
        np.testing.assert_array_equal(np.asarray(view), expected)


def test_reading_a_view_changes_nothing_in_its_source():
    before = POSITIONS.copy()
    view = RelativePositions(POSITIONS, DRIFT)
    view[:][:] = 0.0
    np.testing.assert_array_equal(POSITIONS, before)


@pytest.mark.parametrize("n_bytes", [1, 24 * 7 * 8, 24 * 50 * 3, 1 << 30])
def test_blocks_cover_everything_once_within_their_size(on_disk, n_bytes):
    for positions in (POSITIONS, on_disk, RelativePositions(on_disk, DRIFT)):
        frames, particles = list(frame_blocks(positions, n_bytes)), list(particle_blocks(positions, n_bytes))
        assert [i for block in frames for i in range(50)[block]] == list(range(50))
        assert [i for block in particles for i in range(7)[block]] == list(range(7))
    in_memory = [24 * 7 * (block.stop - block.start) for block in frame_blocks(POSITIONS, n_bytes)]
    assert max(in_memory) <= max(n_bytes, 24 * 7)


def test_blocks_end_where_the_pieces_on_the_disk_do(on_disk):
    assert {block.start % 8 for block in frame_blocks(on_disk, 24 * 7 * 20)} == {0}
    assert {block.start % 2 for block in particle_blocks(on_disk, 1)} == {0}


def test_frames_are_taken_in_the_order_asked_for(on_disk):
    frames = np.array([30, 2, 2, 49, 9, 8, 31])
    for positions in (POSITIONS, on_disk):
        np.testing.assert_array_equal(take_frames(positions, frames), POSITIONS[frames])
    assert take_frames(on_disk, np.array([], dtype=np.int64)).shape == (0, 7, 3)


def test_from_a_frame_on(on_disk):
    for positions in (POSITIONS, on_disk, RelativePositions(on_disk)):
        np.testing.assert_array_equal(from_frame(positions, 3)[:], POSITIONS[3:])
        assert from_frame(positions, 0) is positions


def test_a_trajectory_takes_positions_from_a_file(on_disk):
    trajectory = Trajectory("Li", on_disk, np.eye(3), 0.1, framework_displacement=DRIFT)
    relative = trajectory.relative_to_framework()
    np.testing.assert_array_equal(relative[:], POSITIONS - DRIFT[:, None])
    assert (trajectory.n_frames, trajectory.n_carriers) == (50, 7)
    assert trajectory.carriers is on_disk


def test_a_number_that_is_not_finite_is_found_wherever_it_is(tmp_path: Path):
    bad = POSITIONS.copy()
    bad[49, 6, 2] = np.nan
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        dataset = file.create_dataset("positions", data=bad, chunks=(8, 2, 3))
        assert not all_finite(dataset)
        for positions in (bad, dataset):
            with pytest.raises(ValueError, match="carriers must be finite"):
                Trajectory("Li", positions, np.eye(3), 0.1)


def test_impossible_views_are_refused():
    with pytest.raises(ValueError, match="displacement must have the shape"):
        RelativePositions(POSITIONS, DRIFT[:-1])
    with pytest.raises(ValueError, match="first frame must be"):
        RelativePositions(POSITIONS, first=50)
