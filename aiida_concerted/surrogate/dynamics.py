"""Molecular dynamics: velocity Verlet, with a Nosé–Hoover thermostat where asked for.

Lengths are in Å, times in fs, energies in eV, masses in u: VASP's own units, in which POSCAR holds velocities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.units import BOLTZMANN_EV_PER_K, U_A2_PER_FS2_IN_EV
from aiida_concerted.formats.vasp_output import MotionRecord

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

STEPS_PER_OSCILLATION = 40
"""Period of the thermostat in steps where SMASS is 0, as in VASP."""


@dataclass(frozen=True)
class MdState:
    """All that the motion depends on; immutable, so that a step cannot be half done.

    :param positions: Cartesian positions in Å, never wrapped, shape ``(n_atoms, 3)``.
    :param velocities: in Å fs⁻¹, shape ``(n_atoms, 3)``; half a step behind the positions where ``is_midway``.
    :param friction: velocity of the Nosé coordinate in fs⁻¹.
    :param reservoir: the Nosé coordinate.
    :param is_midway: whether the positions are those of the next step while its forces are not known yet.
    """

    positions: FloatArray
    velocities: FloatArray
    friction: float = 0.0
    reservoir: float = 0.0
    is_midway: bool = False


@dataclass(frozen=True)
class Dynamics:
    """Equations of motion at fixed cell.

    The thermostat is that of Nosé and Hoover in the time-reversible splitting of Martyna et al., Mol. Phys. 87, 1117
    (1996), with one thermostat; it conserves :attr:`IonicStep.conserved` up to the square of the time step.

    :param masses: in u, shape ``(n_atoms,)``.
    :param timestep: in fs.
    :param n_degrees: degrees of freedom that share the kinetic energy.
    :param thermostat_mass: in eV fs²; ``None`` without a thermostat.
    :param mobile: whether each Cartesian coordinate may move, shape ``(n_atoms, 3)``.
    """

    masses: FloatArray
    timestep: float
    n_degrees: int
    thermostat_mass: float | None = None
    mobile: BoolArray | None = None

    def begin_step(self, state: MdState, forces: FloatArray, temperature: float) -> MdState:
        """Return the state with the positions of the next step, whose forces are still to come.

        :param state: positions and velocities of one instant.
        :param forces: at these positions in eV Å⁻¹.
        :param temperature: target in K; without effect where there is no thermostat.
        """
        state = self._kick(self._thermostat(state, temperature), forces)
        return replace(state, positions=state.positions + self.timestep * state.velocities, is_midway=True)

    def finish_step(self, state: MdState, forces: FloatArray, temperature: float) -> MdState:
        """Return the state with the velocities brought to the instant of the positions.

        :param state: as :meth:`begin_step` returns it.
        :param forces: at its positions in eV Å⁻¹.
        :param temperature: target in K.
        """
        return replace(self._thermostat(self._kick(state, forces), temperature), is_midway=False)

    def predicted_velocities(self, state: MdState, forces: FloatArray) -> FloatArray:
        """Return the velocities at the instant of a midway state's positions, by the last known forces.

        Wrong by the square of the time step: good for a CONTCAR, while a continuation without a seam takes the state.

        :param forces: at the positions before, in eV Å⁻¹.
        """
        return self._kick(state, forces).velocities if state.is_midway else state.velocities

    def motion(self, state: MdState, temperature: float) -> MotionRecord:
        """Return the energies of ions and thermostat.

        :param temperature: target in K.
        """
        kinetic = self.kinetic_energy(state.velocities)
        mass = self.thermostat_mass
        thermal = self.n_degrees * BOLTZMANN_EV_PER_K
        return MotionRecord(
            kinetic=kinetic,
            thermostat_potential=0.0 if mass is None else thermal * temperature * state.reservoir,
            thermostat_kinetic=0.0 if mass is None else 0.5 * mass * state.friction**2,
            temperature=2 * kinetic / thermal if thermal else 0.0,
        )

    def kinetic_energy(self, velocities: FloatArray) -> float:
        """Return the kinetic energy in eV."""
        return kinetic_energy(self.masses, velocities)

    def _kick(self, state: MdState, forces: FloatArray) -> MdState:
        """Return the state half a step of the forces later."""
        change = forces * (0.5 * self.timestep / U_A2_PER_FS2_IN_EV) / self.masses[:, None]
        if self.mobile is not None:
            change = np.where(self.mobile, change, 0.0)
        return replace(state, velocities=state.velocities + change)

    def _thermostat(self, state: MdState, temperature: float) -> MdState:
        """Return the state half a step of the thermostat later."""
        if self.thermostat_mass is None:
            return state
        quarter = 0.25 * self.timestep
        target = self.n_degrees * BOLTZMANN_EV_PER_K * temperature
        twice_kinetic = 2 * self.kinetic_energy(state.velocities)
        friction = state.friction + quarter * (twice_kinetic - target) / self.thermostat_mass
        factor = math.exp(-2 * quarter * friction)
        reservoir = state.reservoir + 2 * quarter * friction
        friction += quarter * (twice_kinetic * factor**2 - target) / self.thermostat_mass
        return replace(state, velocities=state.velocities * factor, friction=friction, reservoir=reservoir)


def kinetic_energy(masses: FloatArray, velocities: FloatArray) -> float:
    """Return the kinetic energy in eV.

    :param masses: in u, shape ``(n_atoms,)``.
    :param velocities: in Å fs⁻¹, shape ``(n_atoms, 3)``.
    """
    return 0.5 * U_A2_PER_FS2_IN_EV * float(np.sum(masses[:, None] * velocities**2))


def thermostat_mass(smass: float, *, n_degrees: int, temperature: float, timestep: float, length: float) -> float:
    """Return the mass of the Nosé coordinate in eV fs².

    :param smass: VASP's SMASS, in u × ``length``²; 0 asks for a free oscillation of 40 steps, ``Q = 2 g k T (P/2π)²``
        after Nosé, J. Chem. Phys. 81, 511 (1984).
    :param temperature: target in K.
    :param timestep: in fs.
    :param length: length of the first lattice vector in Å.
    """
    if smass > 0:
        return smass * length**2 * U_A2_PER_FS2_IN_EV
    period = STEPS_PER_OSCILLATION * timestep
    return 2 * n_degrees * BOLTZMANN_EV_PER_K * temperature * (period / (2 * math.pi)) ** 2


def count_degrees(mobile: BoolArray | None, n_atoms: int) -> int:
    """Return the degrees of freedom: without fixed coordinates the centre of mass does not count.

    :param mobile: whether each coordinate may move, shape ``(n_atoms, 3)``; ``None`` where all may.
    """
    if mobile is None or mobile.all():
        return max(1, 3 * n_atoms - 3)
    return int(mobile.sum())


def thermal_velocities(
    masses: FloatArray, temperature: float, seed: tuple[int, ...], mobile: BoolArray | None = None
) -> FloatArray:
    """Return Maxwell–Boltzmann velocities in Å fs⁻¹, at rest as a whole and scaled to exactly the temperature.

    :param masses: in u, shape ``(n_atoms,)``.
    :param temperature: in K.
    :param seed: of the generator; the same numbers give the same velocities.
    :param mobile: whether each coordinate may move, shape ``(n_atoms, 3)``; ``None`` where all may.
    """
    normal = np.random.default_rng(list(seed)).standard_normal((len(masses), 3))
    velocities = normal / np.sqrt(masses)[:, None]
    if mobile is None or mobile.all():
        velocities -= (masses @ velocities) / masses.sum()
    else:
        velocities = np.where(mobile, velocities, 0.0)
    kinetic = kinetic_energy(masses, velocities)
    wanted = 0.5 * count_degrees(mobile, len(masses)) * BOLTZMANN_EV_PER_K * temperature
    if kinetic <= 1e-30:
        return np.zeros_like(velocities)
    return velocities * math.sqrt(wanted / kinetic)
