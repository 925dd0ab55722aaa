"""From the deviations of explorations the frames to label, with the counts behind the choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.learning.deviations import RunDeviation
from aiida_concerted.learning.picking import GeometryOf, Selection, pick_frames
from aiida_concerted.learning.selection import Classification
from aiida_concerted.learning.settings import SelectionSettings

OF_THE_TURN = ("seed", "unreached", "systems", "diagnoses")
"""Parameters that an exploration adds to the settings of the selection."""


@dataclass(frozen=True)
class Explored:
    """What was picked of explorations.

    :param frames: numbers of the frames to label of each run, ascending; runs without any are left out.
    :param statistics: counts of each run, and everything that decided the choice, JSON-compatible.
    """

    frames: dict[str, NDArray[np.int64]]
    statistics: dict[str, Any]


def deviation_of(
    name: str, columns: Mapping[str, Any], systems: Mapping[str, str], temperature_K: float | None
) -> RunDeviation:
    """Return the deviation of one run by number of the frame.

    :param columns: ``frame``, ``max_devi_f_eV_A`` and, where virials are known, ``max_devi_v_eV``.
    :param systems: what runs began from, by their names.
    """
    return RunDeviation.from_rows(
        columns["frame"], columns["max_devi_f_eV_A"], columns.get("max_devi_v_eV"),
        system=systems.get(name, name), temperature_K=temperature_K,
    )  # fmt: skip


def pick_explored(
    parameters: Mapping[str, Any], deviations: Mapping[str, RunDeviation], geometry: GeometryOf
) -> Explored:
    """Return the frames to label and the counts behind the choice.

    :param parameters: what :class:`~aiida_concerted.learning.settings.SelectionSettings` takes, and ``seed``; optional
        ``unreached`` and ``diagnoses`` by run.
    :param deviations: by run, by number of the frame.
    :param geometry: returns the configuration of a run's row.
    :raises ValueError: if the settings are refused.
    """
    settings = {key: value for key, value in parameters.items() if key not in OF_THE_TURN}
    policy = from_mapping(SelectionSettings, settings, "selection").policy()
    ordered = {name: deviations[name] for name in sorted(deviations)}
    selection = pick_frames(ordered, policy, seed=parameters["seed"], geometry=geometry)
    frames = {name: ordered[name].steps[rows] for name, rows in sorted(selection.rows.items())}
    classes = selection.judgement.classes
    diagnoses = parameters.get("diagnoses", {})
    summaries = {name: _summary(run, classes[name]) for name, run in ordered.items()}
    known = _with_unreached(summaries, parameters.get("unreached", {}))
    statistics = {
        **_overall_levels(selection),
        "seed": parameters["seed"],
        "runs": {name: {**run, **_diagnosis(diagnoses, name)} for name, run in known.items()},
        "failures": dict(Counter(diagnoses.values())),
        "selected": {name: [int(frame) for frame in chosen] for name, chosen in frames.items()},
        "decision": selection.as_dict(),
    }
    return Explored(frames, statistics)


def candidate_label(name: str, frame: int) -> str:
    """Return the name of a frame to label: that of its run, and its number."""
    return f"{name}_f{frame:05d}"


def _overall_levels(selection: Selection) -> dict[str, float]:
    """Return the widest window over all runs; in most selections it is the same for all."""
    lower, upper = zip(*selection.judgement.levels.values(), strict=True)
    return {"trust_lower_eV_A": min(lower), "trust_upper_eV_A": max(upper)}


def _summary(run: RunDeviation, classes: Classification) -> dict[str, Any]:
    finite = run.max_force[np.isfinite(run.max_force)]
    summary: dict[str, Any] = {"temperature_K": run.temperature_K, **classes.counts()}
    if len(finite):
        summary |= {"mean_deviation_eV_A": float(finite.mean()), "max_deviation_eV_A": float(finite.max())}
    return summary


def _diagnosis(diagnoses: dict[str, str], name: str) -> dict[str, str]:
    return {"diagnosis": diagnoses[name]} if name in diagnoses else {}


def _with_unreached(
    summaries: dict[str, dict[str, Any]], unreached: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    runs = dict(summaries)
    for name, lack in unreached.items():
        nothing = {"temperature_K": lack["temperature_K"], "accurate": 0, "candidate": 0, "failed": 0}
        seen = runs.get(name, nothing)
        extra = {"unreached": lack["frames"], "reason": lack["reason"]}
        runs[name] = {**seen, "failed": seen["failed"] + lack["frames"], **extra}
    return dict(sorted(runs.items()))
