"""Starting the actions of these tests in interpreters of their own, and ending whatever they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "AIIDA_PATH"}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def begin(
    action: str, folder: Path, *arguments: object, python: str = sys.executable, **variables: str
) -> subprocess.Popen[str]:
    command = [python, "-m", "tests.environment.actions", action, str(folder), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**environment(), **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str], timeout_s: float = 480) -> dict:
    output, errors = process.communicate(timeout=timeout_s)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def act(action: str, folder: Path, *arguments: object, **options: str) -> dict:
    return finish(begin(action, folder, *arguments, **options))


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return every process whose environment points at the folder's configuration."""
    found = []
    for process in psutil.process_iter():
        try:
            configured = process.environ().get("AIIDA_PATH", "")
        except (psutil.Error, OSError):
            continue
        if configured.startswith(str(folder)):
            found.append(process)
    return found


def end_all(folder: Path) -> None:
    for process in processes_of(folder):
        try:
            process.kill()
        except psutil.Error:
            continue
