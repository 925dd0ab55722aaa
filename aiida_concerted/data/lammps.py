"""From the files of a LAMMPS run to an H5MD file, in memory bounded by a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.dcd import DcdFile
from aiida_concerted.formats.dcd_source import cell_vectors
from aiida_concerted.formats.h5md import H5mdHeader, H5mdWriter
from aiida_concerted.formats.lammps_data import LammpsAxes
from aiida_concerted.formats.lammps_input import MdParameters, RestartPoint, read_framework_mean
from aiida_concerted.formats.lammps_restart import restart_step

FloatArray = NDArray[np.float64]

CHUNK_NUMBERS = 8_000_000
"""Coordinates in memory at once: 32 MB in single precision."""


@dataclass(frozen=True)
class LammpsFrames:
    """The frames that a run left behind, those that all files agree on.

    :param carriers: dump of the carriers.
    :param framework: dump of the framework at its stride; ``None`` where there is none.
    :param mean: mean position of the framework at every frame in LAMMPS' axes in Å; ``None`` where there is none.
    :param n_frames: frames for which everything is there and finite.
    :param first_step: step of the first frame.
    """

    carriers: DcdFile
    framework: DcdFile | None
    mean: FloatArray | None
    n_frames: int
    first_step: int


def open_frames(
    folder: Path, parameters: MdParameters, *, has_framework: bool, start: RestartPoint | None = None
) -> LammpsFrames:
    """Return the frames of a run, however it ended.

    :param folder: where the dumps are.
    :param start: where the run went on from another; it began anew when not given.
    :raises ValueError: if a file is missing or does not begin at the first frame.
    """
    first = parameters.first_frame_step(start)
    carriers = _open(folder / lammps_input.CARRIERS_DCD, first, parameters.frame_steps)
    n_frames = _count_finite(carriers, len(carriers))
    if not has_framework:
        return LammpsFrames(carriers, None, None, n_frames, first)
    stride = parameters.framework_stride
    framework = _open(folder / lammps_input.FRAMEWORK_DCD, first, parameters.stored_steps)
    steps, mean = read_framework_mean((folder / lammps_input.FRAMEWORK_MEAN).read_text())
    expected = first + parameters.frame_steps * np.arange(len(steps))
    if not np.array_equal(steps, expected):
        raise ValueError(f"{lammps_input.FRAMEWORK_MEAN} does not hold every frame from step {first}")
    finite = np.isfinite(mean).all(axis=1)
    n_mean = len(mean) if finite.all() else int(np.argmin(finite))
    n_frames = min(n_frames, n_mean, _count_finite(framework, len(framework)) * stride)
    return LammpsFrames(carriers, framework, mean, n_frames, first)


def newest_restart(folder: Path, parameters: MdParameters, frames: LammpsFrames | None) -> Path | None:
    """Return the restart file from which a run goes on without losing a frame or changing its way, the newest such.

    Files that are cut off are passed over, and those beyond the last sound frame: the frames between would be missing.

    :param frames: what the run left; ``None`` where it left no frames.
    """
    steps = {}
    for name in (*lammps_input.RESTARTS, lammps_input.FINAL_RESTART):
        try:
            step = restart_step((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        if parameters.can_go_on_from(step) and step <= _last_frame_step(parameters, frames):
            steps[step] = folder / name
    return steps[max(steps)] if steps else None


def _last_frame_step(parameters: MdParameters, frames: LammpsFrames | None) -> int:
    """Return the last step up to which no frame is missing, that before the first frame where there is none."""
    if frames is None or frames.n_frames == 0:
        return parameters.first_step - 1
    return frames.first_step + (frames.n_frames - 1) * parameters.frame_steps


def _open(path: Path, first_step: int, interval: int) -> DcdFile:
    if not path.is_file():
        raise ValueError(f"{path.name} is missing: the run ended before its first frame")
    dcd = DcdFile(path)
    if (dcd.first_step, dcd.step_interval) != (first_step, interval):
        raise ValueError(f"{path.name} begins at step {dcd.first_step}, not at {first_step}")
    return dcd


def _count_finite(dcd: DcdFile, n_frames: int) -> int:
    size = max(1, CHUNK_NUMBERS // (3 * dcd.n_atoms))
    for start in range(0, n_frames, size):
        finite = np.isfinite(dcd.positions(start, min(start + size, n_frames))).all(axis=(1, 2))
        if not finite.all():
            return start + int(np.argmin(finite))
    return n_frames


def write_frames_h5md(
    path: Path, frames: LammpsFrames, header: H5mdHeader, axes: LammpsAxes, *, with_cells: bool = False
) -> None:
    """Write the frames of a run in the original axes, chunk by chunk.

    :param path: file to be made.
    :param axes: the axes that LAMMPS used.
    :param with_cells: whether each frame has a cell of its own, as at constant pressure.
    """
    size = max(1, CHUNK_NUMBERS // (3 * header.n_atoms))
    with H5mdWriter(path, header) as writer:
        for start in range(0, frames.n_frames, size):
            stop = min(start + size, frames.n_frames)
            displacement = None if frames.mean is None else axes.from_lammps(frames.mean[start:stop] - frames.mean[0])
            cells = _cells(frames.carriers, start, stop, axes) if with_cells else None
            writer.append(axes.from_lammps(frames.carriers.positions(start, stop)), displacement, cells)
        if frames.framework is None:
            return
        n_stored = -(-frames.n_frames // header.framework_stride)
        for start in range(0, n_stored, size):
            stop = min(start + size, n_stored)
            cells = _cells(frames.framework, start, stop, axes) if with_cells else None
            writer.append_framework(axes.from_lammps(frames.framework.positions(start, stop)), cells)


def _cells(dcd: DcdFile, start: int, stop: int, axes: LammpsAxes) -> FloatArray:
    """Return the lattice vectors of frames as rows in our axes in Å, shape ``(stop - start, 3, 3)``."""
    return axes.from_lammps(cell_vectors(dcd.cells(start, stop)))
