"""Where the mean squared displacement has become a straight line, and which lags a fit should use.

The correlation lag is the shortest one from which a fit agrees with the fits from *all* longer lags within their
errors, the idea of Lepski's method for choosing between estimators of falling bias and growing variance [Lepski1991]_.

.. [Lepski1991] O. V. Lepski, Theory Probab. Appl. 35, 454 (1991), doi:10.1137/1135065.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.slope import fit_slope, fit_weights, window_sums

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MINIMUM_FRAMES = 12
"""Below this no fit has a meaningful error."""

AGREEMENT = 3.0
"""Standard errors of the fit from longer lags within which a shorter one must agree.

A stricter rule would often move the window of a plain random walk for no reason but chance, and a fit chosen by how
its value looks has a larger error than it states (at 1.5 the 68 % interval covered 60 %)."""

MARGIN = 3
"""The window begins at so many correlation lags: a bias that falls as 1/lag is then below the error of the fit."""

SHORTEST_SHARE = 200
"""The window begins no earlier than this fraction of the run: sampling is still ample there, and bias smaller."""

SPAN = 5
N_LAGS = 8
SAMPLES_PER_LAG = 8


def correlation_lag(positions: NDArray[np.floating], drift: FloatArray, frame_interval_ps: float) -> int:
    """Return the shortest lag in frames from which every longer fit agrees; the longest tried if none does.

    Each candidate ``k`` is judged by the slope over the lags ``k``, ``2k`` and ``4k``, up to a fifth of the run.

    :param positions: unwrapped positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``.
    """
    candidates = [1]
    while 8 * candidates[-1] <= len(positions) // 5:
        candidates.append(2 * candidates[-1])
    fits = []
    for lag in candidates:
        stride = max(1, lag // SAMPLES_PER_LAG)
        sums = window_sums(positions, drift, lag // stride * np.array([1, 2, 4]), stride, frame_interval_ps)
        slope = fit_slope(sums, fit_weights(sums))
        fits.append((lag, slope.mean, slope.stderr))
    for index, (lag, value, _) in enumerate(fits):
        if all(abs(value - longer) <= AGREEMENT * stderr for _, longer, stderr in fits[index + 1 :]):
            return lag
    return fits[-1][0]  # pragma: no cover - the last candidate has nothing to disagree with


def default_lags(n_frames: int, correlation: int) -> tuple[IntArray, int]:
    """Return lags in units of a stride, and the stride in frames, for a window that begins beyond the correlation lag.

    It ends at five times its beginning or a fifth of the run, whichever is less.
    """
    first = min(max(MARGIN * correlation, n_frames // SHORTEST_SHARE), max(1, n_frames // 10))
    return spaced_lags(first, max(min(SPAN * first, n_frames // 5), first + 1))


def requested_lags(n_frames: int, interval_ps: float, window_ps: tuple[float, float]) -> tuple[IntArray, int]:
    """Return lags in units of a stride, and the stride in frames, for a window given in ps.

    :raises ValueError: if the window is too narrow to hold two lags or reaches beyond half the run.
    """
    begin, end = window_ps
    if not (np.isfinite(begin) and np.isfinite(end)):
        raise ValueError(f"the fit window must be two finite times in ps, got {window_ps}")
    first, last = max(1, round(begin / interval_ps)), round(end / interval_ps)
    if not (0 <= begin < end and first < last and 2 * last <= n_frames):
        raise ValueError(
            f"the fit window {begin:g}–{end:g} ps must hold two lags between {interval_ps:g} ps (one frame) and "
            f"{0.5 * n_frames * interval_ps:g} ps (half the run)"
        )
    return spaced_lags(first, last)


def spaced_lags(first: int, last: int) -> tuple[IntArray, int]:
    """Return about eight lags between two, geometrically spaced, in units of a stride that divides the first."""
    stride = next(step for step in range(max(1, first // SAMPLES_PER_LAG), 0, -1) if first % step == 0)
    lags = np.round(np.geomspace(first, last, N_LAGS) / stride).astype(np.int64)
    return np.unique(np.minimum(lags, last // stride)), stride
