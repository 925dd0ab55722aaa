"""What every output file of one VASP run says: the run itself and each of its ionic steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.kpoints import Kpoints
from aiida_concerted.formats.poscar import Poscar
from aiida_concerted.formats.potcar import PotentialHeader

FloatArray = NDArray[np.float64]
Parameter = bool | int | float | str


@dataclass(frozen=True)
class RunDescription:
    """A run as its outputs describe it before the first step.

    :param version: version of VASP whose files are written, such as ``6.4.2``.
    :param subversion: what really made the numbers.
    :param system: the title of the run (SYSTEM).
    :param incar: tags of the INCAR as written.
    :param parameters: values in force, defaults included, in groups named as VASP's ``separator`` elements.
    :param poscar: the initial structure.
    :param kpoints: the points of the Brillouin zone.
    :param potentials: header of the potential of each group of atoms.
    :param started: date and time at which the run began, ``YYYY MM DD`` and ``HH:MM:SS``.
    """

    version: str
    subversion: str
    system: str
    incar: Mapping[str, str]
    parameters: Mapping[str, Mapping[str, Parameter]]
    poscar: Poscar
    kpoints: Kpoints
    potentials: tuple[PotentialHeader, ...]
    started: tuple[str, str]

    def parameter(self, tag: str) -> Parameter:
        """Return the value in force of a tag.

        :raises KeyError: if no group holds it.
        """
        for group in self.parameters.values():
            if tag in group:
                return group[tag]
        raise KeyError(tag)

    @property
    def valence(self) -> float:
        """Return the number of valence electrons."""
        pairs = zip(self.poscar.counts, self.potentials, strict=True)
        return float(sum(count * potential.valence for count, potential in pairs))


@dataclass(frozen=True)
class MotionRecord:
    """The ions' share in the energy of a step of molecular dynamics.

    :param kinetic: kinetic energy in eV.
    :param thermostat_potential: potential energy of the Nosé coordinate in eV.
    :param thermostat_kinetic: its kinetic energy in eV.
    :param temperature: instantaneous temperature in K.
    """

    kinetic: float
    thermostat_potential: float
    thermostat_kinetic: float
    temperature: float


@dataclass(frozen=True)
class IonicStep:
    """One ionic step.

    :param index: number of the step, from 1.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param fractional: fractional positions within [0, 1), shape ``(n_atoms, 3)``.
    :param energy: free energy in eV.
    :param forces: forces in eV Å⁻¹, shape ``(n_atoms, 3)``.
    :param stress_kB: stress in kB with VASP's sign (positive where the cell wants to expand), shape ``(3, 3)``;
        ``None`` where it was not computed.
    :param seconds: wall and CPU time of the step.
    :param motion: the ions' share, in molecular dynamics.
    :param n_electronic: electronic steps taken.
    """

    index: int
    cell: FloatArray
    fractional: FloatArray
    energy: float
    forces: FloatArray
    stress_kB: FloatArray | None = None
    seconds: tuple[float, float] = (0.0, 0.0)
    motion: MotionRecord | None = field(default=None)
    n_electronic: int = 1

    @property
    def volume(self) -> float:
        """Return the volume of the cell in Å³."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def conserved(self) -> float:
        """Return the energy that the equations of motion conserve, in eV; the free energy where nothing moves."""
        if self.motion is None:
            return self.energy
        motion = self.motion
        return self.energy + motion.kinetic + motion.thermostat_potential + motion.thermostat_kinetic


def wrap(fractional: FloatArray) -> FloatArray:
    """Return fractional positions within [0, 1).

    :param fractional: shape ``(..., 3)``.
    """
    wrapped = fractional % 1.0
    return np.where(wrapped >= 1.0, 0.0, wrapped)


def fortran_exponent(value: float, width: int, digits: int) -> str:
    """Return a number in Fortran's format ``Ew.d``, whose mantissa begins with zero (``-.17234E+02``).

    :param width: width of the field; the optional zero is dropped where it does not fit.
    :param digits: digits after the point.
    """
    mantissa, exponent = f"{abs(value):.{digits - 1}E}".split("E")
    shift = 0 if value == 0 else 1
    sign = "-" if value < 0 else ""
    figures = mantissa.replace(".", "")
    text = f"{sign}0.{figures}E{int(exponent) + shift:+03d}"
    if len(text) > width:
        text = text.replace("0.", ".", 1)
    return text.rjust(width)
