"""Figures of one run's diffusion: mean squared displacements with their fits, diffusivity by direction, cell sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aiida_concerted.analysis.diffusion import TransportResult
from aiida_concerted.common.estimate import NORMAL_95, Estimate
from aiida_concerted.common.numbers import format_estimate
from aiida_concerted.common.units import A2_PER_PS_IN_M2_PER_S
from aiida_concerted.plotting.style import PALETTE, REFERENCE_COLOUR, colour_of, marker_of
from aiida_concerted.plotting.temperature_axis import legend_below, plain_ticks, say_empty

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CellSizes:
    """A quantity in cells of several sizes.

    :param n_atoms: atoms in each cell, shape ``(n,)``.
    :param value: the quantity, shape ``(n,)``.
    :param stderr: its standard error, shape ``(n,)``.
    :param names: name of each cell, such as ``3×3×2``; empty for none.
    """

    n_atoms: FloatArray
    value: FloatArray
    stderr: FloatArray
    names: tuple[str, ...] = ()


def plot_run_displacements(axes: Axes, result: TransportResult) -> Axes:
    """Return the axes with both mean squared displacements of a run in Å² over the lag in ps, both logarithmic.

    The lags that the diffusivities were fitted to are drawn thick, the fitted slopes dashed through their middle.
    """
    axes.set_xscale("log")
    axes.set_yscale("log")
    curves = (
        ("single carriers", result.msd_tracer_A2, result.fit_window_ps, "D*", result.tracer),
        (
            "all carriers together",
            result.msd_collective_A2,
            result.charge_window_ps,
            "$D_σ$",
            result.charge_diffusivity,
        ),
    )
    for index, (label, displacement, window, symbol, diffusivity) in enumerate(curves):
        drawn = (result.lag_ps > 0) & (displacement > 0)
        lag, values = result.lag_ps[drawn], displacement[drawn]
        axes.plot(lag, values, color=colour_of(index), lw=0.9, label=label)
        inside = (lag >= window[0] * (1 - 1e-9)) & (lag <= window[1] * (1 + 1e-9))
        axes.plot(lag[inside], values[inside], color=colour_of(index), lw=2.6, alpha=0.55, label="_fitted")
        if diffusivity is not None and inside.sum() > 1:
            _draw_slope(axes, lag[inside], values[inside], diffusivity, symbol, index)
    axes.set_xlabel("lag (ps)")
    axes.set_ylabel("mean squared displacement (Å$^2$)")
    if any(np.size(line.get_xdata()) for line in axes.lines):
        axes.legend(loc="upper left")
        plain_ticks(axes)
    else:
        say_empty(axes, "nothing moved")
    return axes


def _draw_slope(
    axes: Axes, lag: FloatArray, values: FloatArray, diffusivity: Estimate, symbol: str, index: int
) -> None:
    slope = 6.0 * diffusivity.value / A2_PER_PS_IN_M2_PER_S
    line = slope * lag + float(np.mean(values - slope * lag))
    positive = line > 0
    style = "--" if index == 0 else ":"
    estimate = format_estimate(diffusivity.value, diffusivity.stderr)
    axes.plot(lag[positive], line[positive], "k", ls=style, lw=1.0, label=f"fit, {symbol} = {estimate} m² s⁻¹")


def plot_directions(axes: Axes, result: TransportResult, *, names: tuple[str, str, str] = ("x", "y", "z")) -> Axes:
    """Return the axes with the diffusivity along each Cartesian axis, its 95 % interval, and the mean of the three.

    :param names: names of the axes, such as a, b, c where the cell is orthogonal.
    """
    exponent = _common_exponent([estimate.value for estimate in result.components.values()])
    unit = 10.0**exponent
    values = np.array([result.components[key].value for key in "xyz"]) / unit
    errors = NORMAL_95 * np.array([result.components[key].stderr for key in "xyz"]) / unit
    mean, half = result.tracer.value / unit, NORMAL_95 * result.tracer.stderr / unit
    axes.axhspan(mean - half, mean + half, color=REFERENCE_COLOUR, alpha=0.15, lw=0, label="_mean_band")
    axes.axhline(mean, color=REFERENCE_COLOUR, lw=0.9, ls="--", label="mean")
    axes.errorbar(range(3), values, yerr=errors, fmt="o", color=PALETTE[0], label="_directions")
    axes.set_xticks(range(3), list(names))
    axes.set_xlim(-0.5, 2.5)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.0), high + 0.12 * (high - min(low, 0.0)))
    axes.set_xlabel("direction (axis)")
    axes.set_ylabel(f"D (10$^{{{exponent}}}$ m$^2$ s$^{{-1}}$)")
    if result.ab_share is not None:
        share = f"{names[0]}{names[1]} share: {format_estimate(result.ab_share.value, result.ab_share.stderr)}"
        axes.text(0.04, 0.95, share, transform=axes.transAxes, va="top", fontsize=7.5)
    axes.legend(loc="upper right")
    return axes


def _common_exponent(values: Iterable[float]) -> int:
    largest = max((abs(value) for value in values), default=0.0)
    return int(np.floor(np.log10(largest))) if largest > 0 else -12


def plot_cell_sizes(axes: Axes, sizes: CellSizes, *, label: str | None = None) -> Axes:
    """Return the axes with a quantity over the number of atoms in the cell, with 95 % intervals.

    The value of the largest cell and its interval run through as a band: cells within it have converged.

    :param label: what it is, with its unit; a diffusivity in m² s⁻¹ without it, drawn in a power of ten of that.
    """
    if label is None:
        exponent = _common_exponent(sizes.value)
        sizes = replace(sizes, value=sizes.value / 10.0**exponent, stderr=sizes.stderr / 10.0**exponent)
        label = f"D (10$^{{{exponent}}}$ m$^2$ s$^{{-1}}$)"
    axes.set_xlabel("size of the cell (number of atoms)")
    axes.set_ylabel(label)
    if not len(sizes.n_atoms):
        say_empty(axes, "no cells")
        return axes
    order = np.argsort(sizes.n_atoms, kind="stable")
    n_atoms, value, half = sizes.n_atoms[order], sizes.value[order], NORMAL_95 * sizes.stderr[order]
    axes.axhspan(value[-1] - half[-1], value[-1] + half[-1], color=REFERENCE_COLOUR, alpha=0.15, lw=0)
    axes.axhline(value[-1], color=REFERENCE_COLOUR, lw=0.8, ls="--", label="_largest")
    axes.errorbar(n_atoms, value, yerr=half, fmt=marker_of(0), color=PALETTE[0], label="_sizes")
    # Sizes are chosen in multiples: on a linear axis the small ones would stand on top of each other.
    axes.set_xscale("log")
    axes.set_xlim(0.75 * float(n_atoms[0]), 1.35 * float(n_atoms[-1]))
    axes.set_xticks(n_atoms, [f"{size:g}" for size in n_atoms], fontsize=7)
    axes.minorticks_off()
    names = [sizes.names[index] for index in order] if sizes.names else []
    for position, (x, y, name) in enumerate(zip(n_atoms, value + half, names, strict=False)):
        # Neighbours take turns in height, so that their names do not touch.
        axes.annotate(
            name, (x, y), xytext=(0, 3 + 8 * (position % 2)), textcoords="offset points", ha="center", fontsize=6.5
        )
    axes.margins(y=0.2)
    return axes


def plot_size_displacements(axes: Axes, curves: Mapping[str, tuple[FloatArray, FloatArray]]) -> Axes:
    """Return the axes with the mean squared displacement of one carrier in cells of several sizes, both logarithmic.

    :param curves: lag in ps and displacement in Å² by the name of the cell, the smallest first.
    """
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("lag (ps)")
    axes.set_ylabel("mean squared displacement (Å$^2$)")
    for index, (name, (lag, displacement)) in enumerate(curves.items()):
        drawn = (lag > 0) & (displacement > 0)
        style = ("-", "--", "-.", ":")[index // len(PALETTE) % 4]
        axes.plot(lag[drawn], displacement[drawn], color=colour_of(index), ls=style, lw=1.0, label=name)
    if not curves:
        say_empty(axes, "no cells")
        return axes
    legend_below(axes, ncols=2)
    return axes
