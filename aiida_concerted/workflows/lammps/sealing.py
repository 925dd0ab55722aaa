"""Runs whose frames stay where they were made: the job that joins, counts and seals them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, ProcessSpec

from aiida_concerted.calculations.frame_jobs import FAILURES
from aiida_concerted.calculations.reduce import ReduceCalculation
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.workflows.continuing import REDUCE

MAX_TRIES = 2


def reduce_ports(spec: ProcessSpec) -> None:
    """Define the ports of work chains that have frames read where they lie."""
    spec.expose_inputs(
        ReduceCalculation, namespace=REDUCE, include=("code", "metadata"),
        namespace_options={
            "required": False, "populate_defaults": False,
            "help": "What runs `concerted.reduce` on the computer of the runs; needed where their frames stay there.",
        },
    )  # fmt: skip


def reduce_builder(inputs: Mapping[str, Any], **others: Any) -> ProcessBuilder:
    """Return a reduction.

    :param inputs: what the namespace of :func:`reduce_ports` holds.
    :param others: what is read, and what is to be known of it.
    """
    builder = ReduceCalculation.get_builder()
    builder._update(inputs)
    for name, value in others.items():
        if value is not None:
            builder[name] = value
    return builder


def is_worth_a_try(last: orm.CalcJobNode | None, n_tries: int) -> bool:
    """Return whether a reduction has to be tried, or tried again: the machine ended it.

    :param last: the last try, as the context has it; ``None`` before the first.
    :param n_tries: how many there were.
    """
    if last is None:
        return True
    codes = ReduceCalculation.exit_codes
    is_final = last.is_finished_ok or last.exit_status in {
        codes.WARNING_RESULTS_REFUSED.status,
        *(codes[label].status for label in FAILURES.values()),
    }
    return not is_final and n_tries < MAX_TRIES


def frames_of(outputs: Any) -> orm.Data | None:
    """Return where the frames of a segment lie, ``None`` where it left none.

    What could not be stashed lies in the folder of its job.

    :param outputs: of the segment.
    """
    if "results" not in outputs or outputs["results"]["n_frames"] < 2:
        return None
    return outputs["remote_stash"] if "remote_stash" in outputs else outputs["remote_folder"]


def is_stashed(node: Any) -> bool:
    """Return whether a node is that of a run whose frames stay where they were made."""
    return isinstance(node, StashedTrajectoryData)
