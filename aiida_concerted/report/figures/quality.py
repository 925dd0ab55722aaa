"""Figures of how far the diffusivities can be trusted: sampling, correlation, size of the cell."""

from __future__ import annotations

import numpy as np

from aiida_concerted.analysis.cell_sizes import CONVERGED
from aiida_concerted.plotting import (
    CellSizes,
    TemperatureSeries,
    new_figure,
    plot_cell_sizes,
    plot_haven_ratios,
)
from aiida_concerted.plotting.run_transport import plot_size_displacements
from aiida_concerted.plotting.sampling import plot_sampling
from aiida_concerted.report.content import CellSizeContent, Result, StudyContent
from aiida_concerted.report.figures.base import ReportFigure, table_of
from aiida_concerted.report.published import Published, short_source


def haven_figure(content: StudyContent, published: Published) -> list[ReportFigure]:
    """Return the Haven ratios over temperature."""
    known = [item for item in content.diffusivities if item.get("haven_ratio") is not None]
    if not known:
        return []
    rows = []
    for item in known:
        interval = item.content.get("haven_ratio", {})
        rows.append((item.temperature_K, item["haven_ratio"], interval.get("lower"), interval.get("upper")))
    references = [value for value in published.find("haven_ratio") if value.temperature_K]
    figure, axes = new_figure()
    plot_haven_ratios(
        axes,
        TemperatureSeries.of("this study", *zip(*rows, strict=True)),
        references=[
            TemperatureSeries.of(short_source(v.source), [float(v.temperature_K or 0)], [v.value]) for v in references
        ],
    )
    constant = [value for value in published.find("haven_ratio") if not value.temperature_K]
    beside = "".join(f" Published: {value.value:g} ({short_source(value.source)})." for value in constant)
    return [
        ReportFigure(
            key="haven-ratio",
            section="diffusion",
            title="Haven ratio",
            shows="Tracer over charge diffusivity: below one, carriers move along with each other and carry more "
            f"charge than they would independently.{beside}",
            method="Both diffusivities from the same run; bars: 95 % intervals of a joint block bootstrap, a bar "
            "without an end has no bound there.",
            alternative=f"Haven ratios at {len(known)} temperatures",
            uuids=tuple(item.uuid for item in known),
            figure=figure,
            table=table_of(("temperature_K", "haven_ratio", "lower", "upper"), rows),
        )
    ]


def sampling_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return how many hops stand behind each diffusivity."""
    known = [item for item in content.diffusivities if item.get("n_hops") is not None]
    if not known:
        return []
    rule = next((item.content["sampling_rule"] for item in known if "sampling_rule" in item.content), "")
    rows = [(item.temperature_K, item["n_hops"], item["sampling"], item.get("duration_ps")) for item in known]
    figure, axes = new_figure()
    temperatures, hops, verdicts, _durations = zip(*rows, strict=True)
    plot_sampling(axes, TemperatureSeries.of("hops", temperatures, hops), [word == "sufficient" for word in verdicts])
    return [
        ReportFigure(
            key="sampling",
            section="diffusion",
            title="Is the sampling sufficient?",
            shows="Total squared displacement of all carriers over the squared length of a hop (3 Å): the number of "
            "hops that the diffusivity rests on. Hollow: judged insufficient.",
            method=f"Rule: {rule}." if rule else "By the rule named in each result.",
            alternative=f"Effective numbers of hops at {len(known)} temperatures on a logarithmic axis",
            uuids=tuple(item.uuid for item in known),
            figure=figure,
            table=table_of(("temperature_K", "effective_hops", "sampling", "duration_ps"), rows),
        )
    ]


def size_displacement_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the mean squared displacements in cells of several sizes; none without such runs."""
    having = [cell for cell in content.cell_sizes if {"lag_ps", "tracer_A2"} <= set(cell.result.arrays)]
    if not having:
        return []
    figure, axes = new_figure(height_ratio=0.9)
    curves = {_name(cell): (cell.result.arrays["lag_ps"], cell.result.arrays["tracer_A2"]) for cell in having}
    plot_size_displacements(axes, curves)
    rows = [
        (name, float(t), float(r2)) for name, (lag, curve) in curves.items() for t, r2 in zip(lag, curve, strict=True)
    ]
    return [
        ReportFigure(
            key="size-displacement",
            section="diffusion",
            title="Displacement in cells of several sizes",
            shows="Mean squared displacement of one carrier over the lag, one line a cell.",
            method="Average over all carriers and time origins, relative to the framework; points of one curve are "
            "correlated, so their scatter is no error.",
            alternative=f"Mean squared displacements in {len(having)} cells",
            uuids=tuple(cell.result.uuid for cell in having),
            figure=figure,
            table=table_of(("cell", "lag_ps", "tracer_A2"), rows),
        )
    ]


