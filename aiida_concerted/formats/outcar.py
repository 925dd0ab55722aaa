"""OUTCAR: the parts that readers of VASP's main log look for, written step by step, and a summary read back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.formats.vasp_output import IonicStep, RunDescription

_RULE = "-" * 104
_DASHES = " " + "-" * 83

# The labels of VASP's table of the stress, and where its six components stand in the 3×3 matrix.
_VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))


def format_banner(version: str, subversion: str, started: tuple[str, str], n_ranks: int = 1) -> str:
    """Return the first lines: what runs, and when it began.

    :param started: date and time.
    :param n_ranks: number of processes.
    """
    date, time = started
    return (
        f" vasp.{version} {subversion}\n\n executed on             LinuxGNU date {date.replace(' ', '.')}  {time}\n"
        f" running on {n_ranks:4d} total cores\n\n\n{_RULE}\n\n\n"
    )


def format_setup(run: RunDescription) -> str:
    """Return what stands between the banner and the first step."""
    return "".join([_inputs(run), _dimensions(run), _electronic(run), _ionic(run), _species(run), _structure(run)])


def format_step(step: IonicStep, run: RunDescription, *, change: float) -> str:
    """Return one ionic step.

    :param change: change of the energy since the last ionic step in eV.
    """
    parts = [
        *(_electronic_step(step, number) for number in range(1, step.n_electronic + 1)),
        _stress(step),
        _cell(step, run),
        _forces(step),
        f"{_RULE}\n\n  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  {'-' * 51}\n",
        f"  free  energy   TOTEN  = {step.energy:18.8f} eV\n\n",
        f"  energy  without entropy= {step.energy:16.8f}  energy(sigma->0) = {step.energy:16.8f}\n",
        f"  d Force = 0.0000000E+00[ 0.000E+00, 0.000E+00]  d Energy = {change:14.7E}\n\n",
        _motion(step),
        f"     LOOP+:  cpu time {step.seconds[1]:10.4f}: real time {step.seconds[0]:10.4f}\n",
    ]
    return "".join(parts)


def _electronic_step(step: IonicStep, number: int) -> str:
    """Return one electronic step, counted from 1."""
    dashes = "-" * 39
    return (
        f"\n\n{dashes} Iteration {step.index:6d}({number:4d})  {dashes}\n\n\n"
        f" Free energy of the ion-electron system (eV)\n {'-' * 51}\n"
        f"  free energy    TOTEN  = {step.energy:18.8f} eV\n\n"
        f"  energy without entropy = {step.energy:16.8f}  energy(sigma->0) = {step.energy:16.8f}\n\n"
        f"      LOOP:  cpu time {step.seconds[1]:10.4f}: real time {step.seconds[0]:10.4f}\n\n{_RULE}\n\n\n"
    )


def format_converged() -> str:
    """Return the line with which a relaxation ends well."""
    return "\n\n reached required accuracy - stopping structural energy minimisation\n"


def format_stopped(*, hard: bool) -> str:
    """Return the line with which a run ends that STOPCAR asked to end."""
    return f"\n {'hard' if hard else 'soft'} stop encountered!  aborting job ...\n"


def format_timing(*, cpu: float, user: float, system: float, elapsed: float, memory_kB: float) -> str:
    """Return the closing block; its presence tells readers that the run came to its end.

    :param cpu: CPU time in s; likewise ``user``, ``system`` and the wall time ``elapsed``.
    :param memory_kB: largest resident memory in kB.
    """
    rows = {
        "Total CPU time used (sec)": f"{cpu:12.3f}",
        "User time (sec)": f"{user:12.3f}",
        "System time (sec)": f"{system:12.3f}",
        "Elapsed time (sec)": f"{elapsed:12.3f}",
    }
    text = "\n\n General timing and accounting informations for this job:\n " + "=" * 56 + "\n\n"
    text += "".join(f"{name:>41s}: {value}\n" for name, value in rows.items())
    text += f"\n{'Maximum memory used (kb)':>41s}: {memory_kB:11.0f}.\n"
    return text + f"{'Average memory used (kb)':>41s}:          N/A\n\n"


@dataclass(frozen=True)
class OutcarSummary:
    """What an OUTCAR says of its run.

    :param version: version of VASP that the file claims.
    :param build: the rest of the first line; an executable that stands in for VASP names itself here.
    :param n_steps: ionic steps begun.
    :param is_finished: whether the closing block was written.
    :param is_stopped: whether STOPCAR ended the run.
    """

    version: str
    build: str
    n_steps: int
    is_finished: bool
    is_stopped: bool


def read_outcar_summary(path: str | Path) -> OutcarSummary:
    """Return what an OUTCAR says of its run, in one pass and bounded memory.

    :raises ValueError: if the file cannot be read or is not an OUTCAR.
    """
    path = Path(path)
    first, n_steps, is_finished, is_stopped = "", 0, False, False
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                first = first or line.strip()
                if "Iteration" in line and (match := re.search(r"Iteration +(\d+)\(", line)):
                    n_steps = int(match.group(1))
                is_finished = is_finished or "General timing and accounting informations" in line
                is_stopped = is_stopped or "stop encountered!  aborting job" in line
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    match = re.match(r"vasp\.(\S+)\s*(.*)", first)
    if match is None:
        raise ValueError(f"{path} is not an OUTCAR: its first line names no version of VASP")
    return OutcarSummary(match.group(1), match.group(2), n_steps, is_finished, is_stopped)


def _inputs(run: RunDescription) -> str:
    """Return the inputs as given."""
    incar = "".join(f"   {tag} = {value}\n" for tag, value in run.incar.items())
    titles = "".join(f" POTCAR:    {potential.titel}\n" for potential in run.potentials)
    headers = "".join(
        f"   VRHFIN ={potential.element}\n   LEXCH  = {potential.functional}\n   TITEL  = {potential.titel}\n"
        f"   POMASS = {potential.mass:8.3f}; ZVAL   = {potential.valence:8.3f}    mass and valenz\n"
        f"   ENMAX  = {potential.cutoff_eV:8.3f} eV\n"
        for potential in run.potentials
    )
    return f" INCAR:\n{incar}{titles}{headers}\n"


def _dimensions(run: RunDescription) -> str:
    """Return the sizes; there are no bands and no plane waves, and none are claimed."""
    poscar = run.poscar
    counts = "".join(f"{count:16d}" if i == 0 else f"{count:4d}" for i, count in enumerate(poscar.counts))
    velocities = "" if poscar.velocities is None else "  velocities in cartesian coordinates\n"
    return (
        f" POSCAR: {poscar.comment}\n  positions in direct lattice\n{velocities}\n{_RULE}\n\n\n"
        " Dimension of arrays:\n"
        f"   k-points           NKPTS = {len(run.kpoints.points):6d}   k-points in BZ     NKDIM = "
        f"{len(run.kpoints.points):6d}   number of bands    NBANDS= {0:6d}\n"
        f"   number of dos      NEDOS = {0:6d}   number of ions     NIONS = {poscar.n_atoms:6d}\n"
        f"   total plane-waves  NPLWV = {0:6d}\n"
        f"   ions per type = {counts}\n\n"
        f" SYSTEM =  {run.system}\n POSCAR =  {poscar.comment[:40]}\n\n"
    )


def _electronic(run: RunDescription) -> str:
    """Return the electronic parameters that readers look for."""
    value = run.parameter
    return (
        f" Startparameter for this run:\n   NWRITE = {2:6d}    write-flag & timer\n\n"
        f" Electronic Relaxation 1\n   PREC   = {value('PREC')}\n"
        f"   ENCUT  = {value('ENMAX'):6.1f} eV\n"
        f"   NELM   = {value('NELM'):6d};   NELMIN= {value('NELMIN'):2d}     # of ELM steps \n"
        f"   EDIFF  = {value('EDIFF'):8.1E}   stopping-criterion for ELM\n"
        f"   ISPIN  = {value('ISPIN'):6d}    spin polarized calculation?\n\n"
    )


def _ionic(run: RunDescription) -> str:
    """Return the ionic parameters."""
    value = run.parameter
    return (
        " Ionic relaxation\n"
        f"   EDIFFG = {value('EDIFFG'):8.1E}   stopping-criterion for IOM\n"
        f"   NSW    = {value('NSW'):6d}    number of steps for IOM\n"
        f"   NBLOCK = {value('NBLOCK'):6d}\n"
        f"   IBRION = {value('IBRION'):6d}    ionic relax: 0-MD 1-quasi-New 2-CG\n"
        f"   ISIF   = {value('ISIF'):6d}    stress and relaxation\n"
        f"   POTIM  = {value('POTIM'):6.4f}    time-step for ionic-motion\n"
        f"   TEBEG  = {value('TEBEG'):6.1f};   TEEND  = {value('TEEND'):6.1f} temperature during run\n"
        f"   SMASS  = {value('SMASS'):6.2f}    Nose mass-parameter (am)\n"
        f"   MDALGO = {value('MDALGO'):6d}\n\n"
    )


def _species(run: RunDescription) -> str:
    """Return masses and valences."""
    masses = "".join(f"{potential.mass:7.2f}" for potential in run.potentials)
    valences = "".join(f"{potential.valence:7.2f}" for potential in run.potentials)
    return (
        f"  Mass of Ions in am\n   POMASS = {masses}\n  Ionic Valenz\n   ZVAL   = {valences}\n"
        f"   NELECT = {run.valence:12.4f}    total number of electrons\n\n\n{_RULE}\n\n\n"
    )


def _structure(run: RunDescription) -> str:
    """Return the initial structure and the points of the Brillouin zone."""
    rows = "".join("".join(f"{x:14.8f}" for x in position) + "\n" for position in run.poscar.fractional)
    kpoints = "".join(
        f" k-point {i:4d} :{''.join(f'{k:9.4f}' for k in point)}  plane waves: {0:7d}\n"
        for i, point in enumerate(run.kpoints.points, start=1)
    )
    return (
        f" position of ions in fractional coordinates (direct lattice) \n{rows}\n\n{_RULE}\n\n\n{kpoints}\n"
        f" maximum and minimum number of plane-waves per node : {0:9d}{0:9d}\n\n\n{_RULE}\n\n"
    )


def _stress(step: IonicStep) -> str:
    """Return the table of the stress, empty where none was computed."""
    if step.stress_kB is None:
        return ""
    in_kB = [step.stress_kB[i, j] for i, j in _VOIGT]
    in_eV = [component * step.volume / EV_PER_A3_IN_KBAR for component in in_kB]
    pressure = float(np.trace(step.stress_kB)) / 3
    blank = "\n" * 10  # readers look for "in kB" fourteen lines below the title; VASP lists the contributions between
    return (
        "  FORCE on cell =-STRESS in cart. coord.  units (eV):\n"
        "  Direction    XX          YY          ZZ          XY          YZ          ZX\n"
        f"  {'-' * 86}{blank}"
        f"  {'-' * 86}\n"
        f"  Total  {''.join(f'{component:12.5f}' for component in in_eV)}\n"
        f"  in kB  {''.join(f'{component:12.5f}' for component in in_kB)}\n"
        f"  external pressure = {pressure:12.2f} kB  Pullay stress = {0:8.2f} kB\n\n"
        + _kinetic_pressure(step, pressure)
    )


def _kinetic_pressure(step: IonicStep, pressure: float) -> str:
    """Return the ideal-gas share of the pressure, which the stress leaves out as VASP's does."""
    if step.motion is None:
        return ""
    kinetic = 2 * step.motion.kinetic / (3 * step.volume) * EV_PER_A3_IN_KBAR
    return (
        f"  kinetic pressure (ideal gas correction) = {kinetic:12.2f} kB\n"
        f"  total pressure  = {pressure + kinetic:12.2f} kB\n\n"
    )


