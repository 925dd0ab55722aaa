"""Runs that become longer until what they are made for is known to a stated error."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, Process, ProcessBuilder, ProcessSpec

from aiida_concerted.analysis.effort import REACHED, EffortTarget, describe_point
from aiida_concerted.calculations.functions.join_segments import SERIES
from aiida_concerted.calculations.functions.judge_run import judge_run
from aiida_concerted.calculations.functions.plan_extensions import HELD, IS_SIZE, POINT, plan_extensions
from aiida_concerted.calculations.lammps_run import md_parameters
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.queries.calls import CONTINUES, calls_of, earlier_processes
from aiida_concerted.queries.replicas import REPLICAS, Replica, replica_names
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.analysed_runs import AnalysedRunsWorkChain
from aiida_concerted.workflows.continuing import full_inputs, has_inputs, lacks_outputs
from aiida_concerted.workflows.lammps.adopting import is_of_cell
from aiida_concerted.workflows.lammps.sealing import REDUCE, is_stashed
from aiida_concerted.workflows.packed_runs import PACK, PackedRunsWorkChain
from aiida_concerted.workflows.reduced_runs import stashed_only
from aiida_concerted.workflows.sweep_runs import SweepRun, run_of_child, stretch_name
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import reason_of

PRODUCTION = "production_ps"

LENGTH = ("md__parameters", "md__restart", "before")
"""Inputs of a run that say how long it is and from where it was made longer."""


def go_on_from(builder: ProcessBuilder, outputs: Mapping[str, Any]) -> None:
    """Let a run go on from what it has left so far."""
    builder.md.restart = outputs["restart"]
    builder.before = {label: outputs[label] for label in SERIES if label in outputs}


def n_frames_of(child: orm.ProcessNode) -> int:
    """Return the number of frames that a child left, wherever they are."""
    n_frames: int = child.outputs.trajectory.base.attributes.get("n_frames")
    return n_frames


def earlier_lengths(
    process: orm.ProcessNode, run: str, builder: ProcessBuilder
) -> dict[int, tuple[orm.ProcessNode, Any]]:
    """Return what earlier processes made of a run, by its number of frames: their node, and the child that holds it.

    :param run: its name; children that made it longer are named like it with ``_x2``, ``_x3``, … behind it.
    :param builder: inputs of the run, whatever their length.
    """
    inputs = full_inputs(builder.process_class, builder._inputs(prune=True))
    wanted = {**builder.md.parameters.get_dict(), PRODUCTION: None}
    found: dict[int, tuple[orm.ProcessNode, Any]] = {}
    for parent in earlier_processes(process):
        for child in _stretches(parent, run, builder.process_class):
            if isinstance(child, Replica):
                given = child.node.inputs[REPLICAS][child.name]["parameters"]
                is_same = is_of_cell(child.node, child.name, builder.md, builder.md.structure, prefix="md__")
            else:
                given, is_same = child.inputs.md.parameters, has_inputs(child, inputs, apart=LENGTH)
            if is_same and {**given.get_dict(), PRODUCTION: None} == wanted:
                found.setdefault(n_frames_of(child), (parent, child))
    return found


def _stretches(parent: orm.ProcessNode, run: str, process_class: type[Process]) -> Iterator[Any]:
    """Yield what a process made of a run and finished: children of a class of its own, and views of it in packs."""
    for label, child in (*calls_of(parent, run), *calls_of(parent, PACK)):
        if lacks_outputs(child):
            continue
        if child.process_type == process_class.build_process_type():
            if run_of_child(label) == run and child.is_finished_ok:
                yield child
            continue
        views = (Replica(child, name) for name in replica_names(child) if run_of_child(name) == run)
        yield from (view for view in views if view.is_finished_ok and "trajectory" in view.outputs)


class ExtendedRunsWorkChain(AnalysedRunsWorkChain, PackedRunsWorkChain):
    """Runs in waves; once all are done, those that know too little go on from their last restart file.

    A subclass puts its runs into ``ctx.runs`` and has ``prepare_run``. A child that makes a run longer is named like
    the run with ``_x2``, ``_x3``, … behind it; its outputs are those of the whole run.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the port of the target, the output and the exit code."""
        super().define(spec)
        value_port(
            spec, "target", orm.Dict,
            "What is to be known how well, see `EffortTarget`: diffusivity_relative_error, max_production_ps, "
            "budget_ps, …; without it every run has one length.",
            default={}, validator=checks.target,
        )  # fmt: skip
        spec.output(
            "plan",
            valid_type=orm.Dict,
            required=False,
            help="By point length in ps, relative error and state against the target, and what is missing would take.",
        )
        spec.exit_code(
            439,
            "WARNING_TARGET_MISSED",
            message="Everything is analysed, but the target is missed: {points}",
        )

    def prepare_run(self, name: str) -> ProcessBuilder:
        """Return the first child of a run."""
        raise NotImplementedError

    @property
    def target(self) -> EffortTarget | None:
        """Return the target, ``None`` where every run has one length."""
        given = self.inputs.target.get_dict()
        return from_mapping(EffortTarget, given, "target") if given else None

    @property
    def survivors(self) -> list[str]:
        """Return the names of the runs that left a trajectory."""
        return [name for name in self.ctx.runs if name not in self.ctx.get("failed", [])]

    def latest(self, name: str) -> Any:
        """Return the child that holds the whole of a run so far."""
        return self.child(self.ctx.get("latest", {}).get(name, name))

    def prepare(self, name: str) -> ProcessBuilder:
        """Return a run's first child, or one that makes it longer."""
        extension = self.ctx.get("extensions", {}).get(name)
        if extension is None:
            return self.prepare_run(name)
        run, before, length_ps = extension
        builder = self.prepare_run(run)
        builder.md.parameters = orm.Dict({**builder.md.parameters.get_dict(), "production_ps": length_ps})
        outputs = self.child(before).outputs
        if "restart" in outputs:
            go_on_from(builder, outputs)
        else:
            self.report(f"{run}: no restart file was kept, so it begins anew to become {length_ps:g} ps long")
        return builder

    def find_child(self, label: str, builder: ProcessBuilder, tried: set[str]) -> orm.ProcessNode | None:
        """Return an earlier child that does as this one; let a run go on from the longest that there was of it.

        Another target or budget asks for other lengths of the same run, and what was computed of it counts.
        """
        known = super().find_child(label, builder, tried)
        if known is not None or label not in self.ctx.get("extensions", {}):
            return known
        _, before, _ = self.ctx.extensions[label]
        made = self.made_of(label, builder)
        if (enough := self.long_enough(made, builder)) is not None:
            parent, child = made[enough]
            if isinstance(child, orm.ProcessNode):
                self.use(label, child, parent)
                return child
        has_now, wanted = n_frames_of(self.child(before)), md_parameters(builder.md.parameters).n_frames
        shorter = [n for n, (_, child) in made.items() if has_now < n < wanted and "restart" in child.outputs]
        if shorter:
            parent, child = made[max(shorter)]
            go_on_from(builder, child.outputs)
            self.report(f"{label} goes on from <{child.pk}> of {parent.process_label} <{parent.pk}>")
        return None

    def earlier_replica(self, name: str, builder: ProcessBuilder) -> Replica | None:
        """Return this run in an earlier pack; for one that becomes longer also as it is long enough."""
        known = super().earlier_replica(name, builder)
        if known is not None or CONTINUES not in self.inputs or name not in self.ctx.get("extensions", {}):
            return known
        made = self.made_of(name, builder)
        enough = self.long_enough(made, builder)
        found = None if enough is None else made[enough][1]
        return found if isinstance(found, Replica) else None

    def made_of(self, label: str, builder: ProcessBuilder) -> dict[int, tuple[orm.ProcessNode, Any]]:
        """Return what earlier processes made of the run of a child, its frames where those of this one are."""
        run, before, _ = self.ctx.extensions[label]
        is_away = is_stashed(self.child(before).outputs.trajectory)
        made = earlier_lengths(self.node, run, builder)
        return {n: call for n, call in made.items() if is_stashed(call[1].outputs.trajectory) is is_away}

    def long_enough(self, made: Mapping[int, Any], builder: ProcessBuilder) -> int | None:
        """Return the least number of frames that is enough and not beyond the target's longest run."""
        md = md_parameters(builder.md.parameters)
        limit = self.target.max_production_ps if self.target is not None else md.production_ps
        longest = dataclasses.replace(md, production_ps=limit).n_frames
        return min((length for length in made if md.n_frames <= length <= longest), default=None)

    def judge_runs(self) -> ExitCode | None:
        """After a round, note how well each run knows what is asked, where anything is."""
        if self.target is None or self.ctx.pending:
            return None
        self.note_extensions()
        if (code := self.refuse_lost_runs()) is not None:
            return code
        judgements = dict(self.ctx.get("judgements", {}))
        for run in self.survivors:
            child = self.ctx.get("latest", {}).get(run, run)
            if child in judgements:
                continue
            trajectory = self.child(child).outputs.trajectory
            if is_stashed(trajectory):
                judgements[child] = self.reduced(child, "judgement")
                continue
            given = {"sites": self.inputs.sites} if "sites" in self.inputs and self.target.modes else {}
            judgement = self.call(
                judge_run, f"judge_{child}", trajectory, self.analysis_parameters(),
                self.inputs.target, **self.where_from(run), **given,
            )  # fmt: skip
            if judgement is None:
                return self.function_failure()
            judgements[child] = judgement
        self.ctx.judgements = judgements
        return self.plan_round()

    def to_reduce(self) -> dict[str, StashedTrajectoryData]:
        """Return the runs whose frames stay where they are, by the child that holds the whole; none within a round."""
        if self.ctx.pending:
            return {}
        self.note_extensions()
        jobs = {self.job_of(run): self.latest(run).outputs.trajectory for run in self.survivors}
        return stashed_only(jobs)

    def job_of(self, name: str) -> str:
        """Return the child that holds the whole of a run."""
        child: str = self.ctx.get("latest", {}).get(name, name)
        return child

    def reduce_inputs(self) -> Mapping[str, Any] | None:
        """Return code and scheduler options of the jobs that analyse runs where they are."""
        inputs: Mapping[str, Any] | None = self.inputs.run.get(REDUCE)
        return inputs

    def reduction_of(self, key: str) -> Mapping[str, Any]:
        """Return what the job of a run takes: the target too, where there is one."""
        run = next(name for name in self.ctx.runs if self.job_of(name) == key)
        target = {} if self.target is None else {"target": self.inputs.target}
        return {**super().reduction_of(run), **target}

    def note_extensions(self) -> None:
        """Note which children now hold the whole of their run, and which runs cannot become longer."""
        latest, held = dict(self.ctx.get("latest", {})), dict(self.ctx.get("held", {}))
        for child, (run, _, _) in self.ctx.get("extensions", {}).items():
            if child in self.ctx.get("failed", []):
                held.setdefault(run, f"<{self.child(child).pk}> {reason_of(self.child(child))}")
            elif self.has_child(child):
                latest[run] = child
        self.ctx.latest, self.ctx.held = latest, held

    def plan_round(self) -> ExitCode | None:
        """Queue the runs that become longer."""
        target, latest = self.target, self.ctx.latest
        assert target is not None  # noqa: S101 - asked before
        number = self.ctx.get("n_rounds", 0) + 1
        judged = {run: self.ctx.judgements[latest.get(run, run)] for run in self.survivors}
        if not judged:
            return None
        described = orm.Dict({run: self.described(run) for run in judged})
        is_last = orm.Bool(number > target.max_rounds)
        plan = self.call(plan_extensions, f"plan_{number:02d}", self.inputs.target, described, is_last, **judged)
        if plan is None:
            return self.function_failure()
        self.ctx.plan, self.ctx.n_rounds = plan, number
        self.queue_extensions(plan["points"], number + 1)
        return None

    def described(self, run: str) -> dict[str, Any]:
        """Return what the plan must know of a run beside what it has found."""
        planned: SweepRun = self.ctx.runs[run]
        described: dict[str, Any] = {POINT: planned.point}
        if planned.supercell is not None:
            described[IS_SIZE] = True
        if run in self.ctx.held:
            described[HELD] = self.ctx.held[run]
        return described

    def queue_extensions(self, points: Mapping[str, Mapping[str, Any]], part: int) -> None:
        """Queue a child for every run of the points that become longer.

        :param part: which stretch of their runs the children are, from 2.
        """
        extensions, pending = dict(self.ctx.get("extensions", {})), []
        for run in self.survivors:
            length_ps = points[self.ctx.runs[run].point].get("next_ps")
            if length_ps is not None and not self.is_held(run):
                child = stretch_name(run, part)
                extensions[child] = (run, self.ctx.latest.get(run, run), round(length_ps, 6))
                pending.append(child)
        self.ctx.extensions, self.ctx.pending = extensions, pending
        for name, point in points.items():
            self.report(f"{name}: {describe_point(point)}")

    def is_held(self, run: str) -> bool:
        """Return whether a run cannot become longer, though others of its point may."""
        return run in self.ctx.held or HELD in self.ctx.judgements[self.ctx.latest.get(run, run)].get_dict()

    def target_missed(self) -> ExitCode | None:
        """Return the exit code that says what is known less well than asked, and what it would take."""
        if "plan" not in self.ctx or self.ctx.plan["is_reached"]:
            return None
        parts = [
            f"{name}: {describe_point(point)}"
            for name, point in self.ctx.plan["points"].items()
            if point["state"] != REACHED
        ]
        error = self.ctx.plan.get("activation_energy_stderr_eV", None)
        if not self.ctx.plan["is_energy_reached"]:
            parts.append("the activation energy is not known" if error is None else f"E_a is known to {error:.3f} eV")
        exit_code: ExitCode = self.exit_codes.WARNING_TARGET_MISSED.format(points="; ".join(parts))
        return exit_code
