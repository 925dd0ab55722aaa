"""Scheduler options that every calculation of the package starts from."""

from __future__ import annotations

from typing import Any

from aiida_concerted.workflows.protocols.loader import merge

DEFAULTS: dict[str, Any] = {
    "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
    "withmpi": False,
}


def calcjob_options(options: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return ``metadata.options``: one process without MPI unless ``options`` say otherwise."""
    return merge(DEFAULTS, options or {})
