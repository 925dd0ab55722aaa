"""Processes that were not run, with the outputs that their specification allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.common import LinkType
from aiida.engine import CalcJob, Process
from plumpy.process_states import ProcessState


def flat(outputs: Mapping[str, Any], prefix: str = "") -> dict[str, orm.Data]:
    """Return nested outputs with the labels of their links."""
    found: dict[str, orm.Data] = {}
    for name, value in outputs.items():
        found |= flat(value, f"{prefix}{name}__") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def ended(
    process: type[Process],
    outputs: Mapping[str, Any] | None = None,
    *,
    exit_status: int = 0,
    exit_message: str = "as it was left",
    called: Sequence[orm.ProcessNode] = (),
    computer: orm.Computer | None = None,
    options: Mapping[str, Any] | None = None,
    **inputs: orm.Data,
) -> orm.ProcessNode:
    """Return a stored process of this class that ended with an exit status and left these outputs.

    :param outputs: may be nested; each must have a port, which it would not get past otherwise.
    """
    is_job = issubclass(process, CalcJob)
    node = orm.CalcJobNode(computer=computer) if is_job else orm.WorkChainNode()
    node.set_process_label(process.__name__)
    node.set_process_type(process.build_process_type())
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(exit_status)
    if exit_status:
        node.set_exit_message(exit_message)
    for name, value in (options or {}).items():
        node.set_option(name, value)
    for label, value in inputs.items():
        kind = LinkType.INPUT_CALC if is_job else LinkType.INPUT_WORK
        node.base.links.add_incoming(value.store(), kind, label)
    node.store()
    attach(process, node, outputs or {}, LinkType.CREATE if is_job else LinkType.RETURN)
    for index, child in enumerate(called):
        kind = LinkType.CALL_CALC if isinstance(child, orm.CalculationNode) else LinkType.CALL_WORK
        child.base.links.add_incoming(node, kind, f"child_{index}")
    return node


def attach(process: type[Process], node: orm.ProcessNode, outputs: Mapping[str, Any], kind: LinkType) -> None:
    """Link outputs, after looking each up in the specification."""
    for label, value in flat(outputs).items():
        port = process.spec().outputs
        for name in label.split("__"):
            assert name in port or port.dynamic, f"{process.__name__} has no output {label}"
            port = port.get(name, port)
        if kind is LinkType.RETURN:
            value.store()
        value.base.links.add_incoming(node, kind, label)
        value.store()
