"""A loop of learning whose daemon, worker and engines are killed at random decides as one that nobody touched.

Trainings of the turns write their only checkpoint at their end, so that one that is killed begins anew and gives the
same numbers to the last bit, as runs of LAMMPS and of the stand-in for VASP do. All that is decided is therefore equal.
The last committee writes checkpoints and is killed after one: it goes on from there, which DeePMD-kit does not do bit
for bit, and its errors are compared with those of the committee that nobody touched.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np
import pytest

from benchmarks.loop_case import LoopScale, make_first_labels
from tests.study.killed_loop import KINDS, KilledLoop, stage_begins

SCALE = LoopScale(n_turns=3, n_steps=300, n_md_steps=200, frame_steps=10, n_labels=4, labels_at_once=2)
FINAL = {"n_steps": 600, "save_interval_steps": 60}
SEED = 7
MAX_RATIO = 2.0
"""Of errors of forces on the training set, with and without a resumption: seeds of such nets differ by a third."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.deepmd,
    pytest.mark.lammps,
    pytest.mark.surrogate,
    pytest.mark.timeout(3000),
]


@pytest.fixture(scope="module")
def first_labels(tmp_path_factory):
    """Return the folder of the labels that both loops begin with."""
    folder = tmp_path_factory.mktemp("first") / "labels"
    make_first_labels(folder)
    return folder


def kills(random):
    """Return for each turn what is killed in each of its stages: each kind once in each turn and in each stage."""
    square = np.array([["worker", "daemon", "engine"], ["daemon", "engine", "worker"], ["engine", "worker", "daemon"]])
    return square[random.permutation(3)][:, random.permutation(3)].tolist()


def disturb(loop, durations_s, random, said):
    """Kill something in each stage of each turn at a random moment and a training of the last committee.

    :param said: takes a line for each of them.
    """
    before = 0.0
    for turn, row in enumerate(kills(random)):
        for stage, (kind, victim) in enumerate(zip(KINDS, row, strict=True)):
            before = loop.first_run(kind, before).begin
            share = float(random.uniform(0.05, 0.95))
            time.sleep(max(0.0, before + share * durations_s[3 * turn + stage] - time.time()))
            killed = getattr(loop, f"kill_{victim}")(random)
            said.append(f"turn {turn + 1}, {kind:8} at {share:4.0%} of the stage: {victim:6} ({killed})")
    killed = loop.kill_after_a_checkpoint(loop.first_run("dp train", before))
    said.append(f"last committee, after its first checkpoint: engine ({killed})")


def repeated(runs):
    """Return the runs that did again what had finished; going on from the last step to freeze again is none of them."""
    seen, again = set(), []
    for run in runs:
        if run.is_finished and run.name in KINDS:
            went_on = run.from_step is not None and run.from_step == run.to_step
            if (run.name, run.key) in seen and not went_on:
                again.append(run)
            seen.add((run.name, run.key))
    return again


def finished(jobs):
    """Return how many jobs of each kind came to a good end, and the hashes of inputs that more than one of them had."""
    done = [(label, digest) for label, status, digest in jobs if status == 0]
    return Counter(label for label, _ in done), [job for job, number in Counter(done).items() if number > 1]


def summary(name, begun, outcome):
    """Return a line about a loop."""
    counts = Counter(label for label, status, _ in outcome["jobs"] if status != 0)
    errors = " ".join(f"{member['in_set']['rmse_force_eV_A']:.4f}" for member in outcome["final"].values())
    return (
        f"{name}: {time.time() - begun:.0f} s, dataset {outcome['dataset'][:12]}, {outcome['stopped']['reason']}; "
        f"last committee {errors} eV/Å; jobs finished {dict(finished(outcome['jobs'])[0])}, cut short {dict(counts)}"
    )


def test_killed_at_random_a_loop_decides_as_one_that_nobody_touched(first_labels, tmp_path, capsys):
    loops, lines, outcomes = [], [], {}
    try:
        begun = time.time()
        loops.append(KilledLoop(tmp_path / "alone", first_labels, SCALE, FINAL))
        assert loops[0].wait(1500) == "finished [0]"
        outcomes["alone"] = alone = loops[0].outcome()
        lines.append(summary("alone", begun, alone))
        loops[0].close()
        begins = [begin for _, begin in stage_begins(loops[0].runs)]
        assert len(begins) == 10
        begun = time.time()
        loops.append(KilledLoop(tmp_path / "killed", first_labels, SCALE, FINAL))
        disturb(loops[1], np.diff(begins), np.random.default_rng(SEED), lines)
        assert loops[1].wait(1500) == "finished [0]"
        outcomes["killed"] = killed = loops[1].outcome()
        lines.append(summary("killed", begun, killed))
    finally:
        for loop in loops:
            loop.close()
        with capsys.disabled():
            sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert killed["turns"] == alone["turns"]
    assert killed["dataset"] == alone["dataset"]
    assert killed["stopped"] == alone["stopped"]
    assert killed["open"] == alone["open"] == []
    done, twice = finished(killed["jobs"])
    assert twice == []
    assert done == finished(alone["jobs"])[0]
    assert repeated(loops[1].runs) == []
    resumed = [run for run in loops[1].runs if run.name == "dp train" and (run.from_step or 0) < (run.to_step or 0)]
    assert [run.to_step for run in resumed if run.from_step] == [FINAL["n_steps"]]
    for name, errors in killed["final"].items():
        steps = killed["curves"][name]
        assert steps == sorted(set(steps))
        assert steps[-1] == FINAL["n_steps"]
        # What is drawn at random differs after a checkpoint: two seeds of such nets differ by as much.
        ratio = errors["in_set"]["rmse_force_eV_A"] / alone["final"][name]["in_set"]["rmse_force_eV_A"]
        assert 1 / MAX_RATIO < ratio < MAX_RATIO
    assert sum(killed["final"][name] == alone["final"][name] for name in alone["final"]) == len(alone["final"]) - 1
