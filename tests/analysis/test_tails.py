"""Quantiles and tails against closed forms and SciPy's distributions."""

import math

import pytest
from scipy import stats

from aiida_concerted.analysis.tails import chi_square_quantile, chi_square_survival, student_quantile


@pytest.mark.parametrize("probability", [0.025, 0.5, 0.975, 1 - 1e-9])
def test_closed_forms(probability):
    # Two degrees of freedom are an exponential distribution, one of Student's t a Cauchy distribution.
    assert chi_square_quantile(probability, 2) == pytest.approx(-2 * math.log1p(-probability), rel=1e-12)
    assert student_quantile(probability, 1) == pytest.approx(math.tan(math.pi * (probability - 0.5)), rel=1e-6)
    assert chi_square_survival(3.0, 2) == pytest.approx(math.exp(-1.5), rel=1e-14)


@pytest.mark.parametrize("n_freedom", [1, 2, 7, 40, 20_000])
@pytest.mark.parametrize("probability", [1e-6, 0.025, 0.5, 0.95, 0.999])
def test_the_numbers_are_those_of_scipy_stats(probability, n_freedom):
    quantile = chi_square_quantile(probability, n_freedom)
    assert quantile == stats.chi2.ppf(probability, n_freedom)
    assert chi_square_survival(quantile, n_freedom) == stats.chi2.sf(quantile, n_freedom)
    assert student_quantile(probability, n_freedom) == stats.t.ppf(probability, n_freedom)
