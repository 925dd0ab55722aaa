"""The input script of a molecular-dynamics run with deep potentials in LAMMPS."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aiida_concerted.common.parameters import not_negative, positive, positive_integer
from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.formats.elements import ATOMIC_NUMBERS

MAX_THERMO_ROWS = 20_000
MAX_SEED = 900_000_000
"""Largest seed of LAMMPS' random numbers."""

RENEIGHBOUR_FS = 10.0
"""Time between neighbour lists: a lithium ion at 1200 K moves 0.2 Å in it, a tenth of the skin."""

HALT_INTERVAL = 10
"""Steps between two looks at temperature and energy; an explosion takes fewer than a hundred."""

HALT_ENERGY_EV = 0.5
"""Change of the potential energy in eV an atom since the start that no solid survives: 3/2 kT at 2000 K is 0.26 eV."""

HALT_MARGIN_K = 1000.0
"""Heat in K that an unrelaxed structure may set free."""

LOG = "log.lammps"
DATA = "structure.data"
DEVIATION = "model_devi.out"
CARRIERS_DCD = "carriers.dcd"
FRAMEWORK_DCD = "framework.dcd"
FRAMEWORK_MEAN = "framework_mean.dat"
FINAL_DUMP = "final.lammpstrj"
FINAL_RESTART = "final.restart"
RESTARTS = ("restart.a", "restart.b")


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
    :param restart_interval_ps: time between two restart files in ps; none when not given.
    :param max_temperature_K: temperature in K beyond which the run is stopped as exploded; ten standard deviations and
        1000 K above one and a half times the highest target by default.
    :param wall_A: distance in Å below which nuclei repel each other beside the potential, by the screened Coulomb
        repulsion of Ziegler, Biersack and Littmark switched on between half this distance and all of it; no data hold
        such pairs, and a potential that never saw them may attract where they meet. None by default.
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
    seed: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.carrier, str) or not self.carrier:
            raise ValueError(f"carrier must be an element symbol, got {self.carrier!r}")
        names = ("temperature_K", "production_ps", "timestep_fs", "frame_interval_ps", "thermostat_damping_ps")
        positive(**{name: getattr(self, name) for name in (*names, "barostat_damping_ps")})
        if self.pressure_bar is not None:
            not_negative(pressure_bar=self.pressure_bar)
        for name in ("anneal_from_K", "deviation_interval_ps", "restart_interval_ps", "max_temperature_K", "wall_A"):
            if getattr(self, name) is not None:
                positive(**{name: getattr(self, name)})
        not_negative(anneal_ps=self.anneal_ps, equilibration_ps=self.equilibration_ps, seed=self.seed)
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
        unit = math.lcm(self.frame_steps * self.framework_stride, self.deviation_steps)
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
    def restart_steps(self) -> int:
        """Return the steps between two restart files, whole stored frames; 0 for none."""
        if self.restart_interval_ps is None:
            return 0
        unit = self.frame_steps * self.framework_stride
        return max(1, round(self.restart_interval_ps / self.timestep_ps / unit)) * unit


def _multiple(value: float, unit: float, name: str, unit_name: str) -> int:
    ratio = round(value / unit)
    if ratio < 1 or abs(ratio * unit - value) > 1e-6 * value:
        raise ValueError(f"{name} ({value:g}) must be a multiple of {unit_name}")
    return ratio


