"""Where a displacement curve has become a straight line, and which lags a fit should use.

The correlation lag is the shortest one from which fits agree with those from *all* longer lags within their errors, the
idea of Lepski's method for choosing between estimators of falling bias and growing variance [Lepski1991]_. A run of few
hops cannot show all the memory there is: carriers that hop back undo displacement over many residence times. The window
of the tracer diffusivity therefore also begins where carriers have moved by half the square of a hop [He2018]_.

.. [Lepski1991] O. V. Lepski, Theory Probab. Appl. 35, 454 (1991), doi:10.1137/1135065.
.. [He2018] X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018), doi:10.1038/s41524-018-0074-y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.blocks import block_means
from aiida_concerted.analysis.slope import walk_weights
from aiida_concerted.analysis.tails import student_quantile
from aiida_concerted.analysis.windows import displacement_products
from aiida_concerted.common.positions import PositionArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MINIMUM_FRAMES = 12
"""Below this no fit has a meaningful error."""

FALSE_ALARM = 0.003
"""Probability that two sets of lags of a plain random walk are held to disagree.

A larger one would often move the window of a plain random walk for no reason but chance, and a fit chosen by how its
value looks has a larger error than it states (at 0.13 the 68 % interval covered 60 %)."""

MARGIN = 3
"""The window begins at so many correlation lags: a bias that falls as 1/lag is then below the error of the fit."""

SHORTEST_SHARE = 200
"""The window begins no earlier than this fraction of the run: sampling is still ample there, and bias smaller."""

LATEST_SHARE = 10
"""The window begins no later than this fraction of the run: beyond, too few windows are independent."""

DISPLACEMENT_OF_BEGIN = 0.5
"""Diffusive squared displacement at the beginning of the window in units of the squared hop length."""

LEAST_DISPLACEMENT = 0.25
"""The same below which a run is called insufficient, where it is too short for the above."""

SPAN = 3
N_LAGS = 8
SAMPLES_PER_LAG = 8
BLOCK_LAGS = 6
MAXIMUM_BLOCKS = 30
MINIMUM_BLOCKS = 5


@dataclass(frozen=True)
class Lags:
    """Lags of a fit.

    :param units: lags in units of ``stride``, increasing.
    :param stride: frames between two windows.
    """

    units: IntArray
    stride: int

    def span_ps(self, frame_interval_ps: float) -> tuple[float, float]:
        """Return the first and the last lag in ps."""
        scale = self.stride * frame_interval_ps
        return float(self.units[0] * scale), float(self.units[-1] * scale)


@dataclass(frozen=True)
class FitWindows:
    """Lags for the tracer and for the charge diffusivity.

    The collective displacement forgets at least as fast as that of one carrier, which may hop back, and there is only
    one of it: its window begins earlier.

    :param correlation: shortest lag in frames from which all longer fits agree, ``None`` where the window was given.
    """

    tracer: Lags
    charge: Lags
    correlation: int | None


@dataclass(frozen=True)
class _Candidate:
    """Slopes in Å² per frame seen from each time origin at the lags ``lag``, ``2 lag`` and ``4 lag``."""

    lag: int
    stride: int
    tracer: FloatArray
    charge: FloatArray


def choose_windows(positions: PositionArray, drift: FloatArray, total: FloatArray, hop_length_A: float) -> FitWindows:
    """Return the lags at which both displacement curves are straight, as far as the run can tell.

    :param positions: unwrapped positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``.
    :param total: sum of the positions in that frame over the root of their number, shape ``(n_frames, 1, 3)``.
    :param hop_length_A: length of a hop in Å.
    """
    n_frames = positions.shape[0]
    candidates = _candidates(positions, drift, total)
    lags = [candidate.lag for candidate in candidates]
    correlation = _correlation_lag(lags, [(candidate.tracer, candidate.stride) for candidate in candidates])
    of_charge = _correlation_lag(lags, [(candidate.charge, candidate.stride) for candidate in candidates])
    moved = _displacement_lag(candidates, DISPLACEMENT_OF_BEGIN * hop_length_A**2)
    tracer = max(MARGIN * correlation, n_frames if moved is None else moved)
    return FitWindows(
        tracer=default_lags(n_frames, tracer),
        charge=default_lags(n_frames, max(MARGIN * of_charge, correlation)),
        correlation=correlation,
    )


def default_lags(n_frames: int, first: int) -> Lags:
    """Return lags for a window that begins at ``first`` frames, within the bounds that the length of the run sets.

    It ends at three times its beginning or a quarter of the run, whichever is less.
    """
    first = min(max(first, n_frames // SHORTEST_SHARE), max(1, n_frames // LATEST_SHARE))
    stride = max(1, first // SAMPLES_PER_LAG)
    first = first // stride * stride
    return spaced_lags(first, max(min(SPAN * first, n_frames // 4), first + 1))


def requested_lags(n_frames: int, interval_ps: float, window_ps: tuple[float, float]) -> Lags:
    """Return lags for a window given in ps.

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


