"""Mean squared displacements of single particles and of all particles together, exactly and in bounded memory.

With ``r(t)`` split into its correlation function and its running sums, the average over *all* overlapping windows
costs a Fourier transform instead of a double loop [Calandrini2011]_. Positions are centred on each particle's mean
first: without it the two large parts cancel badly for particles far from the origin.

.. [Calandrini2011] V. Calandrini et al., Collection SFN 12, 201 (2011), doi:10.1051/sfn/201112010, section 4.2.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from aiida_concerted.analysis.rows import check_positions, coordinate_rows
from aiida_concerted.common.positions import PositionArray, frame_blocks, particle_blocks
from aiida_concerted.common.threads import map_in_threads

FloatArray = NDArray[np.float64]

_AXIS_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def mean_squared_displacement(positions: PositionArray, *, max_lag: int | None = None) -> FloatArray:
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
    for particles in particle_blocks(positions):
        for number, row in enumerate(_centred_rows(positions, particles, None), start=particles.start):
            result[:, number] = _curves(*_particle_sums(row[None], trace=True), n_lags)[0]
    return np.maximum(result, 0.0)


def displacement_tensor(
    positions: PositionArray, *, max_lag: int | None = None, drift: FloatArray | None = None
) -> FloatArray:
    """Return the mean of the outer product of displacements, ⟨Δr Δrᵀ⟩, over particles and overlapping windows.

    Its trace is the mean squared displacement, its diagonal the displacement along each axis.

    :param positions: unwrapped Cartesian positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param max_lag: longest lag in frames; all lags when not given.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``, subtracted from every particle.
    :return: tensor in Å², shape ``(max_lag + 1, 3, 3)``, symmetric.
    :raises ValueError: if a shape is not the above or ``max_lag`` exceeds the frames.
    """
    return _as_tensors(_mean_over_particles(positions, max_lag, drift, trace=False).T)


def ensemble_mean_squared_displacement(
    positions: PositionArray, *, max_lag: int | None = None, drift: FloatArray | None = None
) -> FloatArray:
    """Return the windowed mean squared displacement averaged over particles, in Å², shape ``(max_lag + 1,)``.

    Parameters and exceptions as in :func:`displacement_tensor`, whose trace it is.
    """
    curve: FloatArray = _mean_over_particles(positions, max_lag, drift, trace=True)[0]
    return curve


def collective_displacement_tensor(
    positions: PositionArray, *, max_lag: int | None = None, drift: FloatArray | None = None
) -> FloatArray:
    """Return ⟨ΔR ΔRᵀ⟩/N with ΔR the sum of all particles' displacements.

    Its slope gives the charge diffusivity where that of :func:`displacement_tensor` gives the tracer diffusivity; for
    particles that move independently the two agree. One run has only one such sum, hence its scatter.

    Parameters, result and exceptions as in :func:`displacement_tensor`.
    """
    _checked_lags(positions, max_lag)
    total = total_position(positions, drift=drift)
    return displacement_tensor(total[:, None, :], max_lag=max_lag) / positions.shape[1]


def total_position(positions: PositionArray, *, drift: FloatArray | None = None) -> FloatArray:
    """Return the sum of all positions in Å, seen from the frame that moves with ``drift``, shape ``(n_frames, 3)``."""
    check_positions(positions, drift)
    total = np.empty((positions.shape[0], 3))
    for frames in frame_blocks(positions):
        np.sum(positions[frames], axis=1, dtype=np.float64, out=total[frames])
    return total if drift is None else total - positions.shape[1] * drift


def _checked_lags(positions: PositionArray, max_lag: int | None) -> int:
    check_positions(positions)
    longest = positions.shape[0] - 1
    if max_lag is not None and not 0 <= max_lag <= longest:
        raise ValueError(f"max_lag must lie between 0 and {longest} for {longest + 1} frames, got {max_lag}")
    return (longest if max_lag is None else max_lag) + 1


def _mean_over_particles(
    positions: PositionArray, max_lag: int | None, drift: FloatArray | None, *, trace: bool
) -> FloatArray:
    """Return the mean over particles of the six products of displacements or of their trace, ``(columns, n_lags)``."""
    n_lags = _checked_lags(positions, max_lag)
    check_positions(positions, drift)

    def block_sums(particles: slice) -> tuple[FloatArray, FloatArray]:
        return _particle_sums(_centred_rows(positions, particles, drift), trace=trace)

    blocks = map_in_threads(block_sums, particle_blocks(positions))
    spectra, products = next(blocks)
    for more_spectra, more_products in blocks:
        spectra += more_spectra
        products += more_products
    return _curves(spectra, products, n_lags) / positions.shape[1]


def _centred_rows(positions: PositionArray, particles: slice, drift: FloatArray | None) -> FloatArray:
    rows = coordinate_rows(positions, particles, drift)
    # The first value goes first: the mean of large numbers is not known to the last digits of their differences.
    rows -= rows[:, :, :1].copy()
    rows -= rows.mean(axis=2, keepdims=True)
    return rows


def _particle_sums(rows: FloatArray, *, trace: bool) -> tuple[FloatArray, FloatArray]:
    """Return the cross spectra and the products at each frame, summed over particles, ``(columns, …)`` each."""
    n_frames = rows.shape[2]
    length = _padded(n_frames)
    columns = 1 if trace else len(_AXIS_PAIRS)
    spectra, products = np.zeros((columns, length // 2 + 1)), np.zeros((columns, n_frames))
    # NumPy's transform writes where it is told: half of the time would go into getting memory for each result.
    transform = np.empty((3, length // 2 + 1), dtype=np.complex128)
    for row in rows:
        _add_products(row, products)
        for coordinate, values in zip(row, transform, strict=True):
            np.fft.rfft(coordinate, length, out=values)
        _add_spectra(transform, spectra)
    return spectra, products


@numba.njit(cache=True, nogil=True)
def _add_products(row, products):  # type: ignore[no-untyped-def]
    for frame in range(row.shape[1]):
        x, y, z = row[0, frame], row[1, frame], row[2, frame]
        if len(products) == 1:
            products[0, frame] += x * x + y * y + z * z
        else:
            products[0, frame] += x * x
            products[1, frame] += y * y
            products[2, frame] += z * z
            products[3, frame] += x * y
            products[4, frame] += x * z
            products[5, frame] += y * z


@numba.njit(cache=True, nogil=True)
def _add_spectra(transform, spectra):  # type: ignore[no-untyped-def]
    for k in range(transform.shape[1]):
        x, y, z = transform[0, k], transform[1, k], transform[2, k]
        xx, yy, zz = x.real**2 + x.imag**2, y.real**2 + y.imag**2, z.real**2 + z.imag**2
        if len(spectra) == 1:
            spectra[0, k] += xx + yy + zz
        else:
            # The real part is the mean of corr(a, b) and corr(b, a), which is what a displacement contains.
            spectra[0, k] += xx
            spectra[1, k] += yy
            spectra[2, k] += zz
            spectra[3, k] += x.real * y.real + x.imag * y.imag
            spectra[4, k] += x.real * z.real + x.imag * z.imag
            spectra[5, k] += y.real * z.real + y.imag * z.imag


def _curves(spectra: FloatArray, products: FloatArray, n_lags: int) -> FloatArray:
    """Return ⟨p(t) + p(t + k)⟩ less twice the correlation function for every lag ``k``, ``(columns, n_lags)``."""
    n_frames = products.shape[1]
    lags = np.arange(n_lags)
    windows = n_frames - lags
    correlation = fft.irfft(spectra, _padded(n_frames), axis=1)[:, :n_lags]
    running = np.concatenate([np.zeros((len(products), 1)), np.cumsum(products, axis=1)], axis=1)
    end_points = running[:, n_frames - lags] + running[:, -1:] - running[:, lags]
    curves: FloatArray = (end_points - 2.0 * correlation) / windows
    curves[:, 0] = 0.0
    return curves


def _padded(n_frames: int) -> int:
    return int(fft.next_fast_len(2 * n_frames, real=True))


def _as_tensors(columns: FloatArray) -> FloatArray:
    tensors = np.empty((len(columns), 3, 3))
    for column, (a, b) in enumerate(_AXIS_PAIRS):
        tensors[:, a, b] = tensors[:, b, a] = columns[:, column]
    return tensors
