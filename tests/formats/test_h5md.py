from __future__ import annotations

import dataclasses

import h5py
import MDAnalysis
import numpy as np
import pytest

from aiida_concerted.formats.h5md import H5mdHeader, H5mdReader, read_h5md
from aiida_concerted.formats.h5md_writer import H5mdWriter, write_h5md
from tests.synthetic_md import small_trajectory

SINGLE = {"rtol": 0, "atol": 2e-6}


@pytest.mark.parametrize("stride", [1, 3])
def test_what_is_written_is_read(tmp_path, stride):
    original = small_trajectory(stride=stride)
    write_h5md(tmp_path / "t.h5", original)
    found = read_h5md(tmp_path / "t.h5")
    for field in dataclasses.fields(original):
        expected, value = getattr(original, field.name), getattr(found, field.name)
        if isinstance(expected, np.ndarray):
            assert value.dtype == np.float64
            np.testing.assert_allclose(value, expected, **SINGLE)
        else:
            assert value == expected
    np.testing.assert_array_equal(found.framework_displacement, original.framework_displacement)


def test_chunked_writing_gives_the_same_arrays_as_writing_at_once(tmp_path):
    original = small_trajectory(8, stride=2)
    write_h5md(tmp_path / "once.h5", original)
    with H5mdReader(tmp_path / "once.h5") as reader:
        header = reader.header
    with H5mdWriter(tmp_path / "chunks.h5", header) as writer:
        for start in range(0, 8, 3):
            chunk = slice(start, start + 3)
            writer.append(original.carriers[chunk], original.framework_displacement[chunk])
        for frame in original.framework:
            writer.append_framework(frame[None])
    with h5py.File(tmp_path / "once.h5") as once, h5py.File(tmp_path / "chunks.h5") as chunks:
        names: list[str] = []
        once.visit(names.append)
        datasets = [name for name in names if isinstance(once[name], h5py.Dataset)]
        assert len(datasets) == 19
        for name in datasets:
            np.testing.assert_array_equal(once[name][...], chunks[name][...], err_msg=name)


@pytest.mark.parametrize("group", ["carriers", "framework"])
def test_mdanalysis_reads_the_same_positions_cell_and_time(tmp_path, group):
    original = small_trajectory(6, stride=2)
    write_h5md(tmp_path / "t.h5", original, step_interval=25)
    with h5py.File(tmp_path / "t.h5", "a") as handle:
        if group == "framework":
            del handle["particles/carriers"], handle["observables"]
    expected = original.carriers if group == "carriers" else original.framework
    universe = MDAnalysis.Universe.empty(expected.shape[1], trajectory=False)
    universe.load_new(str(tmp_path / "t.h5"), format="H5MD")
    assert universe.trajectory.n_frames == len(expected)
    stride = 1 if group == "carriers" else 2
    lengths = np.linalg.norm(original.cell, axis=1)
    for frame, positions in zip(universe.trajectory, expected, strict=True):
        np.testing.assert_allclose(frame.positions, positions, atol=1e-5)
        np.testing.assert_allclose(frame.dimensions[:3], lengths, rtol=1e-6)
        assert frame.time == pytest.approx(frame.frame * stride * 0.05)
        assert frame.data["step"] == frame.frame * stride * 25
        if group == "carriers":
            displacement = original.framework_displacement[frame.frame]
            np.testing.assert_array_equal(frame.data["framework_displacement"], displacement)


def test_a_frame_has_its_atoms_in_the_order_of_the_structure(tmp_path):
    original = small_trajectory(5, stride=2)
    carrier_ids, framework_ids = np.array([8, 1, 2, 5, 4]), np.array([0, 3, 6, 7])
    write_h5md(tmp_path / "t.h5", original, carrier_ids=carrier_ids, framework_ids=framework_ids)
    with H5mdReader(tmp_path / "t.h5") as reader:
        species, positions = reader.frame(4)
        with pytest.raises(ValueError, match="frame 3 has no framework: it is stored every 2 frames"):
            reader.frame(3)
        with pytest.raises(ValueError, match="there is no frame 5"):
            reader.frame(5)
    assert species == ("P", "Li", "Li", "S", "Li", "Li", "S", "S", "Li")
    np.testing.assert_allclose(positions[carrier_ids], original.carriers[4], **SINGLE)
    np.testing.assert_allclose(positions[framework_ids], original.framework[2], **SINGLE)


