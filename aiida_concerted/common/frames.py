"""Labelled configurations: what a potential is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LabelledFrames:
    """Energies, forces and optionally virials of frames of one composition, atoms in one order.

    :param species: element symbol of each atom, length ``n_atoms``.
    :param cells: lattice vectors as rows in Å, shape ``(n_frames, 3, 3)``.
    :param positions: Cartesian positions in Å, shape ``(n_frames, n_atoms, 3)``; wrapped or not.
    :param energies: VASP's free energy (the one consistent with the forces) in eV, shape ``(n_frames,)``.
    :param forces: forces in eV Å⁻¹, shape ``(n_frames, n_atoms, 3)``.
    :param virials: virials in eV (``-volume × stress``, positive under compression), shape ``(n_frames, 3, 3)``.
    :param origins: for each frame the UUID of the process it came from and its step there.
    :raises ValueError: if shapes disagree or a number is not finite.
    """

    species: tuple[str, ...]
    cells: FloatArray
    positions: FloatArray
    energies: FloatArray
    forces: FloatArray
    virials: FloatArray | None = None
    origins: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        n_frames, n_atoms = len(self.energies), len(self.species)
        expected = {
            "cells": (n_frames, 3, 3),
            "positions": (n_frames, n_atoms, 3),
            "energies": (n_frames,),
            "forces": (n_frames, n_atoms, 3),
        }
        if self.virials is not None:
            expected["virials"] = (n_frames, 3, 3)
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite")
        if self.origins and len(self.origins) != n_frames:
            raise ValueError(f"origins must name {n_frames} frames, got {len(self.origins)}")

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.energies)

    @property
    def n_atoms(self) -> int:
        """Return the number of atoms in each frame."""
        return len(self.species)

    def select(self, indices: NDArray[np.intp] | list[int]) -> LabelledFrames:
        """Return the frames at ``indices``, in that order."""
        chosen = np.asarray(indices, dtype=np.intp)
        return LabelledFrames(
            species=self.species,
            cells=self.cells[chosen],
            positions=self.positions[chosen],
            energies=self.energies[chosen],
            forces=self.forces[chosen],
            virials=None if self.virials is None else self.virials[chosen],
            origins=tuple(self.origins[i] for i in chosen) if self.origins else (),
        )

    def sorted_by_species(self) -> LabelledFrames:
        """Return the same frames with the atoms ordered by element symbol, each element in its own order.

        Which of two like atoms comes first does not matter to a potential; frames of different programs can so be put
        together.
        """
        order = np.argsort(np.array(self.species), kind="stable")
        return LabelledFrames(
            species=tuple(self.species[i] for i in order),
            cells=self.cells,
            positions=self.positions[:, order],
            energies=self.energies,
            forces=self.forces[:, order],
            virials=self.virials,
            origins=self.origins,
        )

    @classmethod
    def concatenate(cls, parts: list[LabelledFrames]) -> LabelledFrames:
        """Return all frames of ``parts`` in order; virials survive only if every part has them.

        :raises ValueError: if ``parts`` is empty or the species differ.
        """
        if not parts:
            raise ValueError("there are no frames to concatenate")
        species = parts[0].species
        if any(part.species != species for part in parts):
            raise ValueError("frames of different composition or atom order cannot be concatenated")
        with_virials = all(part.virials is not None for part in parts)
        with_origins = all(part.origins for part in parts)
        return cls(
            species=species,
            cells=np.concatenate([part.cells for part in parts]),
            positions=np.concatenate([part.positions for part in parts]),
            energies=np.concatenate([part.energies for part in parts]),
            forces=np.concatenate([part.forces for part in parts]),
            virials=np.concatenate([part.virials for part in parts if part.virials is not None])
            if with_virials
            else None,
            origins=tuple(origin for part in parts for origin in part.origins) if with_origins else (),
        )
