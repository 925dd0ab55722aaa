"""Quantiles and tails of the χ² and Student's t distributions.

They are SciPy's own formulas on ``scipy.special``: ``scipy.stats`` gives the same numbers and takes the better part of
a second to import, in every process that only reads settings.
"""

from __future__ import annotations

from scipy.special import chdtrc, gammaincinv, stdtrit


def chi_square_quantile(probability: float, n_freedom: int) -> float:
    """Return the value that a χ² of so many degrees of freedom stays below with this probability."""
    return 2.0 * float(gammaincinv(0.5 * n_freedom, probability))


def chi_square_survival(value: float, n_freedom: int) -> float:
    """Return the probability that a χ² of so many degrees of freedom exceeds a value."""
    return float(chdtrc(n_freedom, value))


def student_quantile(probability: float, n_freedom: int) -> float:
    """Return the value that Student's t of so many degrees of freedom stays below with this probability."""
    return float(stdtrit(n_freedom, probability))
