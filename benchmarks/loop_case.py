"""One loop of concurrent learning, said once for every program that runs it.

LGPS in its cell of 50 atoms, two small potentials a committee, explorations at two temperatures, labels by the stand-in
for VASP. Trust levels are so wide that every frame is a candidate: both programs label as many as they may.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms
from ase.io import read, write

from aiida_concerted.surrogate.potcar import write_placeholder_potcars
from benchmarks.engine_log import THREADS, install
from benchmarks.md_speed import lgps_cell

TYPE_MAP = ["Li", "Ge", "P", "S"]
POTCARS = {"Li_sv": "Li", "Ge_d": "Ge", "P": "P", "S": "S"}
ENGINES = {"dp": "dp", "lmp": "lmp", "vasp": "concerted-vasp-surrogate"}
START_TEMPERATURES_K = (300, 600)
START_STEPS = 60

INCAR = {
    "PREC": "Normal", "ENCUT": 400, "EDIFF": "1E-4", "ALGO": "Fast", "NELM": 100, "NELMIN": 4, "GGA": "PE",
    "ISMEAR": 0, "SIGMA": 0.05, "ISPIN": 1, "LASPH": ".TRUE.", "LREAL": ".FALSE.", "LWAVE": ".FALSE.",
    "LCHARG": ".FALSE.", "ISIF": 2, "ISYM": 0,
}  # fmt: skip
"""What the protocol ``fast`` of this package says, so that all labels are of one level of theory."""

GAMMA = "Gamma\n0\nGamma\n1 1 1\n0 0 0\n"


@dataclass(frozen=True)
class LoopScale:
    """How large the loop is.

    :param n_turns: turns that label; a last committee is trained after them.
    :param n_models: members of a committee, all trained at once.
    :param n_steps: steps of a training.
    :param n_md_steps: steps of an exploration of 1 fs.
    :param frame_steps: steps between two frames.
    :param temperatures_K: of the explorations, all at once.
    :param n_labels: labels in a turn.
    :param labels_at_once: how many of them run at once.
    """

    n_turns: int = 3
    n_models: int = 2
    n_steps: int = 800
    n_md_steps: int = 500
    frame_steps: int = 25
    temperatures_K: tuple[int, ...] = (300, 500)
    n_labels: int = 12
    labels_at_once: int = 12


NETS = {
    "cutoff_A": 5.0, "smooth_cutoff_A": 2.0, "descriptor_neurons": [8, 16, 32], "axis_neurons": 4,
    "fitting_neurons": [32, 32, 32], "start_learning_rate": 3.0e-3, "stop_learning_rate": 1.0e-5,
}  # fmt: skip


def incar_text(**more: object) -> str:
    """Return an INCAR with further tags."""
    return "".join(f"{tag} = {value}\n" for tag, value in {**INCAR, **more}.items())


def install_engines(folder: Path, log: Path) -> dict[str, Path]:
    """Return stand-ins of the engines beside this interpreter, which note their runs."""
    scripts = Path(sysconfig.get_path("scripts"))
    return {name: install(folder, name, str(scripts / program), log) for name, program in ENGINES.items()}


def write_cell(path: Path) -> Atoms:
    """Write the cell as a POSCAR with its elements in the order of the type map, and return it."""
    atoms = lgps_cell()
    atoms = atoms[[index for symbol in TYPE_MAP for index, known in enumerate(atoms.symbols) if known == symbol]]
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, atoms, format="vasp", direct=True)
    return atoms


def write_potcars(folder: Path) -> dict[str, Path]:
    """Write headers that stand for POTCARs and return their files by element."""
    write_placeholder_potcars(folder, POTCARS)
    return {element: next(folder.rglob(f"{name}/POTCAR")) for name, element in POTCARS.items()}


def make_first_labels(folder: Path) -> list[Path]:
    """Return the folders of short runs of dynamics by the stand-in for VASP, made where they are not there."""
    runs = [folder / f"{temperature}K" for temperature in START_TEMPERATURES_K]
    if all((run / "done").is_file() for run in runs):
        return runs
    shutil.rmtree(folder, ignore_errors=True)
    potcars = write_potcars(folder / "potcars")
    text = "".join(potcars[symbol].read_text() for symbol in TYPE_MAP)
    program = str(Path(sysconfig.get_path("scripts")) / ENGINES["vasp"])
    for temperature, run in zip(START_TEMPERATURES_K, runs, strict=True):
        write_cell(run / "POSCAR")
        tags = {"IBRION": 0, "NSW": START_STEPS, "POTIM": 2.0, "MDALGO": 2, "SMASS": 0, "TEBEG": temperature}
        (run / "INCAR").write_text(incar_text(**tags))
        (run / "KPOINTS").write_text(GAMMA)
        (run / "POTCAR").write_text(text)
        with (run / "vasp.log").open("w") as log:
            subprocess.run([program], cwd=run, env={**os.environ, **THREADS}, stdout=log, stderr=log, check=True)
        read(run / "vasprun.xml", index=-1)
        (run / "done").touch()
    return runs
