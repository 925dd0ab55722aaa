"""How far each run of a sweep is: time simulated, speed, what it knows of the diffusivity so far, time left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiida_concerted.common.units import DAY_IN_S, NS_IN_PS
from aiida_concerted.environment.job_files import folder_here
from aiida_concerted.environment.processes import ProcessSummary
from aiida_concerted.workflows.sweep_runs import run_of_child

if TYPE_CHECKING:
    from aiida import orm

SWEEP, RUN, PACK = "SweepWorkChain", "LammpsMdWorkChain", "LammpsReplicasWorkChain"
JOBS = ("LammpsMdCalculation", "LammpsReplicasCalculation")


@dataclass(frozen=True)
class RunStatus:
    """One run of a sweep, whichever of its stretches is under way.

    :param name: of the run, such as ``run_T600``.
    :param state: ``waiting``, ``heating``, ``running``, ``done``, ``failed``, ``again`` (failed, and to be run once
        more) or ``held`` (could not be made longer; what it had counts).
    :param done_ps: production so far in ps.
    :param planned_ps: production that its present stretch leads to, in ps.
    :param speed_ns_day: ns a day; ``None`` before anything is known.
    :param diffusivity: of what has been judged or analysed so far, with its standard error, in m² s⁻¹.
    :param left_s: wall time in s to the end of the present stretch; ``None`` where nobody can say.
    """

    name: str
    state: str
    done_ps: float
    planned_ps: float
    speed_ns_day: float | None = None
    diffusivity: tuple[float, float] | None = None
    left_s: float | None = None


def read_points(tree: ProcessSummary) -> list[RunStatus]:
    """Return the runs of all sweeps in a tree of processes, in the order in which they began."""
    found: list[RunStatus] = []
    for sweep in tree.walk():
        if sweep.process_label == SWEEP:
            found += _runs_of(sweep)
    return found


def _runs_of(sweep: ProcessSummary) -> list[RunStatus]:
    """Return the runs of one sweep, each by its last stretch, or the last that came to its end where that failed."""
    known, found = _diffusivities(sweep), []
    for name, stretches in _stretches(sweep).items():
        ended = _ended_badly(stretches, sweep)
        sound = [stretch for stretch in stretches if stretch.is_ok()] if ended else []
        status = _status(name, (sound or stretches)[-1], known.get(name))
        found.append(replace(status, state=ended, left_s=None) if ended else status)
    return found


def _stretches(sweep: ProcessSummary) -> dict[str, list[_Run]]:
    """Return the stretches of each run of a sweep in their order."""
    from aiida import orm

    from aiida_concerted.queries.replicas import replica_names

    found: dict[str, list[_Run]] = {}
    for child in sweep.children:
        if child.process_label == RUN:
            found.setdefault(run_of_child(child.name), []).append(_Run(child))
        elif child.process_label == PACK:
            pack: Any = orm.load_node(child.pk)
            for name in replica_names(pack):
                found.setdefault(run_of_child(name), []).append(_Run(child, name))
    return found


def _ended_badly(stretches: list[_Run], sweep: ProcessSummary) -> str:
    """Return what becomes of a run whose last stretch failed; empty for one that did not."""
    from aiida_concerted.workflows.waves import WavesWorkChain, is_final

    last = stretches[-1]
    if last.is_ok() is not False:
        return ""
    n_tries = sum(stretch.label == last.label for stretch in stretches)
    if not sweep.has_ended and n_tries < WavesWorkChain.max_attempts and not is_final(last):
        return "again"
    return "held" if any(stretch.is_ok() for stretch in stretches) else "failed"


@dataclass(frozen=True)
class _Run:
    """Where the last stretch of a run is made.

    :param process: its work chain.
    :param replica: which of the runs of that work chain it is; ``None`` where it is the only one.
    """

    process: ProcessSummary
    replica: str | None = None

    @property
    def label(self) -> str:
        """Return the name of the stretch."""
        return self.process.name if self.replica is None else self.replica

    @property
    def exit_status(self) -> int | None:
        """Return the exit status that it had, or would have had alone."""
        from aiida import orm

        from aiida_concerted.queries.replicas import Replica

        if self.replica is None:
            return self.process.exit_status
        pack: Any = orm.load_node(self.process.pk)
        verdict = Replica(pack, self.replica).verdict
        return self.process.exit_status if verdict is None else verdict[0]

    def inputs(self) -> Any:
        """Return its inputs: ``parameters`` and, where it makes a run longer, ``restart``."""
        from aiida import orm

        inputs = orm.load_node(self.process.pk).inputs
        return inputs.md if self.replica is None else inputs.replicas[self.replica]

    def is_ok(self) -> bool | None:
        """Return whether it came to its end, ``None`` while it is under way."""
        from aiida import orm

        from aiida_concerted.queries.replicas import Replica

        if self.replica is not None:
            pack: Any = orm.load_node(self.process.pk)
            verdict = Replica(pack, self.replica).verdict
            if verdict is not None:
                return verdict[0] == 0
        return self.process.is_ok if self.process.has_ended else None

    def outputs_of(self, job: orm.ProcessNode) -> Any:
        """Return what a job left of it."""
        from aiida_concerted.queries.replicas import outputs_of_replica

        return job.outputs if self.replica is None else outputs_of_replica(job, self.replica)


def _diffusivities(sweep: ProcessSummary) -> dict[str, tuple[float, float]]:
    """Return the newest diffusivity of each run, judged on the way or analysed at the end."""
    from aiida import orm

    found = {}
    for child in sweep.children:
        kind, _, rest = child.name.partition("_")
        if kind not in ("judge", "diffusivity", "reduce") or not child.is_ok:
            continue
        outputs = orm.load_node(child.pk).base.links.get_outgoing().all_nodes()
        values = [value for node in outputs if (value := _value(node)) is not None]
        if values:
            found[run_of_child(rest)] = values[0]
    return found


def _value(node: orm.Node) -> tuple[float, float] | None:
    given = node.base.attributes.get("diffusivity_m2_s", None)
    if isinstance(given, list):
        return float(given[0]), float(given[1])
    return None if given is None else (float(given), float(node.base.attributes.get("diffusivity_stderr_m2_s")))


def _status(name: str, run: _Run, diffusivity: tuple[float, float] | None) -> RunStatus:
    from aiida_concerted.calculations.lammps_restart import STEP
    from aiida_concerted.calculations.lammps_run import md_parameters

    inputs, is_ok = run.inputs(), run.is_ok()
    md = md_parameters(inputs["parameters"])
    planned_ps = md.production_steps * md.timestep_ps
    jobs = [process for process in run.process.walk() if process.process_label in JOBS]
    start = inputs["restart"].base.attributes.get(STEP) if "restart" in inputs else 0
    step, speed, has_begun = _progress(run, jobs, start)
    done_ps = planned_ps if is_ok else min(max(step - md.first_step, 0) * md.timestep_ps, planned_ps)
    speed_ns_day = None if speed is None else speed * md.timestep_ps / NS_IN_PS * DAY_IN_S
    if is_ok is not None:
        return RunStatus(name, "done" if is_ok else "failed", done_ps, planned_ps, speed_ns_day, diffusivity)
    left_s = (md.last_step - step) / speed if speed else None
    state = "waiting" if not has_begun else "heating" if step < md.first_step else "running"
    return RunStatus(name, state, done_ps, planned_ps, speed_ns_day, diffusivity, left_s)


def _progress(run: _Run, jobs: list[ProcessSummary], start: int) -> tuple[int, float | None, bool]:
    """Return the last step that a run came to, the steps a second of the last job that tells, and whether it has begun.

    :param start: step of the restart file that it began from.
    """
    from aiida import orm
    from aiida.schedulers import JobState

    last_step, speed, is_running = start, None, False
    for job in jobs:
        node: Any = orm.load_node(job.pk)
        if job.has_ended:
            outputs = run.outputs_of(node)
            results: Mapping[str, Any] = outputs["results"].get_dict() if "results" in outputs else {}
            step, own = int(results.get("steps_done", 0)), results.get("steps_per_s")
        else:
            step, own = _look_at_log(node, run.replica or "")
            # of a job on another machine the scheduler alone tells
            is_running = step > 0 or node.get_scheduler_state() is JobState.RUNNING
        last_step, speed = max(last_step, step), own or speed
    return last_step, speed, is_running or last_step > start


def _look_at_log(job: Any, place: str) -> tuple[int, float | None]:
    """Return the step that a running job has come to and its speed, where its folder is on this machine.

    :param place: folder of the run in that of the job, where it is not the only one.
    """
    from aiida_concerted.formats import lammps_input
    from aiida_concerted.formats.lammps_log import first_and_last_step

    folder = folder_here(job)
    if folder is None:
        return 0, None
    log = folder / place / lammps_input.LOG
    try:
        found = first_and_last_step(log)
        seconds = log.stat().st_mtime - log.with_name(job.get_option("input_filename")).stat().st_mtime
    except OSError:
        return 0, None
    if found is None:
        return 0, None
    first, last = found
    return last, (last - first) / seconds if seconds > 0 and last > first else None
