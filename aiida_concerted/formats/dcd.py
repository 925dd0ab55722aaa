"""Trajectories in DCD, the binary format of CHARMM and NAMD, as LAMMPS' ``dump dcd`` writes it.

A file that grows while it is read, or whose writer was killed, is read up to its last whole frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MAGIC = b"CORD"
HEADER_BYTES = 84
CELL_BYTES = 48
MARKER = 4


@dataclass(frozen=True)
class DcdHeader:
    """What stands before the first frame.

    :param n_atoms: number of atoms.
    :param first_step: integration step of the first frame.
    :param step_interval: integration steps between frames.
    :param delta: integration step in the unit of the program that wrote the file; 0 where it gives none.
    :param title: what the program says of itself.
    :param has_cells: whether each frame has its cell.
    :param byte_order: ``<`` or ``>``.
    :param n_bytes: length of the header.
    """

    n_atoms: int
    first_step: int
    step_interval: int
    delta: float
    title: str
    has_cells: bool
    byte_order: str
    n_bytes: int

    @property
    def layout(self) -> np.dtype[np.void]:
        """Return the layout of a frame, markers included."""
        order = self.byte_order
        fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
        if self.has_cells:
            fields += [("cell_head", f"{order}i4"), ("cell", f"{order}f8", (6,)), ("cell_tail", f"{order}i4")]
        for axis in "xyz":
            fields += [(f"{axis}_head", f"{order}i4"), (axis, f"{order}f4", (self.n_atoms,))]
            fields += [(f"{axis}_tail", f"{order}i4")]
        return np.dtype(fields)

    def are_sound(self, frames: NDArray[np.void]) -> NDArray[np.bool_]:
        """Return whether each frame has the markers that it must have."""
        sound = np.ones(len(frames), dtype=bool)
        for axis in "xyz":
            sound &= (frames[f"{axis}_head"] == 4 * self.n_atoms) & (frames[f"{axis}_tail"] == 4 * self.n_atoms)
        if self.has_cells:
            sound &= (frames["cell_head"] == CELL_BYTES) & (frames["cell_tail"] == CELL_BYTES)
        return sound


def read_dcd_header(path: str | Path) -> DcdHeader:
    """Return what stands before the first frame of a DCD file of either byte order.

    :raises ValueError: if it is no DCD file, or one with fixed atoms or a fourth dimension.
    """
    path = Path(path)
    try:
        with path.open("rb") as handle:
            content = handle.read(1 << 16)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    order = ">" if content[:4] == HEADER_BYTES.to_bytes(4, "big") else "<"
    header = _read_record(content, 0, path, order)
    if len(header) != HEADER_BYTES or header[:4] != MAGIC:
        raise ValueError(f"{path} is no DCD file with records of 4-byte lengths")
    control = np.frombuffer(header, dtype=f"{order}i4", offset=4)
    if control[8] != 0 or (control[19] != 0 and control[11] == 1):
        raise ValueError(f"{path} is a DCD file with fixed atoms or four dimensions, which is not read here")
    delta = np.frombuffer(header, dtype=f"{order}f4" if control[19] else f"{order}f8", count=1, offset=40)[0]
    start = HEADER_BYTES + 2 * MARKER
    title = _read_record(content, start, path, order)
    count = _read_record(content, start + len(title) + 2 * MARKER, path, order)
    n_atoms = int(np.frombuffer(count, dtype=f"{order}i4")[0]) if len(count) == MARKER else 0
    if n_atoms < 1:
        raise ValueError(f"{path} is no DCD file: it has no number of atoms")
    return DcdHeader(
        n_atoms=n_atoms,
        first_step=int(control[1]),
        step_interval=int(control[2]),
        delta=float(delta) if np.isfinite(delta) and delta > 0 else 0.0,
        title=title[4:].decode("ascii", errors="replace").replace("\0", " ").strip(),
        has_cells=bool(control[10] == 1),
        byte_order=order,
        n_bytes=start + len(title) + len(count) + 4 * MARKER,
    )


class DcdFile:
    """A DCD file, its frames mapped into memory and read when asked for.

    :param path: file to read.
    :raises ValueError: if it is no DCD file with cells, or its records are not those of one.

    ``first_step`` and ``step_interval`` are those of the header.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.header = read_dcd_header(path)
        self.first_step, self.step_interval = self.header.first_step, self.header.step_interval
        self.n_atoms = self.header.n_atoms
        if not self.header.has_cells:
            raise ValueError(f"{self.path} is a DCD file without cells, which is not read here")
        layout = self.header.layout
        n_frames = max(0, self.path.stat().st_size - self.header.n_bytes) // layout.itemsize
        self._frames = np.empty(0, dtype=layout)
        if n_frames:
            frames = np.memmap(self.path, dtype=layout, mode="r", offset=self.header.n_bytes, shape=(n_frames,))
            broken = np.flatnonzero(~self.header.are_sound(frames))
            self._frames = frames[: broken[0]] if len(broken) else frames

    def __len__(self) -> int:
        """Return the number of whole frames."""
        return len(self._frames)

    def positions(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return positions in Å as they were written, shape ``(stop - start, n_atoms, 3)``."""
        return positions_of(self._frames[start:stop])

    def cells(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """Return lengths in Å and angles in degrees of the cells, shape ``(stop - start, 6)``; see :func:`cells_of`."""
        return cells_of(self._frames[start:stop])


def positions_of(frames: NDArray[np.void]) -> NDArray[np.float32]:
    """Return the positions in Å of raw frames, shape ``(n, n_atoms, 3)``, in the machine's byte order."""
    positions = np.empty((len(frames), frames.dtype["x"].shape[0], 3), dtype=np.float32)
    for axis, name in enumerate("xyz"):
        positions[:, :, axis] = frames[name]
    return positions


def cells_of(frames: NDArray[np.void]) -> FloatArray:
    """Return lengths in Å and angles in degrees of the cells of raw frames, shape ``(n, 6)``.

    LAMMPS and NAMD store the cosines of the angles, others the angles; a value of at most one is a cosine.
    """
    stored = frames["cell"].astype(np.float64)
    lengths, angles = stored[:, [0, 2, 5]], stored[:, [4, 3, 1]]
    is_cosine = np.abs(angles) <= 1.0
    degrees = np.where(is_cosine, np.degrees(np.arccos(np.clip(angles, -1.0, 1.0))), angles)
    return np.concatenate([lengths, degrees], axis=1)


def _read_record(content: bytes, offset: int, path: Path, order: str) -> bytes:
    """Return the payload of a Fortran record; its length stands before and after it."""
    if len(content) < offset + MARKER:
        raise ValueError(f"{path} is cut off in its header")
    length = int(np.frombuffer(content, dtype=f"{order}i4", count=1, offset=offset)[0])
    end = offset + MARKER + length
    if length < 0 or len(content) < end + MARKER:
        raise ValueError(f"{path} is no DCD file, or is cut off in its header")
    if int(np.frombuffer(content, dtype=f"{order}i4", count=1, offset=end)[0]) != length:
        raise ValueError(f"{path} is no DCD file: a record's two lengths differ")
    return content[offset + MARKER : end]
