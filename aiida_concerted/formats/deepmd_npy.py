"""Labelled frames in the ``deepmd/npy`` layout of DeePMD-kit: a folder with types and NumPy arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames

FloatArray = NDArray[np.float64]


def write_deepmd_npy(
    folder: str | Path, frames: LabelledFrames, *, type_map: list[str] | None = None, set_size: int = 5000
) -> None:
    """Write frames as one system.

    :param folder: folder to be made.
    :param type_map: element symbols in the order of the type numbers; the frames' own kinds when not given.
    :param set_size: most frames in one ``set.NNN``.
    :raises ValueError: if the type map lacks an element of the frames.
    """
    folder = Path(folder)
    kinds = type_map or list(dict.fromkeys(frames.species))
    missing = sorted(set(frames.species) - set(kinds))
    if missing:
        raise ValueError(f"the type map {kinds} lacks {', '.join(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "type.raw").write_text("".join(f"{kinds.index(symbol)}\n" for symbol in frames.species))
    (folder / "type_map.raw").write_text("".join(f"{symbol}\n" for symbol in kinds))
    for number, start in enumerate(range(0, len(frames), set_size)):
        part = folder / f"set.{number:03d}"
        part.mkdir(exist_ok=True)
        chosen = slice(start, start + set_size)
        arrays = {"box": frames.cells, "coord": frames.positions, "energy": frames.energies, "force": frames.forces}
        if frames.virials is not None:
            arrays["virial"] = frames.virials
        for name, array in arrays.items():
            rows = array[chosen]
            np.save(part / f"{name}.npy", rows if rows.ndim == 1 else rows.reshape(len(rows), -1), allow_pickle=False)


def read_deepmd_npy(folder: str | Path, *, type_map: list[str] | None = None) -> LabelledFrames:
    """Return the frames of one system, its sets in order.

    :param folder: folder with ``type.raw`` and ``set.*``.
    :param type_map: element symbols in the order of the type numbers, where the folder has no ``type_map.raw``.
    :raises ValueError: if a file is missing or the numbers do not fit each other.
    """
    folder = Path(folder)
    species = _read_species(folder, type_map)
    sets = sorted(folder.glob("set.*"))
    if not sets:
        raise ValueError(f"{folder} holds no set.000: it is no deepmd/npy system")
    with_virials = all((part / "virial.npy").is_file() for part in sets)
    names = ["box", "coord", "energy", "force"] + (["virial"] if with_virials else [])
    arrays = {name: np.concatenate([_load(part / f"{name}.npy") for part in sets]) for name in names}
    n_frames = len(arrays["energy"])
    try:
        return LabelledFrames(
            species=species,
            cells=arrays["box"].reshape(n_frames, 3, 3),
            positions=arrays["coord"].reshape(n_frames, len(species), 3),
            energies=arrays["energy"].reshape(n_frames),
            forces=arrays["force"].reshape(n_frames, len(species), 3),
            virials=arrays["virial"].reshape(n_frames, 3, 3) if with_virials else None,
        )
    except ValueError as error:
        raise ValueError(f"the arrays of {folder} do not fit {len(species)} atoms: {error}") from error


def _read_species(folder: Path, type_map: list[str] | None) -> tuple[str, ...]:
    if not (folder / "type.raw").is_file():
        raise ValueError(f"{folder} holds no type.raw: it is no deepmd/npy system")
    if (folder / "type_map.raw").is_file():
        type_map = (folder / "type_map.raw").read_text().split()
    if not type_map:
        raise ValueError(f"{folder} holds no type_map.raw: name the elements of its types")
    types = [int(word) for word in (folder / "type.raw").read_text().split()]
    if not types or min(types) < 0 or max(types) >= len(type_map):
        raise ValueError(f"{folder / 'type.raw'} names types outside the type map {type_map}")
    return tuple(type_map[number] for number in types)


def _load(path: Path) -> FloatArray:
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
