import pytest

from aiida_concerted.common.estimate import Estimate
from aiida_concerted.learning.stopping import (
    Budget,
    ErrorPlateau,
    EveryRunAccurate,
    LevelsSettled,
    ObservableStable,
    OverallAccurate,
    StoppingPolicy,
    Turn,
    accurate_fractions,
)


def test_fractions_count_all_classes():
    counts = {
        "T300": {"accurate": 3, "candidate": 1, "failed": 0},
        "T600": {"accurate": 0, "candidate": 1, "failed": 1},
    }
    assert accurate_fractions(counts) == {"T300": 0.75, "T600": 0.0}


def test_an_empty_exploration_is_refused():
    with pytest.raises(ValueError, match="no frames"):
        accurate_fractions({"T300": {"accurate": 0, "candidate": 0, "failed": 0}})


def accurate(**fractions):
    return Turn(accurate=fractions, temperatures_K={"cold": 300.0, "hot": 1200.0, "warm": 750.0})


@pytest.mark.parametrize("consecutive", [1, 2])
@pytest.mark.parametrize(
    "history", [[], [(0.99, 0.99)], [(0.98, 1.0)], [(1.0, 1.0), (0.99, 1.0)], [(1.0, 0.9), (1.0, 1.0)]]
)
def test_every_run_accurate_agrees_with_the_plain_rule(history, consecutive):
    rule = EveryRunAccurate(0.99, consecutive)
    turns = [accurate(cold=a, hot=b) for a, b in history]
    recent = history[-consecutive:]
    plain = len(recent) == consecutive and all(min(turn) >= 0.99 for turn in recent)
    assert rule.ask(turns).stop == plain


def test_the_worst_run_is_named():
    verdict = EveryRunAccurate(0.99).ask([accurate(cold=1.0, hot=0.9, warm=0.95)])
    assert not verdict.stop
    assert verdict.reason == "hot is 90.0% accurate, 9.0% short"


def test_the_fraction_may_fall_with_temperature():
    rule = EveryRunAccurate(0.5, by_temperature={300.0: 0.99, 1200.0: 0.9})
    assert rule.ask([accurate(cold=0.99, warm=0.9451, hot=0.9)]).stop
    assert not rule.ask([accurate(cold=0.99, warm=0.9449, hot=0.9)]).stop
    assert not rule.ask([accurate(cold=0.98, warm=1.0, hot=1.0)]).stop
    assert rule.ask([accurate(elsewhere=0.5)]).stop


def test_overall_accuracy_counts_frames_and_not_runs():
    counts = {"accurate": 90, "candidate": 5, "failed": 5}
    assert OverallAccurate(0.9).ask([Turn(counts=counts)]).stop
    assert not OverallAccurate(0.91).ask([Turn(counts=counts)]).stop
    assert not OverallAccurate(0.9).ask([]).stop
    assert not OverallAccurate(0.9).ask([Turn()]).stop


def levels(*values):
    return [Turn(lower_levels={"a": value, "b": 0.2}) for value in values]


def test_levels_have_settled_when_none_moves_between_the_last_turns():
    rule = LevelsSettled(tolerance=0.05, turns=3)
    assert rule.ask(levels(0.5, 0.20, 0.24, 0.22)).stop
    assert not rule.ask(levels(0.20, 0.26, 0.27)).stop
    assert not rule.ask(levels(0.2, 0.2)).stop
    assert not rule.ask([*levels(0.2, 0.2), Turn(lower_levels={"a": 0.2})]).stop


def errors(*values):
    return [Turn(held_out_force=value) for value in values]


def test_the_error_is_on_a_plateau_when_the_best_hardly_improves():
    rule = ErrorPlateau(improvement=0.05, turns=2)
    assert rule.ask(errors(0.2, 0.1, 0.097, 0.096)).stop
    assert rule.ask(errors(0.2, 0.1, 0.3, 0.2)).stop  # worse is no improvement
    assert not rule.ask(errors(0.2, 0.1, 0.097, 0.094)).stop
    assert not rule.ask(errors(0.2, 0.1)).stop
    assert not rule.ask(errors(0.2, 0.1, None, 0.1)).stop
    assert "4.0% in 2 turns, to 0.0960 eV/Å" in rule.ask(errors(0.1, 0.097, 0.096)).reason


