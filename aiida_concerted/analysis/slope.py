"""Diffusivity along each axis as the slope of a displacement curve, with an error that allows for collective motion.

The slope is the generalised least-squares one for independent random walkers. Its error is theirs, times the square
root of the *collective factor*: the scatter of the same slope between batches of time, divided by what independent
walkers would show in batches of that length, and never below one. Ions that move in rigid groups of ``m`` have the
factor ``m``; a run with few hops has a large one, because hops are rarer than Gaussian steps of the same variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.blocks import overlapping_batch_scatter
from aiida_concerted.analysis.random_walk import batch_variance, msd_covariance, slope_weights
from aiida_concerted.analysis.windows import displacement_products
from aiida_concerted.common.positions import PositionArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BATCHES = 30
"""Batches aimed at: their scatter is then known to a fifth."""

MINIMUM_BATCHES = 8


@dataclass(frozen=True)
class WindowSums:
    """Products of displacements, averaged over particles, in every window of some lags.

    :param lags: lags in units of ``stride`` frames, increasing.
    :param stride: frames between the starts of two windows.
    :param interval_ps: time between two starts in ps.
    :param n_starts: frames at the stride.
    :param n_particles: particles the products are averaged over.
    :param products: for each lag the products xx, yy, zz, xy, xz, yz in Å², shape ``(n_starts - lag, 6)``.
    """

    lags: IntArray
    stride: int
    interval_ps: float
    n_starts: int
    n_particles: int
    products: tuple[FloatArray, ...]

    @property
    def msd(self) -> FloatArray:
        """Return the MSD along each axis in Å², shape ``(n_lags, 3)``."""
        return np.array([product[:, :3].mean(axis=0) for product in self.products])


@dataclass(frozen=True)
class Slope:
    """Diffusivities in Å² ps⁻¹ with what is needed for their errors.

    :param tensor: diffusivity tensor, shape ``(3, 3)``.
    :param model_variance: variance of its diagonal for independent random walkers, shape ``(3,)``.
    :param axis_factors: collective factor of each axis, at least one.
    :param factor: collective factor of the mean over axes, at least one.
    :param series: the diagonal as seen from each time origin, shape ``(n_origins, 3)``.
    :param stride: frames between origins.
    :param block_length: origins in a block long enough to be compared with others.
    :param block_inflation: ratio by which the scatter of such blocks understates the error (below one: overstates).
    """

    tensor: FloatArray
    model_variance: FloatArray
    axis_factors: FloatArray
    factor: float
    series: FloatArray
    stride: int
    block_length: int
    block_inflation: float

    @property
    def components(self) -> FloatArray:
        """Return the diagonal of the tensor."""
        return np.diag(self.tensor)

    @property
    def mean(self) -> float:
        """Return the mean over axes: the diffusivity."""
        return float(self.components.mean())

    @property
    def components_stderr(self) -> FloatArray:
        """Return the standard error of each component."""
        return np.sqrt(self.model_variance * self.axis_factors)

    @property
    def stderr(self) -> float:
        """Return the standard error of the mean over axes."""
        return float(np.sqrt(self.model_variance.sum() * self.factor) / 3.0)


def joint_blocks(slopes: Sequence[Slope]) -> list[FloatArray]:
    """Return the diagonals of several slopes in the same successive blocks of time, each of shape ``(n_blocks, 3)``.

    The blocks are long enough for each of them, and there are two at least.
    """
    n_frames = min(len(slope.series) * slope.stride for slope in slopes)
    length = min(max(slope.block_length * slope.stride for slope in slopes), n_frames // 2)
    n_blocks = n_frames // length
    edges = length * np.arange(n_blocks + 1)
    result = []
    for slope in slopes:
        origins = -(-edges // slope.stride)
        parts = [slope.series[start:stop] for start, stop in pairwise(origins)]
        result.append(np.array([part.mean(axis=0) for part in parts]))
    return result


def window_sums(
    positions: PositionArray, drift: FloatArray, lags: IntArray, stride: int, frame_interval_ps: float
) -> WindowSums:
    """Return the products of displacements over some lags in windows that start ``stride`` frames apart.

    :param lags: lags in units of ``stride`` frames.
    :param positions: unwrapped positions in Å, shape ``(n_frames, n_particles, 3)``; gone through block by block.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``.
    """
    return several_window_sums(positions, drift, [(lags, stride)], frame_interval_ps)[0]


def several_window_sums(
    positions: PositionArray, drift: FloatArray, wanted: Sequence[tuple[IntArray, int]], frame_interval_ps: float
) -> list[WindowSums]:
    """Return the products of several sets of lags, each with its stride, from one reading of the positions.

    Parameters as of :func:`window_sums`.
    """
    n_frames, n_particles = positions.shape[:2]
    windows = [(int(lag) * stride, stride) for lags, stride in wanted for lag in lags]
    products = iter(displacement_products(positions, drift, windows, n_columns=6))
    return [
        WindowSums(
            lags=lags,
            stride=stride,
            interval_ps=stride * frame_interval_ps,
            n_starts=(n_frames - 1) // stride + 1,
            n_particles=n_particles,
            products=tuple(next(products).T for _ in lags),
        )
        for lags, stride in wanted
    ]


def fit_weights(sums: WindowSums) -> FloatArray:
    """Return the generalised least-squares weights of a slope, in 1/frame of the stride, for the mean over axes."""
    return walk_weights(sums.lags, sums.msd.mean(axis=1), sums.n_starts)


def walk_weights(lags: IntArray, msd: FloatArray, n_frames: int) -> FloatArray:
    """Return the generalised least-squares weights of the slope of an MSD of one axis, in 1/frame.

    :param lags: lags in frames.
    :param msd: mean squared displacement at each in Å².
    :param n_frames: frames of the run.
    """
    weights = slope_weights(lags, np.zeros((len(lags), len(lags))))
    for _ in range(3):
        step, noise = _variances(lags, msd, weights)
        weights = slope_weights(lags, msd_covariance(lags, n_frames, step, noise))
    return weights


def _slope_series(sums: WindowSums, weights: FloatArray) -> FloatArray:
    """Return the slope along each axis as seen from every origin that all lags share, shape ``(n_origins, 3)``."""
    n_common = len(sums.products[-1])
    series = np.zeros((n_common, 3))
    for weight, product in zip(weights, sums.products, strict=True):
        series += weight * product[:n_common, :3]
    return series


def fit_slope(sums: WindowSums, weights: FloatArray) -> Slope:
    """Return the diffusivity with its error from windows and the weights of their lags."""
    per_ps = 0.5 / sums.interval_ps
    n_common = len(sums.products[-1])
    series = _slope_series(sums, weights)
    values = sum(weight * product.mean(axis=0) for weight, product in zip(weights, sums.products, strict=True))
    batch = _batch_length(n_common, int(sums.lags[0]), int(sums.lags[-1]))
    variance, expected = _model(sums, weights, batch, n_common)
    scatter = overlapping_batch_scatter(np.column_stack([series, series.sum(axis=1)]), batch)
    factors = np.maximum(_ratio(scatter, np.append(expected, expected.sum())), 1.0)
    naive = expected.sum() * batch / n_common
    return Slope(
        tensor=_tensor(np.asarray(values)) * per_ps,
        model_variance=variance * per_ps**2,
        axis_factors=factors[:3],
        factor=float(factors[3]),
        series=series * per_ps,
        stride=sums.stride,
        block_length=batch,
        block_inflation=float(np.sqrt(variance.sum() / naive)) if naive > 0 else 1.0,
    )


def _variances(lags: IntArray, msd: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Return the step and noise variance of the walk behind an MSD of one axis; both are kept physical."""
    step = float(weights @ msd)
    # Without any resolvable slope the walk is given the least that the covariance can do with.
    step = max(step, 1e-6 * float(msd.mean()) / float(lags[-1]))
    noise = 0.5 * float((msd - step * lags).mean())
    return step, max(noise, 0.0)


def _model(sums: WindowSums, weights: FloatArray, batch: int, n_common: int) -> tuple[FloatArray, FloatArray]:
    """Return for each axis the variance of the slope and the scatter of its batches that independent walkers have."""
    variance, expected = np.zeros(3), np.zeros(3)
    for axis, msd in enumerate(sums.msd.T):
        step, noise = _variances(sums.lags, msd, weights)
        covariance = msd_covariance(sums.lags, sums.n_starts, step, noise)
        variance[axis] = weights @ covariance @ weights / sums.n_particles
        expected[axis] = batch_variance(weights, sums.lags, step, noise, batch, n_common) / sums.n_particles
    return variance, expected


def _batch_length(n_windows: int, shortest_lag: int, longest_lag: int) -> int:
    wanted = max(4 * shortest_lag, longest_lag, n_windows // BATCHES)
    return max(1, min(wanted, n_windows // MINIMUM_BATCHES))


def _ratio(measured: FloatArray, expected: FloatArray) -> FloatArray:
    return np.divide(measured, expected, out=np.ones_like(measured), where=expected > 0)


def _tensor(products: FloatArray) -> FloatArray:
    xx, yy, zz, xy, xz, yz = products
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
