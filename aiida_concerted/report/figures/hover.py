"""The points of a drawing with their values, taken from the drawing itself, for a page that tells them on demand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator
from matplotlib.transforms import BlendedAffine2D, BlendedGenericTransform
from numpy.typing import NDArray

from aiida_concerted.common.numbers import format_interval, format_number
from aiida_concerted.plotting.temperature_axis import INVERSE_TEMPERATURE_LABEL

FloatArray = NDArray[np.float64]
Point = list[Any]

MAX_POINTS = 2_000
MAX_OF_LINE = 80
MAX_CELLS = 3_000

SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPTS = {"a": "ₐ", "s": "ₛ"}


def hover_points(figure: Figure) -> list[Point]:
    """Return ``[x, y, text]`` of every marker, of some points of every curve and of every cell of a small map.

    Places are fractions of the figure's width and height from its upper left corner. The figure must have been drawn
    once, so that its layout is what it was drawn with.
    """
    width, height = figure.bbox.width, figure.bbox.height
    found: list[Point] = []
    for axes in figure.axes:
        for places, texts in _of_axes(axes):
            for (x, y), text in zip(places, texts, strict=True):
                if 0 <= x <= width and 0 <= y <= height:
                    found.append([round(float(x / width), 4), round(float(1 - y / height), 4), text])
    stride = -(-len(found) // MAX_POINTS) or 1
    return found[::stride]


def _of_axes(axes: Axes) -> Iterator[tuple[FloatArray, list[str]]]:
    containers = {id(item[0]): item for item in axes.containers if isinstance(item, ErrorbarContainer) and item[0]}
    for line in axes.lines:
        if isinstance(line.get_transform(), BlendedAffine2D | BlendedGenericTransform):
            # A line right across the axes, half in its coordinates: a guide, not data.
            continue
        container = containers.get(id(line))
        name = _name_of(container if container is not None else line)
        if name is None:
            continue
        yield from _of_line(axes, line, name, container)
    for mesh in axes.collections:
        if isinstance(mesh, QuadMesh) and not str(mesh.get_label()).startswith("_"):
            yield from _of_mesh(axes, mesh)


def _name_of(artist: Line2D | ErrorbarContainer) -> str | None:
    """Return what the legend calls an artist, ``None`` for one that only guides the eye."""
    label = str(artist.get_label())
    if not label.startswith("_"):
        return plain_text(label)
    if label.startswith("_at_most"):
        return "at most"
    if label.startswith(("_nolegend", "_child")):
        # Caps of error bars, and what nobody named.
        return None
    has_marker = isinstance(artist, ErrorbarContainer) or artist.get_marker() not in ("", "None", None)
    if not has_marker:
        return None
    name = label.removeprefix("_")
    return "" if name in ("sizes", "directions") else name.replace("_", " ")


def _of_line(
    axes: Axes, line: Line2D, name: str, container: ErrorbarContainer | None
) -> Iterator[tuple[FloatArray, list[str]]]:
    values = np.column_stack([np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)])
    if not len(values):
        return
    bounds = _bounds(container, len(values))
    stride = -(-len(values) // MAX_OF_LINE)
    values, bounds = values[::stride], bounds[::stride]
    finite = np.isfinite(values).all(axis=1)
    values, bounds = values[finite], bounds[finite]
    low, high = sorted(axes.get_xlim())
    bottom, top = sorted(axes.get_ylim())
    inside = (values[:, 0] >= low) & (values[:, 0] <= high) & (values[:, 1] >= bottom) & (values[:, 1] <= top)
    values, bounds = values[inside], bounds[inside]
    if len(values):
        texts = [_text(axes, name, value, bound) for value, bound in zip(values, bounds, strict=True)]
        yield line.get_transform().transform(values), texts


def _bounds(container: ErrorbarContainer | None, number: int) -> FloatArray:
    """Return lower and upper ends of vertical error bars, NaN where there are none, shape ``(number, 2)``."""
    bounds = np.full((number, 2), np.nan)
    if container is None or not container.has_yerr:
        return bounds
    bars = [item for item in container[2] if isinstance(item, LineCollection)]
    segments = bars[-1].get_segments() if bars else []
    if len(segments) == number:
        for row, segment in enumerate(segments):
            ends = np.asarray(segment)[:, 1]
            if ends.size == 2 and ends[0] != ends[1]:
                bounds[row] = sorted(ends)
    return bounds


def _text(axes: Axes, name: str, value: FloatArray, bound: FloatArray) -> str:
    lower, upper = (None if not np.isfinite(end) else float(end) for end in bound)
    number = format_number(float(value[1])) if lower is None else format_interval(float(value[1]), lower, upper)
    parts = [name, _along(axes, "x", float(value[0])), _labelled(axes.get_ylabel(), number)]
    return "; ".join(part for part in parts if part)


def _along(axes: Axes, which: str, value: float) -> str:
    """Return a place along an axis in words: a temperature, a name, or a number with its unit."""
    label = axes.get_xlabel() if which == "x" else axes.get_ylabel()
    if label == INVERSE_TEMPERATURE_LABEL:
        return f"{1000.0 / value:.0f} K" if value > 0 else ""
    axis = axes.xaxis if which == "x" else axes.yaxis
    if isinstance(axis.get_major_locator(), FixedLocator):
        names = [tick.get_text().replace("\n", " ") for tick in axis.get_majorticklabels()]
        ticks = np.asarray(axis.get_majorticklocs(), dtype=np.float64)
        return plain_text(names[int(np.argmin(np.abs(ticks - value)))]) if len(ticks) else ""
    return _labelled(label, format_number(value))


def _labelled(label: str, number: str) -> str:
    match = re.fullmatch(r"(.*?)\s*\(([^()]*)\)", plain_text(label))
    if match is None:
        return f"{plain_text(label)} {number}".strip()
    name, unit = match.groups()
    unit = "" if unit.startswith(("relative", "fraction", "number")) else f" {unit}"
    return f"{name} {number}{unit}"


def _of_mesh(axes: Axes, mesh: QuadMesh) -> Iterator[tuple[FloatArray, list[str]]]:
    values: FloatArray = np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=float), np.nan)
    corners = np.asarray(mesh.get_coordinates())
    if values.size > MAX_CELLS or corners.shape[0] != values.shape[0] + 1:
        return
    centres = 0.25 * (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:])
    texts = [
        "; ".join((_along(axes, "x", x), f"{_along(axes, 'y', y)} K", f"{mesh.get_label()} {format_number(value)}"))
        for (x, y), value in zip(centres.reshape(-1, 2), values.ravel(), strict=True)
    ]
    yield axes.transData.transform(centres.reshape(-1, 2)), texts


def plain_text(text: str) -> str:
    """Return a label without matplotlib's mathematics: ``m$^2$ s$^{-1}$`` becomes ``m² s⁻¹``."""

    def formula(match: re.Match[str]) -> str:
        inner = re.sub(r"\^\{?([-−0-9]+)\}?", lambda m: m.group(1).translate(SUPERSCRIPTS), match.group(1))
        inner = re.sub(r"_\{?(\w)\}?", lambda m: SUBSCRIPTS.get(m.group(1), m.group(1)), inner)
        return inner.replace("\\", "").replace("{", "").replace("}", "")

    return re.sub(r"\$([^$]*)\$", formula, text).strip()
