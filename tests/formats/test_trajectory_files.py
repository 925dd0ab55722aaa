from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.h5md import write_h5md
from aiida_concerted.formats.trajectory_files import TrajectoryRequest
from tests.formats.trajectory_support import CUBE, OBLIQUE, TINY, assert_same_run, make_run, read, write_extxyz
from tests.synthetic_md import small_trajectory


@pytest.mark.parametrize("cell", [CUBE, OBLIQUE])
@pytest.mark.parametrize("wrapped", [True, False])
def test_positions_are_followed_through_the_boundaries(tmp_path, cell, wrapped):
    run = make_run(cell=cell)
    trajectory, report = read(write_extxyz(tmp_path / "a.xyz", run, wrapped=wrapped), frame_interval_ps=0.1)
    assert_same_run(trajectory, run)
    assert (report.format, report.n_files, report.n_frames) == ("extxyz", 1, 40)
    assert np.abs(np.diff(run.wrapped, axis=0)).max() > 5  # the test is one of boundaries


def test_nothing_depends_on_blocks_scratch_files_or_where_files_are_cut(tmp_path):
    run = make_run(200)
    whole, _ = read(write_extxyz(tmp_path / "a.xyz", run, step=lambda n: 5 * n), timestep_fs=2.0)
    for cuts in ([0], [0, 1, 77, 78]):
        paths = []
        for start, stop in zip(cuts, [*cuts[1:], None], strict=True):
            paths.append(tmp_path / f"{start}.xyz")
            write_extxyz(paths[-1], run.part(start, stop), step=lambda n, start=start: 5 * (n + start))
        split, report = read(*paths, timestep_fs=2.0, limits=TINY, scratch=tmp_path)
        for name in ("carriers", "framework", "framework_displacement", "cell"):
            np.testing.assert_array_equal(getattr(split, name), getattr(whole, name), err_msg=name)
        assert split.frame_interval_ps == whole.frame_interval_ps == pytest.approx(0.01)
        assert report.n_frames == 200
    assert not list(tmp_path.glob("concerted-*"))


@pytest.mark.parametrize("stride", [1, 3])
def test_our_own_files_are_read_as_they_were_written(tmp_path, stride):
    original = small_trajectory(9, stride=stride)
    write_h5md(tmp_path / "a.h5", original)
    trajectory, report = read(tmp_path / "a.h5")
    np.testing.assert_allclose(trajectory.carriers, original.carriers, atol=2e-6)
    np.testing.assert_array_equal(trajectory.framework_displacement, original.framework_displacement)
    np.testing.assert_allclose(trajectory.framework, original.framework, atol=2e-6)
    assert trajectory.framework_stride == stride
    assert trajectory.frame_interval_ps == pytest.approx(original.frame_interval_ps)
    assert trajectory.temperature_K == original.temperature_K
    assert trajectory.carriers.dtype == np.float32
    assert report.format == "h5md"


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="format must be one of auto, h5md"):
        TrajectoryRequest((tmp_path,), "Li", format="pdb")
