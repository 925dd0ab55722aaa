"""LAMMPS data files, and the orientation that LAMMPS wants of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def lammps_orientation(cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the cell as LAMMPS wants it and the rotation into it.

    LAMMPS wants *a* along x and *b* in the xy plane: a lower triangular matrix of row vectors with a positive diagonal.
    Positions ``r`` become ``r @ rotation``, and positions of LAMMPS come back by ``r @ rotation.T``. A left-handed cell
    is reflected, which changes no energy.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :return: the lower triangular cell ``cell @ rotation`` and the rotation, both of shape ``(3, 3)``.
    :raises ValueError: if the vectors span no volume.
    """
    if abs(np.linalg.det(cell)) < 1e-8:
        raise ValueError("the lattice vectors span no volume")
    rotation, upper = np.linalg.qr(np.asarray(cell, dtype=np.float64).T)
    signs = np.sign(np.diag(upper))
    rotation = rotation * signs
    lower = (upper * signs[:, None]).T
    lower[np.triu_indices(3, k=1)] = 0.0
    return lower, rotation


def write_lammps_data(
    cell: FloatArray, positions: FloatArray, species: Sequence[str], types: Sequence[str], masses: Mapping[str, float]
) -> str:
    """Return a data file of style ``atomic``; atoms are numbered from 1 in the order given.

    :param cell: lattice vectors as rows in Å.
    :param positions: Cartesian positions in Å, shape ``(n_atoms, 3)``; they are wrapped into the cell.
    :param species: element symbol of each atom.
    :param types: element symbols in the order of LAMMPS' type numbers; all of them are declared.
    :param masses: mass of each of ``types`` in u.
    :raises ValueError: if an element has no type.
    """
    missing = sorted(set(species) - set(types))
    if missing:
        raise ValueError(f"no LAMMPS type for {', '.join(missing)}: the types are {', '.join(types)}")
    lower, rotation = lammps_orientation(cell)
    fractional = (np.asarray(positions) @ rotation) @ np.linalg.inv(lower)
    wrapped = (fractional - np.floor(fractional)) @ lower
    lines = [
        "atoms",
        "",
        f"{len(species)} atoms",
        f"{len(types)} atom types",
        f"0.0 {lower[0, 0]:.12g} xlo xhi",
        f"0.0 {lower[1, 1]:.12g} ylo yhi",
        f"0.0 {lower[2, 2]:.12g} zlo zhi",
    ]
    tilts = lower[1, 0], lower[2, 0], lower[2, 1]
    if max(abs(tilt) for tilt in tilts) > 1e-10:
        lines.append(" ".join(f"{tilt:.12g}" for tilt in tilts) + " xy xz yz")
    lines += ["", "Masses", "", *(f"{number} {masses[symbol]:.8g}" for number, symbol in enumerate(types, 1))]
    number_of = {symbol: number for number, symbol in enumerate(types, 1)}
    lines += ["", "Atoms # atomic", ""]
    for index, (symbol, (x, y, z)) in enumerate(zip(species, wrapped, strict=True), 1):
        lines.append(f"{index} {number_of[symbol]} {x:.12f} {y:.12f} {z:.12f}")
    return "\n".join(lines) + "\n"