def size_diffusivity_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the diffusivity over the size of the cell; none without such runs."""
    return [_size_diffusivity(content.cell_sizes, content.size_test)] if content.cell_sizes else []


def _verdict(test: Result | None) -> str:
    """Return what the size test found, empty where there is none."""
    if test is None:
        return ""
    start = test.get("converged_from_n_atoms")
    return f" Verdict: {test['verdict']}" + (
        f", from {start} atoms on." if start and test["verdict"] == CONVERGED else "."
    )


def _size_diffusivity(cells: tuple[CellSizeContent, ...], test: Result | None) -> ReportFigure:
    columns = [_column(cells, key) for key in ("n_atoms", "diffusivity_m2_s", "diffusivity_stderr_m2_s")]
    figure, axes = new_figure()
    plot_cell_sizes(axes, CellSizes(columns[0], columns[1], columns[2], tuple(cell.name for cell in cells)))
    temperature = cells[0].result.temperature_K
    return ReportFigure(
        key="size-diffusivity",
        section="diffusion",
        title=f"Diffusivity and size of the cell at {temperature:g} K",
        shows="Tracer diffusivity over the number of atoms; the band is the largest cell's. Cells within it have "
        "converged." + _verdict(test),
        method="As for the temperatures. Bars: 95 % intervals.",
        alternative=f"Diffusivity in {len(cells)} cells",
        uuids=(*(cell.result.uuid for cell in cells), *([test.uuid] if test else [])),
        figure=figure,
        table=table_of(
            ("cell", "n_atoms", "diffusivity_m2_s", "stderr_m2_s"),
            [(cell.name, *map(float, row)) for cell, row in zip(cells, np.stack(columns, axis=1), strict=True)],
        ),
    )


def size_anisotropy_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the share of the ab plane over the size of the cell; none without such runs."""
    known = tuple(cell for cell in content.cell_sizes if cell.result.get("ab_share") is not None)
    if not known:
        return []
    errors = np.array([float(cell.result.content.get("ab_share", {}).get("stderr") or 0.0) for cell in known])
    sizes = CellSizes(_column(known, "n_atoms"), _column(known, "ab_share"), errors, tuple(cell.name for cell in known))
    figure, axes = new_figure()
    plot_cell_sizes(axes, sizes, label="ab share of D (fraction)")
    return [
        ReportFigure(
            key="size-anisotropy",
            section="diffusion",
            title="Anisotropy and size of the cell",
            shows="Diffusivity along a and b over the sum along a, b and c, over the number of atoms.",
            method="Diagonal of the tracer diffusivity tensor. Bars: 95 % intervals; the band is the largest cell's.",
            alternative=f"Share of the ab plane in {len(known)} cells",
            uuids=tuple(cell.result.uuid for cell in known),
            figure=figure,
            table=table_of(
                ("cell", "n_atoms", "ab_share", "stderr"),
                zip(
                    [c.name for c in known], sizes.n_atoms.tolist(), sizes.value.tolist(), errors.tolist(), strict=True
                ),
            ),
        )
    ]


def _column(cells: tuple[CellSizeContent, ...], key: str) -> np.ndarray:
    return np.array([float(cell.result[key]) for cell in cells])


def _name(cell: CellSizeContent) -> str:
    return f"{cell.name}, {cell.result['n_atoms']} atoms"
