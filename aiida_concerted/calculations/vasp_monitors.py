"""Monitors of running molecular dynamics with VASP: an end in order before the wall time, and none that is stuck.

AiiDA calls them while a job runs. Whatever goes wrong in reading the job's files, they let it run.
"""

from __future__ import annotations

import re
import statistics

from aiida import orm
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction, CalcJobMonitorResult
from aiida.transports import Transport

from aiida_concerted.calculations.monitoring import quoted, run_remote
from aiida_concerted.calculations.vasp_md import STARTED
from aiida_concerted.data.vasp_md import CONTCAR, OUTCAR

IONIC_STEP = re.compile(r"LOOP\+:.*real time\s*([0-9.]+)")
STOPCAR = "STOPCAR"


def stop_before_walltime(
    node: orm.CalcJobNode, transport: Transport, margin_s: float = 120.0, steps_kept: float = 2.0
) -> None:
    """Ask VASP by STOPCAR (LSTOP) to end after the next ionic step once the wall time is nearly over.

    VASP then closes all its files, and the next segment goes on without a step computed twice. The job is not killed.

    :param margin_s: time in s kept for closing files and for the time between two calls of this monitor; at most a
        tenth of the wall time.
    :param steps_kept: longest ionic steps, as a number of them, for which there must be time besides: one may just have
        begun, and LSTOP lets one more be done.
    """
    limit = node.get_option("max_wallclock_seconds")
    folder = node.get_remote_workdir()
    if not limit or not folder:
        return
    elapsed = _elapsed(transport, folder)
    if elapsed is None:
        return
    times = _step_times(transport, folder)
    reserve = min(margin_s, 0.1 * limit) + steps_kept * max(times, default=0.0)
    if times and elapsed + reserve >= limit:
        run_remote(transport, f"printf 'LSTOP = .TRUE.\\n' > {quoted(folder, STOPCAR)}")


def stop_stuck(
    node: orm.CalcJobNode, transport: Transport, factor: float = 10.0, minimum_s: float = 600.0, minimum_steps: int = 3
) -> CalcJobMonitorResult | None:
    """Return that a run shall be killed whose ionic step takes much longer than the others.

    The files are retrieved and read, and the next segment goes on from the last state.

    :param factor: how many times the median of the steps so far one step may take.
    :param minimum_s: time in s that a step may take in any case.
    :param minimum_steps: complete steps without which nothing is said, for there is no median to speak of.
    """
    folder = node.get_remote_workdir()
    if not folder:
        return None
    times = _step_times(transport, folder)
    if len(times) < minimum_steps:
        return None
    median = statistics.median(times)
    waiting = _seconds_since(transport, f"stat -c %Y {quoted(folder, CONTCAR)}")
    if waiting is None or waiting <= max(factor * median, minimum_s):
        return None
    return CalcJobMonitorResult(
        message=f"stuck: the step after step {len(times)} has taken {waiting:.0f} s, the median is {median:.1f} s",
        action=CalcJobMonitorAction.KILL,
        override_exit_code=False,  # the parser says how far the run came
    )


def _step_times(transport: Transport, folder: str) -> list[float]:
    """Return the wall time in s of each complete ionic step, none where OUTCAR cannot be read."""
    text = run_remote(transport, f"grep 'LOOP+' {quoted(folder, OUTCAR)}") or ""
    return [float(match.group(1)) for match in IONIC_STEP.finditer(text)]


def _elapsed(transport: Transport, folder: str) -> float | None:
    """Return for how many s the job has run, by its own clock; time in the queue does not count."""
    return _seconds_since(transport, f"cat {quoted(folder, STARTED)}")


def _seconds_since(transport: Transport, command: str) -> float | None:
    """Return the s from the time that a command prints until now, both by the remote machine's clock."""
    words = (run_remote(transport, f"{command} && date +%s") or "").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    return float(int(words[1]) - int(words[0]))
