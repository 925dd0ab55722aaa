"""Thermodynamic tables and errors from LAMMPS' log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SPEED = re.compile(r"([\d.]+) timesteps/s")


@dataclass
class LammpsLog:
    """What a log says.

    :param columns: names of the columns of the last table.
    :param rows: rows of all tables with these columns; where runs meet, the row of the later run.
    :param errors: lines that begin with ``ERROR``.
    :param warnings: lines that begin with ``WARNING``.
    :param halted: what a ``fix halt`` said when it ended the run.
    :param timed_out: whether ``timer timeout`` ended the run.
    :param steps_per_second: speed of the last run.
    :param finished: whether the program came to its end.
    """

    columns: tuple[str, ...] = ()
    rows: list[tuple[float, ...]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    halted: str = ""
    timed_out: bool = False
    steps_per_second: float | None = None
    finished: bool = False

    def table(self) -> dict[str, NDArray[np.float64]]:
        """Return the columns as arrays, one row a step, ordered by step."""
        if not self.rows:
            return {}
        by_step = {row[0]: row for row in self.rows}
        array = np.array([by_step[step] for step in sorted(by_step)], dtype=np.float64).reshape(-1, len(self.columns))
        return {name: array[:, index] for index, name in enumerate(self.columns)}


def read_lammps_log(lines: Iterable[str]) -> LammpsLog:
    """Return what a log says; a log cut short gives what it has."""
    log = LammpsLog()
    in_table = False
    for line in lines:
        words = line.split()
        if words[:1] == ["Step"]:
            log.columns, in_table = tuple(words), True
        elif line.startswith("Loop time"):
            in_table = False
        elif in_table and len(words) == len(log.columns) and (row := _numbers(words)) is not None:
            log.rows.append(row)
        else:
            _note(log, line.strip())
    return log


def _numbers(words: list[str]) -> tuple[float, ...] | None:
    try:
        return tuple(float(word) for word in words)
    except ValueError:
        return None


def _note(log: LammpsLog, line: str) -> None:
    if line.startswith("ERROR"):
        log.errors.append(line)
    elif line.startswith("WARNING"):
        log.warnings.append(line)
    elif "halt condition" in line.lower():
        log.halted = line
    elif "Wall time limit reached" in line:
        log.timed_out = True
    elif line.startswith("Total wall time"):
        log.finished = True
    elif match := SPEED.search(line):
        log.steps_per_second = float(match.group(1))
