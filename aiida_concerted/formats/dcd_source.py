"""Frames of a DCD file as blocks; the elements come from a topology."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.dcd import cells_of, positions_of, read_dcd_header
from aiida_concerted.formats.frame_source import FrameBlock, SourceFacts, checked_cell
from aiida_concerted.formats.topology import Topology

FloatArray = NDArray[np.float64]

_AKMA_PS = 0.04888821
"""CHARMM's unit of time in ps, in which the integration step stands."""

_SMALLEST_ANGLE = 15.0


class DcdSource:
    """The frames of one DCD file.

    :param path: the file.
    :param topology: what names the elements, and the cell where the file has none.
    :raises ValueError: if the file is no DCD file, or the topology is missing or of other atoms.
    """

    def __init__(self, path: Path, topology: Topology | None) -> None:
        self.path = path
        self._header = read_dcd_header(path)
        if topology is None:
            raise ValueError(f"{path}: a DCD file names no elements: give a topology file")
        if not self._header.has_cells and topology.cell is None:
            raise ValueError(f"{path} has no cells, nor has {topology.path}: give a topology file with the cell")
        self._topology = topology
        self._file = path.open("rb")
        self._file.seek(self._header.n_bytes)
        self.facts = SourceFacts(species=topology.of_atoms(self._header.n_atoms, str(path)))
        self._read_steps()

    def _read_steps(self) -> None:
        """Take up what the header says of steps and time; many programs say nothing true there."""
        header = self._header
        self._has_steps = header.step_interval > 0
        is_lammps = "LAMMPS" in header.title
        if not is_lammps and header.first_step == 0 and header.step_interval == 1:
            self.facts.steps_are_global = self.facts.steps_are_certain = False
        if not is_lammps and header.delta not in (0.0, 1.0):
            self.facts.step_ps = header.delta * _AKMA_PS
            self.facts.times_are_certain = False

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks; what is cut off at the end is counted and left out.

        :raises ValueError: if a frame before the last is broken or a cell has no volume.
        """
        layout = self._header.layout
        size = max(1, n_bytes // (24 * self._header.n_atoms))
        left = self.path.stat().st_size - self._header.n_bytes
        n_frames, n_done = left // layout.itemsize, 0
        while n_done < n_frames:
            frames = np.fromfile(self._file, dtype=layout, count=min(size, n_frames - n_done))
            sound = self._header.are_sound(frames)
            n_sound = len(frames) if sound.all() else int(np.argmin(sound))
            if n_sound:
                yield self._block(frames[:n_sound], n_done)
            if n_sound < len(frames):
                self._check_end(sound[n_sound:], n_done + n_sound)
                self.facts.n_truncated = n_frames - n_done - n_sound
                break
            n_done += len(frames)
        self.facts.n_truncated += int(left % layout.itemsize > 0)

    def _check_end(self, sound: NDArray[np.bool_], first: int) -> None:
        """Raise if any frame behind a broken one is sound, for then the file was not just cut off."""
        while len(sound):
            if sound.any():
                raise ValueError(
                    f"{self.path} frame {first} is broken and others follow it: copy the file anew, or give its parts"
                )
            sound = self._header.are_sound(np.fromfile(self._file, dtype=self._header.layout, count=64))

    def _block(self, frames: NDArray[np.void], first: int) -> FrameBlock:
        n = len(frames)
        steps = None
        if self._has_steps:
            steps = self._header.first_step + self._header.step_interval * np.arange(first, first + n)
        return FrameBlock(positions=positions_of(frames), cells=self._cells(frames, first), steps=steps)

    def _cells(self, frames: NDArray[np.void], first: int) -> FloatArray:
        """Return the cells with the first vector along x and the second in the xy plane, or the topology's."""
        where = f"{self.path} frame {first}"
        if not self._header.has_cells:
            cell = self._topology.cell
            assert cell is not None  # noqa: S101 - looked at when the file was opened
            return np.broadcast_to(checked_cell(cell, where), (len(frames), 3, 3))
        stored = cells_of(frames)
        if (stored[:, 3:] < _SMALLEST_ANGLE).any():
            raise ValueError(f"{where}: its cell is not written as lengths and angles; write it so, or another format")
        same = (stored == stored[0]).all()
        cells = cell_vectors(stored[:1] if same else stored)
        for cell in cells[:1] if same else cells:
            checked_cell(cell, where)
        if first == 0:
            self._compare_orientation(cells[0])
        return np.broadcast_to(cells[0], (len(frames), 3, 3)) if same else cells

    def _compare_orientation(self, cell: FloatArray) -> None:
        """Say so where the topology's cell has the same shape and stands otherwise."""
        other = self._topology.cell
        if other is None or np.allclose(cell, other, atol=1e-2):
            return
        if np.allclose(cell @ cell.T, other @ other.T, rtol=1e-3, atol=1e-1):
            self.facts.messages.append(
                f"{self.path.name}: the cell of {self._topology.path.name} stands otherwise; positions are taken to "
                "be in a cell with its first vector along x and its second in the xy plane"
            )

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def cell_vectors(parameters: NDArray[np.floating[Any]]) -> FloatArray:
    """Return lattice vectors as rows in Å, the first along x and the second in the xy plane, shape ``(n, 3, 3)``.

    :param parameters: lengths in Å and angles in degrees, shape ``(n, 6)``.
    """
    a, b, c = parameters[:, :3].T
    # exactly 90 degrees makes a cuboid, without the rounding of its cosine
    cosines = np.where(parameters[:, 3:] == 90.0, 0.0, np.cos(np.radians(parameters[:, 3:])))
    alpha, beta, gamma = cosines.T
    sine = np.sqrt(1.0 - gamma**2)
    cells = np.zeros((len(parameters), 3, 3))
    cells[:, 0, 0] = a
    cells[:, 1, 0], cells[:, 1, 1] = b * gamma, b * sine
    cells[:, 2, 0], cells[:, 2, 1] = c * beta, c * (alpha - beta * gamma) / sine
    cells[:, 2, 2] = np.sqrt(np.maximum(c**2 - cells[:, 2, 0] ** 2 - cells[:, 2, 1] ** 2, 0.0))
    return cells
