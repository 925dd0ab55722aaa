"""The ionic steps of a vasprun.xml as frames of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.formats.frame_source import BlockBuilder, FrameBlock, SourceFacts, checked_cell
from aiida_concerted.formats.vasprun import VasprunReader


class VasprunSource:
    """The frames of one vasprun.xml, gzipped or not.

    :param path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = SourceFacts(unwrapped=False)
        self._reader = VasprunReader(path)

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks; one that was cut off at the end is counted and left out.

        :raises ValueError: if the file is no vasprun.xml, or a step is not what it must be.
        """
        builder = BlockBuilder(n_bytes)
        n_frames, cell = 0, None
        for step in self._reader:
            if not n_frames:
                self.facts.species = self._reader.header.species
            if cell is None or (step.cell != cell).any():
                cell = checked_cell(step.cell, f"{self.path} ionic step {step.index}")
            yield from builder.add(step.fractional @ cell, cell)
            n_frames += 1
        self.facts.n_truncated = self._reader.n_truncated
        self._read_parameters(n_frames)
        yield from builder.rest()

    def _read_parameters(self, n_frames: int) -> None:
        """Take up time step and temperature, which stand before the first step."""
        if self._parameter("IBRION") != 0:
            self.facts.messages.append(f"{self.path.name} is no molecular dynamics (IBRION is not 0)")
            return
        begin, end = self._parameter("TEBEG"), self._parameter("TEEND")
        if begin is not None and begin == end:
            self.facts.temperature_K = begin
        step_fs, block = self._parameter("POTIM"), self._parameter("NBLOCK") or 1
        if not step_fs:
            return
        block = self._steps_per_frame(int(block), n_frames)
        if block:
            self.facts.interval_ps = step_fs * block * FS_IN_PS

    def _steps_per_frame(self, block: int, n_frames: int) -> int:
        """Return the steps from one frame to the next, 0 where it is not clear.

        VASP writes every step to vasprun.xml or, like XDATCAR, every NBLOCK-th, by its version and kind of run.
        """
        n_steps = self._parameter("NSW") or 0
        if block == 1 or n_frames * block >= n_steps + block:
            return 1
        if self._reader.is_complete:
            return block
        self.facts.messages.append(
            f"{self.path.name}: NBLOCK is {block} and the run did not end, so the steps between frames are not clear"
        )
        return 0

    def _parameter(self, name: str) -> float | None:
        """Return a number among the values in force, ``None`` where it is not there."""
        try:
            return float(self._reader.header.parameters[name])
        except (KeyError, ValueError):
            return None

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._reader.n_bytes_done

    def close(self) -> None:
        """Do nothing: the file is closed when its last step was read."""
