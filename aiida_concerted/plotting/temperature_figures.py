"""The figures of one material at several temperatures as files, from the JSON forms of its analyses and their fits.

=============================  =========================================================================================
``arrhenius``                  diffusivity over 1000/T with its fit, continued to 300 K
``modes_arrhenius``            frequencies of the concerted modes over 1000/T with their fits
``msd_by_temperature``         mean squared displacements
``anisotropy_by_temperature``  share of the ab plane in the diffusivity
``haven_by_temperature``       Haven ratio
``occupancy_by_temperature``   occupancy by label
``residence_by_temperature``   residence time by label
``rdf_by_temperature``         radial distribution functions, one panel a pair
=============================  =========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_concerted.analysis.radial import RadialDistribution
from aiida_concerted.common.numbers import format_estimate
from aiida_concerted.plotting.files import FORMATS, DrawnFigure
from aiida_concerted.plotting.modes import plot_mode_frequencies
from aiida_concerted.plotting.pair_functions import plot_radial_by_temperature
from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.sites import plot_occupancies, plot_residence_times
from aiida_concerted.plotting.style import new_figure, new_panels, publication_style
from aiida_concerted.plotting.transport import (
    DisplacementCurve,
    plot_arrhenius_diffusivity,
    plot_displacements,
    plot_haven_ratios,
    plot_plane_share,
)

Analysis = Mapping[str, Any]
Maker = Callable[[list[Analysis], Analysis], DrawnFigure | None]

EXTRAPOLATION_K = 300.0
MAX_UNNAMED = 6
MAX_PAIRS = 2


def plot_arrhenius(
    analyses: Sequence[Analysis],
    folder: str | Path,
    *,
    fits: Analysis | None = None,
    formats: tuple[str, ...] = FORMATS,
) -> list[Path]:
    """Return the files of every figure that several temperatures allow, in a folder made where it is missing.

    :param analyses: JSON forms of analyses (schema ``aiida-concerted/analysis/1``), one a temperature, in any order.
    :param folder: where to write; files of these names are replaced.
    :param fits: JSON form of the fits (schema ``aiida-concerted/arrhenius/1``); without it only points are drawn.
    :param formats: of ``pdf``, ``png`` and ``svg`` those to write; the numbers are written as CSV beside them.
    :raises ValueError: if an analysis has no temperature.
    :raises OSError: if the folder cannot be made or written to.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    return [path for figure in temperature_figures(analyses, fits) for path in figure.write(place, formats)]


def temperature_figures(analyses: Sequence[Analysis], fits: Analysis | None = None) -> list[DrawnFigure]:
    """Return the figures of several temperatures; what no analysis holds has none.

    :raises ValueError: if an analysis has no temperature.
    """
    for analysis in analyses:
        if not analysis.get("input", {}).get("temperature_K"):
            raise ValueError("an analysis has no temperature: analyse its run again with --temperature-K")
    ordered = sorted(analyses, key=_temperature)
    with publication_style():
        return [figure for make in FIGURES if (figure := make(ordered, fits or {})) is not None]


def _temperature(analysis: Analysis) -> float:
    return float(analysis["input"]["temperature_K"])


def _diffusivity(analyses: list[Analysis], fits: Analysis) -> DrawnFigure | None:
    known = [(a, found) for a in analyses if (found := a.get("diffusivity", {}).get("tracer_m2_s"))]
    if not known:
        return None
    poor = [a["diffusivity"].get("sampling") == "insufficient" for a, _ in known]
    fit = fits.get("diffusivity")
    figure, axes = new_figure(height_ratio=1.05)
    plot_arrhenius_diffusivity(
        axes,
        _estimates("simulation", [item for item, bad in zip(known, poor, strict=True) if not bad]),
        doubtful=_estimates("insufficient sampling", [item for item, bad in zip(known, poor, strict=True) if bad]),
        fit=None if fit is None else _line_of_diffusivity(fit),
        extrapolate_to_K=EXTRAPOLATION_K,
    )
    rows = [
        (_temperature(analysis), found["value"], found["stderr"], analysis["diffusivity"].get("sampling"))
        for analysis, found in known
    ]
    return DrawnFigure.of("arrhenius", figure, ("temperature_K", "diffusivity_m2_s", "stderr_m2_s", "sampling"), rows)


def _estimates(label: str, found: Sequence[tuple[Analysis, Mapping[str, float]]]) -> TemperatureSeries:
    values = [(_temperature(analysis), item["value"], item.get("stderr", 0.0)) for analysis, item in found]
    return TemperatureSeries.with_stderr(label, *(np.array(values, dtype=np.float64).reshape(-1, 3).T))


