"""Systems of DeePMD-kit (``deepmd/npy``) as labelled frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.formats.deepmd_npy import read_deepmd_npy
from aiida_concerted.imports.labels import ReadFrames, check_labels
from aiida_concerted.imports.source import describe_source


def find_systems(folders: Sequence[Path]) -> list[Path]:
    """Return every system in folders or below, in the order of their names.

    :raises ValueError: if there is none in one of them.
    """
    found: list[Path] = []
    for folder in folders:
        systems = [path.parent for path in sorted(folder.rglob("type.raw"))] if folder.is_dir() else []
        if not systems:
            raise ValueError(f"{folder} holds no deepmd/npy system: one has a type.raw and set.000/")
        found += [system for system in systems if system not in found]
    return found


def read_system(folder: Path, *, level_of_theory: str, type_map: list[str] | None = None) -> ReadFrames:
    """Return the frames of one system, each with the set it came from.

    :param folder: folder with ``type.raw`` and ``set.*``.
    :param level_of_theory: what the labels were computed with: the files do not say it.
    :param type_map: elements in the order of the type numbers, where the folder has no ``type_map.raw``.
    :raises ValueError: if the system cannot be read, is not periodic, or its labels cannot be true.
    """
    if (folder / "nopbc").exists():
        raise ValueError(f"{folder} is not periodic (nopbc): crystals only")
    sets = sorted(folder.glob("set.*"))
    if any((part / "real_atom_types.npy").exists() for part in sets):
        raise ValueError(f"{folder} is of the mixed kind (deepmd/npy/mixed): write it as deepmd/npy with dpdata")
    frames = _with_origins(read_deepmd_npy(folder, type_map=type_map), folder, sets)
    messages = list(check_labels(frames, str(folder)))
    with_virials = [(part / "virial.npy").is_file() for part in sets]
    if any(with_virials) and not all(with_virials):
        messages.append(f"{with_virials.count(False)} of {len(sets)} sets have no virials, so that none were taken")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in (".raw", ".npy")]
    source = describe_source("deepmd/npy", files, folder)
    return ReadFrames(folder.name, frames, level_of_theory, source, tuple(messages))


def _with_origins(frames: LabelledFrames, folder: Path, sets: list[Path]) -> LabelledFrames:
    lengths = [len(np.load(part / "energy.npy", mmap_mode="r", allow_pickle=False)) for part in sets]
    origins = [(f"{folder.name}/{part.name}", i) for part, n in zip(sets, lengths, strict=True) for i in range(n)]
    return replace(frames, origins=tuple(origins))
