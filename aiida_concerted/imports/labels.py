"""Labelled frames from elsewhere: whether the numbers can be what they claim, and their nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from aiida import orm

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.data.frames import LabelledFramesData, content_hash
from aiida_concerted.formats.energy_settings import EnergySettings, unite_settings
from aiida_concerted.imports.source import Imported, find_by_hash

MIN_VOLUME_A3_PER_ATOM = 0.5
MAX_FORCE_EV_A = 1000.0
MAX_ENERGY_EV_PER_ATOM = 1.0e5
ENERGY_SPREAD_EV_PER_ATOM = 5.0
NET_FORCE_EV_A = 0.05
VIRIAL_ASYMMETRY = 0.01


@dataclass(frozen=True)
class ReadFrames:
    """Frames read from files, before they are a node.

    :param name: folder or file they came from.
    :param frames: the frames.
    :param level_of_theory: what the labels were computed with.
    :param source: the files.
    :param messages: what a user should know, one line each.
    :param settings: what decides the energies, where the files say it.
    """

    name: str
    frames: LabelledFrames
    level_of_theory: str
    source: dict[str, Any]
    messages: tuple[str, ...] = field(default=())
    settings: EnergySettings | None = None


def check_labels(frames: LabelledFrames, where: str) -> tuple[str, ...]:
    """Return what is odd about energies, forces and virials, one line each.

    :param where: name of the frames.
    :raises ValueError: if numbers are not what they claim, as in other units, or a cell is degenerate.
    """
    volumes = np.abs(np.linalg.det(frames.cells))
    if (volumes < MIN_VOLUME_A3_PER_ATOM * frames.n_atoms).any():
        frame = int(np.argmin(volumes))
        raise ValueError(f"{where}: frame {frame} has a cell of {volumes[frame]:.3g} Å³ for {frames.n_atoms} atoms")
    largest = float(np.abs(frames.forces).max())
    if largest > MAX_FORCE_EV_A:
        frame = int(np.abs(frames.forces).max(axis=(1, 2)).argmax())
        raise ValueError(f"{where}: frame {frame} has a force of {largest:.3g} eV/Å: are the units eV and Å?")
    energies = frames.energies / frames.n_atoms
    if np.abs(energies).max() > MAX_ENERGY_EV_PER_ATOM:
        raise ValueError(f"{where}: an energy is {np.abs(energies).max():.3g} eV per atom: are the units eV?")
    return tuple(_oddities(frames, energies))


def _oddities(frames: LabelledFrames, energies: np.ndarray) -> Iterator[str]:
    far = int(np.count_nonzero(np.abs(energies - np.median(energies)) > ENERGY_SPREAD_EV_PER_ATOM))
    if far:
        yield f"{far} frames lie more than {ENERGY_SPREAD_EV_PER_ATOM:g} eV per atom from the median energy"
    net = np.linalg.norm(frames.forces.mean(axis=1), axis=-1)
    adrift = int(np.count_nonzero(net > NET_FORCE_EV_A))
    if adrift:
        yield f"{adrift} frames have a net force above {NET_FORCE_EV_A:g} eV/Å per atom"
    if frames.virials is None:
        yield "there are no virials"
        return
    asymmetry = np.abs(frames.virials - frames.virials.swapaxes(1, 2)).max(axis=(1, 2))
    size = np.maximum(np.abs(frames.virials).max(axis=(1, 2)), 1.0)
    skew = int(np.count_nonzero(asymmetry > VIRIAL_ASYMMETRY * size))
    if skew:
        yield f"{skew} frames have a virial that is not symmetric"


def merge_alike(parts: Sequence[ReadFrames]) -> list[ReadFrames]:
    """Return the parts with those of the same atoms, level of theory, labels and settings put together, in order.

    Atoms are ordered by element symbol, so that the order in which a program wrote them does not matter. Runs whose
    settings give other energies stay apart, and say so.
    """
    groups: dict[tuple[Any, ...], list[list[ReadFrames]]] = {}
    for part in parts:
        ordered = part.frames.sorted_by_species()
        key = (ordered.species, part.level_of_theory, ordered.virials is None, part.settings is None)
        _join(groups.setdefault(key, []), replace(part, frames=ordered))
    alike = [group for found in groups.values() for group in found]
    return [group[0] if len(group) == 1 else _merged(group) for group in alike]


def _join(groups: list[list[ReadFrames]], part: ReadFrames) -> None:
    """Add a part to the first group that it agrees with, or as a group of its own with the reason.

    The settings of the first of a group are those of all of them so far.
    """
    reasons = []
    for group in groups:
        first = group[0]
        if first.settings is not None and part.settings is not None:
            try:
                group[0] = replace(first, settings=unite_settings({first.name: first.settings, "it": part.settings}))
            except ValueError as error:
                reasons.append(f"kept apart: {error}")
                continue
        group.append(part)
        return
    groups.append([replace(part, messages=(*part.messages, *reasons[:1]))])


def _merged(group: list[ReadFrames]) -> ReadFrames:
    first = group[0]
    files = [
        {**entry, "name": f"{part.source['folder']}/{entry['name']}"}
        for part in group
        for entry in part.source["files"]
    ]
    return ReadFrames(
        name=f"{first.name} and {len(group) - 1} more",
        frames=LabelledFrames.concatenate([part.frames for part in group]),
        level_of_theory=first.level_of_theory,
        source={**first.source, "folder": "", "files": files},
        messages=tuple(dict.fromkeys(f"{part.name}: {message}" for part in group for message in part.messages)),
        settings=first.settings,
    )


def store_frames(parts: Sequence[ReadFrames], *, material: str | None = None) -> Iterator[Imported]:
    """Yield the node of each part; what the profile holds already is found by its content and not stored again.

    :param material: short stable key of the material, such as ``LGPS``.
    """
    digests = [content_hash(part.frames) for part in parts]
    known: dict[str, orm.Data] = find_by_hash(LabelledFramesData, digests)
    for part, digest in zip(parts, digests, strict=True):
        if digest in known:
            yield Imported(part.name, known[digest], False, part.messages)
            continue
        node = LabelledFramesData(
            part.frames, level_of_theory=part.level_of_theory, material=material, source=part.source,
            energy_settings=None if part.settings is None else part.settings.as_dict(),
        )  # fmt: skip
        node.label = part.name[:255]
        known[digest] = node.store()
        yield Imported(part.name, node, True, part.messages)
