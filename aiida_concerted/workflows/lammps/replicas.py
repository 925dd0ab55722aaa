"""Several runs of molecular dynamics with LAMMPS that share their jobs, each to its own length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_replicas import (
    ALONE_STASHED,
    EXIT_STATUS,
    INPUTS,
    REPLICAS,
    LammpsReplicasCalculation,
    complaint_of_ports,
)
from aiida_concerted.calculations.lammps_run import md_parameters
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.queries.calls import earlier_processes
from aiida_concerted.queries.replicas import VERDICTS, outputs_of_replica
from aiida_concerted.workflows.lammps.adopting import adopted_jobs, end_of_run, outputs_of_run
from aiida_concerted.workflows.lammps.base import INTERRUPTIONS, MONITORS, wall_time_between_restarts
from aiida_concerted.workflows.lammps.joining import joined_outputs
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.sealing import is_stashed
from aiida_concerted.workflows.lammps.segment import ADVANCED, TIMER
from aiida_concerted.workflows.options import options_of_runs
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import OUT_OF_RESTARTS, OUT_OF_SEGMENTS, WALL_TIME_OVER, positive

CODES = LammpsMdCalculation.exit_codes
INTERRUPTED = tuple(code.status for code in INTERRUPTIONS)
OF_SCHEDULER = range(100, 200)
"""Exit statuses by which AiiDA says that the scheduler ended a job."""

AS_ALONE = {CODES.ERROR_PAIR_STYLE_MISSING.status: 210}
"""Exit statuses of a run for good, by those of its last job where the two differ."""

LEAVES_FRAMES = (CODES.ERROR_OUT_OF_MEMORY.status, *range(500, 600))
"""Exit statuses of runs that go no further and whose frames so far are kept."""

PHYSICS = LammpsMdWorkChain.exit_codes["ERROR_PHYSICS"].status

Verdict = tuple[int, str]
"""Exit status and message of a run that has ended."""


class LammpsReplicasWorkChain(ResumableWorkChain):
    """Runs several replicas in one job after another, until each has its length or has failed.

    What the wall time or the machine ended goes on from each replica's own restart file. A replica that physics ended
    is named, and the others go on without it. Outputs and verdicts are those of `concerted.lammps.md` for each.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit code."""
        super().define(spec)
        spec.expose_inputs(LammpsReplicasCalculation, namespace="md", exclude=(REPLICAS,))
        spec.input_namespace(
            REPLICAS,
            dynamic=True,
            help="By name of the replica its `structure` (Å), `parameters` (see `MdParameters`), and, where it makes "
            "a run longer, `restart` and `before`, the outputs of that run.",
        )
        value_port(
            spec, "max_segments", orm.Int, "Most jobs that a replica takes part in (without unit).", default=1000,
            validator=positive,
        )  # fmt: skip
        value_port(
            spec, "max_iterations", orm.Int, "Most jobs in a row that bring a replica no further (without unit).",
            default=3, validator=positive,
        )  # fmt: skip
        value_port(spec, "clean_workdir", orm.Bool, "Whether the folders of the jobs are emptied.", default=False)
        spec.inputs.validator = cls.validate_inputs
        spec.outline(cls.setup, while_(cls.should_run_job)(cls.run_job, cls.inspect_job), cls.collect)
        spec.output_namespace(
            REPLICAS, dynamic=True, help="By name of the replica the outputs of `concerted.lammps.md`."
        )
        spec.exit_code(
            434,
            "WARNING_REPLICAS_FAILED",
            message="Of {n_replicas} replicas these did not come to their end: {reasons}",
        )

    @classmethod
    def validate_inputs(cls, value: Any, ctx: Any) -> str | None:
        """Return why inputs that are fine one by one do not go together."""
        kinds = {**INPUTS, "before": Mapping}
        bare = {}
        for name, run in value.get(REPLICAS, {}).items():
            if (complaint := complaint_of_ports(name, run, kinds, optional=("restart", "before"))) is not None:
                return complaint
            if is_stashed((run.get("before") or {}).get("trajectory")):
                return f"replicas.{name}.before.trajectory: {ALONE_STASHED}"
            bare[name] = {key: node for key, node in run.items() if key != "before"}
        models = value.get("md", {}).get("models")
        return LammpsReplicasCalculation.validate_inputs({"models": models, REPLICAS: bare}, {"models", REPLICAS})

    def setup(self) -> None:
        """Begin each replica where earlier processes left it, at the restart file that was given, or anew."""
        self.ctx.n_jobs = 0
        self.ctx.parts = {name: [] for name in self.inputs[REPLICAS]}
        self.ctx.verdicts, self.ctx.idle = {}, {}
        parents = self.earlier_parents()
        for name in self.inputs[REPLICAS] if parents else ():
            for job in adopted_jobs(parents, name, self.inputs.md, self.inputs[REPLICAS][name]):
                self.use(f"earlier_{job.pk}", job, job.caller or self.node)
                self.note(name, job)

    def earlier_parents(self) -> list[orm.ProcessNode]:
        """Return the processes whose jobs may be taken over: those continued here, and by the caller.

        Runs share jobs with others as often as ``runs_per_job`` is changed, and may have been alone before.
        """
        caller = self.node.caller
        return [*earlier_processes(self.node), *(() if caller is None else earlier_processes(caller))]

    def parameters(self, name: str) -> MdParameters:
        """Return the parameters of a replica."""
        return md_parameters(self.inputs[REPLICAS][name]["parameters"])

    def pending(self) -> list[str]:
        """Return the names of the replicas that are not at their end."""
        return sorted(name for name in self.inputs[REPLICAS] if name not in self.ctx.verdicts)

    def should_run_job(self) -> bool:
        """Return whether any replica has frames left to compute."""
        return bool(self.pending())

    def run_job(self) -> None:
        """Submit the next job, with all replicas that are not at their end."""
        self.ctx.n_jobs += 1
        self.ctx.running = self.pending()
        self.to_context(job=self.run_child(f"job_{self.ctx.n_jobs:03d}", self.job()))

    def job(self) -> ProcessBuilder:
        """Return the next job."""
        inputs = self.exposed_inputs(LammpsReplicasCalculation, "md")
        builder = LammpsReplicasCalculation.get_builder()
        builder._update(inputs)
        builder.metadata.options = options_of_runs(inputs.metadata.options, len(self.ctx.running))
        replicas = {}
        for name in self.ctx.running:
            given = self.inputs[REPLICAS][name]
            replicas[name] = {key: given[key] for key in INPUTS if key in given}
            if self.ctx.parts[name]:
                replicas[name]["restart"] = self.outputs_of_parts(name)[-1]["restart"]
        builder[REPLICAS] = replicas
        is_watched = any(self.parameters(name).max_deviation_eV_A is not None for name in replicas)
        if is_watched and not inputs.get("monitors"):
            builder.monitors = {name: orm.Dict(settings) for name, settings in MONITORS.items()}
        return builder

    def inspect_job(self) -> None:
        """Note for each replica whether it is done, goes on, or ends in a failure.

        A partition of LAMMPS that fails takes the others with it: what another replica ended counts as none of their
        tries. It is not in the next job, so this cannot go on for ever.
        """
        is_innocent = any(self.has_failed(name, self.ctx.job) for name in self.ctx.running)
        for name in self.ctx.running:
            self.note(name, self.ctx.job, is_innocent=is_innocent)

    def has_failed(self, name: str, job: orm.CalcJobNode) -> bool:
        """Return whether a replica itself, not the machine, brought about how it ended in a job."""
        results = outputs_of_replica(job, name).get("results", {})
        return results.get(EXIT_STATUS, 0) not in (0, *ADVANCED, *INTERRUPTED)

    def note(self, name: str, job: orm.CalcJobNode, *, is_innocent: bool = False) -> None:
        """Note what a job did for a replica.

        :param is_innocent: whether another replica may have ended the job.
        """
        outputs = outputs_of_run(job, name)
        if "results" not in outputs:
            reason = str(job.exit_message or job.process_state.value)
            if job.is_finished and job.exit_status in (*INTERRUPTED, *OF_SCHEDULER):
                self.try_again(name, job, reason)
            else:
                self.end(name, (job.exit_status or 1, f"<{job.pk}> {reason}"))
            return
        status, reason = end_of_run(job, name)
        is_segment = status in (0, *ADVANCED) and "restart" in outputs
        # One that is finished has no restart file where none was due before its end.
        if is_segment or status == 0 or status in LEAVES_FRAMES:
            self.ctx.parts = {**self.ctx.parts, name: [*self.ctx.parts[name], job.uuid]}
        if status == 0 or (is_segment and self.is_long_enough(name, outputs["results"])):
            self.end(name, (0, "finished"))
        elif is_segment:
            self.ctx.idle = {**self.ctx.idle, name: 0}
            self.go_on(name, outputs["restart"].base.attributes.get("step"))
        elif status in INTERRUPTED and is_innocent:
            self.report(f"{name} was cut short in <{job.pk}> beside one that failed; running it again")
        elif status in INTERRUPTED:
            self.try_again(name, job, reason)
        else:
            self.end(name, self.failure(name, job, status, reason))

    def is_long_enough(self, name: str, results: Mapping[str, Any]) -> bool:
        """Return whether a job brought a replica its last frame although it did not end by itself."""
        md = self.parameters(name)
        return bool(results["first_step"] + (results["n_frames"] - 1) * md.frame_steps >= md.last_step)

    def go_on(self, name: str, step: int) -> None:
        """Say how far a replica is, or end it where it may take part in no more jobs."""
        md = self.parameters(name)
        n_jobs = len(self.ctx.parts[name])
        if n_jobs >= self.inputs.max_segments.value:
            code = LammpsMdWorkChain.exit_codes["ERROR_TOO_MANY_SEGMENTS"]
            message = code.format(n=n_jobs, step=step, n_steps=md.last_step).message
            self.end(name, (OUT_OF_SEGMENTS, message))
            return
        done, total = step * md.timestep_ps, md.last_step * md.timestep_ps
        self.report(f"{name}: {done:g} of {total:g} ps are done, heating included; going on from step {step}")

    def try_again(self, name: str, job: orm.CalcJobNode, reason: str) -> None:
        """Run again what the machine ended before a restart file was written, a few times."""
        n_idle = self.ctx.idle.get(name, 0) + 1
        self.ctx.idle = {**self.ctx.idle, name: n_idle}
        if n_idle >= self.inputs.max_iterations.value:
            self.end(name, (OUT_OF_RESTARTS, f"<{job.pk}> {reason}; {n_idle} jobs in a row brought it no further"))
        else:
            self.report(f"{name} was cut short in <{job.pk}> before its first restart file; running it again")

    def failure(self, name: str, job: orm.CalcJobNode, status: int, reason: str) -> Verdict:
        """Return how a replica ends that no further job would mend."""
        if status == TIMER.status:
            return WALL_TIME_OVER, self.wall_time_message(name, job)
        if 500 <= status < 600:
            code = LammpsMdWorkChain.exit_codes["ERROR_PHYSICS"]
            return PHYSICS, code.format(reason=reason).message
        return AS_ALONE.get(status, status), reason

    def wall_time_message(self, name: str, job: orm.CalcJobNode) -> str:
        """Return what wall time brings a replica from one restart file to the next."""
        md, results = self.parameters(name), outputs_of_replica(job, name)["results"]
        done_ps, needed_s = wall_time_between_restarts(job, md, results.get_dict())
        code = LammpsMdWorkChain.exit_codes["ERROR_WALL_TIME_OVER"]
        message: str = code.format(done=done_ps, needed_s=needed_s).message
        return message

    def end(self, name: str, verdict: Verdict) -> None:
        """Note how a replica ended."""
        self.ctx.verdicts = {**self.ctx.verdicts, name: verdict}
        self.node.base.extras.set(VERDICTS, {run: list(known) for run, known in self.ctx.verdicts.items()})
        if verdict[0]:
            self.report(f"{name} ends here, the others go on: {verdict[1]}")

    def outputs_of_parts(self, name: str) -> list[Any]:
        """Return what each job left of a replica, in their order."""
        return [outputs_of_run(orm.load_node(uuid), name) for uuid in self.ctx.parts[name]]

    def collect(self) -> ExitCode | None:
        """Join what the jobs left of each replica, and name those that failed."""
        for name, run in self.inputs[REPLICAS].items():
            parts = [*([run["before"]] if run.get("before") else []), *self.outputs_of_parts(name)]
            if not self.ctx.parts[name]:
                continue
            outputs = joined_outputs(self, parts, run["parameters"], run["structure"], f"join_{name}")
            if outputs is None:
                code = self.function_failure()
                self.end(name, (code.status, code.message))
                continue
            for label, node in outputs.items():
                self.out(f"{REPLICAS}.{name}.{label}", node)
        failed = {name: verdict for name, verdict in self.ctx.verdicts.items() if verdict[0]}
        if not failed:
            return None
        reasons = "; ".join(f"{name}: {reason}" for name, (_, reason) in failed.items())
        code = self.exit_codes.WARNING_REPLICAS_FAILED
        exit_code: ExitCode = code.format(n_replicas=len(self.ctx.verdicts), reasons=reasons)
        return exit_code

    def on_terminated(self) -> None:
        """Empty the folders of the jobs where that is asked for."""
        super().on_terminated()
        if not self.inputs.clean_workdir.value:
            return
        for job in self.node.called_descendants:
            if isinstance(job, orm.CalcJobNode) and "remote_folder" in job.outputs:
                try:
                    job.outputs.remote_folder._clean()
                except OSError as error:
                    self.report(f"the folder of <{job.pk}> could not be emptied: {error}")
