"""Trajectories written in the layout that :mod:`~aiida_concerted.formats.h5md` tells and reads."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.positions import frame_blocks
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.h5md import DISPLACEMENT, H5mdHeader
from aiida_concerted.formats.unfailing_file import UnfailingFile

FloatArray = NDArray[np.float64]

CHUNK_BYTES = 1 << 18
CREATOR = "aiida-concerted"


class H5mdWriter:
    """Writes a trajectory chunk by chunk, in memory bounded by the chunk.

    :param path: file to be made.
    :param header: what is known before the first frame.
    :raises OSError: if it cannot be made or written, as on a disk that is full; so do the methods.
    """

    def __init__(self, path: str | Path, header: H5mdHeader) -> None:
        self.header, self._path = header, Path(path)
        self._raw = UnfailingFile(self._path.open("w+b", buffering=0))
        self._file = h5py.File(self._raw, "w")
        try:
            self._make_layout()
            self._check_written()
        except BaseException:
            self._close_files()
            raise

    def _make_layout(self) -> None:
        from aiida_concerted import __version__

        header = self.header
        meta = self._file.create_group("h5md")
        meta.attrs["version"] = np.array([1, 1], dtype=np.int32)
        meta.create_group("author").attrs["name"] = CREATOR
        creator = meta.create_group("creator")
        creator.attrs["name"], creator.attrs["version"] = CREATOR, __version__
        parameters = self._file.create_group("parameters")
        parameters.attrs["carrier"] = header.carrier
        parameters.attrs["frame_interval_ps"] = header.frame_interval_ps
        parameters.attrs["framework_stride"] = header.framework_stride
        if header.temperature_K is not None:
            parameters.attrs["temperature_K"] = header.temperature_K
        self._make_particles("carriers", (header.carrier,) * len(header.carrier_ids), header.carrier_ids)
        if header.framework_species:
            self._make_particles("framework", header.framework_species, header.framework_ids)

    def _make_particles(self, name: str, species: tuple[str, ...], ids: NDArray[np.intp]) -> None:
        kinds = {symbol: number for number, symbol in enumerate(dict.fromkeys(species))}
        group = self._file.create_group(f"particles/{name}")
        group.create_dataset("species", data=[kinds[s] for s in species], dtype=h5py.enum_dtype(kinds, basetype="i4"))
        group.create_dataset("id", data=np.asarray(ids, dtype=np.int64))
        box = group.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array([b"periodic"] * 3)
        self._make_element(f"particles/{name}/box/edges", (3, 3), "f8", "Angstrom")
        self._make_element(f"particles/{name}/position", (len(species), 3), "f4", "Angstrom")

    def _make_element(self, path: str, shape: tuple[int, ...], dtype: str, unit: str) -> None:
        group = self._file.create_group(path)
        frame_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        chunk = max(1, CHUNK_BYTES // frame_bytes)
        value = group.create_dataset(
            "value", (0, *shape), dtype, maxshape=(None, *shape), chunks=(chunk, *shape), compression="gzip",
            compression_opts=1, shuffle=True,
        )  # fmt: skip
        value.attrs["unit"] = unit
        group.create_dataset("step", (0,), "i8", maxshape=(None,), chunks=(1024,), compression="gzip")
        time = group.create_dataset("time", (0,), "f8", maxshape=(None,), chunks=(1024,), compression="gzip")
        time.attrs["unit"] = "ps"

    def append(
        self,
        carriers: NDArray[np.floating[Any]],
        framework_displacement: FloatArray | None = None,
        cells: FloatArray | None = None,
    ) -> None:
        """Add frames.

        :param carriers: unwrapped positions in Å, shape ``(n, n_carriers, 3)``.
        :param framework_displacement: mean displacement of the framework since frame 0 in Å, shape ``(n, 3)``;
            required where there is a framework, given for every chunk or for none.
        :param cells: lattice vectors of each frame in Å, shape ``(n, 3, 3)``; those of the header when not given.
        :raises ValueError: if shapes disagree.
        """
        if framework_displacement is None and (self.header.framework_species or DISPLACEMENT in self._file):
            raise ValueError("where there is a framework, each frame of the carriers needs its mean displacement")
        if framework_displacement is not None and len(framework_displacement) != len(carriers):
            raise ValueError(f"{len(carriers)} frames need as many displacements, got {len(framework_displacement)}")
        self._extend("particles/carriers", carriers, 1, cells)
        if framework_displacement is not None:
            if DISPLACEMENT not in self._file:
                self._make_element(DISPLACEMENT, (3,), "f8", "Angstrom")
            self._append_element(DISPLACEMENT, framework_displacement, 1)
        self._check_written()

    def append_framework(self, framework: NDArray[np.floating[Any]], cells: FloatArray | None = None) -> None:
        """Add stored frames of the framework, every ``framework_stride``-th of the run.

        :param framework: unwrapped positions in Å, shape ``(n, n_framework, 3)``.
        :param cells: lattice vectors of each of these frames in Å; those of the header when not given.
        """
        self._extend("particles/framework", framework, self.header.framework_stride, cells)
        self._check_written()

    def _extend(self, path: str, positions: NDArray[np.floating[Any]], stride: int, cells: FloatArray | None) -> None:
        self._append_element(f"{path}/position", positions, stride)
        if cells is None:
            cells = np.broadcast_to(self.header.cell, (len(positions), 3, 3))
        if len(cells) != len(positions):
            raise ValueError(f"{len(positions)} frames need as many cells, got {len(cells)}")
        self._append_element(f"{path}/box/edges", cells, stride)

    def _append_element(self, path: str, values: NDArray[np.floating[Any]], stride: int) -> None:
        group = self._file[path]
        dataset = group["value"]
        if values.shape[1:] != dataset.shape[1:]:
            raise ValueError(f"{path} takes frames of the shape {dataset.shape[1:]}, got {values.shape[1:]}")
        old, new = dataset.shape[0], dataset.shape[0] + len(values)
        header, frames = self.header, np.arange(old, new) * stride
        for name, data in (
            ("value", values),
            ("step", header.first_step + frames * header.step_interval),
            ("time", (header.first_step / header.step_interval + frames) * header.frame_interval_ps),
        ):
            group[name].resize(new, axis=0)
            group[name][old:new] = data

    def _check_written(self) -> None:
        if (error := self._raw.error) is not None:
            raise OSError(error.errno, error.strerror, str(self._path))

    def _close_files(self) -> None:
        self._file.close()
        self._raw.close()

    def close(self) -> None:
        """Close the file.

        :raises ValueError: if the stored frames of the framework do not fit those of the carriers.
        """
        try:
            if self.header.framework_species:
                n_frames = self._file["particles/carriers/position/value"].shape[0]
                stored = self._file["particles/framework/position/value"].shape[0]
                if stored != -(-n_frames // self.header.framework_stride):
                    raise ValueError(
                        f"{n_frames} frames with a framework stride of {self.header.framework_stride} need "
                        f"{-(-n_frames // self.header.framework_stride)} frames of the framework, got {stored}"
                    )
        finally:
            self._close_files()
        self._check_written()

    def __enter__(self) -> H5mdWriter:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; after an error as it stands."""
        if kind is None:
            self.close()
        else:
            self._close_files()


