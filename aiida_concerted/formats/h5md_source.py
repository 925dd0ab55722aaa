"""Frames of H5MD files: our own, and those of other programs (https://www.nongnu.org/h5md, version 1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.elements import symbol_of
from aiida_concerted.formats.frame_source import FrameBlock, Positions, SourceFacts, checked_cell
from aiida_concerted.formats.h5md import DISPLACEMENT, H5mdReader
from aiida_concerted.formats.topology import Topology

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LENGTHS_A = {
    "": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "a": 1.0,
    "å": 1.0,
    "nm": 10.0,
    "pm": 0.01,
    "bohr": 0.529177210903,
}
_TIMES_PS = {"": 1.0, "ps": 1.0, "fs": 1e-3, "ns": 1e3, "s": 1e12, "us": 1e6, "as": 1e-6}


def open_h5md(path: Path, topology: Topology | None, group: str | None) -> OwnH5mdSource | ForeignH5mdSource:
    """Return a reader for a file, by whose layout it is.

    :param topology: what tells species where the file does not.
    :param group: particle group to be read, where there are several.
    :raises ValueError: if the file is no H5MD file, or the group is not clear.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path} is no readable HDF5 file: {error}; was it closed by the program that wrote it?"
        ) from None
    with file:
        is_own = group is None and "carrier" in file.get("parameters", file).attrs and "particles/carriers" in file
    return OwnH5mdSource(path) if is_own else ForeignH5mdSource(path, topology, group)


