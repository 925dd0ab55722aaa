"""What every result of a trajectory says about where it comes from."""

from __future__ import annotations

from typing import Any

from aiida_concerted.data.trajectory import MolecularDynamicsData


def result_context(trajectory: MolecularDynamicsData, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that results of one run share.

    :param settings: parameters of the analysis; ``material`` wins over the trajectory's own, the formula stands for a
        material without a name.
    """
    attributes = trajectory.base.attributes.all
    return {
        "material": settings.get("material") or attributes.get("material") or attributes["formula"],
        "formula": attributes["formula"],
        "carrier": attributes["carrier"],
        "level_of_theory": attributes.get("level_of_theory"),
        "n_atoms": attributes["n_atoms"],
        "temperature_K": attributes.get("temperature_K"),
        "study_uuid": settings.get("study_uuid"),
    }


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
