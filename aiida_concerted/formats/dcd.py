"""DCD trajectories as LAMMPS writes them: coordinates of one group of atoms in the order of their numbers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MARKER = 4
HEADER_BYTES = 84
CELL_BYTES = 48


@dataclass(frozen=True)
class DcdFile:
    """A DCD file opened for reading; frames are mapped from disk, not loaded.

    :param path: the file.
    :param n_atoms: atoms in each frame.
    :param n_frames: complete frames; a frame cut short at the end, as a killed run leaves, does not count.
    :param has_partial_frame: whether there is one.
    :param offset: bytes before the first frame.
    """

    path: Path
    n_atoms: int
    n_frames: int
    has_partial_frame: bool
    offset: int

    @property
    def frame_dtype(self) -> np.dtype[np.void]:
        """Return the layout of one frame: each record stands between two markers that hold its length."""
        axis = [("open", "<i4"), ("values", "<f4", (self.n_atoms,)), ("close", "<i4")]
        cell = [("open", "<i4"), ("values", "<f8", (6,)), ("close", "<i4")]
        return np.dtype([("cell", cell), ("x", axis), ("y", axis), ("z", axis)])

    def positions(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return positions in Å of some frames, shape ``(stop - start, n_atoms, 3)``.

        :raises ValueError: if a record is not where it belongs.
        """
        stop = self.n_frames if stop is None else min(stop, self.n_frames)
        if stop <= start:
            return np.empty((0, self.n_atoms, 3), dtype=np.float32)
        frames = np.memmap(self.path, self.frame_dtype, "r", self.offset, (self.n_frames,))[start:stop]
        for axis in "xyz":
            if (frames[axis]["open"] != 4 * self.n_atoms).any():
                raise ValueError(
                    f"{self.path} has no regular frames between {start} and {stop}: is it a DCD of LAMMPS?"
                )
        return np.stack([frames[axis]["values"] for axis in "xyz"], axis=-1)

    def chunks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield positions in Å, ``size`` frames at a time."""
        for start in range(0, self.n_frames, size):
            yield self.positions(start, start + size)


def open_dcd(path: str | Path) -> DcdFile:
    """Return a DCD file opened for reading.

    :raises ValueError: if the file is not a DCD with a unit cell, as LAMMPS writes it.
    """
    path = Path(path)
    with path.open("rb") as handle:
        try:
            header = _record(handle.read(HEADER_BYTES + 2 * MARKER))
            (title_bytes,) = struct.unpack("<i", handle.read(MARKER))
            handle.seek(title_bytes + MARKER, 1)
            (n_atoms,) = struct.unpack("<i", _record(handle.read(3 * MARKER)))
        except (struct.error, ValueError) as error:
            raise ValueError(f"{path} is not a DCD file: {error}") from error
        offset = handle.tell()
    flags = struct.unpack("<20i", header[4:])
    if header[:4] != b"CORD" or flags[10] != 1:
        raise ValueError(f"{path} is not a DCD file of coordinates with a unit cell in every frame")
    frame_bytes = CELL_BYTES + 2 * MARKER + 3 * (4 * n_atoms + 2 * MARKER)
    n_frames, rest = divmod(path.stat().st_size - offset, frame_bytes)
    return DcdFile(path, n_atoms, n_frames, rest > 0, offset)


def _record(block: bytes) -> bytes:
    """Return the content of a record without its two markers."""
    (length,) = struct.unpack("<i", block[:MARKER])
    if length != len(block) - 2 * MARKER or block[-MARKER:] != block[:MARKER]:
        raise ValueError("the header does not have the length it should have")
    return block[MARKER:-MARKER]
