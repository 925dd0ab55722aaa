"""Which runs a sweep consists of: temperatures, seeds and cell sizes, and the order in which they are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_concerted.analysis.cell_sizes import TOLERANCE
from aiida_concerted.common.parameters import from_mapping, positive, positive_integer

Supercell = tuple[int, ...]

STRETCH = re.compile(r"_x\d+$")

MAIN, SIZE = "run", "size"
"""What the names of runs begin with: those over temperatures, and those of the size test."""


@dataclass(frozen=True)
class SizeSettings:
    """A test of whether the diffusivity has converged with the size of the cell.

    :param supercells: multiples of the three lattice vectors, one entry a cell; no test without any.
    :param temperature_K: temperature of the test in K.
    :param tolerance: relative difference between cells that the errors must be able to show.
    """

    supercells: tuple[Any, ...] = ()
    temperature_K: float | None = None
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        positive(tolerance=self.tolerance)
        if not isinstance(self.supercells, tuple):
            raise ValueError(f"supercells must be a list such as [[1, 1, 1], [2, 2, 1]], got {self.supercells!r}")
        if bool(self.supercells) != (self.temperature_K is not None):
            raise ValueError("supercells and temperature_K belong together: give both or none")
        if self.temperature_K is not None:
            positive(temperature_K=self.temperature_K)
        for cell in self.supercells:
            if not isinstance(cell, list | tuple) or len(cell) != 3:
                raise ValueError(f"supercells must hold three multiples each, got {cell!r}")
            for multiple in cell:
                positive_integer(supercells=multiple)
        if len(set(self.cells)) < len(self.cells):
            raise ValueError("supercells names a cell twice: for more runs of each, raise n_seeds")

    @property
    def cells(self) -> list[Supercell]:
        """Return the supercells, the smallest first."""
        return sorted((tuple(cell) for cell in self.supercells), key=lambda cell: (cell[0] * cell[1] * cell[2], cell))


def size_settings(given: Mapping[str, Any]) -> SizeSettings:
    """Return the checked settings of a size test.

    :raises ValueError: if a key is unknown or a value refused.
    """
    return from_mapping(SizeSettings, given, "sizes")


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    :param temperature_K: temperature in K.
    :param seed_number: which of the runs that differ by their seed alone, from 1.
    :param supercell: the cell, for a run of the size test; ``None`` for the sweep's own.
    """

    temperature_K: float
    seed_number: int = 1
    supercell: Supercell | None = None

    @property
    def point(self) -> str:
        """Return the name of the runs that differ by their seeds alone."""
        start = MAIN if self.supercell is None else f"{SIZE}_{'x'.join(map(str, self.supercell))}"
        return f"{start}_T{self.temperature_K:g}".replace(".", "p").replace("+", "")

    @property
    def name(self) -> str:
        """Return the name of the run, fit for the label of a link."""
        return self.point if self.seed_number == 1 else f"{self.point}_s{self.seed_number}"

    def seed(self, seed: int) -> int:
        """Return the seed of the run, which stays whatever other runs a sweep has.

        The runs of a point follow each other, so that no two of them are the same.

        :param seed: of the sweep.
        """
        first: int = int(np.random.SeedSequence([seed, *self.point.encode()]).generate_state(1)[0])
        return first % 2**30 + self.seed_number


def stretch_name(run: str, number: int) -> str:
    """Return the name of the child that makes a run longer for the time that makes it ``number`` stretches, from 2."""
    return f"{run}_x{number}"


def run_of_child(name: str) -> str:
    """Return the name of the run that a child makes, or makes longer."""
    return STRETCH.sub("", name)


def seed_numbers(given: Any) -> dict[float, int]:
    """Return how many runs there are at single temperatures in K.

    :param given: keys are temperatures in K, as text where they were stored as JSON.
    :raises ValueError: if a key is no temperature or a value no number of runs.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"n_seeds_at must hold temperatures in K and numbers of runs, as in {{500: 2}}, got {given!r}")
    found: dict[float, int] = {}
    names: set[str] = set()
    for key, number in given.items():
        try:
            temperature_K = float(key)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"n_seeds_at: {key!r} is no temperature in K; write it as in {{500: 2}}") from None
        positive(**{f"n_seeds_at: temperature {key}": temperature_K})
        positive_integer(**{f"n_seeds_at: {key}": number})
        if (name := f"{temperature_K:g}") in names:  # runs are named so
            raise ValueError(f"n_seeds_at holds {name} K twice: give it once")
        names.add(name)
        found[temperature_K] = number
    return found


def planned_runs(
    temperatures_K: Sequence[float],
    n_seeds: int = 1,
    sizes: SizeSettings | None = None,
    supercell: Iterable[int] | None = None,
    n_seeds_at: Mapping[float, int] | None = None,
) -> dict[str, SweepRun]:
    """Return the runs of a sweep by name.

    A cell of the size test that the sweep runs at that temperature anyway is not run twice.

    :param temperatures_K: temperatures of the sweep in K.
    :param n_seeds: runs of each temperature and of each cell.
    :param supercell: the sweep's own cell, where it is three multiples.
    :param n_seeds_at: runs in the sweep's own cell at single temperatures in K, instead of ``n_seeds``.
    """
    at = n_seeds_at or {}
    sizes = sizes or SizeSettings()
    own = None if supercell is None else tuple(supercell)
    cells = [cell for cell in sizes.cells if cell != own or sizes.temperature_K not in temperatures_K]
    numbers = range(1, max([n_seeds, *at.values()]) + 1)
    runs = [SweepRun(T, number) for number in numbers for T in temperatures_K if number <= at.get(T, n_seeds)]
    if sizes.temperature_K is not None:
        runs += [SweepRun(sizes.temperature_K, number, cell) for number in numbers[:n_seeds] for cell in cells]
    return {run.name: run for run in runs}


def order_of_making(runs: Mapping[str, SweepRun]) -> list[str]:
    """Return the names in the order in which the runs are made, so that results come early.

    Every point has one run before any has two; hot ones first, which need the shortest runs and show a potential that
    has not learned enough; then the cells of the size test, the cheapest first.
    """

    def place(name: str) -> tuple[Any, ...]:
        run = runs[name]
        size = 0 if run.supercell is None else run.supercell[0] * run.supercell[1] * run.supercell[2]
        return (run.seed_number, size, -run.temperature_K)

    return sorted(runs, key=place)