def known(*values):
    return [Turn(observable=Estimate(*value)) for value in values]


def test_a_property_is_stable_when_its_estimates_agree_within_small_errors():
    rule = ObservableStable(turns=2, sigmas=2.0, relative_error=0.3)
    assert rule.ask(known((9.0, 0.1), (1.0, 0.1), (1.2, 0.1))).stop
    assert not rule.ask(known((1.0, 0.1), (1.3, 0.1))).stop
    assert not rule.ask(known((1.0, 0.1), (1.2, 0.5))).stop  # agrees only because nothing is known
    assert not rule.ask([*known((1.0, 0.1)), Turn()]).stop


def test_each_of_the_turns_agrees_with_each():
    drifting = known((1.0, 0.1), (1.2, 0.1), (1.4, 0.1))
    assert ObservableStable(turns=2).ask(drifting).stop
    assert not ObservableStable(turns=3).ask(drifting).stop


def test_exact_values_agree_only_when_equal():
    assert ObservableStable().ask(known((1.0, 0.0), (1.0, 0.0))).stop
    assert not ObservableStable().ask(known((1.0, 0.0), (1.1, 0.0))).stop


def test_a_budget_is_one_of_turns_or_of_labels():
    turns = [Turn(labelled=40), Turn(labelled=40)]
    assert not Budget(3).ask(turns).stop
    assert Budget(2).ask(turns).reason == "the budget of 2 turns is spent"
    assert Budget(3, labels=80).ask(turns).reason == "the budget of 80 labels is spent"


GOOD = Turn(accurate={"a": 1.0}, held_out_force=0.1)
BAD = Turn(accurate={"a": 0.5}, held_out_force=0.1)
RULES = (EveryRunAccurate(0.9), ErrorPlateau(0.05, turns=1))


def decide(turns, **options):
    verdict = StoppingPolicy(Budget(4), RULES, **options).decide(turns)
    return verdict.stop, verdict.rule


def test_all_rules_or_any_of_them_must_hold():
    assert decide([GOOD]) == (False, "plateau")
    assert decide([GOOD], combine="any") == (True, "accurate")
    assert decide([BAD, BAD]) == (False, "accurate")
    assert decide([BAD, BAD], combine="any") == (True, "plateau")
    assert decide([GOOD, GOOD]) == (True, "accurate+plateau")


def test_the_budget_ends_what_the_rules_do_not_and_says_what_is_missing():
    assert decide([BAD] * 4) == (True, "budget")
    reason = StoppingPolicy(Budget(4), RULES).decide([BAD] * 4).reason
    assert reason == "the budget of 4 turns is spent; a is 50.0% accurate, 40.0% short"
    assert decide([GOOD] * 4) == (True, "accurate+plateau")


def test_before_the_least_number_of_turns_nothing_ends_the_loop():
    assert decide([GOOD, GOOD], min_turns=3) == (False, "min_turns")
    assert StoppingPolicy(Budget(1), min_turns=2).decide([GOOD]).stop is False


def test_without_rules_only_the_budget_ends_the_loop():
    assert not StoppingPolicy(Budget(2)).decide([GOOD]).stop
    assert StoppingPolicy(Budget(2)).decide([GOOD, GOOD]).rule == "budget"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EveryRunAccurate(0.0), "fraction must lie in"),
        (lambda: EveryRunAccurate(0.9, by_temperature={300.0: 1.2}), "fraction must lie in"),
        (lambda: EveryRunAccurate(0.9, 0), "consecutive must be a positive integer"),
        (lambda: LevelsSettled(turns=1), "at least two turns"),
        (lambda: LevelsSettled(tolerance=0), "tolerance must be a positive number"),
        (lambda: ErrorPlateau(improvement=0), "fraction must lie in"),
        (lambda: ObservableStable(turns=1), "at least two turns"),
        (lambda: Budget(0), "turns must be a positive integer"),
        (lambda: Budget(3, labels=0), "labels must be a positive integer"),
        (lambda: StoppingPolicy(Budget(3), combine="some"), "all or any"),
    ],
)
def test_impossible_rules_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
