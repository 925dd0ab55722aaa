"""The loop run by this package: a profile of its own with its daemon, made and used through the command line."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.loop_case import NETS, LoopScale, install_engines, make_first_labels, write_cell
from benchmarks.loop_dpgen import WIDEST

PROFILE = "bench"
SCRIPTS = Path(sys.executable).parent


def study(scale: LoopScale, dataset: str) -> dict[str, Any]:
    """Return the study file; its least and most turns are those that the other program makes."""
    train = {**NETS, "n_steps": scale.n_steps}
    committee = {"n_models": scale.n_models, "max_concurrent": scale.n_models, "train": train}
    interval_ps = scale.frame_steps * 1e-3
    return {
        "schema": "aiida-concerted/study/1",
        "material": "LGPS",
        "structure": "cell.vasp",
        "protocol": "fast",
        "codes": {"dp": "dp@here", "lmp": "lmp@here", "vasp": "vasp@here"},
        "potcars": {"family": "placeholders"},
        "learn": {
            "dataset": dataset,
            "min_iterations": scale.n_turns,
            "max_iterations": scale.n_turns,
            "iteration": {
                "committee": committee,
                "explore": {
                    "temperatures_K": list(scale.temperatures_K),
                    "max_concurrent": len(scale.temperatures_K),
                    "selection": {
                        "trust_lower_eV_A": WIDEST[0], "trust_upper_eV_A": WIDEST[1], "max_selected": scale.n_labels,
                    },
                    "md": {
                        "timestep_fs": 1.0, "thermostat_damping_ps": 0.1, "equilibration_ps": interval_ps,
                        "production_ps": scale.n_md_steps * 1e-3 - interval_ps, "frame_interval_ps": interval_ps,
                        "deviation_interval_ps": interval_ps, "restart_interval_ps": 4 * interval_ps,
                    },
                },
                "label": {"max_concurrent": scale.labels_at_once},
            },
            "final": committee,
        },
    }  # fmt: skip


def setup_file(folder: Path, engines: dict[str, Path]) -> dict[str, Any]:
    """Return the setup file of a profile whose codes are the stand-ins of the engines."""
    programs = {f"{name}@here": {"program": name, "executable": str(path)} for name, path in engines.items()}
    return {
        "schema": "aiida-concerted/setup/1",
        "profile": {"name": PROFILE, "broker": "zeromq"},
        "computers": {"here": {"transport": "local", "scheduler": "direct", "work_dir": str(folder / "work")}},
        "codes": programs,
        "potcars": {"family": "placeholders", "placeholders": True},
    }


def prepare(folder: Path, first: Path, scale: LoopScale) -> None:
    """Make the profile in a new folder, import the first labels, write the study file, and start the daemon.

    :param first: where the first labels are, or are to be made.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    engines = install_engines(folder / "engines", folder / "engines.log")
    write_cell(folder / "cell.vasp")
    content = setup_file(folder.resolve(), engines)
    (folder / "setup.yaml").write_text(yaml.safe_dump(content))
    call(folder, "aiida-concerted", "setup", "setup.yaml")
    runs = [str(run.resolve()) for run in make_first_labels(first)]
    said = call(folder, "aiida-concerted", "import", "vasp", "--merge", "--material", "LGPS", *runs)
    found = re.search(r"PK (\d+)", said)
    if found is None:
        raise RuntimeError(f"the first labels were not imported: {said}")
    text = yaml.safe_dump(study(scale, found.group(1)))
    (folder / "study.yaml").write_text(text.replace(f"dataset: '{found.group(1)}'", f"dataset: {found.group(1)}"))
    call(folder, "aiida-concerted", "run", "study.yaml", "--only", "learn", "--dry-run")
    call(folder, "verdi", "daemon", "start", "1")
    deadline = time.monotonic() + 120
    while not list(folder.glob("**/broker.sockets")) and time.monotonic() < deadline:
        time.sleep(0.5)  # `verdi daemon start` returns before its broker listens


def call(folder: Path, program: str, *words: str) -> str:
    """Return what a command of this environment prints.

    :raises RuntimeError: if it fails.
    """
    done = subprocess.run(
        [str(SCRIPTS.absolute() / program), *words], cwd=folder, env=environment(folder), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{program} {' '.join(words)} ended with {done.returncode}: {(done.stderr or done.stdout)}")
    return done.stdout


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which AiiDA finds the profile of a folder."""
    path = os.pathsep.join([str(SCRIPTS.absolute()), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "AIIDA_PATH": str(folder.resolve()), "PYTHONWARNINGS": "ignore", "PATH": path}


def start(folder: Path) -> int:
    """Hand the loop to the daemon and return its PK."""
    said = call(folder, "aiida-concerted", "run", "study.yaml", "--only", "learn", "--submit", "--profile", PROFILE)
    found = re.search(r"<(\d+)>", said)
    if found is None:
        raise RuntimeError(f"nothing was submitted: {said}")
    return int(found.group(1))


def wait(folder: Path, pk: int, timeout_s: float) -> str:
    """Return the state of the loop when it has ended, asked of SQLite twice a second.

    :raises TimeoutError: if it takes too long.
    """
    import sqlite3

    database = next(folder.glob("**/database.sqlite"))
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            query = (
                "SELECT json_extract(attributes, '$.process_state'), json_extract(attributes, '$.exit_status') "
                "FROM db_dbnode WHERE id = ?"
            )
            state, status = connection.execute(query, (pk,)).fetchone()
        if state in ("finished", "excepted", "killed"):
            return f"{state} [{status}]"
        time.sleep(0.5)
    raise TimeoutError(f"the loop <{pk}> did not end within {timeout_s:.0f} s")


def workers(folder: Path) -> list[psutil.Process]:
    """Return the workers of the daemon of a folder."""
    return [process for process in daemon_processes(folder) if "worker" in process.cmdline()]


def daemon_processes(folder: Path) -> list[psutil.Process]:
    """Return all processes of the daemon of a folder; AiiDA tells them of its own folder inside."""
    homes = (str(folder.resolve()), str(folder.resolve() / ".aiida"))
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            if "daemon" in words and process.environ().get("AIIDA_PATH") in homes:
                found.append(process)
    return found


def stop(folder: Path) -> None:
    """Stop the daemon of a folder."""
    with contextlib.suppress(RuntimeError):
        call(folder, "verdi", "daemon", "stop")


def n_labels(folder: Path, pk: int) -> int:
    """Return how many labels the loop made."""
    table = call(folder, "verdi", "process", "report", "--levelname", "REPORT", str(pk))
    return sum(int(number) for number in re.findall(r"; (\d+) labelled", table))
