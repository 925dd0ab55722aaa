"""What is to be known how well, how well runs know it so far, and how much longer each point of them should become.

The variance of an estimate falls as one over the length of its run: a relative error ``r`` after ``t`` becomes
``r sqrt(t / t')`` after ``t'``. Errors are themselves estimated, and a run that has seen few hops knows its own error
least; no run is therefore made more than :data:`LARGEST_FACTOR` times as long before its error is looked at again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_concerted.common.estimate import mean_over_runs
from aiida_concerted.common.numbers import format_simulated_time
from aiida_concerted.common.parameters import positive, positive_integer

LARGEST_FACTOR = 4.0
"""Most by which a run becomes longer before its error is looked at again."""

SMALLEST_FACTOR = 1.25
"""Least by which a run becomes longer: less would not pay for the look."""

BLIND_FACTOR = 2.0
"""By how much a run becomes longer that has not yet seen enough to state an error."""

MARGIN = 1.1
"""Factor on the forecast length: half of all forecasts would be too short without."""

ROUNDING = 1e-6
"""Part of a frame that is none: lengths in ps are no exact multiples of their frames."""

REACHED, LONGER, OVER, HELD = "reached", "longer", "over budget", "held"
"""What becomes of a point: known as well as it should be, made longer, not made longer, cannot be made longer."""


@dataclass(frozen=True)
class EffortTarget:
    """What is to be known how well, and what it may cost.

    :param max_production_ps: longest production of one run in ps.
    :param diffusivity_relative_error: standard error of the tracer diffusivity of a point over its value.
    :param haven_relative_error: the same of the Haven ratio; not looked at when not given.
    :param modes_relative_error: the same of the number of events above background of each of ``modes``.
    :param modes: classes A-B-C whose events are counted, in either direction.
    :param activation_energy_error_eV: standard error of the activation energy of the diffusivity in eV.
    :param budget_ps: production of all runs together in ps; not limited when not given.
    :param max_rounds: most times that runs are made longer.
    """

    max_production_ps: float
    diffusivity_relative_error: float = 0.15
    haven_relative_error: float | None = None
    modes_relative_error: float | None = None
    modes: tuple[str, ...] = ()
    activation_energy_error_eV: float | None = None
    budget_ps: float | None = None
    max_rounds: int = 20

    def __post_init__(self) -> None:
        positive(max_production_ps=self.max_production_ps, diffusivity_relative_error=self.diffusivity_relative_error)
        for name in ("haven_relative_error", "modes_relative_error", "activation_energy_error_eV", "budget_ps"):
            if getattr(self, name) is not None:
                positive(**{name: getattr(self, name)})
        positive_integer(max_rounds=self.max_rounds)
        if not isinstance(self.modes, tuple) or not all(isinstance(mode, str) for mode in self.modes):
            raise ValueError(f"modes must be a list such as [A-B-C], got {self.modes!r}")
        if (self.modes_relative_error is None) != (not self.modes):
            raise ValueError("modes_relative_error and modes belong together: give both or none")


@dataclass(frozen=True)
class RunSoFar:
    """What one run has given so far.

    :param temperature_K: temperature in K.
    :param duration_ps: length of its production in ps.
    :param diffusivity: tracer diffusivity and its standard error in m² s⁻¹; ``None`` where there is none yet.
    :param haven: Haven ratio and its standard error, where known.
    :param events: events above background and their standard error by mode, where counted.
    :param is_sampled: whether it is long enough for its error to be believed.
    :param held: why it cannot be made longer, such as a framework that has left its crystal; empty where it can.
    :param frame_interval_ps: time between its frames in ps, of which it has a whole number; any length where not given.
    """

    temperature_K: float
    duration_ps: float
    diffusivity: tuple[float, float] | None = None
    haven: tuple[float, float] | None = None
    events: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    is_sampled: bool = True
    held: str = ""
    frame_interval_ps: float | None = None


@dataclass(frozen=True)
class PointPlan:
    """What becomes of one point: of the runs of one cell at one temperature, which differ by their seeds.

    :param name: of the point.
    :param temperature_K: temperature in K.
    :param n_runs: runs of the point that can become longer, or all that count where none can.
    :param duration_ps: production of each of these so far in ps, the mean over them.
    :param state: ``reached``, ``longer``, ``over budget`` or ``held``.
    :param diffusivity: mean over the runs, weighted by their lengths, and its standard error in m² s⁻¹.
    :param relative_error: of the quantity that is furthest from its target; ``None`` where it cannot be said.
    :param quantity: which that is.
    :param next_ps: length in ps to which each run is brought next, where it is made longer.
    :param needed_ps: length of each run in ps at which the target would be reached; ``None`` where nobody can say, as
        from a small error of a run that has not seen enough for it to be believed.
    :param is_needed_for_energy: whether that length is what the activation energy takes, not the point's own targets.
    :param n_held: runs that cannot become longer.
    :param reason: why; empty where all can.
    """

    name: str
    temperature_K: float
    n_runs: int
    duration_ps: float
    state: str
    diffusivity: tuple[float, float] | None
    relative_error: float | None
    quantity: str
    next_ps: float | None
    needed_ps: float | None
    is_needed_for_energy: bool = False
    n_held: int = 0
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; what is not known is left out."""
        content: dict[str, Any] = {
            "temperature_K": self.temperature_K, "n_runs": self.n_runs, "duration_ps": self.duration_ps,
            "state": self.state, "relative_error": self.relative_error, "quantity": self.quantity,
            "next_ps": self.next_ps, "needed_ps": self.needed_ps,
        }  # fmt: skip
        if self.diffusivity is not None:
            content["diffusivity_m2_s"], content["diffusivity_stderr_m2_s"] = self.diffusivity
        if self.is_needed_for_energy:
            content["is_needed_for_energy"] = True
        if self.n_held:
            content["n_held"], content["reason"] = self.n_held, self.reason
        return {key: value for key, value in content.items() if value is not None}


