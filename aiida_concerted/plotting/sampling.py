"""Figure of sampling: how many hops stand behind each diffusivity, and how many it takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from aiida_concerted.analysis.diffusion import SUFFICIENT_HOPS
from aiida_concerted.plotting.series import TemperatureSeries
from aiida_concerted.plotting.style import PALETTE, REFERENCE_COLOUR
from aiida_concerted.plotting.temperature_axis import draw_points, finish_temperature_axis, legend_below, say_empty


def plot_sampling(axes: Axes, hops: TemperatureSeries, is_sufficient: Sequence[bool]) -> Axes:
    """Return the axes with the effective number of hops over 1000/T; runs judged insufficient are hollow.

    :param hops: effective number of hops, that is the total squared displacement over the squared length of one hop.
    :param is_sufficient: the verdict on each, in the order of the temperatures.
    :raises ValueError: if there is not one verdict for each number.
    """
    if len(is_sufficient) != len(hops.value):
        raise ValueError(f"{len(hops.value)} numbers of hops do not belong to {len(is_sufficient)} verdicts")
    axes.set_yscale("log")
    axes.set_ylabel("effective hops (number)")
    if not len(hops.value):
        say_empty(axes, "no diffusivities")
        return axes
    enough = np.array(is_sufficient, dtype=bool)
    for chosen, label, face in ((enough, "sufficient", PALETTE[0]), (~enough, "insufficient", "white")):
        if chosen.any():
            part = TemperatureSeries(label, *(column[chosen] for column in _columns(hops)))
            draw_points(axes, part, positive_only=True, color=PALETTE[0], marker="o", mfc=face)
    axes.axhline(SUFFICIENT_HOPS, color=REFERENCE_COLOUR, lw=0.8, ls="--", label=f"{SUFFICIENT_HOPS} hops")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, SUFFICIENT_HOPS / 2.0), max(high, SUFFICIENT_HOPS * 2.0))
    finish_temperature_axis(axes, hops.temperature_K)
    legend_below(axes, ncols=3)
    return axes


def _columns(series: TemperatureSeries) -> tuple[np.ndarray, ...]:
    return series.temperature_K, series.value, series.lower, series.upper
