"""Children that are submitted once, also when the daemon dies between submitting them and noting that it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, WorkChain


class ResumableWorkChain(WorkChain):
    """A work chain whose steps can be run again without running their children again.

    AiiDA repeats a step that was interrupted before its checkpoint was written. The children which that step had
    submitted by then are in the graph: they are found by the label of their call link and waited for.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the exit code of calcfunctions that refuse their inputs."""
        super().define(spec)
        spec.exit_code(419, "ERROR_FUNCTION_FAILED", message="{name} <{pk}>: {reason}")

    def call(self, function: Callable[..., Any], label: str, *args: orm.Data, **kwargs: orm.Data) -> Any:
        """Return what a calcfunction returns, or ``None`` where it ended with an exit code.

        After a ``None`` a step ends with ``return self.function_failure()``.

        :param label: label of the call link.
        """
        result, node = function.run_get_node(*args, metadata={"call_link_label": label}, **kwargs)  # type: ignore[attr-defined]
        if node.is_finished_ok:
            return result
        self.ctx.function_failure = (node.process_label, node.pk, node.exit_message)
        return None

    def function_failure(self) -> ExitCode:
        """Return the exit code that says which calcfunction refused its inputs and why."""
        name, pk, reason = self.ctx.function_failure
        exit_code: ExitCode = self.exit_codes.ERROR_FUNCTION_FAILED.format(name=name, pk=pk, reason=reason)
        return exit_code

    def run_child(self, label: str, builder: ProcessBuilder, *, attempt: int = 1) -> orm.ProcessNode:
        """Return the child of this label and attempt, submitting it unless an earlier run of the step did.

        :param label: label of the call link, unique among the children of this work chain except for repeated attempts.
        :param attempt: how many children of this label there will be with this one.
        """
        submitted = self.children_labelled(label)
        if len(submitted) >= attempt:
            child = submitted[attempt - 1]
            self.report(f"{label} <{child.pk}> had been submitted before an interruption; waiting for it")
            return child
        builder.metadata.call_link_label = label
        node: orm.ProcessNode = self.submit(builder)
        return node

    def children_labelled(self, label: str) -> list[orm.ProcessNode]:
        """Return the children of this call link label, oldest first."""
        calls = self.node.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all()
        # The database compares labels with LIKE, to which an underscore is any character.
        return sorted((link.node for link in calls if link.link_label == label), key=lambda node: node.pk)
