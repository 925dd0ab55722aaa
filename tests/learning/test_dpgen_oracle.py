"""Rules, caps and screens against DP-GEN itself, where it is installed: random tables of deviations and cells."""

import random
import warnings
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from aiida_concerted.learning.picking import Policy, pick_frames
from aiida_concerted.learning.quota import Quota
from aiida_concerted.learning.rules import AdaptiveRule, DpgenRule
from aiida_concerted.learning.screens import Geometry, Screens
from tests.learning.tables import levels, random_runs

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dpgen.generator.run as dpgen
except ImportError:
    dpgen = None

SEEDS = range(40 if dpgen else 1)
FORCE, VIRIAL = levels(0.12, 0.25), levels(0.1, 0.3)
SCREENS = {"length_ratio": 2.0, "height_ratio": 2.5, "wrap_ratio": 0.6, "tilt_ratio": 0.5}
DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS xy xz yz pp pp pp
{bounds}
ITEM: ATOMS id type x y z
1 1 {first}
2 2 {second}
"""


pytestmark = pytest.mark.skipif(dpgen is None, reason="DP-GEN is not installed")


def write_tasks(folder: Path, runs):
    """Write the deviations as DP-GEN finds them, each step twice: the last row of a step is the true one."""
    for name, run in runs.items():
        task = folder / name
        task.mkdir(parents=True)
        table = np.zeros((len(run), 7))
        table[:, 0], table[:, 1], table[:, 4] = run.steps, run.max_virial, run.max_force
        wrong = table.copy()
        wrong[:, [1, 4]] = 9.9
        np.savetxt(task / "model_devi.out", np.concatenate([wrong, table]), fmt=["%12d"] + ["%22.6e"] * 6)
    return sorted(str(folder / name) for name in runs)


def names_and_steps(runs, classes, which):
    return {(name, int(step)) for name, run in runs.items() for step in run.steps[getattr(classes[name], which)]}


def as_pairs(rows):
    return {(Path(task).name, int(step)) for task, step in rows}


@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen_standard(tmp_path, seed):
    runs = random_runs(seed, n_systems=1)
    classes = DpgenRule(FORCE, VIRIAL).judge(runs).classes
    accurate, candidate, failed, _ = dpgen._select_by_model_devi_standard(
        write_tasks(tmp_path, runs), 0.12, 0.25, 0.1, 0.3, None, "lammps"
    )
    for which, theirs in (("accurate", accurate), ("candidate", candidate), ("failed", failed)):
        assert names_and_steps(runs, classes, which) == as_pairs(theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen_adaptive(tmp_path, seed):
    runs = random_runs(seed, n_systems=1)
    generator = np.random.default_rng(seed)
    numbers = {"number_force": int(generator.integers(0, 30)), "number_virial": int(generator.integers(0, 5))}
    percent = {"force": float(generator.integers(0, 30)), "virial": float(generator.integers(0, 10))}
    rule = AdaptiveRule(
        FORCE, VIRIAL, **numbers, share_force=percent["force"] * 0.01, share_virial=percent["virial"] * 0.01
    )
    judgement = rule.judge(runs)
    accurate, candidate, failed, _, lower, _ = dpgen._select_by_model_devi_adaptive_trust_low(
        write_tasks(tmp_path, runs),
        0.25, numbers["number_force"], percent["force"], 0.3, numbers["number_virial"], percent["virial"],
    )  # fmt: skip
    for which, theirs in (("accurate", accurate), ("candidate", candidate), ("failed", failed)):
        assert names_and_steps(runs, judgement.classes, which) == as_pairs(theirs)
    assert judgement.levels["task.000.000000"][0] == pytest.approx(lower)


@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen_number_of_labels(tmp_path, monkeypatch, seed):
    runs = random_runs(seed, n_systems=2)
    generator = np.random.default_rng(seed)
    maximum, minimum = int(generator.integers(1, 60)), int(generator.integers(0, 10))
    soft = float(generator.uniform(0.02, 0.08))
    threshold = soft + float(generator.uniform(0.01, 0.1))
    quota = Quota(maximum, minimum, threshold, soft)
    ours = pick_frames(runs, Policy(DpgenRule(FORCE, VIRIAL), quota, scope="system"), seed=seed)
    monkeypatch.chdir(tmp_path)
    write_tasks(tmp_path / "modd", runs)
    (tmp_path / "fp").mkdir()
    random.seed(seed)
    monkeypatch.setattr(dpgen.dpdata, "System", Mock())  # no trajectories here: the POSCAR files are not looked at
    settings = {"fp_accurate_threshold": threshold, "fp_accurate_soft_threshold": soft}
    tasks = dpgen._make_fp_vasp_inner(
        0, "modd", "fp", 0, 0.1, 0.3, 0.12, 0.25, minimum, maximum, [], ["Li", "S"], settings
    )
    theirs = [Path(task).name.split(".")[1] for task in tasks]
    assert ours.caps == {system: theirs.count(system) for system in ("000", "001")}


@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen_bad_boxes(tmp_path, seed):
    generator = np.random.default_rng(seed)
    lengths, tilts = generator.uniform(3, 8, 3), generator.uniform(-2.4, 2.4, 3)
    cell = np.diag(lengths)
    cell[1, 0], cell[2, 0], cell[2, 1] = tilts
    positions = generator.uniform(0, 1, (2, 3)) @ cell
    low = [min(0, tilts[0], tilts[1], tilts[0] + tilts[1]), min(0, tilts[2]), 0]
    high = [max(0, tilts[0], tilts[1], tilts[0] + tilts[1]), max(0, tilts[2]), 0]
    bounds = "\n".join(f"{low[k]:.12f} {lengths[k] + high[k]:.12f} {tilts[k]:.12f}" for k in range(3))
    rows = [" ".join(f"{x:.12f}" for x in row) for row in positions]
    dump = tmp_path / "0.lammpstrj"
    dump.write_text(DUMP.format(bounds=bounds, first=rows[0], second=rows[1]))
    geometry = Geometry(("Li", "S"), cell, positions)
    for name, limit in SCREENS.items():
        theirs = dpgen.check_bad_box(str(dump), f"{name}:{limit}")
        assert (Screens(**{name: limit}).problem(geometry) is not None) == theirs, name
    limits = dict.fromkeys(("Li-Li", "Li-S", "S-S"), 2.5)
    assert (Screens(min_distances=limits).problem(geometry) is not None) == dpgen.check_bad_box(
        str(dump), "min_distance:2.5"
    )
