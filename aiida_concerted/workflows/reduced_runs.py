"""Runs whose frames stay where they were made, analysed there by a job each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessSpec

from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.workflows.lammps.sealing import is_stashed, is_worth_a_try, reduce_builder
from aiida_concerted.workflows.resumable import ResumableWorkChain


class ReducedRunsWorkChain(ResumableWorkChain):
    """The steps that have `concerted.reduce` analyse runs; a subclass says which, and with what.

    In an outline they are ``while_(cls.has_unreduced)(cls.reduce_runs)``, before what the results are taken of.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the exit code."""
        super().define(spec)
        spec.exit_code(
            440,
            "ERROR_FRAMES_ELSEWHERE",
            message="The frames of {name} stay on {computer}: give a code of concerted.reduce there (in a study file "
            "codes.concerted).",
        )

    def to_reduce(self) -> Mapping[str, StashedTrajectoryData]:
        """Return the runs that are to be analysed where they are, by the names of their jobs."""
        raise NotImplementedError

    def reduce_inputs(self) -> Mapping[str, Any] | None:
        """Return code and scheduler options of the jobs, ``None`` where there is no code."""
        raise NotImplementedError

    def reduction_of(self, key: str) -> Mapping[str, Any]:
        """Return what the job of a run takes besides the run: parameters, sites, crystal, target."""
        raise NotImplementedError

    def unreduced(self) -> dict[str, StashedTrajectoryData]:
        """Return the runs whose job has still to run, or to run again after the machine ended it."""
        return {
            key: node
            for key, node in self.to_reduce().items()
            if is_worth_a_try(self.ctx.get(f"reduced_{key}"), self.n_tries(f"reduce_{key}"))
        }

    def has_unreduced(self) -> bool:
        """Return whether runs have still to be analysed where they are."""
        return bool(self.unreduced())

    def reduce_runs(self) -> ExitCode | None:
        """Submit a job for each run that has still to be analysed where it is."""
        inputs = self.reduce_inputs()
        for key, node in self.unreduced().items():
            if inputs is None:
                return self.exit_codes.ERROR_FRAMES_ELSEWHERE.format(name=key, computer=node.computer.label)
            builder = reduce_builder(inputs, trajectory=node, **self.reduction_of(key))
            self.to_context(**{f"reduced_{key}": self.try_child(f"reduce_{key}", builder)})
        return None

    def reduced(self, key: str, part: str) -> Any:
        """Return a result of a run that was analysed where it is, or ``None`` where it has none.

        After a ``None`` a step ends with ``return self.function_failure()``, as after one from ``call``.

        :param part: name of an output of `concerted.reduce`.
        """
        node: orm.CalcJobNode = self.ctx[f"reduced_{key}"]
        if part in node.outputs:
            return node.outputs[part]
        reason = node.exit_message or f"{node.process_state.value}, with nothing said of {part}"
        self.ctx.function_failure = (node.process_label, node.pk, reason)
        return None

    def refuse_lost_runs(self) -> ExitCode | None:
        """Return the exit code of a run that can be analysed nowhere, if there is one."""
        for key in self.to_reduce():
            if "results" not in self.ctx[f"reduced_{key}"].outputs:
                self.reduced(key, "results")
                return self.function_failure()
        return None


def stashed_only(trajectories: Mapping[str, orm.Data]) -> dict[str, StashedTrajectoryData]:
    """Return those runs whose frames stay where they were made."""
    return {name: node for name, node in trajectories.items() if is_stashed(node)}
