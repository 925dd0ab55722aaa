"""Two first-principles runs by a daemon, one cut by wall times: ``python -m … FOLDER DELAY …``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from aiida_concerted.environment.daemon import DemoDaemon
from aiida_concerted.environment.folder import DemoFolder
from aiida_concerted.environment.profile import prepare_computer, prepare_profile
from tests.surrogate.killed import write_killed_script

N_STEPS = 400
ARRAYS = ("positions", "energies", "forces", "cells", "virials")


def build(computer, folder: Path, name: str, *delays: float):
    from aiida import orm
    from ase.build import bulk

    from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain

    place = folder / name
    place.mkdir()
    code = orm.InstalledCode(
        label=name, computer=computer, default_calc_job_plugin="vasp.vasp",
        filepath_executable=str(write_killed_script(place, *delays)), prepend_text="export OMP_NUM_THREADS=1",
    ).store()  # fmt: skip
    atoms = bulk("LiCl", "rocksalt", a=5.13)
    atoms.positions[1] += [0.1, 0.05, 0.0]
    return VaspAimdWorkChain.get_builder_from_protocol(
        code, orm.StructureData(ase=atoms), temperature_K=300.0, protocol="fast",
        overrides={
            "n_steps": N_STEPS, "discard_steps": 0, "stride": 1, "vasp": {"potential_family": "placeholders"},
        },
    )  # fmt: skip


def upload_potentials(folder: Path) -> None:
    from aiida_vasp.data.potcar import PotcarData

    from aiida_concerted.surrogate.potcar import write_placeholder_potcars

    write_placeholder_potcars(folder, {"Li_sv": "Li", "Cl": "Cl"})
    PotcarData.upload_potcar_family(str(folder), "placeholders", "headers only", stop_if_existing=False)


def compare(cut, whole) -> dict:
    """Return what the runs did and the largest difference of each of their arrays."""
    frames = [node.outputs.frames.get_frames() for node in (cut, whole)]
    results = [node.outputs.results.get_dict() for node in (cut, whole)]
    return {
        "n_frames": [len(part) for part in frames],
        "n_segments": [result["n_segments"] for result in results],
        "gapless": [seam["is_gapless"] for seam in results[0]["seams"]],
        "differences": {
            name: float(np.abs(getattr(frames[0], name) - getattr(frames[1], name)).max()) for name in ARRAYS
        },
    }


def main(path: str, *delays: str) -> dict:
    folder = DemoFolder.at(Path(path))
    prepare_profile(folder)
    computer = prepare_computer(folder)
    from aiida.engine import submit

    upload_potentials(folder.path / "potcars")
    daemon = DemoDaemon(folder)
    daemon.ensure_running(1)
    try:
        cut = submit(build(computer, folder.path, "cut", *map(float, delays)))
        whole = submit(build(computer, folder.path, "whole"))
        deadline = time.monotonic() + 600
        while not (cut.is_terminated and whole.is_terminated) and time.monotonic() < deadline:
            time.sleep(0.5)
        ended = [(node.exit_status, node.exit_message) for node in (cut, whole)]
        return {"ended": ended, **(compare(cut, whole) if cut.is_finished_ok and whole.is_finished_ok else {})}
    finally:
        daemon.stop()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
