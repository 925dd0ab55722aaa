"""From the counts of concerted modes at several temperatures the activation energy of each."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.mode_kinetics import fit_mode_activation
from aiida_concerted.calculations.functions.context import in_order, shared_context, sound_points
from aiida_concerted.data.results import ArrheniusData

METHOD = "joint-poisson"
NEEDED = ("raw", "side_count", "side_ratio", "exposure_cell_ps")


@calcfunction
def fit_modes(**points: orm.Data) -> dict[str, orm.Data] | ExitCode:
    """Return an Arrhenius fit for every class of modes, under ``mode_`` and its label with underscores.

    Counts and their backgrounds at all temperatures are fitted together, so that temperatures without events count. A
    class whose events do not allow a fit gets a result that says why. A temperature whose framework left its crystal is
    left out and named.

    :param points: mode frequencies at different temperatures.
    """
    nodes = in_order(points)
    try:
        context = shared_context(nodes)
        definitions = {(node["window_ps"], node["recrossing_ps"]) for node in nodes}
        if len(definitions) > 1:
            raise ValueError(f"modes counted with different windows or recrossing rules: {sorted(definitions)}")
    except ValueError as error:
        return ExitCode(210, str(error))
    sound, left_out, lack = sound_points(nodes)
    counts = [(node["temperature_K"], _modes_of(node)) for node in sound]
    labels = list(dict.fromkeys(label for node in nodes for label in _modes_of(node)))
    return {f"mode_{label.replace('-', '_')}": _fit(label, counts, {**context, **left_out}, lack) for label in labels}


def _modes_of(node: orm.Data) -> dict[str, dict[str, Any]]:
    return {mode["label"]: mode for mode in node.get_result()["modes"]}


def _fit(
    label: str, counts: list[tuple[float, dict[str, Any]]], context: dict[str, Any], lack: str | None
) -> ArrheniusData:
    """Return the fit of one class; several runs at one temperature each have a row."""
    rows = [(temperature, modes[label]) for temperature, modes in counts if label in modes]
    usable = [(T, row) for T, row in rows if all(row.get(key) is not None for key in NEEDED)]
    temperatures = [T for T, _ in usable]
    attributes = {
        **context,
        "quantity": "mode_frequency",
        "mode": label,
        "temperatures_K": temperatures,
        "n_events": sum(row["raw"] for _, row in rows),
        "prefactor_unit": "per_cell_s",
        "method": METHOD,
    }
    if lack is None and len(set(temperatures)) < 2:
        lack = "runs too short for side windows at all but one temperature"
    if lack is not None:
        return ArrheniusData(attributes={**attributes, "reason": lack})
    try:
        fit = fit_mode_activation(
            temperatures,
            *([row[key] for _, row in usable] for key in NEEDED),
            dispersion=[row.get("dispersion") for _, row in usable],
        )
    except ValueError as error:
        return ArrheniusData(attributes={**attributes, "reason": str(error)})
    result = {"label": label, "named": any(row["named"] for _, row in usable), **fit.as_dict()}
    if fit.energy_eV is None or fit.attempt_frequency_s is None:
        return ArrheniusData(attributes={**attributes, "reason": fit.reason}, result=result)
    return ArrheniusData(
        attributes={
            **attributes,
            "activation_energy_eV": fit.energy_eV.value,
            "activation_energy_stderr_eV": fit.energy_eV.stderr,
            "prefactor": fit.attempt_frequency_s.value,
        },
        result=result,
    )
