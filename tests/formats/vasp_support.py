"""A run described, with steps of made-up numbers."""

import numpy as np

from aiida_concerted.formats.kpoints import mesh
from aiida_concerted.formats.poscar import Poscar
from aiida_concerted.formats.potcar import PotentialHeader
from aiida_concerted.formats.vasp_output import IonicStep, MotionRecord, RunDescription

PARAMETERS = {
    "general": {"SYSTEM": "test & <run>"},
    "electronic": {"PREC": "normal", "ENMAX": 400.0, "EDIFF": 1e-6, "ISPIN": 1, "NELM": 60, "NELMIN": 2},
    "ionic": {"NSW": 3, "IBRION": 0, "ISIF": 2, "MDALGO": 0, "EDIFFG": 1e-5, "POTIM": 2.0, "SMASS": -3.0},
    "ionic md": {"TEBEG": 300.0, "TEEND": 300.0, "NBLOCK": 1},
}


def description():
    """Return a run of one Li and two S atoms in an oblique cell."""
    cell = np.array([[5.0, 0, 0], [1.0, 6.0, 0], [0.5, -0.7, 7.0]])
    poscar = Poscar("Li S2", cell, ("Li", "S"), (1, 2), np.random.default_rng(0).random((3, 3)))
    potentials = (
        PotentialHeader("PAW_PBE Li_sv PLACEHOLDER", "Li_sv", "Li", "PE", 6.94, 3.0, 499.0),
        PotentialHeader("PAW_PBE S PLACEHOLDER", "S", "S", "PE", 32.06, 6.0, 280.0),
    )
    incar = {"SYSTEM": "test & <run>", "IBRION": "0", "EDIFF": "1E-6", "MAGMOM": "0.5 1 1", "LWAVE": ".FALSE."}
    return RunDescription(
        version="6.4.2", subversion="nothing (test): NOT DFT", system="test & <run>", incar=incar,
        parameters=PARAMETERS, poscar=poscar, kpoints=mesh((2, 1, 1)), potentials=potentials,
        started=("2026 01 02", "03:04:05"),
    )  # fmt: skip


def steps(n=3, *, with_stress=True, with_motion=True):
    """Return ionic steps with random numbers of the usual size."""
    rng, run, made = np.random.default_rng(1), description(), []
    for index in range(1, n + 1):
        stress = rng.standard_normal((3, 3)) * 10
        made.append(
            IonicStep(
                index=index,
                cell=run.poscar.cell * (1 + 0.01 * index),
                fractional=rng.random((3, 3)),
                energy=-12.345678901 + rng.standard_normal(),
                forces=rng.standard_normal((3, 3)),
                stress_kB=stress + stress.T if with_stress else None,
                seconds=(1.5, 1.25),
                motion=MotionRecord(0.25, -0.125, 0.0625, 645.6) if with_motion else None,
            )
        )
    return made
