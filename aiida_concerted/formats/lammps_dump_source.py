"""Frames of a LAMMPS text dump (``dump custom``) as blocks, parsed at the speed of a disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.byte_stream import LineStream
from aiida_concerted.formats.elements import symbol_of, symbol_of_mass
from aiida_concerted.formats.frame_source import BlockBuilder, FrameBlock, SourceFacts, checked_cell, note_end
from aiida_concerted.formats.lammps_dump import cell_of_bounds
from aiida_concerted.formats.text_rows import NUMBER, SKIP, WORD, CutOffError, read_rows, word_of
from aiida_concerted.formats.topology import Topology

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_POSITIONS = (  # names, scaled, unwrapped; unwrapped ones are preferred
    (("xu", "yu", "zu"), False, True),
    (("xsu", "ysu", "zsu"), True, True),
    (("x", "y", "z"), False, False),
    (("xs", "ys", "zs"), True, False),
)
_IMAGES = ("ix", "iy", "iz")
_LABELS = ("element", "typelabel")
_TIMES_PS = {"metal": 1.0, "real": 1e-3}
_MAX_ATOMS = 10**9


class _Columns:
    """What the columns of a dump are.

    :param names: their names.
    :raises ValueError: if atoms cannot be followed, or there are no positions.
    """

    def __init__(self, names: list[str], where: str) -> None:
        if "id" not in names:
            raise ValueError(f"{where}: the dump has no column id, so atoms cannot be followed: write one")
        found = [way for way in _POSITIONS if all(name in names for name in way[0])]
        if not found:
            raise ValueError(f"{where}: the dump has no positions: its columns are {', '.join(names)}")
        axes, self.is_scaled, self.is_unwrapped = found[0]
        self.has_images = not self.is_unwrapped and all(name in names for name in _IMAGES)
        images = _IMAGES if self.has_images else ()
        label = next((name for name in _LABELS if name in names), None)
        wanted = ["id", *axes, *images, *(name for name in ("type", "mass") if name in names)]
        kinds = [NUMBER if name in wanted else WORD if name == label else SKIP for name in names]
        self.kinds = np.array(kinds, dtype=np.int8)
        order = [name for name in names if name in wanted]
        self.id = order.index("id")
        self.axes = [order.index(name) for name in axes]
        self.images = [order.index(name) for name in images]
        self.type = order.index("type") if "type" in order else None
        self.mass = order.index("mass") if "mass" in order else None
        self.has_labels = label is not None


class LammpsDumpSource:
    """The frames of one dump, gzipped or not, atoms ordered by their number.

    :param path: the file.
    :param topology: what names the elements where the dump has no column ``element``.
    """

    def __init__(self, path: Path, topology: Topology | None) -> None:
        self.path = path
        self.facts = SourceFacts()
        self._topology = topology
        self._stream = LineStream(path)
        self._columns: _Columns | None = None
        self._names = ""
        self._bounds: list[str] = []
        self._cell, self._origin = np.zeros((3, 3)), np.zeros(3)
        self._first_origin: FloatArray | None = None
        self._ids = np.zeros(0)  # as they stood in the last frame
        self._order = np.zeros(0, dtype=np.int64)
        self._kinds: IntArray | None = None
        self._units: str | None = None
        self._step = 0
        self._time: float | None = None
        self._n_frames = 0

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks; one that was cut off at the end is counted and left out.

        :raises ValueError: if a frame is not what it must be, or atoms appear, vanish or change.
        """
        builder = BlockBuilder(n_bytes)
        try:
            while (line := self._stream.filled_line()) is not None:
                positions = self._frame(line)
                builder.origin = self._first_origin
                yield from builder.add(positions, self._cell, step=self._step, time=self._time)
                self._n_frames += 1
            note_end(self._stream, self.facts)
        except CutOffError:
            self.facts.n_truncated = 1
        yield from builder.rest()

    @property
    def _where(self) -> str:
        return f"{self.path} frame {self._n_frames} (step {self._step})"

    def _frame(self, line: str) -> FloatArray:
        """Return the positions of the frame whose first line was read."""
        n_atoms, names = self._header(line)
        if self._columns is None or names != self._names:
            self._columns, self._names = _Columns(names.split(), self._where), names
            self.facts.unwrapped = self._columns.is_unwrapped or self._columns.has_images
        columns = self._columns
        try:
            numbers, words = read_rows(self._stream, n_atoms, columns.kinds, self._where)
        except ValueError as error:
            hint = "; the frame is cut off and the file goes on: take it out" if "ITEM:" in str(error) else ""
            raise ValueError(f"{error}{hint}") from None
        self._set_order(numbers[:, columns.id])
        numbers = numbers[self._order]
        words = words[self._order] if columns.has_labels else words
        self._check_species(columns, numbers, words)
        positions = numbers[:, columns.axes]
        if columns.is_scaled:
            positions = positions @ self._cell + self._origin
        if columns.has_images:
            positions = positions + numbers[:, columns.images] @ self._cell
        if self._first_origin is None:
            self._first_origin = self._origin
        if self._origin is not self._first_origin:
            positions = positions + (self._first_origin - self._origin)
        return positions

    def _header(self, line: str) -> tuple[int, str]:
        """Return the number of atoms and the names of the columns; step, time and cell are taken up."""
        n_atoms: int | None = None
        has_box = False
        self._time = None
        while not line.startswith("ITEM: ATOMS"):
            if line.startswith("ITEM: BOX BOUNDS"):
                self._read_box(line)
                has_box = True
            else:
                value = self._next()
                n_atoms = self._take_entry(line.strip(), value.strip(), n_atoms)
            line = self._next()
        if n_atoms is None or not has_box:
            raise ValueError(f"{self._where}: the frame has no number of atoms or no box")
        if self._n_frames and n_atoms != len(self._ids):
            raise ValueError(
                f"{self._where} has {n_atoms} atoms where the first has {len(self._ids)}: atoms were lost or added"
            )
        return n_atoms, line[len("ITEM: ATOMS") :]

    def _take_entry(self, title: str, value: str, n_atoms: int | None) -> int | None:
        """Take up one entry of a header; return the number of atoms as far as it is known."""
        try:
            if title == "ITEM: TIMESTEP":
                self._step = int(value)
            elif title == "ITEM: NUMBER OF ATOMS":
                n_atoms = int(value)
                if not 0 < n_atoms < _MAX_ATOMS:
                    raise ValueError
            elif title == "ITEM: UNITS":
                self._set_units(value)
            elif title == "ITEM: TIME":
                self._set_time(float(value))
            else:
                raise ValueError
        except ValueError as error:
            if str(error).startswith(str(self.path)):
                raise
            raise ValueError(
                f"{self._where}: expected the 'ITEM:' lines of a dump, got '{title[:40]}', '{value[:40]}'"
            ) from None
        return n_atoms

    def _set_units(self, units: str) -> None:
        if units not in _TIMES_PS:
            raise ValueError(f"{self.path} is in LAMMPS' units '{units}': write it in metal or real ones (Å)")
        self._units = units

    def _set_time(self, time: float) -> None:
        if self._units is None and self.facts.times_are_certain:
            self.facts.times_are_certain = False
            self.facts.messages.append(f"{self.path.name} has times without 'ITEM: UNITS'; they are read as ps")
        self._time = time * _TIMES_PS[self._units or "metal"]

    def _read_box(self, line: str) -> None:
        """Take up the cell; an unchanged one stays the same object, by which blocks know it."""
        lines = [line, *(self._next() for _ in range(3))]
        if lines == self._bounds:
            return
        try:
            bounds = np.array([[float(word) for word in row.split()] for row in lines[1:]])
            cell, origin = cell_of_bounds(bounds, line)
        except ValueError as error:
            if "triclinic" in str(error):
                raise ValueError(f"{self.path}: {error}") from None
            raise ValueError(f"{self._where}: the box is not three lines of two or three numbers") from None
        self._bounds, self._cell = lines, checked_cell(cell, self._where)
        if not (origin == self._origin).all() or self._first_origin is None:
            self._origin = origin
        if not self._n_frames and any(word[0] != "p" for word in line.split()[3:] if word[0] in "pfsm"):
            self.facts.messages.append(f"{self.path.name} is not periodic in every direction; it is read as periodic")

    def _next(self) -> str:
        line = self._stream.line()
        if line is None:
            raise CutOffError
        return line

    def _set_order(self, ids: FloatArray) -> None:
        """Take up the order in which the atoms stand; in many dumps it is the same at all frames."""
        if len(ids) == len(self._ids) and (ids == self._ids).all():
            return
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        if (np.diff(ordered) == 0).any():
            twice = int(ordered[:-1][np.diff(ordered) == 0][0])
            raise ValueError(f"{self._where}: atom {twice} is there twice; write every atom once")
        if len(self._ids) and (ordered != np.sort(self._ids)).any():
            lost = sorted(set(self._ids.astype(int)) - set(ids.astype(int)))
            raise ValueError(f"{self._where}: atom {lost[0]} is missing, another is there: keep one set of atoms")
        self._ids, self._order = ids.copy(), order.astype(np.int64)

    def _check_species(self, columns: _Columns, numbers: FloatArray, words: IntArray) -> None:
        """Take up the elements of the first frame, and see that those of others are the same."""
        kinds = words[:, 0] if columns.has_labels else None
        if kinds is None and columns.type is not None:
            kinds = numbers[:, columns.type].astype(np.int64)
        if not self.facts.species:
            self.facts.species = self._species(columns, numbers, words)
            self._kinds = kinds
        elif kinds is not None and self._kinds is not None and (kinds != self._kinds).any():
            atom = int(numbers[int(np.argmax(kinds != self._kinds)), columns.id])
            raise ValueError(f"{self._where}: atom {atom} is of another kind than in the first frame")

    def _species(self, columns: _Columns, numbers: FloatArray, words: IntArray) -> tuple[str, ...]:
        """Return the element of each atom from its label, the topology, or its mass."""
        where = str(self.path)
        if columns.has_labels:
            labels = [word_of(code) for code in words[:, 0]]
            symbols = {label: symbol_of(label) for label in set(labels)}
            if all(symbols.values()):
                return tuple(str(symbols[label]) for label in labels)
        if self._topology is not None:
            if columns.type is not None and self._topology.type_symbols:
                return self._topology.of_types(numbers[:, columns.type].astype(np.int64), where)
            return self._topology.of_ids(numbers[:, columns.id].astype(np.int64), where)
        if columns.mass is not None:
            weights = {mass: symbol_of_mass(mass) for mass in set(numbers[:, columns.mass])}
            if all(weights.values()):
                return tuple(str(weights[mass]) for mass in numbers[:, columns.mass])
        raise ValueError(f"{where} does not name the elements: write the column element, or give a topology file")

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._stream.n_done

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
