"""Activation energies from the analyses of one material at several temperatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from aiida_concerted import __version__
from aiida_concerted.analysis.arrhenius import ArrheniusFit, fit_arrhenius
from aiida_concerted.analysis.comparable import (
    SAME_TEMPERATURE_K,
    Analysis,
    check_agreement,
    check_analysis,
    temperature_of,
)
from aiida_concerted.analysis.json_form import without_undefined
from aiida_concerted.analysis.mode_kinetics import ModeActivation, fit_mode_activation
from aiida_concerted.common.units import conductivity_S_m

SCHEMA = "aiida-concerted/arrhenius/1"
EXTRAPOLATION_K = 300.0
QUANTITIES = {"diffusivity": "tracer_m2_s", "charge_diffusivity": "charge_m2_s"}
COUNTS = ("raw", "side_count")


@dataclass(frozen=True)
class DiffusivityFit:
    """The Arrhenius law of a diffusivity.

    :param fit: the fit.
    :param points: ``temperature_K``, ``value`` and ``stderr`` in m² s⁻¹ of every temperature used.
    :param excluded_temperatures_K: temperatures without a positive value.
    :param conductivity_S_m: value and 95 % band at 300 K in S m⁻¹, with the carriers' density and charge of the coldest
        run.
    """

    fit: ArrheniusFit
    points: list[dict[str, float]]
    excluded_temperatures_K: list[float]
    conductivity_S_m: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the section of the JSON form."""
        return {
            **self.fit.as_dict(at_K=EXTRAPOLATION_K),
            f"conductivity_{EXTRAPOLATION_K:g}K_S_m": dict(self.conductivity_S_m),
            "points": [dict(point) for point in self.points],
            "excluded_temperatures_K": list(self.excluded_temperatures_K),
        }


