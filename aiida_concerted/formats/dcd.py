"""Trajectories in DCD, the binary format of CHARMM and NAMD, as LAMMPS' ``dump dcd`` writes it.

A file that grows while it is read, or whose writer was killed, is read up to its last whole frame.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MAGIC = b"CORD"
HEADER_BYTES = 84
CELL_BYTES = 48
MARKER = 4


class DcdFile:
    """A DCD file, its frames mapped into memory and read when asked for.

    :param path: file to read; the byte order of the machine.
    :raises ValueError: if it is no DCD file with cells, or its records are not those of one.

    ``first_step`` and ``step_interval`` are those of the header.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self.path.open("rb") as handle:
            header = _read_record(handle.read(HEADER_BYTES + 2 * MARKER), 0, self.path)
            if len(header) != HEADER_BYTES or header[:4] != MAGIC:
                raise ValueError(f"{self.path} is no DCD file of this machine's byte order")
            control = np.frombuffer(header, dtype=np.int32, offset=4)
            self.first_step, self.step_interval = int(control[1]), int(control[2])
            if control[10] != 1 or control[8] != 0:
                raise ValueError(f"{self.path} is a DCD file without cells or with fixed atoms, which is not read here")
            start = HEADER_BYTES + 2 * MARKER
            head = handle.read(1 << 16)
        title = _read_record(head, 0, self.path)
        count = _read_record(head, len(title) + 2 * MARKER, self.path)
        self.n_atoms = int(np.frombuffer(count, dtype=np.int32)[0])
        offset = start + len(title) + len(count) + 4 * MARKER
        self._frames = self._map(offset)

    def _map(self, offset: int) -> NDArray[np.void]:
        axis_bytes = 4 * self.n_atoms
        fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = [
            ("cell_head", "i4"), ("cell", "f8", (6,)), ("cell_tail", "i4"),
        ]  # fmt: skip
        for axis in "xyz":
            fields += [(f"{axis}_head", "i4"), (axis, "f4", (self.n_atoms,)), (f"{axis}_tail", "i4")]
        layout = np.dtype(fields)
        n_frames = max(0, self.path.stat().st_size - offset) // layout.itemsize
        if n_frames == 0:
            return np.empty(0, dtype=layout)
        frames = np.memmap(self.path, dtype=layout, mode="r", offset=offset, shape=(n_frames,))
        sound = (frames["cell_head"] == CELL_BYTES) & (frames["cell_tail"] == CELL_BYTES)
        for axis in "xyz":
            sound &= (frames[f"{axis}_head"] == axis_bytes) & (frames[f"{axis}_tail"] == axis_bytes)
        broken = np.flatnonzero(~sound)
        return frames[: broken[0]] if len(broken) else frames

    def __len__(self) -> int:
        """Return the number of whole frames."""
        return len(self._frames)

    def positions(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return positions in Å as they were written, shape ``(stop - start, n_atoms, 3)``."""
        chosen = self._frames[start:stop]
        return np.stack([chosen["x"], chosen["y"], chosen["z"]], axis=-1)

    def cells(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """Return lengths in Å and angles in degrees of the cells, shape ``(stop - start, 6)``.

        LAMMPS stores the cosines of the angles, others the angles; a value of at most one is a cosine.
        """
        stored = self._frames["cell"][start:stop].astype(np.float64)
        lengths, angles = stored[:, [0, 2, 5]], stored[:, [4, 3, 1]]
        is_cosine = np.abs(angles) <= 1.0
        degrees = np.where(is_cosine, np.degrees(np.arccos(np.clip(angles, -1.0, 1.0))), angles)
        return np.concatenate([lengths, degrees], axis=1)


def _read_record(content: bytes, offset: int, path: Path) -> bytes:
    """Return the payload of a Fortran record; its length stands before and after it."""
    if len(content) < offset + MARKER:
        raise ValueError(f"{path} is cut off in its header")
    length = int(np.frombuffer(content, dtype=np.int32, count=1, offset=offset)[0])
    end = offset + MARKER + length
    if length < 0 or len(content) < end + MARKER:
        raise ValueError(f"{path} is no DCD file of this machine's byte order, or is cut off in its header")
    if int(np.frombuffer(content, dtype=np.int32, count=1, offset=end)[0]) != length:
        raise ValueError(f"{path} is no DCD file: a record's two lengths differ")
    return content[offset + MARKER : end]
