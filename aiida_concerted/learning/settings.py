"""What a user says about selecting and stopping, turned into rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiida_concerted.common.hints import nearest
from aiida_concerted.common.parameters import from_mapping, positive
from aiida_concerted.learning.choice import METHODS
from aiida_concerted.learning.picking import Policy
from aiida_concerted.learning.quota import Quota
from aiida_concerted.learning.rules import AdaptiveRule, Dpgen2Rule, DpgenRule, SelectionRule
from aiida_concerted.learning.screens import Screens
from aiida_concerted.learning.selection import TrustLevels
from aiida_concerted.learning.stopping import (
    Budget,
    ErrorPlateau,
    EveryRunAccurate,
    LevelsSettled,
    ObservableStable,
    OverallAccurate,
    StoppingPolicy,
    StoppingRule,
)
from aiida_concerted.learning.trust import Calibration, LevelTable

SELECTION_RULES = ("dpgen", "dpgen2", "adaptive")


@dataclass(frozen=True)
class AdaptiveSettings:
    """The section ``adaptive``: numbers and shares of candidates, see :class:`AdaptiveRule`."""

    number_force: int = 10
    share_force: float = 0.0
    number_virial: int = 0
    share_virial: float = 0.0
    group: str = "system"


@dataclass(frozen=True)
class ScreenSettings:
    """The section ``screens``: limits on the geometry, see :class:`Screens`; ``min_distances_A`` is by pair."""

    min_distance_fraction: float | None = None
    min_distances_A: Mapping[str, float] = field(default_factory=dict)
    length_ratio: float | None = None
    height_ratio: float | None = None
    wrap_ratio: float | None = None
    tilt_ratio: float | None = None
    angles_deg: tuple[float, float] | None = None

    def screens(self) -> Screens:
        """Return the screens."""
        ratios = {name: getattr(self, name) for name in ("length_ratio", "height_ratio", "wrap_ratio", "tilt_ratio")}
        return Screens(self.min_distance_fraction, self.min_distances_A, angles=self.angles_deg, **ratios)


@dataclass(frozen=True)
class LevelEntry:
    """One of ``levels``: trust levels of a system, of a temperature, or of a system at a temperature."""

    trust_upper_eV_A: float
    trust_lower_eV_A: float | None = None
    system: str | None = None
    temperature_K: float | None = None

    def __post_init__(self) -> None:
        if self.system is None and self.temperature_K is None:
            raise ValueError("needs a system, a temperature_K or both")


@dataclass(frozen=True)
class SelectionSettings:
    """What is asked of a selection.

    :param trust_upper_eV_A: upper force level.
    :param max_selected: most frames to label of each ``scope``.
    :param trust_lower_eV_A: lower force level; the adaptive rule finds its own.
    :param rule: ``dpgen``, ``dpgen2`` or ``adaptive``.
    :param choice: which of too many candidates, see :func:`~aiida_concerted.learning.choice.choose`.
    :param scope: what ``max_selected`` holds for: ``all`` runs, each ``system`` or each ``run``.
    :param levels: levels of systems and temperatures that have their own.
    :param calibrate: how the first committee of a loop gives the force levels, see :class:`Calibration`; the levels
        above stand where it is not given, and where it is only until then.
    :param virial_lower_eV: lower level of the virial by atom; virials are judged where the upper one is given.
    :raises ValueError: if a name is unknown or a value impossible.
    """

    trust_upper_eV_A: float
    max_selected: int
    trust_lower_eV_A: float | None = None
    rule: str = "dpgen"
    choice: str = "random"
    scope: str = "all"
    min_selected: int = 0
    accurate_threshold: float = 1.0
    accurate_soft_threshold: float | None = None
    levels: tuple[Mapping[str, Any], ...] = ()
    calibrate: Mapping[str, Any] | None = None
    virial_lower_eV: float | None = None
    virial_upper_eV: float | None = None
    adaptive: Mapping[str, Any] = field(default_factory=dict)
    screens: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known(self.rule, SELECTION_RULES, "rule")
        known(self.choice, METHODS, "choice")
        self.policy()
        if self.calibration() is not None and self.has_temperatures():
            raise ValueError("levels of each temperature_K are given and calibrated: keep one of the two")

    def policy(self) -> Policy:
        """Return how frames are picked."""
        quota = Quota(self.max_selected, self.min_selected, self.accurate_threshold, self.accurate_soft_threshold)
        screens = from_mapping(ScreenSettings, self.screens, "screens").screens() if self.screens else None
        return Policy(self._rule(), quota, self.choice, self.scope, screens)

    def calibration(self) -> Calibration | None:
        """Return how the first committee gives the levels, ``None`` where they are given."""
        return None if self.calibrate is None else from_mapping(Calibration, self.calibrate, "calibrate")

    def has_temperatures(self) -> bool:
        """Return whether levels are given for temperatures, whatever the system."""
        return any(entry.system is None for entry in self._entries())

    def systems(self) -> tuple[str, ...]:
        """Return the names of the systems that have their own levels."""
        return tuple(entry.system for entry in self._entries() if entry.system is not None)

    def _entries(self) -> list[LevelEntry]:
        return [from_mapping(LevelEntry, entry, f"levels, entry {i + 1}") for i, entry in enumerate(self.levels)]

    def _rule(self) -> SelectionRule:
        force, virial = self._table(), self._virial()
        if self.rule == "adaptive":
            numbers = from_mapping(AdaptiveSettings, self.adaptive, "adaptive")
            return AdaptiveRule(force, virial, **vars(numbers))
        if self.adaptive:
            raise ValueError(f"the section adaptive would be ignored by the rule '{self.rule}'")
        return Dpgen2Rule(force, virial) if self.rule == "dpgen2" else DpgenRule(force, virial)

    def _table(self) -> LevelTable:
        general = self._levels(self.trust_lower_eV_A, self.trust_upper_eV_A)
        entries = self._entries()
        everywhere = self._by_temperature(entry for entry in entries if entry.system is None)
        by_system = {}
        for system in self.systems():
            own = [entry for entry in entries if entry.system == system]
            at_any = [self._levels(e.trust_lower_eV_A, e.trust_upper_eV_A) for e in own if e.temperature_K is None]
            by_system[system] = LevelTable(at_any[0] if at_any else general, self._by_temperature(own))
        return LevelTable(general, everywhere, by_system)

    def _by_temperature(self, entries: Iterable[LevelEntry]) -> dict[float, TrustLevels]:
        return {
            entry.temperature_K: self._levels(entry.trust_lower_eV_A, entry.trust_upper_eV_A)
            for entry in entries
            if entry.temperature_K is not None
        }

    def _levels(self, lower: float | None, upper: float) -> TrustLevels:
        if lower is None and self.rule == "adaptive":
            lower = upper / 2  # never looked at: the rule uses the upper level alone
        if lower is None:
            raise ValueError(f"the rule '{self.rule}' needs trust_lower_eV_A")
        return TrustLevels(lower, upper)

    def _virial(self) -> LevelTable | None:
        if self.virial_upper_eV is None:
            return None
        return LevelTable(self._levels(self.virial_lower_eV, self.virial_upper_eV))


@dataclass(frozen=True)
class PlateauSettings:
    """The section ``plateau``, see :class:`ErrorPlateau`."""

    improvement: float = 0.05
    turns: int = 2


@dataclass(frozen=True)
class LevelsSettings:
    """The section ``levels``, see :class:`LevelsSettled`."""

    tolerance_eV_A: float = 0.05
    turns: int = 2


@dataclass(frozen=True)
class ObservableSettings:
    """The section ``observable``, see :class:`ObservableStable`: the diffusivity that the explorations of a turn give.

    :param temperature_K: temperature in K, one of those explored at constant volume.
    """

    temperature_K: float | None = None
    turns: int = 2
    sigmas: float = 2.0
    relative_error: float = 0.3

    def __post_init__(self) -> None:
        if self.temperature_K is not None:
            positive(temperature_K=self.temperature_K)


@dataclass(frozen=True)
class FractionAt:
    """One of ``accurate_by_temperature``."""

    temperature_K: float
    fraction: float


@dataclass(frozen=True)
class StoppingSettings:
    """What is asked of the end of a loop beside its numbers of turns and its accurate fraction.

    :param rules: names of the rules: ``accurate``, ``overall_accurate``, ``plateau``, ``levels``, ``observable``.
    :param combine: whether ``all`` must hold or ``any``.
    :param accurate_by_temperature: least accurate fraction at temperatures in K, linear between them.
    :param overall_fraction: least accurate fraction of all frames together.
    :param max_labels: budget of labels.
    :raises ValueError: if a name is unknown or a value impossible.
    """

    rules: tuple[str, ...] = ("accurate",)
    combine: str = "all"
    accurate_by_temperature: tuple[Mapping[str, Any], ...] = ()
    overall_fraction: float = 0.9
    plateau: Mapping[str, Any] = field(default_factory=dict)
    levels: Mapping[str, Any] = field(default_factory=dict)
    observable: Mapping[str, Any] = field(default_factory=dict)
    max_labels: int | None = None

    def __post_init__(self) -> None:
        for name in self.rules:
            known(name, STOPPING_RULES, "stopping rule")
        if ("observable" in self.rules) != (self.observable_temperature_K is not None):
            raise ValueError("the rule observable and observable.temperature_K belong together: give both or none")
        self.policy(fraction=1.0, consecutive=1, max_turns=1)

    @property
    def observable_temperature_K(self) -> float | None:
        """Return the temperature in K whose diffusivity is compared between turns, ``None`` where none is."""
        return from_mapping(ObservableSettings, self.observable, "observable").temperature_K

    def policy(self, *, fraction: float, consecutive: int, max_turns: int, min_turns: int = 1) -> StoppingPolicy:
        """Return the rules together with what the loop's own inputs say."""
        where = "accurate_by_temperature"
        entries = [from_mapping(FractionAt, entry, where) for entry in self.accurate_by_temperature]
        by_temperature = {entry.temperature_K: entry.fraction for entry in entries}
        levels = from_mapping(LevelsSettings, self.levels, "levels")
        observed = from_mapping(ObservableSettings, self.observable, "observable")
        rules: dict[str, StoppingRule] = {
            "accurate": EveryRunAccurate(fraction, consecutive, by_temperature),
            "overall_accurate": OverallAccurate(self.overall_fraction),
            "plateau": ErrorPlateau(**vars(from_mapping(PlateauSettings, self.plateau, "plateau"))),
            "levels": LevelsSettled(levels.tolerance_eV_A, levels.turns),
            "observable": ObservableStable(observed.turns, observed.sigmas, observed.relative_error),
        }
        chosen = tuple(rules[name] for name in self.rules)
        return StoppingPolicy(Budget(max_turns, self.max_labels), chosen, self.combine, min_turns)


STOPPING_RULES = ("accurate", "overall_accurate", "plateau", "levels", "observable")


def known(name: str, names: Iterable[str], what: str) -> None:
    """Raise unless a name is one of those known.

    :raises ValueError: with the nearest known name.
    """
    if name not in list(names):
        raise ValueError(f"unknown {what} '{name}': {nearest(str(name), list(names))}")
