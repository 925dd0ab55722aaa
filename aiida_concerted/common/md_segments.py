"""Segments of one molecular-dynamics run: where each ends and the next begins, and what the seams look like."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K, U_A2_PER_FS2_IN_EV

FloatArray = NDArray[np.float64]

SAME_PLACE_A = 1e-5
"""Distance in Å below which two configurations are one: a hundred times the digits of vasprun.xml, a hundredth and less
of what a thermal atom moves in a step."""

MAX_MISFIT = 0.5
"""Largest distance from where the next step is expected, in steps: a repeated or a missing step is off by about one."""


@dataclass(frozen=True)
class MdSegment:
    """Consecutive steps of molecular dynamics.

    :param frames: one frame a step; positions may be wrapped.
    :param is_converged: whether the electrons of each step converged, shape ``(n_steps,)``.
    :param kinetic: kinetic energy of the ions in eV, shape ``(n_steps,)``.
    :param conserved: energy that the equations of motion conserve in eV, shape ``(n_steps,)``.
    :param timestep_fs: time between two frames in fs.
    :raises ValueError: if the numbers of steps disagree.
    """

    frames: LabelledFrames
    is_converged: NDArray[np.bool_]
    kinetic: FloatArray
    conserved: FloatArray
    timestep_fs: float

    def __post_init__(self) -> None:
        for name in ("is_converged", "kinetic", "conserved"):
            if getattr(self, name).shape != (len(self.frames),):
                raise ValueError(f"{name} must have one entry for each of {len(self.frames)} steps")

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.frames)

    @property
    def temperatures(self) -> FloatArray:
        """Return the instantaneous temperature of each step in K; the centre of mass does not move."""
        degrees = max(3 * self.frames.n_atoms - 3, 1)
        return np.asarray(2.0 * self.kinetic / (degrees * BOLTZMANN_EV_PER_K), dtype=np.float64)

    def first(self, n_steps: int) -> MdSegment:
        """Return the first steps."""
        return MdSegment(
            self.frames.select(np.arange(min(n_steps, len(self)))),
            self.is_converged[:n_steps],
            self.kinetic[:n_steps],
            self.conserved[:n_steps],
            self.timestep_fs,
        )


@dataclass(frozen=True)
class Seam:
    """How the first step of a segment follows the last of the segment before.

    :param after_step: number of the step before the seam, from 1 over the whole run.
    :param misfit: distance between the positions and where Newton's equation puts them from the steps before, over the
        length of a step (root mean square over atoms); below 0.5 nothing is missing or repeated.
    :param energy_jump_eV: change of the potential energy.
    :param temperature_jump_K: change of the temperature.
    :param conserved_jump_eV: change of the conserved energy; VASP counts it anew in each run.
    :param typical_energy_change_eV: root mean square of the change over a step within the segments, likewise below.
    """

    after_step: int
    misfit: float
    energy_jump_eV: float
    temperature_jump_K: float
    conserved_jump_eV: float
    typical_energy_change_eV: float
    typical_temperature_change_K: float

    @property
    def is_gapless(self) -> bool:
        """Return whether no step is missing and none repeated."""
        return self.misfit <= MAX_MISFIT

    @property
    def is_smooth(self) -> bool:
        """Return whether energy and temperature change no more than five times as much as they do elsewhere."""
        energies = abs(self.energy_jump_eV) <= 5 * self.typical_energy_change_eV
        return energies and abs(self.temperature_jump_K) <= 5 * self.typical_temperature_change_K

    def as_dict(self) -> dict[str, float | bool]:
        """Return the numbers and both verdicts by name."""
        return {**asdict(self), "is_gapless": self.is_gapless, "is_smooth": self.is_smooth}


def nearest_image(vectors: FloatArray, cell: FloatArray) -> FloatArray:
    """Return difference vectors in Å with each fractional component within half a cell.

    :param vectors: shape ``(..., 3)``.
    :param cell: lattice vectors as rows in Å.
    """
    fractional = vectors @ np.linalg.inv(cell)
    return np.asarray((fractional - np.round(fractional)) @ cell, dtype=np.float64)


def steps_before(segment: MdSegment, cell: FloatArray, positions: FloatArray, velocities: FloatArray) -> int | None:
    """Return how many steps of a segment come before a state from which the run goes on.

    The state may hold the positions of the step after the last, of the last step itself (of which a killed run may have
    written the results and not the state), or of an earlier one. Steps from there on will be computed again.

    :param cell: of the state, lattice vectors as rows in Å.
    :param positions: of the state in Å, shape ``(n_atoms, 3)``.
    :param velocities: of the state in Å/fs, shape ``(n_atoms, 3)``.
    :return: ``None`` if the state does not follow any step: something between them is missing.
    """

    def offset(step: int) -> FloatArray:
        return nearest_image(positions - segment.frames.positions[step], cell)

    last = len(segment) - 1
    if last < 0:
        return 0
    ahead = offset(last)
    if np.abs(ahead).max() < SAME_PLACE_A:
        return last
    expected = velocities * segment.timestep_fs
    scale = max(_length(expected), _stride(segment))
    if _length(ahead - expected) <= MAX_MISFIT * scale:
        return last + 1
    for step in range(last - 1, -1, -1):
        if np.abs(offset(step)).max() < SAME_PLACE_A:
            return step
    return None


def join_segments(segments: list[MdSegment], masses: FloatArray) -> tuple[MdSegment, list[Seam]]:
    """Return the steps of all segments in order, and how each seam looks.

    :param segments: cut so that each begins with the step after the last of the one before.
    :param masses: of the atoms in u, shape ``(n_atoms,)``.
    :raises ValueError: if there are none, or their time steps differ.
    """
    if not segments:
        raise ValueError("there are no segments to join")
    if len({segment.timestep_fs for segment in segments}) > 1:
        raise ValueError("segments with different time steps cannot be joined")
    joined = MdSegment(
        LabelledFrames.concatenate([segment.frames for segment in segments]),
        np.concatenate([segment.is_converged for segment in segments]),
        np.concatenate([segment.kinetic for segment in segments]),
        np.concatenate([segment.conserved for segment in segments]),
        segments[0].timestep_fs,
    )
    ends = np.cumsum([len(segment) for segment in segments])[:-1]
    return joined, [_seam(joined, int(end), ends, masses) for end in ends]


def _seam(joined: MdSegment, end: int, ends: NDArray[np.intp], masses: FloatArray) -> Seam:
    """Return how step ``end + 1`` follows step ``end`` (counted from 1)."""
    frames, temperatures = joined.frames, joined.temperatures
    within = np.setdiff1d(np.arange(len(joined) - 1), ends - 1)

    def typical(values: FloatArray) -> float:
        changes = np.diff(values)[within]
        return float(np.sqrt(np.mean(changes**2))) if len(changes) else 0.0

    return Seam(
        after_step=end,
        misfit=_misfit(joined, end, masses),
        energy_jump_eV=float(frames.energies[end] - frames.energies[end - 1]),
        temperature_jump_K=float(temperatures[end] - temperatures[end - 1]),
        conserved_jump_eV=float(joined.conserved[end] - joined.conserved[end - 1]),
        typical_energy_change_eV=typical(frames.energies),
        typical_temperature_change_K=typical(temperatures),
    )


def _misfit(joined: MdSegment, end: int, masses: FloatArray) -> float:
    """Return the distance of a step from where Verlet's rule puts it, over the length of a step."""
    frames = joined.frames
    cell = frames.cells[end - 1]
    step = nearest_image(frames.positions[end] - frames.positions[end - 1], cell)
    if end >= 2:
        reference = nearest_image(frames.positions[end - 1] - frames.positions[end - 2], cell)
        sign = 1.0
    elif end + 1 < len(frames):
        reference = nearest_image(frames.positions[end + 1] - frames.positions[end], cell)
        sign = -1.0
    else:
        return 0.0
    known = frames.forces[end - 1] if sign > 0 else frames.forces[end]
    kick = sign * known * joined.timestep_fs**2 / (masses[:, None] * U_A2_PER_FS2_IN_EV)
    scale = max(_stride(joined), _length(reference), 1e-12)
    return _length(step - reference - kick) / scale


def _stride(segment: MdSegment) -> float:
    """Return the root mean square length of a step in Å over at most a hundred of them."""
    positions = segment.frames.positions[-101:]
    moves = nearest_image(np.diff(positions, axis=0), segment.frames.cells[-1])
    return _length(moves) if len(moves) else 0.0


def _length(vectors: FloatArray) -> float:
    """Return the root mean square length in Å."""
    return float(np.sqrt(np.mean(np.sum(vectors**2, axis=-1))))
