"""Text dumps of LAMMPS (``dump custom``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TEXT_COLUMNS = ("element", "typelabel")


@dataclass(frozen=True)
class DumpFrame:
    """One frame of a dump, atoms ordered by their number.

    :param step: integration step.
    :param cell: lattice vectors as rows in LAMMPS' axes in Å, shape ``(3, 3)``.
    :param origin: corner of the cell in Å, shape ``(3,)``.
    :param columns: numbers of each atom by column name.
    :param elements: element symbol of each atom, empty where the dump has none.
    """

    step: int
    cell: FloatArray
    origin: FloatArray
    columns: dict[str, FloatArray]
    elements: tuple[str, ...] = ()

    def positions(self) -> tuple[FloatArray, bool]:
        """Return Cartesian positions in Å and whether they are unwrapped; unwrapped ones are preferred.

        :raises ValueError: if the dump has no positions.
        """
        for names, scaled, unwrapped in (
            (("xu", "yu", "zu"), False, True),
            (("xsu", "ysu", "zsu"), True, True),
            (("x", "y", "z"), False, False),
            (("xs", "ys", "zs"), True, False),
        ):
            if all(name in self.columns for name in names):
                vectors = np.stack([self.columns[name] for name in names], axis=-1)
                return (vectors @ self.cell + self.origin if scaled else vectors), unwrapped
        raise ValueError(f"the dump has no positions: its columns are {', '.join(self.columns)}")


def iterate_lammps_dump(handle: IO[str]) -> Iterator[DumpFrame]:
    """Yield the frames of a dump; a last one that was cut off is left out.

    :param handle: the open file.
    :raises ValueError: if a line is not where a dump has it.
    """
    while line := handle.readline():
        if not line.endswith("\n"):
            return
        if line.strip() != "ITEM: TIMESTEP":
            raise ValueError(f"expected 'ITEM: TIMESTEP' in the dump, got {line.strip()[:60]!r}")
        try:
            frame = _read_frame(handle)
        except EOFError:
            return
        yield frame


def _read_frame(handle: IO[str]) -> DumpFrame:
    step = int(_next(handle))
    _expect(handle, "ITEM: NUMBER OF ATOMS")
    n_atoms = int(_next(handle))
    bounds_line = _expect(handle, "ITEM: BOX BOUNDS")
    bounds = np.array([[float(word) for word in _next(handle).split()] for _ in range(3)])
    cell, origin = cell_of_bounds(bounds, bounds_line)
    names = _expect(handle, "ITEM: ATOMS").split()[2:]
    rows = []
    for _ in range(n_atoms):
        words = _next(handle).split()
        if len(words) != len(names):
            raise ValueError(f"an atom at step {step} of the dump has {len(words)} columns, its header {len(names)}")
        rows.append(words)
    columns = {
        name: np.array([row[i] for row in rows], dtype=np.float64)
        for i, name in enumerate(names)
        if name not in TEXT_COLUMNS
    }
    order = np.argsort(columns["id"], kind="stable") if "id" in columns else np.arange(n_atoms)
    elements: tuple[str, ...] = ()
    if "element" in names:
        elements = tuple(rows[i][names.index("element")] for i in order)
    return DumpFrame(step, cell, origin, {name: column[order] for name, column in columns.items()}, elements)


def cell_of_bounds(bounds: FloatArray, line: str) -> tuple[FloatArray, FloatArray]:
    """Return cell and origin in Å; the bounds of a tilted cell are those of the box around it (Howto_triclinic).

    :param bounds: what stands in the three lines, shape ``(3, 2)`` or ``(3, 3)``.
    :param line: the line before them.
    :raises ValueError: if the cell is a general triclinic one.
    """
    if "abc" in line:
        raise ValueError("dumps with general triclinic cells ('triclinic/general') are not read: leave that option out")
    if bounds.shape[1] == 2:
        return np.diag(bounds[:, 1] - bounds[:, 0]), bounds[:, 0].copy()
    (xlo, xhi, xy), (ylo, yhi, xz), (zlo, zhi, yz) = bounds
    xlo, xhi = xlo - min(0.0, xy, xz, xy + xz), xhi - max(0.0, xy, xz, xy + xz)
    ylo, yhi = ylo - min(0.0, yz), yhi - max(0.0, yz)
    cell = np.array([[xhi - xlo, 0.0, 0.0], [xy, yhi - ylo, 0.0], [xz, yz, zhi - zlo]])
    return cell, np.array([xlo, ylo, zlo])


def _next(handle: IO[str]) -> str:
    line = handle.readline()
    if not line.endswith("\n"):
        raise EOFError
    return line.strip()


def _expect(handle: IO[str], beginning: str) -> str:
    line = _next(handle)
    if not line.startswith(beginning):
        raise ValueError(f"expected '{beginning}' in the dump, got {line[:60]!r}")
    return line
