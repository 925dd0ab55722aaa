"""From the segments of a run to the outputs of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida import orm

from aiida_concerted.calculations.functions.join_segments import SERIES, join_segments
from aiida_concerted.workflows.resumable import ResumableWorkChain

LAST = ("structure", "restart")
"""Outputs of the last segment that are those of the whole run."""


def joined_outputs(
    chain: ResumableWorkChain, parts: Sequence[Any], parameters: orm.Dict, structure: orm.StructureData, label: str
) -> dict[str, orm.Data] | None:
    """Return the outputs of a run, or ``None`` where its segments cannot be joined.

    :param chain: the work chain that joins them; after a ``None`` it knows why.
    :param parts: outputs of the segments in their order, at least one.
    :param structure: where the run began.
    :param label: label of the call link.
    """
    outputs = {name: parts[-1][name] for name in LAST if name in parts[-1]}
    series = {name: [part[name] for part in parts if name in part] for name in SERIES}
    if len(parts) == 1 or len(series["results"]) == 1:
        return {**outputs, **{name: nodes[-1] for name, nodes in series.items() if nodes}}
    named = {f"{name}_{n:03d}": node for name, nodes in series.items() for n, node in enumerate(nodes)}
    joined = chain.call(join_segments, label, parameters, structure, **named)
    return None if joined is None else {**outputs, **joined}
