"""The state file: positions, velocities and thermostat in full precision, so that a run can go on without a seam."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.poscar import Poscar
from aiida_concerted.surrogate.dynamics import MdState

FloatArray = NDArray[np.float64]

STATE_FILE = "surrogate.state.npz"
"""Written after every step of molecular dynamics; taken up by the next run if it belongs to that run's POSCAR."""

FORMAT = 1
POSITION_TOLERANCE_A = 1e-5
VELOCITY_TOLERANCE = 1e-6


@dataclass(frozen=True)
class SavedState:
    """A state with what tells to which POSCAR it belongs.

    :param state: the state.
    :param species: element of each atom.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param timestep: in fs.
    :param poscar_velocities: the velocities written to CONTCAR with it in Å fs⁻¹, shape ``(n_atoms, 3)``.
    :param thermostat_mass: of the Nosé coordinate in eV fs²; ``None`` without a thermostat. It goes on with the motion:
        where SMASS leaves it to the temperatures of a run, each part of a ramp would have another.
    """

    state: MdState
    species: tuple[str, ...]
    cell: FloatArray
    timestep: float
    poscar_velocities: FloatArray
    thermostat_mass: float | None = None

    def mismatch(self, poscar: Poscar, timestep: float) -> str | None:
        """Return why the state does not belong to a run that begins from this POSCAR, or ``None`` if it does.

        :param timestep: of the run in fs.
        """
        if poscar.species != self.species:
            return "its atoms are others"
        if timestep != self.timestep:
            return f"its time step is {self.timestep} fs"
        if np.abs(poscar.cell - self.cell).max() > POSITION_TOLERANCE_A:
            return "its cell is another"
        offsets = poscar.fractional - self.state.positions @ np.linalg.inv(self.cell)
        distance = float(np.linalg.norm((offsets - np.round(offsets)) @ self.cell, axis=1).max())
        if distance > POSITION_TOLERANCE_A:
            return f"an atom is {distance:.2g} Å away"
        if poscar.velocities is not None:
            if np.abs(poscar.velocities - self.poscar_velocities).max() > VELOCITY_TOLERANCE:
                return "its velocities are others"
        return None


def save_state(path: str | Path, saved: SavedState) -> None:
    """Write the state; a reader sees the old file or the new one, never half of one."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    state = saved.state
    with partial.open("wb") as stream:
        np.savez(
            stream,
            format=np.array(FORMAT),
            species=np.array(saved.species),
            cell=saved.cell,
            timestep=np.array(saved.timestep),
            poscar_velocities=saved.poscar_velocities,
            positions=state.positions,
            velocities=state.velocities,
            thermostat=np.array([state.friction, state.reservoir]),
            is_midway=np.array(state.is_midway),
            thermostat_mass=np.array(np.nan if saved.thermostat_mass is None else saved.thermostat_mass),
        )
    os.replace(partial, path)


def load_state(path: str | Path) -> SavedState:
    """Return the state in a file; nothing in it is executed.

    :raises ValueError: if the file cannot be read or is no state of this format.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as data:
            form = int(data["format"])
            friction, reservoir = (float(x) for x in data["thermostat"])
            state = MdState(data["positions"], data["velocities"], friction, reservoir, bool(data["is_midway"]))
            species = tuple(str(symbol) for symbol in data["species"])
            mass = float(data["thermostat_mass"]) if "thermostat_mass" in data else np.nan
            saved = SavedState(
                state, species, data["cell"], float(data["timestep"]), data["poscar_velocities"],
                mass if np.isfinite(mass) and mass > 0 else None,
            )  # fmt: skip
    except (OSError, KeyError, EOFError, BadZipFile, TypeError, ValueError):
        raise ValueError(f"{path.name} is not a state that the surrogate wrote; remove it") from None
    if form != FORMAT:
        raise ValueError(f"{path.name} has the format {form} where {FORMAT} is known; remove it")
    shape = (len(saved.species), 3)
    arrays = (state.positions, state.velocities, saved.poscar_velocities)
    if any(array.shape != shape or not np.isfinite(array).all() for array in arrays) or saved.cell.shape != (3, 3):
        raise ValueError(f"{path.name} holds arrays of the wrong shape or numbers that are not finite; remove it")
    return saved
