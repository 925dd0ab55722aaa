"""The data file from which LAMMPS reads a structure, and the way back from its axes to ours.

LAMMPS wants the first lattice vector along x and the second in the xy plane. A cell that stands otherwise is turned (a
left-handed one mirrored too); the isometry is kept, so that positions come back in the original axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