def test_chunks_cover_every_frame_once(tmp_path):
    original = small_trajectory(7)
    write_h5md(tmp_path / "t.h5", original)
    with H5mdReader(tmp_path / "t.h5") as reader:
        carriers, displacements = zip(*reader.chunks(3), strict=True)
    np.testing.assert_allclose(np.concatenate(carriers), original.carriers, **SINGLE)
    np.testing.assert_array_equal(np.concatenate(displacements), original.framework_displacement)


def test_a_run_without_framework_keeps_a_displacement_that_is_given(tmp_path):
    bare = dataclasses.replace(small_trajectory(), framework=None, framework_species=(), framework_displacement=None)
    write_h5md(tmp_path / "bare.h5", bare)
    assert read_h5md(tmp_path / "bare.h5").framework_displacement is None
    moved = dataclasses.replace(bare, framework_displacement=np.arange(21.0).reshape(7, 3))
    write_h5md(tmp_path / "moved.h5", moved)
    np.testing.assert_array_equal(read_h5md(tmp_path / "moved.h5").framework_displacement, moved.framework_displacement)


def test_positions_keep_single_precision_far_from_the_origin(tmp_path):
    far = dataclasses.replace(small_trajectory(), carriers=small_trajectory().carriers + 100.0)
    write_h5md(tmp_path / "t.h5", far)
    np.testing.assert_allclose(read_h5md(tmp_path / "t.h5").carriers, far.carriers, rtol=0, atol=1e-5)


def test_unfit_chunks_and_headers_are_refused(tmp_path):
    header = H5mdHeader("Li", np.arange(2), ("S",), np.array([2]), np.eye(3) * 9, 0.1, framework_stride=2)
    with pytest.raises(ValueError, match=r"needs its mean displacement"), H5mdWriter(tmp_path / "a", header) as writer:
        writer.append(np.zeros((3, 2, 3)))
    with (
        pytest.raises(ValueError, match=r"takes frames of the shape \(2, 3\)"),
        H5mdWriter(tmp_path / "b", header) as w,
    ):
        w.append(np.zeros((3, 1, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="3 frames need as many"), H5mdWriter(tmp_path / "c", header) as writer:
        writer.append(np.zeros((3, 2, 3)), np.zeros((2, 3)))
    with (
        pytest.raises(ValueError, match="need 2 frames of the framework, got 0"),
        H5mdWriter(tmp_path / "d", header) as w,
    ):
        w.append(np.zeros((3, 2, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="number the atoms"):
        dataclasses.replace(header, framework_ids=np.array([1]))
    with pytest.raises(ValueError, match="needs its positions"):
        write_h5md(tmp_path / "e", dataclasses.replace(small_trajectory(), framework=None))


def test_foreign_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match=r"text\.h5 is no readable HDF5 file"):
        read_h5md(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle.create_group("particles")
    with pytest.raises(ValueError, match=r"other\.h5 has no H5MD layout"):
        read_h5md(tmp_path / "other.h5")


def test_a_segment_says_at_which_step_and_time_it_begins(tmp_path):
    write_h5md(tmp_path / "t.h5", small_trajectory(6, stride=2), step_interval=50, first_step=1000)
    interval = small_trajectory().frame_interval_ps
    with h5py.File(tmp_path / "t.h5") as file:
        for path, stride in (("particles/carriers/position", 1), ("particles/framework/box/edges", 2)):
            frames = np.arange(0, 6, stride)
            np.testing.assert_array_equal(file[path]["step"], 1000 + 50 * frames)
            np.testing.assert_allclose(file[path]["time"], (20 + frames) * interval)
    with H5mdReader(tmp_path / "t.h5") as reader:
        assert reader.header.first_step == 1000
        assert reader.header.step_interval == 50
    with pytest.raises(ValueError, match="first step that is not negative"):
        write_h5md(tmp_path / "u.h5", small_trajectory(), first_step=-1)


def test_a_disk_that_is_full_is_an_error_of_the_machine_and_leaves_a_program_that_goes_on(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    run = small_trajectory(2000)
    for n_bytes in (1000, 20_000, 60_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
        try:
            with pytest.raises(OSError, match="File too large") as raised:
                write_h5md(tmp_path / "run.h5", run)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert raised.value.filename == str(tmp_path / "run.h5")
    write_h5md(tmp_path / "run.h5", run)
    np.testing.assert_allclose(read_h5md(tmp_path / "run.h5").carriers, run.carriers, atol=1e-5)
