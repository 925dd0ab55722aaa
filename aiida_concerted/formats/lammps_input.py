"""The input script of a molecular-dynamics run with deep potentials in LAMMPS."""

from __future__ import annotations

import numpy as np

from aiida_concerted.formats.elements import ATOMIC_NUMBERS
from aiida_concerted.formats.lammps_guards import framework_groups, melting_guard, temperature_guard
from aiida_concerted.formats.md_parameters import MdParameters, RestartPoint

MAX_SEED = 900_000_000
"""Largest seed of LAMMPS' random numbers."""

HALT_INTERVAL = 10
"""Steps between two looks at temperature and energy; an explosion takes fewer than a hundred."""

HALT_ENERGY_EV = 0.5
"""Change of the potential energy in eV an atom since the start that no solid survives: 3/2 kT at 2000 K is 0.26 eV."""

LOG = "log.lammps"
DATA = "structure.data"
DEVIATION = "model_devi.out"
CARRIERS_DCD = "carriers.dcd"
FRAMEWORK_DCD = "framework.dcd"
FRAMEWORK_MEAN = "framework_mean.dat"
FINAL_DUMP = "final.lammpstrj"
FINAL_RESTART = "final.restart"
RESTARTS = ("restart.a", "restart.b")
START_RESTART = "start.restart"


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
    start: RestartPoint | None = None,
) -> str:
    """Return the script of a run that starts from the data file :data:`DATA`, or goes on from :data:`START_RESTART`.

    Units are LAMMPS' ``metal``: Å, ps, eV, K, bar. Atoms are not sorted, neighbour lists are built at fixed steps, and
    LAMMPS sets itself up anew at every restart file, so that a run continued from one goes the same way.

    :param parameters: the run.
    :param elements: element symbols in the order of LAMMPS' types; the carrier among them.
    :param models: files of the potentials; the first drives the run, the others give the deviation.
    :param n_atoms: atoms in the data file.
    :param timeout_s: wall time in s after which LAMMPS stops by itself.
    :param start: where a run goes on that was cut short.
    :raises ValueError: if there is no model, the carrier is not among the elements, or the run cannot go on there.
    """
    if not models:
        raise ValueError("a run needs a model")
    if parameters.carrier not in elements:
        raise ValueError(f"the structure holds no {parameters.carrier}: its elements are {', '.join(elements)}")
    if start is not None:
        parameters.check_start(start)
    system = _system(parameters, elements, models, is_restart=start is not None)
    begin = (
        _begin(parameters, elements, n_atoms) if start is None else _continuation(parameters, elements, n_atoms, start)
    )
    production = _production(parameters, len(elements) > 1, start)
    sections = [_timer(parameters, timeout_s), system, *begin, production]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _timer(parameters: MdParameters, timeout_s: int | None) -> list[str]:
    if timeout_s is None:
        return []
    hours, rest = divmod(timeout_s, 3600)
    return [f"timer timeout {hours}:{rest // 60:02d}:{rest % 60:02d} every {parameters.timer_steps}"]


def _system(parameters: MdParameters, elements: list[str], models: list[str], *, is_restart: bool) -> list[str]:
    committee = f" out_freq {parameters.deviation_steps} out_file {DEVIATION}" if len(models) > 1 else ""
    carrier_type = elements.index(parameters.carrier) + 1
    lines = [
        "units metal",
        "boundary p p p",
        "atom_style atomic",
        "atom_modify map yes sort 0 0",
        f"read_restart {START_RESTART}" if is_restart else f"read_data {DATA}",
        *_forces(parameters, elements, f"deepmd {' '.join(models)}{committee}"),
        "neighbor 2.0 bin",
        f"neigh_modify every {parameters.neighbour_steps} delay 0 check no",
        f"timestep {parameters.timestep_ps:.10g}",
        f"group carriers type {carrier_type}",
    ]
    if len(elements) > 1:
        lines.append("group framework subtract all carriers")
    if parameters.max_framework_displacement_A is not None:
        lines += framework_groups(elements, parameters.carrier)
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


def _thermo(parameters: MdParameters) -> list[str]:
    return [
        f"thermo {parameters.thermo_steps}",
        "thermo_style custom step temp pe etotal econserve press",
        'thermo_modify flush yes lost error format float "%.10g"',
    ]


