"""Figures of diffusion: Arrhenius plot, mean squared displacements, share of the ab plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.style import PALETTE, REFERENCE_COLOUR, temperature_colours
from aiida_concerted.plotting.temperature_axis import (
    draw_line,
    draw_points,
    finish_temperature_axis,
    legend_below,
    say_empty,
)

FloatArray = NDArray[np.float64]

REFERENCE_MARKERS = ("D", "s", "^", "*", "P", "X")


@dataclass(frozen=True)
class DisplacementCurve:
    """Mean squared displacement at one temperature.

    :param temperature_K: temperature in K.
    :param lag_ps: lags in ps, shape ``(n,)``.
    :param displacement_A2: mean squared displacement of one carrier in Å², shape ``(n,)``.
    :param fit_window_ps: first and last lag of the fit in ps, or ``None``.
    """

    temperature_K: float
    lag_ps: FloatArray
    displacement_A2: FloatArray
    fit_window_ps: tuple[float, float] | None = None


def plot_arrhenius_diffusivity(
    axes: Axes,
    points: TemperatureSeries,
    *,
    doubtful: TemperatureSeries | None = None,
    fit: ArrheniusLine | None = None,
    references: Sequence[TemperatureSeries] = (),
    reference_line: ArrheniusLine | None = None,
    extrapolate_to_K: float | None = None,
) -> Axes:
    """Return the axes with diffusivities in m² s⁻¹ over 1000/T, their fit, and published values in grey.

    :param points: diffusivities with their intervals.
    :param doubtful: diffusivities whose sampling is insufficient, drawn hollow.
    :param fit: the Arrhenius fit through them.
    :param references: published values, one series a source.
    :param reference_line: a published activation energy, drawn as a dotted line.
    :param extrapolate_to_K: temperature to which the fit is drawn, dashed beyond its points.
    """
    axes.set_yscale("log")
    own = [
        series for series in (points, doubtful) if series is not None and (len(series.value) or series is not doubtful)
    ]
    for series in own:
        hollow: dict[str, Any] = {"mfc": "white"} if series is doubtful else {}
        draw_points(axes, series, positive_only=True, color=PALETTE[0], marker="o", zorder=3, **hollow)
    if fit is not None:
        draw_line(axes, fit, to_K=extrapolate_to_K, color=PALETTE[0])
    if reference_line is not None:
        low, high = reference_line.temperature_range_K
        span = np.linspace(1000.0 / high, 1000.0 / low, 60)
        axes.plot(
            span, reference_line.evaluate(1000.0 / span), ":", color=REFERENCE_COLOUR, lw=1, label=reference_line.label
        )
    for index, reference in enumerate(references):
        marker = REFERENCE_MARKERS[index % len(REFERENCE_MARKERS)]
        draw_points(axes, reference, positive_only=True, color=REFERENCE_COLOUR, marker=marker, mfc="white", zorder=2)
    axes.set_ylabel("D (m$^2$ s$^{-1}$)")
    finish_temperature_axis(axes, [value for item in (*own, *references) for value in item.temperature_K])
    legend_below(axes, ncols=2, columnspacing=1.0, fontsize=7)
    return axes


def plot_displacements(axes: Axes, curves: Sequence[DisplacementCurve]) -> Axes:
    """Return the axes with mean squared displacements in Å² over the lag in ps, both logarithmic.

    The part that the diffusivity was fitted to is drawn thick; a dotted line shows the slope of diffusion.
    """
    axes.set_xscale("log")
    axes.set_yscale("log")
    colours = temperature_colours([curve.temperature_K for curve in curves])
    for curve in sorted(curves, key=lambda item: -item.temperature_K):
        drawn = (curve.lag_ps > 0) & (curve.displacement_A2 > 0)
        lag, displacement = curve.lag_ps[drawn], curve.displacement_A2[drawn]
        colour = colours[float(curve.temperature_K)]
        axes.plot(lag, displacement, color=colour, lw=1, label=f"{curve.temperature_K:.0f} K")
        if curve.fit_window_ps is not None:
            first, last = curve.fit_window_ps
            inside = (lag >= first) & (lag <= last)
            axes.plot(lag[inside], displacement[inside], color=colour, lw=2.6, label="_fitted")
    if curves:
        _slope_of_diffusion(axes, curves)
        axes.legend(loc="upper left")
    else:
        say_empty(axes, "no displacements")
    axes.set_xlabel("lag (ps)")
    axes.set_ylabel("mean squared displacement (Å$^2$)")
    return axes


def _slope_of_diffusion(axes: Axes, curves: Sequence[DisplacementCurve]) -> None:
    coldest = min(curves, key=lambda item: item.temperature_K)
    usable = (coldest.lag_ps > 0) & (coldest.displacement_A2 > 0)
    if usable.sum() < 2:
        return
    lag = coldest.lag_ps[usable]
    span = np.array([lag[-1] / 8.0, lag[-1]])
    # Below the coldest curve, where it crosses nothing.
    level = 0.5 * coldest.displacement_A2[usable][-1]
    axes.plot(span, level * span / span[-1], ":", color=REFERENCE_COLOUR, lw=1, label="∝ lag")


def plot_haven_ratios(axes: Axes, ratios: TemperatureSeries, *, references: Sequence[TemperatureSeries] = ()) -> Axes:
    """Return the axes with Haven ratios D*/D_σ over 1000/T; carriers that move independently have one."""
    draw_points(axes, ratios, positive_only=False, color=PALETTE[0], marker="o", zorder=3)
    for index, reference in enumerate(references):
        marker = REFERENCE_MARKERS[index % len(REFERENCE_MARKERS)]
        draw_points(axes, reference, positive_only=False, color=REFERENCE_COLOUR, marker=marker, mfc="white")
    axes.axhline(1.0, color=REFERENCE_COLOUR, lw=0.8, ls=":", label="independent, 1")
    # Room above, where the ticks of the temperatures would touch an error bar.
    axes.set_ylim(0.0, 1.08 * axes.get_ylim()[1])
    axes.set_ylabel("Haven ratio (D*/D$_σ$)")
    finish_temperature_axis(
        axes, [*ratios.temperature_K, *(value for item in references for value in item.temperature_K)]
    )
    legend_below(axes, ncols=2)
    return axes


def plot_plane_share(axes: Axes, share: TemperatureSeries, *, references: Sequence[TemperatureSeries] = ()) -> Axes:
    """Return the axes with (D_a + D_b)/(D_a + D_b + D_c) over 1000/T; isotropic diffusion is marked at 2/3."""
    draw_points(axes, share, positive_only=False, color=PALETTE[0], marker="o", zorder=3)
    for index, reference in enumerate(references):
        marker = REFERENCE_MARKERS[index % len(REFERENCE_MARKERS)]
        draw_points(axes, reference, positive_only=False, color=REFERENCE_COLOUR, marker=marker, mfc="white")
    axes.axhline(2.0 / 3.0, color=REFERENCE_COLOUR, lw=0.8, ls=":", label="isotropic, 2/3")
    axes.set_ylim(0.0, 1.1)
    axes.set_ylabel("ab share of D (fraction)")
    finish_temperature_axis(
        axes, [*share.temperature_K, *(value for item in references for value in item.temperature_K)]
    )
    axes.legend(loc="upper left", ncols=2)
    return axes
