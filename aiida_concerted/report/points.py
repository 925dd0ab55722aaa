"""What the runs of one temperature, which differ by their seeds alone, say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_concerted.analysis.framework import MAX_FRAMEWORK_DEPARTURE_A
from aiida_concerted.common.estimate import mean_over_runs
from aiida_concerted.common.units import PS_IN_S
from aiida_concerted.report.content import Result
from aiida_concerted.report.modes import mode_entries

MEANS = {
    "diffusivity_m2_s": "diffusivity_stderr_m2_s",
    "charge_diffusivity_m2_s": "charge_diffusivity_stderr_m2_s",
    "haven_ratio": "haven_ratio_stderr",
    "conductivity_S_m": "conductivity_stderr_S_m",
}
"""Attributes of a diffusivity that are averaged over its runs, and those that hold their errors."""

COUNTS = ("raw", "count", "one_to_one", "exposure_cell_ps", "background", "side_count")
"""Numbers of a class of hops that add up over runs."""


def sound_results(items: Sequence[Result]) -> list[Result]:
    """Return the results of runs whose framework stayed in its crystal."""
    return [item for item in items if (item.get("framework_departure_A") or 0.0) <= MAX_FRAMEWORK_DEPARTURE_A]


def points_of(items: Sequence[Result]) -> list[Result]:
    """Return one result for each temperature of sound runs, coldest first; several runs of one are taken together.

    Diffusivities, shares and ratios are averaged with the lengths of the runs as weights, occupancies too where the
    lengths are known; hops and pairs of hops are added up. What neither holds for, such as residence times with their
    intervals, is not in a result of several runs.

    :param items: results of one kind: diffusivities, site statistics or modes.
    """
    groups: dict[float, list[Result]] = {}
    for item in sound_results(items):
        groups.setdefault(item.temperature_K, []).append(item)
    return [_together(groups[T]) for T in sorted(groups)]


def _together(runs: Sequence[Result]) -> Result:
    if len(runs) == 1:
        return runs[0]
    lengths = [float(run.get("duration_ps") or 1.0) for run in runs]
    kind = _modes if runs[0].get("modes") is not None else _sites if runs[0].get("occupancy") else _transport
    attributes, content = kind(runs, lengths)
    common = {"temperature_K": runs[0].temperature_K, "duration_ps": sum(lengths)}
    others = tuple(run.uuid for run in runs[1:])
    return replace(runs[0], attributes={**common, **attributes}, content=content, arrays={}, others=others)


def _transport(runs: Sequence[Result], lengths: Sequence[float]) -> tuple[dict[str, Any], dict[str, Any]]:
    attributes: dict[str, Any] = {"n_hops": sum(run.get("n_hops") or 0 for run in runs)}
    content: dict[str, Any] = {}
    for name, error in MEANS.items():
        mean = _mean([(run.get(name), run.get(error)) for run in runs], lengths)
        if mean is not None:
            attributes |= {name: mean["value"], error: mean["stderr"]}
    shares = [run.content.get("ab_share", {}) for run in runs]
    share = _mean([(part.get("value"), part.get("stderr")) for part in shares], lengths)
    if share is not None:
        attributes["ab_share"], content["ab_share"] = share["value"], share
    return attributes, content


def _sites(runs: Sequence[Result], lengths: Sequence[float]) -> tuple[dict[str, Any], dict[str, Any]]:
    occupancy = {}
    for label in runs[0]["occupancy"]:
        parts = [(run["occupancy"].get(label), (run.get("occupancy_stderr") or {}).get(label)) for run in runs]
        if (mean := _mean(parts, lengths)) is not None:
            occupancy[label] = mean
    attributes = {
        "occupancy": {label: mean["value"] for label, mean in occupancy.items()},
        "occupancy_stderr": {label: mean["stderr"] for label, mean in occupancy.items()},
        "n_hops": sum(run.get("n_hops") or 0 for run in runs),
    }
    return attributes, {"sites": {"occupancy": occupancy}}


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
    return attributes, {"modes": classes, "chains": chains}


def _class(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a class of hops counted over several runs: numbers added up, half intervals in quadrature."""
    total: dict[str, Any] = {key: entries[0][key] for key in ("label", "named") if key in entries[0]}
    for key in COUNTS:
        if all(key in entry for entry in entries):
            total[key] = sum(entry[key] for entry in entries)
    ends = {}
    if all(entry.get(key) is not None for entry in entries for key in ("count", "lower", "upper")):
        for end, sign in (("lower", -1), ("upper", 1)):
            half = float(np.linalg.norm([entry[end] - entry["count"] for entry in entries]))
            ends[end] = total["count"] + sign * half
        total |= ends
    if total.get("exposure_cell_ps") and "count" in total:
        scale = 1.0 / (PS_IN_S * total["exposure_cell_ps"])
        total["frequency_per_cell_s"] = {
            "value": scale * total["count"], **{end: scale * value for end, value in ends.items()}
        }  # fmt: skip
    return total


def _mean(parts: Sequence[tuple[float | None, float | None]], lengths: Sequence[float]) -> dict[str, float] | None:
    """Return the mean of what every run knows with its error, ``None`` where one does not know it."""
    known = [(value, error) for value, error in parts if value is not None and error is not None]
    if len(known) < len(parts):
        return None
    return mean_over_runs(known, lengths).as_dict()
