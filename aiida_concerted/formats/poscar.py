"""POSCAR and CONTCAR: cell, positions, selective dynamics and velocities."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Poscar:
    """One structure as VASP writes it.

    :param comment: the first line.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param symbols: name of each group of atoms as written (``Li``, ``Li_sv``); empty in the format of VASP 4.
    :param counts: atoms in each group.
    :param fractional: fractional positions as written, shape ``(n_atoms, 3)``.
    :param selective: whether each coordinate may move, shape ``(n_atoms, 3)``; ``None`` where not given.
    :param velocities: velocities in VASP's unit Å fs⁻¹, shape ``(n_atoms, 3)``; ``None`` where not given.
    :raises ValueError: if shapes disagree, a number is not finite, or the cell has no volume.
    """

    comment: str
    cell: FloatArray
    symbols: tuple[str, ...]
    counts: tuple[int, ...]
    fractional: FloatArray
    selective: BoolArray | None = None
    velocities: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = (self.n_atoms, 3)
        if self.symbols and len(self.symbols) != len(self.counts):
            raise ValueError(f"there are {len(self.symbols)} symbols for {len(self.counts)} groups of atoms")
        for name in ("fractional", "selective", "velocities"):
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
        for name in ("cell", "fractional", "velocities"):
            array = getattr(self, name)
            if array is not None and not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite")
        if self.cell.shape != (3, 3) or abs(np.linalg.det(self.cell)) < 1e-6:
            raise ValueError("the cell must be three vectors that span a volume")

    @property
    def n_atoms(self) -> int:
        """Return the number of atoms."""
        return sum(self.counts)

    @property
    def elements(self) -> tuple[str, ...]:
        """Return the element of each group: its symbol without potential, hash or number (``Li_sv`` is ``Li``)."""
        return tuple(element_of(symbol) for symbol in self.symbols)

    @property
    def species(self) -> tuple[str, ...]:
        """Return the element of each atom."""
        return tuple(element for element, count in zip(self.elements, self.counts, strict=True) for _ in range(count))

    @property
    def positions(self) -> FloatArray:
        """Return the Cartesian positions in Å, shape ``(n_atoms, 3)``."""
        return np.asarray(self.fractional @ self.cell, dtype=np.float64)


def element_of(symbol: str) -> str:
    """Return the chemical symbol in the name of a potential or kind (``Li_sv``, ``Fe1``, ``Mg_pv/f474ac0d``)."""
    match = re.match(r"[A-Z][a-z]?", symbol)
    return match.group(0) if match else symbol


def parse_poscar(text: str, name: str = "POSCAR") -> Poscar:
    """Return the structure in a POSCAR of VASP 4 to 6.

    :raises ValueError: if a line is not what it must be; the message names it.
    """
    reader = _Reader(text, name)
    comment = reader.line("the comment")
    cell, scale = _read_cell(reader)
    symbols, counts = _read_groups(reader)
    mode = reader.words("the kind of coordinates")[0].upper()
    is_selective = mode.startswith("S")
    if is_selective:
        mode = reader.words("the kind of coordinates")[0].upper()
    coordinates, flags = _read_coordinates(reader, sum(counts), is_selective)
    fractional = coordinates
    if mode[0] in "CK":
        fractional = (coordinates * scale) @ np.linalg.inv(cell)
    velocities = _read_velocities(reader, sum(counts))
    try:
        return Poscar(comment.strip(), cell, symbols, counts, fractional, flags, velocities)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def read_poscar(path: str | Path) -> Poscar:
    """Return the structure in a POSCAR or CONTCAR file.

    :raises ValueError: if the file cannot be read or understood.
    """
    path = Path(path)
    try:
        return parse_poscar(path.read_text(encoding="utf-8", errors="replace"), path.name)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None


def format_poscar(poscar: Poscar) -> str:
    """Return the text of a POSCAR with fractional coordinates in full precision, as VASP writes CONTCAR."""
    lines = [poscar.comment or "structure", "   1.00000000000000     "]
    lines += ["".join(f"{x:22.16f}" for x in vector) for vector in poscar.cell]
    if poscar.symbols:
        lines.append("".join(f"{symbol:>5s} " for symbol in poscar.symbols))
    lines.append("".join(f"{count:6d}" for count in poscar.counts))
    if poscar.selective is not None:
        lines.append("Selective dynamics")
    lines.append("Direct")
    for i, position in enumerate(poscar.fractional):
        flags = "" if poscar.selective is None else "".join("   T" if free else "   F" for free in poscar.selective[i])
        lines.append("".join(f"{x:20.16f}" for x in position) + flags)
    if poscar.velocities is not None:
        lines.append("")
        lines += ["".join(f"{v:16.8E}" for v in velocity) for velocity in poscar.velocities]
    return "\n".join(lines) + "\n"


class _Reader:
    """Lines of a file, taken one by one, with their numbers for messages."""

    def __init__(self, text: str, name: str) -> None:
        self._lines = text.splitlines()
        self._name = name
        self.number = 0

    def line(self, what: str) -> str:
        """Return the next line.

        :raises ValueError: if the file has ended.
        """
        if self.number >= len(self._lines):
            raise ValueError(f"{self._name} ends after line {self.number} where {what} should follow")
        self.number += 1
        return self._lines[self.number - 1]

    def peek(self) -> str | None:
        """Return the next line without taking it, or ``None`` at the end."""
        return self._lines[self.number] if self.number < len(self._lines) else None

    def words(self, what: str) -> list[str]:
        """Return the words of the next line, at least one."""
        words = self.line(what).split("!")[0].split("#")[0].split()
        if not words:
            raise self.error(f"expected {what}, got an empty line")
        return words

    def numbers(self, what: str, length: int) -> list[float]:
        """Return the first numbers of the next line."""
        words = self.words(what)
        try:
            numbers = [float(re.sub("[dD]", "E", word)) for word in words[:length]]
        except ValueError:
            numbers = []
        if len(numbers) < length:
            raise self.error(f"expected {what}, got '{' '.join(words)}'")
        return numbers

    def error(self, message: str) -> ValueError:
        """Return an error that names the line taken last."""
        return ValueError(f"{self._name} line {self.number}: {message}")


def _read_cell(reader: _Reader) -> tuple[FloatArray, float]:
    """Return the scaled cell and the factor by which Cartesian coordinates are scaled."""
    scale = reader.numbers("one scale factor", 1)[0]
    if scale == 0:
        raise reader.error("the scale factor cannot be zero")
    cell = np.array([reader.numbers("a lattice vector", 3) for _ in range(3)])
    if scale < 0:
        volume = abs(np.linalg.det(cell))
        if volume < 1e-6:
            raise reader.error("the lattice vectors span no volume")
        scale = float((-scale / volume) ** (1 / 3))
    return cell * scale, scale


def _read_groups(reader: _Reader) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of the groups of atoms and their counts."""
    words = reader.words("element symbols or numbers of atoms")
    symbols: tuple[str, ...] = ()
    if not words[0].isdigit():
        symbols = tuple(words)
        words = reader.words("numbers of atoms")
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise reader.error(f"expected positive numbers of atoms, got '{' '.join(words)}'")
    if symbols and len(symbols) != len(words):
        raise reader.error(f"{len(words)} numbers of atoms do not fit {len(symbols)} element symbols")
    return symbols, tuple(int(word) for word in words)


