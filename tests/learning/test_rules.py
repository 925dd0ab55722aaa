import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.learning.rules import AdaptiveRule, Dpgen2Rule, DpgenRule, grouped
from aiida_concerted.learning.selection import TrustLevels
from aiida_concerted.learning.trust import LevelTable
from tests.learning.tables import levels, random_runs, run_of

NAN = float("nan")
FORCE = VIRIAL = levels(0.1, 0.3)


def letters(judgement, run="r"):
    """Return the classes of a run as one letter a frame."""
    classes = judgement.classes[run]
    rows = zip(classes.accurate, classes.candidate, classes.failed, strict=True)
    return "".join("acf"[row.index(True)] for row in rows)


# Rows of force and virial: every pairing of accurate (.05), candidate (.2) and failed (.5).
PAIRS = [(f, v) for f in (0.05, 0.2, 0.5) for v in (0.05, 0.2, 0.5)]


def test_the_two_rules_differ_where_one_deviation_is_a_candidate_and_the_other_failed():
    runs = {"r": run_of(*zip(*PAIRS, strict=True))}
    assert letters(DpgenRule(FORCE, VIRIAL).judge(runs)) == "acf" + "ccc" + "fcf"
    assert letters(Dpgen2Rule(FORCE, VIRIAL).judge(runs)) == "acf" + "ccf" + "fff"


def test_without_virial_levels_both_judge_by_force_alone():
    runs = {"r": run_of(*zip(*PAIRS, strict=True))}
    for rule in (DpgenRule(FORCE), Dpgen2Rule(FORCE)):
        assert letters(rule.judge(runs)) == "aaacccfff"


def test_a_deviation_that_is_not_a_number_has_failed_by_every_rule():
    runs = {"r": run_of([NAN, 0.2, 0.05, 0.2], [0.2, NAN, NAN, 0.2])}
    for rule in (DpgenRule(FORCE, VIRIAL), Dpgen2Rule(FORCE, VIRIAL), AdaptiveRule(FORCE, VIRIAL, number_force=9)):
        assert letters(rule.judge(runs)) == "fffc"


def test_levels_follow_system_and_temperature():
    table = LevelTable(TrustLevels(0.1, 0.3), by_temperature={900.0: TrustLevels(0.4, 0.6)})
    runs = {"cold": run_of([0.2]), "hot": run_of([0.2], temperature_K=900.0)}
    judgement = DpgenRule(table).judge(runs)
    assert letters(judgement, "cold") == "c"
    assert letters(judgement, "hot") == "a"
    assert judgement.levels == {"cold": (0.1, 0.3), "hot": (0.4, 0.6)}


def test_the_adaptive_rule_takes_the_largest_below_the_upper_level():
    runs = {"r": run_of([0.01, 0.25, 0.31, 0.2, 0.3, 0.02])}
    judgement = AdaptiveRule(FORCE, number_force=2).judge(runs)
    assert letters(judgement) == "acfaca"  # 0.3 itself has not failed: DP-GEN's comparison is strict here
    assert judgement.levels["r"] == (0.25, 0.3)


def test_the_adaptive_share_counts_frames_that_have_not_failed():
    force = np.append(np.linspace(0.01, 0.29, 40), np.full(60, 0.9))
    judgement = AdaptiveRule(FORCE, number_force=0, share_force=0.25).judge({"r": run_of(force)})
    assert judgement.classes["r"].counts() == {"accurate": 30, "candidate": 10, "failed": 60}


def test_the_adaptive_rule_unites_candidates_by_force_and_by_virial():
    runs = {"r": run_of([0.20, 0.01, 0.02], [0.01, 0.02, 0.20])}
    assert letters(AdaptiveRule(FORCE, VIRIAL, number_force=1, number_virial=1).judge(runs)) == "cac"


def test_adaptive_groups_are_judged_apart():
    runs = {"a": run_of([0.01, 0.02], system="x"), "b": run_of([0.2, 0.21], system="y")}
    together = AdaptiveRule(FORCE, number_force=2, group="all").judge(runs)
    apart = AdaptiveRule(FORCE, number_force=1, group="system").judge(runs)
    assert (letters(together, "a"), letters(together, "b")) == ("aa", "cc")
    assert (letters(apart, "a"), letters(apart, "b")) == ("ac", "ac")
    assert (apart.levels["a"][0], apart.levels["b"][0]) == (0.02, 0.21)


def test_with_nothing_below_the_upper_level_the_level_found_is_the_upper_one():
    judgement = AdaptiveRule(FORCE).judge({"r": run_of([0.9, NAN])})
    assert letters(judgement) == "ff"
    assert judgement.levels["r"] == (0.3, 0.3)


@given(st.integers(0, 10_000), st.sampled_from(["all", "system", "run"]))
def test_every_frame_has_one_class_and_the_order_of_runs_does_not_matter(seed, group):
    runs = random_runs(seed, n_frames=12)
    for rule in (
        DpgenRule(FORCE, VIRIAL),
        Dpgen2Rule(FORCE, VIRIAL),
        AdaptiveRule(FORCE, VIRIAL, number_force=3, share_virial=0.1, group=group),
    ):
        judgement = rule.judge(runs)
        backwards = rule.judge(dict(reversed(runs.items())))
        for name, classes in judgement.classes.items():
            assert (classes.accurate.astype(int) + classes.candidate + classes.failed == 1).all()
            assert letters(judgement, name) == letters(backwards, name)


def test_groups_are_named_and_ordered():
    runs = {"b": run_of([0.1], system="x"), "a": run_of([0.1], system="x"), "c": run_of([0.1], system="w")}
    assert grouped(runs, "system") == {"x": ["a", "b"], "w": ["c"]}
    assert grouped(runs, "all") == {"all": ["a", "b", "c"]}


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="no virial deviation"):
        DpgenRule(FORCE, VIRIAL).judge({"r": run_of([0.1])})
    with pytest.raises(ValueError, match="cannot be negative"):
        AdaptiveRule(FORCE, number_force=-1)
    with pytest.raises(ValueError, match="share of candidates"):
        AdaptiveRule(FORCE, share_force=1.5)
    with pytest.raises(ValueError, match="grouped by all, system or run"):
        AdaptiveRule(FORCE, group="temperature")
