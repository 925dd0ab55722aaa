"""Tracer and charge diffusivity, Haven ratio and conductivity of one run, with errors that survive concerted motion.

All motion is measured relative to the framework's plain mean displacement. The tracer diffusivity D* is the slope of
``⟨|Δr|²⟩/6`` of single carriers, the charge diffusivity D_σ that of ``⟨|ΣΔr|²⟩/(6N)``, the Haven ratio H = D*/D_σ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.blocks import bootstrap_sums
from aiida_concerted.analysis.fit_window import (
    LEAST_DISPLACEMENT,
    MINIMUM_FRAMES,
    FitWindows,
    choose_windows,
    requested_lags,
)
from aiida_concerted.analysis.msd import ensemble_mean_squared_displacement, total_position
from aiida_concerted.analysis.slope import Slope, fit_slope, fit_weights, joint_blocks, several_window_sums, window_sums
from aiida_concerted.common.estimate import NORMAL_95, Estimate, Interval
from aiida_concerted.common.positions import PositionArray, from_frame
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.common.units import A2_PER_PS_IN_M2_PER_S, conductivity_S_m

FloatArray = NDArray[np.float64]

HOP_LENGTH_A = 3.0
"""Length of one hop; about the distance of neighbouring sites in sulphides."""

SUFFICIENT_RELATIVE_ERROR = 0.30
SUFFICIENT_HOPS = 56
"""Hops at which the empirical relative error 3.43/√n + 0.04 [He2018]_ has fallen to one half."""


METHOD = (
    "generalised least squares on the windowed MSD with random-walk covariance, free intercept; "
    "error times the square root of the collective factor from batches of time; joint block bootstrap for ratios"
)
SAMPLING_RULE = (
    f"sufficient: relative standard error of the tracer diffusivity at most {SUFFICIENT_RELATIVE_ERROR:.2f}, "
    f"at least {SUFFICIENT_HOPS} effective hops (where the relative error 3.43/√N + 0.04 of N hops by He et al., "
    f"npj Comput. Mater. 4, 18 (2018), falls to one half), and at the beginning of the fit a diffusive squared "
    f"displacement of at least {LEAST_DISPLACEMENT:g} squared hop lengths"
)


@dataclass(frozen=True)
class TransportResult:
    """How carriers diffuse in one run; diffusivities in m² s⁻¹, conductivities in S m⁻¹.

    :param tracer: tracer diffusivity, never negative.
    :param tensor: tracer diffusivity tensor in Cartesian axes, shape ``(3, 3)``.
    :param components: its diagonal with errors, keys ``x``, ``y``, ``z``.
    :param ab_share: (Dxx + Dyy)/(Dxx + Dyy + Dzz); ``None`` where nothing diffuses.
    :param charge_diffusivity: D_σ; ``None`` where the run does not resolve a positive value.
    :param haven_ratio: D*/D_σ with 95 % interval; ``None`` with it. Unbounded above where D_σ is not resolved from
        zero.
    :param nernst_einstein: conductivity of carriers that would move independently; ``None`` without a temperature.
    :param collective: conductivity from D_σ; ``None`` without it or a temperature.
    :param fit_window_ps: first and last lag of the fit of the tracer diffusivity in ps.
    :param charge_window_ps: first and last lag of the fit of the charge diffusivity in ps.
    :param correlation_ps: shortest lag from which all longer fits agree; ``None`` where the window was given.
    :param collective_factor: factor on the variance of the tracer diffusivity beyond independent walkers.
    :param n_independent: three-dimensional Gaussian displacements, independent of each other, that would give this
        error.
    :param n_hops_effective: N ⟨r²⟩/a² over the whole run with the hop length ``a`` [He2018]_.
    :param relative_error_of_hops: relative error 3.43/√N + 0.04 of a diffusivity from so many hops [He2018]_; ``None``
        without any.
    :param sampling: ``sufficient`` or ``insufficient`` by ``sampling_rule``.
    :param lag_ps: lags of the two curves, thinned.
    :param msd_tracer_A2: mean squared displacement of one carrier.
    :param msd_collective_A2: ``⟨|ΣΔr|²⟩/N``.
    :param frame: ``framework``, or ``laboratory`` where the run has no framework.

    .. [He2018] X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018), doi:10.1038/s41524-018-0074-y.
    """

    tracer: Estimate
    tensor: FloatArray
    components: dict[str, Estimate]
    ab_share: Estimate | None
    charge_diffusivity: Estimate | None
    haven_ratio: Interval | None
    nernst_einstein: Estimate | None
    collective: Estimate | None
    fit_window_ps: tuple[float, float]
    charge_window_ps: tuple[float, float]
    correlation_ps: float | None
    collective_factor: float
    n_independent: int
    n_hops_effective: float
    relative_error_of_hops: float | None
    sampling: str
    lag_ps: FloatArray
    msd_tracer_A2: FloatArray
    msd_collective_A2: FloatArray
    frame: str
    sampling_rule: str = SAMPLING_RULE
    method: str = METHOD

    @property
    def c_share(self) -> Estimate | None:
        """Return Dzz/(Dxx + Dyy + Dzz), the rest of ``ab_share`` and with its error."""
        return None if self.ab_share is None else Estimate(1.0 - self.ab_share.value, self.ab_share.stderr)

    def as_dict(self) -> dict[str, Any]:
        """Return the sections ``diffusivity`` and ``msd`` of the analysis JSON; what is not computable is left out."""
        estimates = {
            "ab_share": self.ab_share,
            "c_share": self.c_share,
            "charge_m2_s": self.charge_diffusivity,
            "haven_ratio": self.haven_ratio,
        }
        conductivity = {"nernst_einstein": self.nernst_einstein, "collective": self.collective}
        diffusivity: dict[str, Any] = {
            "tracer_m2_s": self.tracer.as_dict(),
            "tensor_m2_s": self.tensor.tolist(),
            "components_m2_s": {axis: estimate.as_dict() for axis, estimate in self.components.items()},
            **{key: estimate.as_dict() for key, estimate in estimates.items() if estimate is not None},
            "conductivity_S_m": {key: value.as_dict() for key, value in conductivity.items() if value is not None},
            "fit_window_ps": list(self.fit_window_ps),
            "charge_window_ps": list(self.charge_window_ps),
            "n_independent": self.n_independent,
            "n_hops_effective": self.n_hops_effective,
            "collective_factor": self.collective_factor,
            "sampling": self.sampling,
            "sampling_rule": self.sampling_rule,
            "method": self.method,
        }
        if not diffusivity["conductivity_S_m"]:
            del diffusivity["conductivity_S_m"]
        optional = {"correlation_ps": self.correlation_ps, "relative_error_of_hops": self.relative_error_of_hops}
        diffusivity |= {key: value for key, value in optional.items() if value is not None}
        curves = {
            "lag_ps": self.lag_ps.tolist(),
            "tracer_A2": self.msd_tracer_A2.tolist(),
            "collective_A2": self.msd_collective_A2.tolist(),
        }
        return {"diffusivity": diffusivity, "msd": curves}


def estimate_diffusivity(
    trajectory: Trajectory,
    *,
    charge: float = 1.0,
    discard_ps: float = 0.0,
    fit_window_ps: tuple[float, float] | None = None,
    hop_length_A: float = HOP_LENGTH_A,
    seed: int = 0,
) -> TransportResult:
    """Return diffusivities, Haven ratio and conductivities of one run with their errors.

    :param trajectory: one run; positions unwrapped.
    :param charge: charge of one carrier in e.
    :param discard_ps: time to leave out at the beginning, in ps.
    :param fit_window_ps: first and last lag of both fits in ps; found from the data when not given, see
        :mod:`.fit_window`.
    :param hop_length_A: length of a hop in Å, for the effective number of hops and the beginning of the fit.
    :param seed: seed of the bootstrap.
    :raises ValueError: if fewer than twelve frames remain, the window is not inside the run, or the hop length is not
        positive.

    Cost ``O(n_frames n_carriers)`` for each of some forty lags, and one transform for the curves; the positions are
    read four times, some carriers at a time, and never held.
    """
    positions, drift = _production(trajectory, discard_ps)
    if not (np.isfinite(hop_length_A) and hop_length_A > 0):
        raise ValueError(f"the hop length must be positive, got {hop_length_A} Å")
    total = (total_position(positions, drift=drift) / np.sqrt(trajectory.n_carriers))[:, None, :]
    if fit_window_ps is None:
        windows = choose_windows(positions, drift, total, hop_length_A)
    else:
        lags = requested_lags(positions.shape[0], trajectory.frame_interval_ps, fit_window_ps)
        windows = FitWindows(tracer=lags, charge=lags, correlation=None)
    tracer, charged = _fit(positions, drift, total, windows, trajectory.frame_interval_ps)
    return _Analysis(trajectory, positions, drift, total, windows, tracer, charged, charge, hop_length_A, seed).result()


def _fit(
    positions: PositionArray, drift: FloatArray, total: FloatArray, windows: FitWindows, interval_ps: float
) -> tuple[Slope, Slope]:
    """Return the slopes of the tracer curve and of the collective curve, each over its own lags.

    The weights of either are the tracer's at the same lags: one collective displacement is too little to find its own.
    """
    wanted = [(lags.units, lags.stride) for lags in (windows.tracer, windows.charge)]
    single, at_charge_lags = several_window_sums(positions, drift, wanted, interval_ps)
    together = window_sums(total, np.zeros_like(drift), *wanted[1], interval_ps)
    return fit_slope(single, fit_weights(single)), fit_slope(together, fit_weights(at_charge_lags))


def relative_error_of_hops(n_hops: float) -> float:
    """Return the relative standard deviation of a diffusivity from so many effective hops, as measured by [He2018]_."""
    return float(3.43 / np.sqrt(n_hops) + 0.04)


def thinned_lags(n_frames: int) -> NDArray[np.int64]:
    """Return some 200 lags in frames: all of a short run, else logarithmic ones and multiples of a round number."""
    longest = n_frames - 1
    if longest <= 200:
        return np.arange(1, longest + 1)
    decade = 10 ** int(np.log10(longest / 100))
    step = next(decade * factor for factor in (1, 2, 5, 10) if decade * factor * 100 >= longest)
    logarithmic = np.unique(np.round(np.geomspace(1, longest, 100)).astype(np.int64))
    return np.union1d(logarithmic, np.arange(step, longest + 1, step))


@dataclass(frozen=True)
class _Analysis:
    """The two fits of one run, and how the quantities of the result follow from them."""

    trajectory: Trajectory
    positions: PositionArray
    drift: FloatArray
    total: FloatArray
    windows: FitWindows
    tracer: Slope
    charged: Slope
    charge: float
    hop_length_A: float
    seed: int

    def result(self) -> TransportResult:
        """Return everything together."""
        interval, correlation = self.trajectory.frame_interval_ps, self.windows.correlation
        one_hop = self.one_hop()
        tracer = _estimate(self.tracer.mean, max(self.tracer.stderr, one_hop))
        charged = _estimate(self.charged.mean, self.charged.stderr) if self.charged.mean > 0 else None
        components = zip("xyz", self.tracer.components, self.tracer.components_stderr, strict=True)
        n_hops = self.n_hops()
        lags = thinned_lags(self.positions.shape[0])
        single, together = self.curves(lags)
        return TransportResult(
            tracer=tracer,
            tensor=self.tracer.tensor * A2_PER_PS_IN_M2_PER_S,
            components={axis: _estimate(value, max(float(stderr), one_hop)) for axis, value, stderr in components},
            ab_share=self.ab_share(),
            charge_diffusivity=charged,
            haven_ratio=self.haven_ratio(),
            nernst_einstein=self.conductivity(tracer),
            collective=None if charged is None else self.conductivity(charged),
            fit_window_ps=self.windows.tracer.span_ps(interval),
            charge_window_ps=self.windows.charge.span_ps(interval),
            correlation_ps=None if correlation is None else correlation * interval,
            collective_factor=self.tracer.factor,
            n_independent=_n_independent(tracer),
            n_hops_effective=n_hops,
            relative_error_of_hops=relative_error_of_hops(n_hops) if n_hops > 0 else None,
            sampling=self.sampling(tracer, n_hops),
            lag_ps=np.asarray(lags * interval, dtype=np.float64),
            msd_tracer_A2=single,
            msd_collective_A2=together,
            frame="laboratory" if self.trajectory.framework_displacement is None else "framework",
        )

    def curves(self, lags: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return the tracer and the collective mean squared displacement in Å² at ``lags``."""
        single = ensemble_mean_squared_displacement(self.positions, drift=self.drift)
        return single[lags], ensemble_mean_squared_displacement(self.total)[lags]

    def one_hop(self) -> float:
        """Return what one hop more or less changes the diffusivity by, in Å² ps⁻¹.

        A run in which nothing hopped cannot exclude a diffusivity of this size, however regular its vibrations.
        """
        duration = (self.positions.shape[0] - 1) * self.trajectory.frame_interval_ps
        return float(self.hop_length_A**2 / (6.0 * self.trajectory.n_carriers * duration))

    def n_hops(self) -> float:
        """Return N ⟨r²⟩/a² over the whole run."""
        return max(self.tracer.mean, 0.0) / self.one_hop()

    def sampling(self, tracer: Estimate, n_hops: float) -> str:
        """Return the verdict of ``SAMPLING_RULE``."""
        begin_ps, _ = self.windows.tracer.span_ps(self.trajectory.frame_interval_ps)
        moved = 6.0 * self.tracer.mean * begin_ps >= LEAST_DISPLACEMENT * self.hop_length_A**2
        resolved = 0 < tracer.value and tracer.stderr <= SUFFICIENT_RELATIVE_ERROR * tracer.value
        return "sufficient" if moved and resolved and n_hops >= SUFFICIENT_HOPS else "insufficient"

    def conductivity(self, diffusivity: Estimate) -> Estimate | None:
        """Return the conductivity of a diffusivity, ``None`` without a temperature."""
        temperature = self.trajectory.temperature_K
        if temperature is None:
            return None
        unit = conductivity_S_m(1.0, self.charge, self.trajectory.n_carriers, self.trajectory.volume_A3, temperature)
        return Estimate(diffusivity.value * unit, diffusivity.stderr * unit)

    def ab_share(self) -> Estimate | None:
        """Return (Dxx + Dyy)/ΣD, ``None`` where the components do not add up to something positive."""
        in_plane, total = float(self.tracer.components[:2].sum()), 3.0 * self.tracer.mean
        if total <= 0 or not 0 <= in_plane <= total:
            return None
        share = in_plane / total
        (blocks,) = joint_blocks([self.tracer])
        draws = bootstrap_sums(blocks - blocks.mean(axis=0), self.seed)
        # First order: a ratio of drawn sums would have no variance where the denominator may vanish.
        deviations = ((1.0 - share) * (draws[:, 0] + draws[:, 1]) - share * draws[:, 2]) / total
        measured = float(deviations.std()) * _from_draws(self.tracer, len(blocks))
        variance = self.tracer.model_variance
        modelled = np.sqrt((1.0 - share) ** 2 * (variance[0] + variance[1]) + share**2 * variance[2]) / total
        return Estimate(share, max(measured, float(modelled)))

    def haven_ratio(self) -> Interval | None:
        """Return D*/D_σ with a log-normal 95 % interval from a bootstrap that draws both together."""
        tracer, charged = self.tracer, self.charged
        if tracer.mean <= 0 or charged.mean <= 0:
            return None
        ratio = tracer.mean / charged.mean
        blocks = np.column_stack([part.mean(axis=1) for part in joint_blocks([tracer, charged])])
        blocks /= [tracer.mean, charged.mean]
        draws = bootstrap_sums(blocks - blocks.mean(axis=0), self.seed)
        measured = float((draws[:, 0] - draws[:, 1]).std()) * _from_draws(charged, len(blocks))
        # A sum of many carriers is Gaussian, so the model binds D_σ; D* is a part of the same data, hence the
        # difference.
        modelled = (charged.stderr / charged.mean) ** 2 - (tracer.stderr / tracer.mean) ** 2
        relative = max(measured, float(np.sqrt(max(modelled, 0.0))))
        bounded = charged.stderr * NORMAL_95 < charged.mean
        return Interval(
            value=ratio,
            lower=float(ratio * np.exp(-NORMAL_95 * relative)),
            upper=float(ratio * np.exp(NORMAL_95 * relative)) if bounded else None,
            stderr=ratio * relative,
        )


