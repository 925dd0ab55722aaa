"""Folders of inputs and cheap potentials with known answers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from aiida_concerted.formats.poscar import Poscar, format_poscar
from aiida_concerted.surrogate.potcar import placeholder_potcar
from aiida_concerted.surrogate.potential import Evaluation
from aiida_concerted.surrogate.run import run_in_folder

SUBVERSION = "concerted-vasp-surrogate test (analytic): NOT DFT"
SPRING = 2.0


def lif(n=2, *, displaced=0.0, **changes):
    """Return a rock-salt cell of Li and F; ``n`` is 2 (primitive) or 8 (conventional)."""
    if n == 2:
        cell = 2.03 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
        fractional = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    else:
        cell = 4.06 * np.eye(3)
        fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
        fractional = np.concatenate([fcc, (fcc + 0.5) % 1])
    fractional = fractional + displaced * np.random.default_rng(1).standard_normal(fractional.shape)
    fields = {"comment": "LiF", "cell": cell, "symbols": ("Li", "F"), "counts": (n // 2, n // 2)}
    return Poscar(**{**fields, "fractional": fractional, **changes})


def write_inputs(folder: Path, incar: str, poscar: Poscar | None = None, symbols=("Li_sv", "F")) -> Path:
    """Write the four input files."""
    poscar = lif(8) if poscar is None else poscar
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "INCAR").write_text(incar)
    (folder / "POSCAR").write_text(format_poscar(poscar))
    (folder / "KPOINTS").write_text("mesh\n0\nGamma\n2 2 1\n0 0 0\n")
    (folder / "POTCAR").write_text("".join(placeholder_potcar(s, s.split("_")[0]) for s in symbols))
    return folder


class Springs:
    """Every atom bound to its first position, with pairs coupled so that energy flows; the cell breathes."""

    def __init__(self, species):
        self.sites = None
        self.calls = 0
        self.fail_at = None

    def __call__(self, cell, positions, with_stress):
        self.calls += 1
        if self.fail_at is not None and self.calls >= self.fail_at:
            raise KeyboardInterrupt
        if self.sites is None:
            self.sites = np.round(positions @ np.linalg.inv(cell) * 4) / 4
            self.cell = cell.copy()
        offsets = positions - self.sites @ self.cell
        relative = np.roll(offsets, 1, axis=0) - offsets
        energy = 0.5 * SPRING * np.sum(offsets**2) + 0.25 * np.sum(relative**4)
        pull = relative**3
        forces = -SPRING * offsets + pull - np.roll(pull, -1, axis=0)
        strain = np.linalg.inv(self.cell) @ cell - np.eye(3)
        stress = 0.05 * (strain + strain.T) / 2 + 0.001 * np.eye(3) if with_stress else None
        return Evaluation(float(energy), forces, stress)


class LennardJones:
    """ASE's smooth Lennard-Jones potential: energy, forces and stress agree, and the cell has a minimum."""

    def __init__(self, species):
        from ase.calculators.lj import LennardJones as Calculator

        self.species = species
        self.calculator = Calculator(sigma=2.0, epsilon=0.1, rc=6.0, ro=4.5, smooth=True)

    def __call__(self, cell, positions, with_stress):
        from ase import Atoms

        atoms = Atoms(self.species, cell=cell, positions=positions, pbc=True)
        atoms.calc = self.calculator
        stress = atoms.get_stress(voigt=False) if with_stress else None
        return Evaluation(atoms.get_potential_energy(), atoms.get_forces(), stress)


def run(folder: Path, factory=Springs):
    """Return exit code, standard output and standard error of a run with a cheap potential."""
    out, err = io.StringIO(), io.StringIO()
    code = run_in_folder(folder, out, err, factory=factory, subversion=SUBVERSION)
    return code, out.getvalue(), err.getvalue()
