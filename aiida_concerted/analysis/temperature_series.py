"""Activation energies from the analyses of one material at several temperatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd
from typing import Any

import numpy as np

from aiida_concerted import __version__
from aiida_concerted.analysis.arrhenius import ArrheniusFit, fit_arrhenius
from aiida_concerted.analysis.json_form import ANALYSIS_SCHEMA, without_undefined
from aiida_concerted.analysis.mode_kinetics import ModeActivation, fit_mode_activation
from aiida_concerted.common.units import conductivity_S_m

SCHEMA = "aiida-concerted/arrhenius/1"
EXTRAPOLATION_K = 300.0
SAME_TEMPERATURE_K = 0.5
SAME_SITE_A = 1.0
"""How far in Å sites of one label may be apart in two analyses; a refinement moves them by less."""
QUANTITIES = {"diffusivity": "tracer_m2_s", "charge_diffusivity": "charge_m2_s"}
COUNTS = ("raw", "side_count")

Analysis = Mapping[str, Any]


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
        _check_one(name, analysis)
    ordered = dict(sorted(analyses.items(), key=lambda item: float(item[1]["input"]["temperature_K"])))
    _check_together(ordered)
    temperatures = [_temperature(analysis) for analysis in ordered.values()]
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
    estimates = {_temperature(run): run.get("diffusivity", {}).get(key, {}) for run in runs}
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
        conductivity_S_m=_conductivity(fit, min(runs, key=_temperature)),
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


def _temperature(analysis: Analysis) -> float:
    return float(analysis["input"]["temperature_K"])


def _check_one(name: str, analysis: Any) -> None:
    if not isinstance(analysis, Mapping) or analysis.get("schema") != ANALYSIS_SCHEMA:
        found = analysis.get("schema") if isinstance(analysis, Mapping) else None
        described = f"its schema is '{found}'" if found else "it has no schema"
        raise ValueError(
            f"{name} is not the result of an analysis ({described}, expected '{ANALYSIS_SCHEMA}'): make it with "
            "'aiida-concerted analyse … --json'"
        )
    facts = analysis.get("input")
    if not isinstance(facts, Mapping) or not {"carrier", "n_carriers", "volume_A3"} <= set(facts):
        raise ValueError(f"{name} lacks facts about its run in 'input': make it anew")
    temperature = facts.get("temperature_K")
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not temperature > 0:
        raise ValueError(f"{name} has no temperature: analyse the run again with --temperature-K")
    for mode in analysis.get("modes", ()):
        if not isinstance(mode, Mapping) or not {"label", "raw", "exposure_cell_ps"} <= set(mode):
            raise ValueError(f"{name} has a mode in 'modes' without label, raw or exposure_cell_ps: make it anew")


def _check_together(ordered: Mapping[str, Analysis]) -> None:
    if len(ordered) < 2:
        raise ValueError(f"an activation energy needs analyses at two temperatures or more, got {len(ordered)}")
    names = list(ordered)
    for first, second in pairwise(names):
        if abs(_temperature(ordered[second]) - _temperature(ordered[first])) < SAME_TEMPERATURE_K:
            raise ValueError(
                f"{first} and {second} are both of {_temperature(ordered[first]):g} K: give one analysis a temperature "
                "(segments of one run are analysed together)"
            )
    for what, describe in _MUST_AGREE.items():
        described = {name: describe(analysis) for name, analysis in ordered.items()}
        for name in names[1:]:
            if described[name] != described[names[0]]:
                raise ValueError(
                    f"{names[0]} and {name} differ in {what}: {_brief(described[names[0]])} and "
                    f"{_brief(described[name])}"
                )
    for name in names[1:]:
        if label := _displaced_label(ordered[names[0]], ordered[name]):
            raise ValueError(
                f"{names[0]} and {name} differ in the place of the sites {label}: sites that are found anew in every "
                "run need not bear the same labels; find them in one with --save-sites FILE, and give that to --sites"
            )


def _displaced_label(first: Analysis, second: Analysis) -> str | None:
    """Return a label whose sites are elsewhere in two analyses, ``None`` where there is none."""
    models = [analysis.get("site_model", {}) for analysis in (first, second)]
    known, others = (model.get("sites", {}) for model in models)
    for label in known.keys() & others.keys():
        places, elsewhere = np.array(known[label]), np.array(others[label])
        difference = places[:, None] - elsewhere[None]
        distances = np.linalg.norm((difference - np.rint(difference)) @ np.array(models[0]["cell_A"]), axis=-1)
        if max(distances.min(axis=0).max(), distances.min(axis=1).max()) > SAME_SITE_A:
            return str(label)
    return None


def _reduced_composition(analysis: Analysis) -> dict[str, int]:
    counts = analysis["input"].get("composition", {})
    divisor = gcd(*counts.values()) or 1
    return {element: counts[element] // divisor for element in sorted(counts)}


def _definition(analysis: Analysis) -> dict[str, Any]:
    definition = analysis.get("mode_definition", {})
    return {key: definition[key] for key in ("window_ps", "recrossing_ps") if key in definition}


def _site_model(analysis: Analysis) -> dict[str, Any]:
    """Return what must agree; lattices of one model may differ, as those of a CIF refined at each temperature do."""
    return {
        key: value for key, value in analysis.get("site_model", {}).items() if key not in ("cell_A", "sites", "modes")
    }


_MUST_AGREE: dict[str, Callable[[Analysis], Any]] = {
    "the carrier": lambda analysis: analysis["input"]["carrier"],
    "the composition": _reduced_composition,
    "the site model": _site_model,
    "the definition of an event": _definition,
    "the frame of reference": lambda analysis: analysis.get("frame"),
}


def _brief(described: Any) -> str:
    if not isinstance(described, dict):
        return str(described)
    if "material" in described:
        counts = ", ".join(f"{count} {label}" for label, count in described.get("counts_per_cell", {}).items())
        return f"{described['material']} ({counts}; edges up to {described.get('max_edge_A')} Å)"
    return " ".join(f"{key} {value}" for key, value in described.items()) or "none"


def _sampling_warnings(runs: Sequence[Analysis]) -> list[str]:
    poor = [_temperature(run) for run in runs if run.get("diffusivity", {}).get("sampling") == "insufficient"]
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
