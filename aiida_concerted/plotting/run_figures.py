"""The figures of one run as files: PDF, PNG and the numbers as CSV, under names that stay what they are.

======================  ================================================================================================
``msd``                 mean squared displacements, single and collective, with the fitted lags and slopes
``anisotropy``          diffusivity along each axis
``density``             density of the carriers, projected along the axes of the cell, sites marked
``rdf``                 radial distribution functions of every pair
``van_hove_self``       self part of the van Hove function: map and curves
``van_hove_distinct``   distinct part: map and curves
``sites_occupancy``     occupancy by label and site
``site_raster``         which site is held when
``residence``           residence times by label, and how long stays last
``recrossing``          hops left over the dwell time of the recrossing rule
``modes``               frequencies of the concerted modes
``lag_histogram``       signed lag between the two hops of each mode
======================  ================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from aiida_concerted.analysis.diffusion import TransportResult
from aiida_concerted.analysis.whole_run import RunAnalysis
from aiida_concerted.plotting.densities import (
    PROJECTED_LABEL,
    density_mesh,
    density_norm,
    plot_density_projection,
    project,
)
from aiida_concerted.plotting.files import FORMATS, DrawnFigure
from aiida_concerted.plotting.pair_functions import (
    PART_LABELS,
    plot_radial_distributions,
    plot_van_hove_curves,
    plot_van_hove_map,
    van_hove_mesh,
)
from aiida_concerted.plotting.run_transport import plot_directions, plot_run_displacements
from aiida_concerted.plotting.site_figures import SITE_FIGURES
from aiida_concerted.plotting.style import new_figure, new_panels, publication_style

Maker = Callable[[RunAnalysis], DrawnFigure | None]

ORTHOGONAL_TOLERANCE = 1e-3


def plot_run(run: RunAnalysis, folder: str | Path, *, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Return the files of every figure that a run allows, written into a folder that is made where it is missing.

    Each figure is written at once or not at all; files of these names are replaced.

    :param run: the analysis of one run.
    :param folder: where to write.
    :param formats: of ``pdf``, ``png`` and ``svg`` those to write; the numbers are written as CSV beside them.
    :raises OSError: if the folder cannot be made or written to.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    return [path for figure in run_figures(run) for path in figure.write(place, formats)]


def run_figures(run: RunAnalysis) -> list[DrawnFigure]:
    """Return the figures of a run; what was skipped or is not computable has none."""
    with publication_style():
        return [figure for make in FIGURES if (figure := make(run)) is not None]


def _displacements(run: RunAnalysis) -> DrawnFigure | None:
    if run.transport is None:
        return None
    figure, axes = new_figure(height_ratio=0.9)
    plot_run_displacements(axes, run.transport)
    columns = ("lag_ps", "tracer_A2", "collective_A2", "in_tracer_fit", "in_charge_fit")
    inside = [
        (run.transport.lag_ps >= first) & (run.transport.lag_ps <= last)
        for first, last in (run.transport.fit_window_ps, run.transport.charge_window_ps)
    ]
    curves = (run.transport.lag_ps, run.transport.msd_tracer_A2, run.transport.msd_collective_A2)
    rows = zip(*(curve.tolist() for curve in curves), *(mask.astype(int).tolist() for mask in inside), strict=True)
    return DrawnFigure.of("msd", figure, columns, rows)


def _anisotropy(run: RunAnalysis) -> DrawnFigure | None:
    if run.transport is None:
        return None
    figure, axes = new_figure(height_ratio=0.75)
    names = ("a", "b", "c") if _is_along_axes(run.cell) else ("x", "y", "z")
    plot_directions(axes, run.transport, names=names)
    return DrawnFigure.of(
        "anisotropy", figure, ("direction", "value", "stderr", "unit"), _directions(run.transport, names)
    )


def _directions(transport: TransportResult, names: tuple[str, str, str]) -> list[tuple[str, float, float, str]]:
    parts = zip(names, transport.components.values(), strict=True)
    rows = [(name, estimate.value, estimate.stderr, "m2_s") for name, estimate in parts]
    rows.append(("mean", transport.tracer.value, transport.tracer.stderr, "m2_s"))
    if (share := transport.ab_share) is not None:
        rows.append((f"{names[0]}{names[1]}_share", share.value, share.stderr, "fraction"))
    return rows


def _is_along_axes(cell: np.ndarray) -> bool:
    """Return whether the lattice vectors lie along the Cartesian axes, so that x, y, z may be called a, b, c."""
    return bool(np.abs(cell - np.diag(np.diag(cell))).max() < ORTHOGONAL_TOLERANCE * np.abs(cell).max())


def _density(run: RunAnalysis) -> DrawnFigure | None:
    if run.density is None:
        return None
    projections = [project(run.density, along) for along in (2, 1, 0)]
    sizes = [np.abs(projection.edges_A).sum(axis=0) for projection in projections]
    widths = [float(size[0]) for size in sizes]
    tallest = max(float(size[1]) for size in sizes)
    figure, panels = new_panels(2, width_ratios=widths, height_ratio=min(0.8 * tallest / sum(widths) + 0.12, 1.2))
    figure.set_layout_engine("compressed")
    norm = density_norm(*(projection.values_A2 for projection in projections))
    sites = _site_places(run)
    rows = []
    for axes, projection in zip(panels, projections, strict=True):
        plot_density_projection(axes, projection, sites=sites, norm=norm)
        along = "abc"[projection.along]
        places = projection.places_A.reshape(-1, 2).tolist()
        rows += [
            (along, *place, value) for place, value in zip(places, projection.values_A2.ravel().tolist(), strict=True)
        ]
    figure.colorbar(density_mesh(panels[0]), ax=panels, label=PROJECTED_LABEL, pad=0.02)
    if sites:
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=max(len(labels), 1))
    return DrawnFigure.of("density", figure, ("projected_along", "x_A", "y_A", "density_A-2"), rows)


def _site_places(run: RunAnalysis) -> dict[str, np.ndarray]:
    """Return fractional coordinates by label in the cell of the density: with sites, that is the site cell."""
    if run.sites is None:
        return {}
    network = run.sites.placed.network
    labels = np.array(network.labels)
    return {label: network.fractional[labels == label] for label in network.counts}


def _radial(run: RunAnalysis) -> DrawnFigure | None:
    if not run.rdf:
        return None
    figure, axes = new_figure(height_ratio=0.8)
    plot_radial_distributions(axes, run.rdf)
    rows = [
        (pair, *row)
        for pair, function in run.rdf.items()
        for row in zip(
            *(part.tolist() for part in (function.r_A, function.g, function.g_stderr, function.coordination)),
            strict=True,
        )
    ]
    return DrawnFigure.of("rdf", figure, ("pair", "r_A", "g", "g_stderr", "coordination"), rows)


def _van_hove(run: RunAnalysis, part: str) -> DrawnFigure | None:
    if run.van_hove is None:
        return None
    functions = run.van_hove
    figure, (left, right) = new_panels(2, width_ratios=(1.15, 1.0), height_ratio=0.4)
    plot_van_hove_map(left, functions, part)
    if (mesh := van_hove_mesh(left)) is not None:
        figure.colorbar(mesh, ax=left, label=PART_LABELS[part], extend="max" if part == "distinct" else "min")
    plot_van_hove_curves(right, functions, part)
    values = functions.self_part if part == "self" else functions.distinct
    stderr = np.full(values.shape, np.nan) if part == "self" else functions.distinct_stderr
    rows = [
        (lag, r, value, error)
        for lag, line, errors in zip(functions.lag_ps.tolist(), values.tolist(), stderr.tolist(), strict=True)
        for r, value, error in zip(functions.r_A.tolist(), line, errors, strict=True)
    ]
    name = "4pi_r2_Gs_A-1" if part == "self" else "Gd_over_rho"
    return DrawnFigure.of(f"van_hove_{part}", figure, ("lag_ps", "r_A", name, "stderr"), rows)


FIGURES: tuple[Maker, ...] = (
    _displacements,
    _anisotropy,
    _density,
    _radial,
    lambda run: _van_hove(run, "self"),
    lambda run: _van_hove(run, "distinct"),
    *SITE_FIGURES,
)
