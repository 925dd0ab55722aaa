"""From the files of a molecular-dynamics run, whatever program wrote them, to one trajectory in bounded memory.

Several files are segments of one run in the order given. Frames are counted from 0 in messages, in each file anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.assembly import Assembler
from aiida_concerted.formats.frame_interval import IntervalOptions, frame_interval_ps
from aiida_concerted.formats.frame_source import FrameSource, SourceFacts
from aiida_concerted.formats.position_store import PositionStore
from aiida_concerted.formats.source_formats import FORMATS, detect_format, open_source
from aiida_concerted.formats.topology import read_topology

Progress = Callable[[int, int], None]
"""Called with the bytes of the files that were read, and all there are."""

COORDINATES = ("auto", "wrapped", "unwrapped")


@dataclass(frozen=True)
class TrajectoryRequest:
    """What is to be read.

    :param paths: files of one run, in its order.
    :param carrier: element symbol of the mobile species.
    :param format: one of ``h5md``, ``lammps-dump``, ``dcd``, ``xdatcar``, ``vasprun``, ``extxyz``; ``auto`` looks.
    :param timestep_fs: integration step in fs.
    :param frame_interval_ps: time between frames in ps; overrules nothing but is compared with what files tell.
    :param temperature_K: target temperature in K, if known.
    :param h5md_group: particle group of an H5MD file with several.
    :param topology: file that names the elements, where the trajectory does not.
    :param coordinates: ``wrapped``: positions are followed through the boundaries by the shortest step; ``unwrapped``:
        they are taken as they are; ``auto``: as the format tells, and wrapped where it does not, which does no harm
        to unwrapped positions.
    :raises ValueError: if a value is not one of those, or there is no file, or one is given twice.
    """

    paths: tuple[Path, ...]
    carrier: str
    format: str = "auto"
    timestep_fs: float | None = None
    frame_interval_ps: float | None = None
    temperature_K: float | None = None
    h5md_group: str | None = None
    topology: Path | None = None
    coordinates: str = "auto"

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("no trajectory file was given")
        object.__setattr__(self, "paths", tuple(Path(path) for path in self.paths))
        for number, path in enumerate(self.paths):
            if path.resolve() in [other.resolve() for other in self.paths[:number]]:
                raise ValueError(f"{path} is given twice: name each segment of the run once, in order")
        if self.format not in ("auto", *FORMATS):
            raise ValueError(f"format must be one of auto, {', '.join(FORMATS)}, got '{self.format}'")
        if self.coordinates not in COORDINATES:
            raise ValueError(f"coordinates must be one of {', '.join(COORDINATES)}, got '{self.coordinates}'")
        for name in ("timestep_fs", "frame_interval_ps", "temperature_K"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} must be a positive number, got {value}")


@dataclass(frozen=True)
class ReadLimits:
    """How much memory reading may take; results do not depend on it.

    :param block_bytes: frames that are worked on at once, in double precision.
    :param memory_bytes: carriers that stay in memory; longer runs go to a scratch file.
    :param framework_bytes: framework frames that are kept; their stride is doubled until they fit.
    """

    block_bytes: int = 1 << 25
    memory_bytes: int = 1 << 28
    framework_bytes: int = 1 << 26


@dataclass(frozen=True)
class ReadReport:
    """What was read.

    :param format: format of the files.
    :param n_files: number of files.
    :param n_frames: frames of the trajectory.
    :param n_repeated: frames that were dropped because they had been read before.
    :param n_truncated: frames that were dropped because a file was cut off in them.
    :param messages: what a user should know, one line each.
    """

    format: str
    n_files: int
    n_frames: int
    n_repeated: int
    n_truncated: int
    messages: tuple[str, ...]


@contextmanager
def read_trajectory(
    request: TrajectoryRequest,
    *,
    scratch_folder: str | Path | None = None,
    progress: Progress | None = None,
    limits: ReadLimits | None = None,
) -> Iterator[tuple[Trajectory, ReadReport]]:
    """Yield the trajectory and a report of its files, which are read once.

    A long run's carriers lie in a scratch file that is removed when the context ends, and with it the trajectory.

    :param scratch_folder: where a scratch file may be made; the system's folder for temporary files when not given.
    :param progress: called after every block.
    :raises ValueError: saying which file and frame cannot be read, and what to do.
    """
    limits = limits or ReadLimits()
    kind = _common_format(request)
    with PositionStore(limits.memory_bytes, scratch_folder) as store:
        assembler = Assembler(request.carrier, request.coordinates, store, limits.framework_bytes)
        facts = _read_files(request, kind, assembler, limits.block_bytes, progress)
        yield _finish(request, kind, assembler, store, facts)


def _common_format(request: TrajectoryRequest) -> str:
    """Return the format of the files.

    :raises ValueError: if they are of different ones.
    """
    if request.format != "auto":
        return request.format
    kinds = [detect_format(path) for path in request.paths]
    for path, kind in zip(request.paths, kinds, strict=True):
        if kind != kinds[0]:
            raise ValueError(f"{path} is {kind}, {request.paths[0]} is {kinds[0]}: give files of one format")
    return kinds[0]


def _read_files(
    request: TrajectoryRequest, kind: str, assembler: Assembler, block_bytes: int, progress: Progress | None
) -> list[SourceFacts]:
    """Return what each file tells, after all its frames went to the assembler."""
    topology = None if request.topology is None else read_topology(request.topology)
    total = sum(path.stat().st_size for path in request.paths if path.exists())
    facts, done = [], 0
    for path in request.paths:
        with closing(open_source(path, kind, topology, request.h5md_group)) as source:
            _read_file(source, assembler, block_bytes, partial(_tell, progress, total, done))
            facts.append(source.facts)
        done += path.stat().st_size
    return facts


def _tell(progress: Progress | None, total: int, before: int, n_done: int) -> None:
    if progress is not None:
        progress(before + n_done, total)


def _read_file(source: FrameSource, assembler: Assembler, block_bytes: int, progress: Callable[[int], None]) -> None:
    assembler.begin_file(source)
    for block in source.blocks(block_bytes):
        assembler.add(block)
        progress(source.n_done)
    if source.facts.n_truncated:
        source.facts.messages.append(
            f"{source.path.name}: frames at its end that are cut off and left out: {source.facts.n_truncated}"
        )


def _finish(
    request: TrajectoryRequest, kind: str, assembler: Assembler, store: PositionStore, facts: list[SourceFacts]
) -> tuple[Trajectory, ReadReport]:
    assembled = assembler.finish()
    options = IntervalOptions(request.frame_interval_ps, request.timestep_fs)
    interval, notes = frame_interval_ps(options, assembler.clock, facts, str(request.paths[0]))
    temperature, more = _temperature(request.temperature_K, facts)
    trajectory = Trajectory(
        carrier=request.carrier,
        carriers=store.positions(),
        cell=assembled.cell,
        frame_interval_ps=interval,
        framework_species=assembled.framework_species,
        framework=assembled.framework,
        framework_stride=assembled.framework_stride,
        framework_displacement=assembled.displacement,
        temperature_K=temperature,
    )
    clock = assembler.clock
    messages = [message for fact in facts for message in fact.messages] + assembler.messages + notes + more
    if clock.n_repeated:
        messages.append(f"{clock.n_repeated} frames were read before and are left out")
    report = ReadReport(
        format=kind,
        n_files=len(request.paths),
        n_frames=trajectory.n_frames,
        n_repeated=clock.n_repeated,
        n_truncated=sum(fact.n_truncated for fact in facts),
        messages=tuple(messages),
    )
    return trajectory, report


def _temperature(given: float | None, facts: list[SourceFacts]) -> tuple[float | None, list[str]]:
    """Return the temperature that was given or that the files tell, and a message where they disagree."""
    told = {fact.temperature_K for fact in facts if fact.temperature_K is not None}
    if given is None:
        if len(told) > 1:
            return None, [f"the files have different temperatures: {', '.join(f'{T:g} K' for T in sorted(told))}"]
        return (told.pop() if told else None), []
    if any(abs(T - given) > 1.0 for T in told):
        return given, [f"the files tell {', '.join(f'{T:g} K' for T in sorted(told))}; {given:g} K is used as given"]
    return given, []
