"""From explored trajectories the frames that the potential should learn next."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_concerted.data.conversion import arrays_of_frame, structure_of_frame
from aiida_concerted.learning.explored import candidate_label, deviation_of, pick_explored
from aiida_concerted.learning.screens import Geometry

DEVIATION, TRAJECTORY = "deviation__", "trajectory__"


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
    names = sorted(key.removeprefix(DEVIATION) for key in runs if key.startswith(DEVIATION))
    systems = given.get("systems", {})
    deviations = {
        name: deviation_of(
            name, columns_of(runs[DEVIATION + name]), systems,
            runs[TRAJECTORY + name].base.attributes.get("temperature_K", None),
        )
        for name in names
    }  # fmt: skip

    def geometry(name: str, row: int) -> Geometry:
        frame = int(deviations[name].steps[row])
        cell, positions, species = arrays_of_frame(runs[TRAJECTORY + name], frame)
        return Geometry(species, cell, positions)

    explored = pick_explored(given, deviations, geometry)
    outputs: dict[str, orm.Data] = {}
    for name, frames in explored.frames.items():
        for frame in frames:
            structure = structure_of_frame(runs[TRAJECTORY + name], int(frame))
            outputs[f"candidate_{candidate_label(name, int(frame))}"] = structure
    outputs["statistics"] = orm.Dict(explored.statistics)
    return outputs


def columns_of(node: orm.ArrayData) -> dict[str, Any]:
    """Return the columns of the deviation of a run by name."""
    return {name: node.get_array(name) for name in node.get_arraynames()}
