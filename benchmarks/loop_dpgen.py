"""The loop run by DP-GEN, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.loop_case import (
    NETS,
    TYPE_MAP,
    LoopScale,
    incar_text,
    install_engines,
    make_first_labels,
    write_cell,
    write_potcars,
)

MASSES = [6.94, 72.63, 30.974, 32.06]
WIDEST = (0.001, 1000.0)
"""Trust levels in eV/Å between which every frame is a candidate."""

CONVERT = """
import sys, dpdata
for source, target in zip(sys.argv[1::2], sys.argv[2::2]):
    dpdata.LabeledSystem(source, fmt="vasp/xml").to_deepmd_npy(target)
"""


def training_input(scale: LoopScale) -> dict[str, Any]:
    """Return what DP-GEN fills in and gives to ``dp train``: the nets, rates and intervals of our protocol."""
    return {
        "model": {
            "type_map": TYPE_MAP,
            "descriptor": {
                "type": "se_e2_a", "rcut": NETS["cutoff_A"], "rcut_smth": NETS["smooth_cutoff_A"], "sel": "auto",
                "neuron": NETS["descriptor_neurons"], "axis_neuron": NETS["axis_neurons"], "resnet_dt": False,
                "type_one_side": True, "seed": 1,
            },
            "fitting_net": {"neuron": NETS["fitting_neurons"], "resnet_dt": True, "seed": 1},
        },
        "learning_rate": {
            "type": "exp", "start_lr": NETS["start_learning_rate"], "stop_lr": NETS["stop_learning_rate"],
            "decay_steps": max(1, scale.n_steps // 200),
        },
        "loss": {
            "start_pref_e": 0.02, "limit_pref_e": 1.0, "start_pref_f": 1000, "limit_pref_f": 1,
            "start_pref_v": 0.0, "limit_pref_v": 0.0,
        },
        "training": {
            "numb_steps": scale.n_steps, "seed": 1, "disp_file": "lcurve.out", "disp_freq": scale.n_steps // 100,
            "save_freq": scale.n_steps // 20, "training_data": {"batch_size": 1},
        },
    }  # fmt: skip


def parameters(scale: LoopScale) -> dict[str, Any]:
    """Return ``param.json``."""
    job = {
        "sys_idx": [0], "temps": list(scale.temperatures_K), "press": [1.0], "trj_freq": scale.frame_steps,
        "nsteps": scale.n_md_steps, "ensemble": "nvt",
    }  # fmt: skip
    return {
        "type_map": TYPE_MAP,
        "mass_map": MASSES,
        "init_data_prefix": "data",
        "init_data_sys": ["first.0", "first.1"],
        "init_batch_size": [1, 1],
        "sys_configs_prefix": "confs",
        "sys_configs": [["POSCAR"]],
        "sys_batch_size": [1],
        "numb_models": scale.n_models,
        "default_training_param": training_input(scale),
        "model_devi_dt": 0.001,
        "model_devi_skip": scale.frame_steps,  # the frame that all runs begin with is one
        "model_devi_f_trust_lo": WIDEST[0],
        "model_devi_f_trust_hi": WIDEST[1],
        "model_devi_clean_traj": True,
        "model_devi_jobs": [{**job, "_idx": f"{turn:02d}"} for turn in range(scale.n_turns)],
        "fp_style": "vasp",
        "fp_task_max": scale.n_labels,
        "fp_task_min": 1,
        "fp_pp_path": "potcars",
        "fp_pp_files": [f"POT_{symbol}" for symbol in TYPE_MAP],
        "fp_incar": "INCAR",
        "ratio_failed": 0.2,
    }


def machine(scale: LoopScale, engines: dict[str, Path], remote: Path) -> dict[str, Any]:
    """Return ``machine.json``: jobs are shell scripts on this machine, as many at once as ours."""

    def block(engine: str, group_size: int) -> dict[str, Any]:
        return {
            "command": str(engines[engine]),
            "machine": {
                "batch_type": "Shell", "context_type": "LocalContext", "local_root": "./", "remote_root": str(remote),
            },
            "resources": {
                "number_node": 1, "cpu_per_node": 1, "gpu_per_node": 0, "queue_name": "", "group_size": group_size,
            },
        }  # fmt: skip

    per_job = -(-scale.n_labels // scale.labels_at_once)
    return {
        "api_version": "1.0",
        "deepmd_version": "3.2.0",
        "train": block("dp", 1),
        "model_devi": block("lmp", 1),
        "fp": block("vasp", per_job),
    }


def prepare(folder: Path, first: Path, scale: LoopScale, python: Path) -> None:
    """Write the project of DP-GEN into a new folder.

    :param first: where the first labels are, or are to be made.
    :param python: interpreter of the environment of DP-GEN.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    remote = (folder / "remote").resolve()
    remote.mkdir()
    engines = install_engines(folder / "engines", folder / "engines.log")
    write_cell(folder / "confs" / "POSCAR")
    for symbol, path in write_potcars(folder / "potcars" / "by_name").items():
        shutil.copy(path, folder / "potcars" / f"POT_{symbol}")
    (folder / "INCAR").write_text(incar_text(IBRION=-1, NSW=0, KSPACING=10.0, KGAMMA=".TRUE."))
    words = []
    for index, run in enumerate(make_first_labels(first)):
        words += [str((run / "vasprun.xml").resolve()), f"data/first.{index}"]
    subprocess.run([str(python.absolute()), "-c", CONVERT, *words], cwd=folder, check=True, capture_output=True)
    (folder / "param.json").write_text(json.dumps(parameters(scale), indent=1))
    (folder / "machine.json").write_text(json.dumps(machine(scale, engines, remote), indent=1))


def start(folder: Path, python: Path) -> subprocess.Popen[bytes]:
    """Start ``dpgen run``, or start it again where it was ended; its words go to ``dpgen.out``."""
    program = python.with_name("dpgen").absolute()
    with (folder / "dpgen.out").open("a") as log:
        return subprocess.Popen(
            [str(program), "run", "param.json", "machine.json"], cwd=folder, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True, env=dict(os.environ),
        )  # fmt: skip


def n_labels(folder: Path) -> int:
    """Return how many labels the project holds."""
    import numpy as np

    found = folder.glob("iter.*/02.fp/data.*/**/energy.npy")
    return sum(len(np.load(path)) for path in found)
