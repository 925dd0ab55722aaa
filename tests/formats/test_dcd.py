from __future__ import annotations

import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.lib.mdamath import triclinic_vectors

from aiida_concerted.formats.dcd import DcdFile

CELL = [10.0, 11.0, 12.0, 80.0, 95.0, 110.0]


def write_dcd(path, positions, cell=CELL):
    """Write with MDAnalysis, an independent implementation."""
    universe = MDAnalysis.Universe.empty(positions.shape[1], trajectory=True)
    with MDAnalysis.Writer(str(path), positions.shape[1], dt=0.1, istart=40, nsavc=20) as writer:
        for frame in positions:
            universe.atoms.positions = frame
            universe.dimensions = cell
            writer.write(universe.atoms)


@pytest.fixture
def positions():
    return np.random.default_rng(4).normal(scale=30, size=(6, 5, 3)).astype(np.float32)


def test_frames_written_by_another_program_are_read(tmp_path, positions):
    write_dcd(tmp_path / "a.dcd", positions)
    dcd = DcdFile(tmp_path / "a.dcd")
    assert (len(dcd), dcd.n_atoms) == (6, 5)
    np.testing.assert_array_equal(dcd.positions(), positions)
    np.testing.assert_array_equal(dcd.positions(2, 4), positions[2:4])
    np.testing.assert_allclose(dcd.cells(), np.tile(CELL, (6, 1)), rtol=1e-6)


def test_a_last_frame_that_was_cut_off_is_left_out(tmp_path, positions):
    path = tmp_path / "a.dcd"
    write_dcd(path, positions)
    whole = path.read_bytes()
    frame = 56 + 3 * (4 * 5 + 8)
    for missing, left in ((1, 5), (frame - 1, 5), (frame, 5), (frame + 1, 4), (6 * frame, 0)):
        path.write_bytes(whole[:-missing])
        dcd = DcdFile(path)
        assert len(dcd) == left
        np.testing.assert_array_equal(dcd.positions(), positions[:left])


def test_a_frame_of_zeros_after_a_power_cut_ends_the_file(tmp_path, positions):
    path = tmp_path / "a.dcd"
    write_dcd(path, positions)
    frame = 56 + 3 * (4 * 5 + 8)
    path.write_bytes(path.read_bytes()[: -2 * frame] + bytes(2 * frame))
    assert len(DcdFile(path)) == 4


def test_cosines_are_angles_too(tmp_path, positions):
    path = tmp_path / "a.dcd"
    write_dcd(path, positions[:1])
    content = bytearray(path.read_bytes())
    start = len(content) - (56 + 3 * (4 * 5 + 8)) + 4
    cosines = np.cos(np.radians(CELL[3:]))
    content[start : start + 48] = np.array([10.0, cosines[2], 11.0, cosines[1], cosines[0], 12.0]).tobytes()
    path.write_bytes(content)
    np.testing.assert_allclose(DcdFile(path).cells()[0], CELL)
    assert np.linalg.det(triclinic_vectors(CELL)) > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut off in its header"),
        (b"CORD" * 40, "is no DCD file"),
        (np.int32(84).tobytes() + b"VELD" + bytes(80) + np.int32(84).tobytes() + bytes(99), "no DCD file"),
        (np.int32(84).tobytes() + b"CORD" + bytes(80) + np.int32(84).tobytes() + bytes(99), "no number of atoms"),
        (np.int32(84).tobytes() + b"CORD" + bytes(80) + np.int32(80).tobytes(), "two lengths differ"),
        (np.int32(84).tobytes() + b"CORD" + bytes(28) + np.ones(13, "<i4").tobytes() + b"T\0\0\0", "fixed atoms"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "x.dcd").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        DcdFile(tmp_path / "x.dcd")
