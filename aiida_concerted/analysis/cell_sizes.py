"""Whether a quantity still depends on the size of the simulated cell.

Two descriptions of the values are compared: one plateau, and a limit with a correction that falls as one over the
number of atoms. The hydrodynamic correction for liquids (Yeh and Hummer) has no place in a solid whose framework
carries the momentum away, so the coefficient is fitted and not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.tails import chi_square_survival
from aiida_concerted.common.estimate import NORMAL_95, Estimate

FloatArray = NDArray[np.float64]

SIGNIFICANCE = 0.05
TOLERANCE = 0.2
"""Relative difference between cells that must be resolvable before agreement counts for anything (a choice)."""

CONVERGED, DEPENDS, UNDECIDED, NOT_ASSESSED = "converged", "depends on size", "cannot be said", "not assessed"


@dataclass(frozen=True)
class SizeTest:
    """What cells of several sizes say together.

    :param verdict: ``converged``, ``depends on size``, ``cannot be said`` (the errors are too wide to see a difference
        of ``tolerance``) or ``not assessed`` (fewer than three sizes).
    :param n_atoms: atoms of each cell, ascending, shape ``(n_sizes,)``.
    :param values: mean of the runs of each size.
    :param plateau: weighted mean of the sizes from ``converged_from`` on.
    :param converged_from: atoms of the smallest cell that agrees with all larger ones; ``None`` where the two largest
        differ.
    :param limit: value in an infinite cell, from the correction in one over the number of atoms.
    :param slope: coefficient of that correction, in the unit of the value times atoms.
    :param p_trend: probability of a correction as well supported as the one seen (likelihood ratio) if the agreeing
        cells were all the same; ``None`` for fewer than three.
    :param p_value: probability of a scatter between sizes as large as the one seen if they were all the same.
    :param resolved: relative difference between the smallest agreeing cell and the larger ones that the errors would
        show, the half-width of its 95 % interval.
    """

    verdict: str
    n_atoms: tuple[int, ...]
    values: tuple[Estimate, ...]
    plateau: Estimate
    converged_from: int | None = None
    limit: Estimate | None = None
    slope: Estimate | None = None
    p_trend: float | None = None
    p_value: float | None = None
    resolved: float | None = None
    tolerance: float = TOLERANCE

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; what was not assessed is left out."""
        points = zip(self.n_atoms, self.values, strict=True)
        content = {
            "verdict": self.verdict,
            "points": [{"n_atoms": size, **value.as_dict()} for size, value in points],
            "plateau": self.plateau.as_dict(),
            "converged_from_n_atoms": self.converged_from,
            "limit": self.limit and self.limit.as_dict(),
            "slope_times_atoms": self.slope and self.slope.as_dict(),
            "p_trend": self.p_trend,
            "p_value": self.p_value,
            "resolved_relative": self.resolved,
            "tolerance_relative": self.tolerance,
        }
        return {key: value for key, value in content.items() if value is not None}


def compare_cell_sizes(
    n_atoms: Sequence[int], values: Sequence[float], stderrs: Sequence[float], *, tolerance: float = TOLERANCE
) -> SizeTest:
    """Return whether a quantity has converged with the size of the cell.

    Runs of one size are averaged first, weighted by their errors. Going down from the largest cell, sizes are taken in
    while all of them agree (χ² at 5 %); the quantity is converged if at least two do, if no correction in 1/N is
    supported by them (likelihood ratio at 5 %), and if the errors are small enough to show a difference of
    ``tolerance``.

    :param n_atoms: atoms of the cell of each run; sizes may repeat.
    :param values: the quantity in each run.
    :param stderrs: its standard errors, positive.
    :param tolerance: relative difference that must be resolvable.
    :raises ValueError: if the lengths differ, nothing is given, or a number is not finite or not positive where it must
        be.
    """
    sizes, means, errors = _mean_by_size(n_atoms, values, stderrs)
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"the tolerance must be positive, got {tolerance}")
    estimates = tuple(Estimate(float(value), float(error)) for value, error in zip(means, errors, strict=True))
    counts = tuple(int(size) for size in sizes)
    if len(sizes) < 3:
        return SizeTest(NOT_ASSESSED, counts, estimates, _weighted_mean(means, errors), tolerance=tolerance)
    first = _first_of_agreeing(means, errors)
    plateau = _weighted_mean(means[first:], errors[first:])
    limit, slope = _inverse_size_fit(sizes, means, errors)
    p_trend = _p_trend(sizes[first:], means[first:], errors[first:])
    resolved = _resolved(means[first:], errors[first:], plateau)
    return SizeTest(
        verdict=_verdict(len(sizes) - first, p_trend, resolved, tolerance),
        n_atoms=counts,
        values=estimates,
        plateau=plateau,
        converged_from=counts[first] if first < len(sizes) - 1 else None,
        limit=limit,
        slope=slope,
        p_trend=p_trend,
        p_value=_p_value(means, errors),
        resolved=resolved,
        tolerance=tolerance,
    )


