"""A small ionic crystal of Li, Ge, P and S with closed-form energies, and tiny deep potentials trained on it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.formats.deepmd_input import TrainingParameters, build_training_input
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy

TYPE_MAP = ["Li", "Ge", "P", "S"]
CHARGES = {"Li": 1.0, "Ge": 4.0, "P": 5.0, "S": -2.0}
RADII = {"Li": 0.9, "Ge": 0.9, "P": 0.8, "S": 1.7}
CUTOFF = 5.0
NETS = {
    "cutoff_A": 5.0,
    "descriptor_neurons": (6, 12),
    "axis_neurons": 4,
    "fitting_neurons": (16, 16),
    "start_learning_rate": 5.0e-3,
    "stop_learning_rate": 1.0e-4,
}
LATTICE = 5.2


def small_crystal() -> Atoms:
    """Return sixteen atoms on rock-salt sites, with the elements of LGPS."""
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cations = np.concatenate([fcc, fcc + np.array([1, 0, 0])])
    anions = cations + np.array([0.5, 0, 0])
    positions = np.concatenate([cations, anions]) * LATTICE
    return Atoms("Li5GeP2S8", positions=positions, cell=np.diag([2, 1, 1]) * LATTICE, pbc=True)


def energy_and_forces(atoms: Atoms) -> tuple[float, np.ndarray]:
    """Return energy in eV and forces in eV/Å of screened charges (a sixth of the formal ones) with soft cores.

    Each pair: A exp(-r/ρ) + q q' k exp(-r/λ)/r, shifted so that energy and force vanish at the cutoff.
    """
    i, j, distance, vector = neighbor_list("ijdD", atoms, CUTOFF)
    charge = np.array([CHARGES[s] for s in atoms.symbols]) / 6.0
    radius = np.array([RADII[s] for s in atoms.symbols])
    product, contact = charge[i] * charge[j] * 14.4, radius[i] + radius[j]

    def pair(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        core = 0.12 * np.exp((contact - r) / 0.35)
        screened = product * np.exp(-r / 2.5) / r
        return core + screened, -core / 0.35 - screened * (1 / 2.5 + 1 / r)

    (value, slope), (edge, edge_slope) = pair(distance), pair(np.full_like(distance, CUTOFF))
    energy = 0.5 * np.sum(value - edge - (distance - CUTOFF) * edge_slope)
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, i, ((slope - edge_slope) / distance)[:, None] * vector)
    return float(energy), forces


def labelled_frames(n_frames: int = 40, seed: int = 11) -> LabelledFrames:
    """Return the crystal rattled by 0.02 to 0.25 Å, with energies and forces in closed form."""
    generator = np.random.default_rng(seed)
    crystal = small_crystal()
    cells, positions, energies, forces = [], [], [], []
    for width in np.linspace(0.02, 0.25, n_frames):
        atoms = crystal.copy()
        atoms.positions += generator.normal(scale=width, size=(len(atoms), 3)).clip(-0.5, 0.5)
        energy, force = energy_and_forces(atoms)
        cells.append(atoms.cell.array)
        positions.append(atoms.positions)
        energies.append(energy)
        forces.append(force)
    return LabelledFrames(
        species=tuple(crystal.symbols),
        cells=np.array(cells),
        positions=np.array(positions),
        energies=np.array(energies),
        forces=np.array(forces),
    )


def train_models(folder: Path, dp: str, n_models: int = 2, n_steps: int = 300) -> list[Path]:
    """Return frozen models, trained at the same time by the real ``dp`` from different seeds."""
    write_deepmd_npy(folder / "data", labelled_frames(), type_map=TYPE_MAP)
    folders = [folder / f"model_{seed}" for seed in range(n_models)]
    for seed, path in enumerate(folders):
        path.mkdir()
        parameters = TrainingParameters(n_steps=n_steps, display_interval_steps=n_steps, **NETS)
        content = build_training_input(parameters, TYPE_MAP, ["../data"], seed=seed)
        (path / "input.json").write_text(json.dumps(content))
    for words in (["train", "input.json"], ["freeze", "-o", "model.pb"]):
        running = [_start([dp, "--tf", *words], path) for path in folders]
        for path, process in zip(folders, running, strict=True):
            if process.wait():
                raise RuntimeError(f"dp {words[0]} failed: {(path / 'dp.log').read_text()[-2000:]}")
    return [path / "model.pb" for path in folders]


def _start(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    threads = ("OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS")
    environment = {**os.environ, **dict.fromkeys(threads, "1"), "TF_CPP_MIN_LOG_LEVEL": "2"}
    with (folder / "dp.log").open("w") as log:
        return subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
