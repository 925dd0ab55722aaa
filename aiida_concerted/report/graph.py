"""Finding one's way in a study's part of the provenance graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from aiida import orm
from aiida.common.links import LinkType

from aiida_concerted.queries.calls import calls_of

Node = TypeVar("Node", bound=orm.Data)

OUTPUTS = (LinkType.RETURN, LinkType.CREATE)
SEPARATOR = "__"


def outputs_of(process: orm.ProcessNode) -> dict[str, Any]:
    """Return the outputs of a process, finished or not, by the label of their link; namespaces are joined by ``__``."""
    return {link.link_label: link.node for link in process.base.links.get_outgoing(link_type=OUTPUTS).all()}


def inputs_of(process: orm.ProcessNode) -> dict[str, Any]:
    """Return the inputs of a process by the label of their link; namespaces are joined by ``__``."""
    links = process.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK))
    return {link.link_label: link.node for link in links.all()}


def children_of(process: orm.ProcessNode) -> dict[str, Any]:
    """Return what a process called or took over, by the label of the call; of several attempts the last."""
    return dict(calls_of(process))


def below(nodes: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Return what lies in a namespace, by the rest of the label."""
    start = namespace + SEPARATOR
    return {label.removeprefix(start): node for label, node in nodes.items() if label.startswith(start)}


def part_outputs(study: orm.ProcessNode, part: str, process_label: str) -> dict[str, Any]:
    """Return the outputs of a part of a study.

    A study attaches them when the part is over; before that they are taken from the part itself, as far as it came.

    :param part: label of the part's call, and namespace of its outputs.
    :param process_label: name of the part's class, so that such a process can stand for a study by itself.
    """
    if study.process_label == process_label:
        return outputs_of(study)
    child = children_of(study).get(part)
    return {**(outputs_of(child) if child else {}), **below(outputs_of(study), part)}


def first_of_each_temperature(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Return the first node of each temperature by its name: what is drawn of one run, not of all its seeds."""
    found: dict[float, str] = {}
    for name in sorted(nodes):
        found.setdefault(float(nodes[name].base.attributes.get("temperature_K", 0.0)), name)
    return {name: nodes[name] for name in found.values()}


def state_of(process: orm.ProcessNode) -> str:
    """Return the state of a process in words."""
    if process.is_finished_ok:
        return "finished"
    if process.is_finished:
        reason = f": {process.exit_message}" if process.exit_message else ""
        return f"finished with exit status {process.exit_status}{reason}"
    state = process.process_state
    return state.value if state is not None else "created"
