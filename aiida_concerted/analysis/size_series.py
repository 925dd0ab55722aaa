"""What the analyses of one material in cells of several sizes say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida_concerted import __version__
from aiida_concerted.analysis.cell_sizes import TOLERANCE, SizeTest, compare_cell_sizes
from aiida_concerted.analysis.comparable import (
    SAME_TEMPERATURE_K,
    Analysis,
    check_agreement,
    check_analysis,
    temperature_of,
)
from aiida_concerted.analysis.json_form import without_undefined

SCHEMA = "aiida-concerted/sizes/1"
QUANTITIES = {"diffusivity": "tracer_m2_s", "ab_share": "ab_share"}
"""Sections of the result, and where an analysis keeps the estimate."""
COMPARED = ("the carrier", "the composition", "the frame of reference")
MIN_SIZES = 2


@dataclass(frozen=True)
class SizeSeries:
    """A diffusivity and the share of the ab plane in it over the size of the cell.

    :param temperature_K: temperature of all runs in K.
    :param carrier: element symbol of the carriers.
    :param cells: for each analysis ``n_atoms`` and, where known, ``supercell``.
    :param tests: what the sizes say, under ``diffusivity`` (m² s⁻¹) and ``ab_share``.
    :param warnings: what a reader must know, one sentence each.
    """

    temperature_K: float
    carrier: str
    cells: list[dict[str, Any]]
    tests: dict[str, SizeTest]
    warnings: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "version": __version__,
            "temperature_K": self.temperature_K,
            "carrier": self.carrier,
            "cells": [dict(cell) for cell in self.cells],
            **{name: test.as_dict() for name, test in self.tests.items()},
            "warnings": list(self.warnings),
        }
        finite = without_undefined(content)
        assert isinstance(finite, dict)  # noqa: S101 - a dictionary stays one
        return finite


def join_sizes(analyses: Mapping[str, Analysis], *, tolerance: float = TOLERANCE) -> SizeSeries:
    """Return what several sizes of the cell say together.

    :param analyses: JSON forms of analyses (schema ``aiida-concerted/analysis/1``) by the name of their source, which
        messages use; several may be of one size.
    :param tolerance: relative difference between cells that the errors must be able to show.
    :raises ValueError: if there are fewer than two sizes, one is of another schema, or they differ in temperature,
        carrier, composition or frame of reference.
    """
    for name, analysis in analyses.items():
        check_analysis(name, analysis)
    ordered = dict(sorted(analyses.items(), key=lambda item: _size(item[1])))
    _check_together(ordered)
    tests, warnings = {}, _sampling_warnings(ordered)
    for name, key in QUANTITIES.items():
        known = {source: found for source, analysis in ordered.items() if (found := _estimate(analysis, key))}
        missing = [source for source in ordered if source not in known]
        if missing:
            warnings.append(f"{name.replace('_', ' ')}: {', '.join(missing)} without a value and its error, left out")
        if known:
            rows = [(_size(ordered[source]), found["value"], found["stderr"]) for source, found in known.items()]
            tests[name] = compare_cell_sizes(*zip(*rows, strict=True), tolerance=tolerance)
    first = next(iter(ordered.values()))
    return SizeSeries(
        temperature_K=temperature_of(first),
        carrier=str(first["input"]["carrier"]),
        cells=[_cell(analysis) for analysis in ordered.values()],
        tests=tests,
        warnings=warnings,
    )


def _size(analysis: Analysis) -> int:
    return int(analysis["input"]["n_atoms"])


def _cell(analysis: Analysis) -> dict[str, Any]:
    return {key: analysis["input"][key] for key in ("n_atoms", "supercell") if key in analysis["input"]}


def _estimate(analysis: Analysis, key: str) -> Mapping[str, float] | None:
    found = analysis.get("diffusivity", {}).get(key)
    return found if found and found.get("stderr", 0.0) > 0 else None


def _check_together(ordered: Mapping[str, Analysis]) -> None:
    for name, analysis in ordered.items():
        if not isinstance(analysis["input"].get("n_atoms"), int):
            raise ValueError(f"{name} does not say how many atoms its cell has ('n_atoms' in 'input'): make it anew")
    if len({_size(analysis) for analysis in ordered.values()}) < MIN_SIZES:
        raise ValueError(f"cells of {MIN_SIZES} sizes or more are needed, got one")
    names = list(ordered)
    for name in names[1:]:
        temperatures = [temperature_of(ordered[which]) for which in (names[0], name)]
        if abs(temperatures[0] - temperatures[1]) > SAME_TEMPERATURE_K:
            raise ValueError(
                f"{names[0]} and {name} differ in temperature: {temperatures[0]:g} and {temperatures[1]:g} K; "
                "compare sizes at one temperature"
            )
    check_agreement(ordered, COMPARED)


def _sampling_warnings(ordered: Mapping[str, Analysis]) -> list[str]:
    poor = [
        str(_size(analysis))
        for analysis in ordered.values()
        if analysis.get("diffusivity", {}).get("sampling") == "insufficient"
    ]
    if not poor:
        return []
    return [
        f"the sampling is insufficient in the cells of {', '.join(poor)} atoms: their errors are uncertain themselves"
    ]