def _halts(parameters: MdParameters, elements: list[str], n_atoms: int, begin: str) -> list[str]:
    """Return the guards against explosions and melting, and the restart files."""
    limit, every = parameters.max_framework_displacement_A, parameters.frame_steps
    melting = [] if limit is None else melting_guard(elements, parameters.carrier, limit, every)
    return [
        *melting,
        f"variable begin equal {begin}",
        "variable gone equal abs(pe/atoms-v_begin)",
        "variable hot equal temp",
        f"fix gone all halt {HALT_INTERVAL} v_gone > {HALT_ENERGY_EV} error hard",
        f"fix hot all halt {HALT_INTERVAL} v_hot > {parameters.halt_temperature_K(n_atoms):.10g} error hard",
        f"restart {parameters.restart_steps} {' '.join(RESTARTS)}",
    ]


def _begin(parameters: MdParameters, elements: list[str], n_atoms: int) -> list[list[str]]:
    """Return the commands of a run that begins anew."""
    first_look = "run 0"  # so that the energy of the start is known
    outputs = [*_thermo(parameters), first_look, *_halts(parameters, elements, n_atoms, "$(pe/atoms:%.12g)")]
    start = parameters.anneal_from_K or parameters.temperature_K
    heating = [f"velocity all create {start:.10g} {lammps_seed(parameters.seed)} mom yes rot no dist gaussian"]
    if parameters.anneal_steps:
        heating += _anneal(parameters, start)
    heating.append(_thermostat(parameters))
    if parameters.first_step > parameters.anneal_steps:
        heating += _run(parameters, "equilibration", parameters.anneal_steps, parameters.first_step)
    return [outputs, heating]


def _continuation(parameters: MdParameters, elements: list[str], n_atoms: int, start: RestartPoint) -> list[list[str]]:
    """Return the commands of a run that goes on.

    The thermostat comes before the first run: LAMMPS hands the state in a restart file to fixes of the same name and
    style until then, and drops what nobody took.
    """
    outputs = [*_thermo(parameters), *_halts(parameters, elements, n_atoms, f"{start.begin_eV_per_atom:.12g}")]
    heating = []
    if start.step < parameters.anneal_steps:
        heating += _anneal(parameters, parameters.anneal_from_K or parameters.temperature_K, start.step)
    heating.append(_thermostat(parameters))
    if start.step < parameters.first_step:
        first = max(start.step, parameters.anneal_steps)
        heating += _run(parameters, "equilibration", first, parameters.first_step)
    return [heating[:1], outputs, heating[1:]]


def _ensemble(parameters: MdParameters, start_K: float) -> str:
    """Return the integrator from a temperature to that of the run; its three cell lengths change independently."""
    target, damping = parameters.temperature_K, parameters.thermostat_damping_ps
    thermostat = f"temp {start_K:.10g} {target:.10g} {damping:.10g}"
    if parameters.pressure_bar is None:
        return f"nvt {thermostat}"
    pressure = parameters.pressure_bar
    return f"npt {thermostat} aniso {pressure:.10g} {pressure:.10g} {parameters.barostat_damping_ps:.10g}"


def _run(parameters: MdParameters, name: str, first: int, last: int, keywords: str = "") -> list[str]:
    """Return the commands of a run to a step, in stretches that end at restart files.

    The thermostat takes the temperature of a step from the one before, scaled; a run that goes on from a file computes
    it. The two differ in their last digit, and some hundred steps later in the positions. With a setup at every file
    both compute it. A run that LAMMPS' timer stopped is over: its further stretches are passed over.

    :param name: label of the loop.
    :param keywords: further words of the ``run`` command.
    """
    every = parameters.restart_steps
    begin, end = first // every + 1, (last - 1) // every
    loop = [
        f"variable {name} loop {begin} {end}",
        f"label {name}",
        f"run $(v_{name}*{every}) upto{keywords} post no",
        f"next {name}",
        f"jump SELF {name}",
    ]
    return [*(loop if begin <= end else []), f"run {last} upto{keywords}"]


def _anneal(parameters: MdParameters, start_K: float, first: int = 0) -> list[str]:
    """Return the heating; the target temperature of a step does not depend on where a run begins."""
    steps = parameters.anneal_steps
    return [
        f"fix heating all {_ensemble(parameters, start_K)}",
        *_run(parameters, "heating", first, steps, f" start 0 stop {steps}"),
        "unfix heating",
    ]


def _thermostat(parameters: MdParameters) -> str:
    return f"fix thermostat all {_ensemble(parameters, parameters.temperature_K)}"


def _production(parameters: MdParameters, has_framework: bool, start: RestartPoint | None) -> list[str]:
    first = max(parameters.first_step, start.step if start is not None else 0)
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
    if parameters.max_temperature_drift is not None:
        lines += temperature_guard(parameters.temperature_K, parameters.max_temperature_drift, parameters.timestep_ps)
    return [
        *lines,
        *_run(parameters, "production", first, parameters.last_step),
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
