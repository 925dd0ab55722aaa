"""OSZICAR: one line an ionic step, the run at a glance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aiida_concerted.formats.vasp_output import IonicStep, fortran_exponent

ELECTRONIC_HEADER = "       N       E                     dE             d eps       ncg     rms          rms(c)\n"

_FIELD = re.compile(r"(\w+)\s*=\s*([-+.\dEe]+)")


@dataclass(frozen=True)
class OszicarStep:
    """One ionic step; what molecular dynamics alone has is ``None`` elsewhere.

    :param index: number of the step, from 1.
    :param free_energy: free energy in eV, seven to eight figures.
    :param temperature: instantaneous temperature in K, rounded by VASP to whole kelvins.
    :param conserved: energy of ions, electrons and thermostat in eV.
    :param kinetic: kinetic energy in eV.
    """

    index: int
    free_energy: float
    temperature: float | None = None
    conserved: float | None = None
    kinetic: float | None = None


def format_electronic_step(step: IonicStep, *, change: float) -> str:
    """Return one line for each electronic step; no residual was computed, and none is claimed.

    :param change: change of the energy since the last ionic step in eV.
    """
    energy = fortran_exponent(step.energy, 20, 12)
    rest = f"{energy}{fortran_exponent(change, 15, 5)}{fortran_exponent(0.0, 15, 5)}     0   0.000E+00\n"
    return "".join(f"DAV:{number:4d}{rest}" for number in range(1, step.n_electronic + 1))


def format_ionic_step(step: IonicStep, *, change: float) -> str:
    """Return the line that closes an ionic step.

    :param change: change of the energy since the last ionic step in eV.
    """
    energy = fortran_exponent(step.energy, 14, 8)
    if step.motion is None:
        return f"{step.index:4d} F= {energy} E0= {energy}  d E ={fortran_exponent(change, 12, 6)}\n"
    motion = step.motion
    conserved, kinetic = fortran_exponent(step.conserved, 14, 8), fortran_exponent(motion.kinetic, 11, 5)
    thermostat = [fortran_exponent(x, 8, 2) for x in (motion.thermostat_potential, motion.thermostat_kinetic)]
    return (
        f"{step.index:7d} T= {motion.temperature:5.0f}. E= {conserved} F= {energy} E0= {energy}  EK= {kinetic}"
        f" SP= {thermostat[0]} SK= {thermostat[1]}\n"
    )


def read_oszicar(path: str | Path) -> list[OszicarStep]:
    """Return the ionic steps of an OSZICAR; a last line that was cut short is left out.

    :raises ValueError: if the file cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    steps = []
    for line in text.splitlines(keepends=True):
        if "F=" not in line or not line.endswith("\n"):
            continue
        fields = {name: float(number) for name, number in _FIELD.findall(line)}
        steps.append(
            OszicarStep(int(line.split()[0]), fields["F"], fields.get("T"), _conserved(fields), fields.get("EK"))
        )
    return steps


def _conserved(fields: dict[str, float]) -> float | None:
    """Return the total energy; in a static line ``E`` is a difference instead."""
    return fields.get("E") if "T" in fields else None
