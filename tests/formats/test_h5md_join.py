"""Segments are joined to the run that they were cut from; what is no run is refused."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.h5md import H5mdReader, read_h5md
from aiida_concerted.formats.h5md_join import join_h5md
from aiida_concerted.formats.h5md_writer import write_h5md

STRIDE, STEPS = 2, 10


@pytest.fixture
def run():
    """Return a run of 41 frames, its framework at every second."""
    random = np.random.default_rng(3)

    def walk(n_atoms):
        return (random.normal(size=(41, n_atoms, 3)).cumsum(axis=0) * 0.1).astype(np.float32).astype(float)

    framework = walk(4)
    return Trajectory(
        carrier="Li", carriers=walk(3), cell=np.diag([9.0, 10.0, 11.0]), frame_interval_ps=0.1,
        framework_species=("S", "P", "S", "P"), framework=framework[::STRIDE], framework_stride=STRIDE,
        framework_displacement=(framework - framework[0]).mean(axis=1), temperature_K=600.0,
    )  # fmt: skip


@pytest.fixture
def cut(run, tmp_path):
    """Return a function that writes some frames of the run as a segment and opens it."""
    opened = []

    def segment(begin, end, **changes):
        displacement = run.framework_displacement
        part = {
            "carrier": run.carrier, "carriers": run.carriers[begin:end], "cell": run.cell,
            "frame_interval_ps": run.frame_interval_ps, "framework_species": run.framework_species,
            "framework": run.framework[begin // STRIDE : -(-end // STRIDE)], "framework_stride": STRIDE,
            "framework_displacement": displacement[begin:end] - displacement[begin], "temperature_K": 600.0,
        }  # fmt: skip
        path = tmp_path / f"{len(opened)}.h5"
        write_h5md(path, Trajectory(**{**part, **changes}), step_interval=STEPS, first_step=1000 + STEPS * begin)
        opened.append(H5mdReader(path))
        return opened[-1]

    yield segment
    for reader in opened:
        reader.close()


def test_segments_in_any_order_are_the_run(run, cut, tmp_path):
    path = tmp_path / "joined.h5"
    join_h5md([cut(20, 41), cut(0, 12), cut(10, 27)], path)
    joined = read_h5md(path)
    assert np.array_equal(joined.carriers, run.carriers)
    assert np.array_equal(joined.framework, run.framework)
    assert np.allclose(joined.framework_displacement, run.framework_displacement, atol=1e-12)
    with H5mdReader(path) as reader:
        assert reader.header.first_step == 1000
        assert np.array_equal(reader._file["particles/carriers/position/step"][:], 1000 + STEPS * np.arange(41))
        assert np.array_equal(reader._file["particles/framework/position/step"][:], 1000 + 2 * STEPS * np.arange(21))


def test_one_segment_is_itself(run, cut, tmp_path):
    join_h5md([cut(0, 41)], tmp_path / "joined.h5")
    assert np.array_equal(read_h5md(tmp_path / "joined.h5").carriers, run.carriers)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (((0, 10), (10, 41)), "frames are missing: a segment ends at step 1090, the next begins at 1100"),
        ((), "no segments"),
    ],
)
def test_a_gap_is_refused(cut, tmp_path, parts, message):
    with pytest.raises(ValueError, match=message):
        join_h5md([cut(*part) for part in parts], tmp_path / "joined.h5")


def test_a_segment_that_begins_between_stored_frameworks_is_refused(run, cut, tmp_path):
    with pytest.raises(ValueError, match="no step at which the segment from 1000 stores all atoms"):
        join_h5md([cut(0, 12), cut(11, 41, framework=run.framework[6:])], tmp_path / "joined.h5")


def test_two_runs_are_not_one(run, cut, tmp_path):
    other = cut(10, 41, carriers=run.carriers[10:] + 0.01)
    with pytest.raises(ValueError, match=r"at step 1100 they are 0\.01 Å apart"):
        join_h5md([cut(0, 12), other], tmp_path / "joined.h5")
    with pytest.raises(ValueError, match="intervals or temperatures differ"):
        join_h5md([cut(0, 12), cut(10, 41, temperature_K=700.0)], tmp_path / "joined.h5")
