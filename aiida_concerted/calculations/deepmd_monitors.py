"""A monitor of running trainings: one that has diverged learns nothing more and is ended."""

from __future__ import annotations

from aiida import orm
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction, CalcJobMonitorResult
from aiida.transports import Transport

from aiida_concerted.calculations.monitoring import quoted, run_remote
from aiida_concerted.formats.lcurve import FILE, has_diverged, read_learning_curve

FIRST_LINES, LAST_LINES = 4, 2
"""Lines of a learning curve that tell: its header with the first error, and the last errors."""


def stop_diverged(node: orm.CalcJobNode, transport: Transport) -> CalcJobMonitorResult | None:
    """Return that a training shall be killed whose errors are not finite or a thousand times the first ones.

    The files are retrieved and read, so that the exit code says at which step it was.
    """
    folder = node.get_remote_workdir()
    if not folder:
        return None
    path = quoted(folder, FILE)
    text = run_remote(transport, f"head -n {FIRST_LINES} {path} && tail -n {LAST_LINES} {path}")
    try:
        curve = read_learning_curve(text or "")
    except ValueError:  # nothing displayed yet, or a row that is being written
        return None
    if not has_diverged(curve):
        return None
    return CalcJobMonitorResult(
        message=f"diverged: the errors at step {int(curve['step'][-1])} are not finite or absurd",
        action=CalcJobMonitorAction.KILL,
        override_exit_code=False,  # the parser says at which step it diverged
    )
