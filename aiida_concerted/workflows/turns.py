"""The turns of a learning loop, as its stopping rules see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_concerted.common.estimate import Estimate
from aiida_concerted.learning.stopping import Turn

CLASSES = ("accurate", "candidate", "failed")


def turn_of(node: orm.ProcessNode, accurate: Mapping[str, float]) -> Turn:
    """Return what a finished turn brought.

    The error on held-out frames is the mean over the committee.

    :param node: the iteration.
    :param accurate: accurate fraction of each run, those included that left nothing.
    """
    outputs = node.outputs
    statistics = outputs.statistics.get_dict()
    runs: dict[str, dict[str, Any]] = statistics["runs"]
    temperatures = {name: run.get("temperature_K") for name, run in runs.items()}
    levels = statistics.get("decision", {}).get("levels_eV_A", {})
    return Turn(
        accurate=accurate,
        counts={key: sum(run[key] for run in runs.values()) for key in CLASSES},
        temperatures_K={name: T for name, T in temperatures.items() if T is not None},
        held_out_force=_held_out_force(outputs),
        observable=_observable(outputs),
        lower_levels={name: lower for name, (lower, _) in levels.items()},
        labelled=outputs.labels.base.attributes.get("n_frames") if "labels" in outputs else 0,
    )


def _held_out_force(outputs: Any) -> float | None:
    """Return the mean error of the members in eV Å⁻¹, ``None`` without held-out frames."""
    metrics = outputs.committee.metrics if "committee" in outputs else {}
    errors = [metrics[name].get_dict().get("held_out", {}).get("rmse_force_eV_A") for name in metrics]
    known = [error for error in errors if error is not None]
    return sum(known) / len(known) if known else None


def _observable(outputs: Any) -> Estimate | None:
    """Return the diffusivity in m² s⁻¹ that the explorations gave, ``None`` where it was not observed."""
    observed = outputs.observable.get_dict() if "observable" in outputs else {}
    value = observed.get("diffusivity_m2_s")
    return None if value is None else Estimate(value, observed["diffusivity_stderr_m2_s"])
