"""Where the positions of a run go while it is read: memory as long as they fit, a scratch file when they do not."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.positions import PositionArray
from aiida_concerted.formats.unfailing_file import ScratchFile

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Positions = NDArray[np.floating[Any]]

_CHUNK_FRAMES = 2048
_CHUNK_PARTICLES = 8
_CHUNK_NUMBERS = 3 * _CHUNK_FRAMES * _CHUNK_PARTICLES
_BUFFER_BYTES = 1 << 26


class PositionStore:
    """Positions that are added block by block and read as one array; use it as a context.

    The scratch file is uncompressed HDF5 whose chunks hold many frames of a few particles, so that both all particles
    of some frames and all frames of some particles are read fast; it has no name and is gone when the context ends.

    :param memory_bytes: how much stays in memory before a scratch file is made.
    :param folder: where the scratch file is made; the system's folder for temporary files when not given.
    """

    def __init__(self, memory_bytes: int, folder: str | Path | None = None) -> None:
        self._memory_bytes = memory_bytes
        self._folder = folder
        self._array: Positions = np.empty((0, 0, 3))
        self._n_frames = 0  # in self._array
        self._n_written = 0  # in the scratch file
        self._scratch: ScratchFile | None = None
        self._file: h5py.File | None = None
        self._dataset: h5py.Dataset | None = None

    def append(self, positions: Positions) -> None:
        """Add frames.

        :param positions: shape ``(n, n_particles, 3)``.
        :raises ValueError: if the scratch file cannot be made or written.
        """
        if not self._array.shape[1]:
            self._array = np.empty((0, *positions.shape[1:]), dtype=positions.dtype)
        while len(positions):
            room = len(positions) if self._dataset is None else self._buffer_frames() - self._n_frames
            self._take(positions[:room])
            positions = positions[room:]
            if self._dataset is None and self._n_frames * self._frame_bytes > self._memory_bytes:
                self._spill()
            if self._dataset is not None and self._n_frames >= self._buffer_frames():
                self._write(self._n_frames)

    def _take(self, positions: Positions) -> None:
        needed = self._n_frames + len(positions)
        if needed > len(self._array):
            # resize() lets the operating system move pages instead of copying, so no second array is ever held
            self._array.resize((max(needed, len(self._array) * 3 // 2), *self._array.shape[1:]), refcheck=False)
        self._array[self._n_frames : needed] = positions
        self._n_frames = needed

    @property
    def _frame_bytes(self) -> int:
        return int(np.prod(self._array.shape[1:])) * self._array.itemsize

    def _buffer_frames(self) -> int:
        """Return how many frames are written at once: whole chunks, few where a frame is large."""
        return int(min(_CHUNK_FRAMES, max(1, _BUFFER_BYTES // self._frame_bytes)))

    def _spill(self) -> None:
        """Make the scratch file and move there what fills chunks."""
        frames = self._buffer_frames()
        particles = min(self._array.shape[1], max(1, _CHUNK_NUMBERS // (3 * frames)))
        try:
            self._scratch = ScratchFile(self._folder)
            self._file = h5py.File(self._scratch, "w", libver="latest")
        except OSError as error:
            raise ValueError(f"no scratch file can be made: {error}; choose another scratch folder") from error
        self._dataset = self._file.create_dataset(
            "positions",
            shape=(0, *self._array.shape[1:]),
            maxshape=(None, *self._array.shape[1:]),
            chunks=(frames, particles, 3),
            dtype=self._array.dtype,
        )
        self._write(self._n_frames // frames * frames)
        rest = self._array[: self._n_frames].copy()
        self._array = np.empty((frames, *rest.shape[1:]), dtype=rest.dtype)
        self._array[: len(rest)] = rest

    def _write(self, n_frames: int) -> None:
        """Move the first frames of the buffer to the scratch file."""
        assert self._dataset is not None  # noqa: S101 - made by _spill
        size = self._buffer_frames()
        for start in range(0, n_frames, size):
            part = self._array[start : min(start + size, n_frames)]
            self._dataset.resize(self._n_written + len(part), axis=0)
            self._dataset[self._n_written :] = part
            self._n_written += len(part)
            self._check_written()
        left = self._n_frames - n_frames
        self._array[:left] = self._array[n_frames : self._n_frames]
        self._n_frames = left

    def _check_written(self) -> None:
        assert self._scratch is not None  # noqa: S101 - made by _spill
        if self._scratch.error is not None:
            raise ValueError(
                f"the scratch file cannot be written: {self._scratch.error.strerror}; free the disk or choose another "
                "scratch folder"
            ) from self._scratch.error

    def frame(self, index: int) -> Positions:
        """Return the positions of one frame that was added, shape ``(n_particles, 3)``."""
        if index < self._n_written:
            assert self._dataset is not None  # noqa: S101 - made by _spill
            return np.asarray(self._dataset[index])
        return self._array[index - self._n_written].copy()

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._n_written + self._n_frames

    def transform(self, matrix: FloatArray, shift: FloatArray) -> None:
        """Multiply every position (a row) with a matrix, and shift it."""
        size = self._buffer_frames()
        for start in range(0, self._n_frames, size):
            part = slice(start, min(start + size, self._n_frames))
            self._array[part] = self._array[part] @ matrix + shift
        for start in range(0, self._n_written, size):
            assert self._dataset is not None  # noqa: S101 - made by _spill
            part = slice(start, min(start + size, self._n_written))
            self._dataset[part] = self._dataset[part] @ matrix + shift
            self._check_written()

    def positions(self) -> PositionArray:
        """Return all of it, from now on complete."""
        if self._dataset is not None:
            self._write(self._n_frames)
            assert self._file is not None  # noqa: S101 - made by _spill
            self._file.flush()
            self._check_written()
            dataset: PositionArray = self._dataset
            return dataset
        self._array.resize((self._n_frames, *self._array.shape[1:]), refcheck=False)
        return self._array

    def __enter__(self) -> PositionStore:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the scratch file."""
        if self._file is not None:
            self._file.close()
        if self._scratch is not None:
            self._scratch.close()


