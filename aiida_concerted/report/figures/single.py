"""Figures of results at one temperature, where the report's own would be one point over inverse temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aiida_concerted.analysis.residence import Residence
from aiida_concerted.common.estimate import Estimate
from aiida_concerted.plotting import (
    new_figure,
    plot_lag_histogram,
    plot_residence_by_label,
    plot_run_modes,
    plot_site_occupancies,
)
from aiida_concerted.plotting.run_modes import shown_modes
from aiida_concerted.plotting.style import new_grid
from aiida_concerted.report.content import Result, StudyContent
from aiida_concerted.report.figures.base import ReportFigure, table_of
from aiida_concerted.report.figures.sites import labels_of, occupancy_estimate
from aiida_concerted.report.modes import mode_entries
from aiida_concerted.report.published import Published

PANELS_IN_A_ROW = 3
MAX_UNNAMED_HISTOGRAMS = 4


def occupancy_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the occupancies of the first result."""
    item = content.site_statistics[0]
    found = {label: estimate for label in labels_of(content) if (estimate := occupancy_estimate(item, label))}
    occupancy = {label: Estimate(entry["value"], entry.get("stderr") or 0.0) for label, entry in found.items()}
    figure, axes = new_figure()
    plot_site_occupancies(axes, occupancy)
    return [
        ReportFigure(
            key="occupancy",
            section="sites",
            title=f"Occupancy of the sites at {item.temperature_K:g} K",
            shows="Mean number of carriers on a site of each label.",
            method="Every carrier belongs to its nearest site in every frame. Bars: 95 % intervals.",
            alternative=f"Occupancy of {', '.join(occupancy)} at {item.temperature_K:g} K",
            uuids=(item.uuid,),
            figure=figure,
            table=table_of(
                ("label", "occupancy", "stderr"), [(label, e.value, e.stderr) for label, e in occupancy.items()]
            ),
        )
    ]


def residence_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the residence times of the first result."""
    item = content.site_statistics[0]
    entries = item.content.get("sites", {}).get("residence_time_ps", {})
    figure, axes = new_figure()
    plot_residence_by_label(axes, {label: _residence(entry) for label, entry in entries.items()})
    keys = ("value", "lower", "upper", "n_exits", "n_censored")
    rows = [(label, *(entry.get(key) for key in keys)) for label, entry in entries.items()]
    return [
        ReportFigure(
            key="residence-time",
            section="sites",
            title=f"Residence times at {item.temperature_K:g} K",
            shows="Mean time that a carrier stays on a site of each label; a hollow triangle is a lower bound.",
            method="Total time on the label over the number of departures. Bars: 95 % intervals.",
            alternative=f"Mean residence time of {', '.join(entries)} at {item.temperature_K:g} K",
            uuids=(item.uuid,),
            figure=figure,
            table=table_of(("label", "residence_time_ps", "lower_ps", "upper_ps", "n_exits", "n_censored"), rows),
        )
    ]


def _residence(entry: Mapping[str, Any]) -> Residence:
    """Return the residence time that an entry of the JSON form was made from."""
    n_exits, n_censored = int(entry.get("n_exits", 0)), int(entry.get("n_censored", 0))
    if entry.get("value") is not None:
        return Residence(entry["value"] * max(n_exits, 1), max(n_exits, 1), n_censored)
    # Without an exit the lower bound is proportional to the time seen.
    return Residence(entry.get("lower", 0.0) / Residence(1.0, 0, 0).lower_bound_ps, 0, n_censored)


def mode_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the frequencies of the modes of the first result."""
    item = content.modes[0]
    entries = list(mode_entries(item).values())
    shown = shown_modes(entries)
    figure, axes = new_figure(height_ratio=0.3 + 0.058 * max(len(shown), 3))
    plot_run_modes(axes, shown)
    rows = []
    for entry in entries:
        frequency = entry.get("frequency_per_cell_s", {})
        numbers = (frequency.get(key) for key in ("value", "lower", "upper"))
        rows.append((entry["label"], *numbers, entry.get("raw"), entry.get("background")))
    return [
        ReportFigure(
            key="mode-frequency",
            section="modes",
            title=f"Concerted modes at {item.temperature_K:g} K",
            shows="How often one carrier hops from A to B and another from B to C within the window, per cell.",
            method=f"{_rule(item)} Pairs by chance are estimated in side windows and subtracted. Bars: 95 % intervals.",
            alternative=f"Frequencies of {len(shown)} concerted modes at {item.temperature_K:g} K",
            uuids=(item.uuid,),
            figure=figure,
            table=table_of(("mode", "frequency_per_cell_s", "lower_s", "upper_s", "raw_count", "background"), rows),
        )
    ]


def lag_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the signed lags between the two hops of the modes of the first result; none where they were not kept."""
    item = content.modes[0]
    entries = [entry for entry in mode_entries(item).values() if entry.get("lag_histogram")]
    shown = [e for e in shown_modes(entries, max_unnamed=MAX_UNNAMED_HISTOGRAMS) if any(e["lag_histogram"]["counts"])]
    if not shown:
        return []
    definition = item.content.get("mode_definition", {})
    figure, panels = new_grid(len(shown), columns=min(PANELS_IN_A_ROW, len(shown)))
    for axes, entry in zip(panels, shown, strict=True):
        plot_lag_histogram(axes, entry, window_ps=item["window_ps"], background_ps=definition.get("background_ps"))
    _label_once(figure, panels)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    rows = [
        (entry["label"], lag, count)
        for entry in entries
        for lag, count in zip(entry["lag_histogram"]["lag_ps"], entry["lag_histogram"]["counts"], strict=True)
    ]
    return [
        ReportFigure(
            key="lag-histogram",
            section="modes",
            title=f"Lags between the hops of a mode at {item.temperature_K:g} K",
            shows="Pairs of hops over the time of arrival on the middle site after the departure from it.",
            method=f"{_rule(item)} Bars: square root of the count. Dashed: mean of the side windows.",
            alternative=f"Histograms of the lags of {len(shown)} concerted modes",
            uuids=(item.uuid,),
            figure=figure,
            table=table_of(("mode", "lag_ps", "pairs"), rows),
        )
    ]


def _label_once(figure: Figure, panels: Sequence[Axes]) -> None:
    """Move the labels that all panels share to the figure: beside small panels they would run into each other."""
    x, y = panels[0].xaxis.label, panels[0].yaxis.label
    figure.supxlabel(x.get_text(), fontsize=x.get_fontsize())
    figure.supylabel(y.get_text(), fontsize=y.get_fontsize())
    for axes in panels:
        axes.set(xlabel="", ylabel="")


def _rule(item: Result) -> str:
    return f"Window {item['window_ps']:g} ps; hops that return within {item['recrossing_ps']:g} ps do not count."
