"""Figure of concerted modes: how often each class of two-ion hop happens, over temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.style import colour_of, marker_of
from aiida_concerted.plotting.temperature_axis import (
    draw_line,
    draw_points,
    finish_temperature_axis,
    legend_below,
    say_empty,
    shift_of,
)


def plot_mode_frequencies(
    axes: Axes,
    series: Sequence[TemperatureSeries],
    *,
    fits: Mapping[str, ArrheniusLine] | None = None,
    without_fit: Sequence[str] = (),
) -> Axes:
    """Return the axes with frequencies per cell in s⁻¹ over 1000/T, one series a mode.

    :param series: frequencies with their 95 % intervals; a zero with an upper bound is drawn as that bound.
    :param fits: Arrhenius lines by mode.
    :param without_fit: modes that had too few events; they are listed below the legend.
    """
    axes.set_yscale("log")
    for index, item in enumerate(series):
        colour = colour_of(index)
        shift = shift_of(index, len(series))
        draw_points(axes, item, positive_only=True, shift_pt=shift, color=colour, marker=marker_of(index))
        if fits and item.label in fits:
            draw_line(axes, fits[item.label], color=colour)
    axes.set_ylabel("frequency (s$^{-1}$ per cell)")
    finish_temperature_axis(axes, [value for item in series for value in item.temperature_K])
    if not series:
        say_empty(axes, "no concerted hops were seen")
        return axes
    title = "no fit: " + ", ".join(without_fit) if without_fit else None
    legend_below(axes, ncols=2, title=title, title_fontsize=7)
    return axes
