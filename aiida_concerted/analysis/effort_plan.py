"""Which points of a sweep become longer: to their own targets, to that of the activation energy, within a budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.effort import (
    LARGEST_FACTOR,
    REACHED,
    SMALLEST_FACTOR,
    EffortTarget,
    PointPlan,
    PointSoFar,
    RunSoFar,
)
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K

FloatArray = NDArray[np.float64]

LEAST_GAIN = 1.02
"""Least by which a limit or a budget must let a run become longer, else it is not."""

GROWTH = 1.05
"""Step by which lengths grow while effort is shared out for the activation energy."""

FORECAST_FACTOR = 1.0e4
"""Most by which a run may become longer in a forecast: errors then are a hundredth."""


@dataclass(frozen=True)
class EffortPlan:
    """What becomes of all points.

    :param points: in the order in which they were given.
    :param activation_energy_stderr_eV: standard error of the activation energy that the points give together in eV;
        ``None`` for fewer than two temperatures with a diffusivity.
    :param is_energy_reached: whether that is below its target, or none was given.
    """

    points: tuple[PointPlan, ...]
    activation_energy_stderr_eV: float | None
    is_energy_reached: bool

    @property
    def longer(self) -> dict[str, float]:
        """Return by point the length in ps to which each of its runs is brought next."""
        return {point.name: point.next_ps for point in self.points if point.next_ps is not None}

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; what is not known is left out."""
        content: dict[str, Any] = {
            "points": {point.name: point.as_dict() for point in self.points},
            "is_energy_reached": self.is_energy_reached,
            "is_reached": self.is_reached,
        }
        if self.activation_energy_stderr_eV is not None:
            content["activation_energy_stderr_eV"] = self.activation_energy_stderr_eV
        return content

    @property
    def is_reached(self) -> bool:
        """Return whether every target is reached."""
        return self.is_energy_reached and all(point.state == REACHED for point in self.points)


def plan_effort(
    points: Mapping[str, Sequence[RunSoFar]],
    target: EffortTarget,
    *,
    energy_of: Sequence[str] = (),
    is_last: bool = False,
) -> EffortPlan:
    """Return which runs to make longer, and to which length.

    Where the budget does not suffice for all, points without a diffusivity come first, then what lowers the error of
    the activation energy most for its cost; without at least two temperatures, what costs least.

    :param points: the runs of each point by its name.
    :param target: what is to be known how well.
    :param energy_of: names of the points that the activation energy is fitted to; all by default.
    :param is_last: whether no run is made longer any more, and only what is known so far is stated.
    """
    states = {name: PointSoFar(name, tuple(runs), target) for name, runs in points.items()}
    fitted = [states[name] for name in energy_of or states if states[name].diffusivity_error is not None]
    wanted = {name: state.wanted_ps() for name, state in states.items()}
    stderr_eV = _energy_stderr(fitted, {})
    is_reached = target.activation_energy_error_eV is None or (
        stderr_eV is not None and stderr_eV <= target.activation_energy_error_eV
    )
    forecast: dict[str, float] = {}
    if not is_reached and stderr_eV is not None:
        wanted |= _wanted_for_energy(fitted, wanted, target)
        forecast = _needed_for_energy(fitted, target)
    granted = {} if is_last else _within_budget(states, fitted, wanted, target)
    plans = tuple(state.plan(granted.get(name), wanted[name], forecast.get(name)) for name, state in states.items())
    return EffortPlan(plans, stderr_eV, is_reached)


def _energy_stderr(points: Sequence[PointSoFar], lengths_ps: Mapping[str, float]) -> float | None:
    """Return the standard error in eV of the slope of ln D over 1/kT, were the points of these lengths."""
    if len({point.temperature_K for point in points}) < 2:
        return None
    inverse, weights = _inverse(points), _weights(points, lengths_ps)
    centre = weights @ inverse / weights.sum()
    return float((weights @ (inverse - centre) ** 2) ** -0.5)


def _inverse(points: Sequence[PointSoFar]) -> FloatArray:
    return np.array([1.0 / (BOLTZMANN_EV_PER_K * point.temperature_K) for point in points])


