"""What monitors of running jobs have in common. Whatever goes wrong in reading a job's files, they let it run."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from aiida.transports import Transport


def run_remote(transport: Transport, command: str) -> str | None:
    """Return what a command prints on the computer of a job, or ``None`` if it fails."""
    try:
        code, output, _ = transport.exec_command_wait(command)
    except OSError:
        return None
    return str(output) if code == 0 else None


def quoted(folder: str, name: str) -> str:
    """Return the path of a file in the folder of a job, quoted for a shell."""
    return shlex.quote(str(PurePosixPath(folder) / name))
