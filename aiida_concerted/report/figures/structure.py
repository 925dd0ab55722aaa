"""Figures that the trajectories are needed for: densities, pair functions and one concerted event of each run."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_concerted.analysis.density import DensityMap
from aiida_concerted.analysis.van_hove import characteristic_time
from aiida_concerted.common.numbers import format_number
from aiida_concerted.plotting import (
    new_figure,
    plot_density_projection,
    plot_radial_by_temperature,
    plot_van_hove_curves,
    plot_van_hove_map,
    project,
)
from aiida_concerted.plotting.densities import PROJECTED_LABEL, density_mesh, density_norm
from aiida_concerted.plotting.events import plot_event
from aiida_concerted.plotting.pair_functions import PART_LABELS, van_hove_mesh
from aiida_concerted.plotting.style import is_narrow, new_corner, new_panels
from aiida_concerted.report.content import EventContent, StructureContent, StudyContent
from aiida_concerted.report.figures.base import ReportFigure, shortened, table_of
from aiida_concerted.report.figures.scenes import density_widget, event_widget
from aiida_concerted.report.published import Published

MAX_DENSITY_ROWS = 30_000
MAX_EVENTS = 4
BOTH_PANELS = 2


def density_figures(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the density of the carriers of each run, projected along the axes of its cell."""
    known = [item for item in content.structures if item.density is not None]
    top = max((float(item.density.density.max()) for item in known if item.density is not None), default=1.0)
    return [_density(content, item, item.density, top) for item in known if item.density is not None]


