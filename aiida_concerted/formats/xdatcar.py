"""XDATCAR: the positions of a VASP run, frame by frame."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.poscar import Poscar, element_of

FloatArray = NDArray[np.float64]


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


def format_header(poscar: Poscar, cell: FloatArray) -> str:
    """Return the header that stands once where the cell is fixed, and before every frame where it is not.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    """
    vectors = "".join("".join(f"{x:13.8f}" for x in vector) + "\n" for vector in cell)
    symbols = "".join(f"{element:>5s}" for element in poscar.elements)
    counts = "".join(f"{count:5d}" for count in poscar.counts)
    return f"{poscar.comment or 'structure'}\n{1:12d}\n{vectors}{symbols}\n{counts}\n"


def format_frame(step: int, fractional: FloatArray) -> str:
    """Return one configuration.

    :param step: number of the configuration, from 1.
    :param fractional: shape ``(n_atoms, 3)``.
    """
    rows = "".join("".join(f"{x:12.8f}" for x in position) + "\n" for position in fractional)
    return f"Direct configuration={step:6d}\n{rows}"


def iterate_xdatcar(path: str | Path) -> Iterator[XdatcarFrame]:
    """Yield the configurations of an XDATCAR, gzipped or not; one cut short at the end is left out.

    :raises ValueError: if the file cannot be read or a line is not what it must be.
    """
    path = Path(path)
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8", errors="replace") as stream:
            yield from _frames(stream, path.name)
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def _frames(stream: TextIO, name: str) -> Iterator[XdatcarFrame]:
    """Yield the configurations of an open file."""
    species: tuple[str, ...] = ()
    cell = np.zeros((3, 3))
    position = 0
    for line in stream:
        position += 1
        if not line.strip():
            continue
        if "configuration=" not in line:
            header = [line, *(next(stream, "") for _ in range(6))]
            if species and not header[-1].endswith("\n"):
                return
            species, cell = _header(header, f"{name} line {position}")
            position += 6
            continue
        if not species:
            raise ValueError(f"{name} line {position}: a configuration stands before any header")
        rows = [next(stream, "") for _ in species]
        position += len(species)
        if not rows[-1].endswith("\n"):
            return  # the run that writes this file was cut short, or is still going on
        yield XdatcarFrame(_step(line, name, position), species, cell, _numbers(rows, name, position))


def _step(line: str, name: str, position: int) -> int:
    """Return the number of a configuration."""
    try:
        return int(line.split("=")[1])
    except ValueError:
        raise ValueError(f"{name} near line {position}: '{line.strip()}' has no number") from None


def _header(lines: list[str], where: str) -> tuple[tuple[str, ...], FloatArray]:
    """Return the element of each atom and the cell."""
    try:
        scale = float(lines[1])
        cell = np.array([[float(word) for word in line.split()] for line in lines[2:5]]) * scale
        symbols, counts = lines[5].split(), [int(word) for word in lines[6].split()]
        species = tuple(element_of(symbol) for symbol, count in zip(symbols, counts, strict=True) for _ in range(count))
    except ValueError:
        raise ValueError(f"{where}: expected the header of an XDATCAR (title, scale, cell, elements, counts)") from None
    if cell.shape != (3, 3) or not species:
        raise ValueError(f"{where}: the header of an XDATCAR needs three lattice vectors and at least one atom")
    return species, cell


def _numbers(rows: list[str], name: str, position: int) -> FloatArray:
    """Return the coordinates of one configuration."""
    try:
        fractional = np.array(" ".join(rows).split(), dtype=np.float64).reshape(len(rows), 3)
    except ValueError:
        raise ValueError(
            f"{name}: the configuration that ends at line {position} holds something else than numbers"
        ) from None
    if not np.isfinite(fractional).all():
        raise ValueError(f"{name}: the configuration that ends at line {position} is not finite")
    return fractional
