"""``lcurve.out``: errors and learning rate over a DeePMD-kit training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FILE = "lcurve.out"

NAMES = {
    "step": "step",
    "lr": "learning_rate",
    "rmse_trn": "loss_training",
    "rmse_val": "loss_validation",
    "rmse": "loss_training",
    "rmse_e_trn": "rmse_energy_training_eV_per_atom",
    "rmse_e_val": "rmse_energy_validation_eV_per_atom",
    "rmse_e": "rmse_energy_training_eV_per_atom",
    "rmse_f_trn": "rmse_force_training_eV_A",
    "rmse_f_val": "rmse_force_validation_eV_A",
    "rmse_f": "rmse_force_training_eV_A",
    "rmse_v_trn": "rmse_virial_training_eV_per_atom",
    "rmse_v_val": "rmse_virial_validation_eV_per_atom",
    "rmse_v": "rmse_virial_training_eV_per_atom",
}
"""The program's column names and ours."""

ABSURD = 1.0e3
"""Growth of an error over the training beyond which nothing was learnt."""


def read_learning_curve(text: str) -> dict[str, FloatArray]:
    """Return the columns of a learning curve by name, units in the names.

    A last row that was cut off is left out; NaN is kept, for it tells that a training diverged. After a restart the
    program appends: where the steps go back, the rows from there on belong to a part that was done again.

    :param text: content of ``lcurve.out``.
    :raises ValueError: if there is no header or no row, or a row does not fit the header.
    """
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        lines = lines[:-1]
    header = next((line for line in lines if line.startswith("#") and "step" in line.split()), None)
    if header is None:
        raise ValueError("lcurve.out has no header '# step …': it is no learning curve of DeePMD-kit")
    columns = header.lstrip("# ").split()
    rows: dict[int, list[float]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != len(columns):
            raise ValueError(f"line {number} of lcurve.out has {len(words)} numbers, its header {len(columns)}")
        values = [float(word) for word in words]
        step = int(values[0])
        if rows and step <= next(reversed(rows)):
            rows = {known: row for known, row in rows.items() if known < step}
        rows[step] = values
    if not rows:
        raise ValueError("lcurve.out holds no row: the training ended before its first step")
    table = np.array(list(rows.values()))
    return {NAMES.get(name, name): table[:, index] for index, name in enumerate(columns)}


def has_diverged(curve: dict[str, FloatArray]) -> bool:
    """Return whether the training ended in numbers that are not finite, or in errors a thousand times the first ones.

    A saturated net gives finite but absurd energies for ever. A column that is NaN throughout only lacks reference
    values (virials, say) and is no divergence.
    """
    known = {name: column for name, column in curve.items() if not np.isnan(column).all()}
    errors = [column for name, column in known.items() if name.startswith("rmse_")]
    if "loss_training" not in known or not all(np.isfinite(column[-1]) for column in known.values()):
        return True
    return any(column[-1] > ABSURD * column[0] for column in errors)
