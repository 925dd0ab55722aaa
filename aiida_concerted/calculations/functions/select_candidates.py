"""From explored trajectories the frames that the potential should learn next."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.conversion import arrays_of_frame, structure_of_frame
from aiida_concerted.learning.deviations import RunDeviation
from aiida_concerted.learning.picking import Selection, pick_frames
from aiida_concerted.learning.screens import Geometry
from aiida_concerted.learning.selection import Classification
from aiida_concerted.learning.settings import SelectionSettings

DEVIATION, TRAJECTORY = "deviation__", "trajectory__"
VIRIAL = "max_devi_v_eV"
OF_THE_TURN = ("seed", "unreached", "systems", "diagnoses")
"""Parameters that the exploration adds to the settings of the selection."""


@calcfunction
def select_candidate_structures(parameters: orm.Dict, **runs: orm.Data) -> dict[str, orm.Data]:
    """Return the structures to label and the counts behind the choice.

    Frames that a run never reached, because it exploded or left nothing, count as failed at its temperature: what the
    potential does not survive it does not know.

    :param parameters: what :class:`~aiida_concerted.learning.settings.SelectionSettings` takes, and ``seed``; optional
        ``unreached`` with ``temperature_K``, ``frames`` and ``reason`` of each run that ended early, and ``systems``
        with what each run began from, by name.
        ``diagnoses`` names what ended each run before its time; ``failures`` of the statistics counts them.
    :param runs: for each run ``name`` its deviation ``deviation__name`` and its trajectory ``trajectory__name``.
    """
    given = parameters.get_dict()
    settings = {key: value for key, value in given.items() if key not in OF_THE_TURN}
    policy = from_mapping(SelectionSettings, settings, "selection").policy()
    names = sorted(key.removeprefix(DEVIATION) for key in runs if key.startswith(DEVIATION))
    deviations = {name: _deviation(name, runs, given.get("systems", {})) for name in names}

    def geometry(name: str, row: int) -> Geometry:
        frame = int(deviations[name].steps[row])
        cell, positions, species = arrays_of_frame(runs[TRAJECTORY + name], frame)
        return Geometry(species, cell, positions)

    selection = pick_frames(deviations, policy, seed=given["seed"], geometry=geometry)
    chosen = {name: deviations[name].steps[rows] for name, rows in sorted(selection.rows.items())}
    outputs: dict[str, orm.Data] = {}
    for name, frames in chosen.items():
        for frame in frames:
            label = f"{name}_f{frame:05d}"
            outputs[f"candidate_{label}"] = structure_of_frame(runs[TRAJECTORY + name], int(frame))
    classes = selection.judgement.classes
    summaries = {name: _summary(deviations[name], classes[name]) for name in names}
    diagnoses = given.get("diagnoses", {})
    known = _with_unreached(summaries, given.get("unreached", {}))
    outputs["statistics"] = orm.Dict(
        {
            **_overall_levels(selection),
            "seed": given["seed"],
            "runs": {name: {**run, **_diagnosis(diagnoses, name)} for name, run in known.items()},
            "failures": dict(Counter(diagnoses.values())),
            "selected": {name: [int(frame) for frame in frames] for name, frames in chosen.items()},
            "decision": selection.as_dict(),
        }
    )
    return outputs


def _deviation(name: str, runs: dict[str, orm.Data], systems: dict[str, str]) -> RunDeviation:
    """Return the deviation of one run, by number of the frame."""
    node, trajectory = runs[DEVIATION + name], runs[TRAJECTORY + name]
    virial = node.get_array(VIRIAL) if VIRIAL in node.get_arraynames() else None
    return RunDeviation.from_rows(
        node.get_array("frame"),
        node.get_array("max_devi_f_eV_A"),
        virial,
        system=systems.get(name, name),
        temperature_K=trajectory.base.attributes.get("temperature_K", None),
    )


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
