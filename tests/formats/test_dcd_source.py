from __future__ import annotations

import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.lib.mdamath import triclinic_box

from aiida_concerted.formats.dcd import read_dcd_header
from tests.formats.trajectory_support import TINY, assert_same_run, make_run, read, write_extxyz

CELL = np.array([[9.0, 0, 0], [4.0, 8.5, 0], [-3.0, 2.5, 9.5]])


def write_dcd(path, run, *, wrapped=True, first=0, every=10, dt=0.02):
    """Write with MDAnalysis, an independent implementation."""
    universe = MDAnalysis.Universe.empty(len(run.species), trajectory=True)
    with MDAnalysis.Writer(str(path), len(run.species), dt=dt, istart=first, nsavc=every) as writer:
        for positions, cell in zip(run.wrapped if wrapped else run.positions, run.cells, strict=True):
            universe.atoms.positions = positions
            universe.dimensions = triclinic_box(*cell)
            writer.write(universe.atoms)
    return path


def swapped(content, header):
    """Return the same file in the other byte order."""
    words = np.frombuffer(content, dtype="<u4").byteswap().tobytes()
    n_title = int(np.frombuffer(content, "<i4", 1, 92)[0])
    parts = [words[:4], content[4:8], words[8:96], content[96:100][::-1], content[100 : 92 + 4 + n_title]]
    head = b"".join(parts) + words[96 + n_title : header.n_bytes]
    frames = np.frombuffer(content, header.layout, offset=header.n_bytes).byteswap()
    return head + frames.tobytes()


@pytest.fixture
def topology(tmp_path):
    return write_extxyz(tmp_path / "topology.xyz", make_run(1, CELL))


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("strain", [0.0, 0.01])
def test_what_mdanalysis_writes_is_read(tmp_path, topology, wrapped, strain):
    run = make_run(50, CELL)
    run = type(run)(run.species, run.cells * (1 + strain * np.cos(np.arange(50.0)))[:, None, None], run.fractional)
    path = write_dcd(tmp_path / "a.dcd", run, wrapped=wrapped)
    trajectory, report = read(path, topology=topology, timestep_fs=2.0)
    assert_same_run(trajectory, run, atol=2e-5, cell=run.cells.mean(axis=0))
    assert (report.format, trajectory.carriers.dtype) == ("dcd", np.float32)
    assert trajectory.frame_interval_ps == pytest.approx(0.02)


def test_blocks_files_and_byte_order_change_nothing(tmp_path, topology):
    run = make_run(50, CELL)
    whole, _ = read(write_dcd(tmp_path / "a.dcd", run), topology=topology, timestep_fs=2.0)
    parts = [write_dcd(tmp_path / f"{i}.dcd", run.part(i, i + 20), first=10 * i) for i in (0, 15, 35)]
    swap = tmp_path / "swap.dcd"
    swap.write_bytes(swapped((tmp_path / "a.dcd").read_bytes(), read_dcd_header(tmp_path / "a.dcd")))
    for paths, n_repeated in ((parts, 5), ([tmp_path / "a.dcd"], 0), ([swap], 0)):
        found, report = read(*paths, topology=topology, timestep_fs=2.0, limits=TINY, scratch=tmp_path)
        assert report.n_repeated == n_repeated
        for name in ("carriers", "framework", "framework_displacement", "cell"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)


def test_the_headers_own_time_is_used_where_nothing_else_tells_and_said_to_be_uncertain(tmp_path, topology):
    path = write_dcd(tmp_path / "a.dcd", make_run(5, CELL), dt=0.02)
    trajectory, report = read(path, topology=topology)
    assert trajectory.frame_interval_ps == pytest.approx(0.02, rel=1e-4)
    assert any("not certain" in message for message in report.messages)
    given, report = read(path, topology=topology, frame_interval_ps=0.5)
    assert given.frame_interval_ps == 0.5
    assert any("0.02 ps by the file's own time step" in message for message in report.messages)


def test_a_last_frame_that_was_cut_off_is_counted_and_a_broken_one_amid_others_refused(tmp_path, topology):
    path = write_dcd(tmp_path / "a.dcd", make_run(9, CELL))
    whole, layout = path.read_bytes(), read_dcd_header(path).layout
    for missing in (1, 50, layout.itemsize - 1):
        path.write_bytes(whole[:-missing])
        trajectory, report = read(path, topology=topology, timestep_fs=1.0, limits=TINY)
        assert (trajectory.n_frames, report.n_truncated) == (8, 1)
    path.write_bytes(whole[: -2 * layout.itemsize] + bytes(2 * layout.itemsize))
    trajectory, report = read(path, topology=topology, timestep_fs=1.0)
    assert (trajectory.n_frames, report.n_truncated) == (7, 2)
    path.write_bytes(whole[: -3 * layout.itemsize] + bytes(layout.itemsize) + whole[-2 * layout.itemsize :])
    for limits in (TINY, None):
        with pytest.raises(ValueError, match=r"a\.dcd frame 6 is broken and others follow it"):
            read(path, topology=topology, timestep_fs=1.0, limits=limits)


def test_what_cannot_be_read_says_what_to_do(tmp_path, topology):
    path = write_dcd(tmp_path / "a.dcd", make_run(5, CELL))
    with pytest.raises(ValueError, match=r"a\.dcd: a DCD file names no elements: give a topology"):
        read(path, timestep_fs=1.0)
    other = write_extxyz(tmp_path / "other.xyz", make_run(1, CELL, species=("Li", "S")))
    with pytest.raises(ValueError, match=r"other\.xyz names 2 atoms, .*a\.dcd has 7"):
        read(path, topology=other, timestep_fs=1.0)
    frames = make_run(5, CELL)
    frames.fractional[3, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"a\.dcd frame 3: the position of atom 1 \(S\) is not finite"):
        read(write_dcd(path, frames), topology=topology, timestep_fs=1.0)


def test_the_cell_comes_from_the_topology_where_the_file_has_none(tmp_path, topology):
    run = make_run(20, CELL)
    path = write_dcd(tmp_path / "a.dcd", run)
    content, header = path.read_bytes(), read_dcd_header(path)
    frames = np.frombuffer(content, header.layout, offset=header.n_bytes)
    bare = np.ascontiguousarray(frames.view(np.uint8).reshape(20, -1)[:, 56:]).tobytes()
    head = bytearray(content[: header.n_bytes])
    head[4 + 4 + 40 : 4 + 4 + 44] = bytes(4)
    path.write_bytes(bytes(head) + bare)
    trajectory, _ = read(path, topology=topology, timestep_fs=1.0)
    assert_same_run(trajectory, run, atol=2e-5)
