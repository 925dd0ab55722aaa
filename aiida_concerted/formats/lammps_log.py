"""``log.lammps``: thermodynamic output, and how a run ended."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.files import read_end

FloatArray = NDArray[np.float64]

HEAD_BYTES, END_BYTES = 65536, 4096
"""Bytes at the ends of a log in which the steps of a run under way are looked for; a head repeats the whole input."""

TIMED_OUT = "Wall time limit reached"


@dataclass(frozen=True)
class LammpsLog:
    """What a log tells.

    :param version: the date that LAMMPS has for version, ``unknown`` where the log does not begin with it.
    :param thermo: columns of the thermodynamic output of all runs by LAMMPS' own names; a repeated step counts once.
    :param errors: messages of LAMMPS' errors.
    :param is_complete: whether the program ended by itself.
    :param is_timed_out: whether its own timer stopped a run.
    :param wall_s: wall time of the program in s.
    :param steps_per_s: speed of all runs that ended, their setups left out.
    """

    version: str
    thermo: dict[str, FloatArray] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    is_complete: bool = False
    is_timed_out: bool = False
    wall_s: float | None = None
    steps_per_s: float | None = None


def read_lammps_log(text: str) -> LammpsLog:
    """Return what a log tells; a last line that was cut off is left out.

    :param text: content of the log.
    :raises ValueError: if two runs print different columns.
    """
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        lines = lines[:-1]
    version = re.match(r"LAMMPS \(([^)]*)\)", text)
    wall = re.search(r"^Total wall time: (\d+):(\d+):(\d+)", text, flags=re.MULTILINE)
    loops = [(float(seconds), int(steps)) for seconds, steps in _LOOP.findall(text)]
    loop_s = sum(seconds for seconds, steps in loops if steps)
    errors = re.findall(r"^ERROR(?: on proc \d+)?: (.*)$", text, flags=re.MULTILINE)
    return LammpsLog(
        version=version[1].split(" - ")[0] if version else "unknown",
        thermo=_read_thermo(lines),
        errors=tuple(re.sub(r"\s*\((?:src/)?[\w/.]+:\d+\)\s*$", "", error) for error in errors),
        is_complete=wall is not None,
        is_timed_out=TIMED_OUT in text,
        wall_s=float(sum(int(part) * unit for part, unit in zip(wall.groups(), (3600, 60, 1), strict=True)))
        if wall
        else None,
        steps_per_s=sum(steps for _, steps in loops) / loop_s if loop_s > 0 else None,
    )


def first_and_last_step(path: Path) -> tuple[int, int] | None:
    """Return the steps of the first and the last row of a log that is being written, ``None`` before there are any.

    Only the two ends of the file are read, however long the run.

    :raises OSError: if there is no such file.
    """
    with path.open("rb") as handle:
        head = handle.read(HEAD_BYTES).decode(errors="replace")
    first, last = (_ROW.findall(part) for part in (head, read_end(path, END_BYTES)))
    return (int(first[0]), int(last[-1])) if first and last else None


_LOOP = re.compile(r"^Loop time of (\S+) on \d+ procs for (\d+) steps", re.M)

_ROW = re.compile(r"^ *(\d+)(?: +[-+.\deE]+| +-?(?:nan|inf))+ *$", re.M)


def _read_thermo(lines: list[str]) -> dict[str, FloatArray]:
    columns: list[str] = []
    rows: dict[int, list[float]] = {}
    is_table = False
    for line in lines:
        words = line.split()
        if words[:1] == ["Step"]:
            if columns and words != columns:
                raise ValueError(f"the runs of the log print different columns: {columns} and {words}")
            columns, is_table = words, True
        elif line.startswith(("Loop time", "ERROR")):
            is_table = False
        elif is_table and len(words) == len(columns):
            values = _numbers(words)
            if values is not None:
                rows[int(values[0])] = values
    if not rows:
        return {}
    table = np.array([rows[step] for step in sorted(rows)])
    return {name: table[:, index] for index, name in enumerate(columns)}


def _numbers(words: list[str]) -> list[float] | None:
    """Return the numbers of a row, or nothing where a warning stands between the rows."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def production_averages(
    time_ps: FloatArray, temperature_K: FloatArray, conserved_eV: FloatArray, n_atoms: int
) -> dict[str, float]:
    """Return mean temperature in K and drift of the conserved energy in eV an atom and ps, where there are two rows.

    :param time_ps: times in ps, shape ``(n_rows,)`` like the others.
    """
    if len(time_ps) < 2:
        return {}
    slope = np.polynomial.polynomial.polyfit(time_ps, conserved_eV, 1)[1]
    return {
        "mean_temperature_K": float(temperature_K.mean()),
        "energy_drift_eV_per_atom_ps": float(slope / n_atoms),
    }
