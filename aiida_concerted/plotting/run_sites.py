"""Figures of one run's sites: occupancies, residence times, survival of stays, what the recrossing rule changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from aiida_concerted.analysis.residence import Residence, SurvivalCurve
from aiida_concerted.common.estimate import NORMAL_95, Estimate
from aiida_concerted.plotting.style import REFERENCE_COLOUR, colour_of, marker_of
from aiida_concerted.plotting.temperature_axis import plain_ticks, say_empty

FloatArray = NDArray[np.float64]

LOGARITHMIC_BEYOND = 8.0
"""Ratio of the longest to the shortest time beyond which the axis is logarithmic."""

SPREAD = 0.22
"""Half the width in which the sites of one label are spread, in distances of labels."""


def plot_site_occupancies(
    axes: Axes,
    occupancy: Mapping[str, Estimate],
    *,
    by_site: FloatArray | None = None,
    labels: Sequence[str] = (),
) -> Axes:
    """Return the axes with the mean carriers per site of each label, 95 % intervals, and every site as a grey dot.

    :param by_site: time average of each site, shape ``(n_sites,)``.
    :param labels: label of each site.
    :raises ValueError: if there is not one label for each site.
    """
    if by_site is not None and len(by_site) != len(labels):
        raise ValueError(f"each site needs its label, got {len(by_site)} sites and {len(labels)} labels")
    for index, (label, estimate) in enumerate(occupancy.items()):
        sites = np.sort(np.asarray(by_site)[np.array(labels) == label]) if by_site is not None else np.zeros(0)
        if len(sites):
            offsets = np.linspace(-SPREAD, SPREAD, len(sites)) if len(sites) > 1 else np.zeros(1)
            axes.plot(index + offsets, sites, ".", color="0.6", ms=2.5, label=f"_sites_{label}", zorder=1)
        axes.errorbar(
            [index], [estimate.value], yerr=NORMAL_95 * estimate.stderr, fmt=marker_of(index), color=colour_of(index),
            mec="white", mew=0.6, ms=6, label=f"_{label}", zorder=3,
        )  # fmt: skip
    counts = {label: list(labels).count(label) for label in occupancy} if labels else {}
    ticks = [f"{label}\n{counts[label]}" if counts else label for label in occupancy]
    _label_axis(axes, ticks, "site (label, number of sites)" if counts else "site (label)")
    # Room below, so that symbols of empty sites are whole.
    axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1])
    axes.set_ylabel("occupancy (carriers per site)")
    if not occupancy:
        say_empty(axes, "no occupancies")
    return axes


def plot_residence_by_label(axes: Axes, residence: Mapping[str, Residence]) -> Axes:
    """Return the axes with the mean residence time of each label in ps and its 95 % interval.

    A label that was held but never seen to be left has only a lower bound, drawn as a hollow triangle.
    """
    ticks, ends = [], []
    for index, (label, item) in enumerate(residence.items()):
        time, colour = item.time_ps, colour_of(index)
        ticks.append(f"{label}\n{item.n_exits}")
        if time is not None:
            ends += [time.lower or time.value, time.upper or time.value]
            lengths = [[time.value - (time.lower or time.value)], [(time.upper or time.value) - time.value]]
            axes.errorbar(
                [index], [time.value], yerr=lengths, fmt=marker_of(index), color=colour, ms=5.5, label=f"_{label}"
            )
        elif item.exposure_ps > 0:
            axes.plot([index], [item.lower_bound_ps], "^", mfc="none", color=colour, ms=5, label=f"_{label}_at_least")
            ends.append(item.lower_bound_ps)
    _label_axis(axes, ticks, "site (label, number of exits)")
    axes.set_ylabel("mean residence time (ps)")
    if ends and max(ends) > LOGARITHMIC_BEYOND * min(ends):
        axes.set_yscale("log")
        plain_ticks(axes)
    elif ends:
        axes.set_ylim(bottom=0.0)
    if not any(item.exposure_ps > 0 for item in residence.values()):
        say_empty(axes, "no carrier stayed on a site")
    return axes


def plot_survival(
    axes: Axes, curves: Mapping[str, SurvivalCurve], *, residence: Mapping[str, Residence] | None = None
) -> Axes:
    """Return the axes with the probability that a stay lasts longer than a time, with 95 % bands.

    Curves are those of Kaplan and Meier; dotted lines are exponentials with the mean residence times, which the curves
    follow where leaving does not depend on how long a carrier has been there.

    :param curves: by label; a label without a completed stay is left out.
    :param residence: residence times by label.
    """
    shown = {label: curve for label, curve in curves.items() if len(curve.time_ps)}
    end = max((float(curve.time_ps[-1]) for curve in shown.values()), default=1.0)
    for index, label in enumerate(curves):
        if label not in shown:
            continue
        curve, colour = shown[label], colour_of(index)
        time, survival, error = (
            np.concatenate([[first], values])
            for first, values in ((0.0, curve.time_ps), (1.0, curve.survival), (0.0, NORMAL_95 * curve.stderr))
        )
        axes.plot(time, survival, drawstyle="steps-post", color=colour, label=label)
        axes.fill_between(
            time, np.clip(survival - error, 0, 1), np.clip(survival + error, 0, 1), step="post", color=colour,
            alpha=0.2, lw=0,
        )  # fmt: skip
        mean = residence[label].time_ps if residence and label in residence else None
        if mean is not None:
            grid = np.linspace(0.0, end, 120)
            axes.plot(grid, np.exp(-grid / mean.value), ":", color=colour, lw=0.9, label=f"_{label}_exponential")
    axes.set_xlabel("time since arrival (ps)")
    axes.set_ylabel("stays that last longer (fraction)")
    axes.set_xlim(0.0, end)
    axes.set_ylim(0.0, 1.02)
    if shown and residence:
        axes.plot([], [], ":", color=REFERENCE_COLOUR, lw=0.9, label="exponential")
    if shown:
        axes.legend(loc="upper right")
    else:
        say_empty(axes, "no stay began and ended within the run")
    return axes


def plot_recrossing(axes: Axes, dwell_ps: ArrayLike, counts: ArrayLike, *, used_ps: float | None = None) -> Axes:
    """Return the axes with the hops that are left over the dwell time of the recrossing rule, and the one in use.

    The hops without the rule, those of dwell time zero, are a dotted level.
    All counts come from the same hops, so they have no scatter of their own that a bar could show.

    :param dwell_ps: dwell times in ps, shape ``(n,)``.
    :param counts: hops left at each, shape ``(n,)``.
    :param used_ps: the dwell time in use, in ps.
    :raises ValueError: if the lengths differ.
    """
    dwell, left = np.asarray(dwell_ps, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if dwell.shape != left.shape:
        raise ValueError(f"each dwell time needs its count, got {dwell.shape} and {left.shape}")
    axes.set_xlabel("shortest stay that counts (ps)")
    axes.set_ylabel("hops (number)")
    if not len(dwell):
        say_empty(axes, "no dwell times")
        return axes
    positive = dwell > 0
    if (~positive).any():
        axes.axhline(left[~positive][0], color=colour_of(1), ls=":", lw=1.1, label="no rule")
    if positive.any():
        axes.set_xscale("log")
    axes.plot(dwell[positive], left[positive], "o-", color=colour_of(0), label="_hops")
    if used_ps:
        axes.axvline(used_ps, color=REFERENCE_COLOUR, ls="--", lw=0.9, label=f"in use: {used_ps:g} ps")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="lower left")
    axes.set_ylim(0.0, 1.08 * max(float(left.max()), 1.0))
    return axes


def _label_axis(axes: Axes, ticks: Sequence[str], label: str) -> None:
    axes.set_xticks(range(len(ticks)), list(ticks))
    axes.set_xlim(-0.6, max(len(ticks), 1) - 0.4)
    axes.set_xlabel(label)