def describe_point(point: Mapping[str, Any]) -> str:
    """Return in a line what is known of a point and what becomes of it.

    :param point: JSON form of a :class:`PointPlan`.
    """
    error = point.get("relative_error")
    known = f"no {point['quantity']} yet" if error is None else f"{point['quantity']} known to {100 * error:.0f} %"
    length = f"after {point['n_runs']} × {format_simulated_time(point['duration_ps'])}"
    if point["state"] == HELD:
        return f"{known} {length}, and cannot go on: {point['reason']}"
    others = f"; {point['n_held']} more cannot go on: {point['reason']}" if point.get("n_held") else ""
    return f"{known} {length}{_outlook(point)}{others}"


def _outlook(point: Mapping[str, Any]) -> str:
    if point.get("next_ps") is not None:
        return f", going on to {format_simulated_time(point['next_ps'])}"
    if point["state"] == REACHED:
        return ", as asked"
    if (needed := point.get("needed_ps")) is None:
        return "; nobody can say what it would take"
    what = "the activation energy" if point.get("is_needed_for_energy") else "it"
    return f"; {what} would take {format_simulated_time(needed)}"


class PointSoFar:
    """The runs of one cell at one temperature, taken together.

    A run that cannot become longer leaves the others alone. What it knows counts; one that knows nothing and never
    will, such as one whose framework left its crystal, is left out.
    """

    def __init__(self, name: str, runs: tuple[RunSoFar, ...], target: EffortTarget) -> None:
        if not runs:
            raise ValueError(f"{name} has no runs")
        self.name, self.target, self.temperature_K = name, target, runs[0].temperature_K
        self.held = [run.held for run in runs if run.held]
        self.counted = [run for run in runs if run.diffusivity is not None or not run.held] or list(runs)
        self.growing = [run for run in self.counted if not run.held]
        self.spent_ps = sum(run.duration_ps for run in runs)
        lengths = [run.duration_ps for run in self.growing or self.counted]
        self.n_runs, self.duration_ps = len(lengths), sum(lengths) / len(lengths)
        self.fixed_ps = sum(run.duration_ps for run in self.counted) - sum(lengths)
        self.diffusivity = self._pooled([run.diffusivity for run in self.counted])
        self.diffusivity_error = relative_error(self.diffusivity)
        self.errors = self._errors()

    def _pooled(self, estimates: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
        """Return the mean over the runs and its standard error, ``None`` where a run lacks an estimate."""
        known = [estimate for estimate in estimates if estimate is not None]
        if len(known) < len(estimates):
            return None
        mean = mean_over_runs(known, [run.duration_ps for run in self.counted])
        return mean.value, mean.stderr

    def _errors(self) -> dict[str, tuple[float | None, float]]:
        """Return relative error and target of each quantity that has a target; ``None`` where it cannot be said."""
        target = self.target
        found = {"diffusivity": (self.diffusivity_error, target.diffusivity_relative_error)}
        if target.haven_relative_error is not None:
            pooled = self._pooled([run.haven for run in self.counted])
            found["Haven ratio"] = (relative_error(pooled), target.haven_relative_error)
        if target.modes_relative_error is not None:
            for mode in target.modes:
                counts = np.array([run.events.get(mode, (0.0, 0.0)) for run in self.counted])
                total = float(counts[:, 0].sum()), float(np.linalg.norm(counts[:, 1]))
                found[f"mode {mode}"] = (relative_error(total), target.modes_relative_error)
        return found

    @property
    def is_sampled(self) -> bool:
        """Return whether the errors of the runs can be believed; those that cannot go on count less and less."""
        return all(run.is_sampled for run in self.growing or self.counted)

    @property
    def worst(self) -> tuple[str, float | None, float]:
        """Return name, relative error and target of the quantity that is furthest from its target."""
        order = {name: math.inf if error is None else error / goal for name, (error, goal) in self.errors.items()}
        name = max(order, key=lambda key: order[key])
        return (name, *self.errors[name])

    @property
    def is_reached(self) -> bool:
        """Return whether every quantity is known as well as it should be."""
        _, error, goal = self.worst
        return self.is_sampled and error is not None and error <= goal

    def needed_ps(self) -> float | None:
        """Return the length of each run in ps at which the targets would be reached, ``None`` where nobody can say."""
        _, error, goal = self.worst
        if error is None or (error <= goal and not self.is_sampled):
            return None  # an error that cannot be believed says nothing where it is small
        total_ps = self.total_ps(self.duration_ps) * (error / goal) ** 2
        return max(self.duration_ps, (total_ps - self.fixed_ps) / self.n_runs)

    def total_ps(self, length_ps: float) -> float:
        """Return the production in ps of all runs that count, were those that can of this length."""
        return self.fixed_ps + self.n_runs * length_ps

    def wanted_ps(self) -> float:
        """Return the length in ps to which each run should be brought next; the present one where it is enough."""
        if not self.growing or self.is_reached:
            return self.duration_ps
        needed = self.needed_ps()
        factor = BLIND_FACTOR if needed is None else MARGIN * needed / self.duration_ps
        if not self.is_sampled:
            factor = max(factor, BLIND_FACTOR)
        return self.duration_ps * min(max(factor, SMALLEST_FACTOR), LARGEST_FACTOR)

    def whole_frames_ps(self, wanted_ps: float, most_ps: float) -> float:
        """Return the length in ps of the frames that reach a wanted length and stay within a limit."""
        interval_ps = max(run.frame_interval_ps or 0.0 for run in self.counted)
        if not interval_ps:
            return min(wanted_ps, most_ps)
        n_frames = min(math.ceil(wanted_ps / interval_ps - ROUNDING), math.floor(most_ps / interval_ps + ROUNDING))
        return n_frames * interval_ps

    def plan(self, next_ps: float | None, wanted_ps: float, energy_ps: float | None) -> PointPlan:
        """Return the plan of the point.

        :param next_ps: length in ps to which it is brought next, ``None`` where it is not made longer.
        :param wanted_ps: length in ps to which it should have been brought.
        :param energy_ps: length in ps that the activation energy would take of it, where that is asked for and known.
        """
        quantity, error, _ = self.worst
        state = HELD if not self.growing else LONGER if next_ps is not None else REACHED if self.is_reached else OVER
        if state == REACHED and max(wanted_ps, energy_ps or 0.0) > self.duration_ps:
            state = OVER  # its own target is reached, what the activation energy would need of it is not granted
        own_ps = self.needed_ps()
        is_for_energy = own_ps is not None and energy_ps is not None and energy_ps > own_ps
        needed_ps = energy_ps if is_for_energy else own_ps
        is_open = state in (LONGER, OVER)
        return PointPlan(
            self.name, self.temperature_K, self.n_runs, self.duration_ps, state, self.diffusivity, error, quantity,
            next_ps, needed_ps if is_open else None, is_for_energy and is_open, len(self.held), "".join(self.held[:1]),
        )  # fmt: skip


def relative_error(estimate: tuple[float, float] | None) -> float | None:
    """Return the relative error; ``None`` where there is none, or none that can be believed."""
    if estimate is None or estimate[0] <= 0 or not estimate[1] > 0:
        return None
    return estimate[1] / estimate[0]
