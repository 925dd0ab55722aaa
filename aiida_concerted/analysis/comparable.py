"""Whether the results of several analyses may be compared: of one kind of system, by the same definitions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import gcd
from typing import Any

import numpy as np

from aiida_concerted.analysis.json_form import ANALYSIS_SCHEMA

SAME_TEMPERATURE_K = 0.5
SAME_SITE_A = 1.0
"""How far in Å sites of one label may be apart in two analyses; a refinement moves them by less."""

Analysis = Mapping[str, Any]


def temperature_of(analysis: Analysis) -> float:
    """Return the temperature of an analysis in K."""
    return float(analysis["input"]["temperature_K"])


def check_analysis(name: str, analysis: Any) -> None:
    """Check that a JSON form is the analysis of a run at a known temperature.

    :param name: the name of its source, for messages.
    :raises ValueError: if it is not.
    """
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


def check_agreement(analyses: Mapping[str, Analysis], what: Collection[str] | None = None) -> None:
    """Check that analyses agree in what makes their numbers comparable.

    :param analyses: JSON forms by the name of their source.
    :param what: of :data:`MUST_AGREE` what to look at; all of it, and the places of sites, when not given.
    :raises ValueError: if two differ, naming both.
    """
    names = list(analyses)
    for subject, describe in MUST_AGREE.items():
        if what is not None and subject not in what:
            continue
        described = {name: describe(analysis) for name, analysis in analyses.items()}
        for name in names[1:]:
            if described[name] != described[names[0]]:
                raise ValueError(
                    f"{names[0]} and {name} differ in {subject}: {_brief(described[names[0]])} and "
                    f"{_brief(described[name])}"
                )
    for name in names[1:] if what is None else ():
        if label := _displaced_label(analyses[names[0]], analyses[name]):
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


MUST_AGREE: dict[str, Callable[[Analysis], Any]] = {
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
