"""From diffusivities at several temperatures their activation energy."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.arrhenius import fit_arrhenius as fit
from aiida_concerted.calculations.functions.context import in_order, shared_context, sound_points
from aiida_concerted.data.results import ArrheniusData

EXTRAPOLATION_K = 300.0


@calcfunction
def fit_diffusivity(**points: orm.Data) -> ArrheniusData | ExitCode:
    """Return the Arrhenius fit of the tracer diffusivity.

    A point whose diffusivity is zero has no logarithm; it is left out and named in the result, and so is one whose
    framework left its crystal.

    :param points: diffusivities at different temperatures.
    """
    nodes = in_order(points)
    sound, left_out, lack = sound_points(nodes)
    used = [node for node in sound if node["diffusivity_m2_s"] > 0]
    try:
        context = shared_context(nodes)
    except ValueError as error:
        return ExitCode(210, str(error))
    attributes = {
        **context,
        **left_out,
        "quantity": "tracer_diffusivity",
        "temperatures_K": [node["temperature_K"] for node in used],
        "prefactor_unit": "m2_s",
        "method": "weighted least squares of ln D",
    }
    if lack is None and len({node["temperature_K"] for node in used}) < 2:
        lack = f"{len(used)} temperatures with a positive diffusivity; a fit needs two"
    if lack is not None:
        return ArrheniusData(attributes={**attributes, "reason": lack})
    return _fit(used, attributes, [node["temperature_K"] for node in sound if node["diffusivity_m2_s"] <= 0])


def _fit(used: list[Any], attributes: dict[str, Any], excluded: list[float]) -> ArrheniusData:
    try:
        result = fit(
            [node["temperature_K"] for node in used],
            [node["diffusivity_m2_s"] for node in used],
            [node["diffusivity_stderr_m2_s"] for node in used],
        )
    except ValueError as error:
        return ArrheniusData(attributes={**attributes, "reason": str(error)})
    content = result.as_dict()
    content["extrapolated_300K_m2_s"] = cold = result.extrapolate(EXTRAPOLATION_K).as_dict()
    content["excluded_temperatures_K"] = excluded
    content["points"] = [
        {key: node[key] for key in ("temperature_K", "diffusivity_m2_s", "diffusivity_stderr_m2_s")} for node in used
    ]
    return ArrheniusData(
        attributes={
            **attributes,
            "activation_energy_eV": result.activation_energy_eV.value,
            "activation_energy_stderr_eV": result.activation_energy_eV.stderr,
            "prefactor": result.prefactor.value,
            **_at_300K(cold, _conductivity_by_diffusivity(used)),
        },
        result=content,
    )


def _conductivity_by_diffusivity(used: list[Any]) -> float | None:
    """Return the Nernst–Einstein conductivity at 300 K in S m⁻¹ of a diffusivity of 1 m² s⁻¹.

    Density and charge of the carriers are those of the coldest run that has a conductivity; ``None`` without any.
    """
    for node in used:
        if (conductivity := node.get("conductivity_S_m")) is not None:
            at_run: float = conductivity / node["diffusivity_m2_s"]
            return at_run * node["temperature_K"] / EXTRAPOLATION_K
    return None


def _at_300K(diffusivity: dict[str, float], conductivity: float | None) -> dict[str, float]:
    """Return the attributes for 300 K.

    :param diffusivity: in m² s⁻¹, with its interval.
    :param conductivity: conductivity in S m⁻¹ of a diffusivity of 1 m² s⁻¹.
    """
    endings = {"value": "", "lower": "_lower", "upper": "_upper"}
    known = {endings[key]: value for key, value in diffusivity.items() if key in endings}
    found = {f"diffusivity_300K{ending}_m2_s": value for ending, value in known.items()}
    if conductivity is not None:
        found |= {f"conductivity_300K{ending}_S_m": conductivity * value for ending, value in known.items()}
    return found
