"""Gaussian's cube file: a density with its atoms for VESTA, ASE, OVITO and others.

Lengths are in Bohr, as the format wants. The values are written as they are, in Å⁻³, and the second line says so: a
program that takes them for electrons per cubic Bohr only mislabels the level of an isosurface.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aiida_concerted.formats.density_grid import DensityGrid
from aiida_concerted.formats.elements import ATOMIC_NUMBERS

BOHR_A = 0.529177210903
"""Bohr radius in Å, CODATA 2018."""

VALUES_PER_LINE = 6


def write_cube(path: str | Path, grid: DensityGrid, *, comment: str = "carrier density") -> None:
    """Write a cube file with the density in Å⁻³ and the atoms folded into the cell.

    :param path: file to write; an existing one is replaced.
    :param grid: density and atoms.
    :param comment: first line.
    """
    with Path(path).open("w", encoding="utf-8") as stream:
        stream.writelines(cube_lines(grid, comment))


def cube_lines(grid: DensityGrid, comment: str) -> Iterator[str]:
    """Yield the lines of a cube file."""
    yield " ".join(comment.split()) + "\n"
    yield "number density in A^-3 (not Bohr^-3); lengths in Bohr; values loop over c fastest\n"
    yield f"{len(grid.species):5d} {0.0:12.6f} {0.0:12.6f} {0.0:12.6f}\n"
    for count, vector in zip(grid.density_A3.shape, grid.cell, strict=True):
        yield f"{count:5d} " + " ".join(f"{x:16.10f}" for x in vector / count / BOHR_A) + "\n"
    for symbol, place in zip(grid.species, grid.fractional @ grid.cell / BOHR_A, strict=True):
        number = ATOMIC_NUMBERS[symbol]
        yield f"{number:5d} {float(number):12.6f} " + " ".join(f"{x:14.8f}" for x in place) + "\n"
    for column in np.reshape(grid.density_A3, (-1, grid.density_A3.shape[2])):
        for start in range(0, len(column), VALUES_PER_LINE):
            yield " ".join(f"{value:13.5E}" for value in column[start : start + VALUES_PER_LINE]) + "\n"
