"""Frames to label picked where the explorations lie: from the request to the configurations that are brought home."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted import __version__
from aiida_concerted.common.files import write_at_once
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.h5md import H5mdReader
from aiida_concerted.learning.explored import Explored, deviation_of, pick_explored
from aiida_concerted.learning.screens import Geometry
from aiida_concerted.reduction.files import arrays_content, check_schema, read_arrays, read_json
from aiida_concerted.reduction.request import RunDescription, Segment
from aiida_concerted.reduction.segments import join_run
from aiida_concerted.reduction.telling import told_failures

FloatArray = NDArray[np.float64]

SCHEMA = "aiida-concerted/pick/1"
REQUEST, DEVIATIONS = "request.json", "deviations.npz"
"""What a job is given: what is asked for, and the deviations, which JSON cannot hold where they are no numbers."""

PICKED, FRAMES = "picked.json", "picked.npz"
"""What it leaves."""


@dataclass(frozen=True)
class PickRequest:
    """Explorations, and how frames of them are picked.

    :param parameters: what :func:`~aiida_concerted.learning.explored.pick_explored` takes.
    :param runs: how the files of each run are read, and its segments.
    :param files: runs whose frames were sent along, by name: an H5MD file each.
    :param deviations: columns of the deviation of each run.
    """

    parameters: Mapping[str, Any]
    runs: Mapping[str, tuple[RunDescription, Sequence[Segment]]]
    files: Mapping[str, str]
    deviations: Mapping[str, Mapping[str, NDArray[Any]]]

    def write(self, folder: Path) -> None:
        """Write the request into a folder."""
        content = {
            "schema": SCHEMA,
            "parameters": dict(self.parameters),
            "runs": {
                name: {"run": run.as_dict(), "segments": [segment.as_dict() for segment in segments]}
                for name, (run, segments) in self.runs.items()
            },
            "files": dict(self.files),
        }
        (folder / REQUEST).write_text(json.dumps(content, allow_nan=False), encoding="utf8")
        arrays = {f"{name}/{column}": a for name, columns in self.deviations.items() for column, a in columns.items()}
        (folder / DEVIATIONS).write_bytes(arrays_content(arrays))

    @classmethod
    def read(cls, folder: Path) -> PickRequest:
        """Return the request in a folder, which another version may have written.

        :raises ValueError: if it is none, or asks for what this version does not know.
        :raises KeyError: naming what it lacks.
        """
        content = read_json(folder / REQUEST)
        check_schema(content, SCHEMA)
        runs = {
            name: (
                RunDescription.from_dict(part["run"]),
                tuple(from_mapping(Segment, segment, "segments") for segment in part["segments"]),
            )
            for name, part in content["runs"].items()
        }
        deviations: dict[str, dict[str, NDArray[Any]]] = {}
        for key, array in read_arrays(folder / DEVIATIONS).items():
            name, _, column = key.rpartition("/")
            deviations.setdefault(name, {})[column] = array
        return cls(content["parameters"], runs, content["files"], deviations)


@dataclass(frozen=True)
class Picked:
    """What was picked.

    :param statistics: counts and decision, as the selection records them.
    :param frames: configurations by run and number of the frame, unwrapped, in the order of the first structure.
    :param failure: kind of failure and its reason, where there is nothing else.
    :param version: version of the software that picked.
    """

    statistics: dict[str, Any] = field(default_factory=dict)
    frames: dict[tuple[str, int], Geometry] = field(default_factory=dict)
    failure: tuple[str, str] | None = None
    version: str = __version__


def pick_in(folder: Path) -> Picked:
    """Return what the request in a folder asks for, after writing it there.

    :raises ValueError: if the runs cannot be read; the folder then holds a result that says so.
    :raises OSError: if the machine cannot read or write; the folder then holds no result.
    """
    with told_failures(lambda failure: write_picked(folder, Picked(failure=failure)), REQUEST, folder):
        picked = pick(PickRequest.read(folder), folder)
    write_picked(folder, picked)
    return picked


def pick(request: PickRequest, folder: Path) -> Picked:
    """Return the frames to label with the counts behind the choice.

    :param folder: holds the files that were sent along; temporary ones are made there, and are gone in the end.
    :raises ReductionError: if segments give no run.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="pick_") as place, ExitStack() as stack:
        readers = {name: stack.enter_context(H5mdReader(folder / file)) for name, file in request.files.items()}
        for number, (name, (run, segments)) in enumerate(sorted(request.runs.items())):
            inside = Path(place) / f"run_{number:04d}"
            inside.mkdir()
            path, _ = join_run(run, segments, inside)
            readers[name] = stack.enter_context(H5mdReader(path))
        explored = _explore(request, readers)
        frames = {(name, int(n)): _geometry(readers[name], int(n)) for name, ns in explored.frames.items() for n in ns}
    return Picked(explored.statistics, frames)


