"""What every reader of a trajectory hands on: blocks of frames, and what its file says about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.byte_stream import LineStream

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Positions = NDArray[np.floating[Any]]


@dataclass
class FrameBlock:
    """Successive frames of one file, atoms in the order of the source's species.

    :param positions: Cartesian positions in Å, shape ``(n, n_atoms, 3)``; the block's own.
    :param cells: lattice vectors as rows in Å, shape ``(n, 3, 3)``.
    :param steps: integration step of each frame, shape ``(n,)``, where the file tells.
    :param times: time of each frame in ps, shape ``(n,)``, where the file tells.
    :param begins_segment: whether the first frame need not follow the one before it, for a run was joined there.
    :param displacement: mean displacement in Å of framework atoms that are not among the positions, since the file's
        first frame, shape ``(n, 3)``.
    :param framework: those framework atoms at some of the frames, shape ``(m, n_framework, 3)``.
    :param framework_frames: the frames of ``framework``, counted from the first of the file, shape ``(m,)``.
    :param origin: corner of the cell in Å, the same for all frames.
    """

    positions: Positions
    cells: FloatArray
    steps: IntArray | None = None
    times: FloatArray | None = None
    begins_segment: bool = False
    displacement: FloatArray | None = None
    framework: FloatArray | None = None
    framework_frames: IntArray | None = None
    origin: FloatArray | None = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.positions)


@dataclass
class SourceFacts:
    """What a file says of all its frames; a reader fills it by and by, and it is complete after the last block.

    :param species: element of each atom of the positions.
    :param unwrapped: whether positions are unwrapped; ``None`` where the format does not tell.
    :param steps_are_global: whether steps count from the beginning of the run, not from that of the file.
    :param steps_are_certain: whether steps are known to be the integrator's; otherwise a given interval overrules them.
    :param times_are_certain: whether the unit of times is known; otherwise anything else that is given overrules them.
    :param interval_ps: time between frames in ps that the file states apart from the frames.
    :param step_ps: duration of an integration step in ps that the file states.
    :param temperature_K: target temperature in K.
    :param framework_species: element of each framework atom that is not among the positions.
    :param framework_stride: frames from one of ``framework`` to the next.
    :param n_truncated: frames at the end that are not whole.
    :param messages: what a user should know.
    """

    species: tuple[str, ...] = ()
    unwrapped: bool | None = None
    steps_are_global: bool = True
    steps_are_certain: bool = True
    times_are_certain: bool = True
    interval_ps: float | None = None
    step_ps: float | None = None
    temperature_K: float | None = None
    framework_species: tuple[str, ...] = ()
    framework_stride: int = 1
    n_truncated: int = 0
    messages: list[str] = field(default_factory=list)


class FrameSource(Protocol):
    """One file of a trajectory, read once from front to end."""

    path: Path
    facts: SourceFacts

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks of about ``n_bytes``; one frame at least."""

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""

    def close(self) -> None:
        """Close the file."""


class BlockBuilder:
    """Collects frames that are read one by one into blocks.

    :param n_bytes: about how much a block holds.
    """

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes
        self.origin: FloatArray | None = None
        self._begin()

    def _begin(self) -> None:
        self._positions: list[Positions] = []
        self._cells: list[FloatArray] = []
        self._steps: list[int] = []
        self._times: list[float] = []
        self._begins_segment = False

    def add(
        self,
        positions: Positions,
        cell: FloatArray,
        *,
        step: int | None = None,
        time: float | None = None,
        begins_segment: bool = False,
    ) -> Iterator[FrameBlock]:
        """Take up a frame; yield the block before it where that is full or the frame begins a segment."""
        full = len(self._positions) * positions.nbytes >= self._n_bytes
        if self._positions and (full or begins_segment):
            yield from self.rest()
        self._begins_segment |= begins_segment
        self._positions.append(positions)
        self._cells.append(cell)
        if step is not None:
            self._steps.append(step)
        if time is not None:
            self._times.append(time)

    def rest(self) -> Iterator[FrameBlock]:
        """Yield the frames that are left."""
        n = len(self._positions)
        if not n:
            return
        first = self._cells[0]
        same = all(cell is first for cell in self._cells)
        block = FrameBlock(
            positions=np.stack(self._positions),
            cells=np.broadcast_to(first, (n, 3, 3)) if same else np.stack(self._cells),
            steps=np.array(self._steps, dtype=np.int64) if len(self._steps) == n else None,
            times=np.array(self._times) if len(self._times) == n else None,
            begins_segment=self._begins_segment,
            origin=self.origin,
        )
        self._begin()
        yield block


def checked_cell(cell: FloatArray, where: str) -> FloatArray:
    """Return the cell.

    :raises ValueError: if it has no volume or a number is not finite.
    """
    if not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-6:
        raise ValueError(f"{where}: the cell has no volume: {np.array2string(cell, separator=', ')}".replace("\n", ""))
    return cell


def note_end(stream: LineStream, facts: SourceFacts) -> None:
    """Take up how a text file ended: within a frame, or within its compressed data."""
    facts.n_truncated = max(facts.n_truncated, int(stream.has_rest))
    if stream.is_truncated and not facts.n_truncated:
        facts.messages.append(f"{stream.path.name}: its compressed data end early, behind a whole frame")
