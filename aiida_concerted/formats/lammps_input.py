"""The LAMMPS script of one run with deep potentials: warm up, hold, then record carriers and framework apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CARRIERS_FILE = "carriers.dcd"
FRAMEWORK_FILE = "framework.dcd"
DRIFT_FILE = "framework_mean.dat"
DEVIATION_FILE = "model_devi.out"
DATA_FILE = "atoms.data"
LOG_FILE = "log.lammps"
RESTART_FILES = ("restart.a", "restart.b")

RUNAWAY_FACTOR = 3.0
RUNAWAY_MARGIN_K = 1000.0
"""A run hotter than factor × target + margin has left physics; the canonical spread of 50 atoms at 1200 K is 140 K."""


@dataclass(frozen=True)
class RunSteps:
    """A run in integration steps.

    :param anneal: steps of heating at a constant rate.
    :param equilibrate: steps at the target temperature before anything is recorded.
    :param produce: recorded steps.
    :param frame: steps between frames; divides ``produce``.
    :param framework_stride: frames between stored frameworks.
    :param deviation: steps between deviations of the committee, a multiple of ``frame``; 0 without a committee.
    :param restart: steps between restart files; 0 for none.
    """

    anneal: int
    equilibrate: int
    produce: int
    frame: int
    framework_stride: int = 1
    deviation: int = 0
    restart: int = 0

    @property
    def first_recorded(self) -> int:
        """Return the step of the first frame: warm-up rounded up so that dumps, which count from 0, meet it."""
        interval = math.lcm(self.frame * self.framework_stride, self.deviation or 1)
        return -(-(self.anneal + self.equilibrate) // interval) * interval


@dataclass(frozen=True)
class RunPhysics:
    """What a run is.

    :param temperature_K: target temperature in K.
    :param timestep_ps: time step in ps.
    :param damping_ps: time constant of the Nosé–Hoover thermostat in ps.
    :param seed: seed of the initial velocities.
    :param start_K: temperature of the initial velocities in K.
    :param carrier: element symbol of the mobile species.
    :param types: element symbols in the order of LAMMPS' type numbers.
    :param has_framework: whether there are atoms that are not carriers.
    """

    temperature_K: float
    timestep_ps: float
    damping_ps: float
    seed: int
    start_K: float
    carrier: str
    types: tuple[str, ...]
    has_framework: bool


def write_lammps_input(
    physics: RunPhysics, steps: RunSteps, models: Sequence[str], *, walltime_s: int | None = None
) -> str:
    """Return the script.

    The committee is only consulted while recording: the driver alone is several times faster.

    :param models: files of the potentials; the first drives.
    :param walltime_s: time in s after which LAMMPS ends the run by itself, cleanly.
    """
    lines = [
        "units metal",
        "atom_style atomic",
        "boundary p p p",
        "box tilt large",
        *([f"timer timeout {_clock(walltime_s)} every 100"] if walltime_s else []),
        f"read_data {DATA_FILE}",
        "neighbor 1.0 bin",
        "neigh_modify every 10 delay 0 check yes",
        *_potential(models[:1], physics.types),
        f"group carriers type {physics.types.index(physics.carrier) + 1}",
        *(["group framework subtract all carriers"] if physics.has_framework else []),
        f"timestep {physics.timestep_ps:.12g}",
        f"velocity all create {physics.start_K:.12g} {physics.seed} mom yes rot no dist gaussian",
        f"thermo {steps.frame}",
        "thermo_style custom step temp pe ke etotal press",
        "thermo_modify lost error flush yes format float %.10g",
        "variable temperature_now equal temp",
        f"variable temperature_limit equal {RUNAWAY_FACTOR * physics.temperature_K + RUNAWAY_MARGIN_K:.12g}",
        "fix runaway all halt 10 v_temperature_now > ${temperature_limit} error soft message yes",
        *_warm_up(physics, steps),
        *_recording(physics, steps, models),
        *_thermostat(physics.temperature_K, physics.temperature_K, physics.damping_ps),
        f"run {steps.produce}",
    ]
    return "\n".join(lines) + "\n"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _potential(models: Sequence[str], types: Sequence[str], deviation: int = 0) -> list[str]:
    committee = f" out_freq {deviation} out_file {DEVIATION_FILE}" if deviation and len(models) > 1 else ""
    return [f"pair_style deepmd {' '.join(models)}{committee}", f"pair_coeff * * {' '.join(types)}"]


def _thermostat(start_K: float, stop_K: float, damping_ps: float) -> list[str]:
    return [f"fix thermostat all nvt temp {start_K:.12g} {stop_K:.12g} {damping_ps:.12g}"]


def _warm_up(physics: RunPhysics, steps: RunSteps) -> list[str]:
    hold = steps.first_recorded - steps.anneal
    lines = []
    if steps.anneal:
        lines += _thermostat(physics.start_K, physics.temperature_K, physics.damping_ps)
        lines += [f"run {steps.anneal}", "unfix thermostat"]
    if hold:
        lines += _thermostat(physics.temperature_K, physics.temperature_K, physics.damping_ps)
        lines += [f"run {hold}", "unfix thermostat"]
    return lines


def _recording(physics: RunPhysics, steps: RunSteps, models: Sequence[str]) -> list[str]:
    lines = []
    if steps.deviation and len(models) > 1:
        lines += _potential(models, physics.types, steps.deviation)
    lines += [
        f"dump carriers carriers dcd {steps.frame} {CARRIERS_FILE}",
        "dump_modify carriers unwrap yes flush yes",
    ]
    if physics.has_framework:
        lines += [
            f"dump framework framework dcd {steps.frame * steps.framework_stride} {FRAMEWORK_FILE}",
            "dump_modify framework unwrap yes flush yes",
            "compute unwrapped framework property/atom xu yu zu",
            "compute drift framework reduce ave c_unwrapped[1] c_unwrapped[2] c_unwrapped[3]",
            f"fix drift all ave/time {steps.frame} 1 {steps.frame} c_drift[1] c_drift[2] c_drift[3] "
            f'file {DRIFT_FILE} format " %.14g"',
        ]
    if steps.restart:
        lines.append(f"restart {steps.restart} {' '.join(RESTART_FILES)}")
    return lines


def read_drift(lines: list[str]) -> dict[int, tuple[float, float, float]]:
    """Return the framework's mean position in Å by step, from the file the script asks for; a cut row is dropped."""
    rows = {}
    for line in lines:
        words = line.split()
        if not line.startswith("#") and len(words) == 4:
            rows[int(words[0])] = (float(words[1]), float(words[2]), float(words[3]))
    return rows
