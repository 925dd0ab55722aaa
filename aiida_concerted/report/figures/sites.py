"""Figures of sites, concerted modes and vacancies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.plotting import (
    TemperatureSeries,
    new_figure,
    plot_mode_frequencies,
    plot_occupancies,
    plot_residence_times,
    plot_site_raster,
    plot_vacancy_energies,
)
from aiida_concerted.report.content import HistoryContent, Result, StudyContent
from aiida_concerted.report.figures.base import ReportFigure, Widget, table_of
from aiida_concerted.report.figures.transport import line_of
from aiida_concerted.report.modes import mode_entries, shown_modes
from aiida_concerted.report.published import OCCUPANCY, VACANCY_ENERGY, Published

MAX_RASTER_ROWS = 50_000
MAX_WIDGET_STAYS = 20_000
RASTER_HELP = (
    "Point at a row to read who sits there; drag to move through time, zoom with the buttons. With the keyboard: arrow "
    "keys move the pointer, plus and minus zoom, 0 shows everything."
)


def labels_of(content: StudyContent) -> tuple[str, ...]:
    """Return the site labels: those of the site model first, then any that only occur in results."""
    seen = [label for item in content.site_statistics for label in item["occupancy"]]
    return tuple(dict.fromkeys([*content.site_labels, *seen]))


def occupancy_estimate(item: Result, label: str) -> Mapping[str, Any] | None:
    """Return value and standard error of an occupancy, ``None`` where the label does not occur."""
    full = item.content.get("sites", {}).get("occupancy", {}).get(label)
    if full is not None:
        return dict(full)
    value = item["occupancy"].get(label)
    return None if value is None else {"value": value}


def occupancy_figure(content: StudyContent, published: Published) -> list[ReportFigure]:
    """Return the occupancies over temperature."""
    series: list[TemperatureSeries] = []
    rows: list[tuple[Any, ...]] = []
    for label in labels_of(content):
        found = [(item, occupancy_estimate(item, label)) for item in content.site_statistics]
        known = [(item.temperature_K, estimate) for item, estimate in found if estimate is not None]
        if known:
            values = [(T, estimate["value"], estimate.get("stderr") or 0.0) for T, estimate in known]
            series.append(TemperatureSeries.with_stderr(label, *zip(*values, strict=True)))
            rows += [("this study", label, *value) for value in values]
    if not series:
        return []
    references = [value for value in published.find(OCCUPANCY) if value.temperature_K and value.label]
    figure, axes = new_figure(height_ratio=0.9)
    plot_occupancies(
        axes,
        series,
        references=[TemperatureSeries.of(str(v.label), [float(v.temperature_K or 0)], [v.value]) for v in references],
    )
    rows += [(f"{v.kind}: {v.source}", str(v.label), v.temperature_K, v.value, v.uncertainty) for v in references]
    stars = " Stars are published values." if references else ""
    return [
        ReportFigure(
            key="occupancy",
            section="sites",
            title="Occupancy of the sites",
            shows=f"Mean number of carriers on a site of each label.{stars}",
            method="Every carrier belongs to its nearest site in every frame. Bars: 95 % intervals.",
            alternative=f"Occupancy of {', '.join(item.label for item in series)} at each temperature",
            uuids=tuple(item.uuid for item in content.site_statistics),
            figure=figure,
            table=table_of(("source", "label", "temperature_K", "occupancy", "stderr"), rows),
        )
    ]


def residence_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the residence times over temperature."""
    series, rows = [], []
    for label in labels_of(content):
        values = [(item.temperature_K, _residence(item, label)) for item in content.site_statistics]
        known = [(T, time["value"], time.get("lower"), time.get("upper")) for T, time in values if time]
        rows += [
            (label, T, time["value"], time.get("lower"), time.get("upper"), time.get("n_exits"), time.get("n_censored"))
            for T, time in values
            if time
        ]
        if known:
            series.append(TemperatureSeries.of(label, *zip(*known, strict=True)))
    if not content.site_statistics:
        return []
    figure, axes = new_figure(height_ratio=0.9)
    plot_residence_times(axes, series)
    never = [label for label in labels_of(content) if label not in {item.label for item in series}]
    left_out = f" No carrier was seen to leave {', '.join(never)}." if never else ""
    return [
        ReportFigure(
            key="residence-time",
            section="sites",
            title="Residence times",
            shows=f"Mean time that a carrier stays on a site of each label.{left_out}",
            method="Total time on the label over the number of departures; visits cut by the end of the run count with "
            "their time. Hops that return within the recrossing time are not departures. Bars: 95 % intervals; a bar "
            "without an end has no bound there.",
            alternative="Mean residence time by site label at each temperature on a logarithmic axis",
            uuids=tuple(item.uuid for item in content.site_statistics),
            figure=figure,
            table=table_of(
                ("label", "temperature_K", "residence_time_ps", "lower_ps", "upper_ps", "n_exits", "n_censored"), rows
            ),
        )
    ]


