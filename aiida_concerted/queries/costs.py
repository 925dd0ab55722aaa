"""What processes cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm


def elapsed_s(process: orm.ProcessNode) -> float:
    """Return the seconds from the creation of a process to its last change, waiting included."""
    return max((process.mtime - process.ctime).total_seconds(), 0.0)


def core_seconds(nodes: Iterable[Any]) -> float:
    """Return the seconds of the calculations among nodes times their cores, waiting included."""
    return sum(elapsed_s(node) * cores_of(node) for node in nodes if isinstance(node, orm.CalcJobNode))


def cores_of(job: orm.CalcJobNode) -> int:
    """Return the cores that a calculation asked for."""
    resources = job.get_option("resources") or {}
    total = resources.get("tot_num_mpiprocs")
    if not total:
        total = resources.get("num_machines", 1) * resources.get("num_mpiprocs_per_machine", 1)
    return int(total) * int(resources.get("num_cores_per_mpiproc", 1))
