"""A small DP-GEN project on disk: parameters, machine, structures, POTCAR headers, data and finished iterations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dpdata
import numpy as np
from ase.io import write

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy
from aiida_concerted.surrogate.potcar import write_placeholder_potcars
from tests.engines import TYPE_MAP, labelled_frames, small_crystal

POTCARS = {"Li": "Li_sv", "Ge": "Ge_d", "P": "P", "S": "S"}
PASSWORD = "hunter2"

INCAR = """SYSTEM = small crystal
PREC = Accurate
ENCUT = 450
EDIFF = 1E-6  ! tight
ISMEAR = 0; SIGMA = 0.05
NSW = 0
IBRION = -1
ISIF = 2
ISYM = 0
LWAVE = F
LREAL = A
GGA = PE
KSPACING = 0.5
KGAMMA = .TRUE.
"""

PARAM: dict[str, Any] = {
    "type_map": TYPE_MAP,
    "mass_map": [6.94, 72.63, 30.974, 32.06],
    "init_data_prefix": "data",
    "init_data_sys": ["aimd"],
    "sys_configs_prefix": "confs",
    "sys_configs": [["rest/POSCAR"], ["hot/*/POSCAR"]],
    "numb_models": 4,
    "default_training_param": {
        "_comment": "as published",
        "model": {
            "type_map": TYPE_MAP,
            "descriptor": {
                "type": "se_e2_a", "rcut": 5.0, "rcut_smth": 0.5, "sel": [40, 20, 20, 60], "neuron": [25, 50, 100],
                "axis_neuron": 12, "resnet_dt": False, "seed": 1,
            },
            "fitting_net": {"neuron": [120, 120, 120], "resnet_dt": True, "seed": 1},
        },
        "learning_rate": {"type": "exp", "start_lr": 0.002, "decay_steps": 2000, "stop_lr": 1.0e-7},
        "loss": {
            "start_pref_e": 0.02, "limit_pref_e": 2, "start_pref_f": 1000, "limit_pref_f": 1,
            "start_pref_v": 0.0, "limit_pref_v": 0.0,
        },
        "training": {"numb_steps": 200000, "seed": 1, "disp_file": "lcurve.out", "disp_freq": 2000, "save_freq": 20000,
                     "training_data": {"batch_size": "auto"}},
    },
    "model_devi_dt": 0.002,
    "model_devi_skip": 0,
    "model_devi_f_trust_lo": 0.12,
    "model_devi_f_trust_hi": 0.25,
    "model_devi_clean_traj": True,
    "model_devi_jobs": [
        {"sys_idx": [0], "temps": [300, 600], "press": [1], "trj_freq": 10, "nsteps": 1000, "ensemble": "nvt",
         "_idx": "00"},
        {"sys_idx": [0], "temps": [300, 600], "press": [1], "trj_freq": 10, "nsteps": 1000, "ensemble": "nvt"},
        {"sys_idx": [0, 1], "temps": [900], "trj_freq": 10, "nsteps": 3000, "ensemble": "nvt"},
        {"sys_idx": [1], "temps": [900], "press": [1.0, 100.0], "trj_freq": 10, "nsteps": 3000, "ensemble": "npt-a"},
    ],
    "fp_style": "vasp",
    "fp_task_max": 20,
    "fp_task_min": 2,
    "fp_accurate_threshold": 0.995,
    "fp_pp_path": "potcars",
    "fp_pp_files": ["POT_Li", "POT_Ge", "POT_P", "POT_S"],
    "fp_incar": "INCAR",
    "ratio_failed": 0.1,
}  # fmt: skip

MACHINE: dict[str, Any] = {
    "api_version": "1.0",
    "deepmd_version": "2.1.0",
    "train": {
        "command": "dp",
        "machine": {
            "batch_type": "Slurm", "context_type": "SSHContext", "local_root": "./", "remote_root": "/home/kim/work",
            "remote_profile": {"hostname": "login.example.org", "username": "kim", "password": PASSWORD, "port": 22},
        },
        "resources": {"number_node": 1, "cpu_per_node": 4, "gpu_per_node": 1, "queue_name": "gpu", "group_size": 1},
    },
    "model_devi": {
        "command": "lmp",
        "machine": {"batch_type": "Shell", "context_type": "local", "local_root": "./", "remote_root": "/scratch/work"},
        "resources": {"number_node": 1, "cpu_per_node": 4, "gpu_per_node": 1, "queue_name": "", "group_size": 10},
    },
    "fp": {
        "command": "mpirun -n 32 vasp_std",
        "machine": {"batch_type": "Slurm", "context_type": "SSHContext", "local_root": "./", "remote_root": "/w"},
        "resources": {"number_node": 2, "cpu_per_node": 16, "gpu_per_node": 0, "queue_name": "cpu", "group_size": 5,
                      "custom_flags": ["#SBATCH --account=secretproject"]},
    },
}  # fmt: skip


def write_project(folder: Path, *, n_finished: int = 2, seed: int = 1, **changes: Any) -> Path:
    """Write a project whose first iterations are finished and whose next is under way; return its ``param.json``.

    :param seed: projects of other seeds have other frames.
    :param changes: keys of ``param.json`` to replace; those that are ``None`` are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {key: value for key, value in {**PARAM, **changes}.items() if value is not None}
    (folder / "param.json").write_text(json.dumps(content, indent=2))
    (folder / "machine.json").write_text(json.dumps(MACHINE, indent=2))
    (folder / "INCAR").write_text(INCAR)
    _write_potcars(folder / "potcars")
    for number, name in enumerate(("rest", "hot/0", "hot/1")):
        (folder / "confs" / name).mkdir(parents=True, exist_ok=True)
        atoms = small_crystal()
        atoms.rattle(0.01 * number, seed=number)
        write(folder / "confs" / name / "POSCAR", atoms, format="vasp")
    write_deepmd_npy(folder / "data" / "aimd" / "deepmd", labelled_frames(5, seed=seed), type_map=TYPE_MAP)
    for number in range(n_finished + 1):
        write_iteration(folder, number, labelled_frames(3 + number, seed=1000 * seed + number))
    steps = [(i, step) for i in range(n_finished) for step in range(9)] + [(n_finished, step) for step in range(4)]
    (folder / "record.dpgen").write_text("".join(f"{i} {step}\n" for i, step in steps))
    return folder / "param.json"


