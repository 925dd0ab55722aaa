"""Figures of pairs: radial distribution functions and van Hove functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize, TwoSlopeNorm
from numpy.typing import NDArray

from aiida_concerted.analysis.radial import RadialDistribution
from aiida_concerted.analysis.van_hove import VanHove
from aiida_concerted.common.estimate import NORMAL_95
from aiida_concerted.plotting.style import REFERENCE_COLOUR, Colour, colour_of, temperature_colours
from aiida_concerted.plotting.temperature_axis import say_empty

FloatArray = NDArray[np.float64]

LINE_STYLES = ("-", "--", "-.", ":")
N_CURVES = 5
DECADES = 3.0
"""Orders of magnitude below the largest value that the map of the self part shows."""

MOST_DISTINCT = 2.5
"""Relative density at which the colours of the distinct part end; peaks of neighbours beyond it are all one colour."""

LEAST_DISTINCT = 0.03
"""Relative density at which the curves of the distinct part are cut off below."""

PART_LABELS = {"self": "4πr$^2$G$_s$ (Å$^{-1}$)", "distinct": "G$_d$/ρ (relative to mean)"}
DISTANCE_LABEL = "r (Å)"


def plot_radial_distributions(axes: Axes, functions: Mapping[str, RadialDistribution]) -> Axes:
    """Return the axes with g(r) of each pair and its 95 % band; the mean density is marked at one.

    :param functions: by pair, such as ``Li-S``.
    """
    for index, (pair, function) in enumerate(functions.items()):
        style = LINE_STYLES[index % len(LINE_STYLES)]
        _curve_with_band(
            axes, function.r_A, function.g, function.g_stderr, colour_of(index), pair.replace("-", "–"), style
        )
    return _finish_radial(axes, bool(functions))


def plot_radial_by_temperature(axes: Axes, functions: Mapping[float, RadialDistribution]) -> Axes:
    """Return the axes with g(r) of one pair at several temperatures, coloured from cold to hot.

    :param functions: by temperature in K.
    """
    colours = temperature_colours(list(functions))
    for temperature, function in sorted(functions.items()):
        colour = colours[float(temperature)]
        _curve_with_band(axes, function.r_A, function.g, function.g_stderr, colour, f"{temperature:g} K", "-")
    return _finish_radial(axes, bool(functions))


def _finish_radial(axes: Axes, filled: bool) -> Axes:
    axes.set_xlabel(DISTANCE_LABEL)
    axes.set_ylabel("g(r) (relative to mean)")
    if not filled:
        say_empty(axes, "no pairs were counted")
        return axes
    axes.axhline(1.0, color=REFERENCE_COLOUR, lw=0.7, ls=":", label="_mean", zorder=1)
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
    axes.legend()
    return axes


def plot_van_hove_map(axes: Axes, functions: VanHove, part: str) -> Axes:
    """Return the axes with one part of the van Hove function as colours over lag and distance.

    The self part has logarithmic colours, so that hops are seen beside the vibration; the distinct part is white at the
    mean density, red above and blue below it.

    :param part: ``self`` or ``distinct``.
    :raises ValueError: for another part.
    """
    values = _part(functions, part)
    axes.set_xlabel("lag (ps)")
    axes.set_ylabel(DISTANCE_LABEL)
    shown = functions.lag_ps > 0
    if not shown.any() or not (values[shown] > 0).any():
        say_empty(axes, f"no {part} part: there is no lag above zero, or nobody was met")
        return axes
    # A value of zero would be a hole in a logarithmic map.
    norm, colours = _map_colours(values[shown], part)
    drawn = np.maximum(values[shown], norm.vmin or 0.0)
    lags = _lag_edges(functions.lag_ps[shown])
    axes.pcolormesh(lags, functions.edges_A, drawn.T, norm=norm, cmap=colours, rasterized=True)
    axes.set_xscale("log")
    axes.set_xlim(lags[0], lags[-1])
    return axes


def plot_van_hove_curves(axes: Axes, functions: VanHove, part: str, *, n_curves: int = N_CURVES) -> Axes:
    """Return the axes with one part of the van Hove function over distance at some lags, dark for short ones.

    :param part: ``self``, or ``distinct`` with 95 % bands.
    :param n_curves: how many lags at most, spread evenly over those there are.
    :raises ValueError: for another part.
    """
    values = _part(functions, part)
    chosen = np.unique(np.linspace(0, len(functions.lag_ps) - 1, min(n_curves, len(functions.lag_ps))).astype(int))
    for colour, index in zip(_lag_colours(len(chosen)), chosen, strict=True):
        label = f"{functions.lag_ps[index]:.3g} ps"
        stderr = functions.distinct_stderr[index] if part == "distinct" else np.zeros(len(functions.r_A))
        _curve_with_band(axes, functions.r_A, values[index], stderr, colour, label, "-")
    if part == "distinct":
        # The peak at r → 0 is a hundred times the mean: neighbours would be flat beside it on a linear axis.
        axes.axhline(1.0, color=REFERENCE_COLOUR, lw=0.7, ls=":", label="_mean", zorder=1)
        axes.set_yscale("log")
        axes.set_ylim(LEAST_DISTINCT, 2.0 * max(float(values[chosen].max()), 1.0))
    else:
        axes.set_ylim(bottom=0.0)
    axes.set_xlim(0.0, functions.edges_A[-1])
    axes.set_xlabel(DISTANCE_LABEL)
    axes.set_ylabel(PART_LABELS[part])
    axes.legend(title="lag", title_fontsize=7.5)
    return axes


def van_hove_mesh(axes: Axes) -> QuadMesh | None:
    """Return the coloured map of an axes for its colour bar, ``None`` where it has none."""
    return next((artist for artist in axes.collections if isinstance(artist, QuadMesh)), None)


def _part(functions: VanHove, part: str) -> FloatArray:
    if part not in PART_LABELS:
        raise ValueError(f"a van Hove function has the parts {' and '.join(PART_LABELS)}, got '{part}'")
    return functions.self_part if part == "self" else functions.distinct


def _curve_with_band(
    axes: Axes, r: FloatArray, value: FloatArray, stderr: FloatArray, colour: str | Colour, label: str, style: str
) -> None:
    axes.plot(r, value, color=colour, lw=1.1, ls=style, label=label)
    if (stderr > 0).any():
        axes.fill_between(
            r, np.maximum(value - NORMAL_95 * stderr, 0.0), value + NORMAL_95 * stderr, color=colour, alpha=0.2, lw=0
        )


def _map_colours(values: FloatArray, part: str) -> tuple[Normalize, str]:
    if part == "self":
        top = float(values.max())
        return LogNorm(vmin=top / 10.0**DECADES, vmax=top), "magma_r"
    top = min(max(float(values.max()), 1.5), MOST_DISTINCT)
    return TwoSlopeNorm(1.0, vmin=0.0, vmax=top), "RdBu_r"


def _lag_edges(lags: FloatArray) -> FloatArray:
    """Return the borders between lags on a logarithmic axis, shape ``(n + 1,)``."""
    logarithms = np.log(lags)
    if len(lags) == 1:
        return np.asarray(lags[0] * np.array([0.7, 1.4]))
    middles = 0.5 * (logarithms[1:] + logarithms[:-1])
    ends = (logarithms[0] - 0.5 * (logarithms[1] - logarithms[0]), logarithms[-1] + 0.5 * np.diff(logarithms)[-1])
    return np.asarray(np.exp(np.concatenate([[ends[0]], middles, [ends[1]]])))


def _lag_colours(number: int) -> Sequence[Colour]:
    colour_map = matplotlib.colormaps["viridis"]
    return [colour_map(0.85 * index / max(number - 1, 1)) for index in range(number)]
