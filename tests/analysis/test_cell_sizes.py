"""Plateau or correction: closed forms, rates of error over many synthetic series, invariances, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.cell_sizes import CONVERGED, DEPENDS, NOT_ASSESSED, UNDECIDED, compare_cell_sizes

SIZES = [50, 100, 200, 400, 900]


def verdicts(truth, relative_error, n_trials=300, seed=0):
    """Return the verdicts on many series that scatter about a truth."""
    generator = np.random.default_rng(seed)
    truth = np.asarray(truth, dtype=float)
    errors = relative_error * np.abs(truth)
    return [
        compare_cell_sizes(SIZES, truth + errors * generator.normal(size=len(truth)), errors) for _ in range(n_trials)
    ]


def test_equal_values_have_converged_from_the_smallest_cell():
    test = compare_cell_sizes(SIZES, [2.0] * 5, [0.1] * 5)
    assert (test.verdict, test.converged_from, test.p_value) == (CONVERGED, 50, 1.0)
    assert test.plateau.value == pytest.approx(2.0)
    assert test.plateau.stderr == pytest.approx(0.1 / 5**0.5)
    assert test.slope.value == pytest.approx(0.0, abs=1e-10)
    assert test.p_trend == pytest.approx(1.0, abs=1e-6)


def test_an_exact_correction_is_found():
    test = compare_cell_sizes(SIZES, [3.0 - 40.0 / n for n in SIZES], [0.02] * 5)
    assert test.verdict == DEPENDS
    assert test.limit.value == pytest.approx(3.0)
    assert test.slope.value == pytest.approx(-40.0)


def test_a_small_cell_apart_from_a_plateau_is_named():
    test = compare_cell_sizes(SIZES, [1.0, 2.0, 2.02, 1.98, 2.0], [0.03] * 5)
    assert (test.verdict, test.converged_from) == (CONVERGED, 100)
    assert test.plateau.value == pytest.approx(2.0, abs=0.01)


def test_a_plateau_is_seldom_taken_for_a_dependence():
    found = [test.verdict for test in verdicts([2.0] * 5, 0.05)]
    assert found.count(DEPENDS) <= 0.12 * len(found)  # two tests at about 5 % each


def test_the_limit_is_covered_by_its_interval():
    found = verdicts([3.0 - 60.0 / n for n in SIZES], 0.03)
    covered = np.mean([abs(test.limit.value - 3.0) < 1.96 * test.limit.stderr for test in found])
    assert 0.91 < covered < 0.985


def test_wide_errors_say_nothing():
    assert compare_cell_sizes(SIZES, [2.0, 2.1, 1.9, 2.0, 2.0], [0.6] * 5).verdict == UNDECIDED


def test_largest_cells_that_differ_have_no_plateau():
    test = compare_cell_sizes(SIZES, [1.0, 1.2, 1.5, 2.0, 3.0], [0.05] * 5)
    assert (test.verdict, test.converged_from) == (DEPENDS, None)


def test_order_and_unit_do_not_matter():
    values, errors = [1.0, 1.9, 2.1, 2.0, 2.05], [0.1, 0.1, 0.05, 0.05, 0.04]
    one = compare_cell_sizes(SIZES, values, errors)
    order = [3, 0, 4, 1, 2]
    other = compare_cell_sizes(
        [SIZES[k] for k in order], [1e-9 * values[k] for k in order], [1e-9 * errors[k] for k in order]
    )
    assert (one.verdict, one.converged_from) == (other.verdict, other.converged_from)
    assert other.plateau.value == pytest.approx(1e-9 * one.plateau.value)
    assert other.p_trend == pytest.approx(one.p_trend)


def test_runs_of_one_size_are_averaged_by_their_errors():
    test = compare_cell_sizes([50, 50, 100, 200], [1.0, 2.0, 1.2, 1.2], [0.1, 0.2, 0.1, 0.1])
    assert test.n_atoms == (50, 100, 200)
    assert test.values[0].value == pytest.approx((1.0 / 0.01 + 2.0 / 0.04) / (1 / 0.01 + 1 / 0.04))


def test_two_sizes_are_not_assessed():
    test = compare_cell_sizes([50, 100], [1.0, 2.0], [0.1, 0.1])
    assert test.verdict == NOT_ASSESSED
    assert "limit" not in test.as_dict()


@pytest.mark.parametrize(
    ("sizes", "values", "errors", "word"),
    [
        ([], [], [], "as many"),
        ([50, 100], [1.0], [0.1, 0.1], "as many"),
        ([0, 100], [1.0, 1.0], [0.1, 0.1], "number of atoms"),
        ([50, 100], [np.nan, 1.0], [0.1, 0.1], "value"),
        ([50, 100], [1.0, 1.0], [0.0, 0.1], "standard error"),
    ],
)
def test_bad_input_is_one_line(sizes, values, errors, word):
    with pytest.raises(ValueError, match=word) as caught:
        compare_cell_sizes(sizes, values, errors)
    assert "\n" not in str(caught.value)