def _residence(item: Result, label: str) -> Mapping[str, Any] | None:
    full = item.content.get("sites", {}).get("residence_time_ps", {}).get(label)
    if full is not None and full.get("value") is not None:
        return dict(full)
    value = item["residence_time_ps"].get(label)
    return None if value is None else {"value": value}


def mode_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the frequencies of the concerted modes over temperature."""
    if not content.modes:
        return []
    series, rows = [], []
    chosen = shown_modes(content)
    fits = {mode: line for mode in chosen if (line := line_of(content.fit_of("mode_frequency", mode)))}
    for mode in chosen:
        points = [(item.temperature_K, mode_entries(item).get(mode)) for item in content.modes]
        known = [(T, f, entry) for T, entry in points if entry and (f := entry.get("frequency_per_cell_s"))]
        rows += [
            (mode, T, f["value"], f.get("lower"), f.get("upper"), entry.get("raw"), entry.get("background"))
            for T, f, entry in known
        ]
        if known:
            values = [(T, f["value"], f.get("lower"), f.get("upper")) for T, f, _ in known]
            series.append(TemperatureSeries.of(mode, *zip(*values, strict=True)))
    figure, axes = new_figure(height_ratio=1.15)
    plot_mode_frequencies(axes, series, fits=fits, without_fit=[mode for mode in chosen if mode not in fits])
    return [
        ReportFigure(
            key="mode-frequency",
            section="modes",
            title="Concerted modes",
            shows="How often one carrier hops from A to B and another from B to C within the window, per cell of the "
            "site model. Hollow triangles are upper bounds where no event stood out.",
            method=f"{_mode_rule(content)} Events that coincide by chance are estimated in side windows and "
            "subtracted. Bars: 95 % intervals. Lines: joint fit of the counts of all temperatures.",
            alternative=f"Frequency of {len(series)} concerted modes at each temperature on a logarithmic axis",
            uuids=tuple(item.uuid for item in content.modes)
            + tuple(fit.uuid for fit in content.arrhenius if fit["quantity"] == "mode_frequency"),
            figure=figure,
            table=table_of(
                ("mode", "temperature_K", "frequency_per_cell_s", "lower_s", "upper_s", "raw_count", "background"), rows
            ),
        )
    ]


def _mode_rule(content: StudyContent) -> str:
    first = content.modes[0]
    window, recrossing = first.get("window_ps"), first.get("recrossing_ps")
    return f"Window {window:g} ps; hops that return within {recrossing:g} ps do not count."


def raster_figures(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return who sat where when, one figure a temperature."""
    return [_raster(content, item) for item in content.histories]


