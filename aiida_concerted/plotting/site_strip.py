"""Figure of the time-averaged occupancy of every single site, a row a temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aiida_concerted.plotting.temperature_axis import say_empty

FloatArray = NDArray[np.float64]

COLOUR_MAP = "Blues"
FULL = 1.0
"""Occupancy at which the colours end; carriers that share a site all the time would exceed it."""


def plot_site_strip(axes: Axes, occupancy: Mapping[float, FloatArray], labels: Sequence[str]) -> Axes:
    """Return the axes with one cell a site and temperature, darker the longer the site is held, the hottest on top.

    :param occupancy: mean carriers on each site by temperature in K, shape ``(n_sites,)`` each, ordered by label.
    :param labels: label of each site, equal ones beside each other.
    :raises ValueError: if a row has another number of sites than there are labels.
    """
    if not occupancy:
        say_empty(axes, "no occupancies")
        return axes
    temperatures = sorted(occupancy)
    rows = np.array([occupancy[temperature] for temperature in temperatures])
    if rows.shape != (len(temperatures), len(labels)):
        raise ValueError(f"{rows.shape[1]} occupancies do not belong to {len(labels)} labelled sites")
    axes.pcolormesh(
        np.arange(len(labels) + 1), np.arange(len(temperatures) + 1), rows, cmap=COLOUR_MAP, vmin=0.0, vmax=FULL,
        shading="flat", rasterized=True, label="occupancy",
    )  # fmt: skip
    names = list(dict.fromkeys(labels))
    counts = [list(labels).count(name) for name in names]
    borders = np.cumsum(counts)
    for border in borders[:-1]:
        axes.axvline(border, color="black", lw=0.8)
    for border in range(1, len(temperatures)):
        axes.axhline(border, color="white", lw=1.2)
    middles = borders - np.array(counts) / 2
    axes.set_xticks(middles, [f"{name}\n({count})" for name, count in zip(names, counts, strict=True)])
    axes.set_yticks(np.arange(len(temperatures)) + 0.5, [f"{temperature:g}" for temperature in temperatures])
    axes.tick_params(length=0)
    axes.set_xlabel("sites by label (number of sites)")
    axes.set_ylabel("T (K)")
    return axes
