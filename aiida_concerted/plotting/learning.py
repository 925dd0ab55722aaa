"""Figures of concurrent learning: deviation of the committee, selected frames, errors and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from aiida_concerted.plotting.style import (
    ACCURATE,
    CANDIDATE,
    FAILED,
    REFERENCE_COLOUR,
    Colour,
    colour_of,
    temperature_colours,
)
from aiida_concerted.plotting.temperature_axis import say_empty

FloatArray = NDArray[np.float64]

FEW_POINTS = 500

DEVIATION_LABEL = "max. force deviation (eV Å$^{-1}$)"
CLASSES = (("accurate", ACCURATE, ""), ("candidate", CANDIDATE, "///"), ("failed", FAILED, "xxx"))
PARITY_LABELS = {"energy": ("energy", "eV/atom"), "force": ("force component", "eV Å$^{-1}$")}


@dataclass(frozen=True)
class Exploration:
    """One run of an exploration.

    :param turn: turn of the loop, from 1.
    :param name: name of the run.
    :param temperature_K: temperature in K.
    :param counts: numbers of ``accurate``, ``candidate`` and ``failed`` frames.
    :param time_ps: time of each deviation in ps, shape ``(n,)``; empty where not kept.
    :param deviation_eV_A: maximal force deviation in eV Å⁻¹, shape ``(n,)``; empty where not kept.
    """

    turn: int
    name: str
    temperature_K: float
    counts: Mapping[str, int]
    time_ps: FloatArray
    deviation_eV_A: FloatArray


def _trust_lines(axes: Axes, trust_eV_A: tuple[float, float] | None) -> None:
    if trust_eV_A:
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.8 * trust_eV_A[0]), max(high, 1.4 * trust_eV_A[1]))
    for level, colour, name in zip(trust_eV_A or (), (CANDIDATE, FAILED), ("lower", "upper"), strict=False):
        axes.axhline(level, color=colour, lw=1, ls="--", label=f"_trust_{name}")
        axes.annotate(
            f"{name} trust level", (1.0, level), xycoords=("axes fraction", "data"), xytext=(-2, 2),
            textcoords="offset points", ha="right", fontsize=6.5, color="0.25", zorder=5,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip


def plot_deviation_distributions(
    axes: Axes, runs: Sequence[Exploration], *, trust_eV_A: tuple[float, float] | None = None
) -> Axes:
    """Return the axes with the distribution of the deviation in each run: median, half and nine tenths of the frames.

    :param runs: explorations, grouped by turn along the axis and coloured by temperature.
    :param trust_eV_A: lower and upper trust level in eV Å⁻¹.
    """
    shown = [run for run in runs if np.isfinite(run.deviation_eV_A).any()]
    colours = temperature_colours([run.temperature_K for run in shown])
    turns = sorted({run.turn for run in shown})
    for turn in turns:
        group = sorted((run for run in shown if run.turn == turn), key=lambda run: run.temperature_K)
        offsets = (np.arange(len(group)) - (len(group) - 1) / 2) * 0.7 / max(len(group), 1)
        for run, offset in zip(group, offsets, strict=True):
            finite = run.deviation_eV_A[np.isfinite(run.deviation_eV_A)]
            low, first, middle, third, high = np.quantile(finite, (0.05, 0.25, 0.5, 0.75, 0.95))
            colour = colours[float(run.temperature_K)]
            axes.vlines(turn + offset, low, high, color=colour, lw=0.9)
            axes.vlines(turn + offset, first, third, color=colour, lw=3.5)
            axes.plot([turn + offset], [middle], "o", mfc="white", color=colour, ms=3.5, label="_median")
    axes.set_yscale("log")
    _trust_lines(axes, trust_eV_A)
    axes.set_xlabel("turn of the learning loop (number)")
    axes.set_ylabel(DEVIATION_LABEL)
    if not shown:
        say_empty(axes, "no deviations")
        return axes
    axes.set_xticks(turns)
    axes.set_xlim(turns[0] - 0.6, turns[-1] + 0.6)
    _temperature_legend(axes, colours)
    return axes


def plot_deviation_over_time(
    axes: Axes, runs: Sequence[Exploration], *, trust_eV_A: tuple[float, float] | None = None
) -> Axes:
    """Return the axes with the deviation of each run over time in ps, coloured by temperature."""
    axes.set_yscale("log")
    shown = [run for run in runs if len(run.time_ps) and np.isfinite(run.deviation_eV_A).any()]
    colours = temperature_colours([run.temperature_K for run in shown])
    for run in shown:
        axes.plot(
            run.time_ps, run.deviation_eV_A, color=colours[float(run.temperature_K)], lw=0.9, label=f"_{run.name}"
        )
    _trust_lines(axes, trust_eV_A)
    axes.set_xlabel("time (ps)")
    axes.set_ylabel(DEVIATION_LABEL)
    if shown:
        _temperature_legend(axes, colours)
    else:
        say_empty(axes, "no deviations")
    return axes


def _temperature_legend(axes: Axes, colours: Mapping[float, Colour]) -> None:
    handles = [Line2D([], [], color=colour, lw=3, label=f"{value:.0f} K") for value, colour in colours.items()]
    axes.legend(handles=handles, ncols=min(len(handles), 4), loc="lower center", bbox_to_anchor=(0.5, 1.0))


def plot_selection(axes: Axes, runs: Sequence[Exploration]) -> Axes:
    """Return the axes with the fractions of accurate, candidate and failed frames of each run, grouped by turn."""
    ordered = sorted(runs, key=lambda run: (run.turn, run.temperature_K, run.name))
    totals = np.array([max(sum(run.counts.get(name, 0) for name, _, _ in CLASSES), 1) for run in ordered], dtype=float)
    base = np.zeros(len(ordered))
    for name, colour, hatch in CLASSES:
        fractions = np.array([run.counts.get(name, 0) for run in ordered], dtype=float) / totals
        axes.barh(
            range(len(ordered)), fractions, left=base, color=colour, hatch=hatch, edgecolor="white", lw=0.5, label=name
        )
        base = base + fractions
    axes.set_yticks(range(len(ordered)), [f"turn {run.turn}, {run.temperature_K:.0f} K" for run in ordered])
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("fraction of the explored frames")
    if ordered:
        axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.4, 1.0))
    else:
        say_empty(axes, "nothing was explored")
    return axes


def plot_parity(axes: Axes, reference: FloatArray, predicted: FloatArray, *, quantity: str, rmse: float) -> Axes:
    """Return the axes with predictions against reference values and the line on which both agree.

    :param reference: energies in eV per atom or force components in eV Å⁻¹, any shape.
    :param predicted: the same in the same shape.
    :param quantity: ``energy`` or ``force``.
    :param rmse: their root mean squared difference in the same unit, written into the corner.
    :raises ValueError: if ``quantity`` is another or the shapes differ.
    """
    if quantity not in PARITY_LABELS:
        raise ValueError(f"quantity must be one of {', '.join(PARITY_LABELS)}, got '{quantity}'")
    if np.shape(reference) != np.shape(predicted):
        raise ValueError(f"reference and predicted differ in shape: {np.shape(reference)} and {np.shape(predicted)}")
    x, y = np.ravel(reference), np.ravel(predicted)
    name, unit = PARITY_LABELS[quantity]
    # Thousands of points: drawn as pixels, or the file grows beyond use.
    size = 6.0 if len(x) < FEW_POINTS else 3.0
    axes.plot(x, y, ".", color=colour_of(0), ms=size, alpha=0.6, mew=0, rasterized=True, label="_values")
    if len(x):
        ends = (float(min(x.min(), y.min())), float(max(x.max(), y.max())))
        axes.plot(ends, ends, "-", color=REFERENCE_COLOUR, lw=0.8, label="_agreement")
        short = "meV/atom" if quantity == "energy" else "meV Å$^{-1}$"
        axes.text(0.05, 0.93, f"RMSE {1000 * rmse:.3g} {short}", transform=axes.transAxes, va="top")
    else:
        say_empty(axes, "nothing was tested")
    axes.set_aspect("equal", adjustable="datalim")
    axes.locator_params(nbins=5)
    axes.set_xlabel(f"reference {name} ({unit})")
    axes.set_ylabel(f"predicted {name} ({unit})")
    return axes


def plot_learning_curves(
    axes: Axes, curves: Mapping[str, tuple[FloatArray, FloatArray]], *, label: str = "force error (eV Å$^{-1}$)"
) -> Axes:
    """Return the axes with an error over the training steps, one line a model, both positive and the error logarithmic.

    :param curves: steps and error by model, each of shape ``(n,)``; numbers that are not finite are left out.
    :param label: what the error is, with its unit.
    """
    axes.set_yscale("log")
    for index, (name, (steps, error)) in enumerate(curves.items()):
        known = np.isfinite(error) & (error > 0)
        axes.plot(steps[known], error[known], color=colour_of(index), lw=0.9, label=name)
    axes.set_xlabel("training step (number)")
    axes.set_ylabel(label)
    if curves:
        axes.legend(ncols=2, loc="upper right")
    else:
        say_empty(axes, "no learning curves")
    return axes
