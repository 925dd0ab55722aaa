"""The output of ``dp model-devi``: how far the members of a committee disagree on given frames, system by system."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.model_deviation import NAMES

FloatArray = NDArray[np.float64]

COLUMNS = {**NAMES, "devi_e": "devi_e_eV_per_atom"}
"""The program's column names and ours; beside those of LAMMPS' file the spread of the energy by atom."""


def read_evaluated_deviations(text: str) -> dict[str, dict[str, FloatArray]]:
    """Return the columns of each system by its path, rows in the order of the frames.

    :param text: what ``dp model-devi`` wrote: for each system its path, the names of the columns, and a row a frame.
    :raises ValueError: if a row stands before the names, these are others, or a row does not fit them.
    """
    rows: dict[str, list[list[float]]] = {}
    header: list[str] = []
    said: list[str] = []  # the last comment is a path unless it names the columns
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.lstrip("# ").split()
        if line.startswith("#"):
            if words[:1] == ["step"]:
                header = _checked(words)
                rows[" ".join(said)] = []
            said = words
        elif words:
            if not rows or len(words) != len(header):
                raise ValueError(
                    f"line {number} of the deviations has {len(words)} numbers, its header {len(header)}: "
                    "was `dp model-devi` cut short?"
                )
            rows[next(reversed(rows))].append([float(word) for word in words])
    return {path: _columns(table, header) for path, table in rows.items()}


def _checked(words: list[str]) -> list[str]:
    if words != list(COLUMNS):
        raise ValueError(
            f"dp model-devi must write the columns {' '.join(COLUMNS)}, got '{' '.join(words)}': is it another version?"
        )
    return words


def _columns(rows: list[list[float]], header: list[str]) -> dict[str, FloatArray]:
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
    return {COLUMNS[name]: table[:, index] for index, name in enumerate(header)}
