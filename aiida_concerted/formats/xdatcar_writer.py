"""The trajectory file XDATCAR as VASP writes it, a configuration at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.poscar import Poscar

FloatArray = NDArray[np.float64]


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
