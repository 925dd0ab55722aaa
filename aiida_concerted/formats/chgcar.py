"""VASP's CHGCAR: a density with its atoms for VESTA, pymatgen and others.

The format holds the density times the volume of the cell, a number without a unit whose mean over the grid is the
number of particles in the cell; readers divide by the volume, in Å³ where they want Å⁻³. The grid loops over the first
axis fastest, and its points lie on the fractional coordinates ``i/n``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aiida_concerted.formats.density_grid import DensityGrid
from aiida_concerted.formats.poscar import Poscar, format_poscar

VALUES_PER_LINE = 5


def write_chgcar(path: str | Path, grid: DensityGrid, *, comment: str = "carrier density") -> None:
    """Write a CHGCAR with the density in Å⁻³ times the volume in Å³, atoms grouped by element.

    :param path: file to write; an existing one is replaced.
    :param grid: density and atoms.
    :param comment: first line.
    :raises ValueError: if there is no atom, which the format cannot express.
    """
    if not grid.species:
        raise ValueError("a CHGCAR needs an atom: write the density of a run without framework as a cube file")
    with Path(path).open("w", encoding="utf-8") as stream:
        stream.writelines(chgcar_lines(grid, comment))


def chgcar_lines(grid: DensityGrid, comment: str) -> Iterator[str]:
    """Yield the lines of a CHGCAR."""
    symbols = tuple(dict.fromkeys(grid.species))
    order = np.argsort([symbols.index(symbol) for symbol in grid.species], kind="stable")
    counts = tuple(grid.species.count(symbol) for symbol in symbols)
    poscar = Poscar(" ".join(comment.split()), grid.cell, symbols, counts, grid.fractional[order])
    yield format_poscar(poscar)
    yield "\n"
    yield "".join(f"{count:5d}" for count in grid.density_A3.shape) + "\n"
    values = (grid.density_A3 * grid.volume_A3).ravel(order="F")
    for start in range(0, len(values), VALUES_PER_LINE):
        yield " ".join(f"{value:17.10E}" for value in values[start : start + VALUES_PER_LINE]) + "\n"