def _cell(step: IonicStep, run: RunDescription) -> str:
    """Return the cell."""
    reciprocal = np.linalg.inv(step.cell).T
    rows = "".join(
        "  " + "".join(f"{x:15.9f}" for x in vector) + "  " + "".join(f"{x:15.9f}" for x in other) + "\n"
        for vector, other in zip(step.cell, reciprocal, strict=True)
    )
    return (
        f"\n VOLUME and BASIS-vectors are now :\n {'-' * 77}\n  energy-cutoff  : {run.parameter('ENMAX'):12.2f}\n"
        f"  volume of cell : {step.volume:12.2f}\n"
        f"      direct lattice vectors                           reciprocal lattice vectors\n{rows}\n"
    )


def _forces(step: IonicStep) -> str:
    """Return positions and forces, and what is left of the forces' sum."""
    positions = step.fractional @ step.cell
    rows = "".join(
        "".join(f"{x:13.5f}" for x in position) + " " + "".join(f"{f:14.6f}" for f in force) + "\n"
        for position, force in zip(positions, step.forces, strict=True)
    )
    drift = "".join(f"{f:14.6f}" for f in step.forces.sum(axis=0))
    return (
        f" POSITION                                       TOTAL-FORCE (eV/Angst)\n{_DASHES}\n{rows}{_DASHES}\n"
        f"    total drift:                          {drift}\n\n\n"
    )


def _motion(step: IonicStep) -> str:
    """Return the energies of the moving ions and of the thermostat."""
    if step.motion is None:
        return ""
    motion = step.motion
    return (
        "  ENERGY OF THE ELECTRON-ION-THERMOSTAT SYSTEM (eV)\n  ---------------------------------------------------\n"
        f"% ion-electron   TOTEN  = {step.energy:16.6f}  see above\n"
        f"  kinetic energy EKIN   = {motion.kinetic:16.6f}  (temperature {motion.temperature:8.2f} K)\n"
        f"  nose potential ES     = {motion.thermostat_potential:16.6f}\n"
        f"  nose kinetic   EPS    = {motion.thermostat_kinetic:16.6f}\n"
        "  ---------------------------------------------------\n"
        f"  total energy   ETOTAL = {step.conserved:16.6f} eV\n\n"
    )
