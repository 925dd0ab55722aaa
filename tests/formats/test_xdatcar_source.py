from __future__ import annotations

import ase.io
import numpy as np
import pytest
from pymatgen.io.vasp.outputs import Xdatcar

from tests.formats.trajectory_support import OBLIQUE, TINY, assert_same_run, atoms_of, make_run, read
from tests.published import needs, published

PUBLISHED = published("Li6PS5Cl_0p_XDATCAR.gz")
ORDERED = ("Li", "Li", "Li", "P", "S", "S")


def xdatcar(path, run):
    """Write with ASE, an independent implementation."""
    ase.io.write(path, atoms_of(run), format="vasp-xdatcar")
    return path


@pytest.mark.parametrize("strain", [0.0, 0.02])
def test_what_ase_writes_is_read_with_constant_and_with_changing_cells(tmp_path, strain):
    run = make_run(40, OBLIQUE, species=ORDERED, strain=strain)
    path = xdatcar(tmp_path / "XDATCAR", run)
    trajectory, report = read(path, frame_interval_ps=0.05, limits=TINY)
    assert_same_run(trajectory, run, atol=3e-6, cell=run.cells.mean(axis=0))
    assert report.format == "xdatcar"
    assert any("the cell changes by up to" in message for message in report.messages) == (strain > 0)
    peers = np.array([structure.frac_coords for structure in Xdatcar(path).structures])
    ways = trajectory.carriers @ np.linalg.inv(trajectory.cell) - peers[:, run.of("Li")]
    np.testing.assert_allclose(ways, np.rint(ways), atol=1e-7)


def test_a_cell_that_changes_too_much_is_refused(tmp_path):
    run = make_run(40, species=ORDERED, strain=0.25)
    with pytest.raises(ValueError, match=r"XDATCAR: the cell changes by \d+\.\d% from its mean, more than 10%"):
        read(xdatcar(tmp_path / "XDATCAR", run), frame_interval_ps=0.05)


def test_files_put_one_behind_the_other_are_segments_too(tmp_path):
    run = make_run(40, species=ORDERED)
    parts = [xdatcar(tmp_path / f"{i}", run.part(i, j)) for i, j in ((0, 15), (14, 30), (30, 40))]
    one = tmp_path / "XDATCAR"
    one.write_text("".join(path.read_text() for path in parts))
    for paths in (parts, [one]):
        for limits in (None, TINY):
            trajectory, report = read(*paths, frame_interval_ps=0.05, limits=limits)
            assert_same_run(trajectory, run, atol=3e-6)
            assert report.n_repeated == 1


def test_the_time_comes_from_what_is_given(tmp_path):
    path = xdatcar(tmp_path / "XDATCAR", make_run(10, species=ORDERED))
    trajectory, _ = read(path, timestep_fs=2.0)
    assert trajectory.frame_interval_ps == pytest.approx(0.002)
    trajectory, report = read(path, timestep_fs=2.0, frame_interval_ps=0.1)  # NBLOCK is 50
    assert trajectory.frame_interval_ps == 0.1
    assert any("not 0.002 ps by steps x timestep_fs" in message for message in report.messages)
    with pytest.raises(ValueError, match="XDATCAR: nothing tells the time between frames: give timestep_fs or"):
        read(path)


def test_a_frame_that_is_missing_is_told_by_its_number(tmp_path):
    path = xdatcar(tmp_path / "XDATCAR", make_run(10, species=ORDERED))
    lines = path.read_text().split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("Direct configuration=     5"))
    path.write_text("\n".join(lines[:start] + lines[start + 7 :]))
    for limits in (None, TINY):
        with pytest.raises(ValueError, match="configuration 6 follows configuration 4 where frames are 1 apart"):
            read(path, timestep_fs=1.0, limits=limits)


def test_a_frame_that_is_cut_off_amid_others_is_refused(tmp_path):
    path = xdatcar(tmp_path / "XDATCAR", make_run(10, species=ORDERED))
    lines = path.read_text().split("\n")
    path.write_text("\n".join(lines[:24] + lines[26:]))
    with pytest.raises(ValueError, match=r"XDATCAR configuration \d: line \d+ .* 'Li P S'"):
        read(path, timestep_fs=1.0)


def test_numbers_that_fortran_had_no_room_for_go_on(tmp_path):
    run = make_run(10, species=ORDERED)
    path = xdatcar(tmp_path / "XDATCAR", run)
    text = path.read_text()
    for n in range(6, 11):
        text = text.replace(f"configuration={n:6d}", "configuration=******")
    path.write_text(text)
    trajectory, _ = read(path, timestep_fs=1.0)
    assert_same_run(trajectory, run, atol=3e-6)


@pytest.mark.parametrize("format", ["auto", "xdatcar"])
def test_a_step_that_is_too_long_names_atom_and_frame(tmp_path, format):
    run = make_run(10, species=ORDERED)
    run.fractional[6:, 2, 0] += 0.5
    path = xdatcar(tmp_path / "XDATCAR", run)
    with pytest.raises(
        ValueError, match=r"XDATCAR frame 6: atom 2 \(Li\) moves \d\.\d\d Å in one frame, more than 0\.4"
    ):
        read(path, timestep_fs=1.0, format=format)


@needs(PUBLISHED)
def test_a_published_trajectory_is_read_as_pymatgen_and_numpy_would(tmp_path):
    trajectory, report = read(PUBLISHED, frame_interval_ps=0.1)
    assert (trajectory.n_frames, trajectory.n_carriers, trajectory.n_atoms) == (140, 192, 416)
    assert (report.n_truncated, report.messages) == (0, ())
    structures = Xdatcar(PUBLISHED, ionicstep_end=30).structures
    fractional = np.array([structure.frac_coords for structure in structures])
    moves = np.diff(fractional, axis=0)
    unwrapped = np.concatenate([fractional[:1], fractional[0] + np.cumsum(moves - np.rint(moves), axis=0)])
    positions = unwrapped @ structures[0].lattice.matrix
    n = len(positions)
    np.testing.assert_allclose(trajectory.carriers[:n], positions[:, :192], atol=1e-9)
    framework = positions[:, 192:]
    np.testing.assert_allclose(trajectory.framework[:n], framework, atol=1e-9)
    np.testing.assert_allclose(
        trajectory.framework_displacement[:n], (framework - framework[0]).mean(axis=1), atol=1e-9
    )
