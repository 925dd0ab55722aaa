"""The figures of one run's sites and concerted modes, each with its numbers; see :mod:`.run_figures` for the list."""

from __future__ import annotations

from collections.abc import Callable

from aiida_concerted.analysis.residence import survival_curve
from aiida_concerted.analysis.whole_run import RunAnalysis
from aiida_concerted.common.estimate import NORMAL_95
from aiida_concerted.plotting.files import DrawnFigure
from aiida_concerted.plotting.run_modes import plot_lag_histogram, plot_run_modes, shown_modes
from aiida_concerted.plotting.run_sites import (
    plot_recrossing,
    plot_residence_by_label,
    plot_site_occupancies,
    plot_survival,
)
from aiida_concerted.plotting.sites import plot_site_raster
from aiida_concerted.plotting.style import new_figure, new_grid, new_panels

MAX_RASTER_ROWS = 200_000
"""Stays listed beside the raster at most; the first ones."""

HISTOGRAM_COLUMNS = 3
MAX_UNNAMED_HISTOGRAMS = 4


def occupancy(run: RunAnalysis) -> DrawnFigure | None:
    """Return the occupancies by label and site."""
    if run.sites is None:
        return None
    found, labels = run.sites.statistics.occupancy, run.sites.placed.labels
    figure, axes = new_figure(height_ratio=0.8)
    plot_site_occupancies(axes, found.by_label, by_site=found.by_site, labels=labels)
    rows: list[tuple[object, ...]] = [
        ("label", label, None, item.value, item.stderr) for label, item in found.by_label.items()
    ]
    rows += [("site", labels[index], index, value, None) for index, value in enumerate(found.by_site.tolist())]
    return DrawnFigure.of("sites_occupancy", figure, ("kind", "label", "site", "occupancy", "stderr"), rows)


def raster(run: RunAnalysis) -> DrawnFigure | None:
    """Return which site is held when, from the sites as assigned."""
    if run.sites is None:
        return None
    history = run.sites.history
    figure, axes = new_figure(height_ratio=1.05)
    plot_site_raster(axes, history, label_order=tuple(run.sites.placed.counts))
    interval = history.frame_interval_ps
    columns = (history.carriers, history.starts, history.ends, history.sites)
    stays = zip(*(column[:MAX_RASTER_ROWS].tolist() for column in columns), strict=True)
    rows = [
        (carrier, start * interval, end * interval, site, history.labels[site]) for carrier, start, end, site in stays
    ]
    return DrawnFigure.of("site_raster", figure, ("carrier", "from_ps", "to_ps", "site", "label"), rows)


def residence(run: RunAnalysis) -> DrawnFigure | None:
    """Return residence times with their intervals, and the survival of stays."""
    if run.sites is None:
        return None
    times = run.sites.statistics.residence
    curves = {label: survival_curve(run.sites.counted, label) for label in times}
    figure, (left, right) = new_panels(2, width_ratios=(1.0, 1.15), height_ratio=0.42)
    plot_residence_by_label(left, times)
    plot_survival(right, curves, residence=times)
    rows: list[tuple[object, ...]] = []
    for label, item in times.items():
        found = item.time_ps
        bounds = (found.value, found.lower, found.upper) if found else (None, item.lower_bound_ps or None, None)
        rows.append(("residence_time_ps", label, None, *bounds, item.n_exits, item.n_censored))
    for label, curve in curves.items():
        steps = zip(*(part.tolist() for part in (curve.time_ps, curve.survival, curve.stderr)), strict=True)
        for time, value, error in steps:
            half = NORMAL_95 * error
            rows.append(("survival", label, time, value, max(value - half, 0.0), min(value + half, 1.0), None, None))
    columns = ("kind", "label", "time_ps", "value", "lower", "upper", "n_exits", "n_censored")
    return DrawnFigure.of("residence", figure, columns, rows)


def recrossing(run: RunAnalysis) -> DrawnFigure | None:
    """Return how many hops each dwell time of the recrossing rule leaves."""
    if run.recrossing is None:
        return None
    dwell_ps, counts = run.recrossing
    figure, axes = new_figure(height_ratio=0.75)
    used = run.sites.hops.recrossing_ps if run.sites else None
    plot_recrossing(axes, dwell_ps, counts, used_ps=used)
    rows = [(float(dwell), int(count)) for dwell, count in zip(dwell_ps, counts, strict=True)]
    return DrawnFigure.of("recrossing", figure, ("dwell_ps", "hops"), rows)


def modes(run: RunAnalysis) -> DrawnFigure | None:
    """Return the frequencies of the modes; the numbers are those of every class."""
    if run.sites is None:
        return None
    entries = [mode.as_dict() for mode in run.sites.modes]
    shown = shown_modes(entries)
    figure, axes = new_figure(height_ratio=0.3 + 0.058 * max(len(shown), 3))
    plot_run_modes(axes, shown)
    keys = ("label", "named", "raw", "side_count", "side_ratio", "background", "count", "lower", "upper", "one_to_one")
    rows = []
    for entry in entries:
        frequency = entry.get("frequency_per_cell_s", {})
        numbers = [frequency.get(key) for key in ("value", "lower", "upper")]
        rows.append((*(entry.get(key) for key in keys), *numbers))
    columns = (*keys, "frequency_per_cell_s", "frequency_lower_s", "frequency_upper_s")
    return DrawnFigure.of("modes", figure, columns, rows)


def lag_histogram(run: RunAnalysis) -> DrawnFigure | None:
    """Return the signed lags of the named modes and the most frequent others, one panel each."""
    if run.sites is None:
        return None
    entries = [mode.as_dict() for mode in run.sites.modes]
    shown = [
        entry
        for entry in shown_modes(entries, max_unnamed=MAX_UNNAMED_HISTOGRAMS)
        if entry["raw"] or entry.get("side_count")
    ]
    if not shown:
        return None
    figure, panels = new_grid(len(shown), columns=min(HISTOGRAM_COLUMNS, len(shown)))
    for index, (axes, entry) in enumerate(zip(panels, shown, strict=True)):
        plot_lag_histogram(axes, entry, window_ps=run.sites.window_ps, background_ps=run.sites.side_window_ps)
        if index % HISTOGRAM_COLUMNS:
            axes.set_ylabel("")
        if index + HISTOGRAM_COLUMNS < len(shown):
            axes.set_xlabel("")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    rows = [
        (entry["label"], lag, count)
        for entry in entries
        for lag, count in zip(entry["lag_histogram"]["lag_ps"], entry["lag_histogram"]["counts"], strict=True)
    ]
    return DrawnFigure.of("lag_histogram", figure, ("mode", "lag_ps", "pairs"), rows)


SITE_FIGURES: tuple[Callable[[RunAnalysis], DrawnFigure | None], ...] = (
    occupancy,
    raster,
    residence,
    recrossing,
    modes,
    lag_histogram,
)
