"""Extended XYZ, as ASE, LAMMPS and many programs write it: one comment line a frame names the cell and the columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.byte_stream import LineStream
from aiida_concerted.formats.elements import symbol_of, symbol_of_number
from aiida_concerted.formats.frame_source import BlockBuilder, FrameBlock, SourceFacts, checked_cell, note_end
from aiida_concerted.formats.text_rows import NUMBER, SKIP, WORD, CutOffError, read_rows, word_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ENTRY = re.compile(r"""([^\s=]+)\s*=\s*("[^"]*"|'[^']*'|\{[^}]*\}|\[[^\]]*\]|\S+)""")
_STEP_NAMES = ("step", "timestep", "md_step")
_TIMES_PS = {"time_ps": 1.0, "time_fs": 1e-3}
_MAX_ATOMS = 10**9


def parse_comment(line: str) -> dict[str, str]:
    """Return the entries of a comment line by their names in lower case, quotes taken off."""
    return {key.lower(): value.strip("\"'{}[]") for key, value in _ENTRY.findall(line)}


class _Columns:
    """What the columns of a frame are.

    :param properties: the value of ``Properties``.
    :raises ValueError: if positions or species are not among them.
    """

    def __init__(self, properties: str, where: str) -> None:
        words = properties.split(":")
        kinds: list[int] = []
        self.has_names = self.has_ids = False
        wanted = self._wanted(words[::3])
        order: list[str] = []
        try:
            for name, letter, count in zip(words[::3], words[1::3], words[2::3], strict=True):
                kind = (WORD if letter == "S" else NUMBER) if name.lower() in wanted else SKIP
                if kind == NUMBER:
                    order += [name.lower()] * int(count)
                self.has_names |= kind == WORD
                kinds += [kind] * int(count)
        except ValueError:
            raise ValueError(f"{where}: Properties={properties} is not name:type:count, repeated") from None
        if order.count("pos") != 3 or not (self.has_names or "z" in order):
            raise ValueError(f"{where}: Properties={properties} must have species:S:1 (or Z:I:1) and pos:R:3")
        self.kinds = np.array(kinds, dtype=np.int8)
        self.positions = [i for i, name in enumerate(order) if name == "pos"]
        self.numbers = order.index("z") if "z" in order else None
        self.ids = order.index("id") if "id" in order else None

    @staticmethod
    def _wanted(names: list[str]) -> set[str]:
        lower = {name.lower() for name in names}
        return {"species", "pos", "id"} if "species" in lower else {"z", "pos", "id"}


class ExtxyzSource:
    """The frames of one extended XYZ file, gzipped or not.

    :param path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.facts = SourceFacts()
        self._stream = LineStream(path)
        self._columns: _Columns | None = None
        self._properties = ""
        self._codes: IntArray | None = None
        self._order: IntArray | None = None
        self._n_frames = 0

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks; one that was cut off at the end is counted and left out.

        :raises ValueError: if a frame is not what it must be.
        """
        builder = BlockBuilder(n_bytes)
        cell: FloatArray | None = None
        try:
            while (count := self._stream.filled_line()) is not None:
                positions, entries = self._frame(count)
                new_cell = self._cell(entries)
                cell = new_cell if cell is None or (new_cell != cell).any() else cell
                step, time = _step(entries), _time(entries)
                yield from builder.add(positions, cell, step=step, time=time)
                self._n_frames += 1
            note_end(self._stream, self.facts)
        except CutOffError:
            self.facts.n_truncated = 1
        yield from builder.rest()

    @property
    def _where(self) -> str:
        return f"{self.path} frame {self._n_frames}"

    def _frame(self, count: str) -> tuple[FloatArray, dict[str, str]]:
        """Return positions and entries of the frame whose first line was read."""
        if not count.strip().isdigit() or not 0 < int(count) < _MAX_ATOMS:
            raise ValueError(f"{self._where}: expected the number of atoms, got '{count.strip()[:60]}'")
        comment = self._stream.line()
        if comment is None:
            raise CutOffError
        entries = parse_comment(comment)
        properties = entries.get("properties", "species:S:1:pos:R:3")
        if self._columns is None or properties != self._properties:
            self._columns, self._properties = _Columns(properties, self._where), properties
        columns = self._columns
        numbers, words = read_rows(self._stream, int(count), columns.kinds, self._where)
        codes = words[:, 0] if columns.has_names else numbers[:, columns.numbers].astype(np.int64)
        positions = numbers[:, columns.positions]
        if columns.ids is not None:
            order = np.argsort(numbers[:, columns.ids], kind="stable")
            codes, positions = codes[order], positions[order]
        self._check_species(codes, columns.has_names)
        return positions, entries

    def _check_species(self, codes: IntArray, has_names: bool) -> None:
        """Take up the elements of the first frame, and see that those of others are the same."""
        if self._codes is None:
            self._codes = codes.copy()
            kinds = {int(code): self._symbol(int(code), has_names) for code in np.unique(codes)}
            self.facts.species = tuple(kinds[int(code)] for code in codes)
        elif len(codes) != len(self._codes):
            raise ValueError(
                f"{self._where} has {len(codes)} atoms where the first has {len(self._codes)}: atoms were lost or added"
            )
        elif (codes != self._codes).any():
            atom = int(np.argmax(codes != self._codes))
            raise ValueError(f"{self._where}: atom {atom} is another element than in the first frame; keep one order")

    def _symbol(self, code: int, has_names: bool) -> str:
        if not has_names:
            return symbol_of_number(code)
        label = word_of(code)
        symbol = symbol_of(label)
        if symbol is None:
            raise ValueError(f"{self._where}: '{label}' is no element")
        return symbol

    def _cell(self, entries: dict[str, str]) -> FloatArray:
        """Return the cell that the comment line names."""
        words = entries.get("lattice", "").replace(",", " ").split()
        try:
            cell = np.array([float(word) for word in words])
        except ValueError:
            cell = np.zeros(0)
        if cell.size != 9:
            raise ValueError(
                f'{self._where}: its comment line has no Lattice="…" of nine numbers: a periodic cell is needed'
            )
        if self._n_frames == 0 and "f" in entries.get("pbc", "").lower():
            self.facts.messages.append(f'{self.path.name} has pbc="{entries["pbc"]}"; it is read as periodic')
        return checked_cell(cell.reshape(3, 3), self._where)

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._stream.n_done

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _step(entries: dict[str, str]) -> int | None:
    """Return the integration step that a comment line names."""
    for name in _STEP_NAMES:
        try:
            value = float(entries[name])
        except (KeyError, ValueError):
            continue
        if value == int(value):
            return int(value)
    return None


def _time(entries: dict[str, str]) -> float | None:
    """Return the time in ps, where the comment line names it with its unit."""
    for name, factor in _TIMES_PS.items():
        try:
            return float(entries[name]) * factor
        except (KeyError, ValueError):
            continue
    return None
