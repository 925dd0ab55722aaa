"""A reduction from the request to its results."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.placement import Placement
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.h5md import H5mdReader, run_facts
from aiida_concerted.formats.h5md_run import MEMORY_BYTES, open_run
from aiida_concerted.reduction.contents import (
    NO_DIFFUSIVITY,
    NO_HISTORY,
    NO_STATISTICS,
    ResultContent,
    carrier_history,
    departure_attributes,
    diffusivity_content,
    site_contents,
)
from aiida_concerted.reduction.files import read_json
from aiida_concerted.reduction.judgement import judgement_of
from aiida_concerted.reduction.portable import Reduced, write_reduced
from aiida_concerted.reduction.request import ReduceRequest
from aiida_concerted.reduction.segments import join_run
from aiida_concerted.reduction.telling import told_failures

CELL = "cell_A"
"""Name of the array of the cell among those of a history."""


def reduce_file(path: Path, folder: Path) -> Reduced:
    """Return what a request in a file asks for, after writing it into a folder.

    :raises ValueError: if the run cannot be read; the folder then holds a result that says so.
    :raises OSError: if the machine cannot read or write; the folder then holds no result.
    """
    with told_failures(lambda failure: write_reduced(folder, Reduced(failure=failure)), path.name, folder):
        request = ReduceRequest.from_dict(read_json(path))
        reduced = reduce_run(request, folder)
    write_reduced(folder, reduced)
    return reduced


def reduce_run(request: ReduceRequest, folder: Path, *, memory_bytes: int = MEMORY_BYTES) -> Reduced:
    """Return what is to be known of a run.

    :param folder: where temporary files are made; they are gone in the end, however that comes.
    :param memory_bytes: positions of carriers that stay in memory; results do not depend on it.
    :raises ReductionError: if the segments give no run.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="reduce_") as place:
        path, sealed = join_run(request.run, request.segments, Path(place))
        with H5mdReader(path) as reader:
            segments = [segment.as_dict() for segment in sealed]
            facts = run_facts(reader.header, reader.n_frames)
            if request.analysis is None:
                return Reduced(facts, segments)
            crystal = _framework_of(request.crystal, reader.header.framework_ids)
            with open_run(reader, memory_bytes=memory_bytes, scratch_folder=Path(place)) as run:
                contents, refused = _results(run, request, crystal)
                judgement = _judgement(run, request, crystal)
        return Reduced(facts, segments, contents, judgement, refused)


def _framework_of(crystal: NDArray[np.float64] | None, ids: NDArray[np.intp]) -> NDArray[np.float64] | None:
    return None if crystal is None or not len(ids) else crystal[ids]


def _results(
    run: Trajectory, request: ReduceRequest, crystal: NDArray[np.float64] | None
) -> tuple[dict[str, ResultContent], dict[str, str]]:
    """Return the results of a run by name, and why one is missing."""
    settings, network = request.analysis, request.network
    assert settings is not None  # noqa: S101 - asked before
    contents: dict[str, ResultContent] = {}
    refused: dict[str, str] = {}
    try:
        contents["diffusivity"] = diffusivity_content(run, settings, crystal)
    except ValueError as error:
        refused["diffusivity"] = NO_DIFFUSIVITY.format(error)
    if network is None:
        return contents, refused
    try:
        history, placed = carrier_history(run, network, settings, crystal)
    except ValueError as error:
        return contents, {**refused, "sites": NO_HISTORY.format(error)}
    placement = Placement.of(placed)
    attributes = {**placement.as_attributes(), **departure_attributes(run, crystal)}
    contents["history"] = ResultContent(attributes, {}, {CELL: placement.cell, **history.to_arrays()})
    try:
        again = placement.place(network, history.labels)
        contents["statistics"], contents["modes"] = site_contents(history, again, settings)
    except ValueError as error:
        refused["statistics"] = NO_STATISTICS.format(error)
    return contents, refused


def history_of(content: ResultContent) -> tuple[SiteHistory, Placement, dict[str, Any]]:
    """Return the history in the content of one, how it was placed, and its other attributes."""
    arrays = dict(content.arrays)
    placement = Placement.from_attributes(arrays.pop(CELL), content.attributes)
    kept = placement.as_attributes()
    others = {name: value for name, value in content.attributes.items() if name not in kept}
    return SiteHistory.from_arrays(arrays), placement, others


def _judgement(run: Trajectory, request: ReduceRequest, crystal: NDArray[np.float64] | None) -> dict[str, Any] | None:
    if request.target is None or request.analysis is None:
        return None
    return judgement_of(run, request.analysis, request.target, crystal=crystal, network=request.network)
