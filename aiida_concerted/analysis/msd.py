"""Mean squared displacements of single particles and of all particles together, exactly and in bounded memory.

With ``r(t)`` split into its correlation function and its running sums, the average over *all* overlapping windows
costs a Fourier transform instead of a double loop [Calandrini2011]_. Positions are centred on each particle's mean
first: without it the two large parts cancel badly for particles far from the origin.

.. [Calandrini2011] V. Calandrini et al., Collection SFN 12, 201 (2011), doi:10.1051/sfn/201112010, section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft

FloatArray = NDArray[np.float64]

CHUNK_BYTES = 1 << 28
"""Working memory of one chunk of particles."""

_AXIS_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def mean_squared_displacement(positions: NDArray[np.floating], *, max_lag: int | None = None) -> FloatArray:
    """Return the windowed mean squared displacement of every particle.

    Every window of ``k`` frames counts, so the value at lag ``k`` averages over ``n_frames - k`` overlapping windows;
    these are correlated, and their scatter is not a standard error. For the mean over particles use
    :func:`displacement_tensor` or :func:`ensemble_mean_squared_displacement`, which never hold a value per particle.

    :param positions: unwrapped Cartesian positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param max_lag: longest lag in frames; all lags when not given.
    :return: displacement in Å², shape ``(max_lag + 1, n_particles)``; row 0 is zero.
    :raises ValueError: if ``positions`` does not have the shape above or ``max_lag`` exceeds it.

    Cost ``O(n_frames log n_frames)`` per particle [Calandrini2011]_.
    """
    n_lags = _checked_lags(positions, max_lag)
    result = np.empty((n_lags, positions.shape[1]))
    for particles, chunk in _particle_chunks(positions, None):
        spectrum = fft.rfft(chunk, fft.next_fast_len(2 * len(chunk), real=True), axis=0)
        correlation = _correlation((np.abs(spectrum) ** 2).sum(axis=2), len(chunk), n_lags)
        squares = _end_point_means((chunk**2).sum(axis=2), n_lags)
        result[:, particles] = squares - 2.0 * correlation
    result[0] = 0.0
    return np.maximum(result, 0.0)


def displacement_tensor(
    positions: NDArray[np.floating], *, max_lag: int | None = None, drift: FloatArray | None = None
) -> FloatArray:
    """Return the mean of the outer product of displacements, ⟨Δr Δrᵀ⟩, over particles and overlapping windows.

    Its trace is the mean squared displacement, its diagonal the displacement along each axis.

    :param positions: unwrapped Cartesian positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param max_lag: longest lag in frames; all lags when not given.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``, subtracted from every particle.
    :return: tensor in Å², shape ``(max_lag + 1, 3, 3)``, symmetric.
    :raises ValueError: if a shape is not the above or ``max_lag`` exceeds the frames.
    """
    n_lags = _checked_lags(positions, max_lag)
    n_frames, n_particles = positions.shape[:2]
    length = fft.next_fast_len(2 * n_frames, real=True)
    spectra = np.zeros((length // 2 + 1, len(_AXIS_PAIRS)))
    products = np.zeros((n_frames, len(_AXIS_PAIRS)))
    for _, chunk in _particle_chunks(positions, drift):
        spectrum = fft.rfft(chunk, length, axis=0)
        for column, (a, b) in enumerate(_AXIS_PAIRS):
            # The real part is the mean of corr(a, b) and corr(b, a), which is what a displacement contains.
            spectra[:, column] += (spectrum[:, :, a] * spectrum[:, :, b].conj()).real.sum(axis=1)
            products[:, column] += (chunk[:, :, a] * chunk[:, :, b]).sum(axis=1)
    values = _end_point_means(products, n_lags) - 2.0 * _correlation(spectra, n_frames, n_lags)
    values[0] = 0.0
    return _as_tensors(values / n_particles)


def ensemble_mean_squared_displacement(
    positions: NDArray[np.floating], *, max_lag: int | None = None, drift: FloatArray | None = None
) -> FloatArray:
    """Return the windowed mean squared displacement averaged over particles, in Å², shape ``(max_lag + 1,)``.

    Parameters and exceptions as in :func:`displacement_tensor`, whose trace it is.
    """
    tensors = displacement_tensor(positions, max_lag=max_lag, drift=drift)
    return np.asarray(np.trace(tensors, axis1=1, axis2=2), dtype=np.float64)


def collective_displacement_tensor(
    positions: NDArray[np.floating], *, max_lag: int | None = None, drift: FloatArray | None = None
) -> FloatArray:
    """Return ⟨ΔR ΔRᵀ⟩/N with ΔR the sum of all particles' displacements.

    Its slope gives the charge diffusivity where that of :func:`displacement_tensor` gives the tracer diffusivity; for
    particles that move independently the two agree. One run has only one such sum, hence its scatter.

    Parameters, result and exceptions as in :func:`displacement_tensor`.
    """
    _checked_lags(positions, max_lag)
    total = total_position(positions, drift=drift)
    return displacement_tensor(total[:, None, :], max_lag=max_lag) / positions.shape[1]


def total_position(positions: NDArray[np.floating], *, drift: FloatArray | None = None) -> FloatArray:
    """Return the sum of all positions in Å, seen from the frame that moves with ``drift``, shape ``(n_frames, 3)``."""
    total: FloatArray = np.sum(positions, axis=1, dtype=np.float64)
    return total if drift is None else total - positions.shape[1] * drift


def _checked_lags(positions: NDArray[np.floating], max_lag: int | None) -> int:
    if positions.ndim != 3 or positions.shape[2] != 3 or positions.size == 0:
        raise ValueError(f"positions must have the shape (n_frames, n_particles, 3), got {positions.shape}")
    longest = len(positions) - 1
    if max_lag is not None and not 0 <= max_lag <= longest:
        raise ValueError(f"max_lag must lie between 0 and {longest} for {len(positions)} frames, got {max_lag}")
    return (longest if max_lag is None else max_lag) + 1


def _particle_chunks(positions: NDArray[np.floating], drift: FloatArray | None) -> Iterator[tuple[slice, FloatArray]]:
    """Yield centred float64 copies of a few particles at a time."""
    n_frames, n_particles = positions.shape[:2]
    if drift is not None and drift.shape != (n_frames, 3):
        raise ValueError(f"drift must have the shape ({n_frames}, 3), got {drift.shape}")
    # Copy, zero-padded transform of twice the length and its products: about eight arrays of the chunk's size.
    size = max(1, CHUNK_BYTES // (8 * 8 * 3 * n_frames))
    for start in range(0, n_particles, size):
        particles = slice(start, min(start + size, n_particles))
        chunk = positions[:, particles].astype(np.float64)
        chunk -= chunk[0].copy()
        if drift is not None:
            chunk -= (drift - drift[0])[:, None, :]
        yield particles, chunk - chunk.mean(axis=0)


def _correlation(power: FloatArray, n_frames: int, n_lags: int) -> FloatArray:
    """Return the windowed correlation functions of (column-wise) power spectra."""
    length = fft.next_fast_len(2 * n_frames, real=True)
    windows = n_frames - np.arange(n_lags)
    return fft.irfft(power, length, axis=0)[:n_lags] / windows[:, None]


def _end_point_means(products: FloatArray, n_lags: int) -> FloatArray:
    """Return ⟨p(t) + p(t + k)⟩ over windows for every lag ``k`` and column."""
    n_frames = len(products)
    running = np.concatenate([np.zeros((1, products.shape[1])), np.cumsum(products, axis=0)])
    lags = np.arange(n_lags)
    windows = (n_frames - lags)[:, None]
    return (running[n_frames - lags] + running[-1] - running[lags]) / windows


def _as_tensors(values: FloatArray) -> FloatArray:
    tensors = np.empty((len(values), 3, 3))
    for column, (a, b) in enumerate(_AXIS_PAIRS):
        tensors[:, a, b] = tensors[:, b, a] = values[:, column]
    return tensors
