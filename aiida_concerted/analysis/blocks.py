"""Errors of time averages from the run itself: batches, blocking and the block bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.estimate import Estimate

FloatArray = NDArray[np.float64]

N_RESAMPLES = 1000


def block_means(series: FloatArray, length: int) -> FloatArray:
    """Return the means of successive blocks of ``length`` values along axis 0; an incomplete last block is left out.

    :raises ValueError: if not even one block fits.
    """
    n_blocks = len(series) // length if length > 0 else 0
    if n_blocks < 1:
        raise ValueError(f"no block of {length} values fits into {len(series)}")
    return series[: n_blocks * length].reshape(n_blocks, length, *series.shape[1:]).mean(axis=1)


def overlapping_batch_scatter(series: FloatArray, length: int) -> FloatArray:
    """Return the mean squared deviation of all overlapping batch means from the overall mean.

    Overlapping batches carry half as much again as disjoint ones [Meketon1984]_.

    :param series: values in time, shape ``(n, ...)``.
    :param length: values in a batch, at most ``n``.
    :return: shape ``series.shape[1:]``.

    .. [Meketon1984] M. S. Meketon, B. Schmeiser, Proc. Winter Simulation Conference, 226 (1984).
    """
    if not 0 < length <= len(series):
        raise ValueError(f"a batch must hold 1 to {len(series)} values, got {length}")
    deviations = series - series.mean(axis=0)
    running = np.concatenate([np.zeros((1, *series.shape[1:])), np.cumsum(deviations, axis=0)])
    means = (running[length:] - running[:-length]) / length
    return (means**2).mean(axis=0)


def blocked_mean(series: FloatArray) -> Estimate:
    """Return the mean of a correlated series with an error that takes its correlation into account.

    Neighbours are averaged pairwise until the apparent error stops growing [FlyvbjergPetersen1989]_: the error is the
    largest found at any level that still has 16 blocks or more.

    :param series: at least two values in time, shape ``(n,)``.
    :raises ValueError: if there are fewer.

    .. [FlyvbjergPetersen1989] H. Flyvbjerg, H. G. Petersen, J. Chem. Phys. 91, 461 (1989).
    """
    if series.ndim != 1 or len(series) < 2:
        raise ValueError(f"a series of two values or more is needed, got the shape {series.shape}")
    level = np.asarray(series, dtype=np.float64)
    errors: list[float] = []
    while len(level) >= 2 and (not errors or len(level) >= 16):
        errors.append(float(level.std(ddof=1)) / np.sqrt(len(level)))
        level = 0.5 * (level[: len(level) // 2 * 2 : 2] + level[1 : len(level) // 2 * 2 : 2])
    return Estimate(float(np.mean(series)), max(errors))


def bootstrap_sums(blocks: FloatArray, seed: int, n_resamples: int = N_RESAMPLES) -> FloatArray:
    """Return means over blocks drawn with replacement, all columns drawn together.

    Ratios of columns then carry the correlation of numerator and denominator.

    :param blocks: block means, shape ``(n_blocks, n_columns)``.
    :param seed: seed of the generator; the same seed gives the same draws.
    :return: shape ``(n_resamples, n_columns)``.
    """
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(len(blocks), np.full(len(blocks), 1.0 / len(blocks)), size=n_resamples)
    return counts @ blocks / len(blocks)
