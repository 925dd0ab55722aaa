"""The data of a DP-GEN project: what it began with, and the labels of its finished iterations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path

import numpy as np

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.data.vasp import describe_theory
from aiida_concerted.formats.energy_settings import EnergySettings, Sampling
from aiida_concerted.formats.incar import read_incar
from aiida_concerted.formats.outcar import read_outcar_summary
from aiida_concerted.formats.vasprun import VasprunHeader
from aiida_concerted.imports.deepmd import read_system
from aiida_concerted.imports.dpgen.account import Account, shown
from aiida_concerted.imports.dpgen.labels import Labels, incar_of_iteration, labels_of
from aiida_concerted.imports.dpgen.project import Iteration, Project
from aiida_concerted.imports.dpgen.systems import Composition, composition_of
from aiida_concerted.imports.labels import ReadFrames, merge_alike

_STEP = re.compile(r"(\d+)\.lammpstrj$")


@dataclass(frozen=True)
class Part:
    """Data that came together: those a project began with, or those of one iteration.

    :param name: ``init``, or that of the folder of the iteration.
    :param sets: frames, those of the same atoms together.
    """

    name: str
    sets: tuple[ReadFrames, ...]


@dataclass(frozen=True)
class Data:
    """All data of a project.

    :param parts: the data in order.
    :param failures: what could not be read, and why.
    """

    parts: tuple[Part, ...] = ()
    failures: tuple[str, ...] = ()

    def counts(self) -> Counter[Composition]:
        """Return the number of frames of each composition."""
        found: Counter[Composition] = Counter()
        for part in self.parts:
            for one in part.sets:
                found[composition_of(one.frames.species)] += len(one.frames)
        return found


def theory_of(project: Project, labels: Labels) -> str:
    """Return the level of theory of the labels as INCAR, POTCARs and the first OUTCAR of a finished iteration state it.

    :raises ValueError: if no OUTCAR names the version of VASP. New labels name theirs, and are put only with those of
        the same level: what is stored without it would stop a study after its first labels.
    """
    incar = {tag.upper(): str(value) for tag, value in labels.incar.items()}
    titles = tuple(labels.titles.values())
    for path in (path for one in project.finished for path in sorted(one.labels.glob("task.*/OUTCAR"))):
        try:
            summary = read_outcar_summary(path)
        except ValueError:
            continue
        return describe_theory(VasprunHeader("vasp", summary.version, summary.build, incar, potentials=titles))
    guess = describe_theory(VasprunHeader("vasp", "6.4.2", "", incar, potentials=titles))
    raise ValueError(
        "no OUTCAR names the version of VASP that made the labels: give --level-of-theory as new labels will state it, "
        f"such as '{guess}'"
    )


def read_data(project: Project, labels: Labels, *, level_of_theory: str, progress: Callable[[int, int], None]) -> Data:
    """Return all data of a project, each frame with where it came from.

    :param labels: how labels are computed.
    :param level_of_theory: what computed them, and what the project began with.
    :param progress: is told how many systems have been read, and of how many.
    """
    initial, failures = _initial_systems(project)
    sources: list[tuple[str, Path, Iteration | None]] = [("init", path, None) for path in initial]
    sources += [(one.folder.name, path, one) for one in project.finished for path in one.systems()]
    settings = {one.folder.name: _settings(one, project, labels, failures) for one in project.finished}
    read: dict[str, list[ReadFrames]] = {}
    for number, (name, path, iteration) in enumerate(sources, start=1):
        try:
            frames = _read(path, project, iteration, level_of_theory, settings.get(name))
        except (ValueError, OSError, EOFError) as error:
            failures.append(f"{path}: {' '.join(str(error).replace(f'{path}: ', '').split())}")
        else:
            read.setdefault(name, []).append(frames)
        progress(number, len(sources))
    root = project.folder.resolve().name
    parts = tuple(Part(name, tuple(_named(f"{root}/{name}", merge_alike(found)))) for name, found in read.items())
    return Data(parts, tuple(failures))


def _named(name: str, merged: Sequence[ReadFrames]) -> Iterator[ReadFrames]:
    for number, frames in enumerate(merged):
        yield replace(frames, name=name if len(merged) == 1 else f"{name} ({number + 1} of {len(merged)})")


def _initial_systems(project: Project) -> tuple[list[Path], list[str]]:
    """Return the folders of the data that a project began with, and what cannot be read of them."""
    given = project.param.get("init_data_sys", [])
    if not isinstance(given, list):
        raise ValueError(
            f"{project.name}: init_data_sys must be a list of folders, got {shown('init_data_sys', given)}"
        )
    found: list[Path] = []
    failures = []
    for name in map(str, given):
        path = project.path(name, "init_data_prefix")
        systems = [place.parent for place in sorted(path.rglob("type.raw"))] if path.is_dir() else []
        if path.is_file():
            failures.append(f"{path} is no folder: HDF5 files are not read, write it as deepmd/npy with dpdata")
        elif not systems:
            failures.append(f"{path} holds no deepmd/npy system, though init_data_sys names it")
        found += [system for system in systems if system not in found]
    return found, failures


def _settings(iteration: Iteration, project: Project, labels: Labels, failures: list[str]) -> Labels:
    """Return how the labels of an iteration were computed: by its own INCAR, else by that of the project."""
    path = incar_of_iteration(iteration.labels)
    if path is None:
        return labels
    try:
        return labels_of(read_incar(path), project, labels.potentials)
    except ValueError as error:
        failures.append(f"{path}: {error}; the labels are stored without what decides their energies")
        return Labels()


def _read(
    path: Path, project: Project, iteration: Iteration | None, level_of_theory: str, labels: Labels | None
) -> ReadFrames:
    """Return the frames of one system with their origins, and with what decides the energies where that is known."""
    frames = read_system(path, level_of_theory=level_of_theory, type_map=project.type_map)
    unknown = sorted(set(frames.frames.species) - set(project.type_map))
    if unknown:
        raise ValueError(f"it holds {', '.join(unknown)}, which type_map does not have")
    if iteration is None:
        origins = tuple((f"init/{name}", row) for name, row in frames.frames.origins)
    else:
        origins = _origins(path, iteration, frames.frames)
    known = None if labels is None or not labels.incar else _with_kpoints(labels, frames.frames)
    place = path.relative_to(project.folder) if path.is_relative_to(project.folder) else path
    source = {**frames.source, "folder": place.as_posix()}
    return replace(frames, frames=replace(frames.frames, origins=origins), settings=known, source=source)


def _origins(path: Path, iteration: Iteration, frames: LabelledFrames) -> tuple[tuple[str, int], ...]:
    """Return for each frame its task and the step of the exploration; else its system and its row there.

    DP-GEN collects the tasks of a system in the order of their names, and drops those that failed: which task a frame
    came from is known where none was dropped.
    """
    data = next(folder for folder in (path, *path.parents) if folder.parent == iteration.labels)
    system = data.name.removeprefix("data.")
    tasks = [task for task in sorted(iteration.labels.glob(f"task.{system}.*")) if task.is_dir()]
    root = iteration.folder.parent
    if len(tasks) != len(frames):
        name = path.relative_to(root).as_posix()
        return tuple((name, row) for row in range(len(frames)))
    return tuple((task.relative_to(root).as_posix(), _step(task)) for task in tasks)


def _step(task: Path) -> int:
    """Return the step of the exploration that a task labels, 0 where its link does not say it."""
    link = task / "conf.dump"
    match = _STEP.search(str(link.readlink())) if link.is_symlink() else None
    return int(match[1]) if match else 0


def _with_kpoints(labels: Labels, frames: LabelledFrames) -> EnergySettings:
    settings = labels.settings()
    if labels.spacing_2pi_per_A is None:
        return settings
    # The rule of KSPACING for all cells at once: the points themselves, of thousands of frames, would take minutes.
    lengths = np.linalg.norm(np.linalg.inv(frames.cells), axis=1)
    divisions = np.maximum(np.ceil(lengths / labels.spacing_2pi_per_A), 1).astype(int)
    volumes = np.round(np.abs(np.linalg.det(frames.cells))).astype(int)
    # Cells of one mesh and about one volume are sampled alike.
    _, chosen = np.unique(np.column_stack([divisions, volumes]), axis=0, return_index=True)
    samplings = [Sampling.of_mesh(divisions[frame].tolist(), frames.cells[frame]) for frame in chosen]
    return replace(settings, sampling=reduce(or_, samplings))


def say_data(project: Project, data: Data, account: Account, *, is_taken: bool) -> None:
    """Say what became of the data that a project began with."""
    for key in ("init_data_sys", "init_data_prefix"):
        if not is_taken:
            account.left_out(key, "--no-data")
        elif not any(part.name == "init" for part in data.parts):
            account.left_out(key, "nothing could be read, see below")
        else:
            account.carried(key, "learn.dataset", "at the level of theory of the labels, which the files do not say")
