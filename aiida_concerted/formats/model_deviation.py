"""The deviation of a committee as DeePMD-kit's pair style writes it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f")


def read_model_deviation(lines: Iterable[str]) -> dict[str, NDArray[np.float64]]:
    """Return steps and deviations: of forces in eV Å⁻¹, of virials in eV.

    Of a step written twice, as at a restart, the last row counts. A deviation that is not a number stays one: it says
    that a member broke down. A row cut short at the end is dropped.

    :raises ValueError: if the header is not the one of the pair style.
    """
    rows: dict[int, list[float]] = {}
    for line in lines:
        words = line.split()
        if line.startswith("#"):
            if tuple(words[2:8]) != COLUMNS:
                raise ValueError(f"unexpected columns {' '.join(words[1:])}: is this a model_devi.out of LAMMPS?")
            continue
        if len(words) >= 1 + len(COLUMNS):
            rows[int(words[0])] = [float(word) for word in words[1 : 1 + len(COLUMNS)]]
    steps = sorted(rows)
    table = np.array([rows[step] for step in steps], dtype=np.float64).reshape(-1, len(COLUMNS))
    return {"step": np.array(steps, dtype=np.float64), **{name: table[:, i] for i, name in enumerate(COLUMNS)}}
