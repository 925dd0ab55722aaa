"""What the runs of one temperature, which differ by their seeds alone, say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_concerted.analysis.framework import MAX_FRAMEWORK_DEPARTURE_A
from aiida_concerted.analysis.residence import Residence
from aiida_concerted.common.estimate import NORMAL_95, mean_over_runs
from aiida_concerted.common.units import PS_IN_S
from aiida_concerted.report.content import Result
from aiida_concerted.report.modes import mode_entries

MEANS = {
    "diffusivity_m2_s": "diffusivity_stderr_m2_s",
    "charge_diffusivity_m2_s": "charge_diffusivity_stderr_m2_s",
    "conductivity_S_m": "conductivity_stderr_S_m",
}
"""Attributes of a diffusivity that are averaged over its runs, and those that hold their errors."""

COUNTS = ("count", "exposure_cell_ps", "background", "side_count")
"""Numbers of a class of hops that add up over the runs which have a background of pairs by chance."""

SAMPLING = "sampling"


def sound_results(items: Sequence[Result]) -> list[Result]:
    """Return the results of runs whose framework stayed in its crystal."""
    return [item for item in items if is_sound(item)]


def is_sound(item: Result) -> bool:
    """Return whether the framework of a run stayed in its crystal."""
    return (item.get("framework_departure_A") or 0.0) <= MAX_FRAMEWORK_DEPARTURE_A


def points_of(items: Sequence[Result]) -> list[Result]:
    """Return one result for each temperature of sound runs, coldest first; several runs of one are taken together.

    Diffusivities, shares and occupancies are averaged with the lengths of the runs as weights; hops, pairs of hops,
    stays and exits are added up. A ratio of two diffusivities is that of their means.

    :param items: results of one kind: diffusivities, site statistics or modes.
    """
    return [point for point in all_points_of(items) if is_sound(point)]


def all_points_of(items: Sequence[Result]) -> list[Result]:
    """Return the same with temperatures of which no run is sound."""
    groups: dict[float, list[Result]] = {}
    for item in items:
        groups.setdefault(item.temperature_K, []).append(item)
    return [_together(sound_results(groups[T]) or groups[T]) for T in sorted(groups)]


def _together(runs: Sequence[Result]) -> Result:
    if len(runs) == 1:
        return runs[0]
    known = [run.get("duration_ps") for run in runs]
    lengths = [float(length) for length in known if length]
    if len(lengths) < len(runs):
        lengths = [1.0] * len(runs)
    kind = _modes if runs[0].get("modes") is not None else _sites if runs[0].get("occupancy") else _transport
    attributes, content = kind(runs, lengths)
    common = {
        "temperature_K": runs[0].temperature_K,
        "framework_departure_A": max(run.get("framework_departure_A") or 0.0 for run in runs),
    }
    if all(known):
        common["duration_ps"] = sum(lengths)
    others = tuple(run.uuid for run in runs[1:])
    return replace(runs[0], attributes={**common, **attributes}, content=content, arrays={}, others=others)


def _transport(runs: Sequence[Result], lengths: Sequence[float]) -> tuple[dict[str, Any], dict[str, Any]]:
    attributes: dict[str, Any] = {"n_hops": sum(run.get("n_hops") or 0 for run in runs)}
    verdicts = [run.get(SAMPLING) for run in runs]
    if None not in verdicts:
        attributes[SAMPLING] = next((verdict for verdict in verdicts if verdict != "sufficient"), "sufficient")
    content: dict[str, Any] = {}
    for name, error in MEANS.items():
        mean = _mean([(run.get(name), run.get(error)) for run in runs], lengths)
        if mean is not None:
            attributes |= {name: mean["value"], error: mean["stderr"]}
    attributes |= _haven_ratio(attributes)
    shares = [run.content.get("ab_share", {}) for run in runs]
    share = _mean([(part.get("value"), part.get("stderr")) for part in shares], lengths)
    if share is not None:
        attributes["ab_share"], content["ab_share"] = share["value"], share
    return attributes, content


def _haven_ratio(means: Mapping[str, Any]) -> dict[str, float]:
    """Return the ratio of the mean diffusivities; none where that of the charge is not resolved from zero.

    The errors of both are taken as independent. They rise and fall together, so that the error is rather too large.
    """
    tracer, charge = (means.get(name) for name in ("diffusivity_m2_s", "charge_diffusivity_m2_s"))
    if not tracer or not charge:
        return {}
    errors = (means["diffusivity_stderr_m2_s"] / tracer, means["charge_diffusivity_stderr_m2_s"] / charge)
    if charge < 0 or errors[1] * NORMAL_95 >= 1.0:
        return {}
    ratio = tracer / charge
    return {"haven_ratio": ratio, "haven_ratio_stderr": ratio * float(np.hypot(*errors))}


def _sites(runs: Sequence[Result], lengths: Sequence[float]) -> tuple[dict[str, Any], dict[str, Any]]:
    occupancy, residence = {}, {}
    for label in runs[0]["occupancy"]:
        parts = [(run["occupancy"].get(label), (run.get("occupancy_stderr") or {}).get(label)) for run in runs]
        if (mean := _mean(parts, lengths)) is not None:
            occupancy[label] = mean
        stays = [run.content.get("sites", {}).get("residence_time_ps", {}).get(label) for run in runs]
        if None not in stays:
            residence[label] = _residence([Residence.from_dict(stay) for stay in stays]).as_dict()
    attributes = {
        "occupancy": {label: mean["value"] for label, mean in occupancy.items()},
        "occupancy_stderr": {label: mean["stderr"] for label, mean in occupancy.items()},
        "residence_time_ps": {label: own["value"] for label, own in residence.items() if "value" in own},
        "n_hops": sum(run.get("n_hops") or 0 for run in runs),
    }
    return attributes, {"sites": {"occupancy": occupancy, "residence_time_ps": residence}}


def _residence(stays: Sequence[Residence]) -> Residence:
    """Return the stays of several runs as those of one: times and exits add up."""
    return Residence(
        exposure_ps=sum(stay.exposure_ps for stay in stays),
        n_exits=sum(stay.n_exits for stay in stays),
        n_censored=sum(stay.n_censored for stay in stays),
    )


def _modes(runs: Sequence[Result], _: Sequence[float]) -> tuple[dict[str, Any], dict[str, Any]]:
    known = [mode_entries(run) for run in runs]
    labels = list(dict.fromkeys(label for entries in known for label in entries))
    classes = [_class([entries[label] for entries in known if label in entries]) for label in labels]
    chains: dict[str, int] = {}
    for run in runs:
        for length, number in run.content.get("chains", {}).items():
            chains[length] = chains.get(length, 0) + number
    frequencies = {entry["label"]: entry.get("frequency_per_cell_s", {}).get("value") for entry in classes}
    attributes = {
        "modes": {label: value for label, value in frequencies.items() if value is not None},
        "n_events": {entry["label"]: int(entry.get("raw", 0)) for entry in classes},
        **{key: runs[0].get(key) for key in ("window_ps", "recrossing_ps")},
    }
    exchanges = sum(run.content.get("exchanges", 0) for run in runs)
    return attributes, {"modes": classes, "chains": chains, "exchanges": exchanges}


def _class(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a class of hops counted over several runs: numbers added up, half intervals in quadrature.

    Runs without a background, too short for one, have raw counts alone, and count there alone.
    """
    total: dict[str, Any] = {key: entries[0][key] for key in ("label", "named") if key in entries[0]}
    total |= {key: sum(entry.get(key, 0) for entry in entries) for key in ("raw", "one_to_one")}
    known = [entry for entry in entries if entry.get("count") is not None and entry.get("exposure_cell_ps")]
    if not known:
        return total
    total |= {key: sum(entry[key] for entry in known) for key in COUNTS if all(key in entry for entry in known)}
    total["raw_with_background"] = sum(entry.get("raw", 0) for entry in known)
    scale = 1.0 / (PS_IN_S * total["exposure_cell_ps"])
    frequency = {"value": scale * total["count"]}
    for end, sign in (("lower", -1), ("upper", 1)):
        if all(entry.get(end) is not None for entry in known):
            half = float(np.linalg.norm([entry[end] - entry["count"] for entry in known]))
            total[end] = total["count"] + sign * half
            frequency[end] = scale * total[end]
    return {**total, "frequency_per_cell_s": frequency}


def _mean(parts: Sequence[tuple[float | None, float | None]], lengths: Sequence[float]) -> dict[str, float] | None:
    """Return the mean of what every run knows with its error, ``None`` where one does not know it."""
    known = [(value, error) for value, error in parts if value is not None and error is not None]
    if len(known) < len(parts):
        return None
    return mean_over_runs(known, lengths).as_dict()