def _raster(content: StudyContent, item: HistoryContent) -> ReportFigure:
    history = item.history
    order = [label for label in labels_of(content) if label in history.labels]
    order += [label for label in dict.fromkeys(history.labels) if label not in order]
    figure, axes = new_figure(height_ratio=1.05)
    plot_site_raster(axes, history, label_order=order)
    interval = history.frame_interval_ps
    runs = zip(history.carriers, history.starts, history.ends, history.sites, strict=True)
    rows = [
        (int(carrier), start * interval, end * interval, int(site), history.labels[site])
        for (carrier, start, end, site), _ in zip(runs, range(MAX_RASTER_ROWS), strict=False)
    ]
    cut = (
        f" The file holds the first {MAX_RASTER_ROWS} of {len(history.starts)} stays."
        if len(rows) < len(history.starts)
        else ""
    )
    return ReportFigure(
        key=f"raster-{item.temperature_K:g}K",
        section="sites",
        title=f"Sites over time at {item.temperature_K:g} K",
        shows="Every site is a row: blue while one carrier holds it, orange while several do, white while empty.",
        method=f"Nearest site in every frame, {history.n_hops} changes of site, recrossings included.{cut}",
        alternative=f"Raster of {history.n_sites} sites over {history.duration_ps:g} ps at {item.temperature_K:g} K",
        uuids=(item.uuid,),
        figure=figure,
        table=table_of(("carrier", "from_ps", "to_ps", "site", "label"), rows),
        group="raster",
        choice=f"{item.temperature_K:g} K",
        is_wide=True,
        widget=_raster_widget(history, order),
    )


def _raster_widget(history: SiteHistory, order: list[str]) -> Widget:
    """Return the stays on the sites for a raster that tells who sat where; of a long run its beginning."""
    last = history.n_frames
    if len(history.starts) > MAX_WIDGET_STAYS:
        last = max(int(np.sort(history.starts)[MAX_WIDGET_STAYS]), 1)
    chosen = history.starts < last
    columns: dict[str, NDArray[Any]] = {
        "carrier": history.carriers,
        "site": history.sites,
        "start": history.starts,
        "end": np.minimum(history.ends, last),
    }
    return Widget(
        kind="raster",
        data={
            "interval_ps": round(history.frame_interval_ps, 8),
            "n_frames": last,
            "labels": list(history.labels),
            "order": order,
            **{name: values[chosen].tolist() for name, values in columns.items()},
        },
        help=RASTER_HELP if last == history.n_frames else f"{RASTER_HELP} Shown is the beginning of a longer run.",
        replaces=True,
    )


def vacancy_figure(content: StudyContent, published: Published) -> list[ReportFigure]:
    """Return the vacancy formation energies."""
    if content.vacancy is None:
        return []
    sites = content.vacancy.content.get("sites", ())
    order = dict.fromkeys([*content.site_labels, *(site["label"] for site in sites)])
    energies = {label: [s["formation_energy_eV"] for s in sites if s["label"] == label] for label in order}
    weights = {label: [s.get("multiplicity", 1) for s in sites if s["label"] == label] for label in order}
    references = {str(value.label): value.value for value in published.find(VACANCY_ENERGY) if value.label}
    figure, axes = new_figure()
    plot_vacancy_energies(axes, energies, multiplicities=weights, references_eV=references)
    stars = " Stars are published values." if references else ""
    return [
        ReportFigure(
            key="vacancy-energy",
            section="vacancies",
            title="Vacancy formation energies",
            shows="Energy to take one carrier out of each inequivalent site, with the mean of each label (line) and "
            f"the standard deviation over its sites (bar, right); symmetry copies count.{stars}",
            method="Energy of the relaxed neutral cell with the vacancy, plus that of one atom of the elemental "
            "reference, minus that of the perfect cell; lattice fixed.",
            alternative=f"Vacancy formation energies by site label: {', '.join(energies)}",
            uuids=(content.vacancy.uuid,),
            figure=figure,
            table=table_of(
                ("label", "site_index", "multiplicity", "distance_to_site_A", "formation_energy_eV"),
                [
                    (s["label"], s.get("index"), s.get("multiplicity"), s.get("distance_A"), s["formation_energy_eV"])
                    for s in sites
                ],
            ),
        )
    ]
