"""From the segments of a molecular-dynamics run to one run."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.calculations.lammps_run import CONTEXT, md_parameters
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats.h5md_join import join_h5md
from aiida_concerted.formats.lammps_log import production_averages
from aiida_concerted.formats.md_parameters import MdParameters

SERIES = ("trajectory", "thermo", "model_deviation", "results")
"""Outputs of a segment that belong to its own steps."""


@calcfunction
def join_segments(
    parameters: orm.Dict, structure: orm.StructureData, **segments: orm.Data
) -> dict[str, orm.Data] | ExitCode:
    """Return trajectory, thermodynamic output, deviations and results of a run that was made in segments.

    Where a later segment computes a step again, its row counts: the two are the same but for a stop that fell between.

    :param parameters: of the run, see :class:`MdParameters`.
    :param structure: where the run began.
    :param segments: outputs of the segments, named like ``trajectory_001`` in the order of the segments; a segment
        without frames has none.
    """
    run = md_parameters(parameters)
    series = {name: [segments[key] for key in sorted(segments) if key.rpartition("_")[0] == name] for name in SERIES}
    joined: dict[str, orm.Data] = {}
    try:
        if series["trajectory"]:
            joined["trajectory"] = _join_trajectories(series["trajectory"])
        for name in ("thermo", "model_deviation"):
            if series[name]:
                joined[name] = _join_rows(series[name], run)
    except ValueError as error:
        return ExitCode(410, f"the segments cannot be joined: {error}")
    joined["results"] = orm.Dict(_join_results(series["results"], joined, run, len(structure.sites)))
    return joined


def _join_trajectories(nodes: list[Any]) -> MolecularDynamicsData:
    """Return the node of a joined trajectory, with what is known of the first segment.

    :raises ValueError: if they are not segments of one run without a gap, or the frames of one are not at home.
    """
    for node in nodes:
        if not isinstance(node, MolecularDynamicsData):
            raise ValueError(f"the frames of <{node.pk}> are not at home, and those that follow them are")
    attributes = nodes[0].base.attributes.all
    context = {name: attributes[name] for name in CONTEXT if name in attributes}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / MolecularDynamicsData.FILENAME
        join_h5md([stack.enter_context(node.reader()) for node in nodes], path)
        return MolecularDynamicsData(path, **context)


def _join_rows(nodes: list[Any], run: MdParameters) -> orm.ArrayData:
    """Return arrays over steps, each segment up to where the next begins."""
    parts = [{name: node.get_array(name) for name in node.get_arraynames()} for node in nodes]
    begins = [int(part["step"][0]) if len(part["step"]) else np.iinfo(np.int64).max for part in parts]
    ends = [*np.minimum.accumulate(begins[::-1])[::-1][1:], np.iinfo(np.int64).max]
    kept = [part["step"] < end for part, end in zip(parts, ends, strict=True)]
    node = orm.ArrayData()
    for name in parts[0]:
        rows = np.concatenate([part[name][rows] for part, rows in zip(parts, kept, strict=True)])
        node.set_array(name, rows)
    if "frame" in parts[0]:
        node.set_array("frame", (node.get_array("step") - run.first_step) // run.frame_steps)
    return node


def _join_results(nodes: list[orm.Dict], joined: dict[str, Any], run: MdParameters, n_atoms: int) -> dict[str, Any]:
    """Return the numbers of the whole run; how it ended and its speed are those of the last segment."""
    parts = [node.get_dict() for node in nodes]
    results = {**parts[-1], "start_step": parts[0].get("start_step", 0), "first_step": run.first_step}
    results["n_segments"] = sum(part.get("n_segments", 1) for part in parts)
    if any("wall_s" in part for part in parts):
        results["wall_s"] = sum(part.get("wall_s", 0.0) for part in parts)
    results["n_frames"] = joined["trajectory"].n_frames if "trajectory" in joined else 0
    if "thermo" in joined:
        step, temperature, conserved = (
            joined["thermo"].get_array(name) for name in ("step", "temperature_K", "conserved_energy_eV")
        )
        kept = step >= run.first_step
        time_ps = (step[kept] - run.first_step) * run.timestep_ps
        results |= production_averages(time_ps, temperature[kept], conserved[kept], n_atoms)
    return results