def _line_of_diffusivity(fit: Analysis) -> ArrheniusLine:
    energy = fit["activation_energy_eV"]
    temperatures = [point["temperature_K"] for point in fit["points"]]
    return ArrheniusLine(
        prefactor=fit["prefactor_m2_s"]["value"],
        activation_energy_eV=energy["value"],
        temperature_range_K=(min(temperatures), max(temperatures)),
        covariance=np.array(fit["covariance"], dtype=np.float64),
        label=f"fit, $E_a$ = {format_estimate(energy['value'], energy.get('stderr'))} eV",
    )


def _modes(analyses: list[Analysis], fits: Analysis) -> DrawnFigure | None:
    by_label: dict[str, list[tuple[float, Mapping[str, Any]]]] = {}
    for analysis in analyses:
        for mode in analysis.get("modes", ()):
            by_label.setdefault(mode["label"], []).append((_temperature(analysis), mode))
    if not by_label:
        return None
    chosen = _chosen_modes(by_label)
    lines = {fit["label"]: _line_of_mode(fit) for fit in fits.get("modes", ()) if "activation_energy_eV" in fit}
    series = [_mode_series(label, by_label[label]) for label in chosen]
    figure, axes = new_figure(height_ratio=1.15)
    without = [label for label in chosen if label not in lines] if fits else []
    plot_mode_frequencies(axes, [item for item in series if len(item.value)], fits=lines, without_fit=without)
    rows = []
    for label, entries in by_label.items():
        for temperature, mode in entries:
            frequency = mode.get("frequency_per_cell_s", {})
            numbers = (frequency.get(key) for key in ("value", "lower", "upper"))
            rows.append((label, temperature, *numbers, mode["raw"], mode.get("background")))
    columns = ("mode", "temperature_K", "frequency_per_cell_s", "lower_s", "upper_s", "raw", "background")
    return DrawnFigure.of("modes_arrhenius", figure, columns, rows)


def _chosen_modes(by_label: Mapping[str, Sequence[tuple[float, Mapping[str, Any]]]]) -> list[str]:
    """Return the named modes, or the most frequent ones where none is named."""
    named = [label for label, entries in by_label.items() if any(mode.get("named") for _, mode in entries)]
    totals = {label: sum(mode["raw"] for _, mode in entries) for label, entries in by_label.items()}
    return named or sorted(totals, key=lambda label: (-totals[label], label))[:MAX_UNNAMED]


def _mode_series(label: str, entries: Sequence[tuple[float, Mapping[str, Any]]]) -> TemperatureSeries:
    known = [(T, found) for T, mode in entries if (found := mode.get("frequency_per_cell_s"))]
    columns = [[T for T, _ in known], *([f.get(key) for _, f in known] for key in ("value", "lower", "upper"))]
    return TemperatureSeries.of(label, *columns)


def _line_of_mode(fit: Analysis) -> ArrheniusLine:
    temperatures = fit["temperatures_K"]
    return ArrheniusLine(
        prefactor=fit["attempt_frequency_s"]["value"],
        activation_energy_eV=fit["activation_energy_eV"]["value"],
        temperature_range_K=(min(temperatures), max(temperatures)),
        covariance=np.array(fit["covariance"], dtype=np.float64),
    )


def _displacements(analyses: list[Analysis], _: Analysis) -> DrawnFigure | None:
    curves, rows = [], []
    for analysis in analyses:
        if "msd" not in analysis:
            continue
        lag, tracer = (np.array(analysis["msd"][key], dtype=np.float64) for key in ("lag_ps", "tracer_A2"))
        window = analysis.get("diffusivity", {}).get("fit_window_ps")
        curves.append(DisplacementCurve(_temperature(analysis), lag, tracer, tuple(window) if window else None))
        rows += [(_temperature(analysis), *pair) for pair in zip(lag.tolist(), tracer.tolist(), strict=True)]
    if not curves:
        return None
    figure, axes = new_figure(height_ratio=0.9)
    plot_displacements(axes, curves)
    return DrawnFigure.of("msd_by_temperature", figure, ("temperature_K", "lag_ps", "tracer_A2"), rows)


def _plane_share(analyses: list[Analysis], _: Analysis) -> DrawnFigure | None:
    known = [(a, found) for a in analyses if (found := a.get("diffusivity", {}).get("ab_share"))]
    if not known:
        return None
    figure, axes = new_figure()
    plot_plane_share(axes, _estimates("simulation", known))
    rows = [(_temperature(analysis), found["value"], found.get("stderr")) for analysis, found in known]
    return DrawnFigure.of("anisotropy_by_temperature", figure, ("temperature_K", "ab_share", "stderr"), rows)