def lammps_seed(seed: int) -> int:
    """Return the seed for LAMMPS' random numbers that belongs to ``seed``."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0]) % MAX_SEED + 1


def build_lammps_input(
    parameters: MdParameters,
    elements: list[str],
    models: list[str],
    *,
    n_atoms: int,
    timeout_s: int | None = None,
) -> str:
    """Return the script of a run that starts from the data file :data:`DATA`.

    Units are LAMMPS' ``metal``: Å, ps, eV, K, bar. Atoms are not sorted and neighbour lists are built at fixed steps,
    so that a run continued from a restart file goes the same way.

    :param parameters: the run.
    :param elements: element symbols in the order of LAMMPS' types; the carrier among them.
    :param models: files of the potentials; the first drives the run, the others give the deviation.
    :param n_atoms: atoms in the data file.
    :param timeout_s: wall time in s after which LAMMPS stops by itself.
    :raises ValueError: if there is no model, or the carrier is not among the elements.
    """
    if not models:
        raise ValueError("a run needs a model")
    if parameters.carrier not in elements:
        raise ValueError(f"the structure holds no {parameters.carrier}: its elements are {', '.join(elements)}")
    sections = [
        _timer(parameters, timeout_s),
        _system(parameters, elements, models),
        _outputs(parameters, n_atoms),
        _heating(parameters),
        _production(parameters, len(elements) > 1),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _timer(parameters: MdParameters, timeout_s: int | None) -> list[str]:
    if timeout_s is None:
        return []
    hours, rest = divmod(timeout_s, 3600)
    return [f"timer timeout {hours}:{rest // 60:02d}:{rest % 60:02d} every {min(100, parameters.frame_steps)}"]


def _system(parameters: MdParameters, elements: list[str], models: list[str]) -> list[str]:
    committee = f" out_freq {parameters.deviation_steps} out_file {DEVIATION}" if len(models) > 1 else ""
    carrier_type = elements.index(parameters.carrier) + 1
    lines = [
        "units metal",
        "boundary p p p",
        "atom_style atomic",
        "atom_modify map yes sort 0 0",
        f"read_data {DATA}",
        *_forces(parameters, elements, f"deepmd {' '.join(models)}{committee}"),
        "neighbor 2.0 bin",
        f"neigh_modify every {parameters.neighbour_steps} delay 0 check no",
        f"timestep {parameters.timestep_ps:.10g}",
        f"group carriers type {carrier_type}",
    ]
    if len(elements) > 1:
        lines.append("group framework subtract all carriers")
    return lines


def _forces(parameters: MdParameters, elements: list[str], deepmd: str) -> list[str]:
    """Return the commands of the potential, and of the repulsion of nuclei where it is asked for."""
    if parameters.wall_A is None:
        return [f"pair_style {deepmd}", f"pair_coeff * * {' '.join(elements)}"]
    numbers = [ATOMIC_NUMBERS[symbol] for symbol in elements]
    pairs = [(i, j) for i in range(len(numbers)) for j in range(i, len(numbers))]
    return [
        f"pair_style hybrid/overlay {deepmd} zbl {0.5 * parameters.wall_A:.10g} {parameters.wall_A:.10g}",
        f"pair_coeff * * deepmd {' '.join(elements)}",
        *(f"pair_coeff {i + 1} {j + 1} zbl {numbers[i]} {numbers[j]}" for i, j in pairs),
    ]


def _outputs(parameters: MdParameters, n_atoms: int) -> list[str]:
    lines = [
        f"thermo {parameters.thermo_steps}",
        "thermo_style custom step temp pe etotal econserve press",
        'thermo_modify flush yes lost error format float "%.10g"',
        "run 0",  # so that the energy of the start is known
        "variable begin equal $(pe/atoms:%.12g)",
        "variable gone equal abs(pe/atoms-v_begin)",
        "variable hot equal temp",
        f"fix gone all halt {HALT_INTERVAL} v_gone > {HALT_ENERGY_EV} error hard",
        f"fix hot all halt {HALT_INTERVAL} v_hot > {parameters.halt_temperature_K(n_atoms):.10g} error hard",
    ]
    if parameters.restart_steps:
        lines.append(f"restart {parameters.restart_steps} {' '.join(RESTARTS)}")
    return lines


def _ensemble(parameters: MdParameters, start_K: float) -> str:
    """Return the integrator from a temperature to that of the run; its three cell lengths change independently."""
    target, damping = parameters.temperature_K, parameters.thermostat_damping_ps
    thermostat = f"temp {start_K:.10g} {target:.10g} {damping:.10g}"
    if parameters.pressure_bar is None:
        return f"nvt {thermostat}"
    pressure = parameters.pressure_bar
    return f"npt {thermostat} aniso {pressure:.10g} {pressure:.10g} {parameters.barostat_damping_ps:.10g}"


def _heating(parameters: MdParameters) -> list[str]:
    target = parameters.temperature_K
    start = parameters.anneal_from_K or target
    lines = [f"velocity all create {start:.10g} {lammps_seed(parameters.seed)} mom yes rot no dist gaussian"]
    if parameters.anneal_steps:
        lines += [
            f"fix heating all {_ensemble(parameters, start)}",
            f"run {parameters.anneal_steps}",
            "unfix heating",
        ]
    lines.append(f"fix thermostat all {_ensemble(parameters, target)}")
    equilibration = parameters.first_step - parameters.anneal_steps
    if equilibration:
        lines.append(f"run {equilibration}")
    return lines


def _production(parameters: MdParameters, has_framework: bool) -> list[str]:
    every = parameters.frame_steps
    lines = [f"dump carriers carriers dcd {every} {CARRIERS_DCD}", "dump_modify carriers unwrap yes"]
    if has_framework:
        # the plain mean of the framework's unwrapped positions, not weighted by mass: `compute com` would weight
        lines += [
            f"dump framework framework dcd {every * parameters.framework_stride} {FRAMEWORK_DCD}",
            "dump_modify framework unwrap yes",
            "compute unwrapped framework property/atom xu yu zu",
            "compute mean framework reduce ave c_unwrapped[1] c_unwrapped[2] c_unwrapped[3]",
            f"fix mean all ave/time {every} 1 {every} c_mean[1] c_mean[2] c_mean[3] "
            f'file {FRAMEWORK_MEAN} format " %.12g"',
        ]
    return [
        *lines,
        f"run {parameters.production_steps}",
        f"write_dump all custom {FINAL_DUMP} id type xu yu zu modify sort id format float %.12g",
        f"write_restart {FINAL_RESTART}",
    ]


def read_framework_mean(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps and the framework's mean unwrapped positions in Å of :data:`FRAMEWORK_MEAN`.

    A last row that was cut off is left out.

    :return: steps, shape ``(n,)``, and positions in LAMMPS' axes, shape ``(n, 3)``.
    :raises ValueError: if a row does not hold a step and three numbers.
    """
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        lines = lines[:-1]
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    if any(len(row) != 4 for row in rows):
        raise ValueError(f"{FRAMEWORK_MEAN} must hold a step and three numbers in each row")
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 4)
    return table[:, 0].astype(np.int64), table[:, 1:]
