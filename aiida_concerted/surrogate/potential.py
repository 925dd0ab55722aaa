"""The potential that stands in for the electrons: CHGNet, loaded when first needed."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

GPA_IN_EV_PER_A3 = 1.0 / 160.2176634
CHGNET_VERSION = "0.3.0"


@dataclass(frozen=True)
class Evaluation:
    """Energy and its derivatives at one configuration.

    :param energy: potential energy in eV.
    :param forces: forces in eV Å⁻¹, shape ``(n_atoms, 3)``.
    :param stress: derivative of the energy by strain over the volume in eV Å⁻³ (positive under tension), shape
        ``(3, 3)``; ``None`` where not asked for.
    """

    energy: float
    forces: FloatArray
    stress: FloatArray | None = None


ForceField = Callable[[FloatArray, FloatArray, bool], Evaluation]
"""Called with lattice vectors as rows and unwrapped positions, both in Å, and whether the stress is wanted."""

ForceFieldFactory = Callable[[tuple[str, ...]], ForceField]
"""Called with the element of each atom."""


class ForceFieldError(RuntimeError):
    """The potential cannot answer, for example because the structure has flown apart."""


def load_chgnet(species: tuple[str, ...]) -> ForceField:
    """Return the CHGNet potential [Deng2023]_ for atoms of these elements; takes seconds, most of them importing torch.

    Threads are those of ``OMP_NUM_THREADS``, one where it is not set.

    :param species: element of each atom.
    :raises ForceFieldError: if the extra ``surrogate`` is not installed, or CHGNet does not know an element.

    .. [Deng2023] B. Deng et al., Nature Machine Intelligence 5, 1031 (2023).
    """
    try:
        import torch
        from chgnet.model.model import CHGNet
        from pymatgen.core.periodic_table import Element
    except ImportError as error:
        raise ForceFieldError(f"{error.name} is not installed: pip install 'aiida-concerted[surrogate]'") from None
    torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1") or 1)))
    unknown = sorted({symbol for symbol in species if not Element.is_valid_symbol(symbol) or Element(symbol).Z > 94})
    if unknown:
        raise ForceFieldError(f"CHGNet does not know {', '.join(unknown)}")
    with contextlib.redirect_stdout(io.StringIO()):  # it announces itself, and stdout is VASP's
        model = CHGNet.load(model_name=CHGNET_VERSION, use_device="cpu", verbose=False)
    return _ChgnetForceField(model, species)


class _ChgnetForceField:
    """CHGNet for one list of atoms."""

    def __init__(self, model: Any, species: tuple[str, ...]) -> None:
        model.graph_converter.set_isolated_atom_response("error")
        self._model = model
        self._species = list(species)

    def __call__(self, cell: FloatArray, positions: FloatArray, with_stress: bool) -> Evaluation:
        """Return energy, forces and, if asked for, the stress.

        :raises ForceFieldError: if an atom has no neighbour or a number is not finite.
        """
        import warnings

        from pymatgen.core.lattice import Lattice
        from pymatgen.core.structure import Structure

        # The model works in single precision: fractional coordinates far outside the cell would cost digits.
        fractional = (positions @ np.linalg.inv(cell)) % 1.0
        structure = Structure(Lattice(cell), self._species, fractional)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
            try:
                graph = self._model.graph_converter(structure)
            except (ValueError, RuntimeError) as error:
                raise ForceFieldError(f"CHGNet cannot describe the structure: {error}") from None
            prediction = self._model.predict_graph(graph, task="efs" if with_stress else "ef")
        forces = np.asarray(prediction["f"], dtype=np.float64)
        energy = float(prediction["e"]) * (len(self._species) if self._model.is_intensive else 1)
        stress = np.asarray(prediction["s"], dtype=np.float64) * GPA_IN_EV_PER_A3 if with_stress else None
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise ForceFieldError("CHGNet returned an energy or a force that is not finite")
        return Evaluation(energy, forces, stress)
