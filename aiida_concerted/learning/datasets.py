"""Datasets as versions: frames by their content, unions without duplicates, differences."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames

IntArray = NDArray[np.intp]


def frame_hashes(frames: LabelledFrames) -> tuple[str, ...]:
    """Return the SHA-256 of each frame: species, cell, positions, energy and forces, atoms ordered by element.

    Virials do not count, since a union keeps them only where all parts have them; nor does where a frame came from.
    Numbers must agree in every bit: the same configuration labelled twice with another result is another frame.
    """
    ordered = frames.sorted_by_species()
    head = hashlib.sha256(" ".join(ordered.species).encode())
    found = []
    for index in range(len(ordered)):
        digest = head.copy()
        for name in ("cells", "positions", "energies", "forces"):
            # Adding zero makes -0.0 and 0.0, which are equal, one.
            row = np.ascontiguousarray(getattr(ordered, name)[index], dtype="<f8") + 0.0
            digest.update(row.tobytes())
        found.append(digest.hexdigest())
    return tuple(found)


@dataclass(frozen=True)
class Union:
    """Frames of several datasets, each once.

    :param frames: the frames in order of appearance, atoms ordered by element.
    :param n_duplicates: for each part how many of its frames were there before.
    """

    frames: LabelledFrames
    n_duplicates: tuple[int, ...]


def unite(parts: Sequence[LabelledFrames]) -> Union:
    """Return the union of datasets without duplicates; of equal frames the first is kept.

    :raises ValueError: if there are no parts or their compositions differ.
    """
    seen: set[str] = set()
    kept, duplicates = [], []
    for part in parts:
        rows = []
        for row, digest in enumerate(frame_hashes(part)):
            if digest not in seen:
                seen.add(digest)
                rows.append(row)
        duplicates.append(len(part) - len(rows))
        kept.append(part.sorted_by_species().select(rows))
    # A part of which nothing is left has no say in whether there are virials and origins.
    return Union(LabelledFrames.concatenate([part for part in kept if len(part)] or kept), tuple(duplicates))


@dataclass(frozen=True)
class Difference:
    """What distinguishes two versions of a dataset.

    :param added: indices of frames of the newer one that the older one lacks.
    :param removed: indices of frames of the older one that the newer one lacks.
    :param n_common: number of different frames that both have.
    """

    added: IntArray
    removed: IntArray
    n_common: int


def compare(older: LabelledFrames, newer: LabelledFrames) -> Difference:
    """Return which frames were added to a dataset and which removed, whatever their order."""
    before, after = frame_hashes(older), frame_hashes(newer)
    return Difference(_not_in(after, before), _not_in(before, after), len(set(before) & set(after)))


def _not_in(these: Sequence[str], those: Sequence[str]) -> IntArray:
    known = set(those)
    return np.array([index for index, digest in enumerate(these) if digest not in known], dtype=np.intp)