class FrameworkStore:
    """Framework frames at a stride that keeps them within a limit of memory.

    The stride is doubled whenever they do not fit; which one it ends at depends on the length of the run alone, not on
    the blocks in which it came.

    :param memory_bytes: how much they may take; two frames are kept in any case.
    :param stride: the first stride in frames.
    """

    def __init__(self, memory_bytes: int, stride: int = 1) -> None:
        self._memory_bytes = memory_bytes
        self.stride = stride
        self._frames: list[FloatArray] = []
        self._numbers: list[IntArray] = []

    def append(self, framework: Positions, numbers: IntArray) -> None:
        """Add frames.

        :param framework: positions in Å, shape ``(m, n_framework, 3)``.
        :param numbers: number of each frame in the run, rising; at least one.
        """
        limit = max(2, self._memory_bytes // (framework[0].size * 8))
        stride = self.stride
        while numbers[-1] // stride >= limit:
            stride *= 2
        if stride != self.stride:
            self._thin(stride)
        chosen = numbers % stride == 0
        if chosen.any():
            self._frames.append(framework[chosen].astype(np.float64))
            self._numbers.append(numbers[chosen])

    def _thin(self, stride: int) -> None:
        self.stride = stride
        kept = [numbers % stride == 0 for numbers in self._numbers]
        pairs = [(f[k], n[k]) for f, n, k in zip(self._frames, self._numbers, kept, strict=True) if k.any()]
        self._frames, self._numbers = [f for f, _ in pairs], [n for _, n in pairs]

    def finish(self, n_frames: int) -> tuple[FloatArray, int]:
        """Return the stored frames, every ``stride``-th of ``n_frames`` beginning with the first, and the stride.

        Where files with strides of their own do not fit together, the stride is enlarged until they do.
        """
        numbers = np.concatenate(self._numbers)
        framework = np.concatenate(self._frames)
        self._frames, self._numbers = [], []
        for stride in range(self.stride, n_frames, self.stride):
            wanted = np.arange(0, n_frames, stride)
            if np.isin(wanted, numbers).all():
                self.stride = stride
                return (framework if len(wanted) == len(numbers) else framework[np.isin(numbers, wanted)]), stride
        self.stride = n_frames
        return framework[:1].copy(), n_frames

    @property
    def last(self) -> FloatArray | None:
        """Return the last frame that was stored."""
        return self._frames[-1][-1] if self._frames else None
