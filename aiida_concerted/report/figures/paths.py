"""Figures of the sites as a whole: the named modes as paths in the crystal, the occupancy of every single site."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_concerted.plotting.mode_paths import plot_mode_path, shortest_path
from aiida_concerted.plotting.site_strip import plot_site_strip
from aiida_concerted.plotting.style import new_grid, new_panels
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.figures.base import ReportFigure, table_of
from aiida_concerted.report.figures.sites import labels_of
from aiida_concerted.report.modes import shown_modes
from aiida_concerted.report.published import Published

PATHS_IN_A_ROW = 5
MOST_IN_A_ROW = 3


def mode_paths_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the named modes in the planes of their sites; the most frequent ones where none is named."""
    network = content.network
    modes = shown_modes(content)
    if network is None or not modes:
        return []
    columns = PATHS_IN_A_ROW if len(modes) >= PATHS_IN_A_ROW else min(len(modes), MOST_IN_A_ROW)
    figure, panels = new_grid(len(modes), columns=columns, panel_ratio=1.3)
    rows: list[tuple[Any, ...]] = []
    for axes, mode in zip(panels, modes, strict=True):
        plot_mode_path(axes, network, mode)
        path = shortest_path(network, mode)
        if path is not None:
            rows.append((mode, *path.lengths_A, path.angle_deg, network.n_paths_per_cell(mode)))
    return [
        ReportFigure(
            key="mode-paths",
            section="modes",
            title="The modes in the crystal",
            shows="One path of each mode in the plane of its three sites: one carrier goes along the first arrow while "
            "another goes along the second. Hollow symbols are other sites in that plane, letters the framework.",
            method="Drawn from the site model: of every class the path with the shortest hops, within 0.8 Å of the "
            "plane. Below each: length of both hops and angle between them.",
            alternative="Paths of " + ", ".join(modes),
            uuids=(content.sites_uuid,) if content.sites_uuid else (content.uuid,),
            figure=figure,
            table=table_of(("mode", "first_hop_A", "second_hop_A", "angle_deg", "paths_per_cell"), rows),
            is_wide=True,
        )
    ]


def site_occupancy_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the time-averaged occupancy of every single site at every temperature."""
    histories = content.histories
    if not histories:
        return []
    labels = histories[0].history.labels
    if any(item.history.labels != labels for item in histories):
        return []
    order = [label for label in labels_of(content) if label in labels]
    order += [label for label in dict.fromkeys(labels) if label not in order]
    rank = np.argsort([order.index(label) for label in labels], kind="stable")
    occupancy = {}
    for item in histories:
        history = item.history
        time = np.bincount(history.sites, weights=history.ends - history.starts, minlength=history.n_sites)
        occupancy[item.temperature_K] = time[rank] / history.n_frames
    ordered = [labels[site] for site in rank]
    figure, (axes,) = new_panels(2, width_ratios=[1.0], height_ratio=0.14 + 0.045 * max(len(occupancy), 3))
    plot_site_strip(axes, occupancy, ordered)
    figure.colorbar(axes.collections[0], ax=axes, label="occupancy", pad=0.01, extend="max")
    rows = [
        (temperature, int(site), label, float(value))
        for temperature, values in occupancy.items()
        for site, label, value in zip(rank, ordered, values, strict=True)
    ]
    return [
        ReportFigure(
            key="site-occupancy",
            section="sites",
            title="Occupancy of every site",
            shows="Fraction of the time that each single site is held, one column a site, ordered by label. Columns "
            "that differ within a label are sites that were not visited evenly: the run is short for them.",
            method="Nearest site of every carrier in every frame; more than one carrier at a time counts more than "
            "once. No error is given for a single site: the spread within a label shows it.",
            alternative=f"Occupancy of {len(ordered)} sites at {len(occupancy)} temperatures",
            uuids=tuple(item.uuid for item in histories),
            figure=figure,
            table=table_of(("temperature_K", "site", "label", "occupancy"), rows),
            is_wide=True,
        )
    ]
