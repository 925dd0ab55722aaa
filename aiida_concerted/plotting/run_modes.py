"""Figures of one run's concerted modes: their frequencies, and the lags between the two hops.

Modes are taken as the entries of the section ``modes`` of the analysis JSON, so that runs, files and stored results are
drawn by the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter
from matplotlib.transforms import blended_transform_factory

from aiida_concerted.plotting.style import PALETTE, REFERENCE_COLOUR
from aiida_concerted.plotting.temperature_axis import say_empty

Mode = Mapping[str, Any]

MAX_UNNAMED = 6
RARER = "fewer pairs than by chance"
NAMED_COLOUR, OTHER_COLOUR = PALETTE[0], "0.45"


def shown_modes(modes: Sequence[Mode], *, max_unnamed: int = MAX_UNNAMED) -> list[Mode]:
    """Return the named modes in their order, then the most frequent of the others that occurred."""
    named = [mode for mode in modes if mode.get("named")]
    others = sorted((m for m in modes if not m.get("named") and m.get("raw")), key=lambda m: (-m["raw"], m["label"]))
    return named + others[:max_unnamed]


def plot_run_modes(axes: Axes, modes: Sequence[Mode]) -> Axes:
    """Return the axes with a row for each mode: its frequency per cell in s⁻¹ with its 95 % interval.

    Named modes are blue, others grey. An interval that reaches zero runs to the left end; a mode that does not stand
    out of its background is a hollow triangle at its upper bound, and one whose bound is not above zero either has no
    place on a logarithmic axis and is said to be rarer than chance. On the right stand the pairs within the window and
    those of them expected by chance.

    :param modes: entries of the analysis JSON, in the order of the rows.
    """
    axes.set_xscale("log")
    left, right = _limits(modes)
    axes.set_xlim(left, right)
    axes.xaxis.set_minor_formatter(NullFormatter())
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    for row, mode in enumerate(modes):
        _draw_row(axes, row, mode, left)
        axes.text(1.02, row, _counts(mode), transform=beside, va="center", fontsize=7, color="0.25")
    axes.text(1.02, -0.9, "pairs (by chance)", transform=beside, va="center", fontsize=7, color="0.25")
    axes.set_yticks(range(len(modes)), [str(mode["label"]).replace("-", "–") for mode in modes])
    axes.set_ylim(max(len(modes), 1) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, right=False)
    axes.set_xlabel("frequency (s$^{-1}$ per cell)")
    axes.set_ylabel("concerted mode (A–B–C)")
    if any(_is_bound(mode.get("frequency_per_cell_s")) for mode in modes):
        handle = Line2D([], [], marker="<", ls="", mfc="none", color="0.3", ms=5)
        axes.legend([handle], ["95 % upper bound"], loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    if not any("frequency_per_cell_s" in mode for mode in modes):
        say_empty(axes, "no frequencies: no modes, or the run is too short for a background")
    return axes


def _draw_row(axes: Axes, row: int, mode: Mode, left: float) -> None:
    frequency = mode.get("frequency_per_cell_s")
    if frequency is None:
        return
    colour = NAMED_COLOUR if mode.get("named") else OTHER_COLOUR
    value, lower, upper = frequency["value"], frequency.get("lower", 0.0), frequency.get("upper")
    if value > 0:
        lengths = [[value - max(lower, left)], [(upper or value) - value]]
        axes.errorbar([value], [row], xerr=lengths, fmt="o", color=colour, label=f"_{mode['label']}")
    elif upper is not None and upper > 0:
        axes.plot([upper], [row], "<", mfc="none", color=colour, ms=5, label=f"_{mode['label']}_at_most")
    else:
        inside = blended_transform_factory(axes.transAxes, axes.transData)
        axes.text(0.03, row, RARER, transform=inside, va="center", fontsize=7, color=colour, style="italic")


def _is_bound(frequency: Mapping[str, float] | None) -> bool:
    """Return whether a frequency is drawn as an upper bound."""
    return frequency is not None and frequency["value"] <= 0 < frequency.get("upper", 0.0)


def _counts(mode: Mode) -> str:
    background = mode.get("background")
    return f"{mode['raw']} ({background:.2g})" if background is not None else f"{mode['raw']} (?)"


def _limits(modes: Sequence[Mode]) -> tuple[float, float]:
    """Return the ends of the axis: all values and bounds above zero, with half a decade to spare."""
    found = [mode["frequency_per_cell_s"] for mode in modes if "frequency_per_cell_s" in mode]
    numbers = [f[key] for f in found for key in ("value", "lower", "upper") if f.get(key) is not None and f[key] > 0]
    if not numbers:
        return 1e8, 1e12
    # A bound that is almost zero must not stretch the axis over empty decades.
    high = max(numbers)
    low = max(min(numbers), 1e-4 * high) / 2.0
    # Two powers of ten at least, or the axis would have one number or none.
    return min(low, 10.0 ** (np.floor(np.log10(2.0 * high)) - 1.0) / 1.2), 2.0 * high


def plot_lag_histogram(
    axes: Axes, mode: Mode, *, window_ps: float, background_ps: Sequence[float] | None = None
) -> Axes:
    """Return the axes with the pairs of hops of one mode over their signed lag, and what chance would give.

    The lag is that of the arrival on the middle site after the departure from it: a carrier that pushes arrives first
    (left), one that fills a vacancy later (right). The window is shaded; the dashed level is the background that was
    measured in the side windows, drawn where it was measured and through the window.

    :param mode: an entry of the analysis JSON with its ``lag_histogram``.
    :param window_ps: longest lag of an event in ps.
    :param background_ps: shortest and longest lag of the side windows in ps.
    """
    histogram = mode.get("lag_histogram", {})
    lags = np.asarray(histogram.get("lag_ps", ()), dtype=np.float64)
    counts = np.asarray(histogram.get("counts", ()), dtype=np.float64)
    axes.set_title(str(mode["label"]).replace("-", "–"), fontsize=8)
    axes.set_xlabel("arrival after departure (ps)")
    axes.set_ylabel("pairs (number per bin)")
    if len(lags) < 2 or not counts.any():
        say_empty(axes, "no pairs")
        return axes
    width = float(lags[1] - lags[0])
    axes.axvspan(-window_ps, window_ps, color=PALETTE[4], alpha=0.25, lw=0, label="window", zorder=0)
    axes.bar(lags, counts, width=width, color=PALETTE[0], lw=0, label="_pairs", zorder=2)
    axes.errorbar(
        lags,
        counts,
        yerr=np.sqrt(counts),
        fmt="none",
        color="black",
        elinewidth=0.6,
        capsize=0,
        label="_scatter",
        zorder=3,
    )
    _draw_background(axes, mode, width, background_ps)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(lags[0] - width / 2, lags[-1] + width / 2)
    axes.set_ylim(0.0, 1.12 * float((counts + np.sqrt(counts)).max()))
    return axes


def _draw_background(axes: Axes, mode: Mode, width: float, background_ps: Sequence[float] | None) -> None:
    """Draw the mean of the side windows per bin."""
    side = mode.get("side_count")
    if side is None or background_ps is None or background_ps[1] <= background_ps[0]:
        return
    level = side * width / (2.0 * (background_ps[1] - background_ps[0]))
    axes.axhline(level, color=REFERENCE_COLOUR, ls="--", lw=0.9, label="by chance", zorder=4)
