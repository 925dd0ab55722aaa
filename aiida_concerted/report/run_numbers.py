"""The numbers of every single run and fit of a study as plain data, units in the keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiida_concerted.analysis.radial import RadialDistribution
from aiida_concerted.analysis.van_hove import characteristic_time
from aiida_concerted.report.content import Result, StructureContent, StudyContent
from aiida_concerted.report.points import MEANS, points_of

RUN = ("temperature_K", "n_atoms", "framework_departure_A")
"""What is said of a run beside each of its results."""

TRANSPORT = ("tracer_m2_s", "ab_share", "haven_ratio", "charge_m2_s", "conductivity_S_m", "fit_window_ps")
MODE = (
    "label", "named", "raw", "background", "count", "lower", "upper", "frequency_per_cell_s", "one_to_one",
    "null_excess", "exposure_cell_ps", "n_paths_per_cell",
)  # fmt: skip
HAVEN = ("haven_ratio", "haven_ratio_stderr")
COMMON = ("schema_version", "material", "formula", "carrier", "level_of_theory", "study_uuid", "method")
"""Attributes that are the same for all results of a study."""


def run_numbers(content: StudyContent) -> dict[str, list[dict[str, Any]]]:
    """Return results of every run by kind, coldest first, and the fits and size tests over them."""
    tests = [] if content.size_test is None else [content.size_test]
    return {
        "points": [_point(item) for item in points_of(content.diffusivities)],
        "diffusivities": _each(content.diffusivities, _transport),
        "site_statistics": _each(content.site_statistics, _sites),
        "modes": _each(content.modes, _modes),
        "mode_points": [{**_modes(item), "uuids": list(item.uuids)} for item in points_of(content.modes)],
        "pair_functions": [_pair_functions(item) for item in content.structures],
        "fits": _each(content.arrhenius, _fit),
        "cell_sizes": [{"cell": item.name, **_transport(item.result)} for item in content.cell_sizes],
        "size_tests": _each(tests, _fit),
    }


def _each(items: tuple[Result, ...] | list[Result], tell: Callable[[Result], dict[str, Any]]) -> list[dict[str, Any]]:
    return [tell(item) for item in items]


def _chosen(numbers: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: numbers[key] for key in keys if numbers.get(key) is not None}


def _transport(item: Result) -> dict[str, Any]:
    said = _chosen(item.attributes, ("duration_ps", "n_hops", "sampling"))
    return {"uuid": item.uuid, **_chosen(item.attributes, RUN), **said, **_chosen(item.content, TRANSPORT)}


def _point(item: Result) -> dict[str, Any]:
    """Return what all sound runs of one temperature say together."""
    own = _chosen(item.attributes, ("temperature_K", "duration_ps", "sampling", *MEANS, *MEANS.values(), *HAVEN))
    return {"uuids": list(item.uuids), **own, **_chosen(item.content, ("ab_share",))}


def _sites(item: Result) -> dict[str, Any]:
    sites = item.content.get("sites", {})
    own = _chosen(sites, ("occupancy", "residence_time_ps", "share", "multiple_occupancy_fraction"))
    return {"uuid": item.uuid, **_chosen(item.attributes, (*RUN, "n_hops", "recrossing_ps")), **own}


def _modes(item: Result) -> dict[str, Any]:
    own = _chosen(item.attributes, (*RUN, "window_ps", "recrossing_ps"))
    classes = [_chosen(entry, MODE) for entry in item.content.get("modes", ())]
    return {"uuid": item.uuid, **own, **_chosen(item.content, ("exchanges", "chains")), "classes": classes}


def _fit(item: Result) -> dict[str, Any]:
    return {"uuid": item.uuid, **{key: value for key, value in item.attributes.items() if key not in COMMON}}


def _pair_functions(item: StructureContent) -> dict[str, Any]:
    found: dict[str, Any] = {"uuid": item.uuid, "temperature_K": item.temperature_K, "used_ps": item.used_ps}
    found["highest_peaks"] = {pair: _highest_peak(function) for pair, function in item.rdf.items()}
    time = None if item.van_hove is None else characteristic_time(item.van_hove)
    return found if time is None else {**found, "van_hove_time_ps": time}


def _highest_peak(function: RadialDistribution) -> dict[str, Any]:
    return {"r_A": function.highest_peak_at_A, "g": function.highest_peak.as_dict()}
