from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest

from aiida_concerted.formats.h5md_writer import write_h5md
from aiida_concerted.formats.trajectory_files import ReadLimits, TrajectoryRequest, read_trajectory
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


def test_memory_is_bounded_whatever_the_length(tmp_path):
    run = make_run(1, CUBE, species=("Li",) * 30 + ("S",) * 30)
    topology = write_extxyz(tmp_path / "t.xyz", run)
    limits = ReadLimits(block_bytes=1 << 20, memory_bytes=1 << 20, framework_bytes=1 << 20)
    peaks = []
    for n_frames in (5_000, 40_000):
        path = write_raw_dcd(tmp_path / f"{n_frames}.dcd", n_frames, 60)
        request = TrajectoryRequest((path,), "Li", timestep_fs=1.0, topology=topology)
        tracemalloc.start()
        with read_trajectory(request, scratch_folder=tmp_path, limits=limits) as (trajectory, report):
            assert (trajectory.n_frames, report.n_frames) == (n_frames, n_frames)
            assert not isinstance(trajectory.carriers, np.ndarray)
            assert trajectory.framework.nbytes <= 1 << 20
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # the positions in double precision are 7 and 58 MB; what grows is the framework's displacement and one check
    assert peaks[1] < 25e6, peaks


def write_raw_dcd(path, n_frames, n_atoms):
    """Write a walk without any library, for its length."""
    control = np.zeros(20, dtype="<i4")
    control[[0, 2, 10, 19]] = n_frames, 10, 1, 24
    records = [b"CORD" + control.tobytes(), np.int32(1).tobytes() + b"LAMMPS".ljust(80), np.int32(n_atoms).tobytes()]
    head = b"".join(np.int32(len(r)).tobytes() + r + np.int32(len(r)).tobytes() for r in records)
    layout = read_layout(n_atoms)
    rng = np.random.default_rng(0)
    with path.open("wb") as handle:
        handle.write(head)
        last = np.zeros((3, n_atoms), dtype=np.float32)
        for start in range(0, n_frames, 1000):
            frames = np.zeros(min(1000, n_frames - start), dtype=layout)
            frames["cell_head"] = frames["cell_tail"] = 48
            frames["cell"] = [9.0, 0, 10.0, 0, 0, 11.0]
            for axis, name in enumerate("xyz"):
                frames[f"{name}_head"] = frames[f"{name}_tail"] = 4 * n_atoms
                walk = last[axis] + np.cumsum(rng.normal(scale=0.1, size=(len(frames), n_atoms)), axis=0)
                frames[name] = walk
                last[axis] = frames[name][-1]
            handle.write(frames.tobytes())
    return path


def read_layout(n_atoms):
    fields = [("cell_head", "<i4"), ("cell", "<f8", 6), ("cell_tail", "<i4")]
    for axis in "xyz":
        fields += [(f"{axis}_head", "<i4"), (axis, "<f4", n_atoms), (f"{axis}_tail", "<i4")]
    return np.dtype(fields)


def test_progress_goes_from_nothing_to_all_bytes(tmp_path):
    run = make_run(60)
    paths = [write_extxyz(tmp_path / f"{i}.xyz", run.part(i, i + 20)) for i in (0, 20, 40)]
    seen = []
    request = TrajectoryRequest(tuple(paths), "Li", frame_interval_ps=1.0)
    with read_trajectory(request, progress=lambda done, total: seen.append((done, total))):
        pass
    total = sum(path.stat().st_size for path in paths)
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.bin is empty"),
        (b"hello\nworld\n", "a.bin has none of the known formats \\(h5md, lammps-dump"),
        (bytes(range(256)) * 20, "none of the known formats"),
        (b"\x93NUMPY" + bytes(100), "none of the known formats"),
        (b"\x1f\x8b" + bytes(100), "cannot be read"),
        (b"ITEM: " + b"x" * 5_000_000, "has no end: this is no text file"),
        (b"ITEM: TIMESTEP\n0\n", "0 whole frames were found; a run needs two"),
    ],
)
def test_what_is_no_trajectory_is_refused(tmp_path, content, message):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.bin", timestep_fs=1.0)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    first = write_extxyz(tmp_path / "a.xyz", make_run(5))
    other = write_extxyz(tmp_path / "b.xyz", make_run(5, species=("Li", "S", "S", "P", "Li", "Li", "S")))
    write_h5md(tmp_path / "c.h5", small_trajectory())
    with pytest.raises(ValueError, match=r"b\.xyz: the atoms are not those of the first file, or in another order"):
        read(first, other, frame_interval_ps=1.0)
    with pytest.raises(ValueError, match=r"c\.h5 is h5md, .*a\.xyz is extxyz: give files of one format"):
        read(first, tmp_path / "c.h5", frame_interval_ps=1.0)
    with pytest.raises(ValueError, match=r"x\.h5 cannot be read: No such file"):
        read(tmp_path / "x.h5")


def test_a_gzipped_file_that_unpacks_without_end_is_read_by_chunks(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as handle:
        handle.write(b"ITEM: TIMESTEP\n")
        for _ in range(64):
            handle.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(ValueError, match="has no end: this is no text file"):
        read(path, timestep_fs=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


def test_coordinates_are_taken_as_they_are_said_to_be(tmp_path):
    run = make_run(30)
    path = write_extxyz(tmp_path / "a.xyz", run)
    taken, report = read(path, frame_interval_ps=1.0, coordinates="unwrapped")
    np.testing.assert_allclose(taken.carriers, run.wrapped[:, run.of("Li")], atol=1e-7)
    assert any("steps span more than half the cell" in message for message in report.messages)
    run.fractional[20:, 0, 0] += 3  # an ion that goes farther in one frame than could be followed
    path = write_extxyz(tmp_path / "b.xyz", run, wrapped=False)
    taken, _ = read(path, frame_interval_ps=1.0, coordinates="unwrapped")
    np.testing.assert_allclose(taken.carriers, run.positions[:, run.of("Li")], atol=1e-7)


@pytest.mark.parametrize(
    ("name", "value"), [("timestep_fs", 0.0), ("frame_interval_ps", -1.0), ("temperature_K", 1e999)]
)
def test_numbers_that_make_no_sense_are_refused(tmp_path, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive number"):
        TrajectoryRequest((tmp_path,), "Li", **{name: value})