def _density(content: StudyContent, item: StructureContent, density: DensityMap, top: float) -> ReportFigure:
    projections = [project(density, along) for along in (2, 1, 0)]
    sizes = [np.abs(projection.edges_A).sum(axis=0) for projection in projections]
    widths = [float(size[0]) for size in sizes]
    heights = [float(size[1]) for size in sizes]
    if is_narrow():
        figure, panels = new_corner([max(widths[:2]), widths[2]], [heights[0], max(heights[1:])])
    else:
        ratio = min(0.68 * max(heights) / sum(widths) + 0.13, 1.2)
        figure, panels = new_panels(2, width_ratios=widths, height_ratio=ratio)
    figure.set_layout_engine("compressed")
    norm = density_norm(*(projection.values_A2 for projection in projections))
    for axes, projection in zip(panels, projections, strict=True):
        plot_density_projection(axes, projection, sites=item.sites, norm=norm)
    figure.colorbar(density_mesh(panels[0]), ax=panels, label=PROJECTED_LABEL, pad=0.02)
    if item.sites:
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=max(len(labels), 1))
    folded = " folded into one cell of the site model" if item.sites else ""
    rows = [
        ("abc"[projection.along], *map(shortened, place), shortened(value))
        for projection in projections
        for place, value in zip(projection.places_A.reshape(-1, 2), projection.values_A2.ravel(), strict=True)
    ]
    stride = -(-len(rows) // MAX_DENSITY_ROWS)
    thinned = f" The file holds every {stride}th value." if stride > 1 else ""
    return ReportFigure(
        key=f"density-{item.temperature_K:g}K",
        section="sites",
        title=f"Density of {content.carrier} at {item.temperature_K:g} K",
        shows=f"Where the carriers are, seen along c, b and a{folded}, by the square root of the density; symbols are "
        "the sites. Spots say that they stay, bands that they move.",
        method=f"Mean over {_span(item)} in voxels of at most 0.25 Å, relative to the framework. "
        f"{_voxel_error(density)} The surface is drawn through a grid smoothed over 0.35 Å.{thinned}",
        alternative=f"Density of the carriers at {item.temperature_K:g} K in three projections",
        uuids=(item.uuid,),
        figure=figure,
        table=table_of(("projected_along", "x_A", "y_A", "density_A-2"), rows[::stride]),
        group="density",
        choice=f"{item.temperature_K:g} K",
        is_wide=True,
        widget=density_widget(density, item.sites, top),
    )


def _voxel_error(density: DensityMap) -> str:
    """Return in words how well the densest voxels are known."""
    dense = density.density >= np.quantile(density.density, 0.99)
    relative = density.stderr[dense] / np.maximum(density.density[dense], 1e-12)
    return f"Standard error of the densest hundredth of the voxels, from blocks of time: {np.median(relative):.0%}."


def _span(item: StructureContent) -> str:
    if item.used_ps < item.duration_ps - 1e-6:
        return f"the first {format_number(item.used_ps)} of {format_number(item.duration_ps)} ps"
    return f"{format_number(item.duration_ps)} ps"


def radial_figures(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return g(r) of the carriers with each other and with each element, all temperatures in one figure a pair."""
    known = [item for item in content.structures if item.rdf]
    return [_radial(known, pair) for pair in dict.fromkeys(pair for item in known for pair in item.rdf)]


def _radial(items: list[StructureContent], pair: str) -> ReportFigure:
    having = [item for item in items if pair in item.rdf]
    figure, axes = new_figure()
    plot_radial_by_temperature(axes, {item.temperature_K: item.rdf[pair] for item in having})
    spoken = pair.replace("-", "–")
    rows = [
        (item.temperature_K, *map(shortened, row))
        for item in having
        for row in zip(*(getattr(item.rdf[pair], key) for key in ("r_A", "g", "g_stderr")), strict=True)
    ]
    return ReportFigure(
        key=f"rdf-{pair}",
        section="structure",
        title=f"Pair distribution {spoken}",
        shows=f"Density of the second species about the first ({spoken}) relative to its mean, by temperature. "
        "Lower and wider peaks are more disorder.",
        method=f"Up to 200 frames spread over {_spans(having)}, shells of 0.1 Å. Bands: 95 % intervals from blocks of "
        "time.",
        alternative=f"Radial distribution functions of {spoken} at {len(having)} temperatures",
        uuids=tuple(item.uuid for item in having),
        figure=figure,
        table=table_of(("temperature_K", "r_A", "g", "g_stderr"), rows),
    )


def _spans(items: list[StructureContent]) -> str:
    whole = all(item.used_ps >= item.duration_ps - 1e-6 for item in items)
    return "the whole run" if whole else "the beginning of each run, as far as it was read"


def distinct_part_figures(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the distinct part of the van Hove function of each run."""
    return [_van_hove(item, "distinct") for item in content.structures if item.van_hove is not None]


def self_part_figures(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the self part of the van Hove function of each run."""
    return [_van_hove(item, "self") for item in content.structures if item.van_hove is not None]


def _van_hove(item: StructureContent, part: str) -> ReportFigure:
    functions = item.van_hove
    assert functions is not None  # noqa: S101 - looked at by the caller
    figure, (left, right) = new_panels(BOTH_PANELS, width_ratios=(1.15, 1.0), height_ratio=0.42)
    plot_van_hove_map(left, functions, part)
    if (mesh := van_hove_mesh(left)) is not None:
        figure.colorbar(mesh, ax=left, label=PART_LABELS[part], extend="max" if part == "distinct" else "min")
    plot_van_hove_curves(right, functions, part)
    values = functions.distinct if part == "distinct" else functions.self_part
    stderr = functions.distinct_stderr if part == "distinct" else np.full(values.shape, np.nan)
    rows = [
        tuple(map(shortened, (lag, r, value, error)))
        for lag, line, errors in zip(functions.lag_ps, values, stderr, strict=True)
        for r, value, error in zip(functions.r_A, line, errors, strict=True)
    ]
    name = "Gd_over_rho" if part == "distinct" else "4pi_r2_Gs_A-1"
    return ReportFigure(
        key=f"van-hove-{part}-{item.temperature_K:g}K",
        section="structure",
        title=f"Van Hove function, {part} part, at {item.temperature_K:g} K",
        shows=_van_hove_text(item, part),
        method=f"Up to 200 time origins a lag from {_span(item)}, relative to the framework. "
        + ("Bands: 95 % intervals from blocks of time origins." if part == "distinct" else "No error is estimated."),
        alternative=f"Van Hove function, {part} part, over lag and distance at {item.temperature_K:g} K",
        uuids=(item.uuid,),
        figure=figure,
        table=table_of(("lag_ps", "r_A", name, "stderr"), rows),
        group=f"van-hove-{part}",
        choice=f"{item.temperature_K:g} K",
        is_wide=True,
    )


def _van_hove_text(item: StructureContent, part: str) -> str:
    if part == "self":
        return "How far a carrier has gone after a time: weight that leaves the vibration near zero has hopped."
    assert item.van_hove is not None  # noqa: S101 - looked at by the caller
    time = characteristic_time(item.van_hove)
    reached = (
        ""
        if time is None
        else f" Half of its largest height within 1 Å is reached after {format_number(time, 2)} ps (a convention)."
    )
    return f"Where other carriers are after a time: a peak at zero says that others take a carrier's place.{reached}"


def event_figures(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return one concerted event of each run, of some runs where there are many."""
    items = content.events
    if len(items) > MAX_EVENTS:
        items = tuple(items[i] for i in np.linspace(0, len(items) - 1, MAX_EVENTS).round().astype(int))
    return [_event(content, item) for item in items]


def _event(content: StudyContent, item: EventContent) -> ReportFigure:
    event = item.event
    figure, axes = new_figure(height_ratio=0.75)
    plot_event(axes, event)
    first, middle, last = event.labels
    lag = abs(event.hop_ps[0] - event.hop_ps[1])
    rows: list[tuple[Any, ...]] = [
        tuple(map(shortened, (time, *progress, *movers.ravel())))
        for time, progress, movers in zip(event.time_ps, event.progress, event.movers, strict=True)
    ]
    one, other = item.carriers
    return ReportFigure(
        key=f"event-{item.temperature_K:g}K",
        section="modes",
        title=f"A concerted event, {event.mode.replace('-', '–')}, at {item.temperature_K:g} K",
        shows=f"Carrier {one} goes from {first} to {middle} while carrier {other} goes from {middle} to {last}; their "
        f"nearest sites change {format_number(lag, 2)} ps apart.",
        method="Of the most frequent named mode, or class where none is named, a pair of hops close in time whose "
        "carriers stay a while before and after. An example, not a mean: "
        "whether such events are more than chance is what the frequencies of the modes say. "
        "Coordinates are relative to the middle site, in the frame of the framework.",
        alternative=f"Way of two carriers from site to site over {event.time_ps[-1] - event.time_ps[0]:.1f} ps",
        uuids=item.uuids,
        figure=figure,
        table=table_of(("time_ps", "way_first", "way_second", "x1_A", "y1_A", "z1_A", "x2_A", "y2_A", "z2_A"), rows),
        group="event",
        choice=f"{item.temperature_K:g} K",
        is_wide=True,
        widget=event_widget(content.carrier, event),
    )
