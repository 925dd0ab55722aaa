"""Children that are run once: also when the daemon dies after submitting them, and when a new process goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, WorkChain
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from plumpy.process_states import ProcessState

from aiida_concerted.queries.calls import CONTINUES, calls_labelled, note_reuse, origin_uuid
from aiida_concerted.workflows.continuing import (
    check_earlier,
    earlier_children,
    full_inputs,
    has_inputs,
    lacks_outputs,
)

NEVER_BEGAN = "given up: interrupted before its first checkpoint; its caller submits it again"


def begun_children(process: orm.ProcessNode, label: str) -> list[orm.ProcessNode]:
    """Return what a process called by a label, oldest first, without what never began.

    A process that was made and whose first checkpoint was not written any more can never go on, and whoever waited for
    it would wait for ever. It is marked as killed.
    """
    begun = []
    for child in calls_labelled(process, label):
        if not child.is_terminated and child.checkpoint is None:
            child.set_process_state(ProcessState.KILLED)
            child.set_process_status(NEVER_BEGAN)
            child.seal()
        if child.process_status != NEVER_BEGAN:
            begun.append(child)
    return begun


class ResumableSpec(WorkChainSpec):
    """A specification in which what a part continues is for its caller to find, never an input of the whole."""

    def expose_inputs(
        self, process_class: Any, namespace: str | None = None, exclude: Any = None, include: Any = None, **options: Any
    ) -> None:
        """Expose the inputs of a part without the one that says what it continues."""
        if include is None:
            exclude = (*(exclude or ()), CONTINUES)
        super().expose_inputs(process_class, namespace, exclude=exclude, include=include, **options)


class ResumableWorkChain(WorkChain):
    """A work chain whose steps can be run again without running their children again.

    AiiDA repeats a step that was interrupted before its checkpoint was written. The children which that step had
    submitted by then are in the graph: they are found by the label of their call link and waited for.

    A work chain that ended can be continued by a new one, whose input ``continues`` names it. Children that finished
    there with the same inputs are used as if they were the new one's. Where the inputs differ, or the child did not
    come to its end, a new child is run that itself continues the earlier one, so that what finished below is used.
    """

    _spec_class = ResumableSpec

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define what is continued, and the exit code of calcfunctions that refuse their inputs."""
        super().define(spec)
        spec.input(
            CONTINUES, valid_type=orm.Str, serializer=orm.to_aiida_type, required=False,
            validator=partial(_validate_earlier, cls),
            help="UUID of an earlier process of this kind that ended: what finished there is used, not run again.",
        )  # fmt: skip
        spec.exit_code(419, "ERROR_FUNCTION_FAILED", message="{name} <{pk}>: {reason}")

    @property
    def origin_uuid(self) -> str:
        """Return the UUID of the process that was continued, by as many as there were: results are named after it."""
        return origin_uuid(self.node)

    def call(self, function: Callable[..., Any], label: str, *args: orm.Data, **kwargs: orm.Data) -> Any:
        """Return what a calcfunction returns, or ``None`` where it ended with an exit code.

        After a ``None`` a step ends with ``return self.function_failure()``.

        :param label: label of the call link.
        """
        known = self.find_call(function, label, *args, **kwargs) if CONTINUES in self.inputs else None
        if known is not None:
            return known
        result, node = function.run_get_node(*args, metadata={"call_link_label": label}, **kwargs)  # type: ignore[attr-defined]
        if node.is_finished_ok:
            return result
        self.ctx.function_failure = (node.process_label, node.pk, node.exit_message)
        return None

    def find_call(self, function: Any, label: str, *args: orm.Data, **kwargs: orm.Data) -> Any:
        """Return what this version of a calcfunction returned for the same inputs earlier, ``None`` if it did not."""
        process_class = function.process_class
        inputs = full_inputs(process_class, process_class.create_inputs(*args, **kwargs))
        version = self.runner.plugin_version_provider.get_version_info(process_class)["version"].get("plugin")
        for parent, node in earlier_children(self.node, label, process_class):
            is_ours = node.base.attributes.get("version", {}).get("plugin") == version
            if node.is_finished_ok and is_ours and not lacks_outputs(node) and has_inputs(node, inputs):
                self.use(label, node, parent)
                created = node.base.links.get_outgoing(link_type=LinkType.CREATE).all()
                outputs = {link.link_label: link.node for link in created}
                single = process_class.SINGLE_OUTPUT_LINKNAME
                return outputs[single] if set(outputs) == {single} else outputs
        return None

    def function_failure(self) -> ExitCode:
        """Return the exit code that says which calcfunction refused its inputs and why."""
        name, pk, reason = self.ctx.function_failure
        exit_code: ExitCode = self.exit_codes.ERROR_FUNCTION_FAILED.format(name=name, pk=pk, reason=reason)
        return exit_code

    def run_child(self, label: str, builder: ProcessBuilder, *, attempt: int = 1) -> orm.ProcessNode:
        """Return the child of this label and attempt, submitting it unless there is one that can be used.

        :param label: label of the call link, unique among the children of this work chain except for repeated attempts.
        :param attempt: how many children of this label there will be with this one.
        """
        submitted = self.children_labelled(label)
        if len(submitted) >= attempt:
            child = submitted[attempt - 1]
            self.report(f"{label} <{child.pk}> had been submitted before an interruption; waiting for it")
            return child
        if CONTINUES in self.inputs:
            known = self.find_child(label, builder, {child.uuid for child in submitted})
            if known is not None:
                return known
        builder.metadata.call_link_label = label
        node: orm.ProcessNode = self.submit(builder)
        return node

    def try_child(self, label: str, builder: ProcessBuilder) -> orm.ProcessNode:
        """Return the next child of a label that may be tried again; its tries are counted in the context.

        A step that is repeated after an interruption finds the context as it was before the step, and so waits for the
        child that it had submitted. Children in the graph are no count: that one would be a try that is over.
        """
        attempt = self.n_tries(label) + 1
        self.ctx.tries = {**self.ctx.get("tries", {}), label: attempt}
        return self.run_child(label, builder, attempt=attempt)

    def n_tries(self, label: str) -> int:
        """Return how often a child of this label was tried."""
        return int(self.ctx.get("tries", {}).get(label, 0))

    def find_child(self, label: str, builder: ProcessBuilder, tried: set[str]) -> orm.ProcessNode | None:
        """Return an earlier child that does as this one; where there is none, let the builder go on from the newest.

        :param tried: UUIDs of children that turned out not to do.
        """
        process_class = builder.process_class
        found = list(earlier_children(self.node, label, process_class))
        inputs = full_inputs(process_class, builder._inputs(prune=True)) if found else {}
        for parent, child in found:
            fits = child.uuid not in tried and self.is_usable(label, child) and not lacks_outputs(child)
            if fits and has_inputs(child, inputs):
                self.use(label, child, parent)
                return child
        if found and issubclass(process_class, ResumableWorkChain):
            builder[CONTINUES] = found[0][1].uuid
        return None

    def is_usable(self, label: str, child: orm.ProcessNode) -> bool:
        """Return whether a child of an earlier process would do, if its inputs were the same."""
        return bool(child.is_finished_ok)

    def use(self, label: str, child: orm.ProcessNode, parent: orm.ProcessNode) -> None:
        """Note that a child of an earlier process is used as if it were this one's."""
        note_reuse(self.node, label, child)
        self.report(f"{label} <{child.pk}> of {parent.process_label} <{parent.pk}> is used as it is")

    def children_labelled(self, label: str) -> list[orm.ProcessNode]:
        """Return the children of this call link label, oldest first, those of earlier processes that are used too."""
        return begun_children(self.node, label)


def _validate_earlier(process_class: type[WorkChain], value: orm.Str | None, _: Any) -> str | None:
    return check_earlier(process_class, value)
