"""From what ``run --continue`` names to a builder that goes on from it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.orm import ProcessNode

    from aiida_concerted.environment.processes import ProcessSummary

_SHOWN = 6
"""Chosen: kinds of processes that are counted in one line."""


def load_earlier(name: str) -> ProcessNode:
    """Return the process to go on from.

    :param name: its PK, UUID or label.
    :raises SetupError: if there is none.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import ProcessNode, load_node

    try:
        node = load_node(name)
    except (NotExistent, ValueError) as error:
        raise SetupError(f"there is no node {name} in this profile: see 'verdi process list -a'") from error
    except MultipleObjectsError as error:
        raise SetupError(f"more than one node is called '{name}': give the PK or the UUID") from error
    if not isinstance(node, ProcessNode):
        raise SetupError(f"node {name} is a {type(node).__name__}, not a process: see 'verdi process list -a'")
    return node


def require_end(earlier: ProcessNode) -> None:
    """Refuse a process that has not ended, or has something below it that has not.

    :raises SetupError: saying what can be done.
    """
    from aiida_concerted.environment.processes import read_process_tree

    running = [process for process in read_process_tree(earlier.uuid).walk() if not process.has_ended]
    if running:
        first = running[0]
        where = "" if first.pk == earlier.pk else f" below {earlier.process_label} <{earlier.pk}>"
        raise SetupError(
            f"{first.process_label} <{first.pk}>{where} has not ended: follow it with "
            f"'aiida-concerted status {earlier.pk}', or end it with 'verdi process kill {first.pk}'; "
            "where nothing runs it any more, add --abandon"
        )


def builder_of(earlier: ProcessNode) -> ProcessBuilder:
    """Return a builder with the inputs of an earlier process.

    :raises SetupError: if its kind is not known here, or a code of it cannot run here.
    """
    from aiida import orm

    _require_resumable(earlier)
    builder = earlier.get_builder_restart()  # type: ignore[attr-defined]
    for code in _nodes(builder._inputs(prune=True), orm.AbstractCode):
        computer = code.computer
        if computer is not None and not computer.is_configured:
            raise SetupError(
                f"code {code.full_label} of {earlier.process_label} <{earlier.pk}> is on a computer that is not set up "
                "in this profile: give the study file, with codes of your own"
            )
    return builder


def go_on(builder: ProcessBuilder, earlier: ProcessNode) -> None:
    """Let what a builder describes go on from an earlier process.

    :raises SetupError: if it is of another kind, or was done with the same inputs already.
    """
    from aiida import orm

    from aiida_concerted.workflows.continuing import check_earlier, full_inputs, has_inputs

    _require_resumable(earlier)
    problem = check_earlier(builder.process_class, orm.Str(earlier.uuid))
    if problem is not None:
        raise SetupError(f"{problem}; see --only")
    inputs = full_inputs(builder.process_class, builder._inputs(prune=True))
    if earlier.is_finished_ok and has_inputs(earlier, inputs):
        raise SetupError(
            f"{earlier.process_label} <{earlier.pk}> is done and its inputs are the same: there is nothing to "
            f"continue, see 'aiida-concerted report {earlier.pk} -o report.html'"
        )
    builder["continues"] = earlier.uuid


def describe_finished(earlier: ProcessNode) -> str:
    """Return in one line what finished in an earlier process and those that it continued."""
    from aiida_concerted.environment.processes import read_process_tree

    tree = read_process_tree(earlier.uuid)
    counts = Counter(_kind(process) for process in tree.walk()[1:] if process.is_ok)
    kinds = [f"{number} {name}" for name, number in counts.most_common(_SHOWN)]
    more = [f"{len(counts) - _SHOWN} kinds more"] if len(counts) > _SHOWN else []
    finished = ", ".join([*kinds, *more]) or "nothing"
    return f"continues {tree.process_label} <{tree.pk}>; finished there: {finished}; used where the inputs are the same"


def _kind(process: ProcessSummary) -> str:
    return process.process_label if process.is_chain or process.is_job else "functions"


def _require_resumable(earlier: ProcessNode) -> None:
    from aiida_concerted.workflows.resumable import ResumableWorkChain

    try:
        process_class: Any = earlier.process_class
    except (ValueError, ImportError):
        process_class = None
    if not (isinstance(process_class, type) and issubclass(process_class, ResumableWorkChain)):
        raise SetupError(
            f"{earlier.process_label} <{earlier.pk}> is nothing that can be continued: name a study, or a part of one "
            "that was run alone"
        )


def _nodes(inputs: Any, kind: type[Any]) -> list[Any]:
    if isinstance(inputs, dict):
        return [node for value in inputs.values() for node in _nodes(value, kind)]
    return [inputs] if isinstance(inputs, kind) else []
