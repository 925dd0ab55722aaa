"""Runs of VASP made elsewhere as labelled frames: free energies, forces and virials of steps that converged."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.data.vasp import describe_theory
from aiida_concerted.formats.energy_settings import EnergySettings
from aiida_concerted.formats.outcar import read_outcar_summary
from aiida_concerted.formats.outcar_frames import read_outcar_frames
from aiida_concerted.formats.vasprun import VasprunHeader, read_vasprun_frames
from aiida_concerted.imports.labels import ReadFrames, check_labels
from aiida_concerted.imports.source import describe_source

NAMES = ("vasprun.xml", "vasprun.xml.gz", "OUTCAR", "OUTCAR.gz")
"""What is looked for in a folder; the first there is read."""


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """Return the output file of every run named, or in folders or below.

    :raises ValueError: if there is none in one of them.
    """
    found: list[Path] = []
    for path in paths:
        runs = [path] if path.is_file() else _runs_below(path)
        if not runs:
            raise ValueError(f"{path} holds no run of VASP: looked for {', '.join(NAMES)}")
        found += [run for run in runs if run not in found]
    return found


def _runs_below(folder: Path) -> list[Path]:
    by_folder: dict[Path, Path] = {}
    for name in NAMES:
        for path in sorted(folder.rglob(name)):
            by_folder.setdefault(path.parent, path)
    return [by_folder[parent] for parent in sorted(by_folder)]


def read_run(path: Path, *, level_of_theory: str | None = None) -> ReadFrames:
    """Return the frames of one run whose electrons converged, each with its ionic step.

    :param path: vasprun.xml or OUTCAR, compressed by gzip or not.
    :param level_of_theory: what made the labels; what the file says of itself when not given.
    :raises ValueError: if the file cannot be read, no step converged, or labels cannot be true.
    """
    with _uncompressed(path) as plain:
        run = _read_outcar(plain, path) if "OUTCAR" in path.name else _read_vasprun(plain, path)
    kept = np.flatnonzero(run.is_converged)
    messages = []
    if len(kept) < len(run.frames):
        messages.append(f"{len(run.frames) - len(kept)} of {len(run.frames)} steps did not converge and were left out")
    if run.n_truncated:
        messages.append(f"{run.n_truncated} step at its end is cut off and was left out")
    if not len(kept):
        raise ValueError(f"{path}: the electrons converged in none of {len(run.frames)} steps")
    frames = run.frames.select(kept)
    messages += check_labels(frames, str(path))
    source = describe_source("outcar" if "OUTCAR" in path.name else "vasprun", [path], path.parent)
    theory = level_of_theory or run.level_of_theory
    return ReadFrames(path.parent.resolve().name, frames, theory, source, tuple(messages), run.settings)


@dataclass(frozen=True)
class _Run:
    frames: LabelledFrames
    is_converged: np.ndarray
    n_truncated: int
    level_of_theory: str
    settings: EnergySettings


def _read_vasprun(plain: Path, path: Path) -> _Run:
    try:
        content = read_vasprun_frames(plain, origin=f"{path.parent.resolve().name}/{path.name}")
    except ValueError as error:
        raise ValueError(str(error).replace(str(plain), str(path))) from error
    converged = np.ones(len(content.frames), dtype=bool)
    converged[content.unconverged] = False
    settings = content.header.settings(content.frames.cells[0])
    return _Run(content.frames, converged, content.n_truncated, describe_theory(content.header), settings)


def _read_outcar(plain: Path, path: Path) -> _Run:
    try:
        summary = read_outcar_summary(plain)
        content = read_outcar_frames(plain, origin=f"{path.parent.resolve().name}/{path.name}")
    except ValueError as error:
        raise ValueError(str(error).replace(str(plain), str(path))) from error
    converged = np.ones(len(content.frames), dtype=bool)
    converged[content.unconverged] = False
    header = VasprunHeader("vasp", summary.version, summary.build, content.tags, potentials=content.titles)
    return _Run(content.frames, converged, content.n_truncated, describe_theory(header), content.settings)


@contextmanager
def _uncompressed(path: Path) -> Iterator[Path]:
    """Yield the file, unpacked to a temporary one where gzip packed it.

    :raises ValueError: if it cannot be read.
    """
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        try:
            with gzip.open(path, "rb") as packed, plain.open("wb") as target:
                shutil.copyfileobj(packed, target, 1 << 20)
        except EOFError:
            pass  # cut off while it was copied: what is there can be read
        except OSError as error:
            raise ValueError(f"{path} cannot be unpacked ({error.strerror or error})") from error
        yield plain