@dataclass(frozen=True)
class ModeFit:
    """The Arrhenius law of a class of modes, or the reason why there is none."""

    label: str
    is_named: bool
    activation: ModeActivation

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of the JSON form."""
        head = {"label": self.label, "named": self.is_named}
        return {**head, **self.activation.as_dict(), "temperatures_K": list(self.activation.temperatures_K)}


@dataclass(frozen=True)
class TemperatureSeries:
    """What several temperatures tell together.

    :param temperatures_K: temperatures in K, ascending.
    :param carrier: element symbol of the carriers.
    :param site_model: what the modes refer to, ``None`` without sites.
    :param diffusivities: fits under ``diffusivity`` (of tracers) and ``charge_diffusivity``; one that is not possible
        is absent, and a warning says why.
    :param modes: one fit for each class of modes, named ones first.
    :param warnings: what a reader must know, one sentence each.
    """

    temperatures_K: list[float]
    carrier: str
    site_model: dict[str, Any] | None
    diffusivities: dict[str, DiffusivityFit] = field(default_factory=dict)
    modes: list[ModeFit] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "version": __version__,
            "temperatures_K": list(self.temperatures_K),
            "carrier": self.carrier,
            "site_model": self.site_model,
            **{name: fit.as_dict() for name, fit in self.diffusivities.items()},
            "modes": [mode.as_dict() for mode in self.modes],
            "warnings": list(self.warnings),
        }
        finite = without_undefined(content)
        assert isinstance(finite, dict)  # noqa: S101 - a dictionary stays one
        return finite


def join_temperatures(analyses: Mapping[str, Analysis]) -> TemperatureSeries:
    """Return the fits over several temperatures.

    :param analyses: JSON forms of analyses (schema ``aiida-concerted/analysis/1``) by the name of their source, which
        messages use.
    :raises ValueError: if there are fewer than two, one is of another schema or has no temperature, two are of the same
        temperature, or they differ in carrier, composition, site model or the definition of an event.
    """
    for name, analysis in analyses.items():
        check_analysis(name, analysis)
    ordered = dict(sorted(analyses.items(), key=lambda item: float(item[1]["input"]["temperature_K"])))
    _check_together(ordered)
    temperatures = [temperature_of(analysis) for analysis in ordered.values()]
    runs = list(ordered.values())
    warnings = _sampling_warnings(runs) + _site_warnings(runs)
    diffusivities = {}
    for name, key in QUANTITIES.items():
        try:
            diffusivities[name] = fit_diffusivities(runs, key)
        except ValueError as error:
            warnings.append(f"{name.replace('_', ' ')}: {error}")
    return TemperatureSeries(
        temperatures_K=temperatures,
        carrier=str(runs[0]["input"]["carrier"]),
        site_model={key: value for key, value in runs[0].get("site_model", {}).items() if key != "sites"} or None,
        diffusivities=diffusivities,
        modes=fit_modes(dict(zip(temperatures, [run.get("modes", []) for run in runs], strict=True))),
        warnings=warnings + _bend_warnings(diffusivities),
    )


def fit_diffusivities(runs: Sequence[Analysis], key: str) -> DiffusivityFit:
    """Return the Arrhenius fit of one diffusivity; temperatures at which it is zero or absent are left out and named.

    :param runs: JSON forms of analyses.
    :param key: ``tracer_m2_s`` or ``charge_m2_s``.
    :raises ValueError: if fewer than two temperatures are left.
    """
    estimates = {temperature_of(run): run.get("diffusivity", {}).get(key, {}) for run in runs}
    used = {T: estimate for T, estimate in estimates.items() if estimate.get("value", 0.0) > 0}
    if len(used) < 2:
        raise ValueError(f"positive at {len(used)} of {len(estimates)} temperatures only, a fit needs two")
    fit = fit_arrhenius(
        list(used),
        [estimate["value"] for estimate in used.values()],
        [estimate["stderr"] for estimate in used.values()],
    )
    return DiffusivityFit(
        fit=fit,
        points=[{"temperature_K": T, **{k: estimate[k] for k in ("value", "stderr")}} for T, estimate in used.items()],
        excluded_temperatures_K=[T for T in estimates if T not in used],
        conductivity_S_m=_conductivity(fit, min(runs, key=temperature_of)),
    )


def fit_modes(modes_by_temperature: Mapping[float, Sequence[Mapping[str, Any]]]) -> list[ModeFit]:
    """Return the fit of every class of modes seen at any temperature, named ones first.

    A class that is not listed at a temperature had no event there: it counts as zero with that run's exposure.

    :param modes_by_temperature: the section ``modes`` of each analysis; empty where modes were not looked for.
    """
    counted = {T: modes for T, modes in modes_by_temperature.items() if modes}
    labels = list(dict.fromkeys(mode["label"] for modes in counted.values() for mode in modes))
    named = {mode["label"] for modes in counted.values() for mode in modes if mode.get("named")}
    fits = [ModeFit(label, label in named, _fit_mode(label, counted)) for label in labels]
    return sorted(fits, key=lambda fit: not fit.is_named)


def _fit_mode(label: str, counted: Mapping[float, Sequence[Mapping[str, Any]]]) -> ModeActivation:
    rows = {T: next((mode for mode in modes if mode["label"] == label), modes[0]) for T, modes in counted.items()}
    raw, side = ([row.get(key, 0) if row["label"] == label else 0 for row in rows.values()] for key in COUNTS)
    # A run too short for side windows says nothing of its background: a ratio of zero leaves it out.
    ratios = [row.get("side_ratio", 0.0) for row in rows.values()]
    exposures = [row["exposure_cell_ps"] for row in rows.values()]
    spread = [row.get("dispersion") if row["label"] == label else None for row in rows.values()]
    if sum(ratio > 0 for ratio in ratios) < 2:
        reason = "fewer than two temperatures with runs long enough to measure the background"
        return ModeActivation(
            float(sum(raw)), tuple(T for T, ratio in zip(rows, ratios, strict=True) if ratio), reason=reason
        )
    return fit_mode_activation(list(rows), raw, side, ratios, exposures, spread)


def _conductivity(fit: ArrheniusFit, coldest: Analysis) -> dict[str, float]:
    diffusivity, facts = fit.extrapolate(EXTRAPOLATION_K).as_dict(), coldest["input"]
    charge = coldest.get("settings", {}).get("charge", 1.0)
    unit = conductivity_S_m(1.0, charge, facts["n_carriers"], facts["volume_A3"], EXTRAPOLATION_K)
    return {key: value * unit for key, value in diffusivity.items()}


def _check_together(ordered: Mapping[str, Analysis]) -> None:
    if len(ordered) < 2:
        raise ValueError(f"an activation energy needs analyses at two temperatures or more, got {len(ordered)}")
    names = list(ordered)
    for first, second in pairwise(names):
        if abs(temperature_of(ordered[second]) - temperature_of(ordered[first])) < SAME_TEMPERATURE_K:
            raise ValueError(
                f"{first} and {second} are both of {temperature_of(ordered[first]):g} K: give one analysis a "
                "temperature (segments of one run are analysed together)"
            )
    check_agreement(ordered)


def _sampling_warnings(runs: Sequence[Analysis]) -> list[str]:
    poor = [temperature_of(run) for run in runs if run.get("diffusivity", {}).get("sampling") == "insufficient"]
    if not poor:
        return []
    listed = ", ".join(f"{temperature:g}" for temperature in poor)
    return [f"the sampling is insufficient at {listed} K: the energy is less certain than its error says"]


def _site_warnings(runs: Sequence[Analysis]) -> list[str]:
    if sum("auto_sites" in run for run in runs) < 2:
        return []
    return [
        "sites were found in each run anew: see that a label means the same sites at every temperature before "
        "comparing modes, or give the sites of one run to all as a SITES.yaml"
    ]


def _bend_warnings(diffusivities: Mapping[str, DiffusivityFit]) -> list[str]:
    return [
        f"{name.replace('_', ' ')}: the points bend ({fit.fit.bend}): a line through them does not reach 300 K"
        for name, fit in diffusivities.items()
        if fit.fit.bend not in ("arrhenius", "not assessed")
    ]
