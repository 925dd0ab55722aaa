"""XDATCAR: the positions of a VASP run, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.byte_stream import LineStream
from aiida_concerted.formats.frame_source import BlockBuilder, FrameBlock, SourceFacts, checked_cell, note_end
from aiida_concerted.formats.poscar import element_of
from aiida_concerted.formats.text_rows import NUMBER, CutOffError, read_rows

FloatArray = NDArray[np.float64]

_COLUMNS = np.full(3, NUMBER, dtype=np.int8)


@dataclass(frozen=True)
class XdatcarFrame:
    """One configuration.

    :param step: VASP's number of the configuration, from 1.
    :param species: element of each atom.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param fractional: fractional positions as written (wrapped), shape ``(n_atoms, 3)``.
    """

    step: int
    species: tuple[str, ...]
    cell: FloatArray
    fractional: FloatArray


def iterate_xdatcar(path: str | Path) -> Iterator[XdatcarFrame]:
    """Yield the configurations of an XDATCAR, gzipped or not; one cut short at the end is left out.

    :raises ValueError: if the file cannot be read or a line is not what it must be.
    """
    reader = XdatcarReader(path)
    try:
        yield from reader
    finally:
        reader.close()


class XdatcarReader:
    """The configurations of an XDATCAR, gzipped or not; iterate over it once.

    After the iteration ``n_truncated`` says whether one at the end was cut off.

    :param path: the file.
    :raises ValueError: if the file cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.n_truncated = 0
        self.stream = LineStream(path)
        self._species: tuple[str, ...] = ()
        self._cell = np.zeros((3, 3))
        self._last_step = 0

    def __iter__(self) -> Iterator[XdatcarFrame]:
        """Yield every whole configuration.

        :raises ValueError: if a line is not what it must be.
        """
        try:
            while (line := self.stream.filled_line()) is not None:
                if "configuration=" not in line:
                    self._read_header(line)
                    continue
                yield self._frame(line)
            self.n_truncated = int(self.stream.has_rest)
        except CutOffError:
            self.n_truncated = 1

    def _frame(self, line: str) -> XdatcarFrame:
        """Return the configuration whose first line was read."""
        if not self._species:
            raise ValueError(f"{self._where}: a configuration stands before any header")
        number = line.split("=")[1].strip()
        # Fortran prints stars for a number that has no room; the next one is meant then.
        step = self._last_step + 1 if number.strip("*") == "" and number else self._number(number, line)
        self._last_step = step
        fractional, _ = read_rows(self.stream, len(self._species), _COLUMNS, f"{self.path} configuration {step}")
        return XdatcarFrame(step, self._species, self._cell, fractional)

    def _number(self, text: str, line: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{self._where}: '{line.strip()}' has no number") from None

    @property
    def _where(self) -> str:
        return f"{self.path} line {self.stream.line_number}"

    def _read_header(self, first: str) -> None:
        """Take up the element of each atom and the cell."""
        where = self._where
        lines = [first]
        for _ in range(6):
            line = self.stream.line()
            if line is None:
                if self._species:
                    raise CutOffError
                break
            lines.append(line)
        self._species, cell = _header(lines, where)
        if not np.array_equal(cell, self._cell):
            self._cell = cell

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self.stream.n_done

    def close(self) -> None:
        """Close the file."""
        self.stream.close()


class XdatcarSource:
    """The frames of one XDATCAR as blocks.

    :param path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.facts = SourceFacts(unwrapped=False, steps_are_global=False, steps_are_certain=False)
        self._reader = XdatcarReader(path)

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks; one that was cut off at the end is counted and left out.

        Where the numbers begin anew, another file was put behind the first.

        :raises ValueError: if a line is not what it must be, or atoms change.
        """
        builder = BlockBuilder(n_bytes)
        last = 0
        for frame in self._reader:
            if not self.facts.species:
                self.facts.species = frame.species
            elif frame.species != self.facts.species:
                raise ValueError(f"{self.path} configuration {frame.step}: its atoms are not those of the first one")
            where = f"{self.path} configuration {frame.step}"
            cell = checked_cell(frame.cell, where)
            begins = 0 < frame.step <= last
            last = frame.step
            yield from builder.add(frame.fractional @ cell, cell, step=frame.step, begins_segment=begins)
        self.facts.n_truncated = self._reader.n_truncated
        note_end(self._reader.stream, self.facts)
        yield from builder.rest()

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._reader.n_done

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _header(lines: list[str], where: str) -> tuple[tuple[str, ...], FloatArray]:
    """Return the element of each atom and the cell."""
    try:
        scale = float(lines[1])
        cell = np.array([[float(word) for word in line.split()] for line in lines[2:5]]) * scale
        symbols, counts = lines[5].split(), [int(word) for word in lines[6].split()]
        species = tuple(element_of(symbol) for symbol, count in zip(symbols, counts, strict=True) for _ in range(count))
    except (ValueError, IndexError):
        raise ValueError(f"{where}: expected the header of an XDATCAR (title, scale, cell, elements, counts)") from None
    if cell.shape != (3, 3) or not species:
        raise ValueError(f"{where}: the header of an XDATCAR needs three lattice vectors and at least one atom")
    return species, cell
