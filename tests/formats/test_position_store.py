from __future__ import annotations

import gc

import h5py
import numpy as np
import pytest

from aiida_concerted.formats.position_store import FrameworkStore, PositionStore
from aiida_concerted.formats.unfailing_file import ScratchFile


def made(n_frames=5000, n_particles=21, dtype=np.float32):
    return np.random.default_rng(0).normal(size=(n_frames, n_particles, 3)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("memory", [1, 10**6, 10**9])
def test_what_goes_in_comes_out_in_memory_or_not(tmp_path, dtype, memory):
    positions = made(dtype=dtype)
    matrix, shift = np.random.default_rng(1).normal(size=(3, 3)), np.array([1.0, 2.0, 3.0])
    with PositionStore(memory, tmp_path) as store:
        for part in np.split(positions, [1, 2, 700, 701, 4100]):
            store.append(part)
        assert len(store) == 5000
        for index in (0, 2047, 2048, 4999):
            np.testing.assert_array_equal(store.frame(index), positions[index])
        found = store.positions()
        assert isinstance(found, np.ndarray) == (memory == 10**9)
        assert (found.shape, found.dtype) == (positions.shape, dtype)
        np.testing.assert_array_equal(found[:], positions)
        np.testing.assert_array_equal(found[100:4000, 3:9], positions[100:4000, 3:9])
        store.transform(matrix, shift)
        np.testing.assert_allclose(store.positions()[:], positions @ matrix + shift, atol=1e-5)
    assert not any(tmp_path.iterdir())


def test_the_scratch_file_is_uncompressed_with_balanced_chunks(tmp_path):
    with PositionStore(1, tmp_path) as store:
        store.append(made())
        dataset = store.positions()
        assert isinstance(dataset, h5py.Dataset)
        assert (dataset.chunks, dataset.compression) == ((2048, 8, 3), None)


def test_a_scratch_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="no scratch file can be made"), PositionStore(1, tmp_path / "x") as store:
        store.append(made(10))


@pytest.mark.parametrize("n_frames", [1, 2, 3, 16, 17, 33, 100])
@pytest.mark.parametrize("sizes", [1, 7, 1000])
def test_the_stride_depends_on_the_length_alone(n_frames, sizes):
    framework = made(n_frames, 4, np.float64)
    store = FrameworkStore(16 * 4 * 24)
    for start in range(0, n_frames, sizes):
        part = slice(start, start + sizes)
        store.append(framework[part], np.arange(n_frames)[part])
    found, stride = store.finish(n_frames)
    expected = next(2**k for k in range(20) if -(-n_frames // 2**k) <= 16)
    np.testing.assert_array_equal(found, framework[::stride])
    assert stride == (expected if n_frames > 1 else 1)


def test_frames_that_do_not_fill_a_grid_leave_the_one_they_fill():
    framework = made(30, 2, np.float64)
    numbers = np.array([0, 4, 8, 12, 18, 24])
    store = FrameworkStore(10**6, stride=4)
    store.append(framework[numbers[:4]], numbers[:4])
    store.append(framework[numbers[4:]], numbers[4:])
    found, stride = store.finish(30)
    assert stride == 12
    np.testing.assert_array_equal(found, framework[::12])
    store = FrameworkStore(10**6, stride=4)
    store.append(framework[[0, 4, 9]], np.array([0, 4, 9]))
    found, stride = store.finish(30)
    assert (stride, len(found)) == (30, 1)


def test_a_disk_that_is_full_is_said_and_leaves_a_program_that_goes_on(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for _ in range(2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, hard))
        try:
            with (
                PositionStore(1, tmp_path) as store,
                pytest.raises(ValueError, match="free the disk or choose another"),
            ):
                store.append(made())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        gc.collect()
    assert not any(tmp_path.iterdir())


def test_a_scratch_file_reads_what_was_written_and_no_further(tmp_path):
    file = ScratchFile(tmp_path)
    assert file.write(np.arange(4, dtype=np.int32)) == 16
    assert (file.seek(8), file.tell()) == (8, 8)
    assert file.read(100) == np.array([2, 3], dtype=np.int32).tobytes()
    file.truncate(4)
    file.seek(0)
    buffer = bytearray(10)
    assert file.readinto(buffer) == 4
    assert (file.error, list(tmp_path.iterdir())) == (None, [])
    file.close()
