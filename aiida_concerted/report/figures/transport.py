"""Figures of diffusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_concerted.common.numbers import format_estimate
from aiida_concerted.materials import ReferenceValue, short_source
from aiida_concerted.plotting import (
    ArrheniusLine,
    DisplacementCurve,
    TemperatureSeries,
    new_figure,
    plot_arrhenius_diffusivity,
    plot_displacements,
    plot_plane_share,
)
from aiida_concerted.report.content import Result, StudyContent
from aiida_concerted.report.figures.base import ReportFigure, table_of
from aiida_concerted.report.published import DIFFUSIVITY, Published

ROOM_TEMPERATURE_K = 300.0


def line_of(fit: Result | None, label: str = "_fit") -> ArrheniusLine | None:
    """Return the line of an Arrhenius fit, ``None`` where there is none."""
    if fit is None or fit.get("activation_energy_eV") is None or fit.get("prefactor") is None:
        return None
    temperatures = fit["temperatures_K"]
    covariance = np.array(fit.content.get("covariance", ()), dtype=np.float64)
    return ArrheniusLine(
        prefactor=fit["prefactor"],
        activation_energy_eV=fit["activation_energy_eV"],
        temperature_range_K=(min(temperatures), max(temperatures)),
        covariance=covariance if covariance.shape == (2, 2) else None,
        label=label,
    )


def arrhenius_figure(content: StudyContent, published: Published) -> list[ReportFigure]:
    """Return the Arrhenius plot of the tracer diffusivity."""
    results = content.diffusivities
    if not results:
        return []
    columns = [[item[key] for item in results] for key in ("diffusivity_m2_s", "diffusivity_stderr_m2_s")]
    temperatures = [item.temperature_K for item in results]
    fit = content.fit_of("tracer_diffusivity")
    references = [value for value in published.find(DIFFUSIVITY) if value.temperature_K]
    series = _reference_series(references)
    line = published.potential_line()
    figure, axes = new_figure(height_ratio=1.15)
    plot_arrhenius_diffusivity(
        axes,
        TemperatureSeries.with_stderr("this study", temperatures, *columns),
        fit=line_of(fit, _energy_label(fit)),
        references=series,
        reference_line=None if line is None else ArrheniusLine(*line, label=f"published, $E_a$ = {line[1]:.2f} eV"),
        extrapolate_to_K=ROOM_TEMPERATURE_K,
    )
    rows = [("this study", *row) for row in zip(temperatures, *columns, strict=True)]
    rows += [
        (f"{value.kind}: {value.source}", value.temperature_K, value.value, value.uncertainty) for value in references
    ]
    return [
        ReportFigure(
            key="arrhenius-diffusivity",
            section="diffusion",
            title="Diffusivity over inverse temperature",
            shows="Tracer diffusivity at each temperature, its Arrhenius fit, and the fit continued (dashed) to 300 K. "
            "Open grey symbols and the dotted line are published values; see Sources.",
            method=f"{_method(results)} Bars and band: 95 % intervals. The fit weights each point with its error.",
            alternative=f"Arrhenius plot of the diffusivity at {_temperatures(temperatures)} and published values",
            uuids=tuple(item.uuid for item in results) + ((fit.uuid,) if fit else ()),
            figure=figure,
            table=table_of(("source", "temperature_K", "diffusivity_m2_s", "stderr_m2_s"), rows),
        )
    ]


def _reference_series(references: Sequence[ReferenceValue]) -> list[TemperatureSeries]:
    """Return published diffusivities, one series for each kind and source."""
    groups: dict[str, list[ReferenceValue]] = {}
    for value in references:
        # A dollar sign would begin a formula in the legend.
        groups.setdefault(f"{short_source(value.source)}, {value.kind}".replace("$", ""), []).append(value)
    return [
        TemperatureSeries.with_stderr(
            label,
            [float(value.temperature_K or 0.0) for value in values],
            [value.value for value in values],
            [value.uncertainty or 0.0 for value in values],
        )
        for label, values in groups.items()
    ]


def _temperatures(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values) + " K"


def _energy_label(fit: Result | None) -> str:
    if fit is None or fit.get("activation_energy_eV") is None:
        return "_fit"
    return f"fit, $E_a$ = {format_estimate(fit['activation_energy_eV'], fit.get('activation_energy_stderr_eV'))} eV"


def _method(results: tuple[Result, ...]) -> str:
    methods = dict.fromkeys(str(item["method"]) for item in results if item.get("method"))
    text = "; ".join(methods)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def displacement_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the mean squared displacements."""
    curves, rows, uuids = [], [], []
    for item in content.diffusivities:
        if "lag_ps" not in item.arrays or "tracer_A2" not in item.arrays:
            continue
        window = item.content.get("fit_window_ps")
        lag, single = item.arrays["lag_ps"], item.arrays["tracer_A2"]
        together = item.arrays.get("collective_A2", np.full(len(lag), np.nan))
        curves.append(DisplacementCurve(item.temperature_K, lag, single, tuple(window) if window else None))
        rows += [(item.temperature_K, *map(float, row)) for row in zip(lag, single, together, strict=True)]
        uuids.append(item.uuid)
    if not curves:
        return []
    figure, axes = new_figure(height_ratio=0.9)
    plot_displacements(axes, curves)
    return [
        ReportFigure(
            key="mean-squared-displacement",
            section="diffusion",
            title="Mean squared displacement",
            shows="Mean squared displacement of one carrier over the lag, one line a temperature. The thick part is "
            "the one that the diffusivity was fitted to; the dotted line has the slope of diffusion.",
            method="Average over all carriers and all time origins, relative to the framework. Points of one curve "
            "are strongly correlated, so their scatter is no error; the error of D is that of the fit.",
            alternative=f"Mean squared displacements at {len(curves)} temperatures on logarithmic axes",
            uuids=tuple(uuids),
            figure=figure,
            table=table_of(("temperature_K", "lag_ps", "tracer_A2", "collective_A2"), rows),
        )
    ]


def plane_share_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the share of the ab plane in the diffusivity."""
    results = [item for item in content.diffusivities if item.get("ab_share") is not None]
    if not results:
        return []
    temperatures = [item.temperature_K for item in results]
    shares = [item["ab_share"] for item in results]
    errors = [float(item.content.get("ab_share", {}).get("stderr", np.nan)) for item in results]
    figure, axes = new_figure()
    plot_plane_share(axes, TemperatureSeries.with_stderr("this study", temperatures, shares, errors))
    return [
        ReportFigure(
            key="ab-share",
            section="diffusion",
            title="Anisotropy",
            shows="Diffusivity along a and b over the sum along a, b and c. Diffusion that is the same in all "
            "directions has two thirds.",
            method="Diagonal of the tracer diffusivity tensor from the fit of each run. Bars: 95 % intervals.",
            alternative="Share of the ab plane in the diffusivity at each temperature",
            uuids=tuple(item.uuid for item in results),
            figure=figure,
            table=table_of(("temperature_K", "ab_share", "stderr"), zip(temperatures, shares, errors, strict=True)),
        )
    ]
