"""The detail files of ``dp test``: reference and predicted energies and forces, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """Reference and predicted values of frames of one composition.

    :param reference_energies: eV, shape ``(n_frames,)``.
    :param predicted_energies: eV, shape ``(n_frames,)``.
    :param reference_forces: eV Å⁻¹, shape ``(n_frames, n_atoms, 3)``.
    :param predicted_forces: eV Å⁻¹, shape ``(n_frames, n_atoms, 3)``.
    """

    reference_energies: FloatArray
    predicted_energies: FloatArray
    reference_forces: FloatArray
    predicted_forces: FloatArray

    @property
    def n_atoms(self) -> int:
        """Return the number of atoms in a frame."""
        return int(self.reference_forces.shape[1])


def read_evaluations(energies: str, forces: str, shapes: list[tuple[int, int]]) -> list[Evaluation]:
    """Return the evaluations of several systems that one ``dp test`` appended to the same files.

    The program writes a header for the first system only, so the sizes must be known.

    :param energies: content of ``PREFIX.e.out``.
    :param forces: content of ``PREFIX.f.out``.
    :param shapes: number of frames and atoms of each system, in the order in which they were tested.
    :raises ValueError: if the files hold another number of rows.
    """
    energy_rows, force_rows = _read_table(energies, 2, "energies"), _read_table(forces, 6, "forces")
    n_energies = sum(n_frames for n_frames, _ in shapes)
    n_forces = sum(n_frames * n_atoms for n_frames, n_atoms in shapes)
    if (len(energy_rows), len(force_rows)) != (n_energies, n_forces):
        raise ValueError(
            f"dp test was to write {n_energies} energies and {n_forces} forces, "
            f"its files hold {len(energy_rows)} and {len(force_rows)}"
        )
    found = []
    first_energy = first_force = 0
    for n_frames, n_atoms in shapes:
        energy = energy_rows[first_energy : first_energy + n_frames]
        force = force_rows[first_force : first_force + n_frames * n_atoms].reshape(n_frames, n_atoms, 6)
        found.append(Evaluation(energy[:, 0], energy[:, 1], force[..., :3], force[..., 3:]))
        first_energy, first_force = first_energy + n_frames, first_force + n_frames * n_atoms
    return found


def _read_table(text: str, n_columns: int, what: str) -> FloatArray:
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if any(len(row) != n_columns for row in rows):
        raise ValueError(f"the {what} of dp test must have {n_columns} columns")
    return np.array(rows, dtype=np.float64).reshape(len(rows), n_columns)


def errors_of(evaluations: list[Evaluation]) -> dict[str, float]:
    """Return the root-mean-square errors over all frames.

    Energies are compared per atom, every frame counting once; forces by component, every component counting once.

    :raises ValueError: if there is nothing to compare.
    """
    if not evaluations:
        raise ValueError("there is nothing to compare")
    energy = np.concatenate([(e.predicted_energies - e.reference_energies) / e.n_atoms for e in evaluations])
    force = np.concatenate([(e.predicted_forces - e.reference_forces).ravel() for e in evaluations])
    return {
        "rmse_energy_eV_per_atom": float(np.sqrt(np.mean(energy**2))),
        "rmse_force_eV_A": float(np.sqrt(np.mean(force**2))),
        "mae_energy_eV_per_atom": float(np.mean(np.abs(energy))),
        "mae_force_eV_A": float(np.mean(np.abs(force))),
    }


def differences_of(evaluations: list[Evaluation], others: list[Evaluation]) -> dict[str, float]:
    """Return how far two models' predictions for the same frames are apart, under the names of :func:`errors_of`.

    :raises ValueError: if the frames are not the same.
    """
    if [e.reference_forces.shape for e in evaluations] != [e.reference_forces.shape for e in others]:
        raise ValueError("the two models were tested on different frames")
    pairs = list(zip(evaluations, others, strict=True))
    apart = [replace(a, reference_energies=b.predicted_energies, reference_forces=b.predicted_forces) for a, b in pairs]
    largest = max(float(np.max(np.abs(e.predicted_forces - e.reference_forces))) for e in apart)
    return {**errors_of(apart), "max_force_eV_A": largest}