def _production(trajectory: Trajectory, discard_ps: float) -> tuple[PositionArray, FloatArray]:
    """Return positions and framework displacement after the discarded time."""
    if not np.isfinite(discard_ps) or discard_ps < 0:
        raise ValueError(f"the time to discard must be zero or positive, got {discard_ps} ps")
    first = int(np.ceil(discard_ps / trajectory.frame_interval_ps - 1e-9))
    n_left = trajectory.n_frames - first
    if n_left < MINIMUM_FRAMES:
        raise ValueError(
            f"a diffusivity needs at least {MINIMUM_FRAMES} frames, {max(n_left, 0)} of {trajectory.n_frames} are left "
            f"after discarding {discard_ps:g} ps: give a longer run or discard less"
        )
    drift = trajectory.framework_displacement
    if drift is None:
        drift = np.zeros((trajectory.n_frames, 3))
    return from_frame(trajectory.carriers, first), np.ascontiguousarray(drift[first:], dtype=np.float64)


def _estimate(value_A2_ps: float, stderr_A2_ps: float) -> Estimate:
    """Return a diffusivity in m² s⁻¹; noise below zero becomes zero, with its error."""
    unit = A2_PER_PS_IN_M2_PER_S
    return Estimate(max(float(value_A2_ps), 0.0) * unit, float(stderr_A2_ps) * unit)


def _from_draws(slope: Slope, n_blocks: int) -> float:
    """Return the factor from the scatter of drawn means of blocks to a standard error."""
    return slope.block_inflation * float(np.sqrt(n_blocks / max(n_blocks - 1, 1)))


def _n_independent(tracer: Estimate) -> int:
    # The mean of n squared Gaussian displacements in three dimensions has the relative variance 2/(3n).
    if tracer.value == 0 or tracer.stderr == 0:
        return 0
    return int(2.0 / 3.0 * (tracer.value / tracer.stderr) ** 2)
