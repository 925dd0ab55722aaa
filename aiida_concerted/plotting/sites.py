"""Figures of sites: occupancy and residence time of each label, and who sat where when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.style import REFERENCE_COLOUR, colour_of, marker_of
from aiida_concerted.plotting.temperature_axis import (
    draw_line,
    draw_points,
    finish_temperature_axis,
    legend_below,
    plain_ticks,
    say_empty,
    shift_of,
)

RASTER_COLOURS = ("#FFFFFF", "#0072B2", "#D55E00")
"""Empty, one carrier, more than one."""

MAX_RASTER_COLUMNS = 600


def plot_occupancies(
    axes: Axes, series: Sequence[TemperatureSeries], *, references: Sequence[TemperatureSeries] = ()
) -> Axes:
    """Return the axes with the mean number of carriers per site over 1000/T, by label; published values hollow.

    :param references: published occupancies; a label that is also in ``series`` takes its colour.
    """
    colours = {item.label: colour_of(index) for index, item in enumerate(series)}
    for index, item in enumerate(series):
        style = {"color": colour_of(index), "marker": marker_of(index), "linestyle": "-", "lw": 0.7}
        draw_points(axes, item, positive_only=False, shift_pt=shift_of(index, len(series)), **style)
    for item in references:
        colour = colours.get(item.label, REFERENCE_COLOUR)
        published = TemperatureSeries(f"_{item.label}", item.temperature_K, item.value, item.lower, item.upper)
        draw_points(axes, published, positive_only=False, color=colour, marker="*", mfc="white", ms=8)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("occupancy (carriers per site)")
    return _finish(axes, [*series, *references], bool(series), "no occupancies")


def plot_residence_times(
    axes: Axes, series: Sequence[TemperatureSeries], *, fits: Mapping[str, ArrheniusLine] | None = None
) -> Axes:
    """Return the axes with mean residence times in ps over 1000/T, one series a label.

    :param fits: Arrhenius lines by label.
    """
    axes.set_yscale("log")
    for index, item in enumerate(series):
        colour = colour_of(index)
        shift = shift_of(index, len(series))
        draw_points(axes, item, positive_only=True, shift_pt=shift, color=colour, marker=marker_of(index))
        if fits and item.label in fits:
            draw_line(axes, fits[item.label], color=colour)
    axes.set_ylabel("mean residence time (ps)")
    plain_ticks(axes)
    return _finish(axes, series, bool(series), "no carrier left a site")


def _finish(axes: Axes, series: Sequence[TemperatureSeries], filled: bool, empty: str) -> Axes:
    finish_temperature_axis(axes, [value for item in series for value in item.temperature_K])
    if filled:
        legend_below(axes, ncols=4, columnspacing=1.2)
    else:
        say_empty(axes, empty)
    return axes


def plot_site_raster(axes: Axes, history: SiteHistory, *, label_order: Sequence[str] | None = None) -> Axes:
    """Return the axes with every site as a row and time in ps along it: blue where held, white where empty.

    Sites held by more than one carrier are orange. Long histories are thinned to what a page can show.

    :param label_order: labels from the top; in the order of the sites when not given.
    """
    order = tuple(label_order or dict.fromkeys(history.labels))
    stride = max(1, -(-history.n_frames // MAX_RASTER_COLUMNS))
    held = np.minimum(history.raster(order, stride), 2)
    interval = stride * history.frame_interval_ps
    extent = (0.0, held.shape[1] * interval, held.shape[0] - 0.5, -0.5)
    colours = ListedColormap(list(RASTER_COLOURS))
    axes.imshow(held, aspect="auto", interpolation="nearest", cmap=colours, vmin=0, vmax=2, extent=extent)
    counts = [history.labels.count(label) for label in order]
    borders = np.cumsum(counts)
    for border in borders[:-1]:
        axes.axhline(border - 0.5, color="black", lw=0.6)
    middles = borders - np.array(counts) / 2 - 0.5
    axes.set_yticks(middles, [f"{label} ({count})" for label, count in zip(order, counts, strict=True)])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time (ps)")
    axes.set_ylabel("sites by label (number of sites)")
    return axes