def _weights(points: Sequence[PointSoFar], lengths_ps: Mapping[str, float]) -> FloatArray:
    """Return one over the squared relative error of each point, were it of this length."""
    longer = [
        point.total_ps(lengths_ps.get(point.name, point.duration_ps)) / point.total_ps(point.duration_ps)
        for point in points
    ]
    errors = np.array([point.diffusivity_error for point in points], dtype=np.float64)
    return np.array(longer) / errors**2


def _gain(points: Sequence[PointSoFar], lengths_ps: Mapping[str, float]) -> dict[str, float]:
    """Return by how much the variance of the slope in eV² falls for a ps of each point's runs."""
    if len({point.temperature_K for point in points}) < 2:
        return {}
    inverse, weights = _inverse(points), _weights(points, lengths_ps)
    centre = weights @ inverse / weights.sum()
    information = weights @ (inverse - centre) ** 2
    lengths = [point.total_ps(lengths_ps.get(point.name, point.duration_ps)) for point in points]
    falls = (inverse - centre) ** 2 * weights / np.array(lengths) / information**2
    return {point.name: float(fall) for point, fall in zip(points, falls, strict=True)}


def _wanted_for_energy(
    points: Sequence[PointSoFar], wanted: Mapping[str, float], target: EffortTarget
) -> dict[str, float]:
    """Return the lengths to which the points should be brought next for the activation energy."""
    now = {point.name: point.duration_ps for point in points}
    limits = {name: min(length, target.max_production_ps) for name, length in _limits(points, LARGEST_FACTOR).items()}
    lengths, _ = _share_out(points, {name: wanted[name] for name in now}, limits, target)
    least = {name: max(length, now[name] * SMALLEST_FACTOR) for name, length in lengths.items()}
    return {name: least[name] if lengths[name] > now[name] else now[name] for name in now}


def _needed_for_energy(points: Sequence[PointSoFar], target: EffortTarget) -> dict[str, float]:
    """Return the lengths at which the activation energy would be known well enough, were there no limit.

    Nothing where no length suffices, as when the error comes from a point that cannot become longer.
    """
    own = {point.name: point.needed_ps() or point.duration_ps for point in points}
    lengths, is_enough = _share_out(points, own, _limits(points, FORECAST_FACTOR), target)
    return lengths if is_enough else {}


def _limits(points: Sequence[PointSoFar], factor: float) -> dict[str, float]:
    return {point.name: point.duration_ps * (factor if point.growing else 1.0) for point in points}


def _share_out(
    points: Sequence[PointSoFar], lengths_ps: Mapping[str, float], limits_ps: Mapping[str, float], target: EffortTarget
) -> tuple[dict[str, float], bool]:
    """Return the lengths that give the activation energy for the least cost, and whether they suffice.

    The point where a ps lowers the error most grows by a small step, again and again.
    """
    lengths = dict(lengths_ps)
    goal = target.activation_energy_error_eV
    while goal is not None and (_energy_stderr(points, lengths) or 0.0) > goal:
        free = {name: gain for name, gain in _gain(points, lengths).items() if lengths[name] < limits_ps[name]}
        if not free:
            return lengths, False
        best = max(free, key=lambda name: free[name])
        lengths[best] = min(lengths[best] * GROWTH, limits_ps[best])
    return lengths, True


def _within_budget(
    states: Mapping[str, PointSoFar], fitted: Sequence[PointSoFar], wanted: Mapping[str, float], target: EffortTarget
) -> dict[str, float]:
    """Return the lengths in ps that are granted, of the points that are made longer."""
    spent = sum(state.spent_ps for state in states.values())
    left = math.inf if target.budget_ps is None else target.budget_ps - spent
    gains = _gain(fitted, {})
    costs = {name: (wanted[name] - state.duration_ps) * state.n_runs for name, state in states.items()}
    granted: dict[str, float] = {}

    def place(name: str) -> tuple[bool, float, float]:
        return states[name].diffusivity_error is not None, -gains.get(name, 0.0), costs[name]

    for name in sorted(states, key=place):
        state = states[name]
        most_ps = min(target.max_production_ps, state.duration_ps + left / state.n_runs)
        length = state.whole_frames_ps(wanted[name], most_ps)
        if costs[name] <= 0 or length < state.duration_ps * LEAST_GAIN:
            continue
        granted[name] = length
        left -= (length - state.duration_ps) * state.n_runs
    return granted
