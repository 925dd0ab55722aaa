"""Molecular dynamics run elsewhere as a trajectory node."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_concerted.common.positions import frame_blocks
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats.trajectory_files import Progress, TrajectoryRequest, read_trajectory
from aiida_concerted.imports.source import Imported, describe_source, find_by_hash


@dataclass(frozen=True)
class RunContext:
    """What files of a trajectory do not say.

    :param material: short stable key of the material, such as ``LGPS``.
    :param level_of_theory: where the forces came from, in the end.
    :param supercell: repetitions of the unit cell along each axis, if known.
    """

    material: str
    level_of_theory: str
    supercell: tuple[int, int, int] | None = None


def import_trajectory(
    request: TrajectoryRequest,
    context: RunContext,
    *,
    scratch_folder: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Return the node of a run; what the profile holds already is found by its content and not stored again.

    :param request: the files and how they are read; the temperature must be known from one of both.
    :param scratch_folder: where temporary files of the run's size may be made.
    :param progress: called with the bytes of the files that were read, and all there are.
    :raises ValueError: if the files cannot be read, or tell no temperature and none was given.
    """
    with read_trajectory(request, scratch_folder=scratch_folder, progress=progress) as (trajectory, report):
        if trajectory.temperature_K is None:
            raise ValueError(f"{request.paths[0]} tells no temperature: give it in K")
        digest = trajectory_hash(trajectory)
        name = ", ".join(path.name for path in request.paths)
        known = find_by_hash(MolecularDynamicsData, [digest])
        if digest in known:
            return Imported(name, known[digest], False, report.messages)
        files = [*request.paths, *([request.topology] if request.topology else [])]
        node = MolecularDynamicsData.from_trajectory(
            trajectory,
            material=context.material,
            level_of_theory=context.level_of_theory,
            supercell=context.supercell,
            source=describe_source(report.format, files, request.paths[0].parent),
            content_hash=digest,
        )
        node.label = name[:255]
        return Imported(name, node.store(), True, report.messages)


def trajectory_hash(trajectory: Trajectory) -> str:
    """Return the SHA-256 of what a run says: elements, cell, times, temperature, positions in single precision.

    The same run read from another format has the same hash only where that keeps every digit.
    """
    digest = hashlib.sha256(f"{trajectory.carrier} {' '.join(trajectory.framework_species)}".encode())
    digest.update(f"{trajectory.frame_interval_ps:.9g} {trajectory.temperature_K} {trajectory.carriers.shape}".encode())
    digest.update(np.ascontiguousarray(trajectory.cell, dtype="<f4").tobytes())
    for positions in (trajectory.carriers, trajectory.framework):
        if positions is not None:
            for frames in frame_blocks(positions):
                digest.update(np.ascontiguousarray(positions[frames], dtype="<f4").tobytes())
    return digest.hexdigest()
