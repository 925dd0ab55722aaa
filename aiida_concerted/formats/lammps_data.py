"""The data file from which LAMMPS reads a structure, and the way back from its axes to ours.

LAMMPS wants the first lattice vector along x and the second in the xy plane. A cell that stands otherwise is turned (a
left-handed one mirrored too); the isometry is kept, so that positions come back in the original axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.byte_stream import LineStream
from aiida_concerted.formats.elements import symbol_of, symbol_of_mass

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LammpsAxes:
    """A cell in the axes of LAMMPS.

    :param cell: lattice vectors as rows in Å, lower triangular with a positive diagonal.
    :param isometry: orthogonal matrix that takes our row vectors to LAMMPS' when multiplied from the right.
    """

    cell: FloatArray
    isometry: FloatArray

    @property
    def is_identity(self) -> bool:
        """Return whether both axes are the same."""
        return bool((self.isometry == np.eye(3)).all())

    def to_lammps(self, vectors: FloatArray) -> FloatArray:
        """Return row vectors in LAMMPS' axes."""
        return vectors if self.is_identity else vectors @ self.isometry

    def from_lammps(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return row vectors in our axes."""
        return vectors if self.is_identity else (vectors @ self.isometry.T).astype(vectors.dtype)


def lammps_axes(cell: FloatArray) -> LammpsAxes:
    """Return the cell in the axes of LAMMPS.

    :param cell: lattice vectors as rows in Å.
    :raises ValueError: if the cell has no volume.
    """
    cell = np.asarray(cell, dtype=np.float64)
    if cell.shape != (3, 3) or not np.isfinite(cell).all() or abs(np.linalg.det(cell)) < 1e-6:
        raise ValueError(f"the cell has no volume: {cell.tolist()}")
    if (np.triu(cell, 1) == 0).all() and (np.diag(cell) > 0).all():
        return LammpsAxes(cell, np.eye(3))
    orthogonal, upper = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(upper))
    lower = (upper * signs[:, None]).T
    lower[np.abs(lower) < 1e-12 * np.abs(lower).max()] = 0.0
    return LammpsAxes(lower, orthogonal * signs)


def write_lammps_data(
    axes: LammpsAxes, positions: FloatArray, types: NDArray[np.intp], masses: dict[str, float]
) -> str:
    """Return the content of a data file for ``atom_style atomic``.

    :param axes: the cell, see :func:`lammps_axes`.
    :param positions: Cartesian positions in our axes in Å, shape ``(n_atoms, 3)``; LAMMPS wraps what lies outside.
    :param types: number of each atom's element in ``masses``, counted from 0.
    :param masses: mass of each element in g/mol, in the order of LAMMPS' types.
    :raises ValueError: if shapes or types do not fit.
    """
    n_atoms = len(types)
    if positions.shape != (n_atoms, 3) or not np.isfinite(positions).all():
        raise ValueError(f"positions must be finite and have the shape ({n_atoms}, 3), got {positions.shape}")
    if n_atoms == 0 or types.min() < 0 or types.max() >= len(masses):
        raise ValueError(f"types must number the elements {list(masses)}, counted from 0")
    box = axes.cell
    lines = ["Structure in the axes of LAMMPS, Å", "", f"{n_atoms} atoms", f"{len(masses)} atom types", ""]
    lines += [f"0.0 {box[i, i]:.16g} {axis}lo {axis}hi" for i, axis in enumerate("xyz")]
    if (np.tril(box, -1) != 0).any():
        lines.append(f"{box[1, 0]:.16g} {box[2, 0]:.16g} {box[2, 1]:.16g} xy xz yz")
    lines += ["", "Masses", ""]
    lines += [f"{number} {mass:.8g} # {symbol}" for number, (symbol, mass) in enumerate(masses.items(), start=1)]
    lines += ["", "Atoms # atomic", ""]
    rows = zip(types + 1, axes.to_lammps(positions), strict=True)
    lines += [f"{number} {kind} {x:.16g} {y:.16g} {z:.16g}" for number, (kind, (x, y, z)) in enumerate(rows, start=1)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class LammpsData:
    """What a data file tells of its atoms.

    :param species: element of each atom in the order of their numbers.
    :param type_symbols: element of each type, counted from 1.
    :param cell: lattice vectors as rows in Å.
    """

    species: tuple[str, ...]
    type_symbols: tuple[str, ...]
    cell: FloatArray


def read_lammps_data(path: str | Path) -> LammpsData:
    """Return elements and cell of a data file of the atom styles atomic, charge, molecular or full.

    A type is the element that its label or the comment behind its mass names, otherwise the one of its mass.

    :raises ValueError: if the file lacks masses, atoms or cell, or a type is no element.
    """
    path = Path(path)
    with LineStream(path) as stream:
        lines: list[str] = []
        while (line := stream.line()) is not None:
            lines.append(line)
    sections = _sections(lines)
    symbols = _type_symbols(sections, path)
    if not sections.get("Atoms"):
        raise ValueError(f"{path} has no section Atoms: give the data file of the run")
    rows = [line.split("#")[0].split() for line in sections["Atoms"]]
    column = _type_column(sections["style"][0], rows[0])
    try:
        numbered = sorted((int(row[0]), symbols[row[column]]) for row in rows)
    except (ValueError, IndexError, KeyError):
        raise ValueError(f"{path}: its atoms are not of the style atomic, charge, molecular or full") from None
    kinds = tuple(symbols[str(number)] for number in range(1, 1 + sum(key.isdigit() for key in symbols)))
    return LammpsData(tuple(symbol for _, symbol in numbered), kinds, _cell_of_data(sections["header"], path))


def _sections(lines: list[str]) -> dict[str, list[str]]:
    """Return the filled lines of each section; ``style`` holds the comment behind ``Atoms``."""
    sections: dict[str, list[str]] = {"header": [], "style": [""]}
    current = "header"
    for line in lines[1:]:
        bare, _, comment = line.partition("#")
        title = bare.strip()
        if title and all(word[0].isalpha() for word in title.split()):
            current = title
            sections[current] = []
            if title == "Atoms":
                sections["style"] = [comment.strip()]
        elif title:
            sections[current].append(line)
    return sections


def _type_symbols(sections: dict[str, list[str]], path: Path) -> dict[str, str]:
    """Return the element of each type by its number and by its label."""
    symbols: dict[str, str] = {}
    labels = {row.split()[0]: row.split()[1] for row in sections.get("Atom Type Labels", ())}
    for row in sections.get("Masses", ()):
        bare, _, comment = row.partition("#")
        words = bare.split()
        by_label = {label: number for number, label in labels.items()}
        number = by_label.get(words[0], words[0])
        names = [labels.get(number, ""), *comment.split()[:1]]
        symbol = next((found for name in names if (found := symbol_of(name))), None) or _symbol_of_mass(words)
        if symbol is None:
            raise ValueError(f"{path}: type {words[0]} is no element: write its symbol behind its mass (# Li)")
        symbols[number] = symbols[labels.get(number, number)] = symbol
    if not symbols:
        raise ValueError(f"{path} has no section Masses that tells the elements: add it")
    return symbols


def _symbol_of_mass(words: list[str]) -> str | None:
    try:
        return symbol_of_mass(float(words[1]))
    except (ValueError, IndexError):
        return None


def _type_column(style: str, row: list[str]) -> int:
    """Return the column of the type; a style that is not named is told by the number of columns."""
    named = {"atomic": 1, "charge": 1, "molecular": 2, "full": 2}
    if style.split()[:1] and style.split()[0] in named:
        return named[style.split()[0]]
    # id type x y z | id type q x y z or id molecule type x y z | id molecule type q x y z; each may have three images
    if len(row) in (6, 9):
        return 2 if row[2].lstrip("-").isdigit() else 1
    return 2 if len(row) in (7, 10) else 1


def _cell_of_data(header: list[str], path: Path) -> FloatArray:
    bounds, tilts = {}, [0.0, 0.0, 0.0]
    try:
        for line in header:
            words = line.split("#")[0].split()
            if words[-2:] in (["xlo", "xhi"], ["ylo", "yhi"], ["zlo", "zhi"]):
                bounds[words[-1][0]] = float(words[1]) - float(words[0])
            elif words[-3:] == ["xy", "xz", "yz"]:
                tilts = [float(word) for word in words[:3]]
        return np.array([[bounds["x"], 0, 0], [tilts[0], bounds["y"], 0], [tilts[1], tilts[2], bounds["z"]]])
    except (KeyError, ValueError):
        raise ValueError(f"{path}: its header has no cell (xlo xhi, ylo yhi, zlo zhi)") from None
