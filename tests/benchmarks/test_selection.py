"""Picking frames of a published set, and the table of what that is worth."""

import numpy as np
import pytest

from aiida_concerted.learning.selection import TrustLevels
from benchmarks.selection import POLICIES, Case, Scale, pick, pick_any, remaining, united
from benchmarks.selection_table import paired_percent, summary_text
from tests.engines import labelled_frames

LEVELS = TrustLevels(0.3, 0.6)


@pytest.fixture
def case():
    frames = labelled_frames(30)
    return Case({"hot": frames, "rest": frames.select(range(10))}, {}, None, Scale(n_labels=4))


def deviation(case):
    return {name: np.linspace(0.1, 1.0, len(frames)) for name, frames in case.pool.items()}


def test_what_is_labelled_is_never_picked_again(case):
    known = {"rest": np.arange(3)}
    for turn in range(8):
        new = pick(case, "random", known, deviation(case), LEVELS, turn)
        assert not [row for name, rows in new.items() for row in rows if row in known.get(name, [])]
        known = united(known, new)
    assert sum(len(rows) for rows in known.values()) == 3 + 8 * 4
    assert sum(len(rows) for rows in remaining(case, known).values()) == 40 - 35


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"random"}))
def test_every_policy_picks_as_many_and_none_that_is_accurate(case, policy):
    found = deviation(case)
    new = pick(case, policy, {"rest": np.arange(3)}, found, LEVELS, 1)
    assert sum(len(rows) for rows in new.values()) == 4
    assert min(found[name][row] for name, rows in new.items() for row in rows) >= LEVELS.lower


def test_the_highest_are_the_highest(case):
    found = deviation(case)
    new = pick(case, "highest", {}, found, LEVELS, 1)
    picked = sorted(found[name][row] for name, rows in new.items() for row in rows)
    assert picked == sorted(np.concatenate(list(found.values())))[-4:]


def test_random_frames_follow_from_the_seed_and_from_all_that_is_free():
    free = {"a": np.arange(50), "b": np.arange(50)}
    assert {name: rows.tolist() for name, rows in pick_any(free, 10, 1).items()} == {
        name: rows.tolist() for name, rows in pick_any(free, 10, 1).items()
    }
    drawn = [len(pick_any(free, 10, seed).get("a", [])) for seed in range(400)]
    assert np.mean(drawn) == pytest.approx(5.0, abs=0.3)


def row(policy, seed, value):
    errors = ("rmse_force_eV_A", "p95_force_eV_A", "max_force_eV_A", "rmse_energy_meV_per_atom")
    counts = {"policy": policy, "seed": seed, "turn": 1, "n_labels": 4, "accurate": 1, "n_pool": 2}
    return {**counts, **dict.fromkeys(errors, value)}


def test_differences_are_paired_by_seed():
    rows = [row("random", 1, 1.0), row("random", 2, 2.0), row("highest", 1, 0.9), row("highest", 2, 1.6)]
    mean, half = paired_percent(rows, "highest", 1, "rmse_force_eV_A")
    assert mean == pytest.approx(-15.0)
    assert half == pytest.approx(12.706 * 5.0 * np.sqrt(2) / np.sqrt(2), rel=1e-3)
    assert "-15.0 ± 63.5 %" in summary_text(rows)
