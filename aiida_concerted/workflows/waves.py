"""Many children, a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec

from aiida_concerted.workflows.resumable import ResumableWorkChain


def positive(value: Any, _: Any) -> str | None:
    """Return why a number is refused that must be positive."""
    return None if value is None or value.value > 0 else f"must be positive, got {value.value}"


UNFINISHED = (500, 502)
"""What aiida-vasp's work chain calls a run whose output is missing or ends early: the machine's doing."""


WALL_TIME_OVER = 410
"""Exit status of our trainings and molecular dynamics that ran out of wall time, as they would again."""


OUT_OF_RESTARTS = 401
"""Exit status of AiiDA's restarting work chains after ``max_iterations``; to begin anew would do all of it again."""


OUT_OF_SEGMENTS = 433
"""Exit status of runs that ``max_segments`` segments did not finish, and would not again."""


NOT_SEALED = 435
"""Exit status of runs that are done and whose frames, which stay where they are, could not be read there."""


def is_final(child: Any) -> bool:
    """Return whether a second run cannot mend a failure: one of inputs (2xx), physics (5xx) or too little wall time."""
    status: int = child.exit_status or 0
    if status in (WALL_TIME_OVER, OUT_OF_RESTARTS, OUT_OF_SEGMENTS, NOT_SEALED):
        return True
    return (200 <= status < 300 or 500 <= status < 600) and status not in UNFINISHED


def reason_of(child: orm.ProcessNode) -> str:
    """Return why a child failed, in its own words where it has any."""
    return str(child.exit_message or child.process_state.value)


class WavesWorkChain(ResumableWorkChain):
    """Runs one child for each name in ``ctx.pending``, at most ``max_concurrent`` at once.

    A child that fails is run again up to ``max_attempts`` times in all: a machine that went down, a process that was
    killed. Where the inputs or the physics say no (exit statuses 2xx and 5xx), the same inputs would end so again, and
    it is not. What the failure means after that is for the subclass to say, in ``judge``.

    A subclass fills ``ctx.pending`` with names in a step of its own before the loop, and implements ``prepare``.
    """

    max_attempts = 2

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the port and the exit code of the loop."""
        super().define(spec)
        spec.input(
            "max_concurrent",
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(4),
            validator=positive,
            help="Most children that run at once (a number without unit).",
        )
        spec.exit_code(
            420,
            "ERROR_CHILDREN_FAILED",
            message="These runs failed, each tried at most {attempts} times: {names}. The last says: {reason}",
        )

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the inputs of the child of this name."""
        raise NotImplementedError

    def judge(self, name: str, child: orm.ProcessNode) -> bool:
        """Return whether a child that ended left what is needed of it."""
        return bool(child.is_finished_ok)

    def has_pending(self) -> bool:
        """Return whether a child has still to run."""
        return bool(self.ctx.pending)

    @property
    def wave_size(self) -> int:
        """Return how many children are run at once."""
        return int(self.inputs.max_concurrent.value)

    def run_wave(self) -> None:
        """Submit the next children, as many as may run at once; those that an earlier process made take no room."""
        self.ctx.wave, room = [], self.wave_size
        while room > 0 and self.ctx.pending:
            names = list(self.ctx.pending[:room])
            self.ctx.wave, self.ctx.pending = [*self.ctx.wave, *names], list(self.ctx.pending[room:])
            attempts = dict(self.ctx.get("attempts", {}))
            self.ctx.attempts = {**attempts, **{name: attempts.get(name, 0) + 1 for name in names}}
            room -= self.submit_wave(names)

    def submit_wave(self, names: Sequence[str]) -> int:
        """Submit a child for each name and return how much room they take: one for each that is this process's own."""
        children = {name: self.run_child(name, self.prepare(name), attempt=self.ctx.attempts[name]) for name in names}
        self.to_context(**{f"child_{name}": child for name, child in children.items()})
        return sum(self.is_own(child) for child in children.values())

    def is_own(self, child: orm.ProcessNode) -> bool:
        """Return whether this process submitted a child, rather than take it over from an earlier one.

        It stays so when the child ends: a step that is repeated after an interruption submits the same children.
        """
        return child.caller is not None and child.caller.pk == self.node.pk

    def inspect_wave(self) -> None:
        """Queue again what failed for the first time, and note what failed for good."""
        failed = list(self.ctx.get("failed", []))
        again: list[str] = []
        for name in self.ctx.wave:
            child = self.child(name)
            if self.judge(name, child):
                continue
            last_try = self.ctx.attempts[name] >= self.max_attempts or is_final(child)
            (failed if last_try else again).append(name)
            self.report(
                f"{name} <{child.pk}> failed: {reason_of(child)}; {'giving up' if last_try else 'running it again'}"
            )
        self.ctx.failed = failed
        self.ctx.pending = [*again, *self.ctx.pending]

    def child(self, name: str) -> Any:
        """Return the last child of this name."""
        return self.ctx[f"child_{name}"]

    def has_child(self, name: str) -> bool:
        """Return whether a child of this name was run."""
        return f"child_{name}" in self.ctx

    def children_failed(self) -> ExitCode | None:
        """Return the exit code that names the failed children, if any failed for good."""
        if not self.ctx.get("failed"):
            return None
        names = ", ".join(f"{name} <{self.child(name).pk}>" for name in self.ctx.failed)
        exit_code: ExitCode = self.exit_codes.ERROR_CHILDREN_FAILED.format(
            attempts=self.max_attempts, names=names, reason=self.last_reason()
        )
        return exit_code

    def last_reason(self) -> str:
        """Return why the last of the children that failed for good did so."""
        return reason_of(self.child(self.ctx.failed[-1]))
