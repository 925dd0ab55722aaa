"""A sweep to a stated error whose engine is killed again and again decides as one that nobody touched."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.formats.deepmd_input import TrainingParameters, build_training_input
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy
from aiida_concerted.imports.deepmd import find_systems, read_system
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.conftest import SINGLE_THREAD, executable
from tests.engines import TYPE_MAP
from tests.published import needs, published

LABELS = published("LiGePS-SSE-PBE")
CRYSTAL = published("LGPS_ordered_mp-696138_experimental_lattice.cif")
NETS = {
    "cutoff_A": 5.0, "smooth_cutoff_A": 2.0, "descriptor_neurons": (8, 16, 32), "axis_neurons": 4,
    "fitting_neurons": (32, 32, 32), "start_learning_rate": 3.0e-3, "stop_learning_rate": 1.0e-5, "n_steps": 6000,
}  # fmt: skip
TEMPERATURES = [600, 700, 800, 1000]
SEED, N_KILLS = 5, 24

KILLER = """#!/bin/bash
# LAMMPS, killed after each of these times in s since its first step, one a start, until there are no more
moments=({moments})
set -m  # a process group of its own: the program is started by a script, and a kill must reach both
"{lmp}" "$@" &
number=0
while ! mkdir "{folder}/$number" 2>/dev/null; do number=$((number + 1)); done
if [ "$number" -lt "${{#moments[@]}}" ]; then
  while kill -0 $! 2>/dev/null && ! grep -q "Step " log.lammps 2>/dev/null; do sleep 0.05; done
  sleep "${{moments[$number]}}"
  kill -9 -- -$! 2>/dev/null && touch "{folder}/$number/killed"
fi
wait $!
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.lammps, needs(LABELS, CRYSTAL)]


@pytest.fixture(scope="module")
def potential_file(tmp_path_factory):
    """Return a small potential trained on published labels of LGPS."""
    folder = tmp_path_factory.mktemp("training")
    systems = []
    for path in find_systems([LABELS]):
        part = read_system(path, level_of_theory="PBE", type_map=TYPE_MAP)
        if part.frames.n_atoms == 50:
            systems.append(f"data/{len(systems)}")
            write_deepmd_npy(folder / systems[-1], part.frames, type_map=TYPE_MAP)
    content = build_training_input(TrainingParameters(display_interval_steps=2000, **NETS), TYPE_MAP, systems, seed=1)
    (folder / "input.json").write_text(json.dumps(content))
    threads = {"OMP_NUM_THREADS": "2", "DP_INTRA_OP_PARALLELISM_THREADS": "2", "DP_INTER_OP_PARALLELISM_THREADS": "1"}
    for words in (["train", "input.json"], ["freeze", "-o", "model.pb"]):
        with (folder / "dp.log").open("a") as log:
            subprocess.run(
                [executable("dp"), "--tf", *words], cwd=folder, env={**os.environ, **threads}, stdout=log, stderr=log,
                check=True,
            )  # fmt: skip
    return folder / "model.pb"


@pytest.fixture
def killing_code(fast_localhost, tmp_path):
    """Return the code of a LAMMPS that is killed at random moments, and the folder that counts its starts."""
    counts = tmp_path / "starts"
    counts.mkdir()
    numbers = random.Random(SEED)
    moments = " ".join(f"{numbers.uniform(0.5, 8.0):.2f}" for _ in range(N_KILLS))
    program = tmp_path / "lmp"
    program.write_text(KILLER.format(lmp=executable("lmp"), folder=counts, moments=moments))
    program.chmod(0o755)
    code = orm.InstalledCode(
        label="killed-lmp", computer=fast_localhost, filepath_executable=str(program), prepend_text=SINGLE_THREAD,
        default_calc_job_plugin="concerted.lammps.md",
    )  # fmt: skip
    return code.store(), counts


def sweep(lmp_code, potential_file, code=None):
    """Return outputs and node of four temperatures with two seeds each, run until D is known to 15 %.

    :param code: runs in the place of ``lmp_code``, which is looked at when the builder is filled.
    """
    from ase.io import read

    with potential_file.open("rb") as handle:
        model = DeepPotentialData(
            handle, filename="model.pb", type_map=TYPE_MAP, cutoff_A=5.0, version="3", level_of_theory="PBE"
        )
    builder = SweepWorkChain.get_builder_from_protocol(
        lmp_code, orm.StructureData(ase=read(CRYSTAL)), {"m": model}, protocol="fast",
        sites=SiteNetworkData.from_site_model("lgps"),
        overrides={
            "supercell": [1, 1, 1], "temperatures_K": TEMPERATURES, "n_seeds": 2,
            "md": {"production_ps": 6.0, "restart_interval_ps": 0.2, "framework_stride": 4},
            "target": {"diffusivity_relative_error": 0.15, "max_production_ps": 200.0},
        },
    )  # fmt: skip
    builder.run.md.code = code or lmp_code
    return run_get_node(builder)


def test_killed_at_random_a_sweep_reaches_its_target_by_the_same_decisions(
    lmp_code, killing_code, potential_file, capsys
):
    code, counts = killing_code
    killed, node = sweep(lmp_code, potential_file, code)
    undisturbed, other = sweep(lmp_code, potential_file)
    n_kills = len(list(counts.glob("*/killed")))
    plan = killed["plan"].get_dict()
    rows = [f"{len(list(counts.iterdir()))} starts of LAMMPS, {n_kills} killed; status {node.exit_status}"]
    for name, point in plan["points"].items():
        value, error = point.get("diffusivity_m2_s", 0.0), point.get("diffusivity_stderr_m2_s", 0.0)
        rows.append(
            f"{name:10} {point['n_runs']} × {point['duration_ps']:6.1f} ps   D = {value:.2e} ± {error:.1e} m²/s   "
            f"{100 * point.get('relative_error', float('nan')):5.1f} %   {point['state']}"
        )
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")
    assert n_kills > N_KILLS / 2
    assert node.exit_status == other.exit_status == 0, (node.exit_message, other.exit_message)
    assert plan["is_reached"]
    assert plan == undisturbed["plan"].get_dict()
    for name, result in undisturbed["diffusivities"].items():
        assert killed["diffusivities"][name]["diffusivity_m2_s"] == result["diffusivity_m2_s"], name
        assert killed["trajectories"][name].n_frames == undisturbed["trajectories"][name].n_frames
