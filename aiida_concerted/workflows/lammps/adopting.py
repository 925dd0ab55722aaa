"""Jobs of an earlier process that brought a replica as far as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_concerted.calculations.lammps_replicas import EXIT_STATUS, INPUTS, REPLICAS, LammpsReplicasCalculation
from aiida_concerted.queries.calls import calls_of, earlier_processes
from aiida_concerted.queries.replicas import outputs_of_replica
from aiida_concerted.workflows.continuing import flat_inputs, is_same, lacks_outputs
from aiida_concerted.workflows.lammps.segment import ADVANCED


def adopted_jobs(
    process: orm.ProcessNode, name: str, shared: Mapping[str, Any], run: Mapping[str, Any]
) -> list[orm.CalcJobNode]:
    """Return the jobs of earlier processes that a replica may take over, in the order in which they go on.

    A job counts where it had the potentials, the program and the inputs of the replica, whichever others ran beside it.
    The first begins where the replica does, each other where the one before left it.

    :param shared: ``code`` and ``models`` of all replicas.
    :param run: ``structure``, ``parameters`` and, where it goes on, ``restart`` of this one.
    """
    jobs = _earlier_jobs(process)
    wanted = {key: run[key] for key in INPUTS if key in run}
    adopted: list[orm.CalcJobNode] = []
    while (found := next((job for job in jobs if _did(job, name, shared, wanted)), None)) is not None:
        adopted.append(found)
        outputs = outputs_of_replica(found, name)
        if outputs["results"][EXIT_STATUS] == 0 or "restart" not in outputs:
            break
        wanted["restart"] = outputs["restart"]
        jobs.remove(found)
    return adopted


def _earlier_jobs(process: orm.ProcessNode) -> list[orm.CalcJobNode]:
    """Return the jobs of the processes that this one continues, the newest process first."""
    kind = LammpsReplicasCalculation.build_process_type()
    found = []
    for parent in earlier_processes(process):
        jobs = [job for _, job in calls_of(parent) if job.process_type == kind]
        found += [job for job in jobs if job.is_finished and not lacks_outputs(job)]
    return found


def _did(job: orm.CalcJobNode, name: str, shared: Mapping[str, Any], wanted: Mapping[str, orm.Data]) -> bool:
    """Return whether a job ran a replica with these inputs, and brought it further."""
    outputs = outputs_of_replica(job, name)
    if "results" not in outputs:
        return False
    status = outputs["results"][EXIT_STATUS]
    if status != 0 and not (status in ADVANCED and "restart" in outputs):
        return False
    return has_replica(job, name, shared, wanted)


def has_replica(
    process: orm.ProcessNode, name: str, shared: Mapping[str, Any], run: Mapping[str, Any], *, prefix: str = ""
) -> bool:
    """Return whether a process ran a replica with these inputs, whichever others were beside it.

    :param shared: ``code`` and ``models`` of all replicas.
    :param run: inputs of this one.
    :param prefix: what stands before the labels of what is shared.
    """
    start = f"{REPLICAS}__{name}__"
    had = {}
    for link in process.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all():
        if link.link_label.startswith((start, f"{prefix}code", f"{prefix}models__")):
            had[link.link_label] = link.node
    wanted = {f"{prefix}code": shared["code"]}
    wanted |= flat_inputs(shared["models"], f"{prefix}models__") | flat_inputs(run, start)
    return had.keys() == wanted.keys() and all(is_same(had[label], node) for label, node in wanted.items())
