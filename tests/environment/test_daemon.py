"""The daemon of a demonstration folder, killed in every way, in a folder that lies deep and has blanks in its path."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.environment.helpers import act, begin, end_all, finish


@pytest.fixture
def folder(tmp_path):
    """Return a folder whose path is longer than a socket's may be."""
    path = tmp_path / "a folder with blanks" / ("deep" * 40) / "it's a demo"
    yield path
    end_all(path)


def wait_for_jobs(folder, n_jobs, timeout_s=240):
    """Wait until the sleeping jobs have made their working folders."""
    deadline = time.monotonic() + timeout_s
    while len(list(folder.glob("work/*/*/*/_aiidasubmit.sh"))) < n_jobs:
        assert time.monotonic() < deadline, "the jobs did not start"
        time.sleep(0.2)


def kill(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_everything_killed_in_the_middle_goes_on_and_repeats_nothing(folder, tmp_path):
    """All of it from an interpreter whose path has blanks, at which circus splits, and with a deep temporary folder."""
    assert len(str(folder)) > 150
    installation = tmp_path / "my own environment"
    installation.symlink_to(Path(sys.prefix))
    deep = tmp_path / ("t" * 100)
    deep.mkdir()
    options = {"python": str(installation / "bin" / Path(sys.executable).name), "TMPDIR": str(deep)}
    first = act("start", folder, 2, 3, **options)
    wait_for_jobs(folder, 2)
    kill([pid for group in first["processes"].values() for pid in group])
    again = act("start", folder, 2, 3, **options)
    assert again["uuid"] == first["uuid"]
    assert not again["is_new"]
    assert all(not set(pids) & set(again["processes"][role]) for role, pids in first["processes"].items())
    outcome = act("wait", folder, 400, **options)
    assert (outcome["state"], outcome["exit_status"], outcome["open"]) == ("finished", 0, [])
    assert len(outcome["jobs"]) == 4
    assert act("stop", folder, **options) == {"running": False, "left": 0}


def test_a_killed_broker_then_a_killed_supervisor_leave_one_daemon_that_works(folder):
    first = act("start", folder, 1, 3)
    wait_for_jobs(folder, 1)
    kill(first["processes"]["broker"])
    second = act("start", folder, 1, 3)
    assert second["processes"]["broker"] != first["processes"]["broker"]
    assert second["processes"]["worker"] != first["processes"]["worker"]  # they knew only the dead broker's address
    kill(second["processes"]["start-circus"])
    third = act("start", folder, 1, 3)
    assert len(third["processes"]["worker"]) == 1
    assert not set(second["processes"]["worker"]) & set(third["processes"]["worker"])
    outcome = act("wait", folder, 400)
    assert (outcome["state"], outcome["exit_status"], len(outcome["jobs"])) == ("finished", 0, 2)
    act("stop", folder)


def test_a_slow_reader_harms_nothing(folder):
    begun = act("start", folder, 1, 1)
    supervisor = psutil.Process(begun["processes"]["start-circus"][0])
    for _ in range(10):  # one that dies of the blanks in the path would be started again all the time
        commands = [" ".join(child.cmdline()) for child in supervisor.children() if child.is_running()]
        assert not [command for command in commands if "stats.main" in command]
        time.sleep(0.2)
    reader = begin("read_slowly", folder, 10)
    outcome = act("wait", folder, 400)
    took = finish(reader)
    assert took["rows"] > 0
    assert (outcome["state"], outcome["exit_status"], outcome["states"]) == ("finished", 0, ["finished"])
    log = next(folder.glob(".aiida/daemon/log/aiida-*.log")).read_text()
    assert "database is locked" not in log
    assert "Traceback" not in log
    act("stop", folder)