def _haven(analyses: list[Analysis], _: Analysis) -> DrawnFigure | None:
    known = [(a, found) for a in analyses if (found := a.get("diffusivity", {}).get("haven_ratio"))]
    if not known:
        return None
    rows = [
        (_temperature(analysis), *(found.get(key) for key in ("value", "lower", "upper"))) for analysis, found in known
    ]
    figure, axes = new_figure()
    plot_haven_ratios(axes, TemperatureSeries.of("simulation", *zip(*rows, strict=True)))
    return DrawnFigure.of("haven_by_temperature", figure, ("temperature_K", "haven_ratio", "lower", "upper"), rows)


def _by_label(analyses: list[Analysis], key: str) -> dict[str, list[tuple[Analysis, Mapping[str, Any]]]]:
    """Return the entries of a section of ``sites`` that have a value, by label."""
    found: dict[str, list[tuple[Analysis, Mapping[str, Any]]]] = {}
    for analysis in analyses:
        for label, entry in analysis.get("sites", {}).get(key, {}).items():
            found.setdefault(label, [])
            if entry.get("value") is not None:
                found[label].append((analysis, entry))
    return found


def _occupancies(analyses: list[Analysis], _: Analysis) -> DrawnFigure | None:
    found = _by_label(analyses, "occupancy")
    if not found:
        return None
    figure, axes = new_figure(height_ratio=0.9)
    plot_occupancies(axes, [_estimates(label, entries) for label, entries in found.items()])
    rows = [
        (label, _temperature(analysis), entry["value"], entry.get("stderr"))
        for label, entries in found.items()
        for analysis, entry in entries
    ]
    return DrawnFigure.of("occupancy_by_temperature", figure, ("label", "temperature_K", "occupancy", "stderr"), rows)


def _residence_times(analyses: list[Analysis], _: Analysis) -> DrawnFigure | None:
    found = _by_label(analyses, "residence_time_ps")
    if not found:
        return None
    keys = ("value", "lower", "upper")
    rows = [
        (label, _temperature(analysis), *(entry.get(key) for key in keys))
        for label, entries in found.items()
        for analysis, entry in entries
    ]
    series = [
        TemperatureSeries.of(label, *zip(*(row[1:] for row in rows if row[0] == label), strict=True))
        for label, entries in found.items()
        if entries
    ]
    figure, axes = new_figure(height_ratio=0.9)
    plot_residence_times(axes, series)
    columns = ("label", "temperature_K", "residence_time_ps", "lower_ps", "upper_ps")
    return DrawnFigure.of("residence_by_temperature", figure, columns, rows)


def _radial(analyses: list[Analysis], _: Analysis) -> DrawnFigure | None:
    pairs = list(dict.fromkeys(pair for analysis in analyses for pair in analysis.get("rdf", {})))
    if not pairs:
        return None
    # Carriers among themselves and about the last element, the anion of most solid electrolytes.
    shown = list(dict.fromkeys([pairs[0], pairs[-1]]))[:MAX_PAIRS]
    figure, panels = new_panels(len(shown), width_ratios=[1.0] * len(shown), height_ratio=0.8 / len(shown))
    for axes, pair in zip(panels, shown, strict=True):
        plot_radial_by_temperature(
            axes, {_temperature(a): _function(a["rdf"][pair]) for a in analyses if pair in a.get("rdf", {})}
        )
        axes.set_title(pair.replace("-", "–"))
    rows = [
        (pair, _temperature(analysis), *row)
        for analysis in analyses
        for pair, function in analysis.get("rdf", {}).items()
        for row in zip(function["r_A"], function["g"], strict=True)
    ]
    return DrawnFigure.of("rdf_by_temperature", figure, ("pair", "temperature_K", "r_A", "g"), rows)


def _function(content: Mapping[str, Any]) -> RadialDistribution:
    r, g = (np.array(content[key], dtype=np.float64) for key in ("r_A", "g"))
    stderr = np.array(content.get("g_stderr", np.zeros(len(r))), dtype=np.float64)
    return RadialDistribution(r, g, stderr, np.full(len(r), np.nan))


FIGURES: tuple[Maker, ...] = (
    _diffusivity,
    _modes,
    _displacements,
    _plane_share,
    _haven,
    _occupancies,
    _residence_times,
    _radial,
)
