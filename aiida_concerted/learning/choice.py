"""Which of too many candidates are labelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

INVERSE_POPULATION_BINS = 10
"""dpgen2's default number of bins of ``inv_pop_f``."""


@dataclass(frozen=True)
class Pool:
    """Candidates to choose from.

    :param deviations: maximal force deviation of each in eV Å⁻¹, shape ``(n,)``.
    :param bounds: lower and upper trust level in eV Å⁻¹ that the candidates lie between.
    :param fingerprints: returns a row of numbers for each candidate, shape ``(n, n_features)``; asked for by the
        choice ``farthest`` alone, since it is what costs.
    """

    deviations: FloatArray
    bounds: tuple[float, float]
    fingerprints: Callable[[], FloatArray] | None = None


def choose(method: str, pool: Pool, number: int, generator: np.random.Generator) -> IntArray:
    """Return the ascending indices of the candidates that a named method picks.

    :param method: ``random``; ``highest`` deviation; ``quantiles``, one at random of each of ``number`` equal parts in
        the order of deviation; ``inverse_population``, rare deviations rather than common ones; ``farthest``, each as
        unlike those before as possible.
    :param number: how many; all where there are no more.
    :raises ValueError: if the method is unknown, or ``farthest`` has no fingerprints.
    """
    if method not in METHODS:
        raise ValueError(f"unknown choice '{method}': known are {', '.join(sorted(METHODS))}")
    n = len(pool.deviations)
    if number <= 0 or n == 0:
        return np.empty(0, dtype=np.intp)
    if number >= n and method != "random":
        return np.arange(n, dtype=np.intp)
    return np.sort(METHODS[method](pool, number, generator)).astype(np.intp)


def _random(pool: Pool, number: int, generator: np.random.Generator) -> IntArray:
    return generator.permutation(len(pool.deviations))[:number]


def _highest(pool: Pool, number: int, generator: np.random.Generator) -> IntArray:
    return np.argsort(-pool.deviations, kind="stable")[:number]


def _quantiles(pool: Pool, number: int, generator: np.random.Generator) -> IntArray:
    parts = np.array_split(np.argsort(pool.deviations, kind="stable"), number)
    return np.array([part[generator.integers(len(part))] for part in parts], dtype=np.intp)


def _inverse_population(pool: Pool, number: int, generator: np.random.Generator) -> IntArray:
    weights = inverse_population(pool.deviations, *pool.bounds)
    return generator.choice(len(weights), size=number, replace=False, p=weights / weights.sum())


def inverse_population(
    deviations: FloatArray, lower: float, upper: float, bins: int = INVERSE_POPULATION_BINS
) -> FloatArray:
    """Return the weight of each candidate: one over the number of candidates in its bin between the trust levels.

    This is dpgen2's ``inv_pop_f``.
    """
    width = (upper - lower) / bins
    index = np.zeros(len(deviations), dtype=int)
    if width > 0:
        index = np.clip(((deviations - lower) / width).astype(int), 0, bins - 1)
    return 1.0 / np.bincount(index, minlength=bins)[index]


def _farthest(pool: Pool, number: int, generator: np.random.Generator) -> IntArray:
    if pool.fingerprints is None:
        raise ValueError("the choice 'farthest' needs the geometry of the candidates")
    return farthest_points(pool.fingerprints(), number, start=int(generator.integers(len(pool.deviations))))


def farthest_points(points: FloatArray, number: int, *, start: int) -> IntArray:
    """Return the indices of points that lie far from each other, in the order in which they are found.

    Each next one is the point whose distance from the nearest chosen one is largest; among equals the first. The points
    so chosen are no further from any point than twice the best possible [Gonzalez1985]_.

    :param points: shape ``(n, n_features)``.
    :param start: index of the first point.

    Cost ``O(n · number · n_features)``.

    .. [Gonzalez1985] T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985).
    """
    chosen = [start]
    nearest = np.linalg.norm(points - points[start], axis=1)
    while len(chosen) < min(number, len(points)):
        nearest[chosen[-1]] = -1.0  # never chosen again, even where all remaining points coincide with chosen ones
        chosen.append(int(np.argmax(nearest)))
        distance = np.linalg.norm(points - points[chosen[-1]], axis=1)
        nearest = np.where(nearest < 0, nearest, np.minimum(nearest, distance))
    return np.array(chosen, dtype=np.intp)


METHODS: dict[str, Callable[[Pool, int, np.random.Generator], IntArray]] = {
    "random": _random,
    "highest": _highest,
    "quantiles": _quantiles,
    "inverse_population": _inverse_population,
    "farthest": _farthest,
}
"""The methods by name."""