class OwnH5mdSource:
    """A file of our own H5MD layout: carriers at every frame, framework at a stride."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = H5mdReader(path)
        header = self._reader.header
        self._file = h5py.File(path, "r")
        position = self._file["particles/carriers/position"]
        lengths = [len(position[name]) for name in ("value", "step", "time")]
        if DISPLACEMENT in self._file:
            lengths.append(len(self._file[f"{DISPLACEMENT}/value"]))
        self.n_frames = min(lengths)
        self._done = 0
        self.facts = SourceFacts(
            species=(header.carrier,) * len(header.carrier_ids),
            unwrapped=True,
            temperature_K=header.temperature_K,
            framework_species=header.framework_species,
            framework_stride=header.framework_stride,
            n_truncated=max(lengths) - self.n_frames,
        )

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks that end where the file's own chunks do."""
        value = self._file["particles/carriers/position/value"]
        cell = checked_cell(self._reader.header.cell, str(self.path))
        for start, stop in chunked_ranges(value, self.n_frames, n_bytes):
            displacement = self._reader.framework_displacement(start, stop)
            framework, frames = self._framework(start, stop)
            self._done = stop
            yield FrameBlock(
                positions=value[start:stop],
                cells=np.broadcast_to(cell, (stop - start, 3, 3)),
                steps=self._file["particles/carriers/position/step"][start:stop].astype(np.int64),
                times=self._file["particles/carriers/position/time"][start:stop],
                displacement=displacement,
                framework=framework,
                framework_frames=frames,
            )

    def _framework(self, start: int, stop: int) -> tuple[FloatArray | None, IntArray | None]:
        """Return the framework at those frames of a range at which it is stored."""
        stride = self._reader.header.framework_stride
        first, last = -(-start // stride), -(-stop // stride)
        framework = self._reader.framework(first, last) if last > first else None
        if framework is None or not len(framework):
            return None, None
        return framework, stride * np.arange(first, first + len(framework))

    @property
    def n_done(self) -> int:
        """Return about how many bytes of the file have been read."""
        return self.path.stat().st_size * self._done // max(1, self.n_frames)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._file.close()


class ForeignH5mdSource:
    """A particle group with all atoms, as other programs write it.

    :param path: the file.
    :param topology: what tells species where the file does not.
    :param group: name of the particle group; needed where there are several.
    :raises ValueError: if the layout is not read here, or species are unknown.
    """

    def __init__(self, path: Path, topology: Topology | None, group: str | None) -> None:
        self.path = path
        self._file = h5py.File(path, "r")
        try:
            self._open(topology, group)
        except BaseException:
            self._file.close()
            raise

    def _open(self, topology: Topology | None, group: str | None) -> None:
        particles = self._file.get("particles")
        names = [] if particles is None else [n for n in particles if "position/value" in particles[n]]
        if not names or (group is not None and group not in names):
            wanted = "no particle group with positions" if not names else f"no particle group '{group}'"
            raise ValueError(f"{self.path} has {wanted}" + (f"; it has {', '.join(names)}" if names else ""))
        if group is None and len(names) > 1:
            raise ValueError(f"{self.path} has several particle groups: choose h5md_group among {', '.join(names)}")
        self._group = self._file[f"particles/{group or names[0]}"]
        self._value = self._group["position/value"]
        if self._value.ndim != 3 or self._value.shape[2] != 3:
            raise ValueError(f"{self.path}: positions must have the shape (frames, atoms, 3), got {self._value.shape}")
        self._scale = _unit(self._value, _LENGTHS_A, f"{self.path}: positions")
        self._box = self._group.get("box/edges")
        if self._box is None:
            raise ValueError(f"{self.path} has no box: periodic cells are needed to follow the ions")
        self._image = self._group["image/value"] if "image/value" in self._group else None
        lengths = [len(self._value)]
        lengths += [len(data) for data in self._series()]
        self.n_frames = min(lengths)
        self._done = 0
        self.facts = SourceFacts(
            species=self._species(topology),
            unwrapped=True if self._image is not None else None,
            n_truncated=len(self._value) - self.n_frames,
        )
        time = self._group.get("position/time")
        if time is not None and "unit" not in time.attrs:
            self.facts.times_are_certain = False
            self.facts.messages.append(f"{self.path.name}: its times have no unit")

    def _series(self) -> Iterator[Any]:
        """Yield what must be as long as the positions."""
        for name in ("position/step", "position/time", "box/edges/value", "image/value"):
            data = self._group.get(name)
            if data is not None and data.ndim:
                yield data

    def _species(self, topology: Topology | None) -> tuple[str, ...]:
        """Return the element of each atom from the file's names or the topology's."""
        n_atoms = self._value.shape[1]
        data = self._group.get("species")
        if isinstance(data, h5py.Group):
            data = data["value"]
        kinds = None if data is None else h5py.check_enum_dtype(data.dtype)
        values = None if data is None else np.asarray(data[0] if data.ndim == 2 else data[:])
        if values is not None and kinds:
            names = {number: symbol_of(name) for name, number in kinds.items()}
            if all(int(value) in names and names[int(value)] for value in values):
                return tuple(str(names[int(value)]) for value in values)
        if values is not None and values.dtype.kind in "SO":
            return tuple(symbol_of(v.decode() if isinstance(v, bytes) else str(v)) or "X" for v in values)
        if topology is None:
            raise ValueError(f"{self.path} does not name the elements of its atoms: give a topology file")
        if values is not None and topology.type_symbols:
            return topology.of_types(values, str(self.path))
        return topology.of_atoms(n_atoms, str(self.path))

    def blocks(self, n_bytes: int) -> Iterator[FrameBlock]:
        """Yield the frames in blocks that end where the file's own chunks do.

        :raises ValueError: if a cell has no volume or a unit is unknown.
        """
        for start, stop in chunked_ranges(self._value, self.n_frames, n_bytes):
            positions: Positions = self._value[start:stop]
            if self._scale != 1.0:
                positions = positions * positions.dtype.type(self._scale)
            cells = self._cells(start, stop)
            if self._image is not None:
                positions = positions + np.matmul(self._image[start:stop].astype(np.float64), cells)
            self._done = stop
            yield FrameBlock(
                positions=positions,
                cells=cells,
                steps=self._steps(start, stop),
                times=self._times(start, stop),
            )

    def _cells(self, start: int, stop: int) -> FloatArray:
        """Return the cells in Å, of boxes that are fixed or not, cuboids or not."""
        fixed = isinstance(self._box, h5py.Dataset)
        data = self._box if fixed else self._box["value"]
        scale = _unit(data, _LENGTHS_A, f"{self.path}: the box")
        edges: FloatArray = np.asarray(data[()] if fixed else data[start:stop], dtype=np.float64) * scale
        if edges.shape[-1:] == (3,) and edges.ndim == (1 if fixed else 2):
            edges = edges[..., :, None] * np.eye(3)
        if edges.shape[-2:] != (3, 3):
            raise ValueError(f"{self.path}: box edges must be 3 lengths or 3 vectors, got the shape {edges.shape}")
        first = checked_cell(edges if fixed else edges[0], str(self.path))
        if fixed or (edges == first).all():
            return np.broadcast_to(first, (stop - start, 3, 3))
        if not np.isfinite(edges).all() or (np.abs(np.linalg.det(edges)) < 1e-6).any():
            raise ValueError(f"{self.path}: a cell among frames {start} to {stop - 1} has no volume")
        return edges

    def _steps(self, start: int, stop: int) -> IntArray | None:
        """Return the steps; a scalar is their distance."""
        data = self._group.get("position/step")
        if data is None:
            return None
        if data.ndim:
            return np.asarray(data[start:stop]).astype(np.int64)
        return np.arange(start, stop) * int(data[()]) + int(data.attrs.get("offset", 0))

    def _times(self, start: int, stop: int) -> FloatArray | None:
        """Return the times in ps; a scalar is their distance."""
        data = self._group.get("position/time")
        if data is None:
            return None
        scale = _unit(data, _TIMES_PS, f"{self.path}: time")
        if data.ndim:
            times: FloatArray = np.asarray(data[start:stop], dtype=np.float64)
        else:
            times = np.arange(start, stop, dtype=np.float64) * float(data[()]) + float(data.attrs.get("offset", 0.0))
        return times * scale

    @property
    def n_done(self) -> int:
        """Return about how many bytes of the file have been read."""
        return self.path.stat().st_size * self._done // max(1, self.n_frames)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def chunked_ranges(data: h5py.Dataset, n_frames: int, n_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of frames of about ``n_bytes`` in double precision that end where chunks end."""
    chunk = data.chunks[0] if data.chunks else 1
    size = max(1, n_bytes // (8 * int(np.prod(data.shape[1:]))))
    size = max(1, size // chunk) * chunk if chunk < n_frames else size
    for start in range(0, n_frames, size):
        yield start, min(start + size, n_frames)


def _unit(data: h5py.Dataset, known: dict[str, float], what: str) -> float:
    """Return the factor of the unit that a data set states, 1 where it states none."""
    unit = data.attrs.get("unit", "")
    text = unit.decode() if isinstance(unit, bytes) else str(unit)
    if text.lower() not in known:
        raise ValueError(f"{what} have the unit '{text}', which is not known; known are {', '.join(known)[2:]}")
    return known[text.lower()]
