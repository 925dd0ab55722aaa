"""Which runs a sweep consists of, and in which order they are made."""

import pytest

from aiida_concerted.workflows.sweep_runs import (
    SizeSettings,
    SweepRun,
    order_of_making,
    planned_runs,
    seed_numbers,
    size_settings,
)

PAPER = [[1, 1, 1], [1, 1, 2], [2, 2, 1], [2, 2, 2], [3, 3, 2], [3, 3, 3], [4, 4, 2], [4, 4, 3], [5, 5, 2]]


def test_names_are_those_of_links():
    assert SweepRun(600).name == "run_T600"
    assert SweepRun(300.5, 2).name == "run_T300p5_s2"
    assert SweepRun(1000.0, 1, (2, 2, 1)).name == "size_2x2x1_T1000"
    assert SweepRun(1000.0, 3, (2, 2, 1)).point == "size_2x2x1_T1000"


def test_every_point_has_a_run_before_any_has_two_and_hot_ones_come_first():
    runs = planned_runs([500, 1000], 2, SizeSettings(((2, 1, 1), (1, 1, 1)), 800.0))
    assert order_of_making(runs) == [
        "run_T1000", "run_T500", "size_1x1x1_T800", "size_2x1x1_T800",
        "run_T1000_s2", "run_T500_s2", "size_1x1x1_T800_s2", "size_2x1x1_T800_s2",
    ]  # fmt: skip


def test_a_cell_that_the_sweep_has_anyway_is_run_once():
    sizes = SizeSettings(tuple(PAPER), 1000.0)
    assert "size_3x3x2_T1000" not in planned_runs([600, 1000], 1, sizes, [3, 3, 2])
    assert "size_3x3x2_T1000" in planned_runs([600], 1, sizes, [3, 3, 2])
    assert len(planned_runs([600, 1000], 1, sizes, [3, 3, 2])) == 2 + 8


def test_the_seed_of_a_run_does_not_depend_on_the_other_runs():
    sizes = SizeSettings(((2, 1, 1),), 800.0)
    few, many = planned_runs([500, 1000]), planned_runs([400, 500.0, 800, 1000], 3, sizes)
    assert all(few[name].seed(1) == many[name].seed(1) for name in few)
    seeds = [run.seed(number) for number in (0, 1, 2) for run in many.values()]
    assert len(set(seeds)) == len(seeds) == 3 * (4 * 3 + 3)
    assert all(0 < seed < 2**31 for seed in seeds)


def test_single_temperatures_have_a_number_of_runs_of_their_own():
    sizes = SizeSettings(((1, 1, 1), (2, 1, 1)), 1000.0)
    runs = planned_runs([500, 800, 1000.0], 2, sizes, n_seeds_at={500.0: 3, 1000.0: 1})
    assert set(runs) == {
        "run_T500", "run_T500_s2", "run_T500_s3", "run_T800", "run_T800_s2", "run_T1000",
        "size_1x1x1_T1000", "size_1x1x1_T1000_s2", "size_2x1x1_T1000", "size_2x1x1_T1000_s2",
    }  # fmt: skip
    assert list(runs)[:5] == ["run_T500", "run_T800", "run_T1000", "run_T500_s2", "run_T800_s2"]
    without = planned_runs([500, 800, 1000.0], 3, sizes)
    assert all(without[name] == run for name, run in runs.items())


def test_numbers_of_runs_at_temperatures_are_read_as_stored_and_as_written():
    given = {500: 2, "1200": 3, 300.5: 1, 1234.5678: 4}
    assert seed_numbers(given) == {500.0: 2, 1200.0: 3, 300.5: 1, 1234.5678: 4}
    assert seed_numbers({}) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([500, 2], r"must hold temperatures in K and numbers of runs, as in \{500: 2\}, got \[500, 2\]"),
        ({"hot": 2}, "n_seeds_at: 'hot' is no temperature in K"),
        ({-5: 2}, "temperature -5 must be a positive number"),
        ({"nan": 2}, "temperature nan must be"),
        ({500: 0}, "n_seeds_at: 500 must be a positive"),
        ({500: 1.5}, "n_seeds_at: 500 must be a positive"),
        ({500: 2, "500.0": 3}, "holds 500 K twice"),
        ({500: 2, 500.0000001: 3}, "holds 500 K twice"),
        ({10**400: 2}, "is no temperature in K"),
    ],
)
def test_numbers_of_runs_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        seed_numbers(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"supercells": [[1, 1, 1]]}, "temperature_K belong together"),
        ({"temperature_K": 300}, "belong together"),
        ({"supercells": [[1, 1]], "temperature_K": 300}, "three multiples each, got"),
        ({"supercells": [[1, 1, 0]], "temperature_K": 300}, "supercells must be a positive"),
        ({"supercells": [[1, 1, 1], [1, 1, 1]], "temperature_K": 300}, "raise n_seeds"),
        ({"supercells": [[1, 1, 1]], "temperature_K": -1}, "temperature_K must be a positive number"),
        ({"supercell": [[1, 1, 1]]}, "unknown key 'supercell' in sizes"),
        ({"supercells": "all", "temperature_K": 300}, "must be a list such as"),
        ({"supercells": [[1, 1, 1]], "temperature_K": 300, "tolerance": 0}, "tolerance"),
    ],
)
def test_a_size_test_that_cannot_be_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        size_settings(given)
