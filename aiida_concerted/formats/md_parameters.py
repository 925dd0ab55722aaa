"""What a molecular-dynamics run is: temperature, lengths, intervals and limits, and the steps that follow from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aiida_concerted.common.parameters import not_negative, positive, positive_integer
from aiida_concerted.common.units import FS_IN_PS

MAX_THERMO_ROWS = 20_000
RENEIGHBOUR_FS = 10.0
"""Time between neighbour lists: a lithium ion at 1200 K moves 0.2 Å in it, a tenth of the skin."""

HALT_MARGIN_K = 1000.0
"""Heat in K that an unrelaxed structure may set free."""

RESTART_INTERVAL_PS = 1.0
"""Time between two restart files where none is said: a file takes milliseconds, what it saves is recomputed."""

TIMER_STEPS = 100
"""Steps between two looks at the clock, about: a look makes LAMMPS' processes wait for each other."""


OPTIONAL_POSITIVE = (
    "anneal_from_K", "deviation_interval_ps", "restart_interval_ps", "max_temperature_K", "wall_A",
    "max_framework_displacement_A", "max_temperature_drift", "max_deviation_eV_A",
)  # fmt: skip
"""Parameters that are positive where they are given."""


@dataclass(frozen=True)
class MdParameters:
    """A run at constant temperature: heating, equilibration, production.

    :param carrier: element symbol of the mobile species.
    :param temperature_K: temperature in K.
    :param production_ps: length of the run that is kept in ps.
    :param timestep_fs: integration step in fs.
    :param anneal_from_K: temperature in K from which the run is heated; not heated when not given.
    :param anneal_ps: duration of the heating at a constant rate in ps.
    :param equilibration_ps: time at the temperature before frames are kept in ps, rounded up to whole stored frames.
    :param frame_interval_ps: time between frames in ps.
    :param framework_stride: frames from one stored framework to the next; 1 keeps all atoms of every frame.
    :param thermostat_damping_ps: relaxation time of the Nosé–Hoover thermostat in ps.
    :param pressure_bar: pressure in bar at which the three lengths of the cell follow a barostat each (NpT), its angles
        kept; the cell is fixed when not given (NVT).
    :param barostat_damping_ps: relaxation time of the barostat in ps.
    :param deviation_interval_ps: time between two looks at the committee's deviation in ps; every frame by default.
    :param restart_interval_ps: time between two restart files in ps, :data:`RESTART_INTERVAL_PS` by default, rounded
        to whole stored frames of all atoms; a run that is cut short goes on from the last of them.
    :param max_temperature_K: temperature in K beyond which the run is stopped as exploded; ten standard deviations and
        1000 K above one and a half times the highest target by default.
    :param wall_A: distance in Å below which nuclei repel each other beside the potential, by the screened Coulomb
        repulsion of Ziegler, Biersack and Littmark switched on between half this distance and all of it; no data hold
        such pairs, and a potential that never saw them may attract where they meet. None by default.
    :param max_framework_displacement_A: root mean square displacement in Å since the begin of the framework's steadiest
        element, less the framework's drift, beyond which the run is stopped as melted; not looked at when not given.
    :param max_temperature_drift: largest relative difference between the temperature of the production, averaged over
        :data:`~aiida_concerted.formats.lammps_guards.TEMPERATURE_WINDOW_PS`, and that of the heat bath; not looked at
        when not given.
    :param max_deviation_eV_A: deviation of the committee in eV/Å beyond which its word is not trusted; a run that stays
        beyond for longer than ``max_deviation_ps`` is stopped. Not looked at when not given.
    :param max_deviation_ps: time in ps that a run may stay beyond.
    :param seed: seed of the initial velocities.
    """

    carrier: str
    temperature_K: float
    production_ps: float
    timestep_fs: float = 2.0
    anneal_from_K: float | None = None
    anneal_ps: float = 0.0
    equilibration_ps: float = 0.0
    frame_interval_ps: float = 0.1
    framework_stride: int = 1
    thermostat_damping_ps: float = 0.2
    pressure_bar: float | None = None
    barostat_damping_ps: float = 2.0
    deviation_interval_ps: float | None = None
    restart_interval_ps: float | None = None
    max_temperature_K: float | None = None
    wall_A: float | None = None
    max_framework_displacement_A: float | None = None
    max_temperature_drift: float | None = None
    max_deviation_eV_A: float | None = None
    max_deviation_ps: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.carrier, str) or not self.carrier:
            raise ValueError(f"carrier must be an element symbol, got {self.carrier!r}")
        names = ("temperature_K", "production_ps", "timestep_fs", "frame_interval_ps", "thermostat_damping_ps")
        positive(**{name: getattr(self, name) for name in (*names, "barostat_damping_ps")})
        if self.pressure_bar is not None:
            not_negative(pressure_bar=self.pressure_bar)
        for name in OPTIONAL_POSITIVE:
            if getattr(self, name) is not None:
                positive(**{name: getattr(self, name)})
        not_negative(anneal_ps=self.anneal_ps, equilibration_ps=self.equilibration_ps, seed=self.seed)
        not_negative(max_deviation_ps=self.max_deviation_ps)
        positive_integer(framework_stride=self.framework_stride)
        if (self.anneal_from_K is None) != (self.anneal_ps == 0):
            raise ValueError("anneal_from_K and anneal_ps belong together: give both or none")
        if self.max_temperature_K is not None and self.max_temperature_K <= self.highest_temperature_K:
            raise ValueError("max_temperature_K must exceed the temperature of the run")
        if self.production_ps < self.frame_interval_ps:
            raise ValueError("production_ps must be at least frame_interval_ps")
        _ = self.frame_steps, self.deviation_steps

    @property
    def highest_temperature_K(self) -> float:
        """Return the highest target temperature in K."""
        return max(self.temperature_K, self.anneal_from_K or 0.0)

    def halt_temperature_K(self, n_atoms: int) -> float:
        """Return the temperature in K beyond which the run counts as exploded.

        The temperature of ``n`` atoms fluctuates by √(2/3n) of itself; what lies ten times that above does not.
        """
        spread = math.sqrt(2.0 / (3.0 * n_atoms))
        return self.max_temperature_K or (1.5 + 10.0 * spread) * self.highest_temperature_K + HALT_MARGIN_K

    @property
    def timestep_ps(self) -> float:
        """Return the integration step in ps."""
        return self.timestep_fs * FS_IN_PS

    @property
    def frame_steps(self) -> int:
        """Return the steps between frames.

        :raises ValueError: if the interval is no multiple of the time step.
        """
        return _multiple(self.frame_interval_ps, self.timestep_ps, "frame_interval_ps", "timestep_fs")

    @property
    def deviation_steps(self) -> int:
        """Return the steps between two deviations of the committee, a multiple of those between frames.

        :raises ValueError: if the interval is no multiple of the frame interval.
        """
        interval = self.deviation_interval_ps or self.frame_interval_ps
        return self.frame_steps * _multiple(
            interval, self.frame_interval_ps, "deviation_interval_ps", "frame_interval_ps"
        )

    @property
    def anneal_steps(self) -> int:
        """Return the steps of the heating."""
        return round(self.anneal_ps / self.timestep_ps)

    @property
    def first_step(self) -> int:
        """Return the step of the first frame: heating and equilibration, rounded up to a step of every interval."""
        unit = math.lcm(self.stored_steps, self.deviation_steps)
        wanted = self.anneal_steps + round(self.equilibration_ps / self.timestep_ps)
        return -(-wanted // unit) * unit

    @property
    def production_steps(self) -> int:
        """Return the steps of the production, whole frames."""
        return max(1, round(self.production_ps / self.frame_interval_ps)) * self.frame_steps

    @property
    def n_frames(self) -> int:
        """Return the number of frames of a run that ends as planned, the first and the last included."""
        return self.production_steps // self.frame_steps + 1

    @property
    def thermo_steps(self) -> int:
        """Return the steps between two rows of thermodynamic output: every frame, thinned out in long runs."""
        return self.frame_steps * -(-self.n_frames // MAX_THERMO_ROWS)

    @property
    def neighbour_steps(self) -> int:
        """Return the steps between two neighbour lists: they fall on every frame, hence on every restart file."""
        longest = max(1, int(RENEIGHBOUR_FS / self.timestep_fs))
        return max(step for step in range(1, longest + 1) if self.frame_steps % step == 0)

    @property
    def stored_steps(self) -> int:
        """Return the steps between two frames of all atoms; a restart file at such a step can be gone on from."""
        return self.frame_steps * self.framework_stride

    @property
    def restart_steps(self) -> int:
        """Return the steps between two restart files, whole frames of all atoms."""
        interval = self.restart_interval_ps or RESTART_INTERVAL_PS
        least = 2 if self.stored_steps == 1 else 1  # LAMMPS looks at the clock within a stretch, not at its end
        return max(least, round(interval / self.timestep_ps / self.stored_steps)) * self.stored_steps

    @property
    def last_step(self) -> int:
        """Return the step of the last frame."""
        return self.first_step + self.production_steps

    @property
    def timer_steps(self) -> int:
        """Return the steps between two looks at the clock, of which one at least falls between two restart files."""
        steps = max(1, min(TIMER_STEPS, self.frame_steps) // self.neighbour_steps) * self.neighbour_steps
        return min(steps, max(1, self.restart_steps // 2))

    def first_frame_step(self, start: RestartPoint | None) -> int:
        """Return the step of the first frame of a run that begins at a restart file, or anew."""
        return self.first_step if start is None else max(self.first_step, start.step)

    def can_go_on_from(self, step: int) -> bool:
        """Return whether a restart file of a step leads to the same trajectory as a run that was never cut short.

        A barostat whose temperature rises does not: its masses follow the temperature, and are not in the file.
        """
        is_heated_at_pressure = self.pressure_bar is not None and step < self.anneal_steps
        return 0 < step and step % self.stored_steps == 0 and not is_heated_at_pressure

    def check_start(self, start: RestartPoint) -> None:
        """Raise if the run cannot go on from a restart file.

        :raises ValueError: if it is of a step that other parameters lead to, or the run is no longer than that.
        """
        if not self.can_go_on_from(start.step) or start.step >= self.last_step:
            raise ValueError(
                f"a run to step {self.last_step} cannot go on from step {start.step}: take a restart file of a "
                f"multiple of {self.stored_steps} steps before its end, or make production_ps longer"
            )


@dataclass(frozen=True)
class RestartPoint:
    """Where a run goes on.

    :param step: step of the restart file.
    :param begin_eV_per_atom: potential energy in eV an atom at step 0 of the run, from which an explosion is judged.
    :param beyond_since: step from which on the committee disagreed there by more than it may, if it did.
    """

    step: int
    begin_eV_per_atom: float
    beyond_since: int | None = None


def _multiple(value: float, unit: float, name: str, unit_name: str) -> int:
    ratio = round(value / unit)
    if ratio < 1 or abs(ratio * unit - value) > 1e-6 * value:
        raise ValueError(f"{name} ({value:g}) must be a multiple of {unit_name}")
    return ratio