def _read_coordinates(reader: _Reader, n_atoms: int, is_selective: bool) -> tuple[FloatArray, BoolArray | None]:
    """Return coordinates as written and, with selective dynamics, the flags."""
    coordinates = np.empty((n_atoms, 3))
    flags = np.ones((n_atoms, 3), dtype=np.bool_)
    for i in range(n_atoms):
        what = f"the coordinates of atom {i + 1}"
        coordinates[i] = reader.numbers(what, 3)
        if is_selective:
            reader.number -= 1
            words = [word.strip(".").upper()[:1] for word in reader.words(what)[3:6]]
            if len(words) < 3 or not set(words) <= {"T", "F"}:
                raise reader.error("selective dynamics needs three flags T or F after the coordinates")
            flags[i] = [word == "T" for word in words]
    return coordinates, flags if is_selective else None


def _read_velocities(reader: _Reader, n_atoms: int) -> FloatArray | None:
    """Return the velocities, or ``None`` where the file has none; a block of lattice velocities is passed over."""
    header = reader.peek()
    if header is not None and header.strip().upper().startswith("L"):
        for _ in range(8):
            reader.line("the lattice velocities")
        header = reader.peek()
    following = [line for line in reader._lines[reader.number + 1 :] if line.strip()]
    if header is None or not following:
        return None
    header = reader.line("the velocities").strip().upper()
    if header.startswith("D"):
        raise reader.error("velocities in direct coordinates are not supported; write them in Å/fs under 'Cartesian'")
    if header and not header.startswith(("C", "K")):
        raise reader.error(f"expected an empty line or 'Cartesian' before the velocities, got '{header}'")
    return np.array([reader.numbers(f"the velocity of atom {i + 1}", 3) for i in range(n_atoms)])
