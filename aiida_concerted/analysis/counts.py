"""Intervals for numbers of events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.tails import chi_square_quantile
from aiida_concerted.common.estimate import Interval

CONFIDENCE = 0.95


def poisson_interval(n_events: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact (Garwood) interval of a Poisson mean of which ``n_events`` were counted.

    :raises ValueError: if ``n_events`` is negative.
    """
    if n_events < 0:
        raise ValueError(f"a count cannot be negative, got {n_events}")
    tail = 0.5 * (1.0 - confidence)
    lower = 0.5 * chi_square_quantile(tail, 2 * n_events) if n_events else 0.0
    return lower, 0.5 * chi_square_quantile(1.0 - tail, 2 * (n_events + 1))


def excess_interval(raw: int, side: int, side_ratio: float, dispersion: float = 1.0) -> Interval:
    """Return the events above background with their interval.

    The estimate is ``raw - side / side_ratio``. Its interval joins the exact Poisson intervals of both counts by the
    method of variance estimates recovery [LiTangPoonTang2011]_, which holds for small and zero counts, where a normal
    error does not. It may reach below zero, as the estimate may.

    :param raw: events in the window.
    :param side: events in the side windows.
    :param side_ratio: how many times more a constant background puts into the side windows than into the window.
    :param dispersion: variance over mean of the counts; widens the interval where above one.
    :raises ValueError: if a count is negative or the ratio is not positive.

    .. [LiTangPoonTang2011] H.-Q. Li, M.-L. Tang, W.-Y. Poon, N.-S. Tang, Commun. Stat. Simul. Comput. 40, 1478 (2011).
    """
    if not side_ratio > 0:
        raise ValueError(f"side_ratio must be positive, got {side_ratio}")
    background = side / side_ratio
    raw_lower, raw_upper = poisson_interval(raw)
    side_lower, side_upper = (bound / side_ratio for bound in poisson_interval(side))
    widening = max(1.0, dispersion) ** 0.5
    below = float(np.hypot(raw - raw_lower, side_upper - background)) * widening
    above = float(np.hypot(raw_upper - raw, background - side_lower)) * widening
    excess = raw - background
    return Interval(excess, lower=excess - below, upper=excess + above)


def dispersion_of(counts: NDArray[np.int64]) -> float | None:
    """Return variance over mean of the counts of equal blocks, one for a Poisson process; ``None`` without events.

    :param counts: events in each block, shape ``(n_blocks,)``.
    """
    mean = float(counts.mean())
    return float(counts.var(ddof=1)) / mean if mean > 0 and len(counts) > 1 else None
