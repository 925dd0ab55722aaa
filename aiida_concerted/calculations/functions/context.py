"""What every result of a trajectory says about where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import NDArray

from aiida_concerted.analysis.framework import MAX_FRAMEWORK_DEPARTURE_A
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.trajectory import MolecularDynamicsData

MIN_SOUND_POINTS = 3
"""Least temperatures of a fit that others had to be left out of: two would leave nothing to see the error by."""


def in_order(points: Mapping[str, Any]) -> list[Any]:
    """Return results by temperature, those of one temperature by the names they were given by.

    A database tells the inputs of a function in any order, and a fit that is made again must be the same one.
    """
    return [node for _, node in sorted(points.items(), key=lambda item: (item[1]["temperature_K"], item[0]))]


def shared_context(results: list[Any]) -> dict[str, Any]:
    """Return the attributes that all ``results`` share, for a fit over several temperatures.

    :raises ValueError: if they are of different materials or levels of theory, which do not belong on one line.
    """
    keys = ("material", "formula", "carrier", "level_of_theory", "study_uuid")
    for key in ("material", "carrier", "level_of_theory"):
        values = sorted({str(node.get(key)) for node in results})
        if len(values) > 1:
            raise ValueError(f"a fit needs results of one {key.replace('_', ' ')}, got {', '.join(values)}")
    context = {key: results[0].get(key) for key in keys}
    return {**context, "n_atoms": max(node["n_atoms"] for node in results)}


def crystal_framework(
    structure: orm.StructureData | None, trajectory: MolecularDynamicsData
) -> NDArray[np.float64] | None:
    """Return the framework's positions in Å in the trajectory's order, ``None`` where there is none.

    :param structure: the crystal that the run began from.
    """
    if structure is None:
        return None
    with trajectory.reader() as reader:
        framework_ids = reader.header.framework_ids
    return arrays_of_structure(structure)[1][framework_ids] if len(framework_ids) else None


def has_departed(node: Any) -> bool:
    """Return whether the framework of the run behind a result is no longer that of its crystal."""
    attributes: dict[str, Any] = node.base.attributes.all
    return (attributes.get("framework_departure_A") or 0.0) > MAX_FRAMEWORK_DEPARTURE_A


def sound_points(results: list[Any]) -> tuple[list[Any], dict[str, Any], str | None]:
    """Return the results that belong in a fit, what the fit says of the others, and why there can be none, if so.

    A run whose framework melted or turned samples another phase, whose diffusivity and modes have no place on the line
    of the crystal.
    """
    lost = sorted({node["temperature_K"] for node in results if has_departed(node)})
    sound = [node for node in results if not has_departed(node)]
    if not lost:
        return sound, {}, None
    reason = None
    kept, given = ({node["temperature_K"] for node in nodes} for nodes in (sound, results))
    if len(kept) < MIN_SOUND_POINTS:
        where = ", ".join(f"{temperature:g}" for temperature in lost)
        reason = (
            f"the framework left its crystal at {where} K, and {len(kept)} of {len(given)} temperatures remain; "
            f"a fit then needs {MIN_SOUND_POINTS}"
        )
    return sound, {"framework_lost_temperatures_K": lost}, reason