def write_iteration(folder: Path, number: int, frames: LabelledFrames, *, n_failed: int = 0, system: int = 0) -> Path:
    """Write the labels of one system in one iteration as DP-GEN does, through dpdata; return their folder."""
    labels = folder / f"iter.{number:06d}" / "02.fp"
    for row in range(len(frames) + n_failed):
        task = labels / f"task.{system:03d}.{row:06d}"
        task.mkdir(parents=True)
        (task / "conf.dump").symlink_to(f"../../01.model_devi/task.{system:03d}.000000/traj/{100 * row}.lammpstrj")
    systems = dpdata.MultiSystems(*(_as_dpdata(frames, row) for row in range(len(frames))), type_map=TYPE_MAP)
    systems.to_deepmd_raw(str(labels / f"data.{system:03d}"))
    systems.to_deepmd_npy(str(labels / f"data.{system:03d}"), set_size=len(frames))
    return labels


def _as_dpdata(frames: LabelledFrames, row: int) -> dpdata.LabeledSystem:
    kinds = list(dict.fromkeys(frames.species))
    virials = np.zeros((1, 3, 3)) if frames.virials is None else frames.virials[row : row + 1]
    content = {
        "atom_names": kinds,
        "atom_numbs": [frames.species.count(kind) for kind in kinds],
        "atom_types": np.array([kinds.index(symbol) for symbol in frames.species]),
        "orig": np.zeros(3),
        "cells": frames.cells[row : row + 1],
        "coords": frames.positions[row : row + 1],
        "energies": frames.energies[row : row + 1],
        "forces": frames.forces[row : row + 1],
        "virials": virials,
    }
    return dpdata.LabeledSystem(data=content)


def _write_potcars(folder: Path) -> None:
    write_placeholder_potcars(folder / "by_name", {name: element for element, name in POTCARS.items()})
    for element, name in POTCARS.items():
        text = next((folder / "by_name").rglob(f"{name}/POTCAR")).read_text()
        (folder / f"POT_{element}").write_text(text)
