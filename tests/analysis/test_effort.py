"""How long to run: closed forms, what a budget does, and whether the answers are as good as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aiida_concerted.analysis.effort import BLIND_FACTOR, LARGEST_FACTOR, EffortTarget, RunSoFar, describe_point
from aiida_concerted.analysis.effort_plan import plan_effort
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K

TARGET = EffortTarget(max_production_ps=1e6, diffusivity_relative_error=0.1)


def run(relative=0.1, T=600.0, ps=100.0, value=1e-10, **more):
    return RunSoFar(T, ps, (value, relative * value), **more)


def plan_of(runs, target=TARGET):
    return plan_effort({"point": runs}, target).points[0]


@pytest.mark.parametrize(("relative", "factor"), [(0.12, 1.1 * 1.44), (0.15, 1.1 * 2.25), (0.5, LARGEST_FACTOR)])
def test_a_run_becomes_as_long_as_its_error_asks_for(relative, factor):
    plan = plan_of([run(relative)])
    assert plan.state == "longer"
    assert plan.next_ps == pytest.approx(100.0 * factor)
    assert plan.needed_ps == pytest.approx(100.0 * (relative / 0.1) ** 2)


def test_a_known_answer_costs_nothing_more():
    plan = plan_effort({"point": [run(0.09)]}, TARGET)
    assert plan.is_reached
    assert plan.longer == {}
    assert plan.points[0].state == "reached"


@pytest.mark.parametrize("blind", [run(0.01, is_sampled=False), run(value=0.0), RunSoFar(600.0, 100.0)])
def test_an_error_that_nobody_can_believe_is_no_answer(blind):
    plan = plan_of([blind])
    assert plan.state == "longer"
    assert plan.next_ps == 100.0 * BLIND_FACTOR
    assert plan.needed_ps is None


def test_seeds_add_up_by_their_lengths():
    plan = plan_of([run(0.2, ps=300.0), run(0.4, ps=100.0, value=2e-10)])
    value, stderr = plan.diffusivity
    assert value == pytest.approx(1.25e-10)
    assert stderr == pytest.approx(math.hypot(0.75 * 0.2e-10, 0.25 * 0.8e-10))
    assert plan.n_runs == 2
    assert plan_of([run(0.14)] * 2).state == "reached"  # each alone is not


def test_the_worst_quantity_counts():
    target = EffortTarget(
        1e6, diffusivity_relative_error=0.1, haven_relative_error=0.2, modes_relative_error=0.1, modes=("4d-16h-4d",)
    )
    plan = plan_of([run(0.05, haven=(0.5, 0.05), events={"4d-16h-4d": (25.0, 5.0)})], target)
    assert plan.quantity == "mode 4d-16h-4d"
    assert plan.relative_error == pytest.approx(0.2)
    assert plan.next_ps == pytest.approx(100.0 * LARGEST_FACTOR)
    plan = plan_of([run(0.05, haven=(0.5, 0.2), events={"4d-16h-4d": (400.0, 20.0)})], target)
    assert plan.quantity == "Haven ratio"
    two = [run(0.05, haven=(0.5, 0.05), events={"4d-16h-4d": (50.0, 8.0)})] * 2
    assert plan_of(two, target).relative_error == pytest.approx(8.0 * 2**0.5 / 100.0)
    plan = plan_of([run(0.05, haven=(0.5, 0.05))], target)
    assert plan.needed_ps is None  # no event yet: nobody can say


def test_what_cannot_be_reached_says_what_it_would_take():
    target = EffortTarget(max_production_ps=150.0, diffusivity_relative_error=0.1)
    plan = plan_of([run(0.5)], target)
    assert plan.next_ps == 150.0
    plan = plan_of([run(0.5, ps=150.0)], target)
    assert plan.state == "over budget"
    assert plan.needed_ps == pytest.approx(150.0 * 25)


def test_runs_that_cannot_go_on_are_left_alone_and_miss_their_target():
    plan = plan_effort({"point": [run(0.5, held="framework lost"), run(0.5, held="it exploded")]}, TARGET)
    assert plan.points[0].state == "held"
    assert plan.points[0].as_dict()["reason"] == "framework lost"
    assert plan.points[0].n_runs == 2
    assert plan.longer == {}
    assert not plan.is_reached


def test_a_run_that_left_its_crystal_leaves_the_others_of_its_point_alone():
    lost = RunSoFar(600.0, 100.0, held="the framework is 4.0 Å from its crystal")
    good = run(0.15)
    plan, alone = plan_of([lost, good]), plan_of([good])
    for name in ("state", "diffusivity", "relative_error", "next_ps", "needed_ps", "n_runs", "duration_ps"):
        assert getattr(plan, name) == getattr(alone, name), name
    assert describe_point(plan.as_dict()).endswith("; 1 more cannot go on: the framework is 4.0 Å from its crystal")
    assert plan_of([lost, run(0.05)]).state == "reached"
    line = {"hot": [run(0.1, T=1000.0)], "cold": [run(0.1, T=500.0)]}
    with_lost = {**line, "cold": [*line["cold"], lost]}
    stderr = plan_effort(with_lost, TARGET).activation_energy_stderr_eV
    assert stderr == plan_effort(line, TARGET).activation_energy_stderr_eV
    spent = EffortTarget(1e6, diffusivity_relative_error=0.1, budget_ps=250.0)
    assert plan_of([lost, run(0.5)], spent).next_ps == 150.0  # what it has cost is spent


def test_what_a_run_knew_before_it_failed_counts_while_the_others_become_longer():
    plan = plan_of([run(0.2, held="it exploded"), run(0.2)])
    assert plan.relative_error == pytest.approx(0.2 / 2**0.5)
    # an error of 0.1 wants 400 ps in all, of which the failed one has 100
    assert plan.needed_ps == pytest.approx(300.0)
    assert plan.next_ps == pytest.approx(1.1 * 300.0)
    after = plan_of([run(0.2, held="it exploded"), run(0.2 * (100 / 300) ** 0.5, ps=300.0)])
    assert after.relative_error == pytest.approx(0.1)


def test_a_held_run_stays_a_point_of_the_line_but_gets_nothing_for_it():
    target = EffortTarget(1e6, diffusivity_relative_error=0.3, activation_energy_error_eV=0.01)
    points = {"hot": [run(0.1, T=1000.0)], "cold": [run(0.1, T=500.0, held="it exploded")]}
    plan = plan_effort(points, target)
    assert set(plan.longer) == {"hot"}
    free = {"hot": points["hot"], "cold": [run(0.1, T=500.0)]}
    assert plan.activation_energy_stderr_eV == plan_effort(free, target).activation_energy_stderr_eV


def test_the_last_look_states_what_is_known_and_makes_nothing_longer():
    plan = plan_effort({"point": [run(0.2)]}, TARGET, is_last=True)
    assert plan.longer == {}
    assert plan.points[0].state == "over budget"
    assert plan.points[0].needed_ps == pytest.approx(400.0)


def test_the_error_of_the_activation_energy_is_that_of_the_line():
    points = {"hot": [run(0.05, T=1000.0)], "cold": [run(0.12, T=500.0)]}
    span = (1 / 500 - 1 / 1000) / BOLTZMANN_EV_PER_K
    plan = plan_effort(points, TARGET)
    assert plan.activation_energy_stderr_eV == pytest.approx(math.hypot(0.05, 0.12) / span)
    many = {f"T{T}": [run(r, T=T)] for T, r in ((400.0, 0.3), (500.0, 0.2), (700.0, 0.1), (1000.0, 0.05))}
    x = np.array([1 / (BOLTZMANN_EV_PER_K * T) for T in (400.0, 500.0, 700.0, 1000.0)])
    _, covariance = np.polyfit(x, np.zeros(4), 1, w=1 / np.array([0.3, 0.2, 0.1, 0.05]), cov="unscaled")
    assert plan_effort(many, TARGET).activation_energy_stderr_eV == pytest.approx(covariance[0, 0] ** 0.5)


def test_effort_goes_where_it_lowers_the_error_of_the_activation_energy_most():
    target = EffortTarget(1e6, diffusivity_relative_error=0.3, activation_energy_error_eV=0.015)
    points = {f"T{T:g}": [run(0.2, T=T)] for T in (500.0, 700.0, 710.0, 1000.0)}
    plan = plan_effort(points, target)
    assert not plan.is_energy_reached
    assert set(plan.longer) == {"T500", "T1000"}  # the middle of a line says nothing of its slope
    spent = {name: length - 100.0 for name, length in plan.longer.items()}
    longer = {
        name: [run(0.2 * (100 / length) ** 0.5, T=float(name[1:]), ps=length)] for name, length in plan.longer.items()
    }
    after = plan_effort(points | longer, target)
    assert after.is_energy_reached
    same_cost = 100.0 + sum(spent.values()) / 4
    evenly = {name: [run(0.2 * (100 / same_cost) ** 0.5, T=float(name[1:]), ps=same_cost)] for name in points}
    assert plan_effort(evenly, target).activation_energy_stderr_eV > after.activation_energy_stderr_eV


def test_what_the_activation_energy_would_take_is_said_of_points_that_know_enough_for_themselves():
    """Errors of 0.1 at both ends: half the error of the slope wants four times the length of both."""
    points = {"hot": [run(0.1, T=1000.0)], "cold": [run(0.1, T=500.0)]}
    now = plan_effort(points, TARGET).activation_energy_stderr_eV
    goal = {"diffusivity_relative_error": 0.1, "activation_energy_error_eV": now / 2.0}
    spent = [
        plan_effort(points, EffortTarget(1e6, **goal), is_last=True),
        plan_effort(points, EffortTarget(1e6, budget_ps=200.0, **goal)),
        plan_effort(points, EffortTarget(100.0, **goal)),
    ]
    for plan in spent:
        assert not plan.is_reached
        for point in plan.points:
            assert point.state == "over budget"
            assert point.needed_ps == pytest.approx(400.0, rel=0.1)
            assert "; the activation energy would take " in describe_point(point.as_dict())
    worse = {"hot": [run(0.1, T=1000.0)], "cold": [run(0.4, T=500.0)]}
    cold = plan_effort(worse, EffortTarget(1e6, budget_ps=200.0, **goal)).points[1]
    assert cold.needed_ps > 1600.0  # for itself it would take these
    held = {"hot": [run(0.1, T=1000.0)], "cold": [run(0.1, T=500.0, held="it exploded")]}
    hot = plan_effort(held, EffortTarget(100.0, **goal)).points[0]
    assert not hot.is_needed_for_energy  # no length of it suffices


def test_a_budget_goes_to_what_lowers_the_error_most_and_is_kept():
    points = {f"T{T:g}": [run(0.15, T=T)] for T in (500.0, 700.0, 1000.0)}
    target = EffortTarget(1e6, diffusivity_relative_error=0.1, budget_ps=500.0)
    plan = plan_effort(points, target)
    assert sum(plan.longer.values()) + 100.0 * (3 - len(plan.longer)) <= 500.0 + 1e-9
    assert "T700" not in plan.longer
    states = {point.name: point.state for point in plan.points}
    assert states["T700"] == "over budget"


def test_a_point_without_any_diffusivity_comes_first_when_the_budget_is_tight():
    """It says nothing of its temperature yet, whatever it may once say of the slope."""
    points = {"hot": [run(0.3, T=1000.0)], "warm": [run(0.3, T=700.0)], "cold": [RunSoFar(500.0, 100.0)]}
    target = EffortTarget(1e6, diffusivity_relative_error=0.1, budget_ps=450.0)
    plan = plan_effort(points, target)
    assert plan.longer["cold"] == 200.0
    assert sum(plan.longer.values()) == pytest.approx(200.0 + 150.0)  # the rest goes to a point that is known


def test_a_budget_that_is_all_but_spent_starts_no_job():
    target = EffortTarget(1e6, diffusivity_relative_error=0.1, budget_ps=101.0)
    assert plan_of([run(0.2)], target).state == "over budget"


@pytest.mark.parametrize(("most_ps", "next_ps"), [(1e6, 7.0), (6.4, 6.0), (6.0, 6.0), (5.4, None)])
def test_lengths_are_whole_frames_that_reach_what_is_wanted_and_keep_the_limit(most_ps, next_ps):
    for limit in ({"max_production_ps": most_ps}, {"max_production_ps": 1e6, "budget_ps": most_ps}):
        target = EffortTarget(diffusivity_relative_error=0.1, **limit)
        plan = plan_of([run(0.11, ps=5.0, frame_interval_ps=1.0)], target)  # wants 1.1 × 1.21 × 5 ps
        assert plan.next_ps == next_ps
        assert plan.state == ("over budget" if next_ps is None else "longer")


def test_sizes_are_no_points_of_the_line():
    points = {"hot": [run(0.05, T=1000.0)], "cold": [run(0.05, T=500.0)], "size": [run(0.05, T=700.0)]}
    alone = plan_effort({name: points[name] for name in ("hot", "cold")}, TARGET)
    plan = plan_effort(points, TARGET, energy_of=["hot", "cold"])
    assert plan.activation_energy_stderr_eV == alone.activation_energy_stderr_eV


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_production_ps": 0}, "max_production_ps must be a positive number"),
        ({"max_production_ps": 1, "modes_relative_error": 0.1}, "belong together"),
        ({"max_production_ps": 1, "modes": ("A-B-C",)}, "belong together"),
        ({"max_production_ps": 1, "max_rounds": 0}, "max_rounds"),
        ({"max_production_ps": 1, "haven_relative_error": -1}, "haven_relative_error"),
    ],
)
def test_a_target_that_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        EffortTarget(**values)


def test_answers_found_by_stopping_are_as_good_as_they_say():
    """Stopping when an error looks small prefers runs whose error is underestimated; it must not matter much."""
    rng = np.random.default_rng(7)
    truth, pulls, lengths = 1e-10, [], []
    for _ in range(400):
        ps, total, seen = 50.0, 0.0, 0.0
        while True:
            # a mean over independent pieces of 10 ps, each with a relative error of 0.6; its error from 20 blocks
            total += rng.normal(truth * (ps - seen), 0.6 * truth * math.sqrt(10.0 * (ps - seen)))
            seen, mean = ps, total / ps
            true_error = 0.6 * truth * math.sqrt(10.0 / ps)
            error = true_error * math.sqrt(rng.chisquare(19) / 19)
            plan = plan_of([RunSoFar(600.0, ps, (mean, error))])
            if plan.state == "reached":
                break
            ps = plan.next_ps
        pulls.append((mean - truth) / error)
        lengths.append(ps)
    covered = np.mean(np.abs(pulls) < 1.0)
    assert 0.60 < covered < 0.74  # 68 % are meant
    assert np.median(lengths) < 2.0 * 360.0  # 360 ps are needed
    assert abs(np.mean(pulls)) < 0.25
