"""What the tests do to a demonstration folder, each in an interpreter of its own: ``python -m … ACTION FOLDER …``.

A profile belongs to one interpreter, and the tests' own has pytest's profile loaded.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

from aiida_concerted.environment.daemon import DemoDaemon, daemon_processes
from aiida_concerted.environment.folder import DemoFolder
from aiida_concerted.environment.processes import read_process_tree
from aiida_concerted.environment.profile import load_profile, prepare_computer, prepare_profile
from aiida_concerted.environment.study import find_study, submit_study


def build(n_jobs: int, sleep_s: int, fail: bool = False):
    from aiida import orm

    from tests.environment.standin import SleepStudy

    computer = orm.load_computer("localhost")
    builder = SleepStudy.get_builder()
    code = orm.QueryBuilder().append(orm.InstalledCode, filters={"label": "bash"}).first(flat=True)
    builder.code = code or orm.InstalledCode(label="bash", computer=computer, filepath_executable="/bin/bash").store()
    builder.n_jobs, builder.sleep_s, builder.fail = orm.Int(n_jobs), orm.Int(sleep_s), orm.Bool(fail)
    return builder


def prepare(folder: DemoFolder) -> dict:
    """Make or repair the profile and its computer, twice over."""
    for _ in range(2):
        profile = prepare_profile(folder)
        computer = prepare_computer(folder)
    from aiida import orm  # not before the profile's folder is the one in use

    return {
        "uuid": profile.uuid,
        "workdir": computer.get_workdir(),
        "computers": orm.QueryBuilder().append(orm.Computer).count(),
        "user": profile.default_user_email,
    }


def start(folder: DemoFolder, n_jobs: str, sleep_s: str) -> dict:
    """Start or resume, as the demo command does, and report the daemon's processes."""
    began = time.monotonic()
    prepare_profile(folder)
    prepare_computer(folder)
    daemon = DemoDaemon(folder)
    daemon.ensure_running(1)
    ready = time.monotonic() - began
    study, is_new = submit_study(folder, lambda: build(int(n_jobs), int(sleep_s)), {})
    processes = {role: [process.pid for process in group] for role, group in daemon_processes(folder).items()}
    return {"uuid": study.uuid, "is_new": is_new, "processes": processes, "ready_s": ready}


def wait(folder: DemoFolder, timeout_s: str) -> dict:
    """Wait for the study's end and return what it did."""
    load_profile(folder)
    study = find_study(folder)
    deadline = time.monotonic() + float(timeout_s)
    while True:
        tree = read_process_tree(study.uuid)
        if tree.has_ended or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    processes = tree.walk()
    return {
        "state": tree.state,
        "exit_status": tree.exit_status,
        "jobs": [process.uuid for process in processes if process.is_job],
        "states": sorted({process.state for process in processes}),
        "open": [f"{process.name} {process.state}" for process in processes if not process.has_ended],
    }


def read_slowly(folder: DemoFolder, seconds: str) -> dict:
    """Hold a cursor in the middle of a result for a while, as a careless script does."""
    connection = sqlite3.connect(folder.database)
    cursor = connection.execute("SELECT * FROM db_dbnode")
    first = cursor.fetchone()
    time.sleep(float(seconds))
    rows = len(cursor.fetchall())
    connection.close()
    return {"first": first is not None, "rows": rows}


def stop(folder: DemoFolder) -> dict:
    load_profile(folder)
    daemon = DemoDaemon(folder)
    daemon.stop()
    return {"running": daemon.is_running(), "left": len(daemon_processes(folder))}


def load(folder: DemoFolder) -> dict:
    """Load the profile as commands that only look do."""
    return {"storage": load_profile(folder).storage_config["filepath"]}


if __name__ == "__main__":
    action, path, *arguments = sys.argv[1:]
    actions = {"prepare": prepare, "load": load, "start": start, "wait": wait, "read_slowly": read_slowly, "stop": stop}
    outcome = actions[action](DemoFolder.at(Path(path)), *arguments)
    sys.stdout.write(json.dumps(outcome) + "\n")
