"""What each turn of concurrent learning explores: stages after one another, as the jobs of a DP-GEN parameter file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_concerted.common.hints import nearest
from aiida_concerted.common.parameters import from_mapping, not_negative, positive, positive_integer

Supercell = tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """What some turns in a row explore; what is left out is as the exploration says for all stages.

    :param turns: turns that the stage lasts.
    :param structures: names of the structures to begin from; all of them when left out.
    :param supercell: multiples of their three lattice vectors; none when left out.
    :param temperatures_K: temperatures in K.
    :param pressures_bar: pressures in bar, each at each temperature; a stage with pressures runs at constant pressure
        (NpT), one without at constant volume (NVT).
    :param production_ps: length of each run in ps.
    """

    turns: int = 1
    structures: tuple[str, ...] | None = None
    supercell: Supercell | None = None
    temperatures_K: tuple[float, ...] | None = None
    pressures_bar: tuple[float, ...] | None = None
    production_ps: float | None = None

    def __post_init__(self) -> None:
        positive_integer(turns=self.turns)
        for name in ("structures", "supercell", "temperatures_K", "pressures_bar"):
            if getattr(self, name) is not None and (
                not isinstance(getattr(self, name), tuple) or not getattr(self, name)
            ):
                raise ValueError(f"{name} must be a list with one entry at least, got {getattr(self, name)!r}")
        for temperature in self.temperatures_K or ():
            positive(temperatures_K=temperature)
        for pressure in self.pressures_bar or ():
            not_negative(pressures_bar=pressure)
        if self.production_ps is not None:
            positive(production_ps=self.production_ps)
        if self.supercell is not None:
            if len(self.supercell) != 3:
                raise ValueError(f"supercell must hold three multiples, got {list(self.supercell)}")
            for multiple in self.supercell:
                positive_integer(supercell=multiple)


@dataclass(frozen=True)
class Run:
    """One run of an exploration.

    :param structure: name of the structure it begins from.
    :param temperature_K: temperature in K.
    :param supercell: multiples of the lattice vectors of that structure; ``None`` for the structure itself.
    :param pressure_bar: pressure in bar; ``None`` at constant volume.
    :param production_ps: length in ps; ``None`` for that of the exploration.
    """

    structure: str
    temperature_K: float
    supercell: Supercell | None = None
    pressure_bar: float | None = None
    production_ps: float | None = None

    @property
    def system(self) -> str:
        """Return the name of the cell that runs."""
        return self.structure if self.supercell is None else f"{self.structure}_{'x'.join(map(str, self.supercell))}"

    @property
    def name(self) -> str:
        """Return the name of the run, fit for the label of a link."""
        pressure = "" if self.pressure_bar is None else f"_P{self.pressure_bar:g}"
        return f"{self.system}_T{self.temperature_K:g}{pressure}".replace(".", "p").replace("+", "")


def read_schedule(stages: Sequence[Mapping[str, Any]], structures: Sequence[str] = ()) -> tuple[Stage, ...]:
    """Return the stages of a schedule.

    :param stages: one dictionary a stage.
    :param structures: names of the structures there are; not compared when empty.
    :raises ValueError: if a stage is refused or names a structure that is not there, with its number.
    """
    found = []
    for number, content in enumerate(stages, start=1):
        if not isinstance(content, Mapping):
            raise ValueError(f"stage {number} must be a dictionary, got {content!r}")
        stage = from_mapping(Stage, content, f"stage {number}")
        for name in stage.structures or ():
            if structures and name not in structures:
                raise ValueError(f"stage {number}: there is no structure '{name}': {nearest(name, list(structures))}")
        found.append(stage)
    return tuple(found)


def stage_of_turn(stages: Sequence[Stage], turn: int) -> Stage:
    """Return the stage of a turn, counted from 1; the last stage goes on, and none at all limits nothing."""
    begun = 0
    for stage in stages:
        begun += stage.turns
        if turn <= begun:
            return stage
    return stages[-1] if stages else Stage()


def first_turn_of_last(stages: Sequence[Stage]) -> int:
    """Return the turn with which the last stage begins: before it a loop has not seen all that it is to learn."""
    return 1 + sum(stage.turns for stage in stages[:-1])


def runs_of(stage: Stage, structures: Sequence[str], temperatures_K: Sequence[float]) -> tuple[Run, ...]:
    """Return the runs of a stage: every structure at every temperature and pressure.

    :param structures: names of all structures, for a stage that names none.
    :param temperatures_K: temperatures in K of a stage that gives none.
    """
    pressures: Sequence[float | None] = stage.pressures_bar or (None,)
    return tuple(
        Run(structure, temperature, stage.supercell, pressure, stage.production_ps)
        for structure in sorted(stage.structures or structures)
        for temperature in stage.temperatures_K or temperatures_K
        for pressure in pressures
    )