def _explore(request: PickRequest, readers: Mapping[str, H5mdReader]) -> Explored:
    systems = request.parameters.get("systems", {})
    deviations = {
        name: deviation_of(name, _of_frames(columns, readers[name]), systems, readers[name].header.temperature_K)
        for name, columns in request.deviations.items()
    }
    return pick_explored(
        request.parameters, deviations, lambda name, row: _geometry(readers[name], int(deviations[name].steps[row]))
    )


def _of_frames(columns: Mapping[str, NDArray[Any]], reader: H5mdReader) -> dict[str, NDArray[Any]]:
    """Return the columns at sound frames: where frames stay, they are counted before all of them were looked at."""
    sound = columns["frame"] < reader.n_frames
    return {name: column[sound] for name, column in columns.items()}


def _geometry(reader: H5mdReader, frame: int) -> Geometry:
    species, positions = reader.frame(frame)
    return Geometry(species, reader.cell(frame), positions)


def write_picked(folder: Path, picked: Picked) -> None:
    """Write what was picked, the file that says what there is last; each is there whole or not at all.

    :raises OSError: if the folder cannot be written to.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for number, geometry in enumerate(picked.frames.values()):
        arrays |= {f"{number}.cell": geometry.cell, f"{number}.positions": geometry.positions}
    write_at_once(folder / FRAMES, arrays_content(arrays))
    content = {
        "schema": SCHEMA,
        "version": picked.version,
        "statistics": picked.statistics,
        "frames": [[name, frame, list(one.species)] for (name, frame), one in picked.frames.items()],
        "failure": None if picked.failure is None else list(picked.failure),
    }
    write_at_once(folder / PICKED, json.dumps(content, allow_nan=False))


def read_picked(folder: Path) -> Picked:
    """Return what was written.

    :raises ValueError: if the files are missing, damaged, or of another schema.
    """
    try:
        content = read_json(folder / PICKED)
        if content["schema"] != SCHEMA:
            raise ValueError(f"{PICKED} is of the schema {content['schema']!r}, this version reads {SCHEMA}")
        arrays, frames = read_arrays(folder / FRAMES), {}
        for number, (name, frame, species) in enumerate(content["frames"]):
            cell, positions = (arrays[f"{number}.{part}"] for part in ("cell", "positions"))
            if cell.shape != (3, 3) or positions.shape != (len(species), 3) or not np.isfinite(positions).all():
                raise ValueError(f"{FRAMES} holds no configuration of frame {frame} of {name}")
            frames[(str(name), int(frame))] = Geometry(tuple(species), cell, positions)
        failure = content["failure"]
        return Picked(
            content["statistics"], frames, None if failure is None else (str(failure[0]), str(failure[1])),
            str(content["version"]),
        )  # fmt: skip
    except OSError as error:
        raise ValueError(f"{Path(error.filename or PICKED).name} is not there: {error.strerror}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{PICKED} is no result of a job: {type(error).__name__} {error}") from None
