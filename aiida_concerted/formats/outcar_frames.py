"""OUTCAR: the complete ionic steps of a run whose vasprun.xml is not there, in one pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.formats.energy_settings import DECIDING, EnergySettings, Sampling, known_tags

FloatArray = NDArray[np.float64]

_NUMBER = re.compile(r"-?\d+\.\d+(?:[Ee][+-]?\d+)?")
_ITERATION = re.compile(r"Iteration +(\d+)\( *(\d+)\)")
_TAG = re.compile(r"^ +(NELM|GGA|METAGGA|LHFCALC|TITEL) *= *(.*?) *(?:;|   |\n|$)")
_DECIDING = re.compile(rf"\b({'|'.join(DECIDING)})\s*=\s*([^\s;]+)")
_VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))


@dataclass(frozen=True)
class OutcarFrames:
    """All complete ionic steps of a file.

    :param frames: energies are free energies (TOTEN); virials where every step has a stress.
    :param tags: NELM, GGA, METAGGA, LHFCALC as text, where the file names them.
    :param settings: what decides the energies.
    :param titles: title of the potential of each kind of atom.
    :param n_electronic: electronic steps of each frame, shape ``(n_frames,)``.
    :param n_truncated: steps that were begun and not finished, and are left out.
    """

    frames: LabelledFrames
    tags: dict[str, str]
    titles: tuple[str, ...]
    n_electronic: NDArray[np.int64]
    n_truncated: int
    settings: EnergySettings = field(default_factory=EnergySettings)

    @property
    def unconverged(self) -> NDArray[np.int64]:
        """Return the indices of frames whose electrons did not converge within NELM."""
        limit = re.match(r"\d+", self.tags.get("NELM", ""))
        if limit is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(self.n_electronic >= int(limit.group())).astype(np.int64)


@dataclass
class _Step:
    """One ionic step while it is read."""

    n_electronic: int
    stress_kB: FloatArray | None = None
    cell: FloatArray | None = None
    rows: FloatArray | None = None
    energy: float | None = None


@dataclass
class _Scan:
    """What was read of a file so far."""

    where: str
    tags: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    in_force: dict[str, str] = field(default_factory=dict)
    divisions: list[int] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    steps: list[_Step] = field(default_factory=list)
    begun: int = 0
    step: _Step | None = None

    def begin(self, number: int, electronic: int) -> None:
        if number != self.begun:
            self.begun, self.step = number, _Step(electronic)
        elif self.step is not None:
            self.step.n_electronic = electronic

    def end(self) -> None:
        if self.step is not None and self.step.cell is not None and self.step.rows is not None:
            self.steps.append(self.step)
            self.step = None


def read_outcar_frames(path: str | Path, *, origin: str = "") -> OutcarFrames:
    """Return every complete ionic step of an OUTCAR as labelled frames.

    Unconverged frames are kept and named by :attr:`OutcarFrames.unconverged`.

    :param origin: name of what made the file; with it each frame records its origin.
    :raises ValueError: if the file cannot be read, or holds no complete step.
    """
    path = Path(path)
    scan = _Scan(str(path))
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.endswith("\n"):  # what does not was cut off in this line
                    _take(scan, line, lines)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if not scan.steps:
        raise ValueError(f"{path} holds no complete ionic step ({scan.begun} begun)")
    species = _species(scan)
    virials = _virials(scan)
    return OutcarFrames(
        frames=LabelledFrames(
            species=species,
            cells=np.array([step.cell for step in scan.steps]),
            positions=np.array([_rows(step)[:, :3] for step in scan.steps]),
            energies=np.array([step.energy for step in scan.steps], dtype=np.float64),
            forces=np.array([_rows(step)[:, 3:6] for step in scan.steps]),
            virials=virials,
            origins=tuple((origin, number) for number in range(1, len(scan.steps) + 1)) if origin else (),
        ),
        tags=scan.tags,
        titles=tuple(scan.titles),
        n_electronic=np.array([step.n_electronic for step in scan.steps], dtype=np.int64),
        n_truncated=scan.begun - len(scan.steps),
        settings=_settings(scan, species),
    )


def _settings(scan: _Scan, species: tuple[str, ...]) -> EnergySettings:
    cell = scan.steps[0].cell
    assert cell is not None  # noqa: S101 - only complete steps are kept
    return EnergySettings(
        tags=known_tags(scan.in_force, scan.given),
        titles=dict(zip(dict.fromkeys(species), scan.titles, strict=False)),
        sampling=Sampling.of_mesh(scan.divisions, cell) if len(scan.divisions) == 3 else None,
    )


def _take(scan: _Scan, line: str, rest: Iterator[str]) -> None:
    """Take up one line, and the table below it where it is the head of one."""
    step = scan.step
    if "Iteration" in line and (match := _ITERATION.search(line)):
        scan.begin(int(match.group(1)), int(match.group(2)))
    elif step is None:
        _take_header(scan, line)
    elif line.startswith("  in kB"):
        step.stress_kB = _stress(_numbers(scan, line, 6))
    elif "direct lattice vectors" in line:
        step.cell = _table(scan, rest, 3, 6)[:, :3]
    elif "TOTAL-FORCE" in line:
        next(rest, None)
        step.rows = _table(scan, rest, sum(scan.counts), 6)
    elif "free  energy   TOTEN" in line:
        step.energy = float(_numbers(scan, line, 1)[0])
        scan.end()


def _take_header(scan: _Scan, line: str) -> None:
    if "ions per type =" in line:
        scan.counts = [int(word) for word in line.split("=")[1].split()]
    elif scan.begun > 0:
        return
    elif "generate k-points for:" in line:
        scan.divisions = [int(word) for word in line.split(":")[1].split()[:3] if word.isdigit()]
    elif match := _TAG.match(line):
        if match.group(1) == "TITEL":
            scan.titles.append(match.group(2))
        else:
            scan.tags.setdefault(match.group(1), match.group(2))
    if "=" in line:
        # The INCAR is repeated first, the values in force follow.
        for tag, value in _DECIDING.findall(line):
            scan.given.setdefault(tag, value)
            scan.in_force[tag] = value


def _numbers(scan: _Scan, line: str, number: int) -> FloatArray:
    found = _NUMBER.findall(line)
    if len(found) < number:
        raise ValueError(f"{scan.where} ionic step {scan.begun}: {number} numbers are needed in '{line.strip()[:60]}'")
    return np.array(found[:number], dtype=np.float64)


def _table(scan: _Scan, rest: Iterator[str], n_rows: int, n_columns: int) -> FloatArray:
    rows = []
    for _ in range(n_rows):
        line = next(rest, "")
        if not line.endswith("\n"):
            return np.zeros((0, n_columns))  # cut off here
        rows.append(_numbers(scan, line, n_columns))
    return np.array(rows).reshape(-1, n_columns)


def _stress(values: FloatArray) -> FloatArray:
    stress = np.zeros((3, 3))
    for value, (i, j) in zip(values, _VOIGT, strict=True):
        stress[i, j] = stress[j, i] = value
    return stress


def _rows(step: _Step) -> FloatArray:
    assert step.rows is not None  # noqa: S101 - only complete steps are kept
    return step.rows


def _species(scan: _Scan) -> tuple[str, ...]:
    if len(scan.titles) != len(scan.counts):
        raise ValueError(
            f"{scan.where} names {len(scan.titles)} potentials (TITEL) for {len(scan.counts)} kinds of ions: its head "
            "is not complete"
        )
    symbols = [re.split(r"[_.]", title.split()[1])[0] for title in scan.titles]
    return tuple(symbol for symbol, count in zip(symbols, scan.counts, strict=True) for _ in range(count))


def _virials(scan: _Scan) -> FloatArray | None:
    stresses = [step.stress_kB for step in scan.steps if step.stress_kB is not None]
    if len(stresses) < len(scan.steps):
        return None
    volumes = np.abs(np.linalg.det(np.array([step.cell for step in scan.steps])))
    return np.array(stresses) * volumes[:, None, None] / EV_PER_A3_IN_KBAR