def write_h5md(
    path: str | Path,
    trajectory: Trajectory,
    *,
    carrier_ids: NDArray[np.intp] | None = None,
    framework_ids: NDArray[np.intp] | None = None,
    step_interval: int = 1,
    first_step: int = 0,
) -> None:
    """Write a trajectory, block by block of its frames.

    :param carrier_ids: number of each carrier in the structure, counted from 0; carriers first when not given.
    :param framework_ids: number of each framework atom likewise.
    :param step_interval: integration steps between frames.
    :param first_step: integration step of the first frame; not zero for a segment that goes on from another.
    :raises ValueError: if the trajectory names framework species but holds no framework positions or displacement.
    """
    n_carriers, n_atoms = trajectory.n_carriers, trajectory.n_atoms
    if trajectory.framework_species and (trajectory.framework is None or trajectory.framework_displacement is None):
        raise ValueError("a trajectory with a framework needs its positions and its mean displacement")
    header = H5mdHeader(
        carrier=trajectory.carrier,
        carrier_ids=np.arange(n_carriers) if carrier_ids is None else carrier_ids,
        framework_species=trajectory.framework_species,
        framework_ids=np.arange(n_carriers, n_atoms) if framework_ids is None else framework_ids,
        cell=trajectory.cell,
        frame_interval_ps=trajectory.frame_interval_ps,
        framework_stride=trajectory.framework_stride,
        step_interval=step_interval,
        temperature_K=trajectory.temperature_K,
        first_step=first_step,
    )
    with H5mdWriter(path, header) as writer:
        displacement = trajectory.framework_displacement
        for frames in frame_blocks(trajectory.carriers):
            writer.append(trajectory.carriers[frames], None if displacement is None else displacement[frames])
        if trajectory.framework is not None and trajectory.framework_species:
            for frames in frame_blocks(trajectory.framework):
                writer.append_framework(trajectory.framework[frames])
