"""One run, from the four input files to the last line of OUTCAR."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from aiida_concerted import __version__
from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.formats.incar import as_logical, parse_incar
from aiida_concerted.formats.vasp_output import IonicStep, MotionRecord, RunDescription, wrap
from aiida_concerted.surrogate.dynamics import Dynamics, MdState, count_degrees, thermal_velocities, thermostat_mass
from aiida_concerted.surrogate.imitation import ImitatedFailureError, Imitation, fail, read_imitation
from aiida_concerted.surrogate.inputs import RunInputs, read_inputs
from aiida_concerted.surrogate.outputs import OUTPUT_FILES, VASP_VERSION, RunOutputs
from aiida_concerted.surrogate.potential import (
    CHGNET_VERSION,
    Evaluation,
    ForceField,
    ForceFieldError,
    ForceFieldFactory,
    load_chgnet,
)
from aiida_concerted.surrogate.relaxation import Relaxation
from aiida_concerted.surrogate.settings import parameters_in_force
from aiida_concerted.surrogate.state import STATE_FILE, SavedState, load_state, save_state

FloatArray = NDArray[np.float64]

SUBVERSION = f"concerted-vasp-surrogate {__version__} (CHGNet {CHGNET_VERSION}): NOT DFT"
"""How the surrogate names itself wherever VASP would name its build."""

FINISHED, FAILED, REFUSED = 0, 1, 2


def run_in_folder(
    folder: Path,
    stdout: TextIO,
    stderr: TextIO,
    *,
    factory: ForceFieldFactory = load_chgnet,
    subversion: str = SUBVERSION,
) -> int:
    """Return the exit code of the run whose inputs lie in a folder: 0 finished, 1 failed on the way, 2 refused.

    :param folder: holds INCAR, POSCAR, POTCAR and, unless INCAR has KSPACING, KPOINTS; the outputs go there too.
    :param factory: makes the potential for the run's atoms.
    :param subversion: names the potential in the outputs.
    """
    try:
        imitation = read_imitation(os.environ)
    except ValueError as error:
        stderr.write(f"concerted-vasp-surrogate: {error}\n")
        return REFUSED
    outputs = RunOutputs(folder, subversion, stdout, imitation)
    try:
        try:
            inputs = read_inputs(folder)
            start = _starting_state(folder, inputs)
        except ValueError as error:
            return _give_up(outputs, stderr, str(error), REFUSED)
        try:
            _Run(folder, inputs, outputs, factory, subversion, imitation).go(start)
        except ImitatedFailureError as error:
            outputs.said(str(error))
            return FAILED
        except ForceFieldError as error:
            return _give_up(outputs, stderr, str(error), FAILED)
    finally:
        outputs.close()
    return FINISHED


@dataclass(frozen=True)
class _Start:
    """Where molecular dynamics begins, and how that was decided."""

    state: MdState
    cell: FloatArray
    note: str
    thermostat_mass: float | None = None


class _Run:
    """The three kinds of run share their outputs and their way to stop."""

    def __init__(
        self,
        folder: Path,
        inputs: RunInputs,
        outputs: RunOutputs,
        factory: ForceFieldFactory,
        subversion: str,
        imitation: Imitation,
    ) -> None:
        self._folder = folder
        self._inputs = inputs
        self._settings = inputs.settings
        self._outputs = outputs
        self._imitation = imitation
        outputs.begin(_description(inputs, outputs.started, subversion))
        self._force_field: ForceField = factory(inputs.poscar.species)
        self._clock = (time.perf_counter(), time.process_time())

    def go(self, start: _Start | None) -> None:
        """Do what INCAR asks for."""
        if start is not None:
            self._outputs.note(start.note)
            self._dynamics(start)
        elif self._settings.mode == "relax":
            self._relaxation()
        else:
            self._static()

    def _static(self) -> None:
        """Evaluate the structure once."""
        poscar = self._inputs.poscar
        evaluation = self._force_field(poscar.cell, poscar.positions, self._settings.with_stress)
        self._write(1, poscar.cell, poscar.positions, evaluation)
        self._outputs.contcar(replace(poscar, fractional=wrap(poscar.fractional)))
        self._outputs.finish(poscar.cell, poscar.fractional)

    def _relaxation(self) -> None:
        """Relax the structure until EDIFFG or NSW."""
        poscar, energies = self._inputs.poscar, []
        relaxation = Relaxation(self._inputs, self._force_field)
        for index, (cell, positions, evaluation) in enumerate(relaxation, start=1):
            self._write(index, cell, positions, evaluation)
            poscar = replace(poscar, cell=cell, fractional=wrap(positions @ np.linalg.inv(cell)), velocities=None)
            self._outputs.contcar(poscar)
            energies.append(evaluation.energy)
            if relaxation.is_converged(energies):
                self._outputs.converged()
                break
            if self._is_stopped():
                break
        self._outputs.finish(poscar.cell, poscar.fractional)

    def _dynamics(self, start: _Start) -> None:
        """Move the atoms for NSW steps; CONTCAR and the state hold the positions of the step after the last."""
        settings, state, cell = self._settings, start.state, start.cell
        dynamics = _equations(self._inputs, start)
        poscar = self._inputs.poscar
        for index in range(1, settings.nsw + 1):
            temperature = settings.temperature(index)
            evaluation = self._force_field(cell, state.positions, settings.with_stress)
            _check_finite(evaluation)
            if state.is_midway:
                state = dynamics.finish_step(state, evaluation.forces, temperature)
            self._write(index, cell, state.positions, evaluation, dynamics.motion(state, temperature))
            state = dynamics.begin_step(state, evaluation.forces, temperature)
            velocities = dynamics.predicted_velocities(state, evaluation.forces)
            fractional = wrap(state.positions @ np.linalg.inv(cell))
            poscar = replace(poscar, cell=cell, fractional=fractional, velocities=velocities)
            saved = SavedState(state, poscar.species, cell, settings.timestep, velocities, dynamics.thermostat_mass)
            save_state(self._folder / STATE_FILE, saved)  # first: CONTCAR alone would lose the thermostat
            self._outputs.contcar(poscar)
            if self._is_stopped():
                break
        self._outputs.finish(poscar.cell, poscar.fractional)

    def _write(
        self,
        index: int,
        cell: FloatArray,
        positions: FloatArray,
        evaluation: Evaluation,
        motion: MotionRecord | None = None,
    ) -> None:
        """Write one step."""
        _check_finite(evaluation)
        if self._imitation.ends(index):
            fail(self._imitation, self._folder, OUTPUT_FILES)
        now = (time.perf_counter(), time.process_time())
        step = IonicStep(
            index=index,
            cell=cell,
            fractional=wrap(positions @ np.linalg.inv(cell)),
            energy=evaluation.energy,
            forces=evaluation.forces,
            stress_kB=None if evaluation.stress is None else -evaluation.stress * EV_PER_A3_IN_KBAR,
            seconds=(now[0] - self._clock[0], now[1] - self._clock[1]),
            motion=motion,
            n_electronic=self._settings.nelm if self._imitation.is_unconverged(index) else 1,
        )
        self._clock = now
        self._outputs.step(step, write_positions=index % self._settings.nblock == 0)

    def _is_stopped(self) -> bool:
        """Return whether STOPCAR asks for the end, after writing so; with one electronic step both ways are one."""
        path = self._folder / "STOPCAR"
        try:
            tags = parse_incar(path.read_text(encoding="utf-8", errors="replace"), "STOPCAR").values
        except (OSError, ValueError):
            return False
        for tag in ("LABORT", "LSTOP"):
            if as_logical(tags.get(tag, "F")):
                self._outputs.stopped(hard=tag == "LABORT")
                path.unlink(missing_ok=True)
                return True
        return False


def _give_up(outputs: RunOutputs, stderr: TextIO, message: str, code: int) -> int:
    """Return the exit code after saying why."""
    outputs.failed(message)
    stderr.write(f"concerted-vasp-surrogate: {message}\n")
    return code


def _check_finite(evaluation: Evaluation) -> None:
    """Stop a run that has left the realm of numbers."""
    if not (np.isfinite(evaluation.energy) and np.isfinite(evaluation.forces).all()):
        raise ForceFieldError(
            "the potential returned an energy or a force that is not finite; look at the last positions"
        )


def _description(inputs: RunInputs, started: tuple[str, str], subversion: str) -> RunDescription:
    """Return what the outputs say before the first step."""
    pairs = zip(inputs.poscar.counts, inputs.potentials, strict=True)
    n_electrons = float(sum(count * potential.valence for count, potential in pairs))
    return RunDescription(
        version=VASP_VERSION,
        subversion=subversion,
        system=inputs.settings.system,
        incar=inputs.incar.values,
        parameters=parameters_in_force(inputs.incar, inputs.settings, n_electrons=n_electrons),
        poscar=inputs.poscar,
        kpoints=inputs.kpoints,
        potentials=inputs.potentials,
        started=started,
    )


def _equations(inputs: RunInputs, start: _Start) -> Dynamics:
    """Return the equations of motion that INCAR asks for; a thermostat that has begun keeps its mass."""
    settings = inputs.settings
    n_degrees = count_degrees(inputs.mobile, len(inputs.masses))
    mass = start.thermostat_mass if settings.has_thermostat and settings.smass == 0 else None
    if settings.has_thermostat and mass is None:
        mass = thermostat_mass(
            settings.smass,
            n_degrees=n_degrees,
            temperature=settings.temperatures[0],
            timestep=settings.timestep,
            length=float(np.linalg.norm(start.cell[0])),
        )
    return Dynamics(inputs.masses, settings.timestep, n_degrees, mass, inputs.mobile)


def _starting_state(folder: Path, inputs: RunInputs) -> _Start | None:
    """Return where molecular dynamics begins: the state file's state, POSCAR's velocities, or drawn ones.

    :raises ValueError: if there is a state file that cannot be read.
    """
    settings, poscar = inputs.settings, inputs.poscar
    if settings.mode != "md":
        return None
    aside = ""
    if (folder / STATE_FILE).exists():
        saved = load_state(folder / STATE_FILE)
        reason = saved.mismatch(poscar, settings.timestep)
        if reason is None:
            note = f"start = state ({STATE_FILE}, without a seam)"
            return _Start(saved.state, saved.cell, note, saved.thermostat_mass)
        aside = f"; {STATE_FILE} is left aside: {reason}"
    if poscar.velocities is not None:
        velocities, origin = poscar.velocities, "velocities (of POSCAR)"
        if inputs.mobile is not None:
            velocities = np.where(inputs.mobile, velocities, 0.0)
    else:
        seed = " ".join(str(number) for number in settings.seed)
        origin = f"thermal (velocities drawn at {settings.temperatures[0]:g} K, RANDOM_SEED = {seed})"
        velocities = thermal_velocities(inputs.masses, settings.temperatures[0], settings.seed, inputs.mobile)
    return _Start(MdState(poscar.positions, velocities), poscar.cell, f"start = {origin}{aside}")
