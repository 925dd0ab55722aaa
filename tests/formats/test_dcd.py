import MDAnalysis
import numpy as np
import pytest

from aiida_concerted.formats.dcd import open_dcd


@pytest.fixture
def written(tmp_path):
    """Return a file of five frames written by MDAnalysis, and the positions in it."""
    positions = np.random.default_rng(3).normal(scale=30.0, size=(5, 7, 3)).astype(np.float32)
    universe = MDAnalysis.Universe.empty(7, trajectory=True)
    universe.dimensions = [20, 21, 22, 90, 90, 90]
    path = tmp_path / "carriers.dcd"
    with MDAnalysis.Writer(str(path), 7) as writer:
        for frame in positions:
            universe.atoms.positions = frame
            writer.write(universe.atoms)
    return path, positions


def test_positions_equal_those_of_the_writer(written):
    path, positions = written
    dcd = open_dcd(path)
    assert (dcd.n_frames, dcd.n_atoms, dcd.has_partial_frame) == (5, 7, False)
    np.testing.assert_array_equal(dcd.positions(), positions)


def test_chunks_join_to_the_whole(written):
    path, positions = written
    dcd = open_dcd(path)
    for size in (1, 2, 5, 100):
        np.testing.assert_array_equal(np.concatenate(list(dcd.chunks(size))), positions)
    assert dcd.positions(4, 2).shape == (0, 7, 3)


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_frame_cut_short_is_dropped(written, cut):
    path, positions = written
    path.write_bytes(path.read_bytes()[:-cut])
    dcd = open_dcd(path)
    assert dcd.has_partial_frame
    assert dcd.n_frames < 5
    np.testing.assert_array_equal(dcd.positions(), positions[: dcd.n_frames])


@pytest.mark.parametrize("content", [b"", b"nonsense" * 40, b"\x54\x00\x00\x00VELD" + bytes(200)])
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "other.dcd"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.dcd is not a DCD file"):
        open_dcd(path)
