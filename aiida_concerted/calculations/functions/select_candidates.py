"""From explored trajectories the frames that the potential should learn next."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_concerted.data.conversion import structure_of_frame
from aiida_concerted.learning.selection import Classification, TrustLevels, classify, select_candidates

DEVIATION, TRAJECTORY = "deviation__", "trajectory__"


@calcfunction
def select_candidate_structures(parameters: orm.Dict, **runs: orm.Data) -> dict[str, orm.Data]:
    """Return the structures to label and the counts behind the choice.

    Frames that a run never reached, because it exploded or left nothing, count as failed at its temperature: what the
    potential does not survive it does not know.

    :param parameters: ``trust_lower_eV_A``, ``trust_upper_eV_A``, ``max_selected`` and ``seed``; optional ``unreached``
        with ``temperature_K``, ``frames`` and ``reason`` of each run that ended early, by name.
    :param runs: for each run ``name`` its deviation ``deviation__name`` and its trajectory ``trajectory__name``.
    """
    settings = parameters.get_dict()
    trust = TrustLevels(settings["trust_lower_eV_A"], settings["trust_upper_eV_A"])
    names = sorted(key.removeprefix(DEVIATION) for key in runs if key.startswith(DEVIATION))
    deviations = {name: runs[DEVIATION + name].get_array("max_devi_f_eV_A") for name in names}
    classes = {name: classify(deviation, trust) for name, deviation in deviations.items()}
    chosen = select_candidates(
        {name: result.candidate for name, result in classes.items()},
        max_selected=settings["max_selected"],
        seed=settings["seed"],
    )
    outputs: dict[str, orm.Data] = {}
    chosen = {name: runs[DEVIATION + name].get_array("frame")[rows] for name, rows in chosen.items()}
    for name, frames in chosen.items():
        for frame in frames:
            label = f"{name}_f{frame:05d}"
            outputs[f"candidate_{label}"] = structure_of_frame(runs[TRAJECTORY + name], int(frame))
    summaries = {name: _summary(runs[TRAJECTORY + name], deviations[name], classes[name]) for name in names}
    outputs["statistics"] = orm.Dict(
        {
            "trust_lower_eV_A": trust.lower,
            "trust_upper_eV_A": trust.upper,
            "seed": settings["seed"],
            "runs": _with_unreached(summaries, settings.get("unreached", {})),
            "selected": {name: [int(frame) for frame in frames] for name, frames in chosen.items()},
        }
    )
    return outputs


def _summary(trajectory: orm.Data, deviation: np.ndarray, classes: Classification) -> dict[str, Any]:
    finite = deviation[np.isfinite(deviation)]
    summary: dict[str, Any] = {"temperature_K": trajectory.base.attributes.get("temperature_K"), **classes.counts()}
    if len(finite):
        summary |= {"mean_deviation_eV_A": float(finite.mean()), "max_deviation_eV_A": float(finite.max())}
    return summary


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
