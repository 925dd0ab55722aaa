"""From the files of a LAMMPS run to an H5MD file, in memory bounded by a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.dcd import DcdFile
from aiida_concerted.formats.dcd_source import cell_vectors
from aiida_concerted.formats.h5md import H5mdHeader
from aiida_concerted.formats.h5md_writer import H5mdWriter
from aiida_concerted.formats.lammps_data import LammpsAxes, lammps_axes
from aiida_concerted.formats.lammps_input import read_framework_mean
from aiida_concerted.formats.lammps_restart import restart_step
from aiida_concerted.formats.md_parameters import MdParameters, RestartPoint

FloatArray = NDArray[np.float64]

CHUNK_NUMBERS = 8_000_000
"""Coordinates in memory at once: 32 MB in single precision."""


FRAME_OVERHEAD_BYTES = 80
"""Cell and markers of a frame in a DCD file."""

MEAN_ROW_BYTES = 100
"""Step and three numbers of twelve digits, signs and exponents."""

HEADERS_BYTES = 1 << 16


@dataclass(frozen=True)
class FrameCount:
    """How many frames a run left behind.

    :param n_frames: frames for which everything is there and finite.
    :param first_step: step of the first frame.
    """

    n_frames: int
    first_step: int


@dataclass(frozen=True)
class LammpsFrames(FrameCount):
    """The frames that a run left behind, those that all files agree on.

    :param carriers: dump of the carriers.
    :param framework: dump of the framework at its stride; ``None`` where there is none.
    :param mean: mean position of the framework at every frame in LAMMPS' axes in Å; ``None`` where there is none.
    """

    carriers: DcdFile
    framework: DcdFile | None
    mean: FloatArray | None


def frame_files(*, has_framework: bool) -> list[str]:
    """Return the names of the files that hold the frames of a run."""
    framework = [lammps_input.FRAMEWORK_DCD, lammps_input.FRAMEWORK_MEAN] if has_framework else []
    return [lammps_input.CARRIERS_DCD, *framework]


def most_bytes(parameters: MdParameters, n_atoms: int) -> int:
    """Return more bytes than the files that hold the frames of a run can have."""
    frame_bytes = 12 * n_atoms + 2 * FRAME_OVERHEAD_BYTES + MEAN_ROW_BYTES
    return (parameters.n_frames + 2) * frame_bytes + HEADERS_BYTES


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
        return LammpsFrames(n_frames, first, carriers, None, None)
    stride = parameters.framework_stride
    framework = _open(folder / lammps_input.FRAMEWORK_DCD, first, parameters.stored_steps)
    mean, n_mean = _read_mean(folder, parameters, first)
    n_frames = min(n_frames, n_mean, _count_finite(framework, len(framework)) * stride)
    return LammpsFrames(n_frames, first, carriers, framework, mean)


def count_frames(folder: Path, parameters: MdParameters, *, start: RestartPoint | None = None) -> FrameCount:
    """Return how many frames a run left whose dumps are elsewhere, by the framework's mean at each of them.

    LAMMPS writes it in the step in which it writes the frame.

    :param folder: where the file of the mean is.
    :param start: where the run went on from another; it began anew when not given.
    :raises OSError: if it is missing.
    :raises ValueError: if it does not begin at the first frame.
    """
    first = parameters.first_frame_step(start)
    return FrameCount(_read_mean(folder, parameters, first)[1], first)


def _read_mean(folder: Path, parameters: MdParameters, first: int) -> tuple[FloatArray, int]:
    """Return the framework's mean at every frame in LAMMPS' axes in Å, and how many frames of it are finite."""
    steps, mean = read_framework_mean((folder / lammps_input.FRAMEWORK_MEAN).read_text())
    expected = first + parameters.frame_steps * np.arange(len(steps))
    if not np.array_equal(steps, expected):
        raise ValueError(f"{lammps_input.FRAMEWORK_MEAN} does not hold every frame from step {first}")
    finite = np.isfinite(mean).all(axis=1)
    return mean, len(mean) if finite.all() else int(np.argmin(finite))


def newest_restart(folder: Path, parameters: MdParameters, frames: FrameCount | None) -> Path | None:
    """Return the restart file from which a run goes on without losing a frame or changing its way, the newest such.

    Files that are cut off are passed over, and those beyond the last sound frame: the frames between would be missing.
    So is the file of a run that its timer stopped between two restart files: a run that goes on there rounds otherwise.

    :param frames: what the run left; ``None`` where it left no frames.
    """
    steps = {}
    for name in (*lammps_input.RESTARTS, lammps_input.FINAL_RESTART):
        try:
            step = restart_step((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        is_planned = step % parameters.restart_steps == 0 or step == parameters.last_step
        if is_planned and parameters.can_go_on_from(step) and step <= _last_frame_step(parameters, frames):
            steps[step] = folder / name
    return steps[max(steps)] if steps else None


def _last_frame_step(parameters: MdParameters, frames: FrameCount | None) -> int:
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


def run_header(species: tuple[str, ...], cell: FloatArray, parameters: MdParameters, first_step: int) -> H5mdHeader:
    """Return what is known of a run before its first frame.

    :param species: element symbol of each atom of the structure that the run began from.
    :param cell: lattice vectors of that structure as rows in Å.
    :param first_step: step of the first frame.
    """
    is_carrier = np.array(species) == parameters.carrier
    return H5mdHeader(
        carrier=parameters.carrier,
        carrier_ids=np.flatnonzero(is_carrier),
        framework_species=tuple(symbol for symbol in species if symbol != parameters.carrier),
        framework_ids=np.flatnonzero(~is_carrier),
        cell=cell,
        frame_interval_ps=parameters.frame_steps * parameters.timestep_ps,
        framework_stride=parameters.framework_stride,
        step_interval=parameters.frame_steps,
        temperature_K=parameters.temperature_K,
        first_step=first_step,
    )


def write_run_h5md(
    path: Path, frames: LammpsFrames, species: tuple[str, ...], cell: FloatArray, parameters: MdParameters
) -> None:
    """Write the frames of a run in the axes of the structure that it began from, chunk by chunk.

    :param path: file to be made.
    :param species: element symbol of each atom of the structure.
    :param cell: lattice vectors of the structure as rows in Å.
    """
    header = run_header(species, cell, parameters, frames.first_step)
    with_cells = parameters.pressure_bar is not None
    write_frames_h5md(path, frames, header, lammps_axes(cell), with_cells=with_cells)


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
            displacement = None if frames.mean is None else _displacement(frames.mean, start, stop, axes)
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
    return np.asarray(axes.from_lammps(cell_vectors(dcd.cells(start, stop))), dtype=np.float64)


def _displacement(mean: FloatArray, start: int, stop: int, axes: LammpsAxes) -> FloatArray:
    """Return how far the mean of frames has gone from that of the first frame, in our axes in Å."""
    return np.asarray(axes.from_lammps(mean[start:stop] - mean[0]), dtype=np.float64)
