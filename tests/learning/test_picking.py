import numpy as np
import pytest

from aiida_concerted.learning.picking import Policy, pick_frames
from aiida_concerted.learning.quota import Quota
from aiida_concerted.learning.rules import DpgenRule
from aiida_concerted.learning.screens import Geometry, Screens
from tests.learning.tables import levels, random_runs, run_of

RULE = DpgenRule(levels(0.12, 0.25))
CELL = np.diag([8.0, 8.0, 8.0])


def close_in_even_rows(run, row):
    """Two lithium atoms, too close in every second frame."""
    return Geometry(("Li", "Li"), CELL, np.array([[0, 0, 0], [0.5 if row % 2 == 0 else 2.5 + 0.01 * row, 0, 0]]))


def flat(selection):
    return {run: rows.tolist() for run, rows in selection.rows.items()}


def test_without_more_it_is_a_random_draw_over_the_candidates_of_all_runs():
    runs = random_runs(1)
    pool = [
        (name, row)
        for name in sorted(runs)
        for row in np.flatnonzero((runs[name].max_force >= 0.12) & (runs[name].max_force < 0.25))
    ]
    drawn = {pool[index] for index in np.random.default_rng(5).permutation(len(pool))[:9]}
    for order in (runs, dict(reversed(runs.items()))):
        picked = flat(pick_frames(order, Policy(RULE, Quota(9)), seed=5))
        assert {(name, row) for name, rows in picked.items() for row in rows} == drawn


def test_the_draw_is_uniform():
    runs = {"r": run_of([0.2] * 10)}
    picked = [flat(pick_frames(runs, Policy(RULE, Quota(1)), seed=seed))["r"][0] for seed in range(2000)]
    # 2000 draws over 10 frames: 200 ± 13.4 each; five standard deviations
    assert np.abs(np.bincount(picked, minlength=10) - 200).max() < 67


def test_bad_geometries_are_dropped_before_the_cut():
    runs = {"r": run_of([0.2] * 20)}
    policy = Policy(RULE, Quota(10), screens=Screens(min_distance_fraction=0.6))
    selection = pick_frames(runs, policy, seed=0, geometry=close_in_even_rows)
    assert flat(selection) == {"r": list(range(1, 20, 2))}  # ten sound ones were there, so ten are picked
    assert selection.screened == {"r": {"min_distance": 10}}
    assert selection.judgement.classes["r"].counts()["candidate"] == 20


def test_the_cap_may_hold_for_each_system():
    runs = random_runs(2)
    selection = pick_frames(runs, Policy(RULE, Quota(4), scope="system"), seed=1)
    by_system = {}
    for run, rows in selection.rows.items():
        by_system[runs[run].system] = by_system.get(runs[run].system, 0) + len(rows)
    assert by_system == {"000": 4, "001": 4} == selection.caps


def test_a_group_is_drawn_the_same_whatever_other_groups_there_are():
    runs = random_runs(2)
    one = {name: run for name, run in runs.items() if run.system == "001"}
    policy = Policy(RULE, Quota(4), scope="system")
    alone, together = flat(pick_frames(one, policy, seed=1)), flat(pick_frames(runs, policy, seed=1))
    assert alone.items() <= together.items()


def test_the_farthest_choice_looks_at_the_geometry():
    runs = {"r": run_of([0.2] * 21)}
    policy = Policy(RULE, Quota(2), choice="farthest", screens=Screens(min_distances={"Li-Li": 1.0}))
    rows = flat(pick_frames(runs, policy, seed=3, geometry=close_in_even_rows))["r"]
    assert rows[0] == 1 or rows[1] == 19  # whatever the start, the other one is an end of the row


def test_the_decision_is_recorded():
    record = pick_frames(random_runs(1), Policy(RULE, Quota(9)), seed=5).as_dict()
    assert record["rule"] == "dpgen"
    assert record["seed"] == 5
    assert record["caps"] == {"all": 9}
    assert record["levels_eV_A"]["task.000.000000"] == [0.12, 0.25]
    assert record["screened"] == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"screens": Screens(length_ratio=2)}, "screens need the geometry"), ({"choice": "farthest"}, "needs the geom")],
)
def test_what_needs_a_geometry_says_so(options, message):
    with pytest.raises(ValueError, match=message):
        pick_frames({"r": run_of([0.2] * 9)}, Policy(RULE, Quota(3), **options), seed=0)
