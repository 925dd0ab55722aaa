"""Jobs of earlier processes that brought a run as far as it is, whether it was alone in them or beside others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.common.links import LinkType

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_replicas import EXIT_STATUS, INPUTS, REPLICAS, LammpsReplicasCalculation
from aiida_concerted.queries.calls import calls_of, walk
from aiida_concerted.queries.replicas import outputs_of_replica, replica_names
from aiida_concerted.workflows.continuing import flat_inputs, is_same, lacks_outputs
from aiida_concerted.workflows.lammps.segment import ADVANCED

ALONE, SHARED = (kind.build_process_type() for kind in (LammpsMdCalculation, LammpsReplicasCalculation))
"""Types of the jobs that make a run."""


def is_shared(job: orm.ProcessNode) -> bool:
    """Return whether a job is one of several runs."""
    return bool(job.process_type == SHARED)


def outputs_of_run(job: orm.ProcessNode, name: str) -> Mapping[str, Any]:
    """Return what a job left of a run.

    :param name: of the run.
    """
    if is_shared(job):
        return outputs_of_replica(job, name)
    return AttributeDict({label: job.outputs[label] for label in job.outputs})


def end_of_run(job: orm.ProcessNode, name: str) -> tuple[int, str]:
    """Return exit status and reason of a run that left results in a job, those that it has alone."""
    if not is_shared(job):
        return job.exit_status or 0, str(job.exit_message or "finished")
    results = outputs_of_replica(job, name)["results"]
    return int(results[EXIT_STATUS]), str(results["exit_reason"])


def adopted_jobs(
    parents: Iterable[orm.ProcessNode], name: str, shared: Mapping[str, Any], run: Mapping[str, Any]
) -> list[orm.CalcJobNode]:
    """Return the jobs of earlier processes that a run may take over, in the order in which they go on.

    A job counts where it had the potentials, the program and the inputs of the run, whichever others ran beside it.
    The first begins where the run does, each other where the one before left it.

    :param parents: processes whose children made runs, or jobs of them, the newest first.
    :param shared: ``code`` and ``models`` of all runs.
    :param run: ``structure``, ``parameters`` and, where it goes on, ``restart`` of this one.
    """
    jobs = list(_jobs_of_run(parents, name))
    wanted = {key: run[key] for key in INPUTS if key in run}
    adopted: list[orm.CalcJobNode] = []
    while (found := next((job for job in jobs if _did(job, name, shared, wanted)), None)) is not None:
        adopted.append(found)
        outputs = outputs_of_run(found, name)
        if end_of_run(found, name)[0] == 0 or "restart" not in outputs:
            break
        wanted["restart"] = outputs["restart"]
        jobs.remove(found)
    return adopted


def _jobs_of_run(parents: Iterable[orm.ProcessNode], name: str) -> Iterator[orm.CalcJobNode]:
    """Yield the jobs in which a run of this name may have been, each once."""
    seen = set()
    for parent in parents:
        for label, child in calls_of(parent):
            named = replica_names(child)
            if name not in named and (named or label != name):
                continue
            for job in walk(child):
                is_kind = job.process_type in (ALONE, SHARED)
                if is_kind and job.uuid not in seen and job.is_finished and not lacks_outputs(job):
                    seen.add(job.uuid)
                    yield job


def _did(job: orm.CalcJobNode, name: str, shared: Mapping[str, Any], wanted: Mapping[str, orm.Data]) -> bool:
    """Return whether a job made a run with these inputs, brought it further, and brought its frames home."""
    outputs = outputs_of_run(job, name)
    if "results" not in outputs:
        return False
    status = end_of_run(job, name)[0]
    if status != 0 and not (status in ADVANCED and "restart" in outputs):
        return False
    if outputs["results"].get("n_frames", 0) >= 2 and "trajectory" not in outputs:
        return False
    if is_shared(job):
        return has_replica(job, name, shared, wanted)
    return _has_inputs(job, "", tuple(INPUTS), shared, wanted)


def has_replica(
    process: orm.ProcessNode, name: str, shared: Mapping[str, Any], run: Mapping[str, Any], *, prefix: str = ""
) -> bool:
    """Return whether a process ran a replica with these inputs, whichever others were beside it.

    :param shared: ``code`` and ``models`` of all replicas.
    :param run: inputs of this one.
    :param prefix: what stands before the labels of what is shared.
    """
    start = f"{REPLICAS}__{name}__"
    return _has_inputs(process, prefix, (start,), shared, run, start=start)


def is_of_cell(
    process: orm.ProcessNode, name: str, shared: Mapping[str, Any], cell: orm.StructureData, *, prefix: str = ""
) -> bool:
    """Return whether a process ran a replica that began from this cell, whatever its parameters were.

    :param shared: ``code`` and ``models`` of all replicas.
    :param prefix: what stands before the labels of what is shared.
    """
    start = f"{REPLICAS}__{name}__"
    return _has_inputs(process, prefix, (f"{start}structure",), shared, {"structure": cell}, start=start)


def _has_inputs(
    process: orm.ProcessNode,
    prefix: str,
    own: tuple[str, ...],
    shared: Mapping[str, Any],
    run: Mapping[str, Any],
    *,
    start: str = "",
) -> bool:
    """Return whether a process had these inputs, whatever else it had.

    :param own: what labels of inputs of the run begin with.
    :param start: what stands before the names of these inputs.
    """
    compared = (*own, f"{prefix}code", f"{prefix}models__")
    links = process.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all()
    had = {link.link_label: link.node for link in links if link.link_label.startswith(compared)}
    wanted = {f"{prefix}code": shared["code"]}
    wanted |= flat_inputs(shared["models"], f"{prefix}models__") | flat_inputs(run, start)
    return had.keys() == wanted.keys() and all(is_same(had[label], node) for label, node in wanted.items())
