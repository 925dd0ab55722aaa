"""What a random walk with vibrations says about the scatter of its own mean squared displacement.

One coordinate is ``x(k) = walk(k) + noise(k)``: steps of variance ``step_variance`` and a bounded, white vibration of
variance ``noise_variance``, so that ``MSD(k) = 2 noise_variance + step_variance k``. Displacements are Gaussian; the
covariance of two *squared* displacements is twice the square of the covariance of the displacements (Isserlis), and
that of their overlapping windows follows by counting pairs of windows [Bullerjahn2020]_, [Qian1991]_.

.. [Bullerjahn2020] J. T. Bullerjahn, S. von Bülow, G. Hummer, J. Chem. Phys. 153, 024116 (2020), doi:10.1063/5.0008312.
.. [Qian1991] H. Qian, M. P. Sheetz, E. L. Elson, Biophys. J. 60, 910 (1991), doi:10.1016/S0006-3495(91)82125-7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def squared_displacement_covariance(
    lag: int, lags: IntArray, step_variance: float, noise_variance: float
) -> FloatArray:
    """Return the covariance of squared displacements of one coordinate in windows that start apart.

    :param lag: length in frames of the window that starts at frame 0, one of ``lags``.
    :param lags: lengths of the other windows in frames, increasing, length ``n_lags``.
    :param step_variance: variance of one step of the walk in Å² (2 D per frame).
    :param noise_variance: variance of the vibration in Å².
    :return: ``[k, h]`` is the covariance in Å⁴ of ``Δx²`` over ``lag`` from frame 0 and over ``lags[k]`` from frame
        ``h - max(lags)``, shape ``(n_lags, 2 max(lags) + 1)``.
    """
    starts = np.arange(-lags[-1], lags[-1] + 1)
    ends = starts + lags[:, None]
    overlap = np.minimum(lag, ends) - np.maximum(0, starts)
    shared_ends = (starts == 0).astype(int) + (ends == lag) - (starts == lag) - (ends == 0)
    covariance = step_variance * np.maximum(overlap, 0) + noise_variance * shared_ends
    return 2.0 * covariance**2


def msd_covariance(lags: IntArray, n_frames: int, step_variance: float, noise_variance: float) -> FloatArray:
    """Return the covariance in Å⁴ of the windowed MSD of one coordinate of one particle, shape ``(n_lags, n_lags)``.

    :param lags: lags in frames, increasing, all below ``n_frames``.
    :param n_frames: frames of the run; every window in it counts.
    :param step_variance: variance of one step of the walk in Å².
    :param noise_variance: variance of the vibration in Å².
    """
    starts = np.arange(-lags[-1], lags[-1] + 1)
    windows = n_frames - lags
    rows = []
    for lag in lags.tolist():
        pairwise = squared_displacement_covariance(lag, lags, step_variance, noise_variance)
        last = np.minimum(n_frames - lag, windows[:, None] - starts)
        pairs = np.maximum(last - np.maximum(0, -starts), 0)
        rows.append((pairwise * pairs).sum(axis=1))
    return np.array(rows) / np.outer(windows, windows)


def slope_weights(lags: IntArray, covariance: FloatArray) -> FloatArray:
    """Return the weights whose sum with the MSD is its generalised least-squares slope, the intercept being free.

    :param lags: at least two different lags in frames.
    :param covariance: covariance of the MSD at these lags; zeros mean equal weights.
    :return: weights in 1/frame, shape ``(n_lags,)``; they sum to zero, and to one with ``lags``.
    """
    design = np.stack([np.ones(len(lags)), lags.astype(np.float64)], axis=1)
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        return np.linalg.pinv(design)[1]
    correlation = covariance / np.outer(scale, scale)
    # Long lags of a long run are almost perfectly correlated; the ridge only keeps the factorisation possible.
    correlation[np.diag_indices_from(correlation)] += 1e-10
    factor = linalg.cholesky(correlation, lower=True)
    whitened = linalg.solve_triangular(factor, design / scale[:, None], lower=True)
    return linalg.solve_triangular(factor, np.linalg.pinv(whitened)[1], lower=True, trans="T") / scale


def batch_variance(
    weights: FloatArray, lags: IntArray, step_variance: float, noise_variance: float, batch: int, n_windows: int
) -> float:
    """Return the expected squared scatter, about the overall mean, of means of ``batch`` successive windows.

    It is what the same model predicts for the *measured* scatter of batches, so that dividing one by the other leaves
    the bias of short batches out.

    :param weights: weights of the lags, as of :func:`slope_weights`.
    :param lags: lags in frames, increasing.
    :param step_variance: variance of one step of the walk in Å².
    :param noise_variance: variance of the vibration in Å².
    :param batch: windows in a batch.
    :param n_windows: windows in the run.
    """
    reach = int(lags[-1])
    series = np.zeros(2 * reach + 1)
    for lag, weight in zip(lags.tolist(), weights, strict=True):
        series += weight * (weights @ squared_displacement_covariance(lag, lags, step_variance, noise_variance))
    starts = np.abs(np.arange(-reach, reach + 1))

    def variance_of_mean(length: int) -> float:
        return float((np.maximum(length - starts, 0) * series).sum()) / length**2

    return max(variance_of_mean(batch) - variance_of_mean(n_windows), 0.0)
