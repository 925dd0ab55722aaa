"""Monitors on files as a running job leaves them, through AiiDA's own local transport."""

import os
import time

import pytest
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitor, CalcJobMonitorAction
from aiida.transports.plugins.local import LocalTransport

from aiida_concerted.calculations.vasp_md import STARTED
from aiida_concerted.calculations.vasp_monitors import stop_before_walltime, stop_stuck


class Job:
    """The two things that a monitor asks a node for."""

    def __init__(self, folder, walltime):
        self.folder, self.walltime = folder, walltime

    def get_option(self, name):
        assert name == "max_wallclock_seconds"
        return self.walltime

    def get_remote_workdir(self):
        return self.folder and str(self.folder)


@pytest.fixture
def transport():
    with LocalTransport() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path):
    """Return a folder whose name needs quoting."""
    path = tmp_path / "run it's"
    path.mkdir()
    return path


def leave(folder, *, started_ago, steps=(10.0, 11.0, 10.0, 9.0), last_step_ago=0):
    """Leave what a job has written."""
    now = time.time()
    if started_ago is not None:
        (folder / STARTED).write_text(f"{int(now - started_ago)}\n")
    lines = [
        f"     LOOP+:  cpu time {t:10.4f}: real time {t:10.4f}\n      LOOP:  cpu time 1.0: real time 1.0\n"
        for t in steps
    ]
    (folder / "OUTCAR").write_text("".join(lines))
    (folder / "CONTCAR").write_text("state\n")
    os.utime(folder / "CONTCAR", (now - last_step_ago, now - last_step_ago))


@pytest.mark.parametrize(
    ("started_ago", "is_asked"),
    # Of 1000 s, a tenth is kept for closing files and 2 × 11 s for the longest step.
    [(10, False), (850, False), (885, True), (990, True), (None, False)],
)
def test_stopcar_is_written_while_there_is_time_for_the_steps_it_lets_run(folder, transport, started_ago, is_asked):
    leave(folder, started_ago=started_ago)
    assert stop_before_walltime(Job(folder, 1000), transport) is None
    assert (folder / "STOPCAR").exists() == is_asked
    if is_asked:
        assert (folder / "STOPCAR").read_text() == "LSTOP = .TRUE.\n"


def test_long_walltimes_keep_no_more_than_the_margin(folder, transport):
    leave(folder, started_ago=86400 - 130)
    stop_before_walltime(Job(folder, 86400), transport)
    assert (folder / "STOPCAR").exists()


@pytest.mark.parametrize("walltime", [None, 1000])
def test_without_a_walltime_or_before_the_first_step_nothing_is_asked(folder, transport, walltime):
    leave(folder, started_ago=5000, steps=() if walltime else (1.0,))
    stop_before_walltime(Job(folder, walltime), transport)
    assert not (folder / "STOPCAR").exists()


@pytest.mark.parametrize(
    ("last_step_ago", "minimum_s", "steps", "is_killed"),
    [
        (99, 0, (10.0,) * 5, False),
        (103, 0, (10.0,) * 5, True),
        (103, 600, (10.0,) * 5, False),
        (10_000, 600, (10.0,) * 5, True),
        (10_000, 0, (10.0,) * 2, False),
        (110, 0, (10.0, 10.0, 500.0), True),
    ],
    ids=["nine times", "ten times", "short in itself", "hours", "no median yet", "median and not mean"],
)
def test_a_step_of_ten_times_the_median_ends_the_job(folder, transport, last_step_ago, minimum_s, steps, is_killed):
    leave(folder, started_ago=20_000, steps=steps, last_step_ago=last_step_ago)
    result = stop_stuck(Job(folder, 86400), transport, minimum_s=minimum_s)
    if not is_killed:
        assert result is None
        return
    assert result.action is CalcJobMonitorAction.KILL
    assert (result.retrieve, result.parse, result.override_exit_code) == (True, True, False)
    assert f"step after step {len(steps)} has taken" in result.message


def test_a_job_that_has_written_nothing_is_left_alone(folder, transport):
    for job in (Job(folder, 1000), Job(None, 1000)):
        assert stop_before_walltime(job, transport) is None
        assert stop_stuck(job, transport) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("stop_before_walltime", {"margin_s": 60.0, "steps_kept": 3.0}), ("stop_stuck", {"factor": 5.0})],
)
def test_aiida_takes_them_for_monitors(name, arguments):
    CalcJobMonitor(entry_point=f"concerted.vasp.{name}", kwargs=arguments)
