"""Positions that need not be in memory: what the analysis asks of an array, and how it goes through one in blocks.

A long run holds more numbers than the memory: 400 000 frames of 360 carriers are 3.5 GB. Whatever has a shape and a
type and answers to slices of frames and particles with a NumPy array will do in its place, a data set of an HDF5 file
above all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BLOCK_BYTES = 1 << 25
"""Memory of one block in double precision; kernels hold a few for each of their threads."""


class PositionArray(Protocol):
    """Positions of shape ``(n_frames, n_particles, 3)`` in Å; NumPy arrays and data sets of h5py are such."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return frames, particles and axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the numbers as they are kept."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return the frames and particles of two slices as a NumPy array."""


class RelativePositions:
    """Positions from some frame on, less a displacement of all particles, computed where they are asked for.

    :param source: positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param displacement: what is taken off in Å, shape ``(n_frames, 3)``; nothing when not given.
    :param first: first frame of the source (and of the displacement) that belongs to these.
    """

    def __init__(self, source: PositionArray, displacement: FloatArray | None = None, first: int = 0) -> None:
        if displacement is not None and displacement.shape != (source.shape[0], 3):
            raise ValueError(f"the displacement must have the shape ({source.shape[0]}, 3), got {displacement.shape}")
        if not 0 <= first < source.shape[0]:
            raise ValueError(f"the first frame must be one of {source.shape[0]}, got {first}")
        self._source, self._displacement, self._first = source, displacement, first

    @property
    def shape(self) -> tuple[int, ...]:
        """Return frames, particles and axes."""
        return (self._source.shape[0] - self._first, *self._source.shape[1:])

    @property
    def ndim(self) -> int:
        """Return 3."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return double precision."""
        return np.dtype(np.float64)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return the pieces in which the source lies on its disk, ``None`` where it does not."""
        found: tuple[int, ...] | None = getattr(self._source, "chunks", None)
        return found

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.shape[0]

    def __getitem__(self, key: Any, /) -> FloatArray:
        """Return a new array of the frames and particles asked for by slices, or of one frame by its number."""
        frames, particles = (*key, slice(None))[:2] if isinstance(key, tuple) else (key, slice(None))
        if isinstance(frames, slice):
            start, stop, step = frames.indices(len(self))
            chosen = slice(start + self._first, stop + self._first, step)
            positions = np.array(self._source[chosen, particles], dtype=np.float64)
            if self._displacement is not None:
                positions -= self._displacement[chosen, None, :]
            return positions
        number = range(len(self))[frames]
        return self[number : number + 1, particles][0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it as an array in memory."""
        return self[:] if dtype is None else self[:].astype(dtype)


def from_frame(positions: PositionArray, first: int) -> PositionArray:
    """Return the positions from a frame on, without reading them."""
    if first == 0:
        return positions
    return positions[first:] if isinstance(positions, np.ndarray) else RelativePositions(positions, first=first)


def frame_blocks(positions: PositionArray, n_bytes: int | None = None) -> Iterator[slice]:
    """Yield successive slices of frames whose positions of all particles fit in ``n_bytes`` in double precision.

    A block holds one frame at least and is as large as :data:`BLOCK_BYTES` when nothing is given; where the positions
    lie on a disk in pieces, it ends at the end of one.
    """
    n_frames, n_particles = positions.shape[:2]
    yield from _blocks(n_frames, (n_bytes or BLOCK_BYTES) // (24 * max(n_particles, 1)), _chunk_length(positions, 0))


def particle_blocks(positions: PositionArray, n_bytes: int | None = None) -> Iterator[slice]:
    """Yield successive slices of particles whose positions at all frames fit in ``n_bytes`` in double precision.

    A block holds one particle at least and is as large as :data:`BLOCK_BYTES` when nothing is given; where the
    positions lie on a disk in pieces of a few particles, it ends at the end of one: no piece should be read twice.
    """
    n_frames, n_particles = positions.shape[:2]
    yield from _blocks(n_particles, (n_bytes or BLOCK_BYTES) // (24 * max(n_frames, 1)), _chunk_length(positions, 1))


def take_frames(positions: PositionArray, frames: IntArray) -> FloatArray:
    """Return some frames in double precision, shape ``(len(frames), n_particles, 3)``; each is read once, in order.

    :param frames: numbers of frames in any order, repeated or not.
    """
    if isinstance(positions, np.ndarray):
        return np.asarray(positions[frames], dtype=np.float64)
    wanted, place = np.unique(np.asarray(frames, dtype=np.int64), return_inverse=True)
    taken = np.empty((len(wanted), *positions.shape[1:]))
    piece = wanted // (_chunk_length(positions, 0) or 1)
    for group in np.split(np.arange(len(wanted)), np.flatnonzero(np.diff(piece)) + 1):
        if len(group):
            first, last = int(wanted[group[0]]), int(wanted[group[-1]])
            taken[group] = np.asarray(positions[first : last + 1])[wanted[group] - first]
    return taken[place]


def all_finite(positions: PositionArray) -> bool:
    """Return whether every number is finite, looking at one block after the other."""
    return all(bool(np.isfinite(positions[frames]).all()) for frames in frame_blocks(positions))


def _chunk_length(positions: PositionArray, axis: int) -> int | None:
    chunks = getattr(positions, "chunks", None)
    return int(chunks[axis]) if chunks else None


def _blocks(n_items: int, fitting: int, chunk: int | None) -> Iterator[slice]:
    size = max(1, fitting)
    if chunk is not None and chunk < n_items:
        size = max(1, size // chunk) * chunk
    for start in range(0, n_items, size):
        yield slice(start, min(start + size, n_items))
