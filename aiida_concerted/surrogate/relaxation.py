"""Relaxation of positions, and with ISIF 3 of the cell, by ASE's BFGS."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.surrogate.inputs import RunInputs
from aiida_concerted.surrogate.potential import Evaluation, ForceField

FloatArray = NDArray[np.float64]

LARGEST_MOVE_A = 0.1
"""Bound on the move of an atom in one step; a potential fitted near minima should not be asked far from them."""


class Relaxation:
    """Structures on the way to a minimum, each evaluated once.

    IBRION 1 and 2 take the same path, quasi-Newton with BFGS; VASP's own paths differ, the minimum does not.

    :param inputs: the run.
    :param force_field: the potential.
    """

    def __init__(self, inputs: RunInputs, force_field: ForceField) -> None:
        # ASE has no types, and takes long to import: both are kept to this class.
        ase, constraints, filters = (import_module(name) for name in ("ase", "ase.constraints", "ase.filters"))
        self._settings = inputs.settings
        poscar = inputs.poscar
        atoms: Any = ase.Atoms(poscar.species, cell=poscar.cell, positions=poscar.positions, pbc=True)
        self._calculator = _calculator(force_field, inputs.settings.with_stress)
        atoms.calc = self._calculator
        if inputs.mobile is not None:
            rows = enumerate(inputs.mobile)
            atoms.set_constraint([constraints.FixCartesian(i, ~free) for i, free in rows if not free.all()])
        self._atoms = atoms
        self._target = filters.FrechetCellFilter(atoms) if inputs.settings.isif == 3 else atoms

    def __iter__(self) -> Iterator[tuple[FloatArray, FloatArray, Evaluation]]:
        """Yield the cell, the Cartesian positions and the evaluation of at most NSW structures."""
        optimiser = import_module("ase.optimize").BFGS(self._target, logfile=None, maxstep=LARGEST_MOVE_A)
        for _ in optimiser.irun(fmax=0.0, steps=max(0, self._settings.nsw - 1)):
            yield self._atoms.cell.array.copy(), self._atoms.positions.copy(), self._calculator.evaluation

    def is_converged(self, energies: list[float]) -> bool:
        """Return whether EDIFFG is met: forces below its magnitude where it is negative, else the change of energy.

        :param energies: of all structures so far in eV.
        """
        criterion = self._settings.ediffg
        if criterion < 0:
            return bool(np.linalg.norm(self._target.get_forces(), axis=1).max() < -criterion)
        return len(energies) > 1 and abs(energies[-1] - energies[-2]) < criterion


def _calculator(force_field: ForceField, with_stress: bool) -> Any:
    """Return an ASE calculator that asks the potential once for each structure and keeps its answer."""
    base: Any = import_module("ase.calculators.calculator")
    stress: Any = import_module("ase.stress")

    class SurrogateCalculator(base.Calculator):  # type: ignore[misc]
        """The potential as ASE sees it."""

        implemented_properties = ["energy", "free_energy", "forces", "stress"]
        evaluation: Evaluation

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = base.all_changes) -> None:
            """Evaluate the potential."""
            super().calculate(atoms, properties, system_changes)
            self.evaluation = force_field(self.atoms.cell.array.copy(), self.atoms.positions.copy(), with_stress)
            energy = self.evaluation.energy
            self.results = {"energy": energy, "free_energy": energy, "forces": self.evaluation.forces}
            if self.evaluation.stress is not None:
                self.results["stress"] = stress.full_3x3_to_voigt_6_stress(self.evaluation.stress)

    return SurrogateCalculator()
