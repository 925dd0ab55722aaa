"""What the page's script needs to draw in three dimensions: a density as a grid, an event as places over time."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aiida_concerted.analysis.concerted_event import ConcertedEvent
from aiida_concerted.analysis.density import DensityMap
from aiida_concerted.plotting.style import colour_of
from aiida_concerted.report.figures.base import Widget

FloatArray = NDArray[np.float64]

GRID_SPACING_A = 0.4
SMOOTHING_A = 0.35
LEVELS = 255
"""Steps of the embedded density, evenly spaced in its square root."""

DENSITY_HELP = (
    "Drag to turn; the slider moves the level of the surface. With the keyboard: arrow keys turn, plus and minus zoom, "
    "0 goes back to the first view."
)
EVENT_HELP = (
    "Drag to turn, press play or move the slider through time. With the keyboard: arrow keys turn, space plays and "
    "stops, plus and minus zoom, 0 goes back to the first view."
)


def density_widget(density: DensityMap, sites: Mapping[str, FloatArray], top_A3: float) -> Widget:
    """Return the surface of equal density; the grid is made coarser and smoothed for it.

    :param top_A3: largest density of all runs in Å⁻³, so that one level means the same in each.
    """
    spacing = np.linalg.norm(density.cell, axis=1) / np.array(density.density.shape)
    smooth = ndimage.gaussian_filter(density.density, SMOOTHING_A / spacing, mode="wrap")
    steps = [_step(n, float(d)) for n, d in zip(density.density.shape, spacing, strict=True)]
    coarse = smooth[:: steps[0], :: steps[1], :: steps[2]]
    scale = max(min(top_A3, float(smooth.max())), 1e-12)
    values = np.round(LEVELS * np.sqrt(np.clip(coarse / scale, 0.0, 1.0))).astype(np.uint8)
    mean = float(density.density.mean())
    return Widget(
        kind="density",
        data={
            "shape": list(coarse.shape),
            "values": base64.b64encode(values.tobytes()).decode(),
            "scale_A3": float(f"{scale:.5g}"),
            "mean_A3": float(f"{mean:.5g}"),
            "cell": np.round(density.cell, 4).tolist(),
            "sites": [
                {"label": label, "colour": colour_of(index), "at": np.round(np.asarray(places) % 1.0, 4).tolist()}
                for index, (label, places) in enumerate(sites.items())
            ],
        },
        help=DENSITY_HELP,
    )


def _step(number: int, spacing_A: float) -> int:
    """Return the largest stride that divides a grid and keeps its spacing below the wanted one."""
    allowed = [step for step in (1, 2, 3, 4) if number % step == 0 and step * spacing_A <= GRID_SPACING_A + 0.1]
    return max(allowed, default=1)


def event_widget(carrier: str, event: ConcertedEvent) -> Widget:
    """Return the animation of an event."""
    labels = list(dict.fromkeys(event.site_labels))
    colours = {label: colour_of(index) for index, label in enumerate(sorted(labels))}
    on_path = np.array([np.linalg.norm(event.path - site, axis=1).min() < 0.1 for site in event.sites], dtype=bool)
    sites: list[dict[str, Any]] = [
        {"label": label, "colour": colours[label], "at": _rounded(site), "onPath": bool(chosen)}
        for label, site, chosen in zip(event.site_labels, event.sites, on_path, strict=True)
    ]
    return Widget(
        kind="event",
        data={
            "carrier": carrier,
            "labels": list(event.labels),
            "time_ps": np.round(event.time_ps, 4).tolist(),
            "hop_ps": [round(float(time), 4) for time in event.hop_ps],
            "movers": _rounded(event.movers),
            "others": _rounded(event.others),
            "path": _rounded(event.path),
            "sites": sites,
            "framework": [
                {"element": element, "at": _rounded(place)}
                for element, place in zip(event.framework_species, event.framework, strict=True)
            ],
            "colours": [colour_of(0), colour_of(1)],
        },
        help=EVENT_HELP,
    )


def _rounded(places: FloatArray) -> Any:
    return np.round(places, 2).tolist()
