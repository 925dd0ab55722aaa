"""Drawing over inverse temperature: points with intervals, fits with bands, and the temperatures themselves on top."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries

INVERSE_TEMPERATURE_LABEL = "1000/T (K$^{-1}$)"
SHIFT_PT = 2.6
MINIMUM_TICK_DISTANCE = 0.1
"""Least distance of two temperatures on the upper axis, in fractions of it, at which their numbers do not touch."""


def draw_points(
    axes: Axes, series: TemperatureSeries, *, positive_only: bool, shift_pt: float = 0.0, **style: Any
) -> None:
    """Draw values with their intervals against 1000/T; unknown values are left out.

    On a logarithmic axis a value of zero with an upper bound is drawn as a hollow triangle at it: *at most this*.

    :param positive_only: whether the axis is logarithmic.
    :param shift_pt: how far to the right to draw, in points, so that series at the same temperatures stay apart.
    :param style: of :meth:`matplotlib.axes.Axes.errorbar`.
    """
    shift = ScaledTranslation(shift_pt / 72.0, 0.0, axes.figure.dpi_scale_trans)
    style = {"linestyle": "none", "transform": axes.transData + shift, **style}
    known = np.isfinite(series.value)
    shown = known & (series.value > 0) if positive_only else known
    x = series.inverse_temperature
    axes.errorbar(x[shown], series.value[shown], yerr=series.error_lengths(shown), label=series.label, **style)
    _make_room(axes, series, positive_only=positive_only)
    if positive_only:
        bounded = known & ~shown & np.isfinite(series.upper) & (series.upper > 0)
        colour = style.get("color")
        axes.plot(
            x[bounded], series.upper[bounded], "v", mfc="none", color=colour, ms=4, label="_at_most",
            transform=style["transform"],
        )  # fmt: skip


def _make_room(axes: Axes, series: TemperatureSeries, *, positive_only: bool) -> None:
    """Let the limits of the axes include the values and their intervals; shifted artists do not count by themselves."""
    x = np.tile(series.inverse_temperature, 3)
    y = np.concatenate([series.value, series.lower, series.upper])
    counts = np.isfinite(y) & ((y > 0) | (not positive_only))
    axes.update_datalim(np.column_stack([x, y])[counts])
    axes.autoscale_view()


def shift_of(index: int, number: int) -> float:
    """Return how far to shift one of several series, in points."""
    return SHIFT_PT * (index - (number - 1) / 2)


def legend_below(axes: Axes, **options: Any) -> None:
    """Put the legend of an axes below the figure, where it covers no data and takes no width from the axes.

    :param options: of :meth:`matplotlib.figure.Figure.legend`.
    """
    handles, labels = axes.get_legend_handles_labels()
    axes.figure.legend(handles, labels, loc="outside lower center", **options)


def draw_line(axes: Axes, line: ArrheniusLine, *, to_K: float | None = None, **style: Any) -> None:
    """Draw a fit with its band over the temperatures it was made from, dashed beyond them.

    :param to_K: temperature to extrapolate to, in K.
    """
    colour = style.pop("color", None)
    low, high = line.temperature_range_K
    inverse = np.linspace(1000.0 / high, 1000.0 / low, 60)
    (drawn,) = axes.plot(inverse, line.evaluate(1000.0 / inverse), color=colour, label=line.label, **style)
    reach = inverse
    if to_K is not None and not low <= to_K <= high:
        end = 1000.0 / to_K
        outside = np.linspace(inverse[-1], end, 40) if end > inverse[-1] else np.linspace(end, inverse[0], 40)
        axes.plot(outside, line.evaluate(1000.0 / outside), "--", color=drawn.get_color(), lw=0.9, label="_beyond")
        reach = np.union1d(inverse, outside)
    band = line.band(1000.0 / reach)
    if band is not None:
        axes.fill_between(reach, *band, color=drawn.get_color(), alpha=0.15, linewidth=0)


def finish_temperature_axis(axes: Axes, temperatures_K: Iterable[float]) -> None:
    """Label the lower axis 1000/T and put the temperatures in K on the upper one, as many as do not touch."""
    axes.set_xlabel(INVERSE_TEMPERATURE_LABEL)
    known = sorted({float(value) for value in temperatures_K if np.isfinite(value)}, reverse=True)
    if not known:
        return
    inverse = 1000.0 / np.array(known)
    left, right = axes.get_xlim() if len(known) > 1 else (inverse[0] - 0.1, inverse[0] + 0.1)
    axes.set_xlim(left, right)
    top = axes.twiny()
    top.set_xlim(left, right)
    ticks = _apart(inverse, MINIMUM_TICK_DISTANCE * abs(right - left))
    top.set_xticks(ticks, [f"{1000.0 / tick:.0f}" for tick in ticks])
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xlabel("T (K)")


def plain_ticks(axes: Axes) -> None:
    """Write the numbers on a logarithmic vertical axis of less than two decades as 2, 5, 10 instead of as powers."""
    low, high = axes.get_ylim()
    if low >= 1e-3 and high < 2e4 and high < 100.0 * low:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else ""))


def _apart(values: np.ndarray, distance: float) -> list[float]:
    kept: list[float] = []
    for value in values:
        if not kept or value - kept[-1] >= distance:
            kept.append(float(value))
    return kept


def say_empty(axes: Axes, text: str) -> None:
    """Write into an axes why there is nothing to see in it."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.35", wrap=True)
