"""What a process may use of an earlier one: the children that had the same inputs.

Two nodes are the same input if they are one node or have the same type and content. Executables are compared by what
they run: the plugin and the name of the program. The same program on another machine gives the same results, so a
study is continued where it was imported; another program (a surrogate and VASP share a plugin) does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.hashing import make_hash
from aiida.common.links import LinkType
from aiida.engine import Process

from aiida_concerted.common.extras import LEFT_OUT
from aiida_concerted.queries.calls import CONTINUES, calls_labelled, earlier_processes

HARMLESS = frozenset({CONTINUES, "max_concurrent", "runs_per_job", "max_segments", "clean_workdir", "options"})
"""Inputs that say how a run is done, which no result of a run that came to its end depends on."""

NAMESPACES = "__"
REDUCE = "reduce"
"""Namespace of what runs `concerted.reduce`."""
INPUTS = (LinkType.INPUT_CALC, LinkType.INPUT_WORK)


def check_earlier(process_class: type[Process], value: orm.Str | None) -> str | None:
    """Return why a process of this class cannot continue the one with this UUID."""
    if value is None:
        return None
    found = orm.QueryBuilder().append(orm.ProcessNode, filters={"uuid": value.value}).all(flat=True)
    if not found:
        return f"there is no process {value.value} in this profile: see 'verdi process list -a'"
    (node,) = found
    if node.process_type != process_class.build_process_type():
        return f"{node.process_label} <{node.pk}> is no {process_class.__name__}: only one of the same kind goes on"
    if not node.is_terminated:
        return f"{node.process_label} <{node.pk}> has not ended: follow it with 'aiida-concerted status {node.pk}'"
    return None


def earlier_children(
    process: orm.ProcessNode, label: str, process_class: type[Process]
) -> Iterator[tuple[orm.ProcessNode, orm.ProcessNode]]:
    """Yield the earlier processes' children of a label and class with their parents, the newest first."""
    for parent in earlier_processes(process):
        for child in reversed(calls_labelled(parent, label)):
            if child.process_type == process_class.build_process_type() and child.is_terminated:
                yield parent, child


def full_inputs(process_class: type[Process], inputs: Mapping[str, Any]) -> dict[str, orm.Data]:
    """Return the nodes that would be linked as inputs, by the label of their link, defaults among them."""
    ports = process_class.spec().inputs
    return flat_inputs(ports.pre_process(ports.serialize(dict(inputs)) or {}))


def has_inputs(child: orm.ProcessNode, wanted: Mapping[str, orm.Data], *, apart: Collection[str] = ()) -> bool:
    """Return whether a process had these inputs, those apart that its results do not depend on.

    :param apart: labels of links, or of namespaces of them, that are not compared either.
    """
    links = child.base.links.get_incoming(link_type=INPUTS).all()
    had = _deciding({link.link_label: link.node for link in links}, apart)
    wanted = _deciding(wanted, apart)
    return had.keys() == wanted.keys() and all(is_same(had[name], node) for name, node in wanted.items())


def lacks_outputs(child: orm.ProcessNode) -> bool:
    """Return whether outputs of a process, folders of machines aside, were left out of the archive it came in."""
    left_out = child.base.extras.get(LEFT_OUT, {})
    return isinstance(left_out, dict) and bool(set(left_out.get("outputs", ())) - {"remote_folder"})


def is_same(first: orm.Data, second: orm.Data) -> bool:
    """Return whether two nodes are the same as an input."""
    if first.uuid == second.uuid:
        return True
    if isinstance(first, orm.AbstractCode) and isinstance(second, orm.AbstractCode):
        return _program(first) == _program(second)
    return type(first) is type(second) and _content(first) == _content(second)


def _program(code: orm.AbstractCode) -> tuple[str | None, str]:
    return code.default_calc_job_plugin, PurePosixPath(str(code.get_executable())).name


def _content(node: orm.Data) -> str:
    if not node.is_stored:
        node.backend_entity.clean_values()  # as storing does first: tuples become lists, and the like
    return make_hash(node.base.caching.get_objects_to_hash())


def _deciding(inputs: Mapping[str, orm.Data], apart: Collection[str]) -> dict[str, orm.Data]:
    """Return the inputs that a result depends on; where frames are read, they are read to the same numbers."""
    spaces = tuple(f"{name}{NAMESPACES}" for name in apart)
    return {
        name: node
        for name, node in inputs.items()
        if name.rpartition(NAMESPACES)[2] not in HARMLESS
        and REDUCE not in name.split(NAMESPACES)
        and name not in apart
        and not name.startswith(spaces)
    }


def flat_inputs(inputs: Mapping[str, Any], prefix: str = "") -> dict[str, orm.Data]:
    """Return the nodes in nested inputs by label of the link; what is no node, such as resources, is not among them."""
    found: dict[str, orm.Data] = {}
    for name, value in inputs.items():
        if isinstance(value, orm.Data):
            found[prefix + name] = value
        elif isinstance(value, Mapping):
            found |= flat_inputs(value, f"{prefix}{name}{NAMESPACES}")
    return found
