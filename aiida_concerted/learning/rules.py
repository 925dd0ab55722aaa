"""Named rules that say which frames are accurate, candidates or failed.

``dpgen`` and ``dpgen2`` judge by fixed levels and differ only where virials are judged too; ``adaptive`` fixes the
upper level and lets the most uncertain frames below it be the candidates. The definitions are those of DP-GEN 0.14
(``generator/run.py``) and dpgen2 0.1 (``exploration/report``), except that a deviation that is not a number counts as
failed: DP-GEN stops there, and dpgen2 loses the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.learning.deviations import RunDeviation
from aiida_concerted.learning.selection import Classification, TrustLevels, classify
from aiida_concerted.learning.trust import LevelTable

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

Runs = Mapping[str, RunDeviation]


@dataclass(frozen=True)
class Judgement:
    """What a rule says of the frames of all runs.

    :param classes: class of each frame by run.
    :param levels: force levels in eV Å⁻¹ in effect for each run; the lower one of ``adaptive`` is the one it found, and
        equals the upper one where nothing is a candidate.
    """

    classes: Mapping[str, Classification]
    levels: Mapping[str, tuple[float, float]]


class SelectionRule(Protocol):
    """A rule by name."""

    @property
    def name(self) -> str:
        """Return the name."""

    def judge(self, runs: Runs) -> Judgement:
        """Return the class of every frame of every run."""


@dataclass(frozen=True)
class DpgenRule:
    """DP-GEN's rule: a candidate by force *or* by virial is a candidate, even if the other failed.

    :param force: levels of the force deviation in eV Å⁻¹.
    :param virial: levels of the virial deviation by atom in eV; virials are not looked at without.
    """

    force: LevelTable
    virial: LevelTable | None = None
    name: ClassVar[str] = "dpgen"

    def judge(self, runs: Runs) -> Judgement:
        """Return the class of every frame of every run."""
        return _judge_fixed(runs, self.force, self.virial, _either_candidate)


@dataclass(frozen=True)
class Dpgen2Rule:
    """dpgen2's rule with fixed levels: what failed by force or by virial has failed, whatever the other says.

    :param force: levels of the force deviation in eV Å⁻¹.
    :param virial: levels of the virial deviation by atom in eV; virials are not looked at without.
    """

    force: LevelTable
    virial: LevelTable | None = None
    name: ClassVar[str] = "dpgen2"

    def judge(self, runs: Runs) -> Judgement:
        """Return the class of every frame of every run."""
        return _judge_fixed(runs, self.force, self.virial, _either_failed)


@dataclass(frozen=True)
class AdaptiveRule:
    """The adaptive rule of DP-GEN and dpgen2: the most uncertain frames that have not failed are the candidates.

    Of the frames whose deviation does not exceed the upper level, the ``max(number, share * n)`` with the largest are
    candidates, by force and by virial, united; the lowest deviation among them is the lower level found. It levels off
    when there is nothing left to learn.

    :param force: force levels in eV Å⁻¹, of which only the upper ones are used.
    :param virial: virial levels in eV, of which only the upper ones are used; virials are not looked at without.
    :param number_force: least number of candidates by force in a group.
    :param share_force: least share of a group's frames that have not failed, between 0 and 1.
    :param number_virial: as ``number_force``, by virial.
    :param share_virial: as ``share_force``, by virial.
    :param group: ``system`` finds one level for each system (as DP-GEN), ``all`` one for all (as dpgen2), ``run`` one
        for each run.
    :raises ValueError: if a number is negative, a share not in [0, 1], or the group unknown.
    """

    force: LevelTable
    virial: LevelTable | None = None
    number_force: int = 10
    share_force: float = 0.0
    number_virial: int = 0
    share_virial: float = 0.0
    group: str = "system"
    name: ClassVar[str] = "adaptive"

    def __post_init__(self) -> None:
        if min(self.number_force, self.number_virial) < 0:
            raise ValueError("the number of candidates of the adaptive rule cannot be negative")
        if not (0 <= self.share_force <= 1 and 0 <= self.share_virial <= 1):
            raise ValueError("the share of candidates of the adaptive rule must lie in [0, 1]")
        check_group(self.group)

    def judge(self, runs: Runs) -> Judgement:
        """Return the class of every frame of every run."""
        classes: dict[str, Classification] = {}
        levels: dict[str, tuple[float, float]] = {}
        for names in grouped(runs, self.group).values():
            found, lower = self._judge_group({name: runs[name] for name in names})
            classes |= found
            levels |= {name: (lower, _levels(self.force, runs[name]).upper) for name in names}
        return Judgement(classes, levels)

    def _judge_group(self, runs: Runs) -> tuple[dict[str, Classification], float]:
        force = np.concatenate([run.max_force for run in runs.values()])
        failed = np.concatenate([self._failed(name, run) for name, run in runs.items()])
        usable = int((~failed).sum())
        tie = np.lexsort(
            (
                np.concatenate([run.steps for run in runs.values()]),
                np.repeat(np.arange(len(runs)), [len(run) for run in runs.values()]),
            )
        )
        highest = _highest(force, failed, tie, max(self.number_force, int(self.share_force * usable)))
        lower = (
            float(force[highest].min()) if len(highest) else max(_levels(self.force, r).upper for r in runs.values())
        )
        candidate = np.zeros(len(force), dtype=bool)
        candidate[highest] = True
        if self.virial is not None:
            virial = np.concatenate([_virial(name, run) for name, run in runs.items()])
            number = max(self.number_virial, int(self.share_virial * usable))
            candidate[_highest(virial, failed, tie, number)] = True
        ends = np.cumsum([len(run) for run in runs.values()])[:-1]
        parts = zip(runs, np.split(candidate, ends), np.split(failed, ends), strict=True)
        return {name: Classification(~(yes | lost), yes, lost) for name, yes, lost in parts}, lower

    def _failed(self, name: str, run: RunDeviation) -> BoolArray:
        failed = _beyond(run.max_force, _levels(self.force, run))
        if self.virial is not None:
            failed |= _beyond(_virial(name, run), _levels(self.virial, run))
        return failed


def check_group(group: str) -> None:
    """Raise unless runs can be grouped so.

    :raises ValueError: naming what can be chosen.
    """
    if group not in ("all", "system", "run"):
        raise ValueError(f"runs are grouped by all, system or run, not by '{group}'")


def grouped(runs: Runs, group: str) -> dict[str, list[str]]:
    """Return the names of the runs of each group in alphabetical order; the group of ``all`` is named ``all``."""
    groups: dict[str, list[str]] = {}
    for name in sorted(runs):
        groups.setdefault({"all": "all", "system": runs[name].system, "run": name}[group], []).append(name)
    return groups


def _levels(table: LevelTable, run: RunDeviation) -> TrustLevels:
    return table.of(run.system, run.temperature_K)


def _virial(name: str, run: RunDeviation) -> FloatArray:
    if run.max_virial is None:
        raise ValueError(f"the run '{name}' has no virial deviation to judge: leave the virial levels out")
    return run.max_virial


def _beyond(deviation: FloatArray, levels: TrustLevels) -> BoolArray:
    """Return where a deviation is above the upper level or not a number."""
    return ~(deviation <= levels.upper)


def _highest(values: FloatArray, failed: BoolArray, tie: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """Return the indices of the largest values that have not failed; among equals the later run and step."""
    ordered = tie[np.argsort(values[tie], kind="stable")]
    ordered = ordered[~failed[ordered]]
    return ordered[len(ordered) - min(number, len(ordered)) :]


def _judge_fixed(
    runs: Runs,
    force: LevelTable,
    virial: LevelTable | None,
    unite: Callable[[Classification, Classification], Classification],
) -> Judgement:
    classes, levels = {}, {}
    for name, run in runs.items():
        limits = _levels(force, run)
        result = classify(run.max_force, limits)
        if virial is not None:
            column = _virial(name, run)
            by_virial = classify(column, _levels(virial, run))
            result = _without_nan(unite(result, by_virial), (run.max_force, column))
        classes[name] = result
        levels[name] = (limits.lower, limits.upper)
    return Judgement(classes, levels)


def _either_candidate(force: Classification, virial: Classification) -> Classification:
    candidate = force.candidate | virial.candidate
    failed = (force.failed | virial.failed) & ~candidate
    return Classification(~(candidate | failed), candidate, failed)


def _either_failed(force: Classification, virial: Classification) -> Classification:
    failed = force.failed | virial.failed
    candidate = (force.candidate | virial.candidate) & ~failed
    return Classification(~(candidate | failed), candidate, failed)


def _without_nan(result: Classification, columns: Iterable[FloatArray]) -> Classification:
    """Return the classes with every frame failed that has a deviation which is not a number."""
    broken: BoolArray = np.zeros(len(result.failed), dtype=bool)
    for column in columns:
        broken = broken | np.isnan(column)
    return Classification(result.accurate & ~broken, result.candidate & ~broken, result.failed | broken)
