"""Processes that a killed daemon left behind: which have lost their task, which can never go on.

The broker keeps one file a task. A process without a task is never taken up again; a task twice over makes two workers
run one process. Both are put right while broker and workers stand still.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

_NEVER_A_PROCESS = "4194304"  # the largest process number Linux may be set to is one less


def queued_processes(tasks: Path) -> set[int]:
    """Return the keys of the processes that have a task in the broker's folder; damaged and double files are removed.

    :param tasks: the folder with ``pending`` and ``processing``; the broker must not be running.
    """
    queued: set[int] = set()
    for file in sorted(tasks.glob("processing/*.json")) + sorted(tasks.glob("pending/*.json")):
        key = _process_of(file)
        if key is None or key in queued:
            file.unlink(missing_ok=True)
        else:
            queued.add(key)
    return queued


def settle_interrupted_processes(tasks: Path) -> list[int]:
    """Return the keys of the processes that must be sent to the broker again, once it runs.

    Function processes, and processes interrupted before their first checkpoint, can never go on. The step of their
    caller that made them runs again and makes new ones: a function is marked as killed, a process that never began is
    taken out of the graph, since its caller would find it there and wait for it for ever.

    :param tasks: the broker's folder of tasks; neither broker nor workers may be running.
    """
    from aiida.engine.processes.control import get_active_processes

    queued = queued_processes(tasks)
    lost = []
    for node in get_active_processes():
        if node.checkpoint is None:
            _give_up(node)
            continue
        _forget_foreign_job(node)
        if node.pk not in queued:
            lost.append(_key(node))
    return lost


def resend(processes: list[int]) -> None:
    """Give every one of ``processes`` a task at the running broker."""
    from aiida.manage import get_manager

    if not processes:
        return
    controller = get_manager().get_process_controller()
    if controller is None:
        raise SetupError("the profile has no broker: begin anew with --restart")
    for key in processes:
        controller.continue_process(key, nowait=True, no_reply=True)


def play_paused() -> int:
    """Return how many paused processes were set going again; AiiDA pauses a job after repeated transport errors."""
    from aiida.engine.processes.control import get_active_processes, play_processes

    paused = get_active_processes(paused=True)
    if paused:
        play_processes(paused, timeout=10.0)
    return len(paused)


def _process_of(task: Path) -> int | None:
    try:
        return int(json.loads(task.read_text(encoding="utf8"))["body"]["args"]["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(node: ProcessNode) -> int:
    if node.pk is None:
        raise ValueError("the process is not stored")
    return node.pk


def _give_up(node: ProcessNode) -> None:
    from aiida.manage import get_manager
    from aiida.orm import CalcFunctionNode, WorkFunctionNode
    from plumpy.process_states import ProcessState

    has_results = node.base.links.get_outgoing().first() is not None
    if has_results or isinstance(node, CalcFunctionNode | WorkFunctionNode):
        node.set_process_state(ProcessState.KILLED)
        node.set_process_status("interrupted together with its daemon; its caller runs it again")
        node.seal()
        return
    storage = get_manager().get_profile_storage()
    with storage.transaction():
        storage.delete_nodes_and_connections([_key(node)])


def _forget_foreign_job(node: ProcessNode) -> None:
    """Tell AiiDA that a local job is over when another program has its process number now, as after a power cut."""
    from aiida.orm import CalcJobNode

    if not isinstance(node, CalcJobNode) or not (job := node.get_job_id()) or not job.isdigit():
        return
    if psutil.pid_exists(int(job)) and not _runs_in(int(job), node.get_remote_workdir()):
        node.set_job_id(_NEVER_A_PROCESS)


def _runs_in(number: int, folder: str | None) -> bool:
    """Return whether a process works in ``folder``; one whose folder we may not see belongs to somebody else."""
    try:
        return folder is not None and Path(psutil.Process(number).cwd()).resolve() == Path(folder).resolve()
    except psutil.AccessDenied:
        return False
    except (psutil.Error, OSError):
        return True  # it ended meanwhile, which AiiDA finds out by itself