def _mean_by_size(
    n_atoms: Sequence[int], values: Sequence[float], stderrs: Sequence[float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    sizes, value, error = (np.asarray(given, dtype=np.float64) for given in (n_atoms, values, stderrs))
    if not (sizes.ndim == 1 and sizes.shape == value.shape == error.shape and sizes.size):
        raise ValueError(f"sizes, values and errors must be as many, got {sizes.size}, {value.size} and {error.size}")
    for name, given in (("the number of atoms", sizes), ("a value", value), ("a standard error", error)):
        if not np.isfinite(given).all() or (name != "a value" and (given <= 0).any()):
            raise ValueError(f"{name} must be {'finite' if name == 'a value' else 'positive'}, got {given.tolist()}")
    distinct = np.unique(sizes)
    means = [_weighted_mean(value[sizes == size], error[sizes == size]) for size in distinct]
    return distinct, np.array([mean.value for mean in means]), np.array([mean.stderr for mean in means])


def _weighted_mean(values: FloatArray, errors: FloatArray) -> Estimate:
    weights = errors**-2.0
    return Estimate(float((weights * values).sum() / weights.sum()), float(weights.sum() ** -0.5))


def _chi_square(values: FloatArray, errors: FloatArray) -> float:
    return float((((values - _weighted_mean(values, errors).value) / errors) ** 2).sum())


def _p_value(values: FloatArray, errors: FloatArray) -> float:
    return chi_square_survival(_chi_square(values, errors), len(values) - 1)


def _first_of_agreeing(values: FloatArray, errors: FloatArray) -> int:
    """Return the index of the smallest cell that agrees with all larger ones."""
    first = len(values) - 1
    while first > 0 and _p_value(values[first - 1 :], errors[first - 1 :]) >= SIGNIFICANCE:
        first -= 1
    return first


def _inverse_size_fit(sizes: FloatArray, values: FloatArray, errors: FloatArray) -> tuple[Estimate, Estimate]:
    """Return limit and slope of ``value = limit + slope / n_atoms``."""
    design = np.stack([np.ones_like(sizes), 1.0 / sizes], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    parameters = covariance @ design.T @ (values / errors)
    limit, slope = (Estimate(float(parameters[k]), float(covariance[k, k] ** 0.5)) for k in range(2))
    return limit, slope


def _p_trend(sizes: FloatArray, values: FloatArray, errors: FloatArray) -> float | None:
    if len(sizes) < 3:
        return None
    limit, slope = _inverse_size_fit(sizes, values, errors)
    left_over = float((((values - limit.value - slope.value / sizes) / errors) ** 2).sum())
    return chi_square_survival(max(0.0, _chi_square(values, errors) - left_over), 1)


def _resolved(values: FloatArray, errors: FloatArray, plateau: Estimate) -> float | None:
    if len(values) < 2 or plateau.value == 0:
        return None
    difference = (errors[0] ** 2 + _weighted_mean(values[1:], errors[1:]).stderr ** 2) ** 0.5
    return float(NORMAL_95 * difference / abs(plateau.value))


def _verdict(n_agreeing: int, p_trend: float | None, resolved: float | None, tolerance: float) -> str:
    if n_agreeing < 2 or (p_trend is not None and p_trend < SIGNIFICANCE):
        return DEPENDS
    return UNDECIDED if resolved is None or resolved > tolerance else CONVERGED
