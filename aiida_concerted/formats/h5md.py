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

from aiida_concerted.common.positions import PositionArray
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
Source = str | Path | IO[bytes]

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


class H5mdReader:
    """Reads a trajectory written by :class:`~aiida_concerted.formats.h5md_writer.H5mdWriter`, whole or by chunks.

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


def read_h5md(source: Source) -> Trajectory:
    """Return the whole trajectory of a file of ours.

    :raises ValueError: if the file is not one of ours.
    """
    with H5mdReader(source) as reader:
        return reader.trajectory()
