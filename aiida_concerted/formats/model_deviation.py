"""``model_devi.out``: how far the members of a committee disagree, as LAMMPS' ``pair_style deepmd`` writes it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NAMES = {
    "step": "step",
    "max_devi_v": "max_devi_v_eV",
    "min_devi_v": "min_devi_v_eV",
    "avg_devi_v": "avg_devi_v_eV",
    "max_devi_f": "max_devi_f_eV_A",
    "min_devi_f": "min_devi_f_eV_A",
    "avg_devi_f": "avg_devi_f_eV_A",
}
"""The program's column names and ours; the virial's deviation is by atom."""


def read_model_deviation(text: str, *, is_continuation: bool = False) -> dict[str, FloatArray]:
    """Return the columns by name, units in the names, ordered by step.

    A step that occurs again (LAMMPS repeats the seam of two runs) counts with its last row; NaN is kept, for a
    committee that gives none has failed; a last row that was cut off is left out.

    :param text: content of ``model_devi.out``.
    :param is_continuation: whether a run wrote it that began from a restart file; LAMMPS then writes no header.
    :raises ValueError: if the header is not that of LAMMPS' file, or a row does not fit it.
    """
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        lines = lines[:-1]
    header = lines[0].lstrip("# ").split() if lines and lines[0].startswith("#") else []
    if is_continuation and not header:
        header = list(NAMES)
        lines.insert(0, "# " + " ".join(header))
    if header != list(NAMES):
        raise ValueError(
            f"model_devi.out must have the columns {' '.join(NAMES)}, got '{' '.join(header)}': "
            "is it the output of `dp model-devi`, or of another version?"
        )
    rows: dict[int, list[float]] = {}
    for number, line in enumerate(lines[1:], start=2):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != len(header):
            raise ValueError(f"line {number} of model_devi.out has {len(words)} numbers, its header {len(header)}")
        values = [float(word) for word in words]
        rows[int(values[0])] = values
    table = np.array([rows[step] for step in sorted(rows)]).reshape(len(rows), len(header))
    return {NAMES[name]: table[:, index] for index, name in enumerate(header)}


def first_long_excess(
    step: NDArray[np.int64],
    deviation: FloatArray,
    level: float,
    longest_steps: float,
    *,
    beyond_since: int | None = None,
) -> tuple[int, int] | None:
    """Return from which step to which a committee first disagreed for longer than it may, ``None`` where it never did.

    A deviation that is no number counts as beyond.

    :param step: steps of the rows, ascending, shape ``(n_rows,)``.
    :param deviation: largest deviation of a force at each in eV/Å, same shape.
    :param level: deviation in eV/Å beyond which the committee is not trusted.
    :param longest_steps: steps that a stretch of rows beyond may span; with zero a single row is too long.
    :param beyond_since: step from which on the committee disagreed where the rows begin, if it did.
    """
    for first, last in _excesses(step, deviation, level, beyond_since):
        if longest_steps <= 0 or last - first > longest_steps:
            return first, last
    return None


def last_excess(
    step: NDArray[np.int64], deviation: FloatArray, level: float, *, beyond_since: int | None = None
) -> int | None:
    """Return from which step on a committee disagrees where the rows end, ``None`` where it agrees there.

    Arguments are those of :func:`first_long_excess`; without rows it is still as it was.
    """
    if not len(step):
        return beyond_since
    found = _excesses(step, deviation, level, beyond_since)
    return found[-1][0] if found and found[-1][1] == step[-1] else None


def _excesses(
    step: NDArray[np.int64], deviation: FloatArray, level: float, beyond_since: int | None
) -> list[tuple[int, int]]:
    """Return first and last step of every stretch of rows beyond a level."""
    beyond = ~(deviation <= level)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], beyond.astype(np.int8), [0]])))
    found = [(int(step[first]), int(step[end - 1])) for first, end in zip(edges[::2], edges[1::2], strict=True)]
    if found and beyond_since is not None and beyond[0]:
        found[0] = (beyond_since, found[0][1])
    return found