def spaced_lags(first: int, last: int) -> Lags:
    """Return about eight lags between two, geometrically spaced, in units of a stride that divides the first."""
    stride = next(step for step in range(max(1, first // SAMPLES_PER_LAG), 0, -1) if first % step == 0)
    lags = np.round(np.geomspace(first, last, N_LAGS) / stride).astype(np.int64)
    return Lags(np.unique(np.minimum(lags, last // stride)), stride)


def _candidates(positions: PositionArray, drift: FloatArray, total: FloatArray) -> list[_Candidate]:
    lags = [1]
    while 16 * lags[-1] <= positions.shape[0] // 4:
        lags.append(2 * lags[-1])
    single, together = (_Squares(lags, *source) for source in ((positions, drift), (total, np.zeros_like(drift))))
    found = []
    for lag in lags:
        stride = _stride_of(lag)
        units = lag // stride * np.array([1, 2, 4])
        squares = single.at(lag)
        msd = np.array([values.mean() for values in squares]) / 3.0
        weights = walk_weights(units, msd, (positions.shape[0] - 1) // stride + 1) / stride  # for each frame
        found.append(_Candidate(lag, stride, *(_combined(weights, part) for part in (squares, together.at(lag)))))
    return found


class _Squares:
    """Squared displacements at ``lag``, ``2 lag`` and ``4 lag`` of all candidates, from one reading of the positions.

    Lags that several candidates share are kept at the finest stride that one of them asks for.
    """

    def __init__(self, lags: list[int], positions: PositionArray, drift: FloatArray) -> None:
        self._strides: dict[int, int] = {}
        for lag in lags:
            for window in (lag, 2 * lag, 4 * lag):
                self._strides.setdefault(window, _stride_of(lag))
        values = displacement_products(positions, drift, list(self._strides.items()), n_columns=1)
        self._values = {window: squares[0] for window, squares in zip(self._strides, values, strict=True)}

    def at(self, lag: int) -> list[FloatArray]:
        """Return the three series of one candidate at its own stride."""
        windows = (lag, 2 * lag, 4 * lag)
        return [self._values[window][:: _stride_of(lag) // self._strides[window]] for window in windows]


def _stride_of(lag: int) -> int:
    return max(1, lag // SAMPLES_PER_LAG)


def _combined(weights: FloatArray, squares: list[FloatArray]) -> FloatArray:
    """Return the slope summed over axes as seen from every origin that all lags share."""
    n_common = len(squares[-1])
    return np.sum([weight * values[:n_common] for weight, values in zip(weights, squares, strict=True)], axis=0)


def _correlation_lag(lags: list[int], series: list[tuple[FloatArray, int]]) -> int:
    # Downwards from the longest: short lags of a vibrating particle are noisy enough to agree with anything.
    for index in range(len(lags) - 2, -1, -1):
        longer = range(index + 1, len(lags))
        if not all(_agree(series[index], series[other], lags[other]) for other in longer):
            return lags[index + 1]
    return lags[0]


def _agree(shorter: tuple[FloatArray, int], longer: tuple[FloatArray, int], lag: int) -> bool:
    """Say whether the slopes from two sets of lags differ by no more than chance, block of time by block of time.

    Both see the same hops: their difference is known much better than either.
    """
    stride = longer[1]
    n_frames = len(longer[0]) * stride
    length = max(BLOCK_LAGS * lag, n_frames // MAXIMUM_BLOCKS)
    length = max(stride, min(length, n_frames // MINIMUM_BLOCKS) // stride * stride)
    n_blocks = n_frames // length
    if n_blocks < 2:
        return True
    blocks = [block_means(values[: n_blocks * length // step], length // step) for values, step in (shorter, longer)]
    difference = blocks[1] - blocks[0]
    error = float(difference.std(ddof=1)) / np.sqrt(n_blocks)
    return bool(abs(difference.mean()) <= student_quantile(1.0 - 0.5 * FALSE_ALARM, n_blocks - 1) * error)


def _displacement_lag(candidates: list[_Candidate], wanted_A2: float) -> int | None:
    """Return the lag at which the diffusive squared displacement reaches a value, ``None`` where nothing diffuses."""
    for candidate in candidates:
        slope = float(candidate.tracer.mean())
        if slope * candidate.lag >= wanted_A2:
            # The slope holds from half this lag on as well as anything that is known.
            return max(int(np.ceil(wanted_A2 / slope)), candidate.lag // 2, 1)
    slope = float(candidates[-1].tracer.mean())
    return int(np.ceil(wanted_A2 / slope)) if slope > 0 else None
