"""Trajectories in HDF5 after the H5MD convention, version 1.1 (https://www.nongnu.org/h5md).

Two particle groups: ``carriers`` at every frame, ``framework`` at every ``stride``-th. The framework's mean
displacement is an observable at every frame, because the charge diffusivity relative to the framework needs it there.
Positions are stored in single precision, as molecular-dynamics programs write them: 1e-5 Å at 100 Å.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.positions import PositionArray, frame_blocks
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
Source = str | Path | IO[bytes]

CHUNK_BYTES = 1 << 18
CREATOR = "aiida-concerted"
DISPLACEMENT = "observables/framework_displacement"


@dataclass(frozen=True)
class H5mdHeader:
    """What is known of a run before its first frame.

    :param carrier: element symbol of the mobile species.
    :param carrier_ids: number of each carrier in the structure the run began from, counted from 0.
    :param framework_species: element symbol of each framework atom.
    :param framework_ids: number of each framework atom in that structure, counted from 0.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``, of the first frame, and of all unless the frames give
        theirs.
    :param frame_interval_ps: time between frames in ps.
    :param framework_stride: frames from one stored framework to the next.
    :param step_interval: integration steps between frames.
    :param temperature_K: target temperature in K, if known.
    :param first_step: integration step of frame 0, counted from the beginning of the run; a segment that begins where
        another ended says so here, and the two are read as one.
    """

    carrier: str
    carrier_ids: NDArray[np.intp]
    framework_species: tuple[str, ...]
    framework_ids: NDArray[np.intp]
    cell: FloatArray
    frame_interval_ps: float
    framework_stride: int = 1
    step_interval: int = 1
    temperature_K: float | None = None
    first_step: int = 0

    def __post_init__(self) -> None:
        if len(self.framework_ids) != len(self.framework_species):
            raise ValueError("framework_ids must name each of framework_species")
        ids = np.concatenate([self.carrier_ids, self.framework_ids])
        if sorted(ids) != list(range(len(ids))):
            raise ValueError("carrier_ids and framework_ids together must number the atoms 0, 1, … once each")
        if self.cell.shape != (3, 3) or not self.frame_interval_ps > 0 or self.framework_stride < 1:
            raise ValueError("a trajectory needs a (3, 3) cell, a positive frame interval and a positive stride")
        if self.first_step < 0 or self.step_interval < 1:
            raise ValueError("a trajectory needs a first step that is not negative and a positive step interval")

    @property
    def n_atoms(self) -> int:
        """Return the number of atoms."""
        return len(self.carrier_ids) + len(self.framework_ids)


def run_facts(header: H5mdHeader, n_frames: int) -> dict[str, Any]:
    """Return what the node of a run says of it for queries, formula aside; what is not known is ``None``."""
    return {
        "carrier": header.carrier,
        "temperature_K": header.temperature_K,
        "n_frames": n_frames,
        "frame_interval_ps": header.frame_interval_ps,
        "framework_stride": header.framework_stride,
        "n_atoms": header.n_atoms,
        "n_carriers": len(header.carrier_ids),
        "volume_A3": float(abs(np.linalg.det(header.cell))),
    }


class H5mdWriter:
    """Writes a trajectory chunk by chunk, in memory bounded by the chunk.

    :param path: file to be made.
    :param header: what is known before the first frame.
    """

    def __init__(self, path: str | Path, header: H5mdHeader) -> None:
        self.header = header
        self._file = h5py.File(path, "w")
        try:
            self._make_layout()
        except BaseException:
            self._file.close()
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
        if framework_displacement is None:
            return
        if DISPLACEMENT not in self._file:
            self._make_element(DISPLACEMENT, (3,), "f8", "Angstrom")
        self._append_element(DISPLACEMENT, framework_displacement, 1)

    def append_framework(self, framework: NDArray[np.floating[Any]], cells: FloatArray | None = None) -> None:
        """Add stored frames of the framework, every ``framework_stride``-th of the run.

        :param framework: unwrapped positions in Å, shape ``(n, n_framework, 3)``.
        :param cells: lattice vectors of each of these frames in Å; those of the header when not given.
        """
        self._extend("particles/framework", framework, self.header.framework_stride, cells)

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
            self._file.close()

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
            self._file.close()


class H5mdReader:
    """Reads a trajectory written by :class:`H5mdWriter`, whole or by chunks.

    :param source: path, or binary file object.
    :raises ValueError: if the file is not one of ours.
    """

    def __init__(self, source: Source) -> None:
        try:
            self._file = h5py.File(source, "r")
        except OSError as error:
            raise ValueError(f"{source} is no readable HDF5 file: {error}") from error
        try:
            self.header = self._read_header()
        except KeyError as error:
            self._file.close()
            raise ValueError(f"{source} has no H5MD layout with carriers and box: {error}") from error

    def _read_header(self) -> H5mdHeader:
        parameters = self._file["parameters"].attrs
        carriers = self._file["particles/carriers"]
        framework = self._file.get("particles/framework")
        steps = carriers["position/step"]
        temperature = parameters.get("temperature_K")
        return H5mdHeader(
            carrier=str(parameters["carrier"]),
            carrier_ids=carriers["id"][:],
            framework_species=() if framework is None else _species(framework),
            framework_ids=np.array([], dtype=np.int64) if framework is None else framework["id"][:],
            cell=carriers["box/edges/value"][0],
            frame_interval_ps=float(parameters["frame_interval_ps"]),
            framework_stride=int(parameters["framework_stride"]),
            step_interval=int(steps[1] - steps[0]) if len(steps) > 1 else 1,
            temperature_K=None if temperature is None else float(temperature),
            first_step=int(steps[0]) if len(steps) else 0,
        )

    @property
    def n_frames(self) -> int:
        """Return the number of frames."""
        return int(self._file["particles/carriers/position/value"].shape[0])

    def carriers(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """Return unwrapped positions of the carriers in Å, shape ``(stop - start, n_carriers, 3)``."""
        return self._file["particles/carriers/position/value"][start:stop].astype(np.float64)

    def framework(self, start: int = 0, stop: int | None = None) -> FloatArray | None:
        """Return stored positions of the framework in Å, counted in stored frames; ``None`` where there is none."""
        if not self.header.framework_species:
            return None
        return self._file["particles/framework/position/value"][start:stop].astype(np.float64)

    def framework_displacement(self, start: int = 0, stop: int | None = None) -> FloatArray | None:
        """Return the framework's mean displacement since frame 0 in Å, shape ``(stop - start, 3)``."""
        if DISPLACEMENT not in self._file:
            return None
        return self._file[f"{DISPLACEMENT}/value"][start:stop]

    def chunks(self, size: int) -> Iterator[tuple[FloatArray, FloatArray | None]]:
        """Yield carriers and the framework's displacement, ``size`` frames at a time."""
        for start in range(0, self.n_frames, size):
            yield self.carriers(start, start + size), self.framework_displacement(start, start + size)

    def cell(self, index: int) -> FloatArray:
        """Return the lattice vectors of one frame as rows in Å; they differ where the pressure was kept."""
        return self._file["particles/carriers/box/edges/value"][index]

    def cells(self, start: int = 0, stop: int | None = None) -> FloatArray:
        """Return the lattice vectors of frames as rows in Å, shape ``(stop - start, 3, 3)``."""
        return self._file["particles/carriers/box/edges/value"][start:stop]

    def frame(self, index: int) -> tuple[tuple[str, ...], FloatArray]:
        """Return species and unwrapped positions in Å of all atoms of one frame, in the structure's own order.

        :raises ValueError: if there is no such frame, or the framework was not stored there.
        """
        header = self.header
        if not 0 <= index < self.n_frames:
            raise ValueError(f"there is no frame {index}: the trajectory has {self.n_frames}, counted from 0")
        if header.framework_species and index % header.framework_stride:
            raise ValueError(f"frame {index} has no framework: it is stored every {header.framework_stride} frames")
        positions = np.empty((header.n_atoms, 3))
        species = np.empty(header.n_atoms, dtype=object)
        positions[header.carrier_ids] = self.carriers(index, index + 1)[0]
        species[header.carrier_ids] = header.carrier
        if header.framework_species:
            stored = index // header.framework_stride
            framework = self.framework(stored, stored + 1)
            assert framework is not None  # noqa: S101 - there is a framework
            positions[header.framework_ids] = framework[0]
            species[header.framework_ids] = header.framework_species
        return tuple(species), positions

    def trajectory(self, carriers: PositionArray | None = None) -> Trajectory:
        """Return all frames.

        :param carriers: their positions, where they were read from here before; read into memory when not given.
        """
        header = self.header
        return Trajectory(
            carrier=header.carrier,
            carriers=self.carriers() if carriers is None else carriers,
            cell=header.cell,
            frame_interval_ps=header.frame_interval_ps,
            framework_species=header.framework_species,
            framework=self.framework(),
            framework_stride=header.framework_stride,
            framework_displacement=self.framework_displacement(),
            temperature_K=header.temperature_K,
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> H5mdReader:
        """Return the reader."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


def _species(group: h5py.Group) -> tuple[str, ...]:
    kinds = h5py.check_enum_dtype(group["species"].dtype)
    symbols = {number: symbol for symbol, number in kinds.items()}
    return tuple(symbols[int(number)] for number in group["species"][:])


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


def read_h5md(source: Source) -> Trajectory:
    """Return the whole trajectory of a file written by this module.

    :raises ValueError: if the file is not one of ours.
    """
    with H5mdReader(source) as reader:
        return reader.trajectory()
