"""A monitor of running molecular dynamics: where the committee no longer knows, more steps tell nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction, CalcJobMonitorResult
from aiida.transports import Transport

from aiida_concerted.calculations.lammps_replicas import REPLICAS
from aiida_concerted.calculations.lammps_restart import restart_point
from aiida_concerted.calculations.lammps_run import md_parameters
from aiida_concerted.calculations.monitoring import quoted, run_remote
from aiida_concerted.formats.lammps_input import DEVIATION
from aiida_concerted.formats.model_deviation import first_long_excess, read_model_deviation

LAST_ROWS = 5000
"""Rows of deviations that are looked at, at most: the newest."""


def stop_disagreeing(node: orm.CalcJobNode, transport: Transport) -> CalcJobMonitorResult | None:
    """Return that a job shall be killed in which a committee has disagreed for longer than it may.

    The files are retrieved and read, so that the exit code says at which step it was and the frames are kept. Where
    several replicas share the job, the others go on in the next from their restart files.
    """
    folder = node.get_remote_workdir()
    if not folder:
        return None
    replicas = getattr(node.inputs, REPLICAS, None)
    if replicas is None:
        return _disagrees(node.inputs, quoted(folder, DEVIATION), "the committee", transport)
    for name, run in sorted(replicas.items()):
        path = quoted(folder, f"{name}/{DEVIATION}")
        found = _disagrees(run, path, f"the committee of {name}", transport)
        if found is not None:
            return found
    return None


def _disagrees(run: Any, path: str, who: str, transport: Transport) -> CalcJobMonitorResult | None:
    """Return that the job of a run shall be killed, if its committee says so.

    :param run: its inputs.
    :param path: file of its deviations, quoted for a shell.
    """
    parameters = md_parameters(run["parameters"])
    if parameters.max_deviation_eV_A is None:
        return None
    start = restart_point(run["restart"]) if "restart" in run else None
    text = run_remote(transport, f"tail -n {LAST_ROWS} {path}")
    try:
        columns = read_model_deviation(text or "", is_continuation=True)
    except ValueError:  # nothing written yet, or a row cut off
        return None
    kept = columns["step"] >= parameters.first_step  # what is heated may disagree, and is no frame
    found = first_long_excess(
        columns["step"][kept].astype(np.int64), columns["max_devi_f_eV_A"][kept], parameters.max_deviation_eV_A,
        parameters.max_deviation_ps / parameters.timestep_ps,
        beyond_since=None if start is None or len(kept) >= LAST_ROWS else start.beyond_since,
    )  # fmt: skip
    if found is None:
        return None
    return CalcJobMonitorResult(
        message=f"{who} disagrees by more than {parameters.max_deviation_eV_A:g} eV/Å since step {found[0]}",
        action=CalcJobMonitorAction.KILL,
        override_exit_code=False,  # the parser says from which step on
    )
