"""Scheduler options that every calculation of the package starts from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from aiida import orm

from aiida_concerted.calculations.pbs_schedulers import GPUS
from aiida_concerted.workflows.protocols.loader import merge

ONE_PROCESS: Mapping[str, int] = {"num_machines": 1, "num_mpiprocs_per_machine": 1}

ONE_PROCESS_OF: Mapping[str, Mapping[str, int]] = {"core.lsf": {"tot_num_mpiprocs": 1}}
"""One process for schedulers that count processes instead of machines."""

COUNTED = ("num_mpiprocs_per_machine", "tot_num_mpiprocs")
"""Resources that say how many processes a job has, on each machine or in all."""

DIRECTIVES: Mapping[str, Callable[[int], str]] = {
    "core.slurm": lambda gpus: f"#SBATCH --gres=gpu:{gpus}",
    "core.lsf": lambda gpus: f'#BSUB -gpu "num={gpus}"',
}
"""How a scheduler is asked for GPUs on each machine in a line of its own."""

WITH_RESOURCE = ("concerted.pbspro", "concerted.torque")
"""Schedulers that know GPUs as a resource."""

PLUGINS = {"core.pbspro": "concerted.pbspro", "core.torque": "concerted.torque"}
"""AiiDA's plugins that have no place for GPUs, and those of this package that do."""

OPTIONS_OF_CODE = "concerted_options"
"""Extra of a code that holds the scheduler options its jobs start from."""


def code_options(code: orm.AbstractCode | None) -> dict[str, Any]:
    """Return the scheduler options that the jobs of a code start from, ``gpus`` among them."""
    found = code.base.extras.get(OPTIONS_OF_CODE, None) if code is not None else None
    return dict(found) if isinstance(found, Mapping) else {}


def remember_options(code: orm.AbstractCode, options: Mapping[str, Any]) -> None:
    """Give a code the scheduler options that its jobs start from, instead of those that it had."""
    if options:
        code.base.extras.set(OPTIONS_OF_CODE, dict(options))
    elif code_options(code):
        code.base.extras.delete(OPTIONS_OF_CODE)


def knows_gpus(scheduler: str) -> bool:
    """Return whether there is a way to ask a scheduler for GPUs, or none is needed."""
    return scheduler == "core.direct" or scheduler in DIRECTIVES or scheduler in WITH_RESOURCE


def calcjob_options(options: dict[str, Any] | None = None, code: orm.AbstractCode | None = None) -> dict[str, Any]:
    """Return ``metadata.options``: one process without MPI unless the code's own or ``options`` say otherwise.

    :param options: scheduler options, and ``gpus``, the number of GPUs on each machine.
    :param code: the code, whose computer's scheduler decides how GPUs are asked for.
    :raises ValueError: if ``gpus`` is no whole number, or there is no way to ask this scheduler for GPUs.
    """
    scheduler = code.computer.scheduler_type if code is not None and code.computer is not None else None
    defaults = {"resources": dict(ONE_PROCESS_OF.get(scheduler or "", ONE_PROCESS)), "withmpi": False}
    merged = merge(merge(defaults, code_options(code)), options or {})
    gpus = merged.pop("gpus", None)
    if gpus is None:
        return merged
    _drop_request(merged, scheduler)
    return merge(merged, gpu_request(gpus, merged, code))


def options_of_runs(options: Mapping[str, Any], n_runs: int) -> dict[str, Any]:
    """Return the scheduler options of a job of several runs from those of a job of one.

    Each run has the processes, the cores and the memory that it would have alone; the GPUs they share.

    :param options: ``metadata.options`` of one run.
    :param n_runs: runs in the job.
    """
    resources = dict(options.get("resources", {}))
    for key in (*COUNTED, "num_cores_per_machine"):
        if resources.get(key) is not None:
            resources[key] = resources[key] * n_runs
    if not any(resources.get(key) is not None for key in COUNTED):
        resources["num_mpiprocs_per_machine"] = n_runs
    shared = {**options, "resources": resources}
    if shared.get("max_memory_kb") is not None:
        shared["max_memory_kb"] = shared["max_memory_kb"] * n_runs
    return shared


def _drop_request(options: dict[str, Any], scheduler: str | None) -> None:
    """Take an earlier request for GPUs out of options: the last word counts, and stands once."""
    options["resources"].pop(GPUS, None)
    lines = options.get("custom_scheduler_commands")
    if lines and scheduler in DIRECTIVES:
        request = re.escape(DIRECTIVES[scheduler](0)).replace("0", r"\d+")
        kept = [line for line in lines.splitlines() if re.fullmatch(request, line.strip()) is None]
        options["custom_scheduler_commands"] = "\n".join(kept)


def gpu_request(gpus: Any, options: Mapping[str, Any], code: orm.AbstractCode | None) -> dict[str, Any]:
    """Return the options that ask for GPUs.

    A computer without a scheduler is not asked: all its devices are visible to a run.

    :param gpus: GPUs on each machine; none for 0.
    :param options: the other options.
    :raises ValueError: in one line that says what to do.
    """
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 0:
        raise ValueError(f"gpus must be the number of GPUs on each machine, a whole number, got {gpus!r}")
    computer = code.computer if code is not None else None
    if not gpus or computer is None or computer.scheduler_type == "core.direct":
        return {}
    scheduler = computer.scheduler_type
    if scheduler in WITH_RESOURCE:
        return {"resources": {GPUS: gpus}}
    if scheduler in DIRECTIVES:
        others = options.get("custom_scheduler_commands") or ""
        lines = [line for line in (others, DIRECTIVES[scheduler](gpus)) if line]
        return {"custom_scheduler_commands": "\n".join(lines)}
    raise ValueError(_no_way(scheduler, computer.label))


def _no_way(scheduler: str, computer: str) -> str:
    if scheduler in PLUGINS:
        return (
            f"{scheduler} has no place for gpus: set up the computer '{computer}' again with the scheduler "
            f"{PLUGINS[scheduler]}, which is the same with GPUs"
        )
    return (
        f"how to ask {scheduler} of the computer '{computer}' for gpus differs from site to site: put the line that "
        "yours wants into custom_scheduler_commands instead"
    )
