"""Where the files of a job that runs can be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def folder_here(job: Any) -> Path | None:
    """Return the folder that a job runs in, ``None`` before it has one or where it is on another machine.

    :param job: node of the job.
    """
    folder = job.get_remote_workdir()
    if not folder or job.computer is None or job.computer.transport_type != "core.local":
        return None
    return Path(folder)
